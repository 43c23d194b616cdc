//! Renews the token: stage, commit, restart, prove, done. Killed at any stage, the next run goes on where this one was: the source of
//! truth holds the token from before until it is proven dead.

use std::{collections::BTreeSet, future::Future, path::PathBuf, pin::Pin, time::Duration};

use auth_core::{LoginToken, SourceOfTruth};
use comfy_client::Probe;
use report::{Failure, FailureKind, Outcome, Report, Sink};
use settings::{Settings, World};
use token_sync::Plan;
use tokio::time::{Instant, sleep};

use crate::{
    answers, checks, credential,
    journey::Journey,
    subject::{Subject, disk_failure},
    validate, writing,
};

/// How long a restarted ComfyUI may take to answer: it loads all its custom nodes first.
const PATIENCE: Duration = Duration::from_secs(180);

/// Restarts the ComfyUI of the service of that name, as the caller knows how.
pub type Restart<'a> = &'a (dyn Fn(&str) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> + Send + Sync);

/// What to renew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Renew {
    /// A new random password, and its token.
    #[default]
    Password,
    /// Another token of the same password.
    SaltOnly,
}

/// How to rotate.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// What to renew.
    pub renew: Renew,
    /// Restarts ComfyUI; without it somebody else must, and the next run goes on from there.
    pub restart: Option<Restart<'a>>,
}

/// A token that was renewed, and what is left to do for it.
struct Renewed {
    source: PathBuf,
    old: LoginToken,
    new: LoginToken,
    /// The services that use it and are not proven yet.
    unproven: BTreeSet<String>,
}

/// Rotates the token of each service, once where services share a source of truth.
pub async fn run(services: &[Settings], world: &World, options: Options<'_>, sink: &Sink) -> Report {
    let mut journey = Journey::new("rotate", world, sink);
    let mut renewed: Vec<Renewed> = Vec::new();
    let steps = async |journey: &mut Journey, settings: &Settings| {
        let source = settings.source.value.path();
        let index = match renewed.iter().position(|one| one.source == source) {
            Some(index) => index,
            None => {
                renewed.push(renew(journey, settings, world, options.renew).await?);
                renewed.len() - 1
            }
        };
        let token = &mut renewed[index];
        restart_one(journey, settings, world, options.restart).await?;
        if !prove(journey, settings, world, &token.old).await? {
            journey.note("not proven yet: the token from before is kept on file until a run proves it dead");
            return Ok(());
        }
        token.unproven.remove(&settings.service.value);
        if token.unproven.is_empty() {
            return settle(journey, settings, world, &token.new);
        }
        Ok(())
    };
    let stopped = journey.each(services, steps).await;
    let chosen: BTreeSet<_> = services.iter().map(|settings| &settings.service.value).collect();
    let others: BTreeSet<_> = renewed.iter().flat_map(|token| &token.unproven).filter(|name| !chosen.contains(name)).collect();
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
        journey.note(format!(
            "{} shares this source of truth: restart it and prove it too with `genai-tokens rotate --service all`",
            names.join(", ")
        ));
    }
    journey.end(stopped)
}

/// Stage and commit: makes the new token and writes it, or goes on with an earlier run's.
async fn renew(journey: &mut Journey, settings: &Settings, world: &World, renew: Renew) -> Result<Renewed, Failure> {
    journey.subject(settings, world)?; // ends what a killed run had begun
    let source = writing::source(settings)?;
    let old = match source.previous() {
        Some(old) => {
            journey.note("an earlier rotation is not proven yet: going on with it");
            old.clone()
        }
        None => {
            journey.section("Stage and commit");
            commit(journey, settings, world, source, renew).await?
        }
    };
    let sharers = settings.sharers().map(|other| other.service.clone());
    let unproven = sharers.chain([settings.service.value.clone()]).collect();
    let new = writing::source(settings)?.token().clone();
    Ok(Renewed { source: settings.source.value.path().to_owned(), old, new, unproven })
}

async fn restart_one(
    journey: &mut Journey,
    settings: &Settings,
    world: &World,
    restart: Option<Restart<'_>>,
) -> Result<(), Failure> {
    journey.section("Restart");
    let subject = journey.subject(settings, world)?;
    if takes_new_token(&subject).await {
        journey.note("the server uses the new token already");
    } else if let Some(restart) = restart {
        journey.started("restarting ComfyUI");
        restart(&settings.service.value).await?;
        journey.note("ComfyUI was restarted");
        journey.started("waiting until ComfyUI answers");
        wait(&subject).await;
    } else {
        journey.note("nobody told how to restart ComfyUI (`--restart`): restart it now, then run the same command again");
    }
    Ok(())
}

