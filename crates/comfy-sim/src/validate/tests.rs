//! Each case is a prompt and what ComfyUI says of it.

use serde_json::{Map, Value, json};

use super::*;
use crate::nodes::{Call, Yield};

/// A class with every kind of literal and a list of choices, which the image nodes lack.
struct Picky;

impl Node for Picky {
    fn class(&self) -> &'static str {
        "Picky"
    }

    fn info(&self, _: &Folders) -> Result<Value, Raised> {
        let many: Vec<_> = (0..21).map(|n| format!("m{n}")).collect();
        Ok(json!({
            "input": {
                "required": {"mode": [["soft", "hard"]], "seed": ["INT", {"min": 0, "max": u64::MAX}]},
                "optional": {"scale": ["FLOAT", {"max": 8.0}], "on": ["BOOLEAN"], "model": [many]},
            },
            "output": [],
        }))
    }

    fn is_output(&self) -> bool {
        true
    }

    fn execute(&self, _: &Call<'_>) -> Result<Yield, Raised> {
        Ok(Yield::default())
    }
}

static WITH_PICKY: &[&dyn Node] = &[&Picky];

fn judge_in(registry: Registry, folders: &Folders, mut nodes: Value) -> (Result<Verdict, Raised>, Value) {
    let mut given: Map<String, Value> = nodes.as_object_mut().map(std::mem::take).unwrap_or_default();
    let verdict = prompt(registry, folders, &mut given, None);
    (verdict, Value::Object(given))
}

fn judge(nodes: Value) -> Result<Verdict, Raised> {
    let dir = tempfile::tempdir().expect("a folder");
    let folders = Folders::make(dir.path()).expect("folders");
    std::fs::write(folders.input().join("there.png"), "").expect("written");
    judge_in(Registry::all(), &folders, nodes).0
}

fn errors(verdict: &Result<Verdict, Raised>) -> &Value {
    match verdict {
        Ok(Verdict::Accepted { node_errors, .. } | Verdict::Refused { node_errors, .. }) => node_errors,
        Err(raised) => panic!("raised {raised:?}"),
    }
}

fn empty_image(width: &Value) -> Value {
    json!({"class_type": "EmptyImage", "inputs": {"width": width, "height": 64, "batch_size": 1, "color": 0}})
}

fn save(from: &Value) -> Value {
    json!({"class_type": "SaveImage", "inputs": {"images": from, "filename_prefix": "x"}})
}

#[test]
fn a_literal_is_converted_or_refused() {
    for (width, kind, details) in [
        (json!("wide"), "invalid_input_type", "width, wide, invalid literal for int() with base 10: 'wide'"),
        (
            json!(null),
            "invalid_input_type",
            "width, None, int() argument must be a string, a bytes-like object or a real number, not 'NoneType'",
        ),
        (json!(0), "value_smaller_than_min", "width"),
        (json!(16_385), "value_bigger_than_max", "width"),
        (json!(["1"]), "bad_linked_input", "width"),
    ] {
        let verdict = judge(json!({"1": empty_image(&width), "2": save(&json!(["1", 0]))}));
        let error = &errors(&verdict)["1"]["errors"][0];
        assert_eq!((&error["type"], &error["details"]), (&json!(kind), &json!(details)), "{width}");
        assert_eq!(errors(&verdict)["1"]["dependent_outputs"], json!(["2"]));
        assert!(matches!(verdict, Ok(Verdict::Refused { error, .. }) if error["type"] == "prompt_outputs_failed_validation"));
    }
    for width in [json!(64), json!("64"), json!(64.9), json!(true), json!({"__value__": 64})] {
        let verdict = judge(json!({"1": empty_image(&width), "2": save(&json!(["1", 0]))}));
        assert_eq!(errors(&verdict), &json!({}), "{width}");
    }
}

