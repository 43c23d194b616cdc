//! What ended a container, or kept it from starting.

use docker_ops::autopsy::{Autopsy, LifeEvent, OutOfMemory, StartFault, State};
use jiff::{SignedDuration, Timestamp};

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
/// The kernel's clock and the engine's differ by so much; measured were tenths of a second after half a day.
const APART: SignedDuration = SignedDuration::from_secs(2);

/// From the strongest evidence to the weakest: the engine's own words, the kernel's (`kills`, if its log was given), events, and last the
/// exit code.
pub(crate) fn cause(autopsy: &Autopsy, kills: Option<&[OutOfMemory]>) -> Cause {
    let state = &autopsy.state;
    if let Some(fault) = &state.start_fault {
        return of_start(fault, autopsy);
    }
    let life = Life::of(autopsy);
    let lack = life.lack(kills.unwrap_or_default());
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
        None if life.events.is_empty() && state.started_at.is_none() => ("was never started".to_owned(), again),
        None => ("ended, and the engine knows no more how".to_owned(), LOG),
        // Whatever else was killed before, this was the end.
        Some(137) if killed.is_some_and(|kill| lack.as_ref().is_none_or(|lack| lack.at.is_some_and(|at| at < kill.at))) => {
            ("was killed through the engine: by `kill`, or by `stop` once its time was up".to_owned(), again)
        }
        Some(137) => match lack {
            Some(lack) => {
                let what = format!("was killed by the kernel, {lacked} (exit code 137)");
                return Cause { what, hint: lack.hint().to_owned(), memory: lack.memory() };
            }
            None => return unseen(kills),
        },
        Some(143) if by_engine.is_some() => ("was stopped (SIGTERM)".to_owned(), again),
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
            hint: lack.hint().to_owned(),
            memory: lack.memory(),
        },
        None => Cause { what, hint: hint.to_owned(), memory: Memory::Enough },
    }
}

fn is_up(state: &State) -> bool {
    matches!(state.status.as_str(), "running" | "paused")
}

/// Exit code 137 of which nobody says where it comes from.
fn unseen(kills: Option<&[OutOfMemory]>) -> Cause {
    let what = match kills {
        None => "the machine may have run out of memory, or somebody killed it",
        Some([]) => "somebody on its machine killed it, since the kernel's log names no lack of memory",
        Some(_) => "the kernel's log tells of a lack of memory in it at another time, or without saying when",
    };
    let hint = match kills {
        Some([]) => UP,
        _ => "ask the kernel: `sudo dmesg --time-format iso > kernel.log`, then `genai-stack doctor --kernel-log kernel.log`",
    };
    let what = format!("was killed (exit code 137), and not through the engine: {what}");
    Cause { what, hint: hint.to_owned(), memory: Memory::Unknown }
}

/// The life whose end is told: the last one, or the one before if the engine started the container again since.
struct Life<'a> {
    events: &'a [LifeEvent],
    /// The code of its end; none if it is not over, or nobody remembers.
    code: Option<i64>,
    goes_on: bool,
    oom_killed: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// A lack of memory in that life.
struct Lack {
    of_machine: bool,
    /// Nanoseconds since 1970, where that is known.
    at: Option<i64>,
}

impl<'a> Life<'a> {
    fn of(autopsy: &'a Autopsy) -> Self {
        let (state, events) = (&autopsy.state, &autopsy.events);
        let time = |text: &Option<String>| text.as_ref()?.parse::<Timestamp>().ok();
        let start = |events: &[LifeEvent]| events.iter().rposition(|event| event.name == "start");
        let last = start(events).unwrap_or(0);
        let is_up = is_up(state);
        if !is_up || state.restarts == 0 {
            let (from, to) = (time(&state.started_at), time(&state.finished_at).filter(|_| !is_up));
            let code = state.exit_code.filter(|_| !is_up);
            return Life { events: &events[last..], code, goes_on: is_up, oom_killed: state.oom_killed, from, to };
        }
        // An engine forgets the code when it starts the container again; its event may still be there.
        let before = start(&events[..last]).unwrap_or(0);
        let code = events[before..last].iter().rev().find_map(|event| event.exit_code);
        let from = events.get(before).filter(|event| event.name == "start");
        let from = from.and_then(|start| Timestamp::from_nanosecond(start.at.into()).ok()).or(time(&state.finished_at));
        Life { events: &events[before..], code, goes_on: false, oom_killed: state.oom_killed, from, to: None }
    }

    /// A kill of another life is none of this one.
    fn lack(&self, kills: &[OutOfMemory]) -> Option<Lack> {
        let is_in = |at: &Timestamp| {
            self.from.is_none_or(|from| at.duration_since(from) >= -APART)
                && self.to.is_none_or(|to| at.duration_since(to) <= APART)
        };
        let nanoseconds = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok();
        let seen = kills.iter().rev().find_map(|kill| Some((kill.of_machine, kill.at.filter(is_in)?)));
        if let Some((of_machine, at)) = seen {
            return Some(Lack { of_machine, at: nanoseconds(at) });
        }
        let event = self.events.iter().rev().find(|event| event.name == "oom");
        (self.oom_killed || event.is_some()).then(|| Lack { of_machine: false, at: event.map(|event| event.at) })
    }
}

impl Lack {
    fn memory(&self) -> Memory {
        if self.of_machine { Memory::MachineFull } else { Memory::LimitReached }
    }

