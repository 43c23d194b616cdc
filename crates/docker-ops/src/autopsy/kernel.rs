//! What the kernel's log says of processes that it killed for memory. Who may read the log gives its text.

use jiff::{SignedDuration, Timestamp};

use super::Boot;

/// The kernel's clock and the engine's differ by so much anyway: journald writes whole seconds.
const APART: SignedDuration = SignedDuration::from_secs(2);
/// And by one second in so many: a clock that the network sets right runs faster or slower by 500 millionths at most, the kernel's own as it
/// is.
const DRIFT: i32 = 2000;
/// All that a kernel writes of one kill, it writes within this time.
const ONE_KILL: SignedDuration = SignedDuration::from_mins(1);

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
    /// The control group that it belonged to, such as `/docker/ID`; none where the log doesn't say.
    pub group: Option<String>,
    /// Whether the machine as a whole had run out; else a limit was reached.
    pub of_machine: bool,
    /// The process's number, where the log says it.
    pub pid: Option<u32>,
    /// When; none where the line doesn't say it in full.
    pub at: Option<KernelTime>,
}

/// When a line of a kernel's log was written, as well as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTime {
    /// When, by the line.
    pub at: Timestamp,
    /// By so much the line may be wrong. The kernel counts from the start of the machine, drifts away from the time of day, and
    /// stands still while the machine sleeps; journald notes the time of day itself.
    pub drift: SignedDuration,
}

impl OutOfMemory {
    /// Whether a process of the container, or of one inside it, was killed; none where the log doesn't say whose it was.
    #[must_use]
    pub fn befell(&self, container: &str) -> Option<bool> {
        self.group.as_deref().map(|group| containers(group).any(|id| id == container))
    }

    /// Whether `other`, a line further down, tells of the same kill.
    fn goes_on_in(&self, other: &Self, is_new: bool) -> bool {
        let apart = self.at.zip(other.at).map(|(one, other)| other.at.duration_since(one.at).abs());
        let is_same = self.pid.is_none() || other.pid == self.pid || !is_new;
        is_same && apart.is_none_or(|apart| apart <= ONE_KILL)
    }
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
    /// was. A kernel that has much to tell, and one before 4.19, may not say whose process it killed.
    #[must_use]
    pub fn read(log: &str, booted: Option<Boot>) -> Self {
        let stamped = |line: &str| at(line, booted);
        Self { kills: kills(log, booted), from: log.lines().find_map(stamped), to: log.lines().rev().find_map(stamped) }
    }

    /// The same of one container's processes, and of those of which it doesn't say whose they were.
    #[must_use]
    pub fn of(&self, container: &str) -> Self {
        let may_be_its = |kill: &&OutOfMemory| kill.befell(container) != Some(false);
        Self { kills: self.kills.iter().filter(may_be_its).cloned().collect(), ..*self }
    }

    /// Whether a line of that time would stand in it: only then its absence says something. The end of a container may be the last of which
    /// the kernel tells.
    #[must_use]
    pub fn covers(&self, time: Timestamp) -> bool {
        let reaches = |to: KernelTime| to.earliest().saturating_add(2 * APART).is_ok_and(|to| to >= time);
        self.from.is_some_and(|from| from.latest() <= time) && self.to.is_some_and(reaches)
    }
}

/// Several lines tell of one kill; a kernel that has much to tell leaves some of them out.
fn kills(log: &str, booted: Option<Boot>) -> Vec<OutOfMemory> {
    let mut kills: Vec<OutOfMemory> = Vec::new();
    for (told, is_new) in log.lines().filter_map(|line| read(line, booted)) {
        match kills.last_mut() {
            Some(kill) if told.group.is_none() && kill.goes_on_in(&told, is_new) => kill.pid = kill.pid.or(told.pid),
            _ => kills.push(told),
        }
    }
    kills
}

