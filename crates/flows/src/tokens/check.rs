//! Is the token everywhere the same? Fast enough for every commit, and without a server: the gate of a pipeline.

use report::{Failure, Report, Sink};
use settings::{Settings, World};

use crate::{checks, journey::Journey};

/// Looks at the source of truth and every target of each service; changes nothing.
pub async fn run(services: &[Settings], world: &World, sink: &Sink) -> Report {
    let mut journey = Journey::new("check", world, sink);
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World) -> Result<(), Failure> {
    let subject = journey.subject(settings, world)?;
    journey.checks(checks::QUICK, &subject).await;
    Ok(())
}
