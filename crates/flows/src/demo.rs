//! The whole story on a bare machine: a fresh credential, every target, a locked server, an image, a rotation; each step proven.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use auth_core::{LoginToken, SourceOfTruth};
use comfy_sim::{Login, Server};
use report::{Failure, FailureKind, Outcome, Report, Sink};
use settings::{Flags, Settings, World};
use token_sync::Workspace;

use crate::{
    checks, credential,
    journey::Journey,
    setup,
    subject::{Source, disk_failure},
    validate, writing,
};

/// How to run the demo.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for all that it writes.
    pub dir: PathBuf,
    /// The port of the embedded ComfyUI on this machine's loopback address; 0 takes a free one.
    pub port: u16,
    /// Rotate the token even if an earlier run did.
    pub rotate: bool,
}

/// The demo's server, still running.
pub struct Running {
    server: Server,
    /// Its address.
    pub url: String,
    /// The login's name.
    pub user: String,
    /// Where the password stands, as the field `raw_token`.
    pub source: PathBuf,
    /// Where the token stands, on line 1.
    pub password_file: PathBuf,
}

impl Running {
    /// Stops the server and waits until it has stopped.
    pub async fn stop(self) {
        self.server.shutdown().await;
    }
}

/// Runs the demo. The environment says nothing here: an exported token or URL belongs to another server.
pub async fn run(world: &World, options: &Options, sink: &Sink) -> (Report, Option<Running>) {
    let world = World { env: std::collections::BTreeMap::new(), ..world.clone() };
    let mut journey = Journey::new("demo", &world, sink);
    let dir = world.current_dir.join(&options.dir);
    journey.about("dir", dir.display().to_string());
    match steps(&mut journey, &world, options, &dir).await {
        Ok(running) => (journey.end(None), running),
        Err(failure) => (journey.end(Some(failure)), None),
    }
}

async fn steps(journey: &mut Journey, world: &World, options: &Options, dir: &Path) -> Result<Option<Running>, Failure> {
    claim(dir)?;
    let settings = settings(world, dir, None)?;

    journey.section("One source of truth");
    let rotated_before = write_credential(journey, &settings, world).await?;
    let subject = journey.subject(&settings, world)?;
    journey.checks(checks::PROJECT, &subject).await;

    journey.section("A locked ComfyUI");
    let server = serve(world, dir, SocketAddr::from(([127, 0, 0, 1], options.port))).await?;
    let settings = self::settings(world, dir, Some(server.url()))?;
    journey.about("url", server.url());
    journey.note(format!("the embedded ComfyUI listens at {}, guarded as ComfyUI-Login guards", server.url()));
    let subject = journey.subject(&settings, world)?;
    if !validate::server(journey, &subject).await? {
        server.shutdown().await;
        return Ok(None);
    }
    validate::login(journey, &subject).await;

    journey.section("An image");
    let out = dir.join("out");
    for earlier in [&out, &dir.join("ComfyUI").join("output")] {
        clear(earlier)?; // an earlier run's pictures, so that a folder doesn't fill up
    }
    make(&out)?;
    journey.started("waiting for ComfyUI");
    let sink = journey.sink().clone();
    journey.found(checks::generate_image(&subject, Some(&out), &sink)).await;

    if !journey.is_well() {
        journey.note("not all is well, so the token is not rotated");
        server.shutdown().await;
        return Ok(None);
    }
    journey.section("A rotation");
    let (server, settings) = rotate(journey, world, dir, server, &settings, options.rotate, rotated_before).await?;
    let running = Running {
        url: server.url(),
        user: settings
            .source
            .value
            .load()
            .ok()
            .flatten()
            .and_then(|source| source.user().map(str::to_owned))
            .unwrap_or_else(|| credential::DEFAULT_USER.to_owned()),
        source: settings.source.value.path().to_owned(),
        password_file: dir.join("ComfyUI").join("login").join("PASSWORD"),
        server,
    };
    Ok(Some(running))
}

fn settings(world: &World, dir: &Path, url: Option<String>) -> Result<Settings, Failure> {
    let flags = Flags { project: Some(dir.to_owned()), comfy_dir: Some(dir.join("ComfyUI")), url, ..Flags::default() };
    Ok(Settings::load(&flags, world)?)
}

/// Writes source and targets, or keeps them; whether an earlier run rotated the token.
async fn write_credential(journey: &mut Journey, settings: &Settings, world: &World) -> Result<bool, Failure> {
    let mut workspace = journey.workspace(settings, world)?;
    let subject = journey.subject(settings, world)?;
    let place = settings.shown(settings.source.value.path());
    let source = match subject.source {
        Source::Broken(error) => {
            return Err(disk_failure(&error).hint("nothing was written; mend the file, or choose another folder with `--dir`"));
        }
        Source::Known(source) => {
            journey.note(format!("kept the password and token of `{place}`"));
            *source
        }
        Source::Absent => {
            journey.started("hashing a random password with bcrypt, cost 12");
            let (password, token) = credential::fresh(settings, world).await?;
            journey.note("made a random password of 160 bits and its bcrypt hash of cost 12; the hash is the token");
            SourceOfTruth::new(Some(password), token, credential::DEFAULT_USER, &world.clock.stamp(), Vec::new())
        }
    };
    let rotated_before = source.rotated_at().is_some();
    setup::warn_if_open(journey, settings).await;
    write(journey, settings, world, &mut workspace, &setup::with_customary_targets(settings, source))?;
    Ok(rotated_before)
}

