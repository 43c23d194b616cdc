//! The values of a node's widgets, which UI format keeps in a list without names.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::{ClassInfo, DataType, InputInfo, ObjectInfo};
use super::levels::{name, named_values, slots};

const AFTER_GENERATE: [&str; 4] = ["fixed", "increment", "decrement", "randomize"];

/// The types that come out of nodes: what takes one of them is no widget.
pub(super) fn linked_types(info: &ObjectInfo) -> HashSet<&str> {
    let outputs = info.classes().flat_map(|(_, class)| &class.outputs);
    let named = outputs.filter_map(|output| match &output.data_type {
        DataType::Named(name) => Some(name.as_str()),
        DataType::Choice(_) => None,
    });
    named.collect()
}

/// The values by the names of their inputs: the list goes along the inputs in the class's order, past those that are no
/// widgets. Where the list is at its end, the class's default holds, as for a widget that is younger than the file.
pub(super) fn values(node: &Value, class: &ClassInfo, linked: &HashSet<&str>) -> Map<String, Value> {
    if let Some(named) = named_values(node) {
        let known = named.iter().filter(|(name, _)| class.input(name).is_some());
        return known.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    let mut rest = slots(node, "widgets_values").iter().peekable();
    let mut values = Map::new();
    for input in class.inputs.iter().filter(|input| is_widget(input, node, linked)) {
        if let Some(value) = rest.next().or_else(|| input.options.get("default")) {
            values.insert(input.name.clone(), value.clone());
        }
        // A second widget says what becomes of the value after each run; it is the editor's own.
        let is_seed = input.data_type.is("INT") && matches!(input.name.as_str(), "seed" | "noise_seed");
        if input.has("control_after_generate") || is_seed {
            rest.next_if(|next| next.as_str().is_some_and(|next| AFTER_GENERATE.contains(&next)));
        }
    }
    values
}

fn is_widget(input: &InputInfo, node: &Value, linked: &HashSet<&str>) -> bool {
    if input.has("forceInput") {
        return false;
    }
    match slots(node, "inputs").iter().find(|slot| name(slot) == input.name) {
        Some(slot) => slot.get("widget").is_some_and(|widget| !widget.is_null()),
        None => match &input.data_type {
            DataType::Choice(_) => true,
            DataType::Named(name) if matches!(name.as_str(), "INT" | "FLOAT" | "STRING" | "BOOLEAN" | "COMBO") => true,
            DataType::Named(name) => !name.split(',').any(|name| name == "*" || linked.contains(name.trim())),
        },
    }
}
