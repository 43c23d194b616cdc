//! What ended a container, or kept it from starting.

use docker_ops::autopsy::{Autopsy, KernelLog, KernelTime, OutOfMemory, StartFault};
use jiff::{SignedDuration, Timestamp};

use super::life::{Lack, Life, is_up};

/// What ended a container, and the command that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// In one sentence, without its subject.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: String,
    /// Whether memory had run out, as far as that is known.
    pub(crate) memory: Memory,
}

/// Whether memory had run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// No sign of it.
    Enough,
    /// The container's own limit was reached.
    LimitReached,
    /// The machine as a whole had none left.
    MachineFull,
    /// It was killed, and nobody saw by whom.
    Unknown,
}

const UP: &str = "start it again with `genai-stack up`";
const LOG: &str = "see its log: `genai-stack logs`";
const LOOK: &str = "see in the kernel's log what it killed then; if it was this container's, raise `memory` in `[stack]`, or give the \
    machine more memory or swap";
/// What the kernel kills has ended by then, however busy the machine is.
const KILLED: SignedDuration = SignedDuration::from_mins(1);
/// A line of now, so that the log surely goes on until now; and the log in the form that says the time of day itself.
const ASK_KERNEL: &str = "ask the kernel: `echo asked | sudo tee /dev/kmsg`, `sudo journalctl -k -o short-iso > kernel.log` (without systemd \
    `sudo dmesg > kernel.log`), then `genai-stack doctor --kernel-log kernel.log`";

/// From the strongest evidence to the weakest: the engine's own words, the kernel's (its `log` of this container, if it was given), events,
/// and last the exit code.
pub(crate) fn cause(autopsy: &Autopsy, log: Option<&KernelLog>) -> Cause {
    let state = &autopsy.state;
    if let Some(fault) = &state.start_fault {
        return of_start(fault, autopsy);
    }
    let life = Life::of(autopsy);
    let lack = life.lack(log.map_or(&[], |log| &log.kills));
    let by_engine = life.events.iter().rev().find(|event| event.name == "kill" && event.signal.is_some());
    let killed = by_engine.filter(|event| matches!(event.signal.as_deref(), Some("9" | "SIGKILL" | "KILL")));
    let lacked = match lack.as_ref().map(|lack| lack.of_machine) {
        Some(true) => "since the machine had no memory left".to_owned(),
        _ => format!("since it reached its memory limit{}", limit(autopsy)),
    };
    // What runs need not be started.
    let again = if is_up(state) { LOG } else { UP };
    let (what, hint) = match life.code {
        None if life.goes_on => ("runs".to_owned(), again),
        None if state.started_at.is_none() && !life.events.iter().any(|event| matches!(event.name.as_str(), "start" | "die")) => {
            ("was never started".to_owned(), "start it with `genai-stack up`")
        }
        None => ("ended, and the engine knows no more how".to_owned(), LOG),
        // Whatever else was killed before, this was the end.
        Some(137) if killed.is_some_and(|kill| lack.as_ref().is_none_or(|lack| lack.at.is_some_and(|at| at < kill.at))) => {
            ("was killed through the engine: by `kill`, or by `stop` once its time was up".to_owned(), again)
        }
        Some(137) => match lack {
            Some(lack) => {
                let what = format!("was killed by the kernel, {lacked} (exit code 137)");
                return Cause { what, hint: for_memory(&lack).to_owned(), memory: of_memory(&lack) };
            }
            None => return unseen(log, &life),
        },
        Some(143) if by_engine.is_some() => ("was stopped (SIGTERM)".to_owned(), again),
        Some(143) if life.is_remembered => {
            ("was ended by a signal: SIGTERM, not through the engine (exit code 143)".to_owned(), LOG)
        }
        Some(143) => {
            let what =
                "was ended by a signal: SIGTERM (exit code 143); the engine no longer knows whether through it, as by `stop`";
            (what.to_owned(), again)
        }
        Some(0) => ("ended by itself without an error".to_owned(), again),
        Some(126) => ("ended with exit code 126: a program may not be run".to_owned(), LOG),
        Some(127) => ("ended with exit code 127: a program is not in the image".to_owned(), LOG),
        Some(code @ 129..=192) => (format!("was ended by a signal: {} (exit code {code})", signal(code - 128)), LOG),
        Some(code) => (format!("ended with exit code {code}"), LOG),
    };
    match lack {
        // Not what ended it; but what is killed in it may be what ComfyUI needs.
        Some(lack) => Cause {
            what: format!("{what}; before, the kernel killed a process of it, {lacked}"),
            hint: for_memory(&lack).to_owned(),
            memory: of_memory(&lack),
        },
        None => Cause { what, hint: hint.to_owned(), memory: Memory::Enough },
    }
}

