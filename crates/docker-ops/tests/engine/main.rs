//! What a real Docker Engine does, and what we make of it.
//!
//! Runs with `GENAI_LIVE_DOCKER=1`, which says that a Docker Engine, its command line and a static busybox are there: then their absence is
//! a failure. Else each test is ignored. Nothing is pulled. Every object carries the run's label and is removed by it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "engines and their command line are programs, and their time can't be paused")]

mod autopsy;
mod compose;
mod compose_recognises;
mod events;
mod exec;
mod gpu;
mod logs;
mod negotiation;
mod podman;
mod precedence;
mod private;
mod project;
mod proxy;
mod refused;
mod restarted;
mod rig;
mod stats;
mod stopped;
mod swarm;
mod up;

use libtest_mimic::{Arguments, Trial};

use rig::Rig;

/// The tests of each subject.
const SUBJECTS: &[fn(&'static Rig) -> Vec<Trial>] = &[
    autopsy::trials,
    compose::trials,
    compose_recognises::trials,
    events::trials,
    exec::trials,
    gpu::trials,
    logs::trials,
    negotiation::trials,
    podman::trials,
    precedence::trials,
    refused::trials,
    restarted::trials,
    stats::trials,
    stopped::trials,
    swarm::trials,
    up::trials,
];

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let is_live = rig::variable("GENAI_LIVE_DOCKER").as_deref() == Some("1") || arguments.ignored || arguments.include_ignored;
    let rig: &'static Rig = Box::leak(Box::new(Rig::new()));
    if is_live {
        rig.begin();
    }
    let trials = SUBJECTS.iter().flat_map(|trials| trials(rig)).map(|trial| trial.with_ignored_flag(!is_live));
    let ended = libtest_mimic::run(&arguments, trials.collect());
    if is_live {
        rig.clear();
    }
    ended.exit_code()
}
