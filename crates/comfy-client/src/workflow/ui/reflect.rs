//! A value that is set in API format is set in the UI form too, where it is certain which widget holds it.
//!
//! UI format keeps the values of a node's widgets in a list without names. The two forms of one workflow tell the order:
//! the inputs of API format that are no links stand in the order of the widgets. Where the list does not begin with just
//! their values, nothing is certain, and nothing is changed.

use serde_json::{Map, Value};

use super::super::check::{Held, held};
use super::UiWorkflow;
use super::levels::{id, kind, name, slots};

impl UiWorkflow {
    /// Gives the widget behind this input another value; false where that is not certain, and then nothing is changed.
    /// `inputs` are the node's in API format, as they were before.
    pub(in super::super) fn reflect(&mut self, node: &str, inputs: &Map<String, Value>, input: &str, value: &Value) -> bool {
        let Held::Value(value) = held(value) else { return false };
        let Some(node) = find(&mut self.root, node) else { return false };
        let linked = |slot: &Value| slot.get("link").is_some_and(|link| !link.is_null());
        if slots(node, "inputs").iter().any(|slot| name(slot) == input && linked(slot)) {
            return false; // the value came over this link, from a primitive node or from the node around a subgraph
        }
        let place = match node.get("widgets_values") {
            Some(Value::Object(_)) => None,
            Some(Value::Array(values)) => match place(node, values, inputs, input) {
                None => return false,
                some => some,
            },
            _ => return false,
        };
        let widgets = node.get_mut("widgets_values");
        let target = match (widgets, place) {
            (Some(Value::Array(values)), Some(place)) => values.get_mut(place),
            (Some(Value::Object(values)), None) => values.get_mut(input),
            _ => None,
        };
        target.map(|target| *target = value.clone()).is_some()
    }
}

/// Which of the widgets' values is that of the input.
fn place(node: &Value, values: &[Value], inputs: &Map<String, Value>, input: &str) -> Option<usize> {
    let is_widget = |wanted: &str| {
        let mut slots = slots(node, "inputs").iter();
        slots.any(|slot| name(slot) == wanted && slot.get("widget").is_some_and(|widget| !widget.is_null()))
    };
    let (mut at, mut found) = (0, None);
    for (name, value) in inputs {
        match held(value) {
            Held::Value(value) if !same(values.get(at)?, value) => return None,
            Held::Value(_) => {}
            Held::Link(..) | Held::BadLink if is_widget(name) => {}
            Held::Link(..) | Held::BadLink => continue,
        }
        if name == input {
            found = Some(at);
        }
        at += 1;
        if values.get(at).is_some_and(is_after_generate) && value.is_number() {
            at += 1;
        }
    }
    found
}

/// Python and JavaScript write a number as `1` or `1.0`.
fn same(one: &Value, other: &Value) -> bool {
    one == other || matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if one == other)
}

/// What stands beside a seed, and is the editor's own.
fn is_after_generate(value: &Value) -> bool {
    matches!(value.as_str(), Some("fixed" | "increment" | "decrement" | "randomize"))
}

/// The node of this id; `55:12` is node 12 of the subgraph that node 55 uses. None where the subgraph is used more than
/// once: a change would be one for all its uses.
fn find<'a>(root: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let mut graph: Option<usize> = None;
    let mut parts = path.split(':').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            let nodes = match graph {
                None => root.get_mut("nodes")?,
                Some(at) => root.get_mut("definitions")?.get_mut("subgraphs")?.get_mut(at)?.get_mut("nodes")?,
            };
            return nodes.as_array_mut()?.iter_mut().find(|node| has_id(node, part));
        }
        let graphs = subgraphs(root);
        let nodes = graph.map_or_else(|| root.get("nodes"), |at| graphs.get(at)?.get("nodes"))?.as_array()?;
        let used = kind(nodes.iter().find(|node| has_id(node, part))?);
        let everywhere = std::iter::once(root.get("nodes")).chain(graphs.iter().map(|graph| graph.get("nodes")));
        let uses = everywhere.flatten().filter_map(Value::as_array).flatten().filter(|node| kind(node) == used).count();
        let at = graphs.iter().position(|graph| graph.get("id").and_then(Value::as_str) == Some(used))?;
        graph = (uses == 1).then_some(at);
        graph?;
    }
    None
}

