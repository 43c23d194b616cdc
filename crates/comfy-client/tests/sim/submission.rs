//! What goes along with a workflow, and what comes back beside files.

use std::path::Path;
use std::time::Duration;

use comfy_client::{Client, Config, Event, ImageFormat, Outcome, Run, Submission, Workflow, WorkflowFile};
use comfy_sim::{Builder, Server};
use futures_util::StreamExt;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

async fn site(folder: &Path, set: impl FnOnce(Builder) -> Builder) -> (Server, Client) {
    let server = set(Server::builder().comfy_dir(folder)).spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    (server, client)
}

async fn run(client: &Client, submission: &Submission<'_>) -> Run {
    let outcome = client.submit_with(submission).await.unwrap().wait(LONG).await.unwrap();
    let Outcome::Succeeded(run) = outcome else { panic!("{outcome}") };
    run
}

/// As the editor saves it: the values of the widgets have no names.
fn drawn() -> Value {
    json!({"last_node_id": 2, "last_link_id": 1, "version": 0.4, "links": [[1, 1, 0, 2, 0, "IMAGE"]], "nodes": [
        {"id": 1, "type": "EmptyImage", "pos": [0, 0], "mode": 0, "widgets_values": [16, 16, 1, 255],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]},
        {"id": 2, "type": "SaveImage", "pos": [300, 0], "mode": 0, "widgets_values": ["both"],
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]}]})
}

#[tokio::test]
async fn a_picture_opens_in_the_editor_with_the_values_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder).await;
    let file = WorkflowFile::from_bytes(drawn().to_string().as_bytes()).unwrap();
    let mut workflow = file.into_workflow_for(&client.object_info().await.unwrap()).unwrap();
    workflow.set("EmptyImage", "color", 4_711).unwrap();
    assert_eq!(client.dry_run(&workflow).await.unwrap(), []);
    let first = run(&client, &Submission::new(&workflow)).await;
    let picture = client.view(&first.outputs[0].file).await.unwrap();

    // The picture holds both forms; what is made of them again does too.
    let held = WorkflowFile::from_bytes(&picture).unwrap();
    assert_eq!(held.api().unwrap().nodes(), workflow.nodes());
    let mut expected = drawn();
    expected["nodes"][0]["widgets_values"][3] = 4_711.into();
    assert_eq!(held.ui().unwrap().to_value(), expected);
    let mut again = held.into_workflow().unwrap();
    again.set("1", "width", 32).unwrap();
    assert!(again.ui_behind().is_empty());
    let second = run(&client, &Submission::new(&again)).await;
    let held = WorkflowFile::from_bytes(&client.view(&second.outputs[0].file).await.unwrap()).unwrap();
    assert_eq!(held.ui().unwrap().root()["nodes"][0]["widgets_values"], json!([32, 16, 1, 4_711]));

    again.set("1", "color", 1).unwrap(); // else the cache gives the former picture
    let bare = run(&client, &Submission::new(&again.without_ui())).await;
    let held = WorkflowFile::from_bytes(&client.view(&bare.outputs[0].file).await.unwrap()).unwrap();
    assert!(held.ui().is_none() && held.api().is_some());
    server.shutdown().await;
}

/// A picture in `count` shades, sent over the socket; with a sampler beside it, whose previews are no results.
fn sending(count: u64) -> Workflow {
    Workflow::from_value(json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": count, "color": 7}},
        "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 4, "cfg": 1, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}},
    }))
    .unwrap()
}

