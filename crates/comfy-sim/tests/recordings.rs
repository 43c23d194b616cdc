//! Conformance: requests and WebSocket scripts of the real server's recordings, sent again. What comes back must be the
//! same, but for ids, times and memory figures, and for
//! what the one list in `allowed.rs` names.
//!
//! - `tests/recordings/*.json` were recorded by this test from ComfyUI 0.3.64 with ComfyUI-Login, and are always replayed.
//! - `shared/recordings`, or the folder that `GENAI_RECORDINGS` names, is replayed where it is.
//! - With `GENAI_LIVE_COMFYUI` (an `http://` address) and `GENAI_LIVE_TOKEN_FILE` (its token) the scripts of
//!   `tests/recordings` go side by side to that server, freshly started in a virgin folder, and to this one. With
//!   `GENAI_LIVE_RECORD=1` the real answers then take the place of those in the files.

mod allowed;
mod compare;
mod replay;
#[expect(dead_code, reason = "shared with the other tests")]
mod socket;
#[expect(dead_code, reason = "shared with the other tests")]
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use allowed::{Part, is_allowed};
use comfy_sim::{Builder, Login, Server};
use compare::{Place, differences, plain};
use replay::{Read, Site};
use serde_json::Value;
use wire::get;

/// The value of a variable that chooses what is tested.
#[expect(clippy::disallowed_methods, reason = "the one door of this test: which recordings, and which real server")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read(path: &Path) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON")
}

/// The folder `shared/recordings` of some folder above this crate.
fn shared() -> Option<PathBuf> {
    if let Some(folder) = variable("GENAI_RECORDINGS") {
        return Some(folder.into());
    }
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.map(|folder| folder.join("shared/recordings/comfyui-0.3.64-login")).find(|folder| folder.is_dir());
    if found.is_none() {
        skipped("no recordings here");
    }
    found
}

/// Says so past the harness, which hides what a passing test prints.
fn skipped(why: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {why}\n").as_bytes());
}

/// The recordings of this crate, by name.
fn own() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut files: Vec<_> = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Files that ComfyUI ships with and that show in its lists, by name.
const SHIPPED: [&str; 13] = [
    "input/example.png",
    "models/configs/anything_v3.yaml",
    "models/configs/v1-inference.yaml",
    "models/configs/v1-inference_clip_skip_2.yaml",
    "models/configs/v1-inference_clip_skip_2_fp16.yaml",
    "models/configs/v1-inference_fp16.yaml",
    "models/configs/v1-inpainting-inference.yaml",
    "models/configs/v2-inference-v.yaml",
    "models/configs/v2-inference-v_fp32.yaml",
    "models/configs/v2-inference.yaml",
    "models/configs/v2-inference_fp32.yaml",
    "models/configs/v2-inpainting-inference.yaml",
    "output/_output_images_will_be_put_here",
];

/// A server with the plugin in a folder as the real one had it.
async fn sim(folder: &Path, set: impl FnOnce(Builder) -> Builder) -> (Server, Site) {
    let token = bcrypt::hash_with_salt("made-up-word", 4, [3; 16]).expect("hashes").to_string();
    for name in ["login", "models/checkpoints"] {
        fs::create_dir_all(folder.join(name)).expect("made");
    }
    for name in ["input", "output", "models/configs"] {
        fs::create_dir_all(folder.join(name)).expect("made");
    }
    for name in SHIPPED {
        fs::write(folder.join(name), "").expect("written");
    }
    fs::write(folder.join("login/PASSWORD"), format!("{token}\nadmin")).expect("written");
    let builder = Server::builder().comfy_dir(folder).login(Login::Plugin);
    let server = set(builder).spawn().await.expect("starts");
    let base = folder.canonicalize().expect("a folder").to_string_lossy().into_owned();
    let site = Site::new(server.addr(), token, base);
    (server, site)
}

/// Sends all steps of a file, and holds the outcomes against those of the script or of the real server. A script that is
/// `whole` tells all headers of its answers, and where it names no last frame, it was recorded up to a silence.
async fn run(scenarios: &mut [Value], ours: &mut Site, mut real: Option<&mut Site>, whole: bool) -> Vec<String> {
    let mut found = Vec::new();
    let counted = if whole { Read::CountedAndMore } else { Read::Counted };
    for scenario in scenarios {
        let name = scenario["name"].as_str().expect("a name").to_owned();
        for (index, step) in scenario["exchanges"].as_array_mut().expect("steps").iter_mut().enumerate() {
            let request = match (&step["request"], &step["ws_open"]) {
                (Value::Null, Value::Null) => "ws".to_owned(),
                (Value::Null, open) => format!("ws {open}"),
                (request, _) => {
                    let text = |key| request[key].as_str().unwrap_or_default();
                    format!("{} {}", text("method"), text("path"))
                }
            };
            let place = format!("{name} {request}");
            let place = Place { name: &place };
            let (expected, outcome) = match &mut real {
                None => {
                    if is_allowed(place.name, Part::All) && step.get("ws_frames").is_some() {
                        continue;
                    }
                    let expected = script(step);
                    // Where other frames come, they do not come in the same number.
                    let others = step.get("ws_frames").is_some() && is_allowed(place.name, Part::Frames);
                    if others && step.get("until").is_none() {
                        step["until"] = Value::from("empty");
                    }
                    let read = if others { Read::UntilSilent } else { counted };
                    (expected, ours.step(step, read).await)
                }
                Some(real) => {
                    let expected = real.step(step, Read::UntilSilent).await;
                    record(step, &plain(real, &place, &expected), is_allowed(place.name, Part::Body));
                    (expected, ours.step(step, Read::UntilSilent).await)
                }
            };
            let expected = plain(real.as_deref().unwrap_or(ours), &place, &expected);
            let mut outcome = plain(ours, &place, &outcome);
            if !whole {
                only_known(&mut outcome, &expected);
            }
            for (part, text) in differences(&expected, &outcome) {
                if !is_allowed(place.name, part) {
                    found.push(format!("{name} #{index} {request} {}: {part:?}{text}", step["request"]["headers"]));
                }
            }
        }
    }
    found
}