/// Exit code 137 of which nobody says where it comes from.
fn unseen(log: Option<&KernelLog>, life: &Life<'_>) -> Cause {
    let end = life.to;
    let (what, hint, memory) = match log {
        None => ("the machine may have run out of memory, or somebody killed it", ASK_KERNEL, Memory::Unknown),
        Some(log) if log.kills.iter().any(|kill| kill.group.is_some()) => (
            "the kernel's log tells of a lack of memory in it at another time, or without saying when",
            ASK_KERNEL,
            Memory::Unknown,
        ),
        Some(log) if log.kills.iter().any(|kill| may_be(kill, end)) => {
            ("the kernel's log tells of a lack of memory about then, and not whose process it killed", LOOK, Memory::Unknown)
        }
        Some(log) if end.is_some_and(|end| log.covers(end)) => match life.is_remembered {
            true => ("somebody on its machine killed it, since the kernel's log names no lack of memory", UP, Memory::Enough),
            false => ("somebody killed it, since the kernel's log names no lack of memory", UP, Memory::Enough),
        },
        Some(_) => ("the kernel's log that was given does not surely hold that moment", ASK_KERNEL, Memory::Unknown),
    };
    let by = match life.is_remembered {
        true => "and not through the engine",
        false => "and the engine no longer knows whether through it",
    };
    Cause { what: format!("was killed (exit code 137), {by}: {what}"), hint: hint.to_owned(), memory }
}

/// Whether a kill may have come just before `end`.
fn may_be(kill: &OutOfMemory, end: Option<Timestamp>) -> bool {
    let is_near = |(time, end): (KernelTime, Timestamp)| {
        time.earliest() <= end && time.latest().saturating_add(KILLED).is_ok_and(|latest| latest >= end)
    };
    kill.at.zip(end).is_none_or(is_near)
}

fn of_memory(lack: &Lack) -> Memory {
    if lack.of_machine { Memory::MachineFull } else { Memory::LimitReached }
}

fn for_memory(lack: &Lack) -> &'static str {
    match lack.of_machine {
        true => "set `memory` in `[stack]` below what the machine has, or give the machine more memory or swap",
        false => {
            "raise `memory` in `[stack]`, or let ComfyUI keep less with `--cache-none` or `--lowvram`; then `genai-stack up`"
        }
    }
}

fn limit(autopsy: &Autopsy) -> String {
    autopsy.memory.limit.map_or_else(String::new, |limit| format!(" of {} MiB", limit >> 20))
}

fn signal(number: i64) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL, a processor that lacks what the program was built for",
        6 => "SIGABRT",
        7 => "SIGBUS, often a full /dev/shm: raise `shm` in `[stack]`",
        8 => "SIGFPE",
        11 => "SIGSEGV, a crash in native code",
        _ => "one that programs seldom get",
    }
}

