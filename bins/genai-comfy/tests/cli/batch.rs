//! `genai-comfy batch` as a process, against embedded servers.

use std::{
    io::{Read, Write},
    process::{Output, Stdio},
    time::Duration,
};

use comfy_sim::{Builder, Fault, Refusal};
use serde_json::Value;

use crate::stage::{Stage, shell};

const WORKFLOW: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}, "_meta": {"title": "Save"}}}"#;

/// One whose sampler runs for half a minute.
const SLOW: &str = r#"{
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a", "clip": ["4", 1]}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 3000, "cfg": 1, "sampler_name": "euler", "scheduler": "normal",
        "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}}}"#;

/// A server, and a folder with these files for the commands.
fn stage(build: impl FnOnce(Builder) -> Builder, files: &[(&str, &str)]) -> Stage {
    let stage = Stage::new(|builder, _| build(builder));
    files.iter().chain(&[("w.json", WORKFLOW)]).for_each(|(name, text)| stage.write(name, text));
    stage
}

fn plain(files: &[(&str, &str)]) -> Stage {
    stage(|builder| builder, files)
}

fn batch(stage: &Stage, args: &[&str]) -> Output {
    stage.command(&[&["batch"], args].concat()).output().unwrap()
}

/// The results by now, a line each.
fn written(stage: &Stage) -> Vec<Value> {
    let text = std::fs::read_to_string(stage.folder.path().join("r.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Exit code, then what was said to people.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn sum(output: &Output) -> String {
    let said = said(output);
    let line = said.lines().find(|line| line.contains(" of ") && line.contains(" in ")).unwrap_or(&said);
    format!("{}: {}", output.status.code().unwrap(), line.split(" in ").next().unwrap())
}

#[test]
fn items_run_on_several_servers_and_their_files_lie_where_the_results_say() {
    let mut items = String::from("id,1.color,seed\n");
    (0..8).for_each(|nth| items.push_str(&format!("item-{nth},{nth},\n")));
    let one = plain(&[("i.csv", &items)]);
    let two = plain(&[]);
    let args =
        ["i.csv", "--workflow", "w.json", "--url", &one.url(), "--url", &two.url(), "--results", "r.jsonl", "--concurrency", "1"];
    let output = batch(&one, &args);
    assert_eq!(sum(&output), "0: ✓ 8 succeeded of 8");
    let results = written(&one);
    for line in &results {
        assert_eq!(
            (&line["outcome"], &line["error"], &line["files"][0]["node"]),
            (&"succeeded".into(), &Value::Null, &"2".into())
        );
        let path = line["files"][0]["path"].as_str().unwrap();
        assert!(path.starts_with(&format!("comfy-output/{}/p_", line["id"].as_str().unwrap())), "{path}");
        assert_eq!(std::fs::metadata(one.folder.path().join(path)).unwrap().len(), line["files"][0]["bytes"].as_u64().unwrap());
        assert_eq!(line["files"][0]["sha256"].as_str().unwrap().len(), 64);
    }
    let on = |server: &Stage| results.iter().filter(|line| line["backend"] == server.url().as_str()).count();
    assert!(on(&one) > 0 && on(&two) > 0, "{results:?}");

    let again = batch(&one, &args);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    let resumed = batch(&one, &[&args[..], &["--resume"]].concat());
    assert_eq!(sum(&resumed), "0: ✓ 0 succeeded, 8 were done before of 8");
    assert_eq!(written(&one).len(), 8);
}

#[test]
fn one_that_fails_is_told_and_goes_again_with_resume() {
    let items = "{\"id\": \"good\", \"set\": {\"Save.filename_prefix\": \"x\"}}\n{\"id\": \"bad\", \"set\": {\"1.width\": 0}}\n";
    let one = plain(&[("i.jsonl", items)]);
    let args = ["i.jsonl", "--workflow", "w.json", "--results", "r.jsonl"];
    let output = batch(&one, &args);
    assert_eq!(sum(&output), "3: ✗ 1 succeeded, 1 did not of 2");
    insta::assert_snapshot!(said(&output).lines().filter(|line| !line.contains(" in ")).collect::<Vec<_>>().join("\n"), @"
    3
      ✗ bad  rejected: comfyui rejected the workflow: Prompt outputs failed validation
          next: node `1` (EmptyImage): `width` is 0, and must be at least 1
    ");
    // As a crash in the middle of a line leaves it.
    let path = one.folder.path().join("r.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.clone() + "{\"version\": 1, \"id\": \"go").unwrap();
    let items = items.replace("\"1.width\": 0", "\"1.width\": 9");
    std::fs::write(one.folder.path().join("i.jsonl"), items).unwrap();
    let output = batch(&one, &[&args[..], &["--resume", "--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["id"], &line["outcome"]), (&"bad".into(), &"succeeded".into()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), whole + std::str::from_utf8(&output.stdout).unwrap());
}

#[test]
fn a_line_that_the_disk_has_no_room_for_leaves_no_half_of_it() {
    let one = plain(&[("i.jsonl", &"{}\n".repeat(9))]);
    // Pictures are shorter than that; the lines of all items are not.
    let args = "batch i.jsonl --workflow w.json --results r.jsonl --concurrency 1";
    let line = format!("trap '' XFSZ; ulimit -f 4; exec {} {args}", env!("CARGO_BIN_EXE_genai-comfy"));
    let output = shell(&line, &one.command(&[])).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert!(said(&output).contains("make room there"), "{}", said(&output));
    assert!(std::fs::read_to_string(one.folder.path().join("r.jsonl")).unwrap().ends_with("}\n"));
    let done = written(&one).iter().filter(|line| line["outcome"] == "succeeded").count();
    assert!((1..9).contains(&done), "{done}");
    let args = ["i.jsonl", "--workflow", "w.json", "--results", "r.jsonl", "--resume"];
    assert_eq!(sum(&batch(&one, &args)), format!("0: ✓ {} succeeded, {done} were done before of 9", 9 - done));
}

/// Runs a batch of these items, one after the other, and writes others over them when the first is done.
fn changed(others: &str) -> (i32, String, usize) {
    let items: String = (0..40).map(|nth| format!("{{\"id\": \"m{nth}\", \"set\": {{\"1.color\": {nth}}}}}\n")).collect();
    let one = plain(&[("i.jsonl", &items)]);
    let args = ["batch", "i.jsonl", "--workflow", "w.json", "--results", "r.jsonl", "--concurrency", "1"];
    // What is read ahead is far from the end.
    let mut padded = items.replace("}}\n", &format!("}}}}{}\n", " ".repeat(2_000)));
    one.write("i.jsonl", &padded);
    let run = one.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !one.folder.path().join("r.jsonl").exists() || written(&one).is_empty() {
        std::thread::yield_now();
    }
    let at = padded.find("{\"id\": \"m39").unwrap();
    padded.replace_range(at.., others);
    one.write("i.jsonl", &padded);
    let output = run.wait_with_output().unwrap();
    let done = written(&one);
    let ids: std::collections::BTreeSet<_> = done.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids.len(), done.len(), "none ran twice");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap(), done.len())
}

#[test]
fn a_file_that_changes_while_its_batch_runs_ends_it_with_a_word() {
    for (others, words) in [
        ("", "there is no line of `m39` any more"),
        ("{\"id\": ", "line 40: "),
        ("{\"id\": \"m0\"}\n", "line 40 is of `m0`, which was not there"),
        ("{\"id\": \"m39\"}\n{\"id\": \"m0\"}\n", "line 41 is of `m0`, which was not there"),
    ] {
        let (code, said, done) = changed(others);
        assert_eq!((code, done), (3, if others.contains("m39") { 40 } else { 39 }), "{said}");
        assert!(said.contains(&format!("`i.jsonl` was changed while its batch ran: {words}")), "{said}");
    }
}

#[test]
fn ctrl_c_cancels_what_is_its_own_and_leaves_the_rest_for_later() {
    let items = "{\"workflow\": \"slow.json\", \"seed\": 1}\n".repeat(9);
    let one = stage(
        |builder| builder.checkpoint("m.safetensors").step_time(Duration::from_millis(10)),
        &[("i.jsonl", &items), ("slow.json", SLOW)],
    );
    let args = ["batch", "i.jsonl", "--results", "r.jsonl"];
    let mut batch = one.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while queue(&one) != (1, 1) {
        assert!(batch.try_wait().unwrap().is_none());
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&batch), rustix::process::Signal::INT).unwrap();
    assert_eq!(batch.wait().unwrap().code(), Some(130));
    let mut text = String::new();
    batch.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("0 succeeded, 2 did not, 7 are left of 9"), "{text}");
    let mut outcomes: Vec<_> = written(&one).iter().map(|line| line["outcome"].as_str().unwrap().to_owned()).collect();
    outcomes.sort();
    assert_eq!((outcomes, queue(&one)), (["cancelled", "interrupted"].map(str::to_owned).into(), (0, 0)));
}

#[test]
fn ctrl_c_says_what_may_still_run_where_the_server_says_nothing() {
    let one = stage(
        |builder| builder.checkpoint("m.safetensors").step_time(Duration::from_millis(10)),
        &[("i.jsonl", "{\"id\": \"fox\"}\n{\"id\": \"owl\"}\n"), ("slow.json", SLOW)],
    );
    let args = ["batch", "i.jsonl", "--workflow", "slow.json", "--concurrency", "1", "--results", "r.jsonl"];
    let mut batch = one.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while queue(&one) != (1, 0) {
        assert!(batch.try_wait().unwrap().is_none());
    }
    one.faults().set(Fault::Refuse { route: "*".parse().unwrap(), status: Refusal::Unavailable });
    rustix::process::kill_process(rustix::process::Pid::from_child(&batch), rustix::process::Signal::INT).unwrap();
    let mut text = String::new();
    batch.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(batch.wait().unwrap().code(), Some(130));
    let rows = written(&one);
    assert_eq!((rows.len(), &rows[0]["outcome"]), (1, &"unknown".into()));
    insta::assert_snapshot!(text.replace(rows[0]["prompt_id"].as_str().unwrap(), "[ID]"), @r"
    error: stopped by the user; these prompts may still run: `fox` as `[ID]`
      next: `genai-comfy queue` shows them, `genai-comfy cancel ID` ends one
      next: the same command with `--resume` goes on
    ");
}

#[test]
fn what_one_item_alone_cannot_write_ends_no_other() {
    let one = plain(&[("i.jsonl", &"{}\n".repeat(9))]);
    std::fs::create_dir(one.folder.path().join("comfy-output")).unwrap();
    // A file, where the folder of the first item is to be.
    one.write("comfy-output/1", "");
    let output = batch(&one, &["i.jsonl", "--workflow", "w.json", "--concurrency", "1"]);
    assert_eq!(sum(&output), "3: ✗ 8 succeeded, 1 did not of 9");
}

/// How many prompts run, and how many wait.
fn queue(stage: &Stage) -> (usize, usize) {
    let output = stage.command(&["queue", "--format", "json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    (said["running"].as_array().unwrap().len(), said["pending"].as_array().unwrap().len())
}

#[test]
fn ctrl_c_is_heard_while_nobody_reads_the_rows() {
    let items = "{\"workflow\": \"w.json\"}\n{\"workflow\": \"slow.json\"}\n";
    let build = |builder: Builder| builder.checkpoint("m.safetensors").step_time(Duration::from_millis(10));
    let one = stage(build, &[("i.jsonl", items), ("slow.json", SLOW), ("r.jsonl", "")]);
    // A server for each item: which of two comes first to one server is left open.
    let two = stage(build, &[]);
    let both = || [queue(&one), queue(&two)];
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as the pipe holds: the first row stays in the batch's hands.
    writer.write_all(&[b' '; 1 << 16]).unwrap();
    let (first, second) = (one.url(), two.url());
    let urls = ["--url", &first, "--url", &second, "--concurrency", "1"];
    let args = ["batch", "i.jsonl", "--results", "r.jsonl", "--format", "json"];
    let mut batch = one.command(&[&args[..], &urls].concat()).stdout(writer).spawn().unwrap();
    while written(&one).is_empty() || !both().contains(&(1, 0)) {
        assert!(batch.try_wait().unwrap().is_none());
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&batch), rustix::process::Signal::INT).unwrap();
    assert_eq!((batch.wait().unwrap().code(), both()), (Some(130), [(0, 0); 2]));
    drop(reader);
}

#[test]
fn a_workflow_as_the_editor_saves_it_is_converted_for_the_server() {
    let items = "{\"id\": \"a\", \"set\": {\"EmptyImage.color\": 255}}\n{\"id\": \"b\", \"workflow\": \"w.json\"}\n";
    let one = plain(&[("i.jsonl", items), ("ui.json", include_str!("server/journey.in/editor.json"))]);
    let all = ["i.jsonl", "--workflow", "ui.json", "--results", "r.jsonl"];
    assert_eq!(said(&batch(&one, &[&all[..], &["--dry-run"]].concat())), "0\n2 items can be sent\n");
    assert_eq!(sum(&batch(&one, &all)), "0: ✓ 2 succeeded of 2");
    let converted = written(&one).into_iter().find(|row| row["id"] == "a").unwrap();
    let picture = converted["files"][0]["path"].as_str().unwrap();
    let sent = std::fs::read(one.folder.path().join(picture)).unwrap();
    let file = comfy_client::WorkflowFile::from_bytes(&sent).unwrap();
    assert_eq!((file.api().is_some(), file.ui().is_some()), (true, true), "it opens in the editor as it was saved");
}

#[test]
fn what_is_wrong_is_found_before_anything_is_sent() {
    let ui = r#"{"nodes": [{"id": 9, "type": "Absent"}], "links": [], "version": 0.4}"#;
    let lines = concat!(
        "{\"id\": \"a\", \"set\": {\"1.colour\": 1}}\n",
        "{\"id\": \"b\", \"set\": {\"1.color\": \"red\"}}\n",
        "{\"id\": \"c\", \"seed\": 1}\n",
        "{\"id\": \"d/e\"}\n",
        "{\"id\": \"f\"}\n{\"id\": \"f\"}\n",
        "{\"workflow\": \"absent.json\"}\n",
    );
    let one = plain(&[("i.jsonl", lines), ("none.csv", "id,1.color\n"), ("ui.json", ui), ("x.txt", "")]);
    let nobody = "http://127.0.0.1:1";
    let told: Vec<String> = [
        &["i.jsonl", "--workflow", "w.json", "--url", nobody][..],
        &["i.jsonl", "--dry-run"],
        &["none.csv", "--workflow", "w.json"],
        &["x.txt", "--workflow", "w.json"],
        &["absent.csv", "--workflow", "w.json"],
        &["i.jsonl", "--workflow", "ui.json"],
        &["i.jsonl", "--workflow", "ui.json", "--url", nobody],
        &["i.jsonl", "--workflow", "w.json", "--set", "color"],
    ]
    .iter()
    .map(|args| said(&batch(&one, args)))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    3
    error: 6 lines of `i.jsonl` can't be used; nothing was sent
      because line 1: node `1` has no input `colour`; nearest: `color`
      because line 2: `1.color` is a number, and `"red"` is not
      because line 3: the workflow has no seed; a seed is an input called `seed`, or `…_seed`, that holds a whole number
      because line 4: the id `d/e` cannot name a folder; an id has no `/`, `\`, `:`, `*`, `?`, `"`, `<`, `>` or `|`, does not end with a space or a dot, and has 255 bytes at most
      because line 6: the id `f` is that of line 5 too; give each its own
      because line 7: can't read the workflow `absent.json`: No such file or directory (os error 2)
      next: put them right, and run the same command again

    3
    error: 7 lines of `i.jsonl` can't be used; nothing was sent
      because line 1: it names no workflow; give one for all lines with `--workflow FILE`
      because line 2: it names no workflow; give one for all lines with `--workflow FILE`
      because line 3: it names no workflow; give one for all lines with `--workflow FILE`
      because line 4: it names no workflow; give one for all lines with `--workflow FILE`
      because line 5: it names no workflow; give one for all lines with `--workflow FILE`
      because line 6: it names no workflow; give one for all lines with `--workflow FILE`
      because line 7: can't read the workflow `absent.json`: No such file or directory (os error 2)
      next: put them right, and run the same command again

    3
    error: there is no item in `none.csv`
      next: write one a line

    2
    error: `x.txt` is neither .jsonl nor .csv
      next: name it for what it holds

    5
    error: can't read the items `absent.csv`: No such file or directory (os error 2)

    3
    error: `ui.json`: node `9` is of the class `Absent`, which the server does not have

    5
    error: cannot connect to `http://127.0.0.1:1`
      because error sending request
      because client error (Connect)
      because tcp connect error
      because Connection refused (os error 111)
      next: is ComfyUI running, and is this its address and port?

    2
    error: `--set color` has no `=`
      next: write `--set NODE.INPUT=VALUE`
    "#);
}

#[test]
fn servers_that_are_away_are_left_out_and_without_any_there_is_no_batch() {
    let one = plain(&[("i.jsonl", "{}\n{\"set\": {\"1.color\": 5}}\n")]);
    let args = ["i.jsonl", "--workflow", "w.json", "--url", "http://127.0.0.1:1"];
    let output = batch(&one, &[&args[..], &["--url", &one.url()]].concat());
    assert_eq!(sum(&output), "0: ✓ 2 succeeded of 2");
    assert!(said(&output).contains("`http://127.0.0.1:1` is left out: cannot connect"), "{}", said(&output));
    assert_eq!(batch(&one, &args).status.code(), Some(5));
    assert_eq!(batch(&one, &[&args[..], &["--url", "http://127.0.0.1:2"]].concat()).status.code(), Some(5));
    let toml = format!("[service.left]\nurl = \"{}\"\n[service.right]\nurl = \"http://127.0.0.1:1\"\n", one.url());
    one.write("genai.toml", &toml);
    let args = ["batch", "i.jsonl", "--workflow", "w.json", "--service", "all", "--results", "r.jsonl"];
    let output = one.command(&args).env_remove("COMFYUI_URL").output().unwrap();
    assert_eq!(sum(&output), "0: ✓ 2 succeeded of 2");
    assert_eq!(written(&one)[0]["backend"], "left");
}
