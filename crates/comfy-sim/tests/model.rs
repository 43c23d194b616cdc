//! The classes that stand for a model: what a client hears while they run, and the pictures that they make.

mod socket;
mod wire;

use std::path::Path;
use std::time::Duration;

use comfy_sim::{Builder, ErrorKind, Server};
use serde_json::{Value, json};
use socket::Socket;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use wire::{get, post};

async fn site(set: impl FnOnce(Builder) -> Builder) -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = Server::builder().comfy_dir(folder.path()).checkpoint("sd15.safetensors");
    let server = set(builder).spawn().await.expect("starts");
    (server, folder)
}

/// The workflow that every ComfyUI starts with, small.
fn workflow(text: &str, steps: u64) -> Value {
    let sampler = json!({
        "seed": 1, "steps": steps, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    });
    json!({
        "3": {"class_type": "KSampler", "inputs": sampler},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 96, "height": 64, "batch_size": 2}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sd"}},
    })
}

async fn submit(server: &Server, body: &Value) -> String {
    let reply = post(server.addr(), "/prompt", "application/json", &[], &body.to_string()).await;
    assert_eq!((reply.status, &reply.json()["node_errors"]), (200, &json!({})), "{}", reply.text());
    reply.json()["prompt_id"].as_str().expect("an id").to_owned()
}

/// The frames that tell of one node, up to the end of the prompt.
async fn about(socket: &mut Socket, node: &str) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(frame) = socket.frame(Duration::from_secs(10)).await {
        match frame {
            Message::Binary(bytes) => out.push(binary(&bytes)),
            text => {
                let message: Value = serde_json::from_slice(&text.into_data()).expect("JSON");
                let data = &message["data"];
                match message["type"].as_str().unwrap_or_default() {
                    "executing" if data["node"].is_null() => break,
                    "progress_state" => {
                        let state = &data["nodes"][node];
                        let line =
                            format!("state {} {}/{}", state["state"].as_str().unwrap_or("none"), state["value"], state["max"]);
                        if out.last() != Some(&line) {
                            out.push(line);
                        }
                    }
                    "progress" => out.push(format!("progress {}/{} of {}", data["value"], data["max"], data["node"])),
                    "execution_interrupted" => out.push(format!("interrupted at {}", data["node_id"])),
                    _ => {}
                }
            }
        }
    }
    out.retain(|line| !line.starts_with("state none"));
    out
}

/// The header of a binary frame, and the size of its picture.
fn binary(bytes: &[u8]) -> String {
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let size = |picture: &[u8]| image::load_from_memory(picture).map(|p| (p.width(), p.height())).expect("a picture");
    match number(0) {
        1 => format!("binary 1 format {} {:?}", number(4), size(&bytes[8..])),
        3 => format!("binary 3 {:?}", String::from_utf8_lossy(&bytes[8..])),
        4 => {
            let (metadata, picture) = bytes[8..].split_at(number(4) as usize);
            let metadata: Value = serde_json::from_slice(metadata).expect("JSON");
            assert_eq!(metadata["prompt_id"].as_str().map(str::len), Some(36));
            format!("binary 4 of {} {} {:?}", metadata["node_id"], metadata["image_type"], size(picture))
        }
        other => panic!("binary {other}"),
    }
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join("output").join(name)).expect("a file")
}

fn pixels(bytes: &[u8]) -> image::RgbImage {
    image::load_from_memory(bytes).expect("a picture").into_rgb8()
}

#[tokio::test]
async fn steps_are_told_with_previews_as_the_client_asked() {
    let flags = json!({"type": "feature_flags", "data": {"supports_preview_metadata": true}}).to_string();
    for (asks, body_client) in [(true, true), (false, true), (true, false)] {
        let (server, _folder) = site(|builder| builder.previews(true)).await;
        let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
        if asks {
            socket.send(&flags).await;
            while socket.next().await.expect("an answer")["type"] != "feature_flags" {}
        }
        let mut body = json!({"prompt": workflow("a lake", 2)});
        if body_client {
            body["client_id"] = json!("c");
        }
        submit(&server, &body).await;
        if !body_client {
            let save = json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "end"}});
            // Nobody is told that a prompt without a client is over; this one's end comes behind it.
            submit(&server, &json!({"prompt": {"1": empty_image(), "2": save}, "client_id": "c"})).await;
        }
        let told = about(&mut socket, "3").await;
        let picture =
            if asks && body_client { r#"binary 4 of "3" "image/jpeg" (512, 341)"# } else { "binary 1 format 1 (512, 341)" };
        let (first, second) = (r#"progress 1/2 of "3""#, r#"progress 2/2 of "3""#);
        let expected = if asks && body_client {
            [
                "state running 0.0/1.0",
                "state running 1/2",
                picture,
                first,
                "state running 2/2",
                picture,
                second,
                "state finished 2/2",
            ]
        } else {
            [
                "state running 0.0/1.0",
                "state running 1/2",
                first,
                picture,
                "state running 2/2",
                second,
                picture,
                "state finished 2/2",
            ]
        };
        assert_eq!(told, expected, "asks {asks}, client {body_client}");
        server.shutdown().await;
    }
}

