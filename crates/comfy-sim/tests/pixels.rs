//! Every image node against ComfyUI 0.3.64, pixel by pixel: `pixels.json` holds workflows and the digests of the pictures
//! that the real server made of them. Files come from `pixels/`, or are drawn here where their name says how.
//!
//! With `GENAI_LIVE_COMFYUI=http://127.0.0.1:PORT` (a server of one's own, without login: files are uploaded to it) the
//! same workflows, and `GENAI_LIVE_CASES` random ones (300 if unset), run on both and are compared; so are the files of the
//! folder `GENAI_LIVE_FILES`. With `GENAI_LIVE_RECORD=1` the digests are taken from the real server and written to
//! `pixels.json`, where each file of `pixels/` gets a case.
//!
//! The digests hold for torch 2.8 on an x86 processor with fused multiply-add, and Pillow 13.

mod draw;
mod socket;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use comfy_sim::Server;
use draw::Dice;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use socket::Socket;
use wire::{Reply, call, get, post};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("pixels.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

/// A server under test, and what it has been given.
struct Site {
    addr: SocketAddr,
    socket: Socket,
    /// Where files are found.
    folders: Vec<PathBuf>,
    files: BTreeSet<String>,
}

impl Site {
    async fn open(addr: SocketAddr) -> Self {
        let mut socket = Socket::open(addr, "clientId=pixels").await.expect("opens");
        // What every front end says first; nobody waits for the answer.
        socket.send(r#"{"type": "feature_flags", "data": {}}"#).await;
        Self { addr, socket, folders: vec![folder().join("pixels")], files: BTreeSet::new() }
    }

    /// Runs a workflow: the digests of what each node shows, or what was raised.
    async fn run(&mut self, prompt: &Value) -> Value {
        for node in prompt.as_object().expect("nodes").values() {
            if let Some(name) = node["inputs"]["image"].as_str() {
                self.upload(name.trim_end_matches(" [input]")).await;
            }
        }
        let body = json!({"prompt": prompt, "client_id": "pixels"});
        let told = post(self.addr, "/prompt", "application/json", &[], &body.to_string()).await;
        assert_eq!(told.status, 200, "{prompt} {}", told.text());
        let id = told.json()["prompt_id"].as_str().expect("an id").to_owned();
        loop {
            let message = self.socket.next().await.expect("the end of the prompt");
            let data = &message["data"];
            if message["type"] == "execution_error" {
                let text = data["exception_message"].as_str().expect("a text").trim_end();
                // Each server has its files in a folder of its own.
                let text = match text.split_once(" '/") {
                    Some((text, path)) => format!("{text} '{}", path.rsplit('/').next().unwrap_or_default()),
                    None => text.to_owned(),
                };
                return json!([data["node_type"], data["exception_type"], text]);
            }
            if message["type"] == "executing" && data["node"].is_null() && data["prompt_id"] == id.as_str() {
                break;
            }
        }
        let entry = get(self.addr, &format!("/history/{id}"), &[]).await.json();
        let mut out = json!({});
        for (node, shown) in entry[&id]["outputs"].as_object().expect("outputs") {
            let mut digests = Vec::new();
            for image in shown["images"].as_array().expect("images") {
                digests.push(self.digest(image).await);
            }
            out[node] = json!(digests);
        }
        out
    }

    async fn digest(&self, image: &Value) -> String {
        let part = |key: &str| image[key].as_str().expect("a text").to_owned();
        let path = format!("/view?filename={}&subfolder={}&type={}", part("filename"), part("subfolder"), part("type"));
        let file = get(self.addr, &path, &[]).await;
        assert_eq!(file.status, 200, "{path}");
        let picture = image::load_from_memory(&file.body).expect("a picture").into_rgb8();
        told(picture.width(), picture.height(), picture.as_raw())
    }

    /// What `/view` makes of a file, and `/upload/mask` with it: of what is without loss the pixels, else the size.
    async fn views(&mut self, name: &str) -> Value {
        self.upload(name).await;
        let mut out = json!({});
        let (mut width, mut height) = (4, 5);
        for asked in ["channel=rgb", "channel=a", "preview=jpeg", "preview=webp"] {
            let made = get(self.addr, &format!("/view?type=input&filename={name}&{asked}"), &[]).await;
            out[asked] = json!(made.status);
            if made.status == 200 {
                let picture = image::load_from_memory(&made.body).expect("a picture");
                (width, height) = (picture.width(), picture.height());
                let is_alpha = if picture.color().has_alpha() { "alpha" } else { "opaque" };
                out[asked] = match asked.starts_with("channel") {
                    true => json!(told(width, height, picture.to_rgba8().as_raw())),
                    false => json!(format!("{} {width}x{height} {is_alpha}", made.header("Content-Type").unwrap_or_default())),
                };
            }
        }
        let original = json!({"filename": name, "type": "input"}).to_string();
        let mask = draw::png(&format!("rgba-{width}x{height}-7.png"));
        let sent = self.send("mask", &format!("masked-{name}.png"), &[("original_ref", &original)], mask).await;
        out["mask"] = json!(sent.status);
        if sent.status == 200 {
            let made = get(self.addr, &format!("/view?type=input&filename=masked-{name}.png"), &[]).await;
            let picture = image::load_from_memory(&made.body).expect("a picture").into_rgba8();
            out["mask"] = json!(told(picture.width(), picture.height(), picture.as_raw()));
        }
        out
    }

    async fn upload(&mut self, name: &str) {
        if !self.files.insert(name.to_owned()) {
            return;
        }
        let found = self.folders.iter().find_map(|folder| std::fs::read(folder.join(name)).ok());
        let file = found.unwrap_or_else(|| draw::png(name));
        let told = self.send("image", name, &[], file).await;
        assert_eq!((told.status, &told.json()["name"]), (200, &json!(name)));
    }

    /// Uploads a file in the place of the one that has its name.
    async fn send(&self, what: &str, name: &str, fields: &[(&str, &str)], file: Vec<u8>) -> Reply {
        let mut body = Vec::new();
        for (field, value) in fields.iter().chain(&[("overwrite", "true")]) {
            body.extend(format!("--part\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        let head = format!("--part\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n");
        body.extend(head.bytes().chain(file));
        body.extend(b"\r\n--part--\r\n");
        let kind = [("Content-Type", "multipart/form-data; boundary=part")];
        call(self.addr, "POST", &format!("/upload/{what}"), &kind, &body).await
    }

    /// A case's outcome, and what becomes of its file elsewhere, if it has one.
    async fn outcome(&mut self, case: &Value) -> (Value, Value) {
        let result = self.run(&case["prompt"]).await;
        let file = case["name"].as_str().and_then(|name| name.strip_prefix("file "));
        let views = match file {
            Some(name) => self.views(name).await,
            None => Value::Null,
        };
        (result, views)
    }
}

/// A picture's size and the digest of its pixels.
fn told(width: u32, height: u32, pixels: &[u8]) -> String {
    let mut out = format!("{width}x{height} ");
    for byte in Sha256::digest(pixels) {
        write!(out, "{byte:02x}").expect("writes");
    }
    out
}

#[tokio::test]
async fn every_case_has_the_pixels_of_the_real_server() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(home.path()).spawn().await.expect("starts");
    let mut site = Site::open(server.addr()).await;
    let mut wrong = Vec::new();
    for case in cases() {
        let (result, views) = site.outcome(&case).await;
        for (told, known) in [(result, &case["result"]), (views, &case["views"])] {
            if told != *known {
                wrong.push(format!("{}\n  real {known}\n  sim  {told}", case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_real_server_makes_the_same_pixels() {
    #[expect(clippy::disallowed_methods, reason = "a test of its own server is asked for by the environment")]
    let set = |name: &str| std::env::var(name).ok();
    let Some(url) = set("GENAI_LIVE_COMFYUI") else {
        println!("skipped: set GENAI_LIVE_COMFYUI=http://127.0.0.1:PORT to run it");
        return;
    };
    let addr = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("http://127.0.0.1:PORT");
    let mut real = Site::open(addr).await;
    let mut known = cases();
    if set("GENAI_LIVE_RECORD").is_some() {
        let named = |name: &String| format!("file {name}");
        for name in files(&folder().join("pixels")) {
            if !known.iter().any(|case| case["name"] == named(&name)) {
                known.push(json!({"name": named(&name), "prompt": of_file(&name)}));
            }
        }
        for case in &mut known {
            let (result, views) = real.outcome(case).await;
            for (key, told) in [("result", result), ("views", views)] {
                // What is the same stays in its order.
                if case[key] != told {
                    case[key] = told;
                }
            }
        }
        let lines: Vec<String> = known.iter().map(Value::to_string).collect();
        std::fs::write(folder().join("pixels.json"), format!("[\n{}\n]\n", lines.join(",\n"))).expect("written");
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(home.path()).spawn().await.expect("starts");
    let mut ours = Site::open(server.addr()).await;
    let count: u64 = set("GENAI_LIVE_CASES").map_or(300, |count| count.parse().expect("a number"));
    let random = (0..count).map(|seed| json!({"name": format!("random {seed}"), "prompt": random(&mut Dice(seed))}));
    let mut more = Vec::new();
    if let Some(folder) = set("GENAI_LIVE_FILES").map(PathBuf::from) {
        more.extend(files(&folder).iter().map(|name| json!({"name": format!("file {name}"), "prompt": of_file(name)})));
        real.folders.push(folder.clone());
        ours.folders.push(folder);
    }
    let (mut run, mut wrong) = (0, Vec::new());
    for case in known.into_iter().chain(random).chain(more) {
        let (expected, result) = (real.outcome(&case).await, ours.outcome(&case).await);
        run += 1;
        if expected != result {
            wrong.push(format!("{} {}\n  real {expected:?}\n  sim  {result:?}", case["name"], case["prompt"]));
        }
    }
    println!("{run} workflows, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} of {run} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What `LoadImage` and `LoadImageMask` make of a file.
fn of_file(name: &str) -> Value {
    let mut prompt = json!({
        "load": node("LoadImage", json!({"image": name})),
        "grey": node("MaskToImage", json!({"mask": ["load", 1]})),
        "picture": node("SaveImage", json!({"images": ["load", 0], "filename_prefix": "pixels/out"})),
        "mask": node("SaveImage", json!({"images": ["grey", 0], "filename_prefix": "pixels/out"})),
    });
    for channel in ["alpha", "red"] {
        prompt[format!("m-{channel}")] = node("LoadImageMask", json!({"image": name, "channel": channel}));
        prompt[format!("g-{channel}")] = node("MaskToImage", json!({"mask": [format!("m-{channel}"), 0]}));
        prompt[channel] = node("SaveImage", json!({"images": [format!("g-{channel}"), 0], "filename_prefix": "pixels/out"}));
    }
    prompt
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

/// A chain of nodes behind a picture or two.
fn random(dice: &mut Dice) -> Value {
    let mut prompt = json!({});
    let size = |dice: &mut Dice| if dice.below(3) == 0 { dice.below(300) + 1 } else { dice.below(70) + 1 };
    for id in ["a", "b"] {
        let (width, height) = (size(dice), size(dice));
        prompt[id] = match dice.below(4) {
            0 => node(
                "EmptyImage",
                json!({"width": width, "height": height, "batch_size": dice.below(3) + 1, "color": dice.below(1 << 24)}),
            ),
            1 => node("LoadImage", json!({"image": format!("rgba-{width}x{height}-{}.png", dice.below(1000))})),
            _ => node("LoadImage", json!({"image": format!("rgb-{width}x{height}-{}.png", dice.below(1000))})),
        };
    }
    let mut last = "a".to_owned();
    for step in 1..=dice.below(3) + 1 {
        let id = step.to_string();
        let image = json!([last, 0]);
        let method = dice.pick(&["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]);
        prompt[&id] = match dice.below(8) {
            0..=2 => {
                let (mut width, mut height) = (size(dice), size(dice));
                match dice.below(6) {
                    0 => width = 0,
                    1 => height = 0,
                    _ => {}
                }
                let crop = dice.pick(&["disabled", "center"]);
                node(
                    "ImageScale",
                    json!({"image": image, "upscale_method": method, "width": width, "height": height, "crop": crop}),
                )
            }
            3..=4 => {
                let factor = (dice.below(190) + 10) as f64 / 100.0;
                node("ImageScaleBy", json!({"image": image, "upscale_method": method, "scale_by": factor}))
            }
            5 => {
                let (width, height, x, y) = (size(dice), size(dice), dice.below(90), dice.below(90));
                node("ImageCrop", json!({"image": image, "width": width, "height": height, "x": x, "y": y}))
            }
            6 => node("ImageBatch", json!({"image1": image, "image2": ["b", 0]})),
            _ => node("ImageInvert", json!({"image": image})),
        };
        last = id;
    }
    prompt["mask"] = match dice.below(3) {
        0 => node("SolidMask", json!({"value": dice.below(101) as f64 / 100.0, "width": size(dice), "height": size(dice)})),
        _ => node("ImageToMask", json!({"image": [last, 0], "channel": dice.pick(&["red", "green", "blue"])})),
    };
    prompt["inverted"] = node("InvertMask", json!({"mask": ["mask", 0]}));
    prompt["grey"] = node("MaskToImage", json!({"mask": [dice.pick(&["mask", "inverted"]), 0]}));
    prompt["out"] = node("SaveImage", json!({"images": [last, 0], "filename_prefix": "pixels/out"}));
    prompt["masks"] = node("SaveImage", json!({"images": ["grey", 0], "filename_prefix": "pixels/mask"}));
    prompt
}

#[expect(clippy::needless_pass_by_value, reason = "its callers make it for this")]
fn node(class: &str, inputs: Value) -> Value {
    json!({"class_type": class, "inputs": inputs})
}
