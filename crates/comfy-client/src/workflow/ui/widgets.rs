//! The values of a node's widgets, which UI format keeps in a list without names.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::{ClassInfo, DataType, InputInfo, ObjectInfo};
use super::levels::{name, named_values, slots};

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
/// widgets. A widget that is younger than the file has no value there; it gets what the editor gives a new one. It is known by
/// a list that is too short for all widgets, and a value that does not fit, or none.
pub(super) fn values(node: &Value, class: &ClassInfo, linked: &HashSet<&str>) -> Map<String, Value> {
    if let Some(named) = named_values(node) {
        let known = named.iter().filter(|(name, _)| class.input(name).is_some());
        return known.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    let inputs: Vec<&InputInfo> = class.inputs.iter().filter(|input| is_widget(input, node, linked)).collect();
    let mut rest = slots(node, "widgets_values");
    let mut values = Map::new();
    for (nth, input) in inputs.iter().enumerate() {
        let too_short = rest.iter().filter(|value| !is_after_generate(value)).count() < inputs.len() - nth;
        match (rest.split_first(), initial(input)) {
            (Some((value, _)), Some(initial)) if too_short && !fits(input, value) => {
                values.insert(input.name.clone(), initial);
            }
            (Some((value, after)), _) => {
                values.insert(input.name.clone(), value.clone());
                rest = if has_second(input, after, inputs.get(nth + 1)) { &after[1..] } else { after };
            }
            (None, initial) => values.extend(initial.map(|initial| (input.name.clone(), initial))),
        }
    }
    values
}

/// What the editor gives a new widget: the class's default, else the first choice, or what is nothing of its kind.
fn initial(input: &InputInfo) -> Option<Value> {
    let nothing = || match &input.data_type {
        DataType::Named(name) if name == "INT" || name == "FLOAT" => Some(0.into()),
        DataType::Named(name) if name == "BOOLEAN" => Some(false.into()),
        DataType::Named(name) if name == "STRING" => Some("".into()),
        _ => input.choices()?.first().cloned(),
    };
    input.options.get("default").cloned().or_else(nothing)
}

/// Whether the next value belongs to the widget beside a seed, which says what becomes of it after each run and is the
/// editor's own. Old editors wrote true or false there.
fn has_second(input: &InputInfo, after: &[Value], next: Option<&&InputInfo>) -> bool {
    let is_seed = input.data_type.is("INT") && matches!(input.name.as_str(), "seed" | "noise_seed");
    let is_switch = |value: &Value| value.is_boolean() && next.is_none_or(|next| !next.data_type.is("BOOLEAN"));
    (input.has("control_after_generate") || is_seed)
        && after.first().is_some_and(|value| is_after_generate(value) || is_switch(value))
}

fn is_after_generate(value: &Value) -> bool {
    matches!(value.as_str(), Some("fixed" | "increment" | "decrement" | "randomize"))
}

/// Whether a value is of the kind that the widget holds.
fn fits(input: &InputInfo, value: &Value) -> bool {
    match &input.data_type {
        DataType::Named(name) if name == "INT" || name == "FLOAT" => value.is_number(),
        DataType::Named(name) if name == "BOOLEAN" => value.is_boolean(),
        DataType::Named(name) if name == "STRING" => value.is_string(),
        _ => input
            .choices()
            .is_none_or(|choices| choices.is_empty() || choices.iter().any(|choice| choice.is_string() == value.is_string())),
    }
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
            // Groups of inputs, made as they are linked.
            DataType::Named(name) if name.starts_with("COMFY_") => false,
            DataType::Named(name) => !name.split(',').any(|name| name == "*" || linked.contains(name.trim())),
        },
    }
}
