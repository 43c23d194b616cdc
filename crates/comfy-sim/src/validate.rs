//! Whether a prompt may run, in ComfyUI's own error types and texts.
//!
//! Two orders that Python leaves to chance (sets) are the prompt's and the class's own order here.

mod input;
mod report;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::folders::Folders;
use crate::graph::{Declared, inputs, link};
use crate::nodes::{Facts, Node, Registry};
use crate::py::{self, Raised};
use input::{Literal, literal};
use report::{bad_link, error, mismatch};

/// How deep links are followed before Python gives up.
const DEPTH: usize = 900;

/// What validation says of a prompt.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// These output nodes run; the others are in `node_errors`.
    Accepted {
        outputs: Vec<String>,
        node_errors: Value,
    },
    Refused {
        error: Value,
        node_errors: Value,
    },
}

fn refused(kind: &str, message: &str, details: &str) -> Verdict {
    Verdict::Refused { error: error(kind, message, details, &json!({})), node_errors: json!({}) }
}

/// Judges the prompt, and converts its literals to the types that the classes declare. An error is an exception, which
/// the client sees as 500.
pub(crate) fn prompt(
    registry: Registry,
    folders: &Folders,
    prompt: &mut Map<String, Value>,
    targets: Option<&Value>,
) -> Result<Verdict, Raised> {
    let checker = Checker { registry, folders, classes: HashMap::new(), prompt, known: Known::default(), calls: &[] };
    let mut outputs = Vec::new();
    for (id, node) in checker.prompt.iter() {
        let at = format!("Node ID '#{id}'");
        if !py::contains(node, "class_type")? {
            let message = "Cannot execute because a node is missing the class_type property.";
            return Ok(refused("invalid_prompt", message, &at));
        }
        let class = py::item(node, "class_type")?;
        if matches!(class, Value::Array(_) | Value::Object(_)) {
            return Err(Raised::type_error(format!("unhashable type: '{}'", py::type_name(class))));
        }
        let Some(known) = class.as_str().and_then(|class| registry.get(class)) else {
            let message = format!("Cannot execute because node {} does not exist.", py::str_of(class));
            return Ok(refused("invalid_prompt", &message, &at));
        };
        let wanted = match targets {
            None | Some(Value::Null) => true,
            Some(targets) => py::contains(targets, id)?,
        };
        if known.is_output() && wanted {
            outputs.push(id.clone());
        }
    }
    if outputs.is_empty() {
        return Ok(refused("prompt_no_outputs", "Prompt has no outputs", ""));
    }
    Ok(checker.outputs(outputs))
}

/// What a class declares, looked up once per prompt.
struct Class {
    node: &'static dyn Node,
    facts: Arc<Facts>,
}

/// The nodes judged so far, in the order in which they were first judged.
#[derive(Default)]
struct Known {
    order: Vec<(String, bool, Vec<Value>)>,
    index: HashMap<String, usize>,
}

impl Known {
    fn get(&self, id: &str) -> Option<&(String, bool, Vec<Value>)> {
        self.index.get(id).map(|at| &self.order[*at])
    }

    fn set(&mut self, id: &str, valid: bool, reasons: Vec<Value>) {
        let entry = (id.to_owned(), valid, reasons);
        match self.index.get(id) {
            Some(at) => self.order[*at] = entry,
            None => {
                self.index.insert(id.to_owned(), self.order.len());
                self.order.push(entry);
            }
        }
    }
}

struct Checker<'c> {
    registry: Registry,
    folders: &'c Folders,
    classes: HashMap<String, Arc<Class>>,
    prompt: &'c mut Map<String, Value>,
    known: Known,
    /// Where in `execution.py` an exception would come from.
    calls: &'static [(u32, &'static str)],
}

/// The calls of a class's own check, and of one that is called without any input.
const OWN: &[(u32, &str)] = &[(932, "validate_inputs"), (289, "_async_map_node_over_list"), (277, "process_inputs")];
const BARE: &[(u32, &str)] = &[(932, "validate_inputs"), (285, "_async_map_node_over_list"), (277, "process_inputs")];

