//! Makes every target hold what the source of truth says.

use report::{Failure, Report, Sink};
use settings::{Settings, World};
use token_sync::{Reading, Target};

use crate::{checks, credential, journey::Journey, writing};

/// How to sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Show what would change, redacted, and change nothing.
    pub dry_run: bool,
}

/// Writes every target that differs, of each service: all of a service's or none. Those that are right are not touched.
pub async fn run(services: &[Settings], world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("sync", world, sink);
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world, options).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: Options) -> Result<(), Failure> {
    // Without a source nothing is written, not even a lock.
    let source = writing::source(settings)?;
    if options.dry_run {
        writing::announce(journey, settings, &writing::targets(settings, world, &source)?);
        for target in settings.targets(&source)?.iter().filter(|target| !target.read().holds(source.token())) {
            journey.note(format!("{} ({})", settings.shown(target.path()), target.dialect()));
            journey.note(format!("  - {} = {}", name(target), seen(settings, &target.read())));
            journey.note(format!("  + {} = token {}", name(target), source.token().fingerprint(&settings.fingerprint_key())));
        }
    } else {
        let mut workspace = journey.workspace(settings, world)?;
        let source = writing::source(settings)?; // again: now nobody else changes it
        let plan = writing::targets(settings, world, &source)?;
        writing::apply(journey, settings, &mut workspace, plan)?;
    }
    let subject = journey.subject(settings, world)?;
    journey.checks(checks::QUICK, &subject).await;
    Ok(())
}

fn name(target: &Target) -> &str {
    target.key().unwrap_or("token")
}

/// What stands there now, without showing it.
fn seen(settings: &Settings, reading: &Reading) -> String {
    match reading {
        Reading::Token(token, _) => format!("token {}", token.fingerprint(&settings.fingerprint_key())),
        reading => credential::lack(reading),
    }
}
