//! Sets up the login of a ComfyUI that somebody runs already: writes the source of truth and every target, the plugin's
//! PASSWORD among them, before the server's first start, so that no stranger can claim it.

use auth_core::{HashFault, LoginToken, Password, Shape, SourceOfTruth};
use report::{Failure, FailureKind, Outcome, Report, Sink};
use settings::{Settings, World};

use crate::{
    checks,
    credential::{self, DEFAULT_USER},
    journey::Journey,
    subject::{Source, Subject},
    validate, writing,
};

/// How to set up.
#[derive(Debug, Default)]
pub struct Options {
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// Make a fresh password and token even if there are some.
    pub rotate: bool,
    /// The password to use instead of a random one.
    pub password: Option<Password>,
}

/// Sets up each service. Run again, it keeps what is right and says so.
pub async fn run(services: &[Settings], world: &World, options: &Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("setup", world, sink);
    if let Some(first) = services.first() {
        journey.about("project", first.project.value.display().to_string());
    }
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world, options).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: &Options) -> Result<(), Failure> {
    if settings.comfy_dir.is_none() {
        return Err(Failure::new(FailureKind::Usage, "ComfyUI's folder is not known")
            .hint("name it with `--comfy-dir DIR`: the folder that holds main.py"));
    }
    let subject = journey.subject(settings, world)?;
    journey.section("ComfyUI");
    if journey.check(checks::FOLDER[0], &subject).await != Outcome::Pass {
        return Ok(()); // a login folder in the wrong place would guard nothing
    }
    journey.checks(&checks::FOLDER[1..], &subject).await;

    journey.section("Credential");
    let mut workspace = if options.dry_run { None } else { Some(journey.workspace(settings, world)?) };
    let subject = journey.subject(settings, world)?; // read again: now nobody else changes it
    writing::refuse_broken(&subject)?;
    let source = source(journey, &subject, world, options).await?;
    warn_if_open(journey, settings).await;
    let plan = writing::all(settings, world, &source)?;
    match &mut workspace {
        Some(workspace) => writing::apply(journey, settings, workspace, plan)?,
        None => {
            writing::announce(journey, settings, &plan);
            journey.note("dry run: nothing was written");
            return Ok(());
        }
    }
    drop(workspace);

    let subject = journey.subject(settings, world)?;
    journey.checks(checks::PROJECT, &subject).await;
    journey.checks(checks::WRITTEN, &subject).await;
    server(journey, &subject).await
}

/// The source of truth to write: the one on file, what the plugin's PASSWORD holds already, or a fresh one.
async fn source(
    journey: &mut Journey,
    subject: &Subject<'_>,
    world: &World,
    options: &Options,
) -> Result<SourceOfTruth, Failure> {
    let settings = subject.settings;
    let now = world.clock.stamp();
    let chosen_user = settings.user.as_ref().map(|user| user.value.as_str());
    let place = settings.shown(settings.source.value.path());
    let source = match &subject.source {
        Source::Known(source) if options.rotate || is_another(source, options.password.as_ref()).await => {
            let (password, token) = credential(options.password.clone(), settings, world).await?;
            journey.note(format!("made a new password and its bcrypt hash for `{place}`"));
            source.as_ref().clone().rotated(Some(password), token, &now)
        }
        Source::Known(source) => {
            journey.note(format!("kept the password and token of `{place}`"));
            source.as_ref().clone()
        }
        Source::Absent | Source::Broken(_) => match adopted(subject).filter(|_| !options.rotate && options.password.is_none()) {
            Some((token, user)) => {
                journey.note("took over the token that the plugin's PASSWORD file holds; its password is not known here");
                SourceOfTruth::new(None, token, user.as_deref().unwrap_or(DEFAULT_USER), &now, Vec::new())
            }
            None => {
                let (password, token) = credential(options.password.clone(), settings, world).await?;
                journey.note(format!("made a password and its bcrypt hash for `{place}`"));
                SourceOfTruth::new(Some(password), token, chosen_user.unwrap_or(DEFAULT_USER), &now, Vec::new())
            }
        },
    };
    let source = match chosen_user.filter(|user| source.user() != Some(user)) {
        Some(user) => source.with_user(user),
        None => source,
    };
    let source = with_customary_targets(settings, source);
    let user = credential::user_of(&source, &settings.targets(&source)?);
    Ok(if source.user().is_none() { source.with_user(&user) } else { source })
}

