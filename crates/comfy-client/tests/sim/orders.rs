//! Orders that touch more than one prompt, and what a server has.

use std::time::Duration;

use comfy_client::{Client, Config, Ending, ErrorKind, Place, Probe, Workflow};
use comfy_sim::{Builder, Fault, Server};

const PICTURE: &str = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#;

async fn pair(folder: &tempfile::TempDir, build: impl FnOnce(Builder) -> Builder) -> (Server, Client) {
    let server = build(Server::builder().comfy_dir(folder.path())).spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    (server, client)
}

#[tokio::test]
async fn histories_come_in_order_and_are_forgotten_one_by_one_or_all() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = pair(&folder, |builder| builder).await;
    let workflow = Workflow::from_json(PICTURE).unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job = client.submit(&workflow).await.unwrap();
        job.wait(Duration::from_secs(10)).await.unwrap();
        ids.push(job.prompt_id().to_owned());
    }
    let listed = async |max, offset| -> Vec<String> {
        client.histories(max, offset).await.unwrap().into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(listed(10, None).await, ids);
    assert_eq!(listed(2, None).await, ids[1..], "the newest");
    assert_eq!(listed(1, Some(1)).await, ids[1..2]);
    let (id, entry) = client.histories(1, None).await.unwrap().remove(0);
    assert_eq!(entry.into_outcome(&id).ending(), Ending::Succeeded);

    client.delete_history([&ids[0], "never"]).await.unwrap();
    assert_eq!(listed(10, None).await, ids[1..]);
    client.clear_history().await.unwrap();
    assert_eq!(listed(10, None).await, [""; 0]);
    server.shutdown().await;
}

#[tokio::test]
async fn a_cleared_queue_keeps_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = pair(&folder, |builder| builder.fault(Fault::DeadWorker)).await;
    let workflow = Workflow::from_json(PICTURE).unwrap();
    let first = client.submit(&workflow).await.unwrap();
    let second = client.submit(&workflow).await.unwrap();
    client.clear_queue().await.unwrap();
    let queue = client.queue().await.unwrap();
    assert_eq!((queue.place(first.prompt_id()), queue.place(second.prompt_id())), (Place::Running, Place::Absent));
    client.free(true, true).await.unwrap();
    server.shutdown().await;
}

#[tokio::test]
async fn models_are_listed_by_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = pair(&folder, |builder| builder.checkpoint("sd15.safetensors").model("embeddings", "good.pt")).await;
    assert!(client.model_folders().await.unwrap().contains(&"checkpoints".to_owned()));
    assert_eq!(client.models("checkpoints").await.unwrap().unwrap(), ["sd15.safetensors"]);
    assert_eq!(client.models("vae").await.unwrap().unwrap(), [""; 0]);
    assert_eq!(client.models("no/such").await.unwrap(), None);
    assert_eq!(client.embeddings().await.unwrap(), ["good"]);
    assert!(client.extensions().await.unwrap().iter().all(|path| path.ends_with(".js")));
    assert_eq!(client.features().await.unwrap()["max_upload_size"], 104_857_600);
    server.shutdown().await;
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_not_sent() {
    // Nobody is there: what is sent ends otherwise.
    let client = Client::new(Config::new("http://127.0.0.1:1/comfy").unwrap()).unwrap();
    for name in ["", ".", ".."] {
        let errors = [
            client.history(name).await.unwrap_err(),
            client.models(name).await.unwrap_err(),
            client.object_info_class(name).await.unwrap_err(),
            client.cancel(name).await.unwrap_err(),
            client.job(name).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidConfig, false), "{name}: {error}");
            assert!(name.is_empty() || error.to_string().contains(&format!("`{name}`")), "{error}");
        }
    }
    for path in ["/..", "/a/../b", "/./a", "/%2e%2E/x", "/a/.%2e", "/a\\..\\b"] {
        assert_eq!(client.probe(&Probe::get(path)).await.unwrap_err().kind(), ErrorKind::InvalidConfig, "{path}");
    }
}