    fn hint(&self) -> &'static str {
        match self.of_machine {
            true => "set `memory` in `[stack]` below what the machine has, or give the machine more memory or swap",
            false => {
                "raise `memory` in `[stack]`, or let ComfyUI keep less with `--cache-none` or `--lowvram`; then `genai-stack up`"
            }
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
        15 => "SIGTERM, not through the engine",
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
    use super::*;

    fn dead(code: i64) -> Autopsy {
        let state = State { status: "exited".into(), exit_code: Some(code), ..State::default() };
        Autopsy { state, ..Autopsy::default() }
    }

    fn event(name: &str, signal: Option<&str>) -> LifeEvent {
        LifeEvent { name: name.into(), signal: signal.map(str::to_owned), ..LifeEvent::default() }
    }

    fn kill(of_machine: bool, at: &str) -> OutOfMemory {
        OutOfMemory { container: None, of_machine, process: "python3".into(), pid: 1, at: at.parse().ok() }
    }

    const BEFORE: &str = "2026-01-02T03:00:00Z";
    const IN_IT: &str = "2026-01-02T03:59:59Z";

    /// From 03:30 to 04:00.
    fn timed(code: i64) -> Autopsy {
        let mut dead = dead(code);
        dead.state.started_at = Some("2026-01-02T03:30:00Z".into());
        dead.state.finished_at = Some("2026-01-02T04:00:00Z".into());
        dead
    }

    #[test]
    fn a_kill_is_told_from_a_kill() {
        let memory = |autopsy: &Autopsy, kills: &[OutOfMemory]| cause(autopsy, Some(kills)).memory;
        assert_eq!(memory(&timed(137), &[]), Memory::Unknown, "nobody saw who did it");
        assert!(cause(&timed(137), None).hint.contains("--kernel-log"));
        assert!(cause(&timed(137), Some(&[])).what.contains("somebody on its machine killed it"));
        assert_eq!(memory(&timed(137), &[kill(true, IN_IT)]), Memory::MachineFull);
        assert_eq!(memory(&timed(137), &[kill(false, BEFORE), kill(false, IN_IT)]), Memory::LimitReached);
        for vague in [BEFORE, "2026-01-02T05:00:00Z", "Jan 02 03:59:59"] {
            assert_eq!(memory(&timed(137), &[kill(false, vague)]), Memory::Unknown, "{vague}: not of this life for sure");
            assert_eq!(memory(&timed(1), &[kill(false, vague)]), Memory::Enough, "{vague}");
        }
        let by_engine = Autopsy { events: vec![event("start", None), event("kill", Some("9"))], ..timed(137) };
        assert_eq!(memory(&by_engine, &[kill(false, BEFORE)]), Memory::Enough);
        assert!(cause(&by_engine, None).what.contains("through the engine"));
        // A kill of the life before says nothing of this one.
        let earlier = Autopsy { events: vec![event("kill", Some("9")), event("start", None)], ..timed(137) };
        assert_eq!(memory(&earlier, &[]), Memory::Unknown);
        let mut limited = timed(137);
        (limited.state.oom_killed, limited.memory.limit) = (true, Some(16 << 20));
        let cause = cause(&limited, None);
        assert!(cause.memory == Memory::LimitReached && cause.what.contains("of 16 MiB"), "{cause:?}");
    }

    #[test]
    fn a_childs_kill_is_told_and_is_not_the_end() {
        let mut stopped = timed(143);
        stopped.events = vec![event("start", None), event("oom", None), event("kill", Some("15"))];
        let told = |autopsy: &Autopsy, kills: &[OutOfMemory]| cause(autopsy, Some(kills)).what;
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
        let at = |name: &str, signal, at| LifeEvent { at, ..event(name, signal) };
        after.events = vec![at("start", None, 1), at("oom", None, 2), at("kill", Some("9"), 3)];
        assert!(told(&after, &[]).starts_with("was killed through the engine"), "{}", told(&after, &[]));
        after.events.swap(1, 2);
        after.events[2].at = 4;
        assert!(told(&after, &[]).starts_with("was killed by the kernel"), "{}", told(&after, &[]));
    }

    #[test]
    fn of_one_that_was_started_again_the_life_before_is_told() {
        let die = |code| LifeEvent { exit_code: Some(code), ..event("die", None) };
        let mut again = timed(0);
        (again.state.status, again.state.restarts) = ("running".into(), 1);
        assert_eq!(cause(&again, None).what, "ended, and the engine knows no more how", "its code is 0 again");
        again.events = vec![event("start", None), die(3), event("start", None)];
        assert_eq!(cause(&again, None).what, "ended with exit code 3");
        again.events = vec![event("start", None), event("oom", None), die(137), event("start", None)];
        assert_eq!(cause(&again, None).memory, Memory::LimitReached);
    }

    #[test]
    fn codes_in_words() {
        let what = |code| cause(&dead(code), None).what;
        assert_eq!(what(0), "ended by itself without an error");
        assert_eq!(what(1), "ended with exit code 1");
        assert!(what(127).contains("not in the image") && what(139).contains("SIGSEGV"));
        assert!(what(143).contains("not through the engine"), "{}", what(143));
        let stopped = Autopsy { events: vec![event("kill", Some("15"))], ..dead(143) };
        assert_eq!(cause(&stopped, None).what, "was stopped (SIGTERM)");
    }
}
