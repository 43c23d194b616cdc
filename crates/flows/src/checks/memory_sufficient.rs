//! `memory-sufficient`: neither the container's limit nor the machine's memory was exceeded.

use report::{CheckId, Finding, Unit};

use super::{fail, pass, unknown};
use crate::doctor::{Memory, Patient, cause};

pub(crate) const ID: CheckId = CheckId("memory-sufficient");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let cause = cause(&patient.autopsy, patient.kernel());
    let memory = &patient.autopsy.memory;
    let finding = match cause.memory {
        Memory::LimitReached | Memory::MachineFull => fail(ID, format!("it {}", cause.what)).hint(cause.hint),
        Memory::Unknown if !patient.has_kernel_log || !patient.kills.is_empty() => {
            let reason = "only the kernel's log tells whether memory had run out, and when";
            unknown(ID, "it was killed, and not through the engine", reason).hint(cause.hint)
        }
        Memory::Unknown => pass(ID, "it was killed, and the kernel's log names no lack of memory"),
        Memory::Enough => pass(ID, "no sign of a lack of memory"),
    };
    let figures = [("limit", memory.limit), ("peak with page cache", memory.peak), ("machine", patient.machine.memory)];
    let known = figures.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    known.fold(finding, |finding, (name, bytes)| finding.measure(name, bytes as f64, Unit::Bytes))
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::OutOfMemory;

    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn only_what_was_seen_is_blamed_on_memory() {
        let of = |oom_killed, log: Option<Option<bool>>| {
            judged(judge, |patient| {
                let state = &mut patient.autopsy.state;
                (state.status, state.exit_code, state.oom_killed) = ("exited".into(), Some(137), oom_killed);
                patient.has_kernel_log = log.is_some();
                let (process, at) = ("python3".to_owned(), Some(jiff::Timestamp::UNIX_EPOCH));
                let kill = |of_machine| OutOfMemory { container: None, of_machine, process, pid: 1, at };
                patient.kills = log.flatten().map(kill).into_iter().collect();
            })
        };
        assert_eq!(of(true, None).0, "fail");
        assert_eq!(of(false, None).0, "unknown", "137 alone proves nothing");
        assert_eq!(of(false, Some(None)).0, "pass");
        assert!(of(false, Some(Some(true))).1.summary.contains("the machine had no memory left"));
        assert_eq!(judged(judge, |_| {}).0, "pass");
    }
}
