//! What a real Docker Engine does, and what we make of it.
//!
//! Runs only with `GENAI_LIVE_DOCKER=1`, which says that a Docker Engine, its command line and a static busybox are there: then their
//! absence is a failure. Nothing is pulled. Every object carries the run's label and is removed by it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the command lines of Docker and Compose are the oracles")]
#![expect(clippy::disallowed_methods, reason = "engines and their command line are programs, and their time can't be paused")]

mod autopsy;
mod compose;
mod events;
mod exec;
mod logs;
mod negotiation;
mod precedence;
mod proxy;
mod gpu;
mod negotiation;
mod podman;
mod private;
mod rig;
mod stats;
mod compose_recognises;
mod negotiation;
mod project;
mod refused;
mod rig;
mod stopped;
mod up;
mod swarm;

use libtest_mimic::{Arguments, Completion, Trial};

use rig::Rig;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    if rig::variable("GENAI_LIVE_DOCKER").as_deref() != Some("1") {
        let reason = "it needs Docker Engine: set GENAI_LIVE_DOCKER=1 where it runs";
        let absent = Trial::ignorable_test("a real engine agrees", move || Ok(Completion::ignored_with(reason)));
        return libtest_mimic::run(&arguments, vec![absent]).exit_code();
    }
    let rig: &'static Rig = Box::leak(Box::new(Rig::new()));
    let trials = [autopsy::trials(rig), negotiation::trials(rig)].into_iter().flatten().collect();
    let trials = [compose::trials(rig), negotiation::trials(rig)].into_iter().flatten().collect();
    let trials = [events::trials(rig), negotiation::trials(rig), precedence::trials(rig)].into_iter().flatten().collect();
    let trials =
        [exec::trials(rig), logs::trials(rig), negotiation::trials(rig), stats::trials(rig)].into_iter().flatten().collect();
    let trials =
        [compose_recognises::trials(rig), negotiation::trials(rig), refused::trials(rig), stopped::trials(rig), up::trials(rig)];
    let trials = trials.into_iter().flatten().collect();
    let trials = [gpu::trials(rig), negotiation::trials(rig), podman::trials(rig)].into_iter().flatten().collect();
    let trials =
        [gpu::trials(rig), negotiation::trials(rig), podman::trials(rig), swarm::trials(rig)].into_iter().flatten().collect();
    let ended = libtest_mimic::run(&arguments, trials);
    rig.clear();
    ended.exit_code()
}
