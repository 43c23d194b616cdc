//! Finds every place of a token, known and unknown, and says which hold the same one and which is in force.

use std::future::ready;

use auth_core::{LoginToken, SourceOfTruth};
use comfy_client::Probe;
use report::{Failure, Outcome, Report, Sink};
use settings::{Origin, Settings, World};

use crate::{
    answers, checks,
    journey::Journey,
    subject::Subject,
    tokens::places::{self, Places, Role, Spot},
    validate,
};

/// Looks at every place of each service; changes nothing. The server is asked only if its URL comes by flag or environment.
pub async fn run(services: &[Settings], world: &World, sink: &Sink) -> Report {
    let mut journey = Journey::new("audit", world, sink);
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World) -> Result<(), Failure> {
    let subject = journey.subject(settings, world)?;
    journey.section("Project");
    journey.checks(&checks::QUICK[..4], &subject).await;
    let Places { spots, refused } = places::find(&subject, &[]);
    let groups = Groups::of(settings, &spots);
    let wanted = subject.known().map(SourceOfTruth::token);
    journey.section("Places");
    for spot in &spots {
        let group = spot.token().and_then(|token| groups.name(token));
        journey.found(ready(checks::place(settings, spot, group, wanted))).await;
    }
    for (path, error) in &refused {
        journey.found(ready(checks::refused_place(path, error))).await;
    }
    let listed: Vec<_> = groups.0.iter().map(|group| (group.name.clone(), group.places.clone())).collect();
    journey.found(ready(checks::one_token(&listed, subject.known().is_some()))).await;
    if matches!(settings.url.origin, Origin::Flag(_) | Origin::Environment(_)) {
        in_force(journey, &subject, &groups).await?;
    }
    Ok(())
}

/// Which of the tokens the running server takes.
async fn in_force(journey: &mut Journey, subject: &Subject<'_>, groups: &Groups) -> Result<(), Failure> {
    journey.section("Server");
    if !validate::server(journey, subject).await? || journey.check(checks::DOORS[0], subject).await != Outcome::Pass {
        return Ok(());
    }
    let mut taken = None;
    for group in &groups.0 {
        let answer = subject.client.probe(&Probe::get("/queue").credential(Subject::bearer(&group.token))).await;
        if answer.is_ok_and(|answer| answers::is_accepted(&answer)) {
            taken = Some(group);
        }
    }
    match taken {
        Some(group) => journey.note(format!("in force: {} ({})", group.name, group.places.join(", "))),
        None => journey.note("in force: none of these; the server holds a token that is nowhere here"),
    }
    journey.check(&checks::TOKEN_IN_FORCE, subject).await;
    Ok(())
}

/// The distinct tokens, in the order they were found.
struct Groups(Vec<Group>);

struct Group {
    token: LoginToken,
    name: String,
    places: Vec<String>,
}

impl Groups {
    fn of(settings: &Settings, spots: &[Spot]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        // What may be another program's is neither counted nor shown to a server.
        for spot in spots.iter().filter(|spot| spot.role != Role::Unclaimed) {
            let Some(token) = spot.token() else { continue };
            let place = spot.name(settings);
            if let Some(group) = groups.iter_mut().find(|group| group.token == *token) {
                group.places.push(place);
                continue;
            }
            let number = groups.len() + 1;
            let name = format!("token {number}, fingerprint {}", token.fingerprint(&settings.fingerprint_key()));
            groups.push(Group { token: token.clone(), name, places: vec![place] });
        }
        Self(groups)
    }

    fn name(&self, token: &LoginToken) -> Option<&str> {
        self.0.iter().find(|group| group.token == *token).map(|group| group.name.as_str())
    }
}
