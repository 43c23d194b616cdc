//! From settings to an engine, and from an engine's error to a failure.

use docker_ops::{Chosen, Engine, Error, ErrorKind};
use report::{Event, Failure, FailureKind, Sink};
use settings::Settings;

/// The engine that the settings mean. Which one it is, by which rule, and in which version it is spoken to, is said through `sink`; so is
/// what a person should know of it.
///
/// # Errors
/// Settings that contradict each other or mean nothing; an engine that is not there, may not be asked, or speaks no version of ours.
pub async fn connect(settings: &Settings, sink: &Sink) -> Result<Engine, Failure> {
    let chosen = settings.engine.choose().await.map_err(|error| failure(&error))?;
    for note in &chosen.notes {
        sink.send(Event::Note(note.clone()));
    }
    let engine = Engine::connect_chosen(&chosen).await.map_err(|error| {
        let failed = failure(&error);
        Failure { message: format!("{} (by {})", failed.message, chosen.rule), ..failed }
    })?;
    sink.send(Event::Note(said(&chosen, &engine)));
    Ok(engine.located().await)
}

/// `engine unix:///var/run/docker.sock by …, API 1.41 of 1.41, 20.10.24`
fn said(chosen: &Chosen, engine: &Engine) -> String {
    let spoken = engine.negotiated();
    let name = if spoken.is_podman() { "Podman " } else { "" };
    let version = spoken.engine.as_ref().map_or_else(String::new, |version| format!(", {name}{version}"));
    format!("engine {} by {}, API {} of {}{version}", chosen.endpoint, chosen.rule, spoken.used, spoken.newest)
}

/// What an engine's error means for the whole of what was asked for.
pub fn failure(error: &Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::InvalidConfig | ErrorKind::Io => FailureKind::Settings,
        ErrorKind::NoEngine
        | ErrorKind::NotAnEngine
        | ErrorKind::TooOld
        | ErrorKind::TooNew
        | ErrorKind::Broken
        | ErrorKind::Timeout => FailureKind::Unreachable,
        ErrorKind::NoPermission | ErrorKind::Untrusted | ErrorKind::Conflict | ErrorKind::InUse | ErrorKind::BadRequest => {
            FailureKind::Refused
        }
        ErrorKind::NotFound => FailureKind::Declined,
        ErrorKind::Unsupported | ErrorKind::NoSwarm => FailureKind::Refused,
        _ => FailureKind::Unexpected,
    };
    Failure::of(kind, error).hints(error.hints())
}

#[cfg(test)]
mod tests {
    use settings::{Flags, World};

    use super::*;

    async fn told(host: &str, context: Option<&str>) -> Failure {
        let project = tempfile::tempdir().unwrap();
        let host = (!host.is_empty()).then(|| host.replace("DIR", &project.path().display().to_string()));
        let flags = Flags { host, context: context.map(str::to_owned), ..Flags::default() };
        let settings = Settings::load(&flags, &World::for_tests(project.path())).unwrap();
        connect(&settings, &Sink::silent()).await.unwrap_err()
    }

    #[tokio::test]
    async fn who_is_not_reached_is_told_apart_from_what_was_set_wrongly() {
        assert_eq!(told("unix://DIR/absent.sock", None).await.kind, FailureKind::Unreachable);
        assert_eq!(told("tcp://127.0.0.1:1", None).await.kind, FailureKind::Unreachable);
        assert_eq!(told("udp://x", None).await.kind, FailureKind::Settings);
        assert_eq!(told("unix:///x", Some("y")).await.kind, FailureKind::Settings);
        let failure = told("tcp://127.0.0.1:1", None).await;
        assert_eq!(failure.message, "the engine at `tcp://127.0.0.1:1`: nobody listens (by `--host`)");
    }
}
