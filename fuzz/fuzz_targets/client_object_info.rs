//! A server's description of its node classes: read, and workflows checked against it.
#![no_main]

use comfy_client::{ObjectInfo, Workflow};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    info: &'a str,
    workflow: &'a str,
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let Ok(info) = ObjectInfo::from_json(input.info) else { return };
    for (name, class) in info.classes() {
        assert_eq!(info.class(name), Some(class));
        for described in &class.inputs {
            let _ = (described.choices(), described.data_type.to_string());
        }
        // A node of each class, whose inputs are what the input's text is.
        let inputs: serde_json::Map<_, _> =
            class.inputs.iter().map(|described| (described.name.clone(), input.workflow.into())).collect();
        let node = serde_json::json!({"1": {"class_type": name, "inputs": inputs}});
        if let Ok(workflow) = Workflow::from_value(node) {
            let _ = workflow.validate(&info);
        }
    }
    if let Ok(workflow) = Workflow::from_json(input.workflow) {
        assert_eq!(workflow.ensure_valid(&info).is_err(), workflow.validate(&info).iter().any(|problem| problem.is_error()));
    }
});
