//! From UI format to API format, and a value set in both: any graph is converted or refused.
#![no_main]

use std::sync::LazyLock;

use comfy_client::{ObjectInfo, Seed, UiWorkflow};

static INFO: LazyLock<ObjectInfo> = LazyLock::new(|| {
    ObjectInfo::from_json(
        r#"{"K": {"input": {"required": {"seed": ["INT", {"control_after_generate": true}], "steps": ["INT", {"default": 20}],
                "name": [["a", "b"]], "model": ["M"]}, "optional": {"text": ["STRING", {"forceInput": true}]}}, "output": ["M"]},
            "S": {"input": {"required": {"images": ["M", {}], "flag": ["BOOLEAN", {}]}}, "output": [], "output_node": true}}"#,
    )
    .expect("a description")
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(ui) = UiWorkflow::from_json(text) else { return };
    let Ok(mut workflow) = ui.to_api(&INFO) else { return };
    assert_eq!(workflow.ui(), Some(&ui));
    let _ = workflow.validate(&INFO);
    if let Ok(set) = workflow.set_seeds(Seed::Fixed(7)) {
        for seed in set {
            assert_eq!(workflow.nodes()[&seed.node]["inputs"][&seed.input], 7);
        }
    }
});
