//! What a run started and has not seen to ask for a credential: whatever ends the run, no such server stays open with nobody looking.
//!
//! The tests take the image that those of `docker-ops` make.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::guarded::{Project, docker, finding, over_tcp, stack};

/// It opens when it is told to.
const OPENS: &str = "until [ -e /tmp/go ]; do sleep 0.1; done; exec httpd -f -p 8188 -h /www";
pub(crate) const ASKS: &str = "echo '/:ann:pw' > /tmp/conf; exec httpd -f -p 8188 -h /www -c /tmp/conf";

/// It refuses in its first life, once it is told to or is to end, for which it takes its time; in its second it is open.
const TWO_LIVES: &str = "[ -e /tmp/second ] && exec httpd -f -p 8188 -h /www; touch /tmp/second; echo '/:ann:pw' > /tmp/conf; \
    trap 'httpd -p 8188 -h /www -c /tmp/conf; touch /tmp/ends; sleep 1; exit' TERM; \
    until [ -e /tmp/go ]; do sleep 0.1; done; httpd -p 8188 -h /www -c /tmp/conf; sleep 600 & wait";
const LATE: &str = r"read method path rest
while read line && [ ${#line} -gt 1 ]; do :; done
[ $path = /system_stats ] && [ ! -e /tmp/late ] && touch /tmp/late && exit
printf 'HTTP/1.0 401 No\r\nContent-Length: 0\r\n\r\n'
";

impl Project {
    /// A run of `genai-stack`, whose end is not waited for.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_genai-stack"))
            .args(args)
            .args(["--timeout", "60", "--project"])
            .arg(self.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// `genai-stack restart`, whose end is not waited for, once its container is about to end.
    fn begin_restart(&self) -> Child {
        let child = self.spawn(&["restart", "--format", "json"]);
        docker(&["exec", &self.container(), "timeout", "60", "sh", "-c", "until [ -e /tmp/ends ]; do sleep 0.1; done"]);
        child
    }

    /// `genai-stack up`, whose end is not waited for, once its container runs.
    pub(crate) fn begin(&self) -> Child {
        self.begin_with(&[])
    }

    fn begin_with(&self, args: &[&str]) -> Child {
        let mut child = self.spawn(&[&["up", "--format", "json"], args].concat());
        while !self.containers().contains("running") {
            assert!(child.try_wait().unwrap().is_none(), "it ended, and no container runs");
        }
        child
    }

    /// Tells its server to open, and waits until it has.
    fn open(&self) {
        let script = "touch /tmp/go; until wget -q -O /dev/null http://127.0.0.1:8188/queue; do sleep 0.1; done";
        docker(&["exec", &self.container(), "sh", "-c", script]);
    }

    /// The restart policy of its container.
    pub(crate) fn policy(&self) -> String {
        docker(&["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", &self.container()])
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_run_that_is_cut_off_is_taken_up_by_the_next() {
    for signal in ["KILL", "INT"] {
        let project = Project::new(&format!("cut-{signal}").to_lowercase(), "custom_nodes = false\n");
        project.run(OPENS);
        let run = project.begin();
        assert!(Command::new("kill").args(["-s", signal, &run.id().to_string()]).status().unwrap().success());
        let ended = run.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), (signal == "INT").then_some(130));
        let told = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(told.contains("is not proven to ask for a credential"), signal == "INT", "{told}");
        assert_eq!(
            (project.containers().as_str(), project.policy().as_str()),
            ("running", "unless-stopped"),
            "nothing answers yet"
        );
        let (status, code) = project.reported(&["status"]);
        assert!(code == 3 && status["services"][0]["unproven"] == true, "{status}");

        // It opens, and the next `up` stops it first of all. A new one gets the policy back, and is as slow.
        project.open();
        let (report, code) = project.reported(&["up", "--timeout", "2"]);
        let told = report.to_string();
        assert!(code == 3 && told.contains("stood open to everybody") && told.contains("restart policy is nothing"), "{told}");
        assert_eq!((project.containers().as_str(), project.policy().as_str()), ("running", "unless-stopped"));
        assert_eq!(project.reported(&["status"]).0["services"][0]["unproven"], true);

        // What asks for a credential is no longer looked after.
        project.run(ASKS);
        let (report, _) = project.up();
        assert_eq!(finding(&report, "auth-enforced").0, "pass", "{report}");
        assert_eq!(project.reported(&["status"]).0["services"][0]["unproven"], false);
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_runs_until_the_engine_starts_it_again_proves_nothing() {
    for signal in ["KILL", "INT"] {
        let project = Project::new(&format!("lives-{signal}").to_lowercase(), "custom_nodes = false\n");
        project.edit("stop_grace = '1s'", "stop_grace = '20s'");
        project.run(&TWO_LIVES.replace("until [ -e /tmp/go ]; do sleep 0.1; done", ":"));
        let (report, _) = project.up();
        assert_eq!(finding(&report, "auth-enforced").0, "pass", "{report}");
        let run = project.begin_restart();
        assert!(Command::new("kill").args(["-s", signal, &run.id().to_string()]).status().unwrap().success());
        let mut told = String::from_utf8(run.wait_with_output().unwrap().stdout).unwrap();
        if signal == "KILL" {
            told = project.reported(&["up", "--timeout", "5"]).0.to_string();
        } else {
            assert_eq!(project.containers(), "exited", "{told}");
        }
        assert!(told.contains("stood open to everybody"), "{signal}: {told}");
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_run_knows_what_it_started_even_if_another_one_proves_what_was_there_before() {
    let project = Project::new("both", "custom_nodes = false\n");
    project.edit("stop_grace = '1s'", "stop_grace = '20s'");
    project.run(TWO_LIVES);
    let waiting = project.begin();
    let restarting = project.begin_restart();
    let told = [waiting, restarting].map(|run| String::from_utf8(run.wait_with_output().unwrap().stdout).unwrap());
    assert_eq!(project.containers(), "exited", "{told:?}");
    assert!(!told.concat().contains("was left running"), "{told:?}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_run_that_is_told_to_stop_has_time_for_its_last_look() {
    // It stands open, and is deaf to SIGTERM for longer than work that can't pause may take.
    let project = Project::new("deaf", "custom_nodes = false\n");
    project.edit("stop_grace = '1s'", "stop_grace = '5s'");
    project.run("trap : TERM; httpd -f -p 8188 -h /www & while :; do wait; done");
    let run = project.begin();
    interrupt(&run);
    let ended = run.wait_with_output().unwrap();
    let report = String::from_utf8(ended.stdout).unwrap();
    let told = "stood open to everybody who reaches it, and was stopped again";
    assert!(ended.status.code() == Some(130) && report.contains(told), "{report}");
    assert_eq!(project.containers(), "exited", "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_run_that_is_told_twice_ends_at_once_and_names_what_is_not_proven() {
    let project = Project::new("twice", "custom_nodes = false\n");
    project.run("exec nc -lk -p 8188 -e sleep 600");
    let mut run = project.begin();
    // Two that come too close are one.
    while run.try_wait().unwrap().is_none() {
        interrupt(&run);
    }
    let ended = run.wait_with_output().unwrap();
    let report = String::from_utf8(ended.stdout).unwrap();
    let told = format!("`{}` was started, and is not proven to ask for a credential", project.container());
    assert!(ended.status.code() == Some(130) && report.contains(&told), "{report}");
}

pub(crate) fn interrupt(run: &Child) {
    assert!(Command::new("kill").args(["-s", "INT", &run.id().to_string()]).status().unwrap().success());
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_an_earlier_run_left_open_does_not_outlast_a_run_that_starts_nothing() {
    let project = Project::new("left", "custom_nodes = false\n");
    project.run(OPENS);
    let mut run = project.begin();
    run.kill().unwrap();
    run.wait().unwrap();
    fs::remove_file(project.password()).unwrap();
    let (report, _) = project.reported(&["restart"]);
    assert!(
        report.to_string().contains("nothing was changed") && project.containers() == "running",
        "nothing answers yet: {report}"
    );
    assert!(report["notes"].to_string().contains("is not proven to ask for a credential"), "{report}");
    project.open();
    let (report, code) = project.reported(&["restart"]);
    assert!(code == 3 && report.to_string().contains("stood open to everybody"), "{report}");
    assert_eq!(project.containers(), "exited");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_can_not_be_shown_to_be_closed_is_stopped_and_what_only_is_slow_is_not() {
    for (name, script, state, told) in [
        ("odd", "exec httpd -f -p 8188 -h /tmp", "exited", "was not seen to ask for a credential, and was stopped again"),
        // It ends once, and its policy starts it again.
        ("crash", "[ -e /tmp/once ] && exec httpd -f -p 8188 -h /www; touch /tmp/once; exit 3", "exited", "was stopped again"),
        ("loop", "exit 3", "exited", "was stopped again"),
        ("slow", "exec sleep 600", "running", "`genai-stack up` looks again"),
        // One of its answers does not come: it hangs up on whoever asks first.
        ("late", "exec nc -ll -p 8188 -e sh /www/late.sh", "running", "without a credential every request is refused"),
    ] {
        let project = Project::new(name, "custom_nodes = false\n");
        fs::write(project.folder.path().join("www/late.sh"), LATE).unwrap();
        project.run(script);
        let (report, code) = project.reported(&["up", "--timeout", "5"]);
        assert!(code == if name == "late" { 0 } else { 3 } && report.to_string().contains(told), "{name}: {report}");
        assert_eq!(project.containers(), state, "{name}: {report}");
        assert_eq!(project.policy() == "no", state == "exited", "{name}");
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_opens_is_stopped_while_another_one_is_waited_for() {
    let project = Project::new("sentry", "custom_nodes = false\n");
    let toml = project.folder.path().join("genai.toml");
    let services = "[service.a.stack]\nport = 0\ncommand = ['sleep', '600']\n[service.b.stack]\nport = 0\n";
    fs::write(&toml, fs::read_to_string(&toml).unwrap() + services).unwrap();
    let mut run = project.begin_with(&["--service", "all"]);
    // The other one is written down until it is stopped, and that is told.
    let unproven = project.folder.path().join(".secrets/.genai-stack.unproven");
    while !project.containers().contains("exited") || fs::read_dir(&unproven).unwrap().count() > 1 {
        assert!(run.try_wait().unwrap().is_none(), "it waits for `a`: {}", project.containers());
    }
    interrupt(&run);
    let report: Value = serde_json::from_slice(&run.wait_with_output().unwrap().stdout).unwrap();
    let (outcome, text) = finding(&report, "auth-enforced");
    assert!(outcome == "fail" && text.contains(r#""service":"b""#), "{report}");
    let place = |check| report["findings"].as_array().unwrap().iter().position(|one| one["check"] == check);
    assert!(place("auth-enforced") < place("container-healthy"), "not once `a` was waited for: {report}");
    let told = format!("`{}-b-1` stood open to everybody who reaches it, and was stopped again", project.name);
    assert!(report["notes"].to_string().contains(&told), "{report}");
    let changed = format!("container {}-b-1", project.name);
    assert!(report["changes"].as_array().unwrap().iter().filter(|one| one["path"] == *changed).count() == 2, "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_an_engine_that_fails_leaves_unproven_is_named() {
    let project = Project::new("fails", "custom_nodes = false\n");
    project.run("exec sleep 600");
    // Where it would be asked nobody listens, so that the run waits.
    project.edit("[stack]\n", "url = 'http://127.0.0.1:1'\n[stack]\n");
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let host = over_tcp(move |asked| {
        if failing.load(Ordering::Relaxed) {
            asked.fill(b'\n');
        }
    });
    let run = project.begin_with(&["--allow-unseen", "--host", &host]);
    fails.store(true, Ordering::Relaxed);
    let report: Value = serde_json::from_slice(&run.wait_with_output().unwrap().stdout).unwrap();
    assert!(report["stopped"].to_string().contains("was started, and is not proven to ask for a credential"), "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_can_not_be_asked_is_not_started_or_does_not_stay() {
    let project = Project::new("unasked", "custom_nodes = false\n");
    project.up();
    let journal = project.folder.path().join(".secrets/staging.journal");
    let damage = || {
        fs::write(&journal, "genai-auth commit journal 2\n").unwrap();
        fs::set_permissions(&journal, fs::Permissions::from_mode(0o600)).unwrap();
    };
    damage();
    let (report, _) = project.up();
    assert!(!report["stopped"].is_null() && report["changes"].as_array().unwrap().is_empty(), "{report}");
    fs::remove_file(&journal).unwrap();
    // Its policy differs, so a successor is made and held on trial; meanwhile comes what lets nobody look at the secrets.
    let run = project.begin();
    damage();
    let ended = run.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(told.contains("was not seen to ask for a credential") && !project.containers().contains("running"), "{told}");
    fs::remove_file(&journal).unwrap();
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_user_of_an_image_that_is_built_in_the_same_run_is_known_before_the_start() {
    let project = Project::new("built", "custom_nodes = false\n");
    project.edit("extra = [", "extra = [{ source = 'made', target = '/made', read_only = false }, ");
    fs::create_dir(project.folder.path().join("made")).unwrap();
    fs::set_permissions(project.password(), fs::Permissions::from_mode(0o600)).unwrap();
    let context = project.folder.path().join("image");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("Dockerfile"), "FROM genai-ops-test:busybox\nUSER 4321:4321\n").unwrap();
    let tag = format!("{}:built", project.name);
    project.edit("image = 'genai-ops-test:busybox'\npull = 'never'\n", "");
    project.edit("[stack.health]", &format!("[stack.build]\ncontext = 'image'\ntag = '{tag}'\n[stack.health]"));
    let (report, code) = project.up();
    for check in ["password-readable-in-container", "mounts-usable"] {
        let found = report["findings"].as_array().unwrap().iter().rfind(|one| one["check"] == check).expect(check);
        assert!(code == 3 && found["outcome"] == "fail" && found.to_string().contains("4321"), "{report}");
    }
    assert_eq!(project.containers(), "", "{report}");
    docker(&["rmi", &tag]);
}

#[test]
#[ignore = "it needs Docker Engine"]
fn an_image_that_is_built_in_the_same_run_is_judged_before_the_start() {
    let project = Project::new("judged", "custom_nodes = false\n");
    let context = project.folder.path().join("image");
    fs::create_dir(&context).unwrap();
    let dockerfile = |rest: &str| fs::write(context.join("Dockerfile"), format!("FROM genai-ops-test:busybox\n{rest}")).unwrap();
    dockerfile("ENV PYTHONPYCACHEPREFIX=/tmp\n");
    let tag = format!("{}:judged", project.name);
    project.edit("image = 'genai-ops-test:busybox'\npull = 'never'\n", "");
    project.edit("[stack.health]", &format!("[stack.build]\ncontext = 'image'\ntag = '{tag}'\n[stack.health]"));
    project.run(ASKS);
    let (report, code) = project.up();
    let is_refused = |one: &Value| one["outcome"] == "fail" && one.to_string().contains("PYTHONPYCACHEPREFIX");
    assert!(code == 3 && report["findings"].as_array().unwrap().iter().any(is_refused), "{report}");
    assert_eq!(project.containers(), "", "{report}");
    // What is wrong with the old one does not keep the new one from being built.
    dockerfile("");
    let (report, _) = project.reported(&["up", "--build"]);
    assert_eq!((finding(&report, "auth-enforced").0.as_str(), project.containers().as_str()), ("pass", "running"), "{report}");
    project.reported(&["down"]);
    docker(&["rmi", &tag]);
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_status_shows_the_successor_that_a_stopped_run_left_on_trial() {
    let project = Project::new("next", "custom_nodes = false\n");
    project.run(ASKS);
    project.up();
    project.run("exec sleep 600");
    let mut run = project.spawn(&["up", "--format", "json"]);
    let next = format!("{}.next", project.container());
    let filter = format!("name={next}");
    while docker(&["ps", "--quiet", "--filter", &filter]).is_empty() {
        assert!(run.try_wait().unwrap().is_none(), "it ended, and left no successor");
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let (status, code) = project.reported(&["status"]);
    let (service, container) = (&status["services"][0], &status["services"][0]["container"]);
    assert!(code == 3 && service["unproven"] == true, "{status}");
    assert_eq!((&container["name"], &container["state"]), (&next.into(), &"running".into()), "{status}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_status_names_the_password_and_the_plugin() {
    let project = Project::new("status", "");
    let checks = |outcome: &str| {
        let done = stack(project.folder.path(), &["status"]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(text.contains("plugin-intact: ComfyUI-Login is not at"), "{text}");
        assert!(text.contains(&format!("{outcome}, password-before-start")), "{text}");
    };
    checks("pass");
    fs::remove_file(project.password()).unwrap();
    checks("fail");
}
