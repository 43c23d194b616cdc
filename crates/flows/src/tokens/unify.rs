//! Makes one token of several: chooses one, and writes it to every place that was found.

use std::path::PathBuf;

use auth_core::{LoginToken, Password, SourceOfTruth, TargetEntry};
use report::{Failure, FailureKind, Report, Sink};
use settings::{Settings, World};
use token_sync::{ChangeKind, Reading};

use crate::{
    checks, credential,
    journey::Journey,
    plan,
    setup::{self, DEFAULT_USER},
    subject::{Source, Subject, disk_failure, open_workspace},
    tokens::places::{self, Role, Spot},
};

/// Which token, and whether to ask.
pub struct Options<'a> {
    /// The place whose token is taken.
    pub from: Option<PathBuf>,
    /// The password to make the token of, where none is taken from a place.
    pub password: Option<Password>,
    /// Show what would change, and change nothing.
    pub dry_run: bool,
    /// Asked before a token that differs is overwritten; false leaves everything as it is.
    pub confirm: &'a (dyn Fn(&str) -> bool + Send + Sync),
}

/// Unifies the places of one service.
pub async fn run(settings: &Settings, world: &World, options: &Options<'_>, sink: &Sink) -> Report {
    let mut journey = Journey::new("unify", world, sink);
    let steps = async |journey: &mut Journey, settings: &Settings| steps(journey, settings, world, options).await;
    let stopped = journey.each(std::slice::from_ref(settings), steps).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: &Options<'_>) -> Result<(), Failure> {
    let mut workspace = open_workspace(settings, world)?;
    let subject = Subject::new(settings, world)?;
    if let Source::Broken(error) = &subject.source {
        return Err(
            disk_failure(error).hint("nothing was written; mend the file, or move it away and run the same command again")
        );
    }
    let spots = places::find(&subject).spots;
    let (password, token) = choose(&subject, &spots, world, options).await?;
    let source = source(&subject, &spots, world, password, token);
    let plan = plan::of_all(settings, world, &source)?;
    for step in plan.steps().iter().filter(|step| step.kind() != ChangeKind::Unchanged) {
        let what = if step.kind() == ChangeKind::Created { "will create" } else { "will change" };
        journey.note(format!("{what} `{}`", settings.shown(step.path())));
    }
    if options.dry_run {
        journey.note("dry run: nothing was written");
        return Ok(());
    }
    let lost: Vec<_> = spots.iter().filter(|spot| spot.token().is_some_and(|held| held != source.token())).collect();
    if !lost.is_empty() {
        let names: Vec<_> = lost.iter().map(|spot| spot.name(settings)).collect();
        if !(options.confirm)(&format!("overwrite the tokens in {}?", names.join(", "))) {
            return Err(Failure::new(FailureKind::Refused, "nothing was written: other tokens would be overwritten")
                .hint("see which with `genai-tokens audit`; go ahead with `--yes`"));
        }
    }
    setup::apply(journey, settings, &mut workspace, plan)?;
    drop(workspace);
    let subject = Subject::new(settings, world)?;
    for check in checks::QUICK {
        journey.check(check, &subject).await;
    }
    journey.note("restart what reads the token: ComfyUI reads its PASSWORD once, at its start");
    Ok(())
}

/// The token of the place that was named, of the password that was given, or a fresh one.
async fn choose(
    subject: &Subject<'_>,
    spots: &[Spot],
    world: &World,
    options: &Options<'_>,
) -> Result<(Option<Password>, LoginToken), Failure> {
    let settings = subject.settings;
    if let Some(from) = &options.from {
        let wanted = settings.place(from);
        let mut at: Vec<_> =
            spots.iter().filter(|spot| spot.path == wanted || spot.path == world.current_dir.join(from)).collect();
        at.dedup_by(|one, other| one.token() == other.token());
        let token = match at.as_slice() {
            [] => {
                let places: Vec<_> = spots.iter().map(|spot| format!("`{}`", settings.shown(&spot.path))).collect();
                return Err(Failure::new(FailureKind::Usage, format!("no token was found in `{}`", from.display()))
                    .hint(format!("name one of {}", places.join(", "))));
            }
            [spot] => spot.token().cloned(),
            _ => {
                return Err(Failure::new(FailureKind::Usage, format!("`{}` holds several tokens", from.display()))
                    .hint("name another place"));
            }
        };
        let token = token.ok_or_else(|| {
            Failure::new(FailureKind::Settings, format!("`{}` holds no token that can be used", from.display()))
        })?;
        if let auth_core::Shape::NotBcrypt(auth_core::HashFault::Mangled(mangling)) = token.shape() {
            return Err(Failure::new(FailureKind::Settings, format!("the token in `{}` is {mangling}", from.display()))
                .hint("name another place, or make a fresh token with `genai-tokens unify`"));
        }
        // The password stays only if it made this very token.
        let kept = subject.known().filter(|source| *source.token() == token).and_then(|source| source.password().cloned());
        return Ok((kept, token));
    }
    match &options.password {
        Some(password) => Ok((Some(password.clone()), credential::token_of(password, settings, world).await?)),
        None => credential::fresh(settings, world).await.map(|(password, token)| (Some(password), token)),
    }
}

/// The source of truth with that token, naming every place that was found.
fn source(subject: &Subject<'_>, spots: &[Spot], world: &World, password: Option<Password>, token: LoginToken) -> SourceOfTruth {
    let settings = subject.settings;
    let now = world.clock.stamp();
    let seen_user = spots.iter().find_map(|spot| match &spot.reading {
        Reading::Token(_, user) => user.clone(),
        _ => None,
    });
    let user = settings.user.as_ref().map(|user| user.value.clone()).or(seen_user).unwrap_or_else(|| DEFAULT_USER.to_owned());
    let mut targets = subject.known().map_or_else(Vec::new, |source| source.targets().to_vec());
    for spot in spots.iter().filter(|spot| spot.role == Role::Found) {
        if let Some(target) = &spot.target {
            targets.push(TargetEntry::new(settings.shown(&spot.path), target.dialect().name(), target.key()));
        }
    }
    match subject.known() {
        Some(known) if *known.token() == token => known.clone().with_targets(targets),
        Some(known) => known.clone().rotated(password, token, &now).with_targets(targets),
        None => SourceOfTruth::new(password, token, &user, &now, targets),
    }
}
