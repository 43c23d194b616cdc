//! What a server says of its node classes: types of Rust are made of it, and every line of them is one that they are made of.
#![no_main]

use comfy_client::{ObjectInfo, Workflow};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(info) = ObjectInfo::from_json(text) {
        genai_fuzz::lexically_whole(&info.to_rust());
        if let Ok(workflow) = Workflow::from_json(text) {
            let _ = workflow.draw(Some(&info), 80);
        }
    }
    if let Ok(workflow) = Workflow::from_json(text) {
        assert!(workflow.draw(None, 80).lines().all(|line| !line.contains(char::is_control)));
    }
});
