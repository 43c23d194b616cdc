//! What the kernel's log says of processes that it killed for memory. Who may read the log gives its text.

use jiff::{SignedDuration, Timestamp};

/// A process that the kernel killed since memory had run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfMemory {
    /// The container that it belonged to, by its 64 hexadecimal digits.
    pub container: Option<String>,
    /// Whether the machine as a whole had run out; else a limit was reached.
    pub of_machine: bool,
    /// The process's name.
    pub process: String,
    /// The process's number.
    pub pid: u32,
    /// When; none where the line doesn't say it in full. The kernel's clock is some tenths of a second off after half a day.
    pub at: Option<Timestamp>,
}

/// The kills of which a kernel's log tells, in the form of `dmesg` or `journalctl -k`, oldest first. Kernels before 4.19 name no
/// container. Seconds since the start of the machine need to know when that was.
#[must_use]
pub fn out_of_memory(log: &str, booted: Option<Timestamp>) -> Vec<OutOfMemory> {
    log.lines().filter_map(|line| read(line, booted)).collect()
}

/// `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/docker/ID,task_memcg=/docker/ID,task=python3,pid=12,uid=0`
fn read(line: &str, booted: Option<Timestamp>) -> Option<OutOfMemory> {
    let (begin, fields) = line.split_once("oom-kill:")?;
    let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    Some(OutOfMemory {
        container: field("task_memcg").and_then(container_of),
        of_machine: field("constraint")? != "CONSTRAINT_MEMCG",
        process: field("task")?.to_owned(),
        pid: field("pid")?.parse().ok()?,
        at: at(begin, booted),
    })
}

/// `[ 12.345678] `, or a date with its zone in the form of `dmesg --time-format iso` or `journalctl --output short-iso`. One without a
/// year or a zone says no time.
fn at(begin: &str, booted: Option<Timestamp>) -> Option<Timestamp> {
    let begin = begin.trim_start();
    if let Some(seconds) = begin.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        return booted?.checked_add(SignedDuration::try_from_secs_f64(seconds.trim().parse().ok()?).ok()?).ok();
    }
    begin.split_whitespace().next()?.replace(',', ".").parse().ok()
}

/// The id in a path such as `/docker/ID`, `/system.slice/docker-ID.scope` or `/machine.slice/libpod-ID.scope`.
pub(super) fn container_of(path: &str) -> Option<String> {
    path.split(['/', '-', '.'])
        .find(|part| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_and_a_machine() {
        let id = "0f".repeat(32);
        let log = format!(
            "[ 12.3] python3 invoked oom-killer: gfp_mask=0xcc0\n\
             [ 12.3] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={id},mems_allowed=0,oom_memcg=/docker/{id},task_memcg=/docker/{id},task=python3,pid=77,uid=0\n\
             [ 12.3] Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB\n\
             Jan 02 03:04:05 box kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/docker-{id}.scope,task=python3,pid=78,uid=0\n"
        );
        let booted = "2026-01-02T03:04:05Z".parse().unwrap();
        let kills = out_of_memory(&log, Some(booted));
        assert_eq!(kills.len(), 2);
        let at = |seconds| booted.checked_add(SignedDuration::from_millis(seconds)).ok();
        assert_eq!((kills[0].at, kills[1].at), (at(12_300), None), "the second has no year");
        assert_eq!(out_of_memory(&log, None)[0].at, None);
        assert!(kills.iter().all(|kill| kill.container.as_deref() == Some(&*id) && kill.process == "python3"));
        assert_eq!(kills.iter().map(|kill| (kill.of_machine, kill.pid)).collect::<Vec<_>>(), [(false, 77), (true, 78)]);
    }

    #[test]
    fn a_time_in_full() {
        let of = |begin: &str| at(begin, Some(Timestamp::UNIX_EPOCH)).map(|at| at.to_string());
        let some = Some("2026-11-22T21:18:55.5Z".to_owned());
        assert_eq!(of("2026-11-22T21:18:55,500000+00:00 "), some);
        assert_eq!(of("2026-11-22T22:18:55.5+0100 box kernel: "), some);
        assert_eq!(of("[   61.500000] ").as_deref(), Some("1970-01-01T00:01:01.5Z"));
        for vague in ["[Sun Nov 22 21:18:55 2026] ", "Nov 22 21:18:55 box kernel: ", "", "[", "[nan] ", "[1e300] "] {
            assert_eq!(of(vague), None, "{vague}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(log: String, begin: String) {
            let log = format!("{log}\n{begin}oom-kill:constraint=C,task=t,pid=1");
            prop_assert!(out_of_memory(&log, Some(Timestamp::UNIX_EPOCH)).len() <= log.lines().count());
        }
    }
}