fn of_start(fault: &StartFault, autopsy: &Autopsy) -> Cause {
    let port = autopsy.ports.iter().find(|port| port.taken_by.is_some()).or(autopsy.ports.first());
    let (what, hint) = match fault {
        StartFault::PortTaken(_) => match port {
            Some(port) if port.taken_by.is_some() => (
                format!("port {} of the host is taken by container `{}`", port.host, port.taken_by.as_deref().unwrap_or_default()),
                "stop that container, or choose another `port` in `[stack]`; then `genai-stack up`".to_owned(),
            ),
            port => (
                "a port of the host is taken by another program".to_owned(),
                format!("see which: `ss -ltnp 'sport = :{}'`; or choose another `port` in `[stack]`", port.map_or("PORT", |port| &port.host)),
            ),
        },
        StartFault::NoGpuDriver(_) => (
            "the engine has no way to hand over a card".to_owned(),
            "install the NVIDIA Container Toolkit, then restart the engine, which looks for it only at its start: `sudo systemctl restart docker`"
                .to_owned(),
        ),
        StartFault::GpuHook(_) => (
            "handing over the card failed".to_owned(),
            "see whether the driver answers on the host: `nvidia-smi`; after an upgrade of the driver, reboot".to_owned(),
        ),
        StartFault::ProgramMissing(_) => {
            ("its program is not in the image".to_owned(), "correct `command` in `[stack]`; then `genai-stack up`".to_owned())
        }
        StartFault::ProgramRefused(_) => {
            ("its program may not be run".to_owned(), "make it executable in the image, or correct `command` in `[stack]`".to_owned())
        }
        StartFault::ProgramForeign(_) => {
            ("its program is for another processor".to_owned(), "take an image for this machine; then `genai-stack up`".to_owned())
        }
        StartFault::MountMissing(_) => {
            ("what it should see of the host is not there".to_owned(), "make the folder that the engine names; then `genai-stack up`".to_owned())
        }
        StartFault::MountMismatch(_) => (
            "a file would be mounted over a folder, or a folder over a file".to_owned(),
            "mount folders only; then `genai-stack up`".to_owned(),
        ),
        StartFault::UserMissing(_) => {
            ("its user is not in the image".to_owned(), "give `user` in `[stack]` as a number; then `genai-stack up`".to_owned())
        }
        StartFault::NetworkMissing(_) => ("its network is gone".to_owned(), "make it anew: `genai-stack up`".to_owned()),
        StartFault::NoSpace(_) => ("the disk is full".to_owned(), "see what fills it: `docker system df`, `df -h`".to_owned()),
        StartFault::NoPermission(_) => ("something was refused to the engine".to_owned(), "see the engine's own words".to_owned()),
        _ => ("the engine could not start it".to_owned(), "see the engine's own words".to_owned()),
    };
    Cause { what: format!("could not be started: {what}"), hint, memory: Memory::Enough }
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::{LifeEvent, State};

    use super::*;

    fn dead(code: i64) -> Autopsy {
        let state = State { status: "exited".into(), exit_code: Some(code), ..State::default() };
        Autopsy { state, ..Autopsy::default() }
    }

    fn time(text: &str) -> Timestamp {
        format!("2026-01-02T{text}Z").parse().unwrap()
    }

    fn at(moment: &str, name: &str, signal: Option<&str>) -> LifeEvent {
        let at = time(moment).as_nanosecond().try_into().unwrap();
        LifeEvent { name: name.into(), signal: signal.map(str::to_owned), at, ..LifeEvent::default() }
    }

    fn event(name: &str, signal: Option<&str>) -> LifeEvent {
        at(IN_IT, name, signal)
    }

    fn kill(of_machine: bool, moment: &str) -> OutOfMemory {
        let at = Some(KernelTime { at: time(moment), drift: SignedDuration::ZERO });
        OutOfMemory { group: Some("/docker".into()), of_machine, pid: None, at }
    }

    /// A log of the whole day.
    fn log(kills: &[OutOfMemory]) -> Option<KernelLog> {
        let day = KernelLog::read("2026-01-02T00:00:00+0000 box kernel: a\n2026-01-02T23:00:00+0000 box kernel: b", None);
        Some(KernelLog { kills: kills.to_vec(), ..day })
    }

    const BEFORE: &str = "03:00:00";
    const IN_IT: &str = "03:59:59";

    /// From 03:30 to 04:00.
    fn timed(code: i64) -> Autopsy {
        let mut dead = dead(code);
        dead.state.started_at = Some(time("03:30:00").to_string());
        dead.state.finished_at = Some(time("04:00:00").to_string());
        dead.remembers_from = Some(time("03:00:00"));
        dead
    }

    #[test]
    fn a_kill_is_told_from_a_kill() {
        let memory = |autopsy: &Autopsy, kills: &[OutOfMemory]| cause(autopsy, log(kills).as_ref()).memory;
        assert_eq!(cause(&timed(137), None).memory, Memory::Unknown, "nobody saw who did it");
        assert!(cause(&timed(137), None).hint.contains("--kernel-log"));
        let by_somebody = cause(&timed(137), log(&[]).as_ref());
        assert!(by_somebody.what.contains("somebody on its machine killed it") && by_somebody.memory == Memory::Enough);
        let later = KernelLog::read("2026-01-02T04:30:00+0000 box kernel: a", None);
        let wrapped = cause(&timed(137), Some(&later));
        assert!(wrapped.memory == Memory::Unknown && wrapped.what.contains("does not surely hold that moment"), "{wrapped:?}");
        assert_eq!(memory(&timed(137), &[kill(true, IN_IT)]), Memory::MachineFull);
        assert_eq!(memory(&timed(137), &[kill(false, BEFORE), kill(false, IN_IT)]), Memory::LimitReached);
        let vague = OutOfMemory { at: None, ..kill(false, IN_IT) };
        for other in [kill(false, BEFORE), kill(false, "05:00:00"), vague] {
            let other = [other];
            assert_eq!(memory(&timed(137), &other), Memory::Unknown, "{other:?}: not of this life for sure");
            assert_eq!(memory(&timed(1), &other), Memory::Enough, "{other:?}");
        }
        // Of whom the kernel didn't say whose it was: it blames nobody, and clears nobody of what happened about then.
        let nameless = |moment| OutOfMemory { group: None, ..kill(true, moment) };
        assert!(cause(&timed(137), log(&[nameless(IN_IT)]).as_ref()).what.contains("not whose process"));
        assert_eq!(memory(&timed(137), &[OutOfMemory { at: None, ..nameless(IN_IT) }]), Memory::Unknown);
        assert_eq!(memory(&timed(137), &[nameless(BEFORE), nameless("04:05:00")]), Memory::Enough);
        assert_eq!(memory(&timed(1), &[nameless(IN_IT)]), Memory::Enough, "it ended in another way");
        let mut drifting = kill(false, "04:05:00");
        drifting.at.as_mut().unwrap().drift = SignedDuration::from_mins(7);
        assert_eq!(memory(&timed(137), &[drifting]), Memory::LimitReached, "the kernel's clock is off by days of drift");
        let by_engine = Autopsy { events: vec![event("start", None), event("kill", Some("9"))], ..timed(137) };
        assert_eq!(memory(&by_engine, &[kill(false, BEFORE)]), Memory::Enough);
        assert!(cause(&by_engine, None).what.contains("through the engine"));
        // A kill of the life before says nothing of this one.
        let earlier = Autopsy { events: vec![event("kill", Some("9")), event("start", None)], ..dead(137) };
        assert_eq!(cause(&earlier, None).memory, Memory::Unknown);
        let mut limited = timed(137);
        (limited.state.oom_killed, limited.memory.limit) = (true, Some(16 << 20));
        let cause = cause(&limited, None);
        assert!(cause.memory == Memory::LimitReached && cause.what.contains("of 16 MiB"), "{cause:?}");
    }

    #[test]
    fn a_childs_kill_is_told_and_is_not_the_end() {
        let mut stopped = timed(143);
        stopped.events = vec![event("start", None), event("oom", None), event("kill", Some("15"))];
        let told = |autopsy: &Autopsy, kills: &[OutOfMemory]| cause(autopsy, log(kills).as_ref()).what;
        assert_eq!(
            told(&stopped, &[]),
            "was stopped (SIGTERM); before, the kernel killed a process of it, since it reached its memory limit"
        );
        assert!(told(&timed(1), &[kill(false, IN_IT)]).starts_with("ended with exit code 1; before, the kernel killed"));
        let mut running = dead(0);
        (running.state.status, running.state.exit_code) = ("running".into(), None);
        running.events = vec![event("start", None), event("oom", None)];
        assert!(told(&running, &[]).starts_with("runs; before, the kernel killed"), "{}", told(&running, &[]));
        // Killed through the engine after that: the last one ended it.
        let mut after = timed(137);
        after.events = vec![at("03:30:01", "start", None), at("03:40:00", "oom", None), at("03:50:00", "kill", Some("9"))];
        assert!(told(&after, &[]).starts_with("was killed through the engine"), "{}", told(&after, &[]));
        after.events[1..].rotate_left(1);
        after.events[2].at = at("03:59:00", "oom", None).at;
        assert!(told(&after, &[]).starts_with("was killed by the kernel"), "{}", told(&after, &[]));
    }

    #[test]
    fn what_the_engine_forgot_may_have_come_through_it() {
        let mut forgot = timed(143);
        assert!(cause(&forgot, None).what.contains("not through the engine"));
        for from in [Some(time("03:59:30")), None] {
            forgot.remembers_from = from;
            let told = cause(&forgot, None).what;
            assert!(told.contains("no longer knows whether through it") && !told.contains("not through"), "{told}");
        }
        forgot.events = vec![event("start", None)];
        assert!(cause(&forgot, None).what.contains("not through the engine"), "the whole life is remembered");
        let killed = Autopsy { remembers_from: None, ..timed(137) };
        assert_eq!(
            cause(&killed, log(&[]).as_ref()).what,
            "was killed (exit code 137), and the engine no longer knows whether through it: somebody killed it, since the kernel's log \
             names no lack of memory"
        );
    }

    #[test]
    fn what_was_only_made_has_not_ended() {
        let mut made = dead(0);
        (made.state.status, made.state.exit_code) = ("created".into(), None);
        for events in [vec![], vec![event("create", None)]] {
            made.events = events;
            assert_eq!(cause(&made, None).what, "was never started");
        }
        made.events.push(event("die", None));
        assert!(cause(&made, None).what.contains("knows no more how"), "of one that ended it is not said");
    }

    #[test]
    fn codes_in_words() {
        let what = |code| cause(&dead(code), None).what;
        assert_eq!(what(0), "ended by itself without an error");
        assert_eq!(what(1), "ended with exit code 1");
        assert!(what(127).contains("not in the image") && what(139).contains("SIGSEGV"));
        let stopped = Autopsy { events: vec![event("kill", Some("15"))], ..dead(143) };
        assert_eq!(cause(&stopped, None).what, "was stopped (SIGTERM)");
    }
}