/// Whether `password` is given and is not the one that made the source's token already.
async fn is_another(source: &SourceOfTruth, password: Option<&Password>) -> bool {
    let Some(password) = password.cloned() else { return false };
    let (token, kept) = (source.token().clone(), source.password() == Some(&password));
    !kept || !tokio::task::spawn_blocking(move || token.matches(&password)).await.unwrap_or(false)
}

/// Says so if others could read the source until now: writing it closes it, and what was read stays read.
pub(crate) async fn warn_if_open(journey: &mut Journey, settings: &Settings) {
    let facts = settings.source.value.facts().ok().flatten();
    if let Some(facts) = facts.filter(|facts| !(facts.file.is_private() && facts.folder.is_private())) {
        let summary = format!("until now others could read it: folder {:04o}, file {:04o}", facts.folder.mode, facts.file.mode);
        let finding = checks::was_open(summary).hint("make a fresh token with `--rotate`, since this one may have been read");
        journey.found(std::future::ready(finding)).await;
    }
}

async fn credential(password: Option<Password>, settings: &Settings, world: &World) -> Result<(Password, LoginToken), Failure> {
    match password {
        Some(password) => {
            let token = credential::token_of(&password, settings, world).await?;
            Ok((password, token))
        }
        None => credential::fresh(settings, world).await,
    }
}

/// The token that a PASSWORD file in ComfyUI's folder holds, and its user. A damaged one is nothing to take over.
fn adopted(subject: &Subject<'_>) -> Option<(LoginToken, Option<String>)> {
    let read = |path: std::path::PathBuf| token_sync::read_password_file(&path).ok().flatten();
    let (file, _) = subject.password_files().into_iter().find_map(read)?;
    let token = file.token()?.clone();
    let damaged = matches!(token.shape(), Shape::NotBcrypt(HashFault::Mangled(_)));
    (!damaged).then(|| (token, file.user().map(str::to_owned)))
}

/// The source with the targets of a project by custom, after those it names already.
pub(crate) fn with_customary_targets(settings: &Settings, source: SourceOfTruth) -> SourceOfTruth {
    let mut targets = source.targets().to_vec();
    for entry in settings.customary_targets() {
        if !targets.iter().any(|known| settings.place(&known.path) == settings.place(&entry.path)) {
            targets.push(entry);
        }
    }
    if targets == source.targets() { source } else { source.with_targets(targets) }
}

/// A server that is not running yet is right; one that runs must be restarted if it holds another token.
async fn server(journey: &mut Journey, subject: &Subject<'_>) -> Result<(), Failure> {
    journey.section("Server");
    let url = subject.client.url().to_owned();
    if let Err(error) = subject.client.probe(&comfy_client::Probe::get("/prompt")).await {
        journey.note(format!("{url} doesn't answer ({})", crate::answers::chain(&error)));
        journey.note("start ComfyUI now: it reads the token at its start; then run `genai-auth validate --generate`");
        return Ok(());
    }
    if !validate::server(journey, subject).await? {
        return Ok(());
    }
    if journey.check(checks::DOORS[0], subject).await == Outcome::Pass {
        let in_force = async {
            let mut finding = checks::TOKEN_IN_FORCE.run(subject).await;
            if finding.outcome == Outcome::Fail {
                finding.outcome = Outcome::Warn; // a restart is the next step of a set-up, not a fault of it
            }
            finding
        };
        journey.found(in_force).await;
    }
    Ok(())
}
