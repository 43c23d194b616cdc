//! What ended a container, or kept it from starting.

use docker_ops::autopsy::{Autopsy, LifeEvent, OutOfMemory, StartFault};

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

/// From the strongest evidence to the weakest: the engine's own words, the kernel's, events, and last the exit code.
pub(crate) fn cause(autopsy: &Autopsy, kills: &[OutOfMemory]) -> Cause {
    let state = &autopsy.state;
    if let Some(fault) = &state.start_fault {
        return of_start(fault, autopsy);
    }
    let life = last_life(&autopsy.events);
    let memory = match kills.last() {
        Some(kill) if kill.of_machine => Memory::MachineFull,
        Some(_) => Memory::LimitReached,
        None if state.oom_killed || life.iter().any(|event| event.name == "oom") => Memory::LimitReached,
        None => Memory::Enough,
    };
    let of = |what: String, hint: &str| Cause { what, hint: hint.to_owned(), memory };
    let by_engine = life.iter().rev().find_map(|event| event.signal.as_deref().filter(|_| event.name == "kill"));
    let killed = by_engine.is_some_and(|signal| matches!(signal, "9" | "SIGKILL" | "KILL"));
    let Some(code) = state.exit_code else { return of("was never started".to_owned(), UP) };
    match (memory, code) {
        (Memory::MachineFull, _) => of(
            format!("was killed by the kernel, since the machine had no memory left (exit code {code})"),
            "set `memory` in `[stack]` below what the machine has, or give the machine more memory or swap",
        ),
        (Memory::LimitReached, _) => of(
            format!("was killed by the kernel, since it reached its memory limit{} (exit code {code})", limit(autopsy)),
            "raise `memory` in `[stack]`, or let ComfyUI keep less with `--cache-none` or `--lowvram`; then `genai-stack up`",
        ),
        (_, 137) if killed => of("was killed through the engine: by `kill`, or by `stop` once its time was up".to_owned(), UP),
        (_, 137) => Cause {
            memory: Memory::Unknown,
            ..of(
                "was killed (exit code 137), and not through the engine: the machine may have run out of memory, or somebody killed it"
                    .to_owned(),
                "ask the kernel: `sudo dmesg > kernel.log`, then `genai-stack doctor --kernel-log kernel.log`",
            )
        },
        (_, 143) if by_engine.is_some() => of("was stopped (SIGTERM)".to_owned(), UP),
        (_, 0) => of("ended by itself without an error".to_owned(), UP),
        (_, 126) => of("ended with exit code 126: a program may not be run".to_owned(), "see its log: `genai-stack logs`"),
        (_, 127) => of("ended with exit code 127: a program is not in the image".to_owned(), "see its log: `genai-stack logs`"),
        (_, 129..=192) => of(
            format!("was ended by a signal: {} (exit code {code})", signal(code - 128)),
            "see its log: `genai-stack logs`",
        ),
        _ => of(format!("ended with exit code {code}"), "see its log: `genai-stack logs`"),
    }
}

/// The events since the last start.
fn last_life(events: &[LifeEvent]) -> &[LifeEvent] {
    let start = events.iter().rposition(|event| event.name == "start");
    &events[start.unwrap_or(0)..]
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
    use docker_ops::autopsy::State;

    use super::*;

    fn dead(code: i64) -> Autopsy {
        let state = State { status: "exited".into(), exit_code: Some(code), ..State::default() };
        Autopsy { state, ..Autopsy::default() }
    }

    fn event(name: &str, signal: Option<&str>) -> LifeEvent {
        LifeEvent { name: name.into(), signal: signal.map(str::to_owned), ..LifeEvent::default() }
    }

    fn kill(of_machine: bool) -> OutOfMemory {
        OutOfMemory { container: None, of_machine, process: "python3".into(), pid: 1 }
    }

    #[test]
    fn a_kill_is_told_from_a_kill() {
        let memory = |autopsy: &Autopsy, kills: &[OutOfMemory]| cause(autopsy, kills).memory;
        assert_eq!(memory(&dead(137), &[]), Memory::Unknown, "nobody saw who did it");
        assert_eq!(memory(&dead(137), &[kill(true)]), Memory::MachineFull);
        assert_eq!(memory(&dead(137), &[kill(false)]), Memory::LimitReached);
        let by_engine = Autopsy { events: vec![event("start", None), event("kill", Some("9"))], ..dead(137) };
        assert_eq!(memory(&by_engine, &[]), Memory::Enough);
        assert!(cause(&by_engine, &[]).what.contains("through the engine"));
        // A kill of the life before says nothing of this one.
        let earlier = Autopsy { events: vec![event("kill", Some("9")), event("start", None)], ..dead(137) };
        assert_eq!(memory(&earlier, &[]), Memory::Unknown);
        let mut limited = dead(137);
        (limited.state.oom_killed, limited.memory.limit) = (true, Some(16 << 20));
        let cause = cause(&limited, &[]);
        assert!(cause.memory == Memory::LimitReached && cause.what.contains("of 16 MiB"), "{cause:?}");
    }

    #[test]
    fn codes_in_words() {
        let what = |code| cause(&dead(code), &[]).what;
        assert_eq!(what(0), "ended by itself without an error");
        assert_eq!(what(1), "ended with exit code 1");
        assert!(what(127).contains("not in the image") && what(139).contains("SIGSEGV"));
        assert!(what(143).contains("not through the engine"), "{}", what(143));
        let stopped = Autopsy { events: vec![event("kill", Some("15"))], ..dead(143) };
        assert_eq!(cause(&stopped, &[]).what, "was stopped (SIGTERM)");
    }
}
