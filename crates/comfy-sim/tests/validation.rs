//! Wrong prompts, and what ComfyUI 0.3.64 answered to them: `validation.json`, read off the real server with model files
//! of the same names. A case is a whole body, a prompt, or changes to a prompt that is well; an answer is what a client
//! can act on, without the declarations that errors repeat. Orders that are chance in Python are sorted on both sides.
//! Numbers that only Python reads are in `recordings/85-edges.json`.

mod wire;

use comfy_sim::Server;
use serde_json::{Map, Value, json};
use wire::{get, post};

const DATA: &str = include_str!("validation.json");

/// The body of a case's request.
fn body(case: &Value, prompts: &Value) -> Value {
    if let Some(body) = case.get("body") {
        return body.clone();
    }
    let mut prompt = case.get("prompt").cloned().unwrap_or_else(|| prompts[case["of"].as_str().expect("a name")].clone());
    for (id, change) in case["with"].as_object().into_iter().flatten() {
        let inputs = change["inputs"].as_object().filter(|_| change.get("class_type").is_none());
        match inputs {
            Some(inputs) => inputs.iter().for_each(|(name, value)| prompt[id]["inputs"][name] = value.clone()),
            None => prompt[id] = change.clone(),
        }
    }
    for place in case["without"].as_array().into_iter().flatten() {
        let (id, name) = place.as_str().and_then(|place| place.split_once('.')).expect("node.input");
        prompt[id]["inputs"].as_object_mut().expect("inputs").shift_remove(name);
    }
    let mut body = json!({"prompt": prompt});
    if let Some(targets) = case.get("partial_execution_targets") {
        body["partial_execution_targets"] = targets.clone();
    }
    body
}

/// What is compared of an answer.
fn essence(status: u16, body: &Value) -> Value {
    let mut out = json!({"status": status});
    if let Some(error) = body.get("error") {
        let details = match error["type"] == "prompt_outputs_failed_validation" {
            true => sorted(error["details"].as_str().unwrap_or_default().split('\n').map(Value::from)),
            false => error["details"].clone(),
        };
        out["error"] = json!([error["type"], error["message"], details]);
    }
    let nodes = body["node_errors"].as_object().filter(|nodes| !nodes.is_empty());
    if let Some(nodes) = nodes {
        let nodes = nodes.iter().map(|(id, node)| (id.clone(), of_node(node)));
        out["nodes"] = Value::Object(nodes.collect::<Map<_, _>>());
    }
    out
}

fn of_node(node: &Value) -> Value {
    let errors = node["errors"].as_array().expect("errors").iter();
    let errors = errors.map(|error| json!([error["type"], error["message"], error["details"]]));
    let outputs = node["dependent_outputs"].as_array().expect("outputs").iter().cloned();
    json!({"class": node["class_type"], "outputs": sorted(outputs), "errors": sorted(errors)})
}

fn sorted(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<_> = values.collect();
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

#[tokio::test]
async fn every_wrong_prompt_is_answered_as_the_real_server_answers_it() {
    let data: Value = serde_json::from_str(DATA).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let models = [
        ("checkpoints", "sd15"),
        ("loras", "l1"),
        ("loras", "sub_l2"),
        ("vae", "v1"),
        ("text_encoders", "c1"),
        ("text_encoders", "c2"),
        ("diffusion_models", "u1"),
    ];
    let builder = models.iter().fold(Server::builder().comfy_dir(folder.path()), |builder, (folder, name)| {
        builder.model(*folder, format!("{name}.safetensors"))
    });
    let server = builder.spawn().await.expect("starts");
    let cases = data["cases"].as_array().expect("cases");
    assert!(cases.len() > 100);
    for case in cases {
        let body = body(case, &data["prompts"]).to_string();
        let reply = post(server.addr(), "/prompt", "application/json", &[], &body).await;
        let mut expected = case["answer"].clone();
        // The same order as here, which is not Python's.
        let lists = expected
            .get_mut("nodes")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
            .flat_map(|(_, node)| node.as_object_mut());
        for list in lists.flatten().filter_map(|(_, list)| list.as_array_mut()) {
            list.sort_by_key(Value::to_string);
        }
        assert_eq!(essence(reply.status, &reply.json()), expected, "{}: {}", case["case"], reply.text());
    }
    // None of them cost the server its worker.
    let prompt = json!({"prompt": data["prompts"]["image"]}).to_string();
    let id = post(server.addr(), "/prompt", "application/json", &[], &prompt).await.json()["prompt_id"].clone();
    let path = format!("/history/{}", id.as_str().expect("an id"));
    while get(server.addr(), &path, &[]).await.json() == json!({}) {}
}