/// What the script expects of a step, in the form in which `Site::step` gives it.
fn script(step: &Value) -> Value {
    if let Some(open) = step.get("ws_open") {
        return open["status"].clone();
    }
    if let Some(frames) = step.get("ws_frames") {
        let mut frames = frames.as_array().expect("frames").clone();
        for frame in frames.iter_mut().filter_map(Value::as_object_mut) {
            frame.shift_remove("t");
        }
        return Value::Array(frames);
    }
    let mut response = step.get("response").cloned().unwrap_or_default();
    if let Some(parts) = response.as_object_mut() {
        // Other recorders tell an empty body as an empty text, and the length of one that is there.
        parts.retain(|name, part| name != "length" && !(name == "text" && part == ""));
    }
    response
}

/// Recordings of others keep some headers only: the rest counts neither way.
fn only_known(outcome: &mut Value, expected: &Value) {
    let known: Vec<String> = expected["headers"].as_object().into_iter().flatten().map(|(name, _)| name.to_lowercase()).collect();
    if let Some(headers) = outcome.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, _| known.contains(name));
    }
}

/// Puts the real outcome into the script, without a body that is not compared.
fn record(step: &mut Value, outcome: &Value, bodiless: bool) {
    if step.get("ws_open").is_some() {
        step["ws_open"]["status"] = outcome.clone();
    } else if step.get("ws_frames").is_some() {
        step["ws_frames"] = outcome.clone();
    } else if step.get("request").is_some() {
        step["response"] = outcome.clone();
        for body in ["json", "text", "base64"] {
            if bodiless && let Some(response) = step["response"].as_object_mut() {
                response.shift_remove(body);
            }
        }
    }
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn the_shared_recordings_come_back() {
    let Some(folder) = shared() else { return };
    let home = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(home.path().join("user/default")).expect("made");
    // That server showed previews, and took its time for a step.
    let as_recorded = |builder: Builder| builder.previews(true).step_time(Duration::from_millis(25));
    let (_server, mut ours) = sim(home.path(), |builder| as_recorded(builder).checkpoint("random-sd15.safetensors")).await;
    let mut scenarios = read(&folder.join("exchanges.json"));
    none(&run(&mut scenarios, &mut ours, None, false).await);
}

#[tokio::test]
async fn the_own_recordings_come_back() {
    let home = tempfile::tempdir().expect("a folder");
    let (_server, mut ours) = sim(home.path(), |builder| builder).await;
    let mut found = Vec::new();
    for file in own() {
        found.extend(run(&mut read(&file), &mut ours, None, true).await);
    }
    none(&found);
}

#[tokio::test]
async fn a_real_server_side_by_side() {
    let (Some(url), Some(token)) = (variable("GENAI_LIVE_COMFYUI"), variable("GENAI_LIVE_TOKEN_FILE")) else {
        return skipped("no real server named");
    };
    let addr = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("http:// and an address");
    let token = fs::read_to_string(token).expect("a token file");
    let token = token.lines().next().unwrap_or_default().to_owned();
    let paths = get(addr, "/internal/folder_paths", &[("Authorization", &format!("Bearer {token}"))]).await.json();
    let base = paths["configs"][0].as_str().and_then(|path| path.strip_suffix("/models/configs")).expect("a real ComfyUI");
    let mut real = Site::new(addr, token, base.to_owned());
    let home = tempfile::tempdir().expect("a folder");
    let (_server, mut ours) = sim(home.path(), |builder| builder).await;
    let mut found = Vec::new();
    for file in own() {
        let mut scenarios = read(&file);
        found.extend(run(&mut scenarios, &mut ours, Some(&mut real), true).await);
        if variable("GENAI_LIVE_RECORD").is_some() {
            fs::write(&file, lines(&scenarios)).expect("written");
        }
    }
    none(&found);
}

/// JSON with one step in a line.
fn lines(scenarios: &[Value]) -> String {
    let one = |scenario: &Value| {
        let steps = scenario["exchanges"].as_array().expect("steps").iter().map(|step| format!("    {step}"));
        let steps = steps.collect::<Vec<_>>().join(",\n");
        format!("  {{\"name\": {}, \"about\": {}, \"exchanges\": [\n{steps}\n  ]}}", scenario["name"], scenario["about"])
    };
    format!("[\n{}\n]\n", scenarios.iter().map(one).collect::<Vec<_>>().join(",\n"))
}

#[tokio::test]
async fn object_info() {
    let Some(folder) = shared() else { return };
    let text = fs::read_to_string(folder.join("object_info.json")).expect("readable");
    let real: Value = serde_json::from_str(&text).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).checkpoint("random-sd15.safetensors").spawn().await.expect("starts");
    for name in ["blue.png", "broken.png", "example.png", "red (1).png", "red.png"] {
        fs::write(folder.path().join("input").join(name), "").expect("written");
    }
    let ours = get(server.addr(), "/object_info", &[]).await.json();
    for (class, entry) in ours.as_object().expect("classes") {
        assert_eq!(entry.to_string(), real[class].to_string(), "{class}, keys in their order");
    }
    fs::write(folder.path().join("input/no-picture.txt"), "").expect("written");
    let again = get(server.addr(), "/object_info/LoadImage", &[]).await.json();
    assert_eq!(again["LoadImage"], real["LoadImage"], "only pictures are offered");
}
