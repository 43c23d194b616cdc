//! The client's reading of what a real ComfyUI 0.3.64 said. Without the recordings it says so, and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use comfy_client::wire::{Message, decode_binary, decode_text};
use comfy_client::{Client, Config, ErrorKind, FileKind, Probe, StoredFile, UploadOptions, Workflow};
use data_encoding::BASE64;
use serde_json::Value;

fn recordings() -> Option<Value> {
    let found: Option<PathBuf> = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/recordings/comfyui-0.3.64-login/exchanges.json"))
        .find(|path| path.is_file());
    let Some(path) = found else {
        skip();
        return None;
    };
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
fn skip() {
    eprintln!("skipped: no shared/recordings beside this checkout");
}

fn frames(recordings: &Value) -> Vec<&Value> {
    let exchanges = recordings.as_array().unwrap().iter().flat_map(|scenario| scenario["exchanges"].as_array().unwrap());
    exchanges.filter_map(|exchange| exchange.get("ws_frames")).flat_map(|frames| frames.as_array().unwrap()).collect()
}

#[test]
fn every_recorded_message_is_typed() {
    let Some(recordings) = recordings() else {
        return;
    };
    let (mut texts, mut previews) = (0, 0);
    for frame in frames(&recordings) {
        if let Some(text) = frame.get("text") {
            let message = decode_text(&text.to_string());
            assert!(!matches!(message, Message::OtherText { .. } | Message::NotJson(_)), "{text}");
            let named = text["data"].get("prompt_id").and_then(Value::as_str);
            assert_eq!(message.prompt_id(), named, "{text}");
            texts += 1;
        } else if let Some(base64) = frame.get("binary_base64").and_then(Value::as_str) {
            let bytes = BASE64.decode(base64.as_bytes()).unwrap();
            let message = decode_binary(&bytes.into());
            let Message::Preview(preview) = &message else { panic!("{message:?}") };
            assert!(!preview.image.is_empty());
            previews += 1;
        }
    }
    assert!(texts > 100 && previews > 0, "{texts} texts, {previews} previews");
}

fn exchanges<'a>(recordings: &'a Value, auth: &'a str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let all = recordings.as_array().unwrap().iter().flat_map(|scenario| scenario["exchanges"].as_array().unwrap());
    all.filter_map(|exchange| Some((exchange.get("request")?, exchange.get("response")?)))
        .filter(move |(request, _)| request["auth"] == auth)
}

/// A server that answers everything with this recorded response.
async fn replay(response: &Value) -> Client {
    let response = response.clone();
    let answer = move |_: Request| {
        let response = response.clone();
        async move { recorded(&response) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(Config::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap()).unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
    });
    client
}

fn recorded(response: &Value) -> Response {
    let status = StatusCode::from_u16(u16::try_from(response["status"].as_u64().unwrap()).unwrap()).unwrap();
    let body: Bytes = match (response.get("json"), response.get("text"), response.get("base64")) {
        (Some(json), ..) => json.to_string().into(),
        (_, Some(text), _) => text.as_str().unwrap().to_owned().into(),
        (_, _, Some(base64)) => BASE64.decode(base64.as_str().unwrap().as_bytes()).unwrap().into(),
        _ => Bytes::new(),
    };
    let mut built = (status, body).into_response();
    built.headers_mut().clear();
    for (name, value) in response["headers"].as_object().unwrap() {
        built
            .headers_mut()
            .insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.as_str().unwrap().parse().unwrap());
    }
    built
}

