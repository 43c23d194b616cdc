//! What the settings mean for these commands, and the engine that is asked: the one place for both.

use std::time::Duration;

use docker_ops::{Endpoint, Engine, ServiceSpec};
use flows::plugin::Wanted;
use report::{Failure, FailureKind};
use settings::Settings;

/// What the settings mean.
pub(super) struct Meant {
    /// Compose's project name.
    pub(super) project: String,
    /// What must run.
    pub(super) wanted: Option<ServiceSpec>,
    /// The plugin that must guard it.
    pub(super) plugin: Wanted,
    /// After how long without work the models are unloaded.
    pub(super) idle_unload: Option<Duration>,
}

/// `name` is the project's, where it was given.
pub(super) fn of(settings: &Settings, name: Option<&str>) -> Result<Meant, Failure> {
    let folder = settings.project.value.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |sign: &char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '-' | '_');
    let folder: String = folder.chars().filter(allowed).collect();
    let project = name.map_or_else(|| folder.trim_start_matches(['-', '_']).to_owned(), str::to_owned);
    if project.is_empty() {
        return Err(Failure::new(FailureKind::Settings, "the project's folder has no name that containers could carry")
            .hint("name the project with `--name NAME`"));
    }
    Ok(Meant { project, wanted: None, plugin: Wanted::default(), idle_unload: None })
}

/// The engine, connected.
pub(super) async fn engine() -> Result<Engine, docker_ops::Error> {
    Engine::connect(&Endpoint::Unix("/var/run/docker.sock".into())).await
}