/// Whether the server takes the new token, and refuses the old one by every door.
async fn prove(journey: &mut Journey, settings: &Settings, world: &World, old: &LoginToken) -> Result<bool, Failure> {
    journey.section("Prove");
    let subject = journey.subject(settings, world)?;
    if !validate::server(journey, &subject).await? || journey.check(checks::DOORS[0], &subject).await != Outcome::Pass {
        return Ok(false);
    }
    let refused = journey.found(checks::refuse_old_token(&subject, old)).await;
    let mut proven = refused == Outcome::Pass;
    for check in checks::AFTER_ROTATION {
        proven &= matches!(journey.check(check, &subject).await, Outcome::Pass | Outcome::Skipped(_));
    }
    Ok(proven)
}

/// Makes the new token and writes it everywhere, with the old one kept beside it; returns the old one.
async fn commit(
    journey: &mut Journey,
    settings: &Settings,
    world: &World,
    source: SourceOfTruth,
    renew: Renew,
) -> Result<LoginToken, Failure> {
    let old = source.token().clone();
    journey.started("hashing a password with bcrypt, cost 12");
    let (password, token) = match (renew, source.password().cloned()) {
        (Renew::SaltOnly, Some(password)) => {
            let token = credential::token_of(&password, settings, world).await?;
            (password, token)
        }
        (Renew::SaltOnly, None) => {
            return Err(Failure::new(
                FailureKind::Settings,
                "the source of truth keeps no password, so its salt alone can't be renewed",
            )
            .hint("leave `--salt-only` away for a new password"));
        }
        (Renew::Password, _) => credential::fresh(settings, world).await?,
    };
    let mut workspace = journey.workspace(settings, world)?;
    // Under the lock: whoever changed the source meanwhile was first.
    let source = writing::source(settings)?;
    if source.token() != &old || source.previous().is_some() {
        return Err(Failure::new(FailureKind::Refused, "another process rotated the token meanwhile")
            .hint("run the same command again to rotate once more"));
    }
    let source = source.rotated(Some(password), token, &world.clock.stamp()).pending(old.clone());
    writing::apply(journey, settings, &mut workspace, writing::all(settings, world, &source)?)?;
    Ok(old)
}

/// Forgets the token from before `new`.
fn settle(journey: &mut Journey, settings: &Settings, world: &World, new: &LoginToken) -> Result<(), Failure> {
    let mut workspace = journey.workspace(settings, world)?;
    let source = writing::source(settings)?;
    if source.token() != new {
        journey.note("the token was renewed meanwhile, by another command: that one is not proven yet");
        return Ok(());
    }
    let plan = Plan::default().with_source(&settings.source.value, &source.settled());
    writing::apply(journey, settings, &mut workspace, plan.map_err(|error| disk_failure(&error))?)?;
    journey.note("done: the new token is proven, the one from before is forgotten");
    Ok(())
}

/// Whether the server runs, refuses the nameless, and takes the new token.
async fn takes_new_token(subject: &Subject<'_>) -> bool {
    let Some(source) = subject.known() else { return false };
    let nameless = subject.client.probe(&Probe::get("/queue")).await;
    if !nameless.is_ok_and(|answer| answer.status == 401) {
        return false;
    }
    let credential = Subject::bearer(source.token());
    subject.client.probe(&Probe::get("/queue").credential(credential)).await.is_ok_and(|answer| answers::is_accepted(&answer))
}

