//! Validates a project and its server: is the token everywhere the same, is the door locked, does the key turn?

use std::future::ready;

use report::{Failure, FailureKind, Report, Sink};
use settings::{Settings, World};

use crate::{
    checks,
    journey::Journey,
    subject::{Subject, told},
};

/// What to validate beyond the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Make an image too. It leaves a picture in ComfyUI's input and output folders.
    pub generate: bool,
}

/// Runs every check. The project's come first, then the server's; nothing secret is sent to what doesn't answer as ComfyUI.
pub async fn run(settings: &Settings, world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("validate", world, sink);
    journey.about("url", &settings.url.value);
    journey.about("project", settings.project.value.display().to_string());
    journey.about("service", &settings.service.value);
    let stopped = steps(&mut journey, settings, world, options).await.err();
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: Options) -> Result<(), Failure> {
    let subject = Subject::new(settings, world)?;
    if let Some(recovery) = &subject.recovered {
        journey.note(told(recovery));
    }
    journey.section("Project");
    for check in checks::PROJECT {
        journey.check(check, &subject).await;
    }
    if settings.comfy_dir.is_some() {
        for check in checks::FOLDER {
            journey.check(check, &subject).await;
        }
    }
    journey.section("Server");
    if !server(journey, &subject).await? {
        return Ok(());
    }
    let locked = login(journey, &subject).await;
    if options.generate && !locked {
        journey.found(ready(checks::not_tried(checks::IMAGE_GENERATED))).await;
    } else if options.generate {
        journey.section("Image");
        journey.started("waiting for ComfyUI");
        let sink = journey.sink().clone();
        journey.found(checks::generate_image(&subject, None, &sink)).await;
    }
    Ok(())
}

/// Whether the login stands. Where nobody is asked for a credential, none is shown: what needs a login is skipped.
pub(crate) async fn login(journey: &mut Journey, subject: &Subject<'_>) -> bool {
    let [http, socket] = checks::DOORS;
    let locked = journey.check(http, subject).await;
    journey.check(socket, subject).await;
    for check in checks::LOGIN {
        if locked {
            journey.check(check, subject).await;
        } else {
            journey.found(ready(checks::not_tried(check.id))).await;
        }
    }
    locked
}

/// Whether the server is there and is ComfyUI. What is not there stops the journey; what is something else ends it.
pub(crate) async fn server(journey: &mut Journey, subject: &Subject<'_>) -> Result<bool, Failure> {
    for (at, check) in checks::SERVER.iter().enumerate() {
        if journey.check(check, subject).await {
            continue;
        }
        if at == 0 {
            return Err(Failure::new(FailureKind::Unreachable, format!("can't reach `{}`", subject.client.url()))
                .hint("start ComfyUI, or name its address with `--url`; then run the same command again"));
        }
        return Ok(false);
    }
    Ok(true)
}