#[tokio::test]
async fn pictures_over_the_socket_are_results_and_previews_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.checkpoint("sd15.safetensors").previews(true)).await;
    let workflow = sending(3);
    let job = client.submit(&workflow).await.unwrap();
    let events = job.events();
    let Outcome::Succeeded(got) = job.wait(LONG).await.unwrap() else { panic!("it fails") };
    assert!(got.ws_images_complete);
    assert_eq!(got.ws_images.len(), 3);
    for picture in &got.ws_images {
        assert_eq!((picture.node.as_str(), picture.format), ("2", ImageFormat::Png));
        assert!(picture.image.starts_with(b"\x89PNG") && picture.image.ends_with(b"IEND\xAE\x42\x60\x82"));
    }
    let previews = events.filter(|event| std::future::ready(matches!(event, Event::Preview { .. }))).count().await;
    assert!(previews > 3, "{previews}");

    // Another node's, when asked for.
    let mut other = sending(1);
    other.set("3", "seed", 2).unwrap();
    let both = run(&client, &Submission::new(&other).images_from(["3"])).await;
    assert!(both.ws_images.iter().any(|picture| picture.node == "3") && both.ws_images.iter().any(|picture| picture.node == "2"));
    server.shutdown().await;
}

#[tokio::test]
async fn pictures_that_may_be_missing_are_not_called_complete() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().comfy_dir(folder.path()).checkpoint("sd15.safetensors").spawn().await.unwrap();
    let small = Client::new(Config::new(&server.url()).unwrap().body_limit(10_000)).unwrap();
    let mut workflow = sending(3);
    workflow.set("1", "width", 1_024).unwrap().set("1", "height", 1_024).unwrap();
    let got = run(&small, &Submission::new(&workflow)).await;
    assert!(!got.ws_images_complete && got.ws_images.len() < 3, "{}", got.ws_images.len());

    // One that is cut off is the next one, not this one.
    drop(small);
    let cut_off = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    server.faults().set(comfy_sim::Fault::CutSocket { after_frames: 6 }.times(1));
    workflow.set("1", "color", 8).unwrap();
    let got = run(&cut_off, &Submission::new(&workflow)).await;
    assert!(!got.ws_images_complete);
    server.shutdown().await;
}

#[tokio::test]
async fn the_place_in_the_queue_and_the_wanted_outputs_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(comfy_sim::Fault::DeadWorker)).await;
    let workflow = sending_files();
    let hold = client.submit(&workflow).await.unwrap();
    let submit = async |submission: Submission<'_>| client.submit_with(&submission).await.unwrap().prompt_id().to_owned();
    let last = submit(Submission::new(&workflow).number(1e6)).await;
    let middle = submit(Submission::new(&workflow)).await;
    let first = submit(Submission::new(&workflow).front()).await;
    let pending: Vec<String> = client.queue().await.unwrap().pending.into_iter().map(|item| item.prompt_id).collect();
    assert_eq!(pending, [first, middle, last]);
    drop(hold);
    server.faults().clear();
    server.restart(Duration::ZERO).await;
    let some = run(&client, &Submission::new(&workflow).only(["3"])).await;
    assert_eq!(some.outputs.iter().map(|output| output.node.as_str()).collect::<Vec<_>>(), ["3"]);
    server.shutdown().await;
}

fn sending_files() -> Workflow {
    Workflow::from_value(json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 7}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "two"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "three"}},
    }))
    .unwrap()
}

#[tokio::test]
async fn the_second_of_three_is_cancelled_while_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let slow = |builder: Builder| builder.checkpoint("sd15.safetensors").step_time(Duration::from_millis(100));
    let (server, client) = site(folder.path(), slow).await;
    let sampling = |seed: u64| {
        let mut workflow = sending(1);
        workflow.set("3", "seed", seed).unwrap().set("3", "steps", 8).unwrap();
        workflow
    };
    let mut jobs = Vec::new();
    for seed in 0..3 {
        jobs.push(client.submit(&sampling(seed)).await.unwrap());
    }
    assert!(jobs[1].cancel().await.unwrap());
    assert!(matches!(jobs[1].wait(LONG).await.unwrap(), Outcome::Cancelled(by) if by.by_this_client));
    assert!(matches!(jobs[0].wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    let mut events = jobs[2].events();
    while !matches!(events.next().await, Some(Event::Started)) {}
    // From another client, which knows no more than the id.
    let other = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    assert!(other.cancel(jobs[2].prompt_id()).await.unwrap());
    assert!(matches!(jobs[2].wait(LONG).await.unwrap(), Outcome::Interrupted(_)));
    assert!(!other.cancel(jobs[2].prompt_id()).await.unwrap());
    server.shutdown().await;
}