#[test]
fn choices_and_other_types_have_their_own_errors() {
    let dir = tempfile::tempdir().expect("a folder");
    let folders = Folders::make(dir.path()).expect("folders");
    for (inputs, problem) in [
        (json!({"mode": "soft", "seed": u64::MAX}), None),
        (json!({"mode": "loud", "seed": 1}), Some(("value_not_in_list", "mode: 'loud' not in ['soft', 'hard']"))),
        (
            json!({"mode": "soft", "seed": 1, "model": "m99"}),
            Some(("value_not_in_list", "model: 'm99' not in (list of length 21)")),
        ),
        (json!({"mode": "soft", "seed": -1}), Some(("value_smaller_than_min", "seed"))),
        (json!({"mode": "soft", "seed": 1, "scale": 8.5}), Some(("value_bigger_than_max", "scale"))),
        (
            json!({"mode": "soft", "seed": 1, "scale": "x"}),
            Some(("invalid_input_type", "scale, x, could not convert string to float: 'x'")),
        ),
        (json!({"mode": "soft"}), Some(("required_input_missing", "seed"))),
    ] {
        let nodes = json!({"1": {"class_type": "Picky", "inputs": inputs}});
        let (verdict, _) = judge_in(Registry::of(WITH_PICKY), &folders, nodes);
        let error = &errors(&verdict)["1"]["errors"][0];
        let seen = problem.map(|_| (error["type"].as_str().unwrap_or(""), error["details"].as_str().unwrap_or("")));
        assert_eq!(seen, problem, "{inputs}");
    }
    let nodes = json!({"1": {"class_type": "Picky", "inputs": {"mode": "hard", "seed": "7", "scale": 2, "on": "no"}}});
    let (_, converted) = judge_in(Registry::of(WITH_PICKY), &folders, nodes);
    assert_eq!(converted["1"]["inputs"], json!({"mode": "hard", "seed": 7, "scale": 2.0, "on": true}));
}

#[test]
fn links_are_followed_to_what_is_wrong() {
    let at_output = |images: Value| json!({"1": empty_image(&json!(8)), "2": save(&images)});
    for (images, kind, details) in [
        (json!(["99", 0]), "exception_during_validation", "'99'"),
        (json!([5, 0]), "exception_during_validation", "5"),
        (json!([["1"], 0]), "exception_during_validation", "unhashable type: 'list'"),
        (json!(["1", 1]), "exception_during_validation", "tuple index out of range"),
        (json!(["1", "0"]), "exception_during_validation", "tuple indices must be integers or slices, not str"),
        (json!(["1", 0.0]), "exception_during_validation", "tuple indices must be integers or slices, not float"),
        (json!(["2", 0]), "exception_during_validation", "tuple index out of range"),
    ] {
        let verdict = judge(at_output(images.clone()));
        let error = &errors(&verdict)["2"]["errors"][0];
        assert_eq!((&error["type"], &error["details"]), (&json!(kind), &json!(details)), "{images}");
    }
    assert_eq!(errors(&judge(at_output(json!(["1", -1])))), &json!({}), "a slot counts from the end");

    let load = json!({"class_type": "LoadImage", "inputs": {"image": "there.png"}});
    let verdict = judge(json!({"1": load, "2": save(&json!(["1", 1]))}));
    let error = &errors(&verdict)["2"]["errors"][0];
    assert_eq!(error["type"], "return_type_mismatch");
    assert_eq!(error["details"], "images, received_type(MASK) mismatch input_type(IMAGE)");
}

#[test]
fn load_image_checks_its_file_itself() {
    for (image, kind, details) in [
        (Some(json!("there.png")), None, ""),
        (Some(json!("absent.png")), Some("custom_validation_failed"), "image - Invalid image file: absent.png"),
        (Some(json!("../login/PASSWORD")), Some("custom_validation_failed"), "image - Invalid image file: ../login/PASSWORD"),
        (Some(json!(5)), Some("exception_during_inner_validation"), "'int' object has no attribute 'endswith'"),
        (
            None,
            Some("exception_during_inner_validation"),
            "LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'",
        ),
    ] {
        let inputs = image.clone().map_or(json!({}), |image| json!({"image": image}));
        let load = json!({"class_type": "LoadImage", "inputs": inputs});
        let verdict = judge(json!({"1": load, "2": save(&json!(["1", 0]))}));
        let error = &errors(&verdict)["1"]["errors"][0];
        assert_eq!(error["type"].as_str(), kind, "{image:?}");
        assert_eq!(error["details"].as_str().unwrap_or(""), details, "{image:?}");
        if kind == Some("exception_during_inner_validation") {
            let line = error["extra_info"]["traceback"][0].as_str().unwrap_or_default();
            assert!(line.starts_with("  File \"/") && line.ends_with("execution.py\", line 808, in validate_inputs\n"), "{line}");
        }
    }
}

