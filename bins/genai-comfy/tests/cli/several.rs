//! Commands for several things, of which some fail; and what a run brings home when some of its files don't come.

use std::{fs, os::unix::fs::PermissionsExt};

use comfy_sim::{Fault, Refusal};
use serde_json::Value;

use crate::stage::{Stage, said, shell};

/// Two files, and a picture over the WebSocket.
const PICTURES: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 2, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    "3": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}}}"#;

fn json(stage: &Stage, args: &[&str]) -> (i32, Value, String) {
    let (code, out, err) = said(&mut stage.command(&[args, &["--format", "json"]].concat()));
    (code, serde_json::from_str(&out).unwrap(), err)
}

/// The fields `key` of a document's list.
fn each(document: &Value, list: &str, key: &str) -> Vec<String> {
    document[list].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_done_is_told_though_something_else_failed() {
    let stage = Stage::new(|builder, _| builder);
    stage.write("pictures.json", PICTURES);
    stage.write("note.txt", "a");
    stage.write("other.txt", "b");
    fs::create_dir(stage.folder.path().join("folder")).unwrap();
    let (code, _, err) = said(&mut stage.command(&["run", "pictures.json"]));
    assert_eq!(code, 0, "{err}");

    let wanted = ["download", "absent", "output/gone.png", "output/x_00001_.png"];
    let (code, document, err) = json(&stage, &wanted);
    assert_eq!((code, err.as_str()), (3, ""));
    assert_eq!(each(&document, "files", "path"), ["comfy-output/x_00001_.png"]);
    assert_eq!(each(&document, "failed", "item"), ["absent", "output/gone.png"]);
    assert_eq!(document["failed"][1]["error"]["kind"], "declined");
    let (code, out, err) = said(&mut stage.command(&wanted));
    assert_eq!((code, out.as_str(), err.matches("error: ").count()), (3, "comfy-output/x_00001_.png\n", 2), "{err}");

    let (code, document, _) = json(&stage, &["download", "output/../x.png", "output/x_00001_.png"]);
    assert_eq!(
        (code, each(&document, "files", "path").len(), each(&document, "failed", "item")),
        (2, 1, vec!["output/../x.png".into()])
    );
    assert_eq!(document["failed"][0]["error"]["message"], "`..` cannot be the name of a folder here");

    let (code, document, _) = json(&stage, &["upload", "note.txt", "folder", "other.txt"]);
    assert_eq!((code, each(&document, "files", "path")), (6, vec!["note.txt".to_owned(), "other.txt".to_owned()]));
    assert_eq!(each(&document, "failed", "item"), ["folder"]);
}

#[test]
fn the_files_of_a_run_that_did_not_succeed_are_brought_and_it_is_no_success() {
    let stage = Stage::new(|builder, _| builder);
    fs::create_dir_all(stage.folder.path().join("ComfyUI/input")).unwrap();
    stage.write("ComfyUI/input/bad.png", "no picture");
    let bad = r#""4": {"class_type": "LoadImage", "inputs": {"image": "bad.png"}},
        "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "y"}}, "3": "#;
    stage.write("bad.json", &PICTURES.replace(r#""3": "#, bad));
    stage.write("socket.json", &PICTURES.replace(r#""SaveImage","#, r#""SaveImageWebsocket","#));
    for (workflow, exit, files, words) in [
        ("bad.json", 3, 2, "failed in node `4` (LoadImage): PIL.UnidentifiedImageError: "),
        ("socket.json", 0, 0, "succeeded with 0 files"),
    ] {
        let (code, out, _) = said(&mut stage.command(&["run", workflow, "--format", "json"]));
        let ended: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        let id = ended["prompt_id"].as_str().unwrap();
        assert_eq!(code, exit, "{ended}");
        let (code, document, _) = json(&stage, &["download", id]);
        assert_eq!((code, each(&document, "failed", "item")), (3, vec![id.to_owned()]));
        assert_eq!(each(&document, "files", "path").len(), files, "{document}");
        let message = document["failed"][0]["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("the run `{id}` {words}")), "{message}");
    }
}

#[test]
fn a_folder_that_takes_no_files_is_found_before_anything_is_sent() {
    let stage = Stage::new(|builder, _| builder);
    stage.write("pictures.json", PICTURES);
    fs::create_dir(stage.folder.path().join("shut")).unwrap();
    fs::set_permissions(stage.folder.path().join("shut"), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere, unless it gives that up.
    let line = format!(
        "[ \"$(id -u)\" != 0 ] || give_up='setpriv --bounding-set=-all --inh-caps=-all'; exec $give_up {} run pictures.json --out shut/new",
        env!("CARGO_BIN_EXE_genai-comfy")
    );
    let (code, out, err) = said(&mut shell(&line, &stage.command(&[])));
    assert_eq!((code, out.as_str()), (6, ""), "{err}");
    assert!(err.contains("`--out shut/new`: `shut` takes no files"), "{err}");
    let (_, history, _) = json(&stage, &["history"]);
    assert_eq!(history["runs"], serde_json::json!([]));
}

#[test]
fn programs_read_why_a_command_came_to_nothing() {
    let stage = Stage::new(|builder, _| builder);
    let (code, document, err) = json(&stage, &["history", "absent"]);
    assert_eq!((code, err.as_str()), (3, ""));
    assert_eq!((&document["document"], &document["exit_code"]), (&"failed".into(), &3.into()));
    assert_eq!(document["error"]["message"], "the server remembers no run `absent`");
    assert_eq!(document["error"]["hints"].as_array().unwrap().len(), 1);
}

#[test]
fn one_file_that_does_not_come_stops_no_other() {
    let stage = Stage::new(|builder, _| {
        builder.fault(Fault::Refuse { route: "GET /view".parse().unwrap(), status: Refusal::TooLarge }.times(1))
    });
    stage.write("pictures.json", PICTURES);
    let (code, out, err) = said(&mut stage.command(&["run", "pictures.json", "--quiet"]));
    assert_eq!(code, 6, "{err}");
    let mut saved: Vec<_> = out.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(saved.pop(), Some("x_00002_.png"), "{out}");
    assert!(saved.len() == 2 && saved.iter().all(|name| name.ends_with("-0.png") || name.ends_with("-1.png")), "{out}");
}

#[test]
fn a_small_workflow_asks_for_its_own_node_classes_alone() {
    let stage = Stage::new(|builder, _| {
        builder.fault(Fault::Refuse { route: "GET /object_info".parse().unwrap(), status: Refusal::TooLarge })
    });
    stage.write("pictures.json", PICTURES);
    let (code, _, err) = said(&mut stage.command(&["run", "pictures.json", "--dry-run"]));
    assert_eq!(code, 0, "{err}");
    // Where one of them is not there, all of them tell which was meant.
    stage.write("pictures.json", &PICTURES.replace("SaveImageWebsocket", "SaveImages"));
    let (code, _, err) = said(&mut stage.command(&["run", "pictures.json", "--dry-run"]));
    assert_eq!(code, 6, "{err}");
}

#[test]
fn a_batch_keeps_what_came_over_the_websocket() {
    let stage = Stage::new(|builder, _| builder);
    stage.write("pictures.json", PICTURES);
    stage.write("i.jsonl", "{\"id\": \"a\"}\n");
    let (code, line, err) = json(&stage, &["batch", "i.jsonl", "--workflow", "pictures.json"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(each(&line, "files", "node"), ["2", "2", "3", "3"]);
    for path in each(&line, "files", "path") {
        assert!(path.starts_with("comfy-output/a/"), "{path}");
        assert!(fs::read(stage.folder.path().join(&path)).unwrap().starts_with(b"\x89PNG"), "{path}");
    }
}

#[test]
fn pictures_that_were_lost_on_the_way_are_no_success() {
    let stage = Stage::new(|builder, _| builder.fault(Fault::CutSocket { after_frames: 3 }));
    stage.write("pictures.json", PICTURES);
    stage.write("i.jsonl", "{\"id\": \"a\"}\n");
    let (code, out, _) = said(&mut stage.command(&["run", "pictures.json", "--format", "json"]));
    let document: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let words = "pictures that nodes sent over the WebSocket may be missing: the connection broke, or they took too much memory";
    assert_eq!((code, &document["failure"]["message"]), (3, &words.into()), "{document}");
    assert_eq!(document["files"].as_array().unwrap().len(), 2);

    let batch = ["batch", "i.jsonl", "--workflow", "pictures.json", "--results", "r.jsonl", "--set", "1.color=1"];
    let (code, line, _) = json(&stage, &batch);
    assert_eq!((code, &line["outcome"], &line["error"]["message"]), (3, &"unsaved".into(), &words.into()), "{line}");
    // It is not done.
    let (_, line, _) = json(&stage, &[&batch[..], &["--resume"]].concat());
    assert_eq!(line["id"], "a");
}