/// What a line tells of a kill, and whether it may be the only one that does:
///
/// - `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/docker/ID,task_memcg=/docker/ID,task=python3,pid=12,uid=0`
/// - `Task in /docker/ID killed as a result of limit of /docker/ID`, before 4.19
/// - `Memory cgroup out of memory: Kill process 12 (python3) score 1000 or sacrifice child`, `Out of memory: Killed process 12 (python3)`
/// - `Killed process 13 (python3) total-vm:1kB`: 12 itself, or the child that was sacrificed
fn read(line: &str, booted: Option<Boot>) -> Option<(OutOfMemory, bool)> {
    let at = || at(line, booted);
    if let Some((_, fields)) = line.split_once("oom-kill:") {
        let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let of_machine = field("constraint")? != "CONSTRAINT_MEMCG";
        let (group, pid) = (field("task_memcg").map(str::to_owned), field("pid").and_then(|pid| pid.parse().ok()));
        return Some((OutOfMemory { group, of_machine, pid, at: at() }, true));
    }
    if let Some((group, _)) =
        line.split_once("Task in ").and_then(|(_, rest)| rest.split_once(" killed as a result of limit of "))
    {
        return Some((OutOfMemory { group: Some(group.to_owned()), of_machine: false, pid: None, at: at() }, true));
    }
    let (begin, process) = line.split_once("Killed process ").or_else(|| line.split_once("Kill process "))?;
    let pid = process.split([' ', ',']).next()?.parse().ok()?;
    let is_new = begin.contains("ut of memory");
    Some((OutOfMemory { group: None, of_machine: !begin.contains("Memory cgroup"), pid: Some(pid), at: at() }, is_new))
}

/// `[ 12.345678] ` and `2026-11-22T21:18:55,500000+00:00 ` are dmesg's: both count from the start of the machine, whatever they look like.
/// `2026-11-22T21:18:55+0000 box kernel: ` is journald's. One without a year or a zone says no time.
fn at(line: &str, booted: Option<Boot>) -> Option<KernelTime> {
    let line = line.trim_start();
    let (at, is_counted) = match line.strip_prefix('[') {
        Some(rest) => {
            let seconds = rest.split(']').next()?.trim().parse().ok()?;
            (booted?.at.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()?, true)
        }
        None => {
            let date = line.split_whitespace().next()?;
            (date.replace(',', ".").parse().ok()?, date.contains(','))
        }
    };
    let drift = match is_counted {
        true => at.duration_since(booted?.at).max(SignedDuration::ZERO) / DRIFT + booted?.asleep,
        false => SignedDuration::ZERO,
    };
    Some(KernelTime { at, drift })
}

