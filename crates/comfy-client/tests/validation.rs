//! The client's own validation against what a real ComfyUI 0.3.64 answered: the cases that the embedded ComfyUI is
//! tested with, and its description of the node classes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

use std::collections::{BTreeMap, BTreeSet};

use comfy_client::{Client, Config, ObjectInfo, Problem, ProblemKind, Workflow};
use comfy_sim::Server;
use serde_json::Value;

const DATA: &str = include_str!("../../comfy-sim/tests/validation.json");

/// A case's prompt; none where the case is about the body around it.
fn prompt(case: &Value, prompts: &Value) -> Option<Value> {
    if case.get("body").is_some() || case.get("partial_execution_targets").is_some() {
        return None;
    }
    let mut prompt = case.get("prompt").cloned().unwrap_or_else(|| prompts[case["of"].as_str().unwrap()].clone());
    for (id, change) in case["with"].as_object().into_iter().flatten() {
        match change["inputs"].as_object().filter(|_| change.get("class_type").is_none()) {
            Some(inputs) => inputs.iter().for_each(|(name, value)| prompt[id]["inputs"][name] = value.clone()),
            None => prompt[id] = change.clone(),
        }
    }
    for place in case["without"].as_array().into_iter().flatten() {
        let (id, name) = place.as_str().unwrap().split_once('.').unwrap();
        prompt[id]["inputs"].as_object_mut().unwrap().shift_remove(name);
    }
    Some(prompt)
}

/// What the server calls a problem.
fn word(problem: &Problem) -> &'static str {
    match problem.kind {
        ProblemKind::BadLink => "bad_linked_input",
        ProblemKind::MissingClass => "invalid_prompt",
        ProblemKind::MissingInput => "required_input_missing",
        ProblemKind::NoOutput => "prompt_no_outputs",
        ProblemKind::NotInList => "value_not_in_list",
        ProblemKind::TooSmall => "value_smaller_than_min",
        ProblemKind::TooLarge => "value_bigger_than_max",
        ProblemKind::WrongType => "invalid_input_type",
        ProblemKind::LinkTypeMismatch => "return_type_mismatch",
        _ => "exception",
    }
}

/// What the server found: each node with the words for its errors. It blames what it did not foresee on other nodes.
fn found_by_server(answer: &Value) -> BTreeSet<String> {
    let nodes = answer["nodes"].as_object().into_iter().flatten();
    let errors = nodes.flat_map(|(id, node)| node["errors"].as_array().unwrap().iter().map(move |error| (id, error)));
    let found: BTreeSet<String> = errors.map(|(id, error)| spelled(id, error[0].as_str().unwrap())).collect();
    match answer["error"][0].as_str() {
        Some(word) if found.is_empty() => BTreeSet::from([word.to_owned()]),
        _ => found,
    }
}

fn spelled(id: &str, word: &str) -> String {
    if word.starts_with("exception") { "exception".to_owned() } else { format!("{id} {word}") }
}

fn found_here(workflow: &Workflow, info: &ObjectInfo) -> BTreeSet<String> {
    let errors: Vec<Problem> = workflow.validate(info).into_iter().filter(Problem::is_error).collect();
    // The server stops at these.
    let first = errors.iter().map(word).find(|word| matches!(*word, "invalid_prompt" | "prompt_no_outputs"));
    match first {
        Some(word) => BTreeSet::from([word.to_owned()]),
        None => errors.iter().map(|error| spelled(error.node.as_deref().unwrap(), word(error))).collect(),
    }
}

#[tokio::test]
async fn the_client_finds_what_the_server_finds() {
    let data: Value = serde_json::from_str(DATA).unwrap();
    let folder = tempfile::tempdir().unwrap();
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
    let server = builder.spawn().await.unwrap();
    let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
    let (mut classes, mut compared) = (BTreeMap::new(), 0);
    let mut differences = Vec::new();
    for case in data["cases"].as_array().unwrap() {
        let workflow = prompt(case, &data["prompts"]).and_then(|prompt| Workflow::from_value(prompt).ok());
        let Some(workflow) = workflow else { continue };
        for node in workflow.nodes().values() {
            let name = node["class_type"].as_str().unwrap();
            if !classes.contains_key(name)
                && let Some(class) = client.object_info_class(name).await.unwrap()
            {
                classes.insert(name.to_owned(), class);
            }
        }
        let info = ObjectInfo::from_iter(classes.clone());
        let (server, here) = (found_by_server(&case["answer"]), found_here(&workflow, &info));
        // What it did not foresee the server blames on other nodes, or on none; here it has a name.
        let unforeseen = ["exception", "prompt_outputs_failed_validation"].iter().any(|word| server.contains(*word));
        let agrees = server == here || (unforeseen && !here.is_empty());
        if !agrees {
            differences.push(format!("{}: server {server:?}, here {here:?}", case["case"]));
        }
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
    // The server does not look behind a link of the wrong type, nor at inputs that the class does not read, though it
    // follows their links in the run. It takes -1 and false for slots. A missing file is found by the class's own code.
    insta::assert_snapshot!(differences.join("\n"), @r#"
    "latent-is-image": server {"3 return_type_mismatch"}, here {"3 return_type_mismatch", "exception"}
    "model-slot-neg": server {"3 value_smaller_than_min"}, here {"3 bad_linked_input", "3 value_smaller_than_min"}
    "model-slot-bool": server {"3 value_smaller_than_min"}, here {"3 bad_linked_input", "3 value_smaller_than_min"}
    "unknown-input": server {"3 required_input_missing"}, here {"3 required_input_missing", "exception"}
    "load-missing-file": server {"1 custom_validation_failed"}, here {"1 value_not_in_list"}
    "load-slot-mask": server {"2 return_type_mismatch"}, here {"1 value_not_in_list", "2 return_type_mismatch"}
    "#);
}