fn write(
    journey: &mut Journey,
    settings: &Settings,
    world: &World,
    workspace: &mut Workspace,
    source: &SourceOfTruth,
) -> Result<(), Failure> {
    let targets = settings.targets(source)?;
    if let Some(foreign) = targets.iter().find(|target| !target.path().starts_with(&settings.project.value)) {
        return Err(Failure::new(
            FailureKind::Refused,
            format!("the target `{}` lies outside the demo's folder", foreign.path().display()),
        )
        .hint("choose another folder with `--dir`"));
    }
    writing::apply(journey, settings, workspace, writing::all(settings, world, source)?)
}

/// Starts the embedded ComfyUI with the plugin's login.
async fn serve(world: &World, dir: &Path, listen: SocketAddr) -> Result<Server, Failure> {
    let (clock, entropy) = (world.clock.clone(), world.entropy.clone());
    Server::builder()
        .comfy_dir(dir.join("ComfyUI"))
        .login(Login::Plugin)
        .listen(listen)
        .clock(move || clock.now().into())
        .entropy(move |bytes| entropy.fill(bytes))
        .spawn()
        .await
        .map_err(|error| {
            let failure = Failure::of(FailureKind::Refused, &error);
            if error.kind() == comfy_sim::ErrorKind::AddressInUse {
                failure.hint("stop what listens there, or let `--port 0` choose a free port")
            } else {
                failure
            }
        })
}

/// Rotates the token, restarts the server, and proves that the old one is dead and the new one lives.
async fn rotate(
    journey: &mut Journey,
    world: &World,
    dir: &Path,
    server: Server,
    settings: &Settings,
    wanted: bool,
    rotated_before: bool,
) -> Result<(Server, Settings), Failure> {
    if rotated_before && !wanted {
        let finding = report::Finding::new(
            checks::OLD_TOKEN_REFUSED,
            Outcome::Skipped("an earlier run rotated it, and this run kept it".to_owned()),
            "the token was not rotated",
        )
        .hint("rotate it again with `--rotate`");
        journey.found(std::future::ready(finding)).await;
        return Ok((server, settings.clone()));
    }
    let mut workspace = journey.workspace(settings, world)?;
    let source = writing::source(settings)?;
    let old: LoginToken = source.token().clone();
    journey.started("hashing a new random password with bcrypt, cost 12");
    let (password, token) = credential::fresh(settings, world).await?;
    write(journey, settings, world, &mut workspace, &source.rotated(Some(password), token, &world.clock.stamp()))?;
    drop(workspace);

    let listen = server.addr();
    server.shutdown().await;
    let server = serve(world, dir, listen).await?;
    journey.note("restarted the server: the plugin reads its token once, at its start");
    let settings = self::settings(world, dir, Some(server.url()))?;
    let subject = journey.subject(&settings, world)?;
    journey.found(checks::refuse_old_token(&subject, &old)).await;
    journey.checks(checks::AFTER_ROTATION, &subject).await;
    Ok((server, settings))
}

/// The file by which a folder is known as the demo's own.
const MARKER: &str = ".genai-demo";

/// Makes the demo's folder, or takes one that an earlier run made. Any other folder is refused: the demo rotates tokens and removes
/// pictures.
fn claim(dir: &Path) -> Result<(), Failure> {
    if dir.join(MARKER).exists() {
        return Ok(());
    }
    let is_empty = std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        return Err(Failure::new(FailureKind::Refused, format!("`{}` holds files that are not the demo's", dir.display()))
            .hint("choose a folder that is new or empty with `--dir`; to guard your own ComfyUI use `genai-auth setup`"));
    }
    make(dir)?;
    std::fs::write(dir.join(MARKER), "This folder belongs to `genai-auth demo`. It can be removed at any time.\n")
        .map_err(|error| refused(dir, &error))
}

/// Empties a folder of the demo's own.
fn clear(dir: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(refused(dir, &error)),
        _ => make(dir),
    }
}

fn refused(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Refused, format!("can't write in `{}`: {error}", dir.display()))
        .hint("choose a folder that you may write to with `--dir`")
}

fn make(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| {
        Failure::new(FailureKind::Refused, format!("can't make the folder `{}`: {error}", dir.display()))
            .hint("choose a folder that you may write to with `--dir`")
    })
}
