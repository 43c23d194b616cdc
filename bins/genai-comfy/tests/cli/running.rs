//! Runs that are stopped, left and cut short.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdout, Stdio},
};

use comfy_sim::{Fault, Refusal};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::stage::{Stage, said, shell};

/// A workflow whose sampler takes long enough to be met at work: the tests wait for events, never for time.
const LONG: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 9000, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
        "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 16, "height": 16, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "fox"}}}"#;

fn stage() -> Stage {
    let stage = Stage::new(|builder, _| builder.checkpoint("sd15.safetensors").step_time(std::time::Duration::from_millis(50)));
    stage.write("long.json", LONG);
    stage
}

/// A run as a process, and its lines.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(stage: &Stage, args: &[&str]) -> Self {
        let args = [&["run", "long.json", "--format", "json"], args].concat();
        let mut child = stage.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next event of that name.
    fn until(&mut self, event: &str) -> Value {
        let mut lines = self.lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        lines.find(|line| line["event"] == event).unwrap()
    }

    fn press_ctrl_c(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// The last line and the exit code.
    fn end(mut self) -> (Value, i32) {
        let last = self.until("ended");
        (last, self.child.wait().unwrap().code().unwrap())
    }
}

impl Drop for Running {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The ids that the queue shows, the running one first.
fn queue(stage: &Stage) -> Vec<String> {
    let (_, out, _) = said(&mut stage.command(&["queue", "--format", "json"]));
    let queue: Value = serde_json::from_str(&out).unwrap();
    let items = ["running", "pending"].iter().flat_map(|key| queue[key].as_array().unwrap().clone());
    items.map(|item| item["prompt_id"].as_str().unwrap().to_owned()).collect()
}

/// Sends one and leaves; its id.
fn detach(stage: &Stage, seed: &str) -> String {
    let (code, out, err) = said(&mut stage.command(&["run", "long.json", "--detach", "--quiet", "--seed", seed]));
    assert_eq!(code, 0, "{err}");
    out.trim().to_owned()
}

#[test]
fn ctrl_c_stops_this_run_and_no_other() {
    let stage = stage();
    let mut running = Running::start(&stage, &[]);
    let id = running.until("submitted")["prompt_id"].clone();
    running.until("progress");
    let other = detach(&stage, "2");
    running.press_ctrl_c();
    running.until("stopping");
    let (last, code) = running.end();
    assert_eq!((last["outcome"].as_str(), &last["prompt_id"], code), (Some("interrupted"), &id, 130));
    assert_eq!((&last["exit_code"], last["failure"]["kind"].as_str()), (&Value::from(130), Some("interrupted")));
    assert_eq!(queue(&stage), [other]);
}

#[test]
fn ctrl_c_again_leaves_at_once_and_says_that_it_may_still_run() {
    let stage = Stage::new(|builder, _| {
        let deaf = Fault::Delay { route: "POST /interrupt".parse().unwrap(), millis: 600_000 };
        builder.checkpoint("sd15.safetensors").step_time(std::time::Duration::from_millis(50)).fault(deaf)
    });
    stage.write("long.json", LONG);
    let mut running = Running::start(&stage, &[]);
    running.until("progress");
    running.press_ctrl_c();
    running.until("stopping");
    running.press_ctrl_c();
    let (last, code) = running.end();
    assert_eq!((last["outcome"].as_str(), code), (Some("stopped"), 130));
    assert!(last["failure"]["hints"][1].as_str().unwrap().starts_with("`genai-comfy cancel "), "{last}");
}

#[test]
fn what_brings_no_files_home_needs_no_place_for_them() {
    let stage = stage();
    stage.write("comfy-output", "no folder");
    for (flag, wanted) in [("--detach", 0), ("--dry-run", 0), ("--quiet", 2)] {
        let (code, _, err) = said(&mut stage.command(&["run", "long.json", flag]));
        assert_eq!(code, wanted, "{flag}: {err}");
    }
}

#[test]
fn ctrl_c_is_heard_while_nobody_reads_what_is_printed() {
    let stage = stage();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as the pipe holds: the first line of the run stays in its hands.
    writer.write_all(&[b' '; 1 << 16]).unwrap();
    let mut child = stage.command(&["run", "long.json", "--format", "json"]).stdout(writer).spawn().unwrap();
    while queue(&stage).is_empty() {
        assert!(child.try_wait().unwrap().is_none());
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!((child.wait().unwrap().code(), queue(&stage)), (Some(130), vec![]));
    drop(reader);
}

#[test]
fn what_was_left_while_it_was_sent_has_an_id() {
    let stage = Stage::new(|builder, _| {
        let late = Fault::Delay { route: "POST /prompt".parse().unwrap(), millis: 600_000 };
        builder.checkpoint("sd15.safetensors").step_time(std::time::Duration::from_millis(50)).fault(late)
    });
    stage.write("long.json", LONG);
    let mut running = Running::start(&stage, &[]);
    let ids = std::iter::repeat_with(|| queue(&stage)).find(|ids| !ids.is_empty()).unwrap();
    while running.child.try_wait().unwrap().is_none() {
        running.press_ctrl_c();
    }
    let (last, code) = running.end();
    let failure = &last["failure"];
    assert_eq!(
        (failure["message"].as_str().unwrap(), code),
        (&*format!("left while the workflow was sent: it may run, as {}", ids[0]), 130)
    );
    assert_eq!(failure["hints"][1], format!("`genai-comfy cancel {}` stops it", ids[0]));
}

#[test]
fn an_order_that_was_cut_short_may_have_been_carried_out() {
    let stage = Stage::new(|builder, _| {
        let late = Fault::Delay { route: "POST /interrupt".parse().unwrap(), millis: 600_000 };
        builder.checkpoint("sd15.safetensors").step_time(std::time::Duration::from_millis(50)).fault(late)
    });
    stage.write("long.json", LONG);
    let id = detach(&stage, "1");
    let child = stage.command(&["cancel", &id]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !queue(&stage).is_empty() {}
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("the server may have carried it out") && !err.contains("half-written"), "{err}");
}

#[test]
fn the_second_of_three_is_cancelled_while_the_first_goes_on() {
    let stage = stage();
    let [first, second, third] = ["1", "2", "3"].map(|seed| detach(&stage, seed));
    let (code, out, _) = said(&mut stage.command(&["cancel", &second]));
    assert_eq!((code, out), (0, format!("{second}  taken out of the queue\n")));
    assert_eq!(queue(&stage), [first.clone(), third.clone()]);
    let (_, out, _) = said(&mut stage.command(&["cancel", &first]));
    assert_eq!(out, format!("{first}  interrupted while it ran\n"));
}

#[test]
fn the_files_of_a_run_that_has_not_ended_are_not_there_yet() {
    let stage = stage();
    let mut running = Running::start(&stage, &[]);
    let id = running.until("submitted")["prompt_id"].as_str().unwrap().to_owned();
    running.until("progress");
    let behind = detach(&stage, "2");
    for (id, how) in [(&id, "still runs"), (&behind, "still waits")] {
        for command in ["download", "history"] {
            let (code, _, err) = said(&mut stage.command(&[command, id]));
            assert!(code == 3 && err.contains(&format!("`{id}` {how}: it has made nothing yet")), "{code}: {err}");
        }
    }
}

#[test]
fn a_run_that_somebody_else_ends_says_how() {
    let stage = stage();
    let mut running = Running::start(&stage, &[]);
    let id = running.until("submitted")["prompt_id"].as_str().unwrap().to_owned();
    running.until("progress");
    let mut waiting = Running::start(&stage, &["--seed", "2"]);
    let behind = waiting.until("submitted")["prompt_id"].as_str().unwrap().to_owned();
    said(&mut stage.command(&["queue", "delete", &behind]));
    let (last, code) = waiting.end();
    assert_eq!((last["outcome"].as_str(), code), (Some("cancelled"), 3));
    said(&mut stage.command(&["cancel", &id]));
    let (last, code) = running.end();
    assert_eq!((last["outcome"].as_str(), code), (Some("interrupted"), 3));
    assert!(last["failure"]["hints"][0].as_str().unwrap().starts_with("somebody else stopped it"), "{last}");
}

#[test]
fn a_server_that_restarts_has_lost_it() {
    let stage = Stage::new(|builder, _| builder.checkpoint("sd15.safetensors").fault(Fault::Restart { down_millis: 1 }));
    stage.write("long.json", LONG);
    let (last, code) = Running::start(&stage, &[]).end();
    assert_eq!((last["outcome"].as_str(), code), (Some("lost"), 3));
}

#[test]
fn a_deadline_ends_the_wait_and_not_the_run() {
    let stage = stage();
    let mut running = Running::start(&stage, &["--deadline", "0.2"]);
    let id = running.until("submitted")["prompt_id"].clone();
    let (last, code) = running.end();
    assert_eq!((last["outcome"].as_str(), code), (Some("stalled"), 3));
    assert_eq!(queue(&stage), [id.as_str().unwrap()]);
}

#[test]
fn a_workflow_that_is_too_long_for_the_server_is_refused() {
    let stage = Stage::new(|builder, _| {
        let long = Fault::Refuse { route: "POST /prompt".parse().unwrap(), status: Refusal::TooLarge };
        builder.checkpoint("sd15.safetensors").fault(long)
    });
    stage.write("long.json", LONG);
    let (last, code) = Running::start(&stage, &[]).end();
    assert_eq!((last["outcome"].as_str(), code), (Some("stopped"), 6));
    assert!(last["failure"]["message"].as_str().unwrap().contains("longer than"), "{last}");
}

#[test]
fn a_disk_that_takes_no_more_leaves_nothing_half_written() {
    let stage = Stage::new(|builder, _| builder);
    stage.write(
        "picture.json",
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#,
    );
    let line = format!("trap '' XFSZ; ulimit -f 0; exec {} run picture.json --out here", env!("CARGO_BIN_EXE_genai-comfy"));
    let (code, out, err) = said(&mut shell(&line, &stage.command(&[])));
    assert_eq!(code, 6, "{out}{err}");
    assert!(err.contains("make room") && err.contains("tries again"), "{err}");
    assert_eq!(std::fs::read_dir(stage.folder.path().join("here")).unwrap().count(), 0);
}
