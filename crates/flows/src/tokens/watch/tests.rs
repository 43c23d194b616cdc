//! Real files, real events. Each test awaits exactly what must be told, in its order: so what must not be told, a repair of a repair
//! say, would be seen.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
};

use auth_core::{BcryptHash, LoginToken, Password};
use report::{
    FailureKind,
    watch::{Noticing, Watched},
};
use token_sync::{Caller, Plan, Workspace};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::checks::test_project::Project;

const ENV: &str = ".env";
const SERVICE: &str = "docker-configurations/services/comfyui-qwen/.env";
const PASSWORD: &str = "ComfyUI/login/PASSWORD";
const ALL: &str = ".env, docker-configurations/services/comfyui-qwen/.env, ComfyUI/login/PASSWORD";

const REPORT: Options = Options { repair: false, poll: None };
const REPAIR: Options = Options { repair: true, poll: None };

/// Runs `script` while a watch runs.
async fn during(project: &Project, options: Options, script: impl AsyncFnOnce(&mut Told)) {
    let (settings, world) = ([project.settings()], project.world());
    let (sender, receiver) = unbounded_channel();
    let mut tell = |happening: Happening| {
        sender.send(happening.what).unwrap();
        ControlFlow::Continue(())
    };
    let mut told = Told(receiver);
    tokio::select! {
        ended = run(&settings, &world, options, &mut tell) => panic!("the watch ended: {ended:?}"),
        () = script(&mut told) => {}
    }
    let rest: Vec<_> = std::iter::from_fn(|| told.0.try_recv().ok()).map(|what| shown(&what)).collect();
    assert_eq!(rest, [""; 0], "more is told than happened");
}

struct Told(UnboundedReceiver<What>);

impl Told {
    async fn next(&mut self) -> What {
        tokio::time::timeout(Duration::from_secs(60), self.0.recv()).await.expect("nothing was told").unwrap()
    }

    async fn is(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(shown(&self.next().await), *expected);
        }
    }
}

fn shown(what: &What) -> String {
    let told = format!("{what:?}");
    assert!(!told.contains("$2b$04$") && !told.contains("another-made-up"), "a token is told: {told}");
    match what {
        What::Began { services, .. } => format!("began: {}", watched(&services[0])),
        What::Watching(one) => format!("watching: {}", watched(one)),
        What::Noticing(noticing) => format!("noticing: {noticing:?}"),
        What::Source(finding) => format!("{} {}", finding.check.0, finding.outcome.name()),
        What::Renewed { place, .. } => format!("renewed: {place}"),
        What::Drifted(drift) => format!("drifted: {}: {}", drift.place, drift.seen),
        What::InSync { place } => format!("in sync: {place}"),
        What::Repaired { places } => format!("repaired: {}", places.join(", ")),
        What::PutOff { places, .. } => format!("put off: {}", places.join(", ")),
        What::Failed { failure, .. } => format!("failed: {:?}", failure.kind),
        What::Recovered(_) => "recovered".to_owned(),
        What::Ended(_) => "ended".to_owned(),
    }
}

fn watched(one: &Watched) -> String {
    format!("{}; amiss: {}", one.targets.join(", "), one.amiss.join(", "))
}

fn project() -> Project {
    let project = Project::new();
    project.save("pw");
    project.sync();
    project
}

/// As editors do it.
fn replace(project: &Project, name: &str, text: &str) {
    project.write("temporary", text);
    fs::rename(project.at("temporary"), project.at(name)).unwrap();
}