fn subgraphs(root: &Map<String, Value>) -> &[Value] {
    let graphs = root.get("definitions").and_then(|definitions| definitions.get("subgraphs")?.as_array());
    graphs.map(Vec::as_slice).unwrap_or_default()
}

fn has_id(node: &Value, wanted: &str) -> bool {
    node.get("id").and_then(id).as_deref() == Some(wanted)
}

#[cfg(test)]
mod tests {
    use crate::{Seed, UiWorkflow, Workflow};
    use serde_json::{Value, json};

    fn both(api: Value, ui: Value) -> Workflow {
        Workflow::from_value(api).unwrap().with_ui(UiWorkflow::from_value(ui).unwrap())
    }

    fn values(workflow: &Workflow) -> Value {
        workflow.ui().unwrap().root()["nodes"][0]["widgets_values"].clone()
    }

    fn sampler(widgets: &Value) -> Workflow {
        let inputs = json!({"seed": 7, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "model": ["4", 0]});
        both(
            json!({"3": {"class_type": "KSampler", "inputs": inputs}}),
            json!({"nodes": [{"id": 3, "type": "KSampler", "inputs": [{"name": "model", "link": 1}], "widgets_values": widgets}]}),
        )
    }

    #[test]
    fn a_value_gets_to_its_widget_past_the_word_beside_the_seed() {
        let mut workflow = sampler(&json!([7, "randomize", 20, 8, "euler", "own"]));
        workflow.set("3", "steps", 30).unwrap().set_text("KSampler.sampler_name", "ddim").unwrap();
        workflow.set_seeds(Seed::Fixed(9)).unwrap();
        assert_eq!(values(&workflow), json!([9, "randomize", 30, 8, "ddim", "own"]));
        assert!(workflow.ui_behind().is_empty());
    }

    #[test]
    fn a_widget_that_is_not_certain_stays_and_it_is_said() {
        let odd = json!([5, 7, "randomize", 20, 8, "euler"]);
        let mut workflow = sampler(&odd);
        workflow.set("3", "steps", 30).unwrap().set("3", "steps", 31).unwrap();
        assert_eq!(values(&workflow), odd);
        assert_eq!(workflow.ui_behind(), ["3.steps"]);
        // A link in place of a value cannot be drawn, and a node that the editor does not show cannot be changed.
        let mut workflow = sampler(&json!([7, "randomize", 20, 8, "euler"]));
        workflow.set("3", "steps", json!(["4", 0])).unwrap();
        assert_eq!(workflow.ui_behind(), ["3.steps"]);
        assert_eq!(workflow.without_ui().ui_behind(), [""; 0]);
    }

    #[test]
    fn a_value_that_came_over_a_link_is_not_the_widgets() {
        let slot = json!([{"name": "seed", "link": 4, "widget": {"name": "seed"}}]);
        let mut workflow = both(
            json!({"3": {"class_type": "K", "inputs": {"seed": 7}}}),
            json!({"nodes": [{"id": 3, "type": "K", "inputs": slot, "widgets_values": [7]}, {"id": 4, "type": "PrimitiveNode"}]}),
        );
        workflow.set("3", "seed", 8).unwrap();
        assert_eq!((values(&workflow), workflow.ui_behind().len()), (json!([7]), 1));
    }

    #[test]
    fn a_subgraph_used_once_is_changed_and_one_used_twice_is_not() {
        let inner = json!({"id": "g", "nodes": [{"id": 12, "type": "K", "widgets_values": {"steps": 20, "own": 1}}]});
        let file = |users: Value| {
            let ui = json!({"nodes": users, "definitions": {"subgraphs": [inner]}});
            let mut workflow = both(json!({"55:12": {"class_type": "K", "inputs": {"steps": 20}}}), ui);
            workflow.set("55:12", "steps", 4).unwrap();
            let held = workflow.ui().unwrap().root()["definitions"]["subgraphs"][0]["nodes"][0]["widgets_values"].clone();
            (held, workflow.ui_behind().len())
        };
        assert_eq!(file(json!([{"id": 55, "type": "g"}])), (json!({"steps": 4, "own": 1}), 0));
        assert_eq!(file(json!([{"id": 55, "type": "g"}, {"id": 56, "type": "g"}])), (json!({"steps": 20, "own": 1}), 1));
    }
}
