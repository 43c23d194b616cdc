//! The one place where the process's surroundings are read.

use jiff::Timestamp;
use settings::{Clock, Entropy, World};

/// What surrounds this process: environment, current folder, clock, chance.
///
/// # Errors
/// A failure with its hint, if the current folder can't be told (it was removed).
#[expect(clippy::disallowed_methods, reason = "this is the door through which a process's surroundings come in")]
pub fn world() -> Result<World, report::Failure> {
    let env =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let current_dir = std::env::current_dir().map_err(|error| {
        report::Failure::new(report::FailureKind::Unreachable, format!("can't tell the current folder: {error}"))
            .hint("change into a folder that exists")
    })?;
    let mut probe = [0; 1];
    getrandom::fill(&mut probe).map_err(|error| {
        report::Failure::new(report::FailureKind::Unexpected, format!("the system gives no random bytes: {error}"))
    })?;
    Ok(World {
        env,
        current_dir,
        clock: Clock::new(Timestamp::now),
        // A system that gave bytes above goes on giving them; if not, no secret may be made from what is left.
        entropy: Entropy::new(|bytes| {
            getrandom::fill(bytes).unwrap_or_else(|error| unreachable!("the system's random source failed: {error}"));
        }),
    })
}
