//! A workflow that is not accepted says what to change, node by node.

use comfy_client::{Client, Config, ErrorKind, Workflow};
use comfy_sim::Server;
use serde_json::{Value, json};

/// The hints of a workflow of a loader, a picture and a sampler, with these changes of inputs.
async fn said(client: &Client, changes: &[(&str, &str, Value)]) -> String {
    let mut graph = json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}, "_meta": {"title": "Blank\nsheet"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}, "_meta": {"title": "SaveImage"}},
        "3": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "upscale_method": "area", "width": 4, "height": 4, "crop": "disabled"},
            "_meta": {"title": "Make it small"}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "y"}},
    });
    for (node, key, value) in changes {
        match *key {
            "class_type" => graph[node]["class_type"] = value.clone(),
            key if value.is_null() => {
                graph[node]["inputs"].as_object_mut().unwrap().remove(key);
            }
            key => graph[node]["inputs"][key] = value.clone(),
        }
    }
    let error = client.submit(&Workflow::from_value(graph).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.was_sent() && !error.is_retryable());
    error.hints().join("\n")
}

#[tokio::test]
async fn every_finding_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    let change = |node, input, value| (node, input, value);
    let mut all = Vec::new();
    for changes in [
        vec![change("1", "width", json!(null)), change("1", "height", json!(0)), change("1", "color", json!("red"))],
        vec![change("1", "width", json!(99_999))],
        vec![change("1", "width", json!([]))],
        vec![change("3", "upscale_method", json!("areas")), change("3", "crop", json!("left"))],
        vec![change("2", "images", json!(["9", 0])), change("4", "images", json!(["9", 0]))],
        vec![change("3", "image", json!(["9", 0])), change("2", "images", json!(["3", 0]))],
        vec![change("2", "images", json!(["1", 7])), change("4", "images", json!(["1", 7]))],
        vec![change("1", "class_type", json!("EmptyImages"))],
        vec![change("3", "class_type", json!("LoadImage")), change("3", "image", json!("none.png"))],
        vec![change("3", "class_type", json!("ImageToMask")), change("3", "channel", json!("red"))],
    ] {
        all.push(said(&client, &changes).await);
    }
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    node `1` "Blank\nsheet" (EmptyImage): `width` is missing; `height` is 0, and must be at least 1; `color` is `red`, which is no INT

    node `1` "Blank\nsheet" (EmptyImage): `width` is 99999, and must be at most 16384

    node `1` "Blank\nsheet" (EmptyImage): `width` is `[]`, which is no link: a link is `["NODE", SLOT]`

    node `3` "Make it small" (ImageScale): `upscale_method` is `areas`, which the server does not have; nearest: `area`; `crop` is `left`, which the server does not have; it has: `disabled`, `center`
    to run what is left of it, allow a partial run

    node `2` (SaveImage): `images` is linked to node `9`, which is not in the workflow
    node `4` (SaveImage): `images` is linked to node `9`, which is not in the workflow

    node `3` "Make it small" (ImageScale): `image` is linked to node `9`, which is not in the workflow

    node `2` (SaveImage): a link asks for an output that its node does not have
    node `4` (SaveImage): a link asks for an output that its node does not have

    node `1` "Blank\nsheet" (EmptyImages): the server does not have this class: is the custom node installed there, and did it load?

    node `3` "Make it small" (LoadImage): `image`: Invalid image file: none.png
    to run what is left of it, allow a partial run

    node `4` (SaveImage): `images` takes IMAGE and is linked to MASK of node `3`
    to run what is left of it, allow a partial run
    "#);
    server.shutdown().await;
}

#[tokio::test]
async fn a_long_list_is_looked_up_for_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().comfy_dir(folder.path()).checkpoint("sd15.safetensors").spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    let workflow = json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD1.5.safetensors"}, "_meta": {"title": "Load the model"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 1, "cfg": 1, "sampler_name": "pc_bh2", "scheduler": "normal", "denoise": 1,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    });
    let workflow = Workflow::from_value(workflow).unwrap();
    let error = client.submit(&workflow).await.unwrap_err();
    // Before it is sent the same names are suggested.
    let foreseen = client.dry_run(&workflow).await.unwrap();
    assert_eq!(foreseen.len(), error.node_errors().len());
    for (foreseen, said) in foreseen.iter().zip(error.node_errors()) {
        let near = format!("; nearest: `{}`", foreseen.nearest.join("`, `"));
        assert!(said.to_string().ends_with(&near) && foreseen.to_string().ends_with(&near), "{said}{near}");
    }
    insta::assert_snapshot!(error.hints().join("\n"), @r#"
    node `4` "Load the model" (CheckpointLoaderSimple): `ckpt_name` is `SD1.5.safetensors`, which the server does not have; nearest: `sd15.safetensors`
    node `3` (KSampler): `sampler_name` is `pc_bh2`, which the server does not have; nearest: `uni_pc_bh2`
    "#);
    server.shutdown().await;
}