#[tokio::test]
async fn every_recorded_answer_is_read() {
    let Some(recordings) = recordings() else {
        return;
    };
    let mut read = 0;
    for (request, response) in exchanges(&recordings, "bearer") {
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let (status, json) = (response["status"].as_u64().unwrap(), &response["json"]);
        let client = replay(response).await;
        match (method, path) {
            ("GET", "/system_stats") => {
                let stats = client.system_stats().await.unwrap();
                assert_eq!(stats.comfyui_version.as_deref(), Some("0.3.64"));
                assert_eq!(stats.devices[0].kind, "cpu");
                assert_eq!(stats.devices[0].vram_total, json["devices"][0]["vram_total"].as_u64());
            }
            ("GET", "/prompt") => {
                let health = client.health().await.unwrap();
                assert_eq!(Some(health.queue_remaining), json["exec_info"]["queue_remaining"].as_u64());
            }
            ("GET", "/queue") => {
                let queue = client.queue().await.unwrap();
                assert_eq!(queue.pending.len(), json["queue_pending"].as_array().unwrap().len());
                assert!(queue.pending.is_sorted_by(|one, other| one.number <= other.number));
            }
            ("GET", path) if path.starts_with("/history/") => {
                let id = &path["/history/".len()..];
                let entry = client.history(id).await.unwrap();
                assert_eq!(entry.is_some(), json.get(id).is_some());
                if let Some(entry) = entry {
                    assert_eq!(entry.completed, entry.status == "success");
                    assert_eq!(entry.outputs.is_empty(), !entry.completed);
                    assert!(entry.ran_for().is_some());
                }
            }
            ("GET", path) if path.starts_with("/object_info/") => {
                let name = &path["/object_info/".len()..];
                let class = client.object_info_class(name).await.unwrap();
                assert_eq!(class.is_some(), name != "NoSuchNode");
                if let Some(class) = class.filter(|_| name == "KSampler") {
                    assert!(class.choices("sampler_name").unwrap().contains(&"euler"));
                }
            }
            ("POST", "/prompt") => {
                let Ok(workflow) = Workflow::from_value(request["json"]["prompt"].clone()) else {
                    continue;
                };
                match (status, client.submit(&workflow).await) {
                    (200, job) => assert_eq!(job.unwrap().prompt_id(), json["prompt_id"]),
                    (_, job) => {
                        let error = job.unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::Rejected);
                        let stopped_early = json["error"]["type"] == "invalid_prompt";
                        let named = json["node_errors"].as_object().unwrap().len() + usize::from(stopped_early);
                        assert_eq!(error.node_errors().len(), named);
                    }
                }
            }
            ("POST", "/upload/image") => {
                match (status, client.upload_image("red.png", &b"x"[..], &UploadOptions::default()).await) {
                    (200, stored) => assert_eq!(stored.unwrap().name, json["name"]),
                    (_, stored) => assert_eq!(stored.unwrap_err().kind(), ErrorKind::Rejected),
                }
            }
            ("GET", path) if path.starts_with("/view") => {
                let file = StoredFile::new(FileKind::Input, "", "red.png");
                match (status, client.view(&file).await) {
                    (200, bytes) => assert_eq!(Some(bytes.unwrap().len() as u64), response["length"].as_u64()),
                    (404, bytes) => assert_eq!(bytes.unwrap_err().kind(), ErrorKind::NotFound),
                    (_, bytes) => assert_eq!(bytes.unwrap_err().kind(), ErrorKind::Rejected),
                }
            }
            ("POST", "/queue") => client.delete_queued(["p"]).await.unwrap(),
            _ => continue,
        }
        read += 1;
    }
    assert!(read > 30, "{read}");
}

#[tokio::test]
async fn every_recorded_refusal_is_one() {
    let Some(recordings) = recordings() else {
        return;
    };
    let mut read = 0;
    for (request, response) in exchanges(&recordings, "none") {
        let status = response["status"].as_u64().unwrap();
        let client = replay(response).await;
        let error = client.health().await.unwrap_err();
        // The one that is not a refusal: a header of one word is answered like a crash.
        assert_eq!(error.is_refused(), status != 500, "{request} {error:?}");
        let answer = client.probe(&Probe::get("/")).await.unwrap();
        assert_eq!(u64::from(answer.status), status);
        read += 1;
    }
    assert!(read > 5, "{read}");
}