/// The ids in a path such as `/docker/ID`, `/system.slice/docker-ID.scope` or `/docker/OUTER/docker/INNER`, outermost first.
pub(super) fn containers(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split(['/', '-', '.', ':']).filter(|part| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn booted(at: &str) -> Option<Boot> {
        Some(Boot { at: at.parse().unwrap(), asleep: SignedDuration::ZERO })
    }

    #[test]
    fn a_limit_and_a_machine() {
        let id = "0f".repeat(32);
        let log = format!(
            "[ 12.3] python3 invoked oom-killer: gfp_mask=0xcc0\n\
             [ 12.3] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={id},mems_allowed=0,oom_memcg=/docker/{id},task_memcg=/docker/{id},task=python3,pid=77,uid=0\n\
             [ 12.3] Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB\n\
             Jan 02 03:04:05 box kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/docker-{id}.scope,task=python3,pid=78,uid=0\n"
        );
        let booted = booted("2026-01-02T03:04:05Z");
        let kills = KernelLog::read(&log, booted).kills;
        assert_eq!(kills.len(), 2);
        let at = |kill: &OutOfMemory| kill.at.map(|time| time.at);
        let after = |milliseconds| booted?.at.checked_add(SignedDuration::from_millis(milliseconds)).ok();
        assert_eq!((at(&kills[0]), at(&kills[1])), (after(12_300), None), "the second has no year");
        assert_eq!(KernelLog::read(&log, None).kills[0].at, None);
        assert!(kills.iter().all(|kill| kill.befell(&id) == Some(true)));
        assert_eq!(
            kills.iter().map(|kill| (kill.of_machine, kill.pid)).collect::<Vec<_>>(),
            [(false, Some(77)), (true, Some(78))]
        );
    }

    /// Whether each kill was the container's, whether it was the machine's, and whom it hit.
    fn told(log: &str, container: &str) -> Vec<(Option<bool>, bool, Option<u32>)> {
        KernelLog::read(log, booted("1970-01-01T00:00:00Z"))
            .kills
            .iter()
            .map(|kill| (kill.befell(container), kill.of_machine, kill.pid))
            .collect()
    }

    #[test]
    fn a_kill_is_told_in_more_than_one_way() {
        let id = "0f".repeat(32);
        let limit = "[ 12.3] Memory cgroup out of memory: Kill process 4242 (python3) score 1000 or sacrifice child\n";
        let killed = "[ 12.3] Killed process 4242 (python3) total-vm:1kB, anon-rss:1kB\n";
        let task = format!("[ 12.3] Task in /docker/{id} killed as a result of limit of /docker/{id}\n");
        let own = [(Some(true), false, Some(4242))];
        assert_eq!(told(&format!("{task}[ 12.3] memory: usage 16384kB\n{limit}{killed}"), &id), own, "before 4.19");
        assert_eq!(told(&task, &id), [(Some(true), false, None)], "the rest was left out");
        assert_eq!(told(&format!("{limit}{killed}"), &id), [(None, false, Some(4242))], "nobody says whose it was");
        let child = "[ 12.3] Killed process 4243 (python3) total-vm:1kB\n";
        assert_eq!(told(&format!("{task}{limit}{child}"), &id), own, "the child was sacrificed");
        assert_eq!(told(child, &id), [(None, true, Some(4243))]);
        let machine = "[ 99.0] Out of memory: Killed process 7 (python3) total-vm:1kB\n";
        assert_eq!(told(&format!("{task}{limit}{machine}"), &id), [own[0], (None, true, Some(7))], "another kill");
        let later = format!("{task}{limit}{}", limit.replace("12.3", "99999.0"));
        assert_eq!(told(&later, &id).len(), 2, "numbers come again");
        let other = "1e".repeat(32);
        let log = KernelLog::read(&format!("{task}{limit}{machine}"), None);
        assert_eq!((log.of(&id).kills.len(), log.of(&other).kills.len()), (2, 1), "the machine's may be anybody's");
    }

    #[test]
    fn of_an_engine_in_a_container_both_are_meant() {
        let [outer, inner, other] = ["0f", "1e", "2d"].map(|two| two.repeat(32));
        let group = format!("/docker/{outer}/docker/{inner}");
        let kill = OutOfMemory { group: Some(group.clone()), of_machine: false, pid: None, at: None };
        assert_eq!([&outer, &inner, &other].map(|id| kill.befell(id)), [Some(true), Some(true), Some(false)]);
        assert_eq!(containers(&group).next_back(), Some(&*inner));
    }

    #[test]
    fn a_time_in_full_and_how_far_it_may_be_off() {
        let booted = booted("2026-11-12T21:18:55.5Z");
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
        let counted = KernelLog::read("[777600.0] a\n[810000.0] b\n", booted("2026-01-01T00:00:00Z"));
        assert!(!covered(&counted, "2026-01-10T00:06:00Z") && covered(&counted, "2026-01-10T00:07:00Z"));
        assert!(!covered(&counted, "2026-01-10T08:54:00Z") && covered(&counted, "2026-01-10T08:53:00Z"));
        // It slept for three hours, at whatever time.
        let asleep = SignedDuration::from_hours(3);
        let slept =
            KernelLog::read("[3600.0] a\n[72000.0] b\n", booted("2026-01-01T00:00:00Z").map(|boot| Boot { asleep, ..boot }));
        assert!(!covered(&slept, "2026-01-01T03:59:00Z") && covered(&slept, "2026-01-01T04:01:00Z"));
        assert!(!covered(&slept, "2026-01-01T17:01:00Z") && covered(&slept, "2026-01-01T16:59:00Z"));
        let vague = KernelLog::read("Jan 10 00:00:00 box kernel: a\n", None);
        assert!(!covered(&vague, "2026-01-10T00:00:02Z"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(log: String, begin: String) {
            let log = format!("{log}\n{begin}oom-kill:constraint=C,task=t,pid=1");
            prop_assert!(KernelLog::read(&log, booted("1970-01-01T00:00:00Z")).kills.len() <= log.lines().count());
        }
    }
}
