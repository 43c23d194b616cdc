//! A workflow and what is wrong with it, in the words of the JSON output.

use std::collections::HashSet;

use comfy_client::{ObjectInfo, Problem, ProblemKind, Workflow};
use console::json::comfy_v1::{GraphLink, GraphNode, WorkflowProblem};
use serde_json::{Map, Value};

pub(super) fn nodes(workflow: &Workflow, info: Option<&ObjectInfo>) -> Vec<GraphNode> {
    let problems = info.map_or_else(|| workflow.check(), |info| workflow.validate(info));
    let idle: HashSet<&str> = problems
        .iter()
        .filter(|problem| problem.kind == ProblemKind::Unreachable)
        .filter_map(|problem| problem.node.as_deref())
        .collect();
    workflow.nodes().iter().map(|(id, node)| one(id, node, !idle.contains(id.as_str()))).collect()
}

fn one(id: &str, node: &Value, needed: bool) -> GraphNode {
    let (mut values, mut links) = (Map::new(), Vec::new());
    for (input, value) in node["inputs"].as_object().into_iter().flatten() {
        match link(value) {
            Some((from, slot)) => links.push(GraphLink { input: input.clone(), node: from.to_owned(), slot }),
            None => drop(values.insert(input.clone(), value.clone())),
        }
    }
    GraphNode {
        id: id.to_owned(),
        title: node["_meta"]["title"].as_str().map(str::to_owned),
        class: node["class_type"].as_str().unwrap_or_default().to_owned(),
        needed,
        values: Value::Object(values),
        links,
    }
}

/// `["ID", SLOT]`.
fn link(value: &Value) -> Option<(&str, u64)> {
    match value.as_array()?.as_slice() {
        [node, slot] => Some((node.as_str()?, slot.as_u64()?)),
        _ => None,
    }
}

pub(super) fn problem(problem: &Problem) -> WorkflowProblem {
    WorkflowProblem {
        kind: problem.kind.as_str().to_owned(),
        error: problem.is_error(),
        node: problem.node.clone(),
        title: problem.title.clone(),
        class: Some(problem.class_type.clone()).filter(|class| !class.is_empty()),
        input: problem.input.clone(),
        message: problem.to_string(),
        nearest: problem.nearest.clone(),
    }
}
