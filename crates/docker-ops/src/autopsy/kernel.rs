//! What the kernel's log says of processes that it killed for memory. Who may read the log gives its text.

use jiff::{SignedDuration, Timestamp};

/// The kernel's clock and the engine's differ by so much anyway: journald writes whole seconds.
const APART: SignedDuration = SignedDuration::from_secs(2);
/// And by one second in so many: a clock that the network sets right runs faster or slower by 500 millionths at most, the kernel's own as it
/// is.
const DRIFT: i32 = 2000;

/// What a kernel's log tells of memory that ran out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelLog {
    /// Who was killed, oldest first.
    pub kills: Vec<OutOfMemory>,
    /// When its first line was written that says so in full. What was before it the kernel may have thrown away.
    pub from: Option<KernelTime>,
    /// When its last line was written that says so in full.
    pub to: Option<KernelTime>,
}

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
    /// When; none where the line doesn't say it in full.
    pub at: Option<KernelTime>,
}

/// When a line of a kernel's log was written, as well as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTime {
    /// When, by the line.
    pub at: Timestamp,
    /// By so much the line may be wrong. The kernel counts from the start of the machine, and drifts away from the time of day; journald
    /// notes the time of day itself.
    pub drift: SignedDuration,
}

impl KernelTime {
    /// It was not before.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        self.at.saturating_sub(self.drift + APART).unwrap_or(Timestamp::MIN)
    }

    /// It was not after.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        self.at.saturating_add(self.drift + APART).unwrap_or(Timestamp::MAX)
    }
}

impl KernelLog {
    /// Reads a log in the form of `journalctl -k -o short-iso` or `dmesg`. What counts from the start of the machine needs to know when that
    /// was. Kernels before 4.19 name no container.
    #[must_use]
    pub fn read(log: &str, booted: Option<Timestamp>) -> Self {
        let stamped = |line: &str| at(line, booted);
        Self {
            kills: log.lines().filter_map(|line| read(line, booted)).collect(),
            from: log.lines().find_map(stamped),
            to: log.lines().rev().find_map(stamped),
        }
    }

    /// The same of one container's processes.
    #[must_use]
    pub fn of(&self, container: &str) -> Self {
        let is_its = |kill: &&OutOfMemory| kill.container.as_deref() == Some(container);
        Self { kills: self.kills.iter().filter(is_its).cloned().collect(), ..*self }
    }

    /// Whether a line of that time would stand in it: only then its absence says something. The end of a container may be the last of which
    /// the kernel tells.
    #[must_use]
    pub fn covers(&self, time: Timestamp) -> bool {
        let reaches = |to: KernelTime| to.earliest().saturating_add(2 * APART).is_ok_and(|to| to >= time);
        self.from.is_some_and(|from| from.latest() <= time) && self.to.is_some_and(reaches)
    }
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

/// `[ 12.345678] ` and `2026-11-22T21:18:55,500000+00:00 ` are dmesg's: both count from the start of the machine, whatever they look like.
/// `2026-11-22T21:18:55+0000 box kernel: ` is journald's. One without a year or a zone says no time.
fn at(line: &str, booted: Option<Timestamp>) -> Option<KernelTime> {
    let line = line.trim_start();
    let (at, is_counted) = match line.strip_prefix('[') {
        Some(rest) => {
            let seconds = rest.split(']').next()?.trim().parse().ok()?;
            (booted?.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()?, true)
        }
        None => {
            let date = line.split_whitespace().next()?;
            (date.replace(',', ".").parse().ok()?, date.contains(','))
        }
    };
    let drift = if is_counted { at.duration_since(booted?).max(SignedDuration::ZERO) / DRIFT } else { SignedDuration::ZERO };
    Some(KernelTime { at, drift })
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
        let kills = KernelLog::read(&log, Some(booted)).kills;
        assert_eq!(kills.len(), 2);
        let at = |kill: &OutOfMemory| kill.at.map(|time| time.at);
        let after = |milliseconds| booted.checked_add(SignedDuration::from_millis(milliseconds)).ok();
        assert_eq!((at(&kills[0]), at(&kills[1])), (after(12_300), None), "the second has no year");
        assert_eq!(KernelLog::read(&log, None).kills[0].at, None);
        assert!(kills.iter().all(|kill| kill.container.as_deref() == Some(&*id) && kill.process == "python3"));
        assert_eq!(kills.iter().map(|kill| (kill.of_machine, kill.pid)).collect::<Vec<_>>(), [(false, 77), (true, 78)]);
    }

    #[test]
    fn a_time_in_full_and_how_far_it_may_be_off() {
        let booted = "2026-11-12T21:18:55.5Z".parse().ok();
        let of = |begin: &str| at(begin, booted).map(|time| format!("{} ± {:#}", time.at, time.drift));
        let counted = Some("2026-11-22T21:18:55.5Z ± 7m 12s".to_owned());
        assert_eq!(of("[864000.000000] "), counted, "ten days after the start");
        assert_eq!(of("2026-11-22T21:18:55,500000+00:00 "), counted, "dmesg only draws it in another way");
        let noted = Some("2026-11-22T21:18:55Z ± 0s".to_owned());
        assert_eq!(of("2026-11-22T22:18:55+0100 box kernel: "), noted);
        assert_eq!(of("2026-11-22T22:18:55+01:00 box kernel: "), noted);
        let elsewhere = |begin: &str| at(begin, None).map(|time| time.drift);
        assert_eq!(elsewhere("2026-11-22T22:18:55+0100 box kernel: "), Some(SignedDuration::ZERO));
        assert_eq!(elsewhere("2026-11-22T21:18:55,500000+00:00 "), None, "nobody knows how far it may be off");
        for vague in
            ["[Sun Nov 22 21:18:55 2026] ", "Nov 22 21:18:55 box kernel: ", "", "[", "[nan] ", "[1e300] ", "-- Boot 1 --"]
        {
            assert_eq!(of(vague), None, "{vague}");
        }
    }

    #[test]
    fn only_what_a_log_would_hold_is_missing_in_it() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let noted = KernelLog::read(
            "-- Journal begins --\n2026-01-10T00:00:00+0000 box kernel: a\n2026-01-10T09:00:00+0000 box kernel: b\n",
            None,
        );
        let covered = |log: &KernelLog, at: &str| log.covers(time(at));
        assert!(covered(&noted, "2026-01-10T00:00:02Z") && covered(&noted, "2026-01-10T09:00:01.9Z"));
        assert!(!covered(&noted, "2026-01-10T00:00:01Z"), "what was there before may be thrown away");
        assert!(!covered(&noted, "2026-01-10T09:00:03Z"), "it was taken before");
        // The same of a machine that was started nine days before: 388 seconds more, either way.
        let counted = KernelLog::read("[777600.0] a\n[810000.0] b\n", Some(time("2026-01-01T00:00:00Z")));
        assert!(!covered(&counted, "2026-01-10T00:06:00Z") && covered(&counted, "2026-01-10T00:07:00Z"));
        assert!(!covered(&counted, "2026-01-10T08:54:00Z") && covered(&counted, "2026-01-10T08:53:00Z"));
        let vague = KernelLog::read("Jan 10 00:00:00 box kernel: a\n", None);
        assert!(!covered(&vague, "2026-01-10T00:00:02Z"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(log: String, begin: String) {
            let log = format!("{log}\n{begin}oom-kill:constraint=C,task=t,pid=1");
            prop_assert!(KernelLog::read(&log, Some(Timestamp::UNIX_EPOCH)).kills.len() <= log.lines().count());
        }
    }
}
