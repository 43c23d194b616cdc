//! Validates a project and its server: is the token everywhere the same, is the door locked, does the key turn?

use std::future::ready;

use report::{Failure, FailureKind, Outcome, Report, Sink};
use settings::{Settings, World};

use crate::{checks, journey::Journey, subject::Subject};

/// What to validate beyond the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Make an image too. It leaves a picture in ComfyUI's input and output folders.
    pub generate: bool,
}

/// Runs every check for each service. The project's come first, then the server's; nothing secret is sent to what doesn't answer as
/// ComfyUI.
pub async fn run(services: &[Settings], world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("validate", world, sink);
    if let Some(first) = services.first() {
        journey.about("project", first.project.value.display().to_string());
    }
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world, options).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: Options) -> Result<(), Failure> {
    let subject = journey.subject(settings, world)?;
    journey.section("Project");
    journey.checks(checks::PROJECT, &subject).await;
    if settings.comfy_dir.is_some() {
        journey.checks(checks::FOLDER, &subject).await;
        journey.checks(checks::WRITTEN, &subject).await;
    }
    journey.section("Server");
    if !server(journey, &subject).await? {
        return Ok(());
    }
    let door = login(journey, &subject).await;
    match (options.generate, door) {
        (false, _) => {}
        (true, Outcome::Pass) => {
            journey.section("Image");
            journey.started("waiting for ComfyUI");
            let sink = journey.sink().clone();
            journey.found(checks::generate_image(&subject, None, &sink)).await;
        }
        (true, door) => {
            journey.found(ready(checks::not_tried(checks::IMAGE_GENERATED, &door))).await;
        }
    }
    Ok(())
}

/// Whether the login stands. Unless somebody was seen to be refused without a credential, none is shown: what needs a login is skipped.
pub(crate) async fn login(journey: &mut Journey, subject: &Subject<'_>) -> Outcome {
    let [http, socket] = checks::DOORS;
    let door = journey.check(http, subject).await;
    journey.check(socket, subject).await;
    for check in checks::LOGIN {
        if door == Outcome::Pass {
            journey.check(check, subject).await;
        } else {
            journey.found(ready(checks::not_tried(check.id, &door))).await;
        }
    }
    door
}

/// Whether the server is there and is ComfyUI. What is not there stops the journey; what is not known to be ComfyUI ends it.
pub(crate) async fn server(journey: &mut Journey, subject: &Subject<'_>) -> Result<bool, Failure> {
    let [reachable, comfyui] = checks::SERVER;
    if journey.check(reachable, subject).await != Outcome::Pass {
        return Err(Failure::new(FailureKind::Unreachable, format!("can't reach `{}`", subject.client.url()))
            .hint("start ComfyUI, or name its address with `--url`; then run the same command again"));
    }
    Ok(journey.check(comfyui, subject).await == Outcome::Pass)
}