#[test]
fn one_good_output_is_enough_and_the_others_are_told() {
    let verdict = judge(json!({
        "1": empty_image(&json!(8)),
        "2": save(&json!(["1", 0])),
        "3": {"class_type": "PreviewImage", "inputs": {}},
    }));
    let Ok(Verdict::Accepted { outputs, node_errors }) = verdict else { panic!("{verdict:?}") };
    assert_eq!(outputs, ["2"]);
    assert_eq!(node_errors["3"]["errors"][0]["type"], "required_input_missing");
    assert_eq!(node_errors["3"]["dependent_outputs"], json!(["3"]));
}

#[test]
fn a_prompt_can_fail_as_a_whole() {
    for (nodes, kind, message) in [
        (json!({}), "prompt_no_outputs", "Prompt has no outputs"),
        (json!({"1": empty_image(&json!(8))}), "prompt_no_outputs", "Prompt has no outputs"),
        (json!({"1": {"class_type": "Gone"}}), "invalid_prompt", "Cannot execute because node Gone does not exist."),
        (json!({"1": {"inputs": {}}}), "invalid_prompt", "Cannot execute because a node is missing the class_type property."),
        (
            json!({"id": "a UI workflow", "nodes": []}),
            "invalid_prompt",
            "Cannot execute because a node is missing the class_type property.",
        ),
    ] {
        let verdict = judge(nodes);
        let Ok(Verdict::Refused { error, node_errors }) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&error["type"], &error["message"]), (&json!(kind), &json!(message)));
        assert_eq!(node_errors, json!({}));
    }
    for nodes in [json!({"last_node_id": 9}), json!({"1": null}), json!({"1": {"class_type": {}}})] {
        assert!(judge(nodes.clone()).is_err(), "{nodes} is a 500");
    }
}

#[test]
fn targets_choose_among_the_outputs() {
    let dir = tempfile::tempdir().expect("a folder");
    let folders = Folders::make(dir.path()).expect("folders");
    let nodes = json!({"1": empty_image(&json!(8)), "2": save(&json!(["1", 0])), "3": save(&json!(["1", 0]))});
    for (targets, outputs) in [(json!(["3"]), Some(vec!["3"])), (json!(null), Some(vec!["2", "3"])), (json!([]), None)] {
        let mut given = nodes.as_object().cloned().unwrap_or_default();
        let verdict = prompt(Registry::all(), &folders, &mut given, Some(&targets)).expect("no exception");
        let ran = match verdict {
            Verdict::Accepted { outputs, .. } => Some(outputs),
            Verdict::Refused { .. } => None,
        };
        assert_eq!(ran, outputs.map(|o| o.into_iter().map(str::to_owned).collect()), "{targets}");
    }
}

#[test]
fn neither_a_cycle_nor_a_long_chain_breaks_the_server() {
    let invert = |from: &str| json!({"class_type": "ImageInvert", "inputs": {"image": [from, 0]}});
    let verdict = judge(json!({"1": invert("2"), "2": invert("1"), "3": save(&json!(["1", 0]))}));
    assert!(matches!(verdict, Ok(Verdict::Refused { .. })), "{verdict:?}");
    let mut nodes = json!({"0": empty_image(&json!(8)), "out": save(&json!(["3000", 0]))});
    for n in 1..=3000 {
        nodes[n.to_string()] = invert(&(n - 1).to_string());
    }
    let verdict = judge(nodes);
    let told = errors(&verdict).to_string();
    assert!(told.contains("maximum recursion depth exceeded"));
}