/// Waits until the server answers; whoever proves says what it answers.
async fn wait(subject: &Subject<'_>) {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && !takes_new_token(subject).await {
        sleep(Duration::from_millis(300)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use comfy_sim::Server;

    use super::*;
    use crate::{checks::test_project::Project, tokens};

    /// A project with a running server, and a way to restart it.
    async fn project() -> (Project, Arc<Mutex<Option<Server>>>) {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let server = project.serve().await;
        (project, Arc::new(Mutex::new(Some(server))))
    }

    fn outcomes(report: &Report) -> Vec<(&str, &str)> {
        report.findings.iter().map(|finding| (finding.check.0, finding.outcome.name())).collect()
    }

    #[tokio::test]
    async fn without_a_restart_it_is_not_proven_and_the_next_run_goes_on() {
        let (project, server) = project().await;
        let before = project.token();
        let (settings, world) = (project.settings(), project.world());
        let first = run(std::slice::from_ref(&settings), &world, Options::default(), &Sink::silent()).await;
        assert!(outcomes(&first).contains(&("old-token-refused", "fail")), "{:?}", outcomes(&first));
        let pending = settings.source.value.load().unwrap().unwrap();
        assert_eq!(pending.previous().map(LoginToken::expose), Some(&*before));
        let new = project.token();
        assert_ne!(new, before);

        let running = server.lock().unwrap().take().unwrap();
        let listen = running.addr();
        running.shutdown().await;
        let _restarted = project.serve_at(listen).await;
        let second = run(std::slice::from_ref(&settings), &world, Options::default(), &Sink::silent()).await;
        assert_eq!(second.verdict(), report::Verdict::Well, "{:?}", outcomes(&second));
        assert_eq!(project.token(), new, "the second run went on; it did not rotate again");
        assert_eq!(settings.source.value.load().unwrap().unwrap().previous(), None);
    }

    #[tokio::test]
    async fn with_a_restart_it_is_proven_in_one_run() {
        let (project, server) = project().await;
        let (settings, world) = (project.settings(), project.world());
        let restart = |_: &str| -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            Box::pin(async {
                let running = server.lock().unwrap().take().unwrap();
                let listen = running.addr();
                running.shutdown().await;
                *server.lock().unwrap() = Some(project.serve_at(listen).await);
                Ok(())
            })
        };
        let options = Options { renew: Renew::SaltOnly, restart: Some(&restart) };
        let report = run(std::slice::from_ref(&settings), &world, options, &Sink::silent()).await;
        assert_eq!(report.verdict(), report::Verdict::Well, "{:?}", outcomes(&report));
        let source = settings.source.value.load().unwrap().unwrap();
        assert_eq!((source.previous(), source.password().unwrap().expose()), (None, "pw"));
    }

    #[tokio::test]
    async fn a_restart_that_fails_leaves_the_rotation_pending() {
        let (project, _server) = project().await;
        let (settings, world) = (project.settings(), project.world());
        let restart = |_: &str| -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            Box::pin(async { Err(Failure::new(FailureKind::Refused, "no such container")) })
        };
        let report = run(
            std::slice::from_ref(&settings),
            &world,
            Options { restart: Some(&restart), ..Options::default() },
            &Sink::silent(),
        )
        .await;
        assert_eq!(report.verdict(), report::Verdict::Stopped(FailureKind::Refused));
        assert!(settings.source.value.load().unwrap().unwrap().previous().is_some());
    }

    #[tokio::test]
    async fn services_that_share_a_source_are_renewed_once_and_proven_each() {
        let mut project = Project::new();
        project.save("pw");
        project.write_source(&project.source().replace("2026-01-02", "2025-12-30")); // before the clock of the tests
        project.sync();
        let a = project.serve().await;
        std::fs::create_dir_all(project.at("B/login")).unwrap();
        std::fs::copy(project.at("ComfyUI/login/PASSWORD"), project.at("B/login/PASSWORD")).unwrap();
        let serve = |folder: &str, listen| {
            Server::builder().comfy_dir(project.at(folder)).login(comfy_sim::Login::Plugin).listen(listen).spawn()
        };
        let b = serve("B", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let toml = format!(
            "[service.a]\nurl = \"{}\"\ncomfy_dir = \"ComfyUI\"\n[service.b]\nurl = \"{}\"\ncomfy_dir = \"B\"\n",
            a.url(),
            b.url()
        );
        project.write("genai.toml", &toml);
        let world = project.world();
        let load = |service: &str| {
            let flags = settings::Flags { service: Some(service.to_owned()), ..settings::Flags::default() };
            Settings::load_each(&flags, &world).unwrap()
        };
        let from = Some(".env".into());
        let confirm = |_| -> Pin<Box<dyn Future<Output = bool> + Send>> { Box::pin(std::future::ready(false)) };
        let options = tokens::unify::Options { from, also: Vec::new(), password: None, dry_run: false, confirm: &confirm };
        let unified = tokens::unify::run(&load("all"), &world, &options, &Sink::silent()).await;
        assert_eq!(unified.verdict(), report::Verdict::Well, "{:?}", outcomes(&unified));

        let servers = Mutex::new(std::collections::BTreeMap::from([("a", ("ComfyUI", a)), ("b", ("B", b))]));
        let restart = |service: &str| -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            let service = if service == "a" { "a" } else { "b" };
            let (folder, server) = servers.lock().unwrap().remove(service).unwrap();
            let (servers, serve) = (&servers, &serve);
            Box::pin(async move {
                let listen = server.addr();
                server.shutdown().await;
                let restarted = serve(folder, listen).await.unwrap();
                servers.lock().unwrap().insert(service, (folder, restarted));
                Ok(())
            })
        };
        let pending = || load("a")[0].source.value.load().unwrap().unwrap().previous().is_some();
        let options = Options { renew: Renew::SaltOnly, restart: Some(&restart) };
        let one = run(&load("a"), &world, options, &Sink::silent()).await;
        assert_eq!(one.verdict(), report::Verdict::Well, "{:?}", outcomes(&one));
        assert!(pending(), "`b` uses the old token still");
        let token = load("a")[0].source.value.load().unwrap().unwrap().token().clone();
        let all = run(&load("all"), &world, options, &Sink::silent()).await;
        assert_eq!(all.verdict(), report::Verdict::Well, "{:?}", outcomes(&all));
        let refusals = all.findings.iter().filter(|finding| finding.check.0 == "old-token-refused");
        assert_eq!(refusals.filter_map(|finding| finding.service.as_deref()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(!pending());
        assert_eq!(load("a")[0].source.value.load().unwrap().unwrap().token(), &token, "the second run went on");
    }
}
