//! Drawings as a person sees them, and of any graph.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, json};

fn workflow() -> Workflow {
    let text = |text: &str, title: &str| json!({"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}, "_meta": {"title": title}});
    Workflow::from_value(json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}, "_meta": {"title": "Load Checkpoint"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "6": text("a lake at dawn, mist over the water, a boat with two people who look at the far shore, oil on canvas", "Positive"),
        "7": text("", "Negative"),
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "lake"}, "_meta": {"title": "Save Image"}},
        "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "style.safetensors", "model": ["99", 0], "clip": [1, 2, 3]}},
        "11": {"class_type": "Own\u{1b}[2J", "inputs": {"again": ["12", 0]}},
        "12": {"class_type": "Own", "inputs": {"again": ["11", 0]}},
    }))
    .unwrap()
}

fn info() -> ObjectInfo {
    ObjectInfo::from_value(&json!({
        "CheckpointLoaderSimple": {"output": ["MODEL", "CLIP", "VAE"], "output_name": ["MODEL", "CLIP", "VAE"]},
        "KSampler": {"output": ["LATENT"]}, "CLIPTextEncode": {"output": ["CONDITIONING"]}, "EmptyLatentImage": {"output": ["LATENT"]},
        "VAEDecode": {"output": ["IMAGE"]}, "SaveImage": {"output_node": true}, "LoraLoader": {}, "Own": {}, "Own\u{1b}[2J": {},
    }))
    .unwrap()
}

#[test]
fn as_it_is_seen_in_a_narrow_terminal() {
    insta::assert_snapshot!(workflow().draw(None, 80), @r#"
    `9` Save Image (SaveImage)
    │ filename_prefix "lake"
    └─ images ← `8` VAEDecode
       ├─ samples ← `3` KSampler
       │  │ seed 42 · steps 20 · cfg 8.0 · sampler_name "euler"
       │  │ scheduler "normal" · denoise 1.0
       │  ├─ model ← `4` Load Checkpoint (CheckpointLoaderSimple)
       │  │    ckpt_name "sd15.safetensors"
       │  ├─ positive ← `6` Positive (CLIPTextEncode)
       │  │  │ text "a lake at dawn, mist over the water, a…
       │  │  └─ clip ← `4` Load Checkpoint (CheckpointLoaderSimpl… · output 1, above
       │  ├─ negative ← `7` Negative (CLIPTextEncode)
       │  │  │ text ""
       │  │  └─ clip ← `4` Load Checkpoint (CheckpointLoaderSimpl… · output 1, above
       │  └─ latent_image ← `5` EmptyLatentImage
       │       width 512 · height 512 · batch_size 1
       └─ vae ← `4` Load Checkpoint (CheckpointLoaderSimple) · output 2, above
    Not needed by any output, and will not run:
    `10` LoraLoader
    │ lora_name "style.safetensors"
    ├─ model ✗ node `99`, which is not there
    └─ clip ✗ [1,2,3], which is no link
    `11` Own\u{1b}[2J
    └─ again ← `12` Own
       └─ again ← `11` Own\u{1b}[2J, above
    "#);
}

#[test]
fn as_it_is_seen_in_a_wide_terminal_with_the_servers_words() {
    insta::assert_snapshot!(workflow().draw(Some(&info()), 130), @r#"
    `9` Save Image (SaveImage)
    │ filename_prefix "lake"
    └─ images ← `8` VAEDecode
       ├─ samples ← `3` KSampler
       │  │ seed 42 · steps 20 · cfg 8.0 · sampler_name "euler" · scheduler "normal" · denoise 1.0
       │  ├─ model ← `4` Load Checkpoint (CheckpointLoaderSimple) · MODEL
       │  │    ckpt_name "sd15.safetensors"
       │  ├─ positive ← `6` Positive (CLIPTextEncode)
       │  │  │ text "a lake at dawn, mist over the water, a boat with two peopl…
       │  │  └─ clip ← `4` Load Checkpoint (CheckpointLoaderSimple) · CLIP, above
       │  ├─ negative ← `7` Negative (CLIPTextEncode)
       │  │  │ text ""
       │  │  └─ clip ← `4` Load Checkpoint (CheckpointLoaderSimple) · CLIP, above
       │  └─ latent_image ← `5` EmptyLatentImage
       │       width 512 · height 512 · batch_size 1
       └─ vae ← `4` Load Checkpoint (CheckpointLoaderSimple) · VAE, above
    Not needed by any output, and will not run:
    `10` LoraLoader
    │ lora_name "style.safetensors"
    ├─ model ✗ node `99`, which is not there
    └─ clip ✗ [1,2,3], which is no link
    `11` Own\u{1b}[2J
    └─ again ← `12` Own · ✗ output 0, which it does not have
       └─ again ← `11` Own\u{1b}[2J · ✗ output 0, which it does not have, above
    "#);
}

#[test]
fn what_stands_deep_is_drawn_below() {
    let chain = (0..12).map(|nth| {
        let inputs = if nth == 0 { json!({"seed": 1}) } else { json!({"image": [(nth - 1).to_string(), 0]}) };
        (nth.to_string(), json!({"class_type": "Step", "inputs": inputs}))
    });
    let workflow = Workflow::from_value(Value::Object(chain.collect())).unwrap();
    insta::assert_snapshot!(workflow.draw(None, 40), @"
    `11` Step
    └─ image ← `10` Step
       └─ image ← `9` Step
          └─ image ← `8` Step
             └─ image ← `7` Step
                └─ image ← `6` Step
                   └─ image ← `5` St…, below
    `5` Step
    └─ image ← `4` Step
       └─ image ← `3` Step
          └─ image ← `2` Step
             └─ image ← `1` Step
                └─ image ← `0` Step
                     seed 1
    ");
}

#[test]
fn a_very_deep_graph_is_drawn() {
    let chain =
        (0..20_000).map(|nth: i32| (nth.to_string(), json!({"class_type": "X", "inputs": {"in": [(nth + 1).to_string(), 0]}})));
    let workflow = Workflow::from_value(Value::Object(chain.collect())).unwrap();
    assert_eq!(workflow.draw(None, 80).lines().filter(|line| line.contains('←')).count(), 19_999);
}

proptest! {
    /// Each node is drawn exactly once, each link has its line, and no line is too wide or does anything to the terminal.
    #[test]
    fn any_graph_is_drawn(
        nodes in prop::collection::vec((prop::collection::vec((0usize..14, 0u32..3), 0..4), "\\PC{0,30}", any::<String>()), 1..12),
        width in 0usize..140,
    ) {
        let made: Map<String, Value> = nodes.iter().enumerate().map(|(nth, (links, class, text))| {
            let links = links.iter().enumerate().map(|(at, (to, slot))| (format!("in{at}"), json!([to.to_string(), slot])));
            let inputs: Map<String, Value> = links.chain([("text".to_owned(), text.clone().into())]).collect();
            (nth.to_string(), json!({"class_type": format!("X{class}"), "inputs": inputs, "_meta": {"title": text}}))
        }).collect();
        let workflow = Workflow::from_value(made.into()).unwrap();
        let text = workflow.draw(None, width);
        let mut drawn = 0;
        for line in text.lines() {
            prop_assert!(width_of(line) <= width.max(NARROWEST), "{line}");
            prop_assert!(line.chars().all(columns::is_shown), "{line:?}");
            drawn += usize::from(line.trim_start_matches(['│', ' ']).starts_with("text \""));
        }
        prop_assert_eq!(drawn, nodes.len(), "{}", text);
    }
}
