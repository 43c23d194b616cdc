//! `memory-sufficient`: neither the container's limit nor the machine's memory was exceeded.

use docker_ops::autopsy::KernelLog;
use report::{CheckId, Finding, Unit};

use super::{fail, pass, unknown};
use crate::doctor::{Memory, Patient, cause};

pub(crate) const ID: CheckId = CheckId("memory-sufficient");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let cause = cause(&patient.autopsy, patient.kernel.as_ref());
    let memory = &patient.autopsy.memory;
    let finding = match cause.memory {
        Memory::LimitReached | Memory::MachineFull => fail(ID, format!("it {}", cause.what)).hint(cause.hint),
        Memory::Unknown => {
            let reason = "only the kernel's log of that moment tells whether memory had run out";
            unknown(ID, "it was killed, and nobody saw by whom", reason).hint(cause.hint)
        }
        Memory::Enough => pass(ID, "no sign of a lack of memory"),
    };
    let finding = match &patient.kernel {
        Some(KernelLog { from: Some(from), to: Some(to), .. }) => {
            let off = match to.drift.as_secs() {
                0 => String::new(),
                seconds => format!("; its clock may be {seconds} s off"),
            };
            finding.seen("the kernel's log", format!("from {:.0} to {:.0}{off}", from.at, to.at))
        }
        Some(_) => finding.seen("the kernel's log", "says no time in full"),
        None => finding,
    };
    let figures = [("limit", memory.limit), ("peak with page cache", memory.peak), ("machine", patient.machine.memory)];
    let known = figures.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    known.fold(finding, |finding, (name, bytes)| finding.measure(name, bytes as f64, Unit::Bytes))
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::{Boot, OutOfMemory};

    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn only_what_was_seen_is_blamed_on_memory() {
        let booted = "2025-12-31T04:00:00Z".parse().ok().map(|at| Boot { at, asleep: jiff::SignedDuration::ZERO });
        let of = |oom_killed, log: Option<&str>, of_machine: Option<bool>| {
            judged(judge, |patient| {
                let state = &mut patient.autopsy.state;
                (state.status, state.exit_code, state.oom_killed) = ("exited".into(), Some(137), oom_killed);
                state.finished_at = Some("2026-01-02T04:00:00Z".into());
                let mut log = log.map(|log| KernelLog::read(log, booted));
                if let (Some(log), Some(of_machine)) = (&mut log, of_machine) {
                    log.kills = vec![OutOfMemory { group: Some("/docker".into()), of_machine, pid: None, at: log.to }];
                }
                patient.kernel = log;
            })
        };
        let noted = "2026-01-01T00:00:00+0000 box kernel: a\n2026-01-02T04:00:00+0000 box kernel: b";
        assert_eq!(of(true, None, None).0, "fail");
        assert_eq!(of(false, None, None).0, "unknown", "137 alone proves nothing");
        assert_eq!(of(false, Some(noted), None).0, "pass");
        assert!(of(false, Some(noted), Some(true)).1.summary.contains("the machine had no memory left"));
        assert_eq!(judged(judge, |_| {}).0, "pass");
        // The kernel has thrown away what it wrote at that time; or its clock is too far off.
        for log in ["2026-01-02T05:00:00+0000 box kernel: a", "[172800.0] a\n[172800.0] b"] {
            let (outcome, finding) = of(false, Some(log), None);
            assert!(outcome == "unknown" && finding.hints[0].contains("journalctl -k -o short-iso"), "{log}: {finding:?}");
        }
        let seen = |log| of(false, Some(log), None).1.evidence.remove(0).value;
        assert_eq!(seen(noted), "from 2026-01-01T00:00:00Z to 2026-01-02T04:00:00Z");
        assert_eq!(seen("[172800.0] a"), "from 2026-01-02T04:00:00Z to 2026-01-02T04:00:00Z; its clock may be 86 s off");
        assert_eq!(seen("no time"), "says no time in full");
    }
}
