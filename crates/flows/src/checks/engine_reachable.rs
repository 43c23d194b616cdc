//! `engine-reachable`: Docker Engine answers, and its clock is ours.

use docker_ops::autopsy::Machine;
use jiff::{SignedDuration, Timestamp};
use report::{CheckId, Failure, Finding};

use super::{fail, pass, warn};

pub(crate) const ID: CheckId = CheckId("engine-reachable");

/// A clock that is wrong by more makes tokens look too old or too new.
const TOLERATED: SignedDuration = SignedDuration::from_secs(30);

pub(crate) fn judge(endpoint: &str, machine: Result<&Machine, &Failure>, now: Timestamp) -> Finding {
    let machine = match machine {
        Ok(machine) => machine,
        Err(failure) => return failure.hints.iter().fold(fail(ID, failure.message.clone()), Finding::hint),
    };
    let told = format!("engine {} on `{}`, at {endpoint}", machine.engine, machine.name);
    match machine.time.map(|time| time.duration_since(now)) {
        Some(off) if off.abs() > TOLERATED => warn(ID, format!("{told}: its clock is {} s off", off.as_secs()))
            .hint("set the clocks of both machines, best by NTP: `timedatectl set-ntp true`"),
        _ => pass(ID, told),
    }
}

#[cfg(test)]
mod tests {
    use report::FailureKind;

    use super::*;

    #[test]
    fn absent_fails_and_a_wrong_clock_warns() {
        let now = Timestamp::constant(1_767_225_600, 0);
        let of = |seconds| {
            let machine = Machine { time: Some(now + SignedDuration::from_secs(seconds)), ..Machine::default() };
            judge("unix:///x", Ok(&machine), now).outcome.name()
        };
        assert_eq!((of(0), of(-5), of(3600), of(-3600)), ("pass", "pass", "warn", "warn"));
        let absent = judge("", Err(&Failure::new(FailureKind::Unreachable, "no engine answers").hint("start it")), now);
        assert_eq!((absent.outcome.name(), &*absent.hints[0]), ("fail", "start it"));
    }
}
