//! Makes one token of several: chooses one, and writes it to every place that was found.

use std::{collections::BTreeSet, future::Future, pin::Pin};

use auth_core::{LoginToken, Password, SourceOfTruth, TargetEntry};
use report::{Failure, FailureKind, Report, Sink};
use settings::{Settings, World};
use token_sync::Reading;

use crate::{
    checks, credential,
    journey::Journey,
    subject::Subject,
    tokens::places::{self, Role, Spot},
    writing,
};

/// Asks a person; false leaves everything as it is.
pub type Confirm<'a> = &'a (dyn Fn(String) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync);

/// Which token, and whether to ask.
pub struct Options<'a> {
    /// The place whose token is taken, as `audit` names it.
    pub from: Option<String>,
    /// Places that get the token too although nothing says that they are ours, as `audit` names them.
    pub also: Vec<String>,
    /// The password to make the token of, where none is taken from a place.
    pub password: Option<Password>,
    /// Show what would change, and change nothing.
    pub dry_run: bool,
    /// Asked before what differs is overwritten.
    pub confirm: Confirm<'a>,
}

/// Unifies the places of each service; services that share a source of truth have one token.
pub async fn run(services: &[Settings], world: &World, options: &Options<'_>, sink: &Sink) -> Report {
    let mut journey = Journey::new("unify", world, sink);
    let sources: BTreeSet<_> = services.iter().map(|settings| settings.source.value.path()).collect();
    if options.from.is_some() && sources.len() > 1 {
        let failure =
            Failure::new(FailureKind::Usage, "`--from` names a place of one service, and these have tokens of their own");
        return journey.end(Some(failure.hint("say which service with `--service NAME`")));
    }
    let mut unified = BTreeSet::new();
    let steps = async |journey: &mut Journey, settings: &Settings| {
        if unified.insert(settings.source.value.path().to_owned()) {
            return steps(journey, settings, world, options).await;
        }
        journey.note("its token is the one above: the services share a source of truth");
        Ok(())
    };
    let stopped = journey.each(services, steps).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: &Options<'_>) -> Result<(), Failure> {
    let subject = journey.subject(settings, world)?;
    writing::refuse_broken(&subject)?;
    let named: Vec<&str> = options.from.iter().chain(&options.also).map(String::as_str).collect();
    let spots = places::find(&subject, &named).spots;
    for name in &options.also {
        if !spots.iter().any(|spot| spot.is_called(name, settings, subject.current_dir())) {
            return Err(no_such_place(settings, &spots, name));
        }
    }
    let (password, token) = choose(&subject, &spots, world, options).await?;
    let source = source(&subject, &spots, world, password, token);
    let plan = writing::all(settings, world, &source)?;
    if options.dry_run {
        writing::announce(journey, settings, &plan);
        journey.checks(checks::QUICK, &subject).await;
        return Ok(());
    }
    let lost = at_stake(settings, &spots, source.token());
    if !lost.is_empty() && !(options.confirm)(format!("overwrite the tokens in {}?", lost.join(", "))).await {
        return Err(Failure::new(FailureKind::Refused, "nothing was written: other tokens would be overwritten")
            .hint("see which with `genai-tokens audit`; go ahead with `--yes`"));
    }
    // The lock is taken only now, so that nobody waits while a person thinks; what was asked must still be so.
    let mut workspace = journey.workspace(settings, world)?;
    let now = Subject::new(settings, world)?;
    if now.known() != subject.known() || at_stake(settings, &places::find(&now, &named).spots, source.token()) != lost {
        return Err(Failure::new(FailureKind::Refused, "nothing was written: the places were changed meanwhile")
            .hint("run the same command again"));
    }
    writing::apply(journey, settings, &mut workspace, writing::all(settings, world, &source)?)?;
    drop(workspace);
    let subject = journey.subject(settings, world)?;
    journey.checks(checks::QUICK, &subject).await;
    for spot in spots.iter().filter(|spot| spot.role == Role::Unclaimed) {
        journey.note(format!("left alone: `{0}`, which nothing claims; write it too with `--also '{0}'`", spot.name(settings)));
    }
    journey.note("restart what reads the token: ComfyUI reads its PASSWORD once, at its start");
    Ok(())
}

/// The places of ours whose content a person might miss.
fn at_stake(settings: &Settings, spots: &[Spot], token: &LoginToken) -> Vec<String> {
    let differs = |spot: &&Spot| !matches!(spot.reading, Reading::Absent | Reading::Empty) && !spot.reading.holds(token);
    spots.iter().filter(|spot| spot.is_ours()).filter(differs).map(|spot| spot.name(settings)).collect()
}

fn no_such_place(settings: &Settings, spots: &[Spot], name: &str) -> Failure {
    let failure = Failure::new(FailureKind::Usage, format!("no token was found in `{name}`"));
    let places: Vec<_> = spots.iter().map(|spot| format!("`{}`", spot.name(settings))).collect();
    match places.is_empty() {
        true => failure.hint("there is no token anywhere: make a fresh one with `genai-tokens unify`"),
        false => failure.hint(format!("name one of {}", places.join(", "))),
    }
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
        let mut at: Vec<_> = spots.iter().filter(|spot| spot.is_called(from, settings, subject.current_dir())).collect();
        at.dedup_by(|one, other| one.token() == other.token());
        let token = match at.as_slice() {
            [] => return Err(no_such_place(settings, spots, from)),
            [spot] => spot.token().cloned(),
            several => {
                let names: Vec<_> = several.iter().map(|spot| format!("`{}`", spot.name(settings))).collect();
                return Err(Failure::new(FailureKind::Usage, format!("`{from}` holds several tokens"))
                    .hint(format!("name one of {}", names.join(", "))));
            }
        };
        let token =
            token.ok_or_else(|| Failure::new(FailureKind::Settings, format!("`{from}` holds no token that can be used")))?;
        if let auth_core::Shape::NotBcrypt(auth_core::HashFault::Mangled(mangling)) = token.shape() {
            return Err(Failure::new(FailureKind::Settings, format!("the token in `{from}` is {mangling}"))
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
    let seen_user = spots.iter().filter(|spot| spot.is_ours()).find_map(|spot| match &spot.reading {
        Reading::Token(_, user) => user.clone(),
        _ => None,
    });
    let user = settings
        .user
        .as_ref()
        .map(|user| user.value.clone())
        .or(seen_user)
        .unwrap_or_else(|| credential::DEFAULT_USER.to_owned());
    let mut targets = subject.known().map_or_else(Vec::new, |source| source.targets().to_vec());
    for spot in spots.iter().filter(|spot| spot.role == Role::Found) {
        if let Some(target) = &spot.target {
            targets.push(TargetEntry::new(settings.shown(&spot.path), target.dialect().name(), target.key()));
        }
    }
    // A ComfyUI without PASSWORD lets its first visitor set it.
    if subject.known().is_none() {
        let password = settings.customary_targets().into_iter().filter(|entry| entry.path.ends_with("login/PASSWORD"));
        let missing =
            password.filter(|entry| targets.iter().all(|known| settings.place(&known.path) != settings.place(&entry.path)));
        let missing: Vec<_> = missing.collect();
        targets.extend(missing);
    }
    match subject.known() {
        Some(known) if *known.token() == token => known.clone().with_targets(targets),
        Some(known) => known.clone().rotated(password, token, &now).with_targets(targets),
        None => SourceOfTruth::new(password, token, &user, &now, targets),
    }
}