impl Checker<'_> {
    fn outputs(mut self, outputs: Vec<String>) -> Verdict {
        let mut good = Vec::new();
        let mut details = Vec::new();
        let mut node_errors = Map::new();
        for id in outputs {
            let valid = self.node(&id, 0).unwrap_or_else(|raised| {
                self.known.set(&id, false, vec![report::exception_at_output(self.folders.base(), self.calls, &raised)]);
                false
            });
            if valid {
                good.push(id);
                continue;
            }
            for reason in self.known.get(&id).map(|(_, _, reasons)| reasons.as_slice()).unwrap_or_default() {
                details.push(format!("{}: {}", py::str_of(&reason["message"]), py::str_of(&reason["details"])));
            }
            for (node, valid, reasons) in &self.known.order {
                if !valid && !reasons.is_empty() {
                    let class = self.prompt.get(node).map(|n| n["class_type"].clone()).unwrap_or_default();
                    let entry = node_errors
                        .entry(node.clone())
                        .or_insert_with(|| json!({"errors": reasons, "dependent_outputs": [], "class_type": class}));
                    if let Some(dependent) = entry["dependent_outputs"].as_array_mut() {
                        dependent.push(Value::from(id.as_str()));
                    }
                }
            }
        }
        let node_errors = Value::Object(node_errors);
        if good.is_empty() {
            let details = details.join("\n");
            let error = error("prompt_outputs_failed_validation", "Prompt outputs failed validation", &details, &json!({}));
            return Verdict::Refused { error, node_errors };
        }
        Verdict::Accepted { outputs: good, node_errors }
    }

    fn class(&mut self, id: &str) -> Result<Arc<Class>, Raised> {
        let name = crate::graph::class(self.prompt, id);
        if let Some(class) = self.classes.get(name) {
            return Ok(class.clone());
        }
        let node = self.registry.get(name).ok_or_else(|| Raised::new("KeyError", py::quote(name)))?;
        let class = Arc::new(Class { node, facts: node.facts(self.folders)? });
        self.classes.insert(name.to_owned(), class.clone());
        Ok(class)
    }

    /// Judges one node and all that it is linked to. Its stack frame is kept small: links are followed by recursion.
    fn node(&mut self, id: &str, depth: usize) -> Result<bool, Raised> {
        if let Some((_, valid, _)) = self.known.get(id) {
            return Ok(*valid);
        }
        if depth > DEPTH {
            return Err(Raised::new("RecursionError", "maximum recursion depth exceeded"));
        }
        let class = self.class(id)?;
        let mut reasons = Vec::new();
        let mut valid = true;
        for input in &class.facts.inputs {
            if let Some(source) = self.input(id, &class, input, &mut reasons)? {
                match self.node(&source, depth + 1) {
                    Ok(sound) => valid &= sound,
                    Err(raised) => {
                        valid = false;
                        self.inner(id, &source, input, &raised);
                    }
                }
            }
        }
        self.own_check(id, &class, &mut reasons)?;
        valid &= reasons.is_empty();
        self.known.set(id, valid, reasons);
        Ok(valid)
    }

    /// Looks at one input: notes what is wrong, converts a literal, or names the node that a sound link leads to.
    #[inline(never)]
    fn input(&mut self, id: &str, class: &Class, input: &Declared, reasons: &mut Vec<Value>) -> Result<Option<String>, Raised> {
        self.calls = &[(730, "validate_inputs")];
        let given = py::item(&self.prompt[id], "inputs")?;
        self.calls = &[(757, "validate_inputs")];
        if !py::contains(given, &input.name)? {
            if input.required {
                reasons.push(report::missing(&input.name));
            }
            return Ok(None);
        }
        let value = py::item(given, &input.name)?.clone();
        if let Value::Array(parts) = &value {
            let [from, slot] = parts.as_slice() else {
                reasons.push(bad_link(input, &value));
                return Ok(None);
            };
            self.calls = &[(788, "validate_inputs")];
            let source = self.source(from)?;
            self.calls = &[(790, "validate_inputs")];
            let received = self.slot(&source, slot)?;
            if !overlap(&received, &input.kind) {
                reasons.push(mismatch(input, &received, &value));
                return Ok(None);
            }
            return Ok(Some(source));
        }
        let bounded = !class.node.validates().contains(&input.name.as_str());
        let Literal { value, problem } = literal(input, value, bounded);
        reasons.extend(problem);
        if let (Some(value), Some(place)) = (value, self.prompt[id].get_mut("inputs")) {
            place[&input.name] = value;
        }
        Ok(None)
    }

    /// The node that a link names, or the exception of a prompt that lacks it.
    fn source(&self, from: &Value) -> Result<String, Raised> {
        match from {
            Value::String(id) if self.prompt.contains_key(id) => Ok(id.clone()),
            Value::Array(_) | Value::Object(_) => Err(Raised::type_error(format!("unhashable type: '{}'", py::type_name(from)))),
            _ => Err(Raised::new("KeyError", py::repr(from))),
        }
    }

    /// The type of an output slot, by Python's way of indexing a tuple.
    fn slot(&mut self, source: &str, slot: &Value) -> Result<Value, Raised> {
        let types = &self.class(source)?.facts.outputs;
        let size = i64::try_from(types.len()).unwrap_or(i64::MAX);
        let index = match slot {
            Value::Bool(b) => i64::from(*b),
            Value::Number(n) if !n.is_f64() => n.as_i64().unwrap_or(i64::MAX),
            _ => {
                return Err(Raised::type_error(format!("tuple indices must be integers or slices, not {}", py::type_name(slot))));
            }
        };
        let index = if index < 0 { index.saturating_add(size) } else { index };
        let found = usize::try_from(index).ok().and_then(|index| types.get(index));
        found.cloned().ok_or_else(|| Raised::new("IndexError", "tuple index out of range"))
    }

    /// Notes an exception at a linked node.
    #[inline(never)]
    fn inner(&mut self, id: &str, source: &str, input: &Declared, raised: &Raised) {
        let linked = inputs(self.prompt, id).and_then(|given| given.get(&input.name)).cloned().unwrap_or_default();
        self.known.set(source, false, vec![report::exception_at_link(self.folders.base(), self.calls, input, &linked, raised)]);
    }

    /// The class's own check.
    #[inline(never)]
    fn own_check(&mut self, id: &str, class: &Class, reasons: &mut Vec<Value>) -> Result<(), Raised> {
        let wanted = class.node.validates();
        if wanted.is_empty() {
            return Ok(());
        }
        let given: Vec<(String, Value)> = inputs(self.prompt, id)
            .into_iter()
            .flatten()
            .filter(|(name, _)| wanted.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), if link(value).is_some() { Value::Null } else { value.clone() }))
            .collect();
        self.calls = if given.is_empty() { BARE } else { OWN };
        if let Some(text) = class.node.validate(self.folders, &given)? {
            reasons.extend(given.iter().map(|(name, _)| report::own(name, &text)));
        }
        Ok(())
    }
}

/// Whether two type names, which may be lists with commas, have one in common; other types must be equal.
fn overlap(received: &Value, wanted: &Value) -> bool {
    match (received, wanted) {
        (Value::String(received), Value::String(wanted)) => {
            received == wanted || received.split(',').any(|r| wanted.split(',').any(|w| r.trim() == w.trim()))
        }
        _ => received == wanted,
    }
}

#[cfg(test)]
mod tests;