fn empty_image() -> Value {
    json!({"class_type": "EmptyImage", "inputs": {"width": 4, "height": 3, "batch_size": 2, "color": 1}})
}

fn send(from: &str) -> Value {
    json!({"class_type": "SaveImageWebsocket", "inputs": {"images": [from, 0]}})
}

#[tokio::test]
async fn pictures_and_texts_go_over_the_socket() {
    let (server, _folder) = site(|builder| builder).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    let size = json!({"class_type": "GetImageSize", "inputs": {"image": ["1", 0]}});
    let empty = json!({"class_type": "EmptyImage", "inputs": {"width": ["2", 0], "height": 8, "batch_size": 1, "color": 0}});
    let prompt = json!({"1": empty_image(), "2": size, "3": empty, "4": send("3"), "5": send("1")});
    submit(&server, &json!({"prompt": prompt, "client_id": "c"})).await;
    let mut told = about(&mut socket, "5").await;
    told.retain(|line| line.starts_with("binary"));
    told.sort();
    let expected = [
        "binary 1 format 2 (4, 3)",
        "binary 1 format 2 (4, 3)",
        "binary 1 format 2 (4, 8)",
        r#"binary 3 "2width: 4, height: 3\n batch size: 2""#,
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_same_inputs_give_the_same_picture() {
    let (server, folder) = site(|builder| builder).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    for text in ["a lake", "a hill", "a lake"] {
        submit(&server, &json!({"prompt": workflow(text, 1), "client_id": "c"})).await;
        about(&mut socket, "3").await;
    }
    let files = ["sd_00001_.png", "sd_00002_.png", "sd_00003_.png", "sd_00005_.png", "sd_00006_.png"];
    let [lake, second, hill, again, _] = files.map(|name| bytes(folder.path(), name));
    assert_eq!(pixels(&lake).dimensions(), (96, 64));
    assert!(pixels(&lake) == pixels(&again));
    assert!(pixels(&lake) != pixels(&second) && pixels(&lake) != pixels(&hill));
    let says = |text: &str| lake.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(says("tEXtsimulated\0"), "the picture says that no model made it");
}

#[tokio::test]
async fn a_picture_that_is_encoded_shines_through() {
    let (server, folder) = site(|builder| builder).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    let mut prompt = workflow("a lake", 1);
    prompt["1"] =
        json!({"class_type": "EmptyImage", "inputs": {"width": 99, "height": 70, "batch_size": 1, "color": 0xFF_00_80}});
    prompt["5"] = json!({"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0], "vae": ["4", 2]}});
    for (denoise, name) in [(0.0, "sd_00001_.png"), (0.5, "sd_00002_.png"), (1.0, "sd_00003_.png")] {
        prompt["3"]["inputs"]["denoise"] = json!(denoise);
        submit(&server, &json!({"prompt": prompt, "client_id": "c"})).await;
        let told = about(&mut socket, "3").await;
        assert_eq!(told.iter().any(|line| line.starts_with("progress")), denoise > 0.0);
        let picture = pixels(&bytes(folder.path(), name));
        assert_eq!(picture.dimensions(), (96, 64));
        let kept = picture.pixels().filter(|pixel| pixel.0 == [0xFF, 0, 0x80]).count();
        assert_eq!(kept == 96 * 64, denoise == 0.0, "denoise {denoise}");
    }
}

#[tokio::test]
async fn an_interruption_comes_between_steps() {
    let (server, _folder) = site(|builder| builder.step_time(Duration::from_millis(5))).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    let id = submit(&server, &json!({"prompt": workflow("a lake", 10_000), "client_id": "c"})).await;
    while socket.next().await.expect("a message")["type"] != "progress" {}
    let reply = post(server.addr(), "/interrupt", "application/json", &[], &json!({"prompt_id": id}).to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(about(&mut socket, "3").await.last().map(String::as_str), Some(r#"interrupted at "3""#));
    let history = get(server.addr(), &format!("/history/{id}"), &[]).await.json();
    assert_eq!(history[&id]["status"]["completed"], false);
}

#[tokio::test]
async fn models_are_files_or_names() {
    let (server, folder) = site(|builder| builder.model("loras", "b.safetensors")).await;
    let loras = folder.path().join("models/loras");
    std::fs::create_dir_all(&loras).expect("made");
    std::fs::write(loras.join("a.safetensors"), "").expect("written");
    let names = json!(["a.safetensors", "b.safetensors"]);
    assert_eq!(get(server.addr(), "/models/loras", &[]).await.json(), names);
    let info = get(server.addr(), "/object_info/LoraLoader", &[]).await.json();
    assert_eq!(info["LoraLoader"]["input"]["required"]["lora_name"][0], names);
    let refused = Server::builder().comfy_dir(folder.path()).model("lora", "c").spawn().await;
    assert_eq!(refused.map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::NoModelFolder));
}
