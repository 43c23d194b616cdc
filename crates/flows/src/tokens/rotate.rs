//! Renews the token: stage, commit, restart, prove, done. Killed at any stage, the next run goes on where this one was: the source of
//! truth holds the token from before until it is proven dead.

use std::{future::Future, pin::Pin, time::Duration};

use auth_core::{LoginToken, SourceOfTruth};
use comfy_client::Probe;
use report::{Failure, FailureKind, Outcome, Report, Sink};
use settings::{Settings, World};
use token_sync::{Plan, SourceFile};
use tokio::time::{Instant, sleep};

use crate::{
    answers, checks, credential,
    journey::Journey,
    plan, setup,
    subject::{Subject, disk_failure, open_workspace},
    validate,
};

/// How long a restarted ComfyUI may take to answer: it loads all its custom nodes first.
const PATIENCE: Duration = Duration::from_secs(180);

/// Restarts ComfyUI, as the caller knows how.
pub type Restart<'a> = &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> + Send + Sync);

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

/// Rotates the token of one service.
pub async fn run(settings: &Settings, world: &World, options: Options<'_>, sink: &Sink) -> Report {
    let mut journey = Journey::new("rotate", world, sink);
    let stopped =
        journey.each(std::slice::from_ref(settings), async |journey, settings| steps(journey, settings, world, options).await);
    let stopped = stopped.await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: Options<'_>) -> Result<(), Failure> {
    let source = load(settings)?;
    let old = match source.previous() {
        Some(old) => {
            journey.note("an earlier rotation is not proven yet: going on with it");
            old.clone()
        }
        None => {
            journey.section("Stage and commit");
            commit(journey, settings, world, source, options.renew).await?
        }
    };

    journey.section("Restart");
    let subject = Subject::new(settings, world)?;
    if takes_new_token(&subject).await {
        journey.note("the server uses the new token already");
    } else if let Some(restart) = options.restart {
        journey.started("restarting ComfyUI");
        restart().await?;
        journey.note("ComfyUI was restarted");
        journey.started("waiting until ComfyUI answers");
        wait(&subject).await;
    } else {
        journey.note("nobody told how to restart ComfyUI (`--restart`): restart it now, then run the same command again");
    }

    journey.section("Prove");
    if !validate::server(journey, &subject).await? {
        return Ok(());
    }
    if journey.check(checks::DOORS[0], &subject).await != Outcome::Pass {
        return Ok(());
    }
    let refused = journey.found(checks::refuse_old_token(&subject, &old)).await;
    let mut proven = refused == Outcome::Pass;
    for check in checks::AFTER_ROTATION {
        proven &= matches!(journey.check(check, &subject).await, Outcome::Pass | Outcome::Skipped(_));
    }
    if proven {
        settle(journey, settings, world)?;
    } else {
        journey.note("not proven yet: the token from before is kept on file until the next run proves it dead");
    }
    Ok(())
}

fn load(settings: &Settings) -> Result<SourceOfTruth, Failure> {
    let place = settings.shown(settings.source.value.path());
    match settings.source.value.load() {
        Ok(Some(source)) => Ok(source),
        Ok(None) => Err(Failure::new(FailureKind::Settings, format!("there is no source of truth at `{place}`"))
            .hint("make one with `genai-auth setup --comfy-dir DIR`, or name the project's folder with `--project DIR`")),
        Err(error) => Err(disk_failure(&error)),
    }
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
    let mut workspace = open_workspace(settings, world)?;
    // Under the lock: whoever changed the source meanwhile was first.
    if load(settings)?.token() != &old {
        return Err(Failure::new(FailureKind::Refused, "another process rotated the token meanwhile")
            .hint("run the same command again to rotate once more"));
    }
    let source = source.rotated(Some(password), token, &world.clock.stamp()).pending(old.clone());
    let plan = plan::of_all(settings, world, &source)?;
    setup::apply(journey, settings, &mut workspace, plan)?;
    Ok(old)
}

/// Forgets the token from before.
fn settle(journey: &Journey, settings: &Settings, world: &World) -> Result<(), Failure> {
    let mut workspace = open_workspace(settings, world)?;
    let source = load(settings)?.settled();
    let file: &SourceFile = &settings.source.value;
    let plan = Plan::default().with_source(file, &source).map_err(|error| disk_failure(&error))?;
    setup::apply(journey, settings, &mut workspace, plan)?;
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
    use crate::checks::test_project::Project;

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
        let first = run(&settings, &world, Options::default(), &Sink::silent()).await;
        assert!(outcomes(&first).contains(&("old-token-refused", "fail")), "{:?}", outcomes(&first));
        let pending = settings.source.value.load().unwrap().unwrap();
        assert_eq!(pending.previous().map(LoginToken::expose), Some(&*before));
        let new = project.token();
        assert_ne!(new, before);

        let running = server.lock().unwrap().take().unwrap();
        let listen = running.addr();
        running.shutdown().await;
        let _restarted = project.serve_at(listen).await;
        let second = run(&settings, &world, Options::default(), &Sink::silent()).await;
        assert_eq!(second.verdict(), report::Verdict::Well, "{:?}", outcomes(&second));
        assert_eq!(project.token(), new, "the second run went on; it did not rotate again");
        assert_eq!(settings.source.value.load().unwrap().unwrap().previous(), None);
    }

    #[tokio::test]
    async fn with_a_restart_it_is_proven_in_one_run() {
        let (project, server) = project().await;
        let (settings, world) = (project.settings(), project.world());
        let restart = || -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            Box::pin(async {
                let running = server.lock().unwrap().take().unwrap();
                let listen = running.addr();
                running.shutdown().await;
                *server.lock().unwrap() = Some(project.serve_at(listen).await);
                Ok(())
            })
        };
        let options = Options { renew: Renew::SaltOnly, restart: Some(&restart) };
        let report = run(&settings, &world, options, &Sink::silent()).await;
        assert_eq!(report.verdict(), report::Verdict::Well, "{:?}", outcomes(&report));
        let source = settings.source.value.load().unwrap().unwrap();
        assert_eq!((source.previous(), source.password().unwrap().expose()), (None, "pw"));
    }

    #[tokio::test]
    async fn a_restart_that_fails_leaves_the_rotation_pending() {
        let (project, _server) = project().await;
        let (settings, world) = (project.settings(), project.world());
        let restart = || -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
            Box::pin(async { Err(Failure::new(FailureKind::Refused, "no such container")) })
        };
        let report = run(&settings, &world, Options { restart: Some(&restart), ..Options::default() }, &Sink::silent()).await;
        assert_eq!(report.verdict(), report::Verdict::Stopped(FailureKind::Refused));
        assert!(settings.source.value.load().unwrap().unwrap().previous().is_some());
    }
}
