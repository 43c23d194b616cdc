//! What a class's entry of `/object_info` declares, in the form in which validation and the worker ask for it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::INFO;
use crate::graph::{Declared, declared};

/// The facts of an entry.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) inputs: Vec<Declared>,
    /// Name and kind of what the class is told without being given it: the prompt, its node's id.
    pub(crate) hidden: Vec<(String, String)>,
    /// The types of the output slots.
    pub(crate) outputs: Vec<Value>,
    /// Of each output, whether its values come as lists.
    pub(crate) is_list: Vec<bool>,
    pub(super) is_output: bool,
}

/// The facts of all entries as they are without files.
pub(super) static FACTS: LazyLock<HashMap<&str, Arc<Facts>>> = LazyLock::new(|| {
    let entries = INFO.as_object().into_iter().flatten();
    entries.map(|(class, info)| (class.as_str(), Arc::new(Facts::of(info)))).collect()
});

impl Facts {
    pub(crate) fn declares(&self, input: &str) -> bool {
        self.inputs.iter().any(|declared| declared.name == input)
    }

    pub(super) fn of(info: &Value) -> Self {
        let hidden = info["input"]["hidden"].as_object().into_iter().flatten();
        let is_list = info["output_is_list"].as_array().into_iter().flatten();
        Self {
            inputs: declared(info),
            hidden: hidden.filter_map(|(name, kind)| Some((name.clone(), kind.as_str()?.to_owned()))).collect(),
            outputs: info["output"].as_array().cloned().unwrap_or_default(),
            is_list: is_list.map(|is| *is == Value::Bool(true)).collect(),
            is_output: info["output_node"] == Value::Bool(true),
        }
    }
}
