//! Two runs of one project at once: one changes it at a time, and neither ends at a glance what the other waits for.
//!
//! The tests take the image that those of `docker-ops` make.

use std::{
    fs::{DirBuilder, File},
    io::{self, BufRead, BufReader},
    os::unix::fs::DirBuilderExt as _,
    process::{Child, ChildStdout},
};

use crate::{
    guarded::{Project, docker},
    unproven::{ASKS, interrupt},
};

/// A proxy before a server that is not there until it is told to be.
const FRONT: &str = r#"read method path rest
while read line && [ ${#line} -gt 1 ]; do :; done
status='502 Not yet'; [ -e /tmp/go ] && status='401 No'
printf 'HTTP/1.0 %s\r\nContent-Length: 0\r\n\r\n' "$status"
"#;

/// The lock of the project, as a run holds it while it makes changes.
fn held(project: &Project) -> File {
    let secrets = project.folder.path().join(".secrets");
    DirBuilder::new().mode(0o700).create(&secrets).unwrap();
    let lock = File::create(secrets.join(".genai-stack.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// What a run says until it says `words`.
fn hear(run: &mut Child, words: &str) -> (BufReader<ChildStdout>, String) {
    let (mut out, mut said) = (BufReader::new(run.stdout.take().unwrap()), String::new());
    while !said.contains(words) {
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended without a word of that: {said}");
    }
    (out, said)
}

#[test]
#[ignore = "it needs Docker Engine"]
fn one_waits_for_the_other_and_changes_nothing() {
    let project = Project::new("two-ups", "custom_nodes = false\n");
    project.run(ASKS);
    let lock = held(&project);
    let mut runs = [project.spawn(&["up"]), project.spawn(&["up"])];
    let outs = runs.each_mut().map(|run| hear(run, "this run waits").0);
    assert_eq!(project.containers(), "");
    drop(lock);
    let told = outs.map(|out| io::read_to_string(out).unwrap());
    assert!(runs.iter_mut().all(|run| run.wait().unwrap().success()), "{told:?}");
    let unchanged = told.iter().filter(|told| told.contains("all is as it must be: nothing was changed")).count();
    assert_eq!((unchanged, project.containers().as_str()), (1, "running"), "{told:?}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn who_waits_hears_the_wish_to_stop() {
    let project = Project::new("waits", "custom_nodes = false\n");
    let lock = held(&project);
    let mut run = project.spawn(&["up"]);
    let (out, _) = hear(&mut run, "this run waits");
    interrupt(&run);
    let told = io::read_to_string(out).unwrap();
    assert_eq!((run.wait().unwrap().code(), project.containers().as_str()), (Some(130), ""), "{told}");
    drop(lock);
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_another_run_waits_for_is_not_stopped_at_a_glance() {
    let project = Project::new("front", "custom_nodes = false\n");
    std::fs::write(project.folder.path().join("www/front.sh"), FRONT).unwrap();
    project.run("exec nc -ll -p 8188 -e sh /www/front.sh");
    let waits = project.begin();
    let answers = "until wget -O - http://127.0.0.1:8188/queue 2>&1 | grep -q 502; do sleep 0.1; done";
    docker(&["exec", &project.container(), "timeout", "60", "sh", "-c", answers]);
    // Both its first look and its last.
    let mut other = project.spawn(&["up"]);
    let (out, _) = hear(&mut other, "Before the start");
    interrupt(&other);
    let told = io::read_to_string(out).unwrap();
    assert_eq!(other.wait().unwrap().code(), Some(130), "{told}");
    assert_eq!((project.containers().as_str(), project.policy().as_str()), ("running", "unless-stopped"), "{told}");
    docker(&["exec", &project.container(), "touch", "/tmp/go"]);
    let ended = waits.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stdout));
}