#[tokio::test]
async fn drift_is_told_however_it_comes_and_goes() {
    let project = project();
    let (env, service) = (fs::read_to_string(project.at(ENV)).unwrap(), fs::read_to_string(project.at(SERVICE)).unwrap());
    during(&project, REPORT, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        project.write(ENV, "COMFYUI_API_TOKEN='another-made-up-one'\n");
        told.is(&["drifted: .env: ANOTHER token"]).await;
        project.write(ENV, "A=1\n");
        told.is(&["drifted: .env: no token"]).await;
        replace(&project, ENV, &env);
        told.is(&["in sync: .env"]).await;
        fs::remove_file(project.at(ENV)).unwrap();
        told.is(&["drifted: .env: no such file"]).await;
        project.write(ENV, &env);
        told.is(&["in sync: .env"]).await;
        for _ in 0..2 {
            fs::remove_dir_all(project.at("docker-configurations")).unwrap();
            told.is(&[&format!("drifted: {SERVICE}: no such file")]).await;
            fs::create_dir_all(project.at(SERVICE).parent().unwrap()).unwrap();
            project.write(SERVICE, &service);
            told.is(&[&format!("in sync: {SERVICE}")]).await;
        }
        fs::rename(project.at("docker-configurations"), project.at("gone")).unwrap();
        told.is(&[&format!("drifted: {SERVICE}: no such file")]).await;
        fs::rename(project.at("gone"), project.at("docker-configurations")).unwrap();
        told.is(&[&format!("in sync: {SERVICE}")]).await;
        replace(&project, PASSWORD, "");
        told.is(&[&format!(
            "drifted: {PASSWORD}: its first line is blank, so that an empty `?token=` opens the server to everybody"
        )])
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_project_without_folders_is_watched_until_they_come() {
    let project = Project::new();
    during(&project, REPORT, async |told| {
        told.is(&["began: ; amiss: source-present", "source-present fail"]).await;
        project.save("pw");
        let drifted = |place: &str| format!("drifted: {place}: no such file");
        told.is(&["source-present pass", &drifted(ENV), &drifted(SERVICE), &drifted(PASSWORD)]).await;
        project.sync();
        told.is(&["in sync: .env", &format!("in sync: {SERVICE}"), &format!("in sync: {PASSWORD}")]).await;
    })
    .await;
}

#[tokio::test]
async fn polling_sees_the_same() {
    let project = project();
    let options = Options { poll: Some(Duration::from_millis(20)), ..REPORT };
    during(&project, options, async |told| {
        let What::Began { noticing, .. } = told.next().await else { panic!("something else is told first") };
        assert_eq!(noticing, Noticing::Polling { every: Duration::from_millis(20), because: None });
        replace(&project, ENV, "A=1\n");
        told.is(&["drifted: .env: no token"]).await;
        project.sync();
        told.is(&["in sync: .env"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_source_that_is_lost_or_mangled_is_a_finding_and_is_watched_on() {
    let project = project();
    let (good, source) = (project.source(), project.at(".secrets/comfyui_auth_tokens.conf"));
    during(&project, REPORT, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        project.write_source("{ not json");
        told.is(&["source-well-formed fail"]).await;
        project.write_source(&good);
        told.is(&["source-well-formed pass"]).await;
        fs::rename(&source, project.at("away")).unwrap();
        told.is(&["source-present fail"]).await;
        fs::rename(project.at("away"), &source).unwrap();
        told.is(&["source-present pass"]).await;
        project.set_modes(0o700, 0o644);
        told.is(&["source-private fail"]).await;
        project.set_modes(0o700, 0o600);
        told.is(&["source-private pass"]).await;
        project.write(ENV, "A=1\n");
        told.is(&["drifted: .env: no token"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_rotation_by_another_program_is_one_happening() {
    let project = project();
    let settings = project.settings();
    during(&project, REPORT, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        let token = LoginToken::from(BcryptHash::of(&Password::new("new").unwrap(), 4, [0x46; 16]).unwrap());
        let source = settings.source.value.load().unwrap().unwrap().rotated(None, token, "2026-01-02T03:04:05Z");
        let plan = Plan::make(source.token(), "ann", &settings.targets(&source).unwrap()).unwrap();
        let plan = plan.with_source(&settings.source.value, &source).unwrap();
        let caller = Caller::new("rotate", "2026-01-02T03:04:05Z", [1; 16]);
        Workspace::open(&project.at(".secrets"), &caller).unwrap().apply(plan).unwrap().changes.iter().for_each(drop);
        told.is(&["renewed: .secrets/comfyui_auth_tokens.conf"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_source_that_is_changed_alone_makes_its_targets_stale_and_they_follow() {
    for options in [REPORT, REPAIR] {
        let project = project();
        during(&project, options, async |told| {
            told.is(&[&format!("began: {ALL}; amiss: ")]).await;
            project.save("new");
            let drifted = |place: &str| format!("drifted: {place}: ANOTHER token");
            told.is(&["renewed: .secrets/comfyui_auth_tokens.conf", &drifted(ENV), &drifted(SERVICE), &drifted(PASSWORD)]).await;
            if options.repair {
                let before = project.source();
                told.is(&[&format!("repaired: {ALL}")]).await;
                assert_eq!(project.source(), before);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_repair_writes_each_target_once_and_no_other() {
    let project = project();
    let inode = |name: &str| fs::metadata(project.at(name)).unwrap().ino();
    let (env, source) = (fs::read_to_string(project.at(ENV)).unwrap(), inode(".secrets/comfyui_auth_tokens.conf"));
    during(&project, REPAIR, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        let password = inode(PASSWORD);
        project.write(ENV, "# ours\nCOMFYUI_API_TOKEN=another-made-up-one\n");
        told.is(&["drifted: .env: ANOTHER token", "repaired: .env"]).await;
        assert_eq!(fs::read_to_string(project.at(ENV)).unwrap(), format!("# ours\n{env}"));
        let repaired = inode(ENV);
        fs::remove_dir_all(project.at("docker-configurations")).unwrap();
        told.is(&[&format!("drifted: {SERVICE}: no such file"), &format!("repaired: {SERVICE}")]).await;
        assert_eq!((inode(ENV), inode(PASSWORD)), (repaired, password), "a target that was right is touched");
        replace(&project, PASSWORD, "");
        told.next().await;
        told.is(&[&format!("repaired: {PASSWORD}")]).await;
        assert_eq!((inode(ENV), inode(".secrets/comfyui_auth_tokens.conf")), (repaired, source));
    })
    .await;
}

#[tokio::test]
async fn a_damaged_token_is_not_spread() {
    let project = project();
    let (good, env) = (project.source(), fs::read_to_string(project.at(ENV)).unwrap());
    during(&project, REPAIR, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        let differ = |what: &str| {
            [ENV, SERVICE, PASSWORD]
                .map(|place| format!("{what}: {place}{}", if what == "drifted" { ": ANOTHER token" } else { "" }))
        };
        project.write_source(&good.replace(&project.token(), &project.token().replace('$', "$$")));
        told.is(&["source-well-formed fail", "renewed: .secrets/comfyui_auth_tokens.conf"]).await;
        told.is(&differ("drifted").each_ref().map(|text| &**text)).await;
        project.write_source(&good);
        told.is(&["source-well-formed pass", "renewed: .secrets/comfyui_auth_tokens.conf"]).await;
        told.is(&differ("in sync").each_ref().map(|text| &**text)).await;
        assert_eq!(fs::read_to_string(project.at(ENV)).unwrap(), env);
    })
    .await;
}

#[tokio::test]
async fn who_fights_for_a_target_is_told_of_and_put_off() {
    let project = project();
    during(&project, REPAIR, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        let began = Instant::now();
        project.write(ENV, "A=1\n");
        told.is(&["drifted: .env: no token", "repaired: .env"]).await;
        project.write(ENV, "A=1\n");
        told.is(&["drifted: .env: no token", "put off: .env"]).await;
        project.write(PASSWORD, "");
        told.next().await;
        told.is(&[&format!("repaired: {PASSWORD}"), "repaired: .env"]).await;
        assert!(began.elapsed() >= Duration::from_secs(1), "it was hammered");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_written_is_told_and_tried_again() {
    let project = project();
    fs::remove_file(project.at(ENV)).unwrap();
    fs::create_dir(project.at(ENV)).unwrap();
    during(&project, REPAIR, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: .env")]).await;
        assert!(shown(&told.next().await).contains("not a file"));
        told.is(&["failed: Settings"]).await;
        fs::remove_dir(project.at(ENV)).unwrap();
        let mut last = String::new();
        while last != "repaired: .env" {
            last = shown(&told.next().await);
        }
    })
    .await;
}

#[tokio::test]
async fn links_to_folders_are_followed_and_watched() {
    let (project, elsewhere) = (Project::new(), tempfile::tempdir().unwrap());
    symlink(elsewhere.path(), project.at("ComfyUI")).unwrap();
    project.save("pw");
    project.sync();
    during(&project, REPORT, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        let password = elsewhere.path().join("login/PASSWORD");
        let good = fs::read(&password).unwrap();
        fs::write(&password, "another-made-up-one\nann\n").unwrap();
        told.is(&[&format!("drifted: {PASSWORD}: ANOTHER token")]).await;
        fs::write(&password, good).unwrap();
        told.is(&[&format!("in sync: {PASSWORD}")]).await;
        fs::create_dir(project.at("other")).unwrap();
        symlink("other", project.at("link")).unwrap();
        fs::rename(project.at("link"), project.at("ComfyUI")).unwrap();
        told.is(&[&format!("drifted: {PASSWORD}: no such file")]).await;
    })
    .await;
}

#[tokio::test]
async fn where_the_system_tells_nothing_it_is_polled() {
    let project = Project::new();
    symlink("/proc/self", project.at("ComfyUI")).unwrap();
    project.save("pw");
    during(&project, REPORT, async |told| {
        let What::Began { noticing: Noticing::Polling { because: Some(because), .. }, .. } = told.next().await else {
            panic!("it is not polled")
        };
        assert!(because.contains("procfs"), "{because}");
        let drifted = |place: &str| format!("drifted: {place}: no such file");
        told.is(&[&drifted(ENV), &drifted(SERVICE), &drifted(PASSWORD)]).await;
        fs::remove_file(project.at("ComfyUI")).unwrap();
        told.is(&["noticing: Events"]).await;
    })
    .await;
}

#[tokio::test]
async fn trouble_ends_a_watch_at_its_start_and_is_told_later() {
    let project = project();
    let journal = project.at(".secrets/staging.journal");
    during(&project, REPORT, async |told| {
        told.is(&[&format!("began: {ALL}; amiss: ")]).await;
        project.write(".secrets/staging.journal", "genai-auth commit journal 2\n");
        fs::set_permissions(&journal, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        project.write(ENV, "A=1\n");
        told.is(&["failed: Settings"]).await;
        let failed = run(&[project.settings()], &project.world(), REPORT, &mut |_| ControlFlow::Continue(())).await;
        assert_eq!(failed.unwrap_err().kind, FailureKind::Settings);
        fs::remove_file(&journal).unwrap();
        told.is(&[&format!("watching: {ALL}; amiss: .env"), "drifted: .env: no token"]).await;
    })
    .await;
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let project = project();
    assert!(run(&[project.settings()], &project.world(), REPORT, &mut |_| ControlFlow::Break(())).await.is_ok());
}
