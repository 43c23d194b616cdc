//! The client against the embedded ComfyUI with its login: from the upload to the file on disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

mod faults;
mod files;
mod login;
mod orders;
mod rejection;
mod submission;
mod way;
mod wire;

use std::time::Duration;

use comfy_client::{Client, Config, Credential, Ending, Event, Outcome, Place, Probe, UploadOptions, Workflow};
use comfy_sim::{Login, Server};
use futures_util::StreamExt;
use serde_json::json;

/// The plugin takes any first line as the token.
const TOKEN: &str = "a machine's token, 1";

async fn server(folder: &std::path::Path) -> Server {
    std::fs::create_dir_all(folder.join("login")).unwrap();
    std::fs::write(folder.join("login/PASSWORD"), format!("{TOKEN}\nadmin\n")).unwrap();
    Server::builder().comfy_dir(folder).login(Login::Plugin).spawn().await.unwrap()
}

fn client(server: &Server, credential: Credential) -> Client {
    Client::new(Config::new(&server.url()).unwrap().credential(credential)).unwrap()
}

/// A sampler of so many steps, on the checkpoint `sd15.safetensors`.
fn sampling(steps: u64) -> Workflow {
    Workflow::from_value(json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": steps, "cfg": 1, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "sampled"}},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_picture_is_made_and_brought_home() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    // The token has spaces: a header of more than two words is not what the plugin reads.
    let client = client(&server, Credential::Query(TOKEN.into()));
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    assert!(client.connect().await);
    let mut workflow = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "home"}}}"#,
    )
    .unwrap();
    for color in [255, 65_280] {
        workflow.set("1", "color", color).unwrap();
        let job = client.submit(&workflow).await.unwrap();
        let outcome = job.wait(Duration::from_secs(10)).await.unwrap();
        let Outcome::Succeeded(run) = outcome else { panic!("{outcome}") };
        let events: Vec<Event> = job.events().collect().await;
        assert!(events.contains(&Event::Started), "{events:?}");
        assert_eq!(events.iter().flat_map(Event::outputs).collect::<Vec<_>>(), run.outputs);
        assert_eq!(events.last(), Some(&Event::Finished { how: Ending::Succeeded }));
        let dir = tempfile::tempdir().unwrap();
        let got = client.download(&run.outputs[0].file, dir.path()).await.unwrap();
        assert_eq!(client.view(&run.outputs[0].file).await.unwrap(), std::fs::read(&got.path).unwrap());
        assert_eq!(client.queue().await.unwrap().place(job.prompt_id()), Place::Absent);
    }
    let stored = client.upload_image("note.txt", &b"hello"[..], &UploadOptions::default()).await.unwrap();
    assert_eq!(client.view(&stored).await.unwrap(), "hello");
    server.shutdown().await;
}

#[tokio::test]
async fn without_the_token_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    for credential in [Credential::None, Credential::Bearer("wrong".into()), Credential::Query("wrong".into())] {
        let client = client(&server, credential.clone());
        assert!(client.health().await.unwrap_err().is_refused());
        assert!(!client.connect().await);
        assert_eq!(client.probe(&Probe::get("/queue")).await.unwrap().status, 401);
        assert_eq!(client.probe_socket(&credential).await.unwrap().status, 401);
    }
    let page = client(&server, Credential::None).probe(&Probe::get("/").accept("text/html")).await.unwrap();
    assert_eq!((page.status, page.location.as_deref()), (302, Some("/login")));
    let crash = client(&server, Credential::None);
    let crash = crash.probe(&Probe::get("/queue").credential(Credential::RawAuthorization("Bearer".into()))).await.unwrap();
    assert_eq!(crash.status, 500);
    let malformed = client(&server, Credential::RawAuthorization("Bearer".into()));
    assert!(malformed.queue().await.unwrap_err().is_refused());
    server.shutdown().await;
}
