//! A workflow in API format: read, checked for its shape, and changed input by input.

mod check;
mod codegen;
mod draw;
mod file;
mod graph;
mod object_info;
mod png;
mod problem;
mod save;
mod seed;
mod set;
mod ui;
mod validate;
mod webp;

use std::path::Path;

use serde_json::{Map, Value};

pub use file::{Container, WorkflowFile};
pub use graph::{Graph, Link, NodeBuilder, NodeId};
pub use object_info::{ClassInfo, DataType, InputInfo, ObjectInfo, OutputInfo};
pub use problem::{Problem, ProblemKind, Severity};
pub use save::Saved;
pub use seed::{Seed, SeedSet};
pub use ui::UiWorkflow;

use crate::error::{Error, ErrorKind};

/// A graph in API format: `{"ID": {"class_type": "…", "inputs": {…}}, …}`. The order of nodes and inputs, and what it
/// does not know of them, stay as they were.
///
/// ```
/// use comfy_client::Workflow;
///
/// let mut workflow = Workflow::from_json(
///     r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "color": 0}, "_meta": {"title": "Ground"}}}"#,
/// )?;
/// workflow.set("1", "color", 255)?;
/// assert_eq!(workflow.nodes()["1"]["inputs"]["color"], 255);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    nodes: Map<String, Value>,
    pub(crate) allow_partial: bool,
    ui: Option<Box<UiWorkflow>>,
    /// The inputs whose widgets have another value in the UI form.
    ui_behind: Vec<String>,
}

impl Workflow {
    /// Reads the JSON text of a workflow.
    ///
    /// ```
    /// use comfy_client::{ErrorKind, Workflow};
    ///
    /// let workflow = Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert_eq!(workflow.nodes().len(), 1);
    /// let saved_by_the_editor = Workflow::from_json(r#"{"nodes": [], "links": []}"#);
    /// assert_eq!(saved_by_the_editor.unwrap_err().kind(), ErrorKind::InvalidWorkflow);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidWorkflow`], with what to do: for text that is not JSON, for a workflow in UI format (what
    /// the editor's Save writes), for an empty graph, and for a node without a class or inputs.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_value(parse(text)?)
    }

    /// Takes a workflow that is JSON already.
    ///
    /// ```
    /// let nodes = serde_json::json!({"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}});
    /// let workflow = comfy_client::Workflow::from_value(nodes)?;
    /// # let _ = workflow;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Workflow::from_json`].
    pub fn from_value(value: Value) -> Result<Self, Error> {
        let Value::Object(nodes) = value else {
            return Err(invalid(format!("the workflow is {}, not an object of nodes", kind_of(&value))).hint(EXPORT));
        };
        if ui::is_ui(&nodes) {
            return Err(invalid("the workflow is in UI format, not in API format: it has a list called `nodes`").hint(EXPORT));
        }
        if nodes.get("prompt").and_then(Value::as_object).is_some_and(|prompt| prompt.values().all(is_node)) {
            return Err(invalid("the workflow lies one level deeper, under `prompt`").hint("give what stands under `prompt`"));
        }
        if nodes.is_empty() {
            return Err(invalid("the workflow has no nodes").hint(EXPORT));
        }
        for (id, node) in &nodes {
            if node.get("class_type").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(invalid(format!("node `{id}` has no `class_type`")).hint(EXPORT));
            }
            if !node.get("inputs").is_some_and(Value::is_object) {
                return Err(invalid(format!("node `{id}` has no `inputs`")).hint("a node without inputs has `\"inputs\": {}`"));
            }
        }
        Ok(Self { nodes, allow_partial: false, ui: None, ui_behind: Vec::new() })
    }

    /// Runs what ComfyUI accepts of the workflow even if it drops some of its outputs (default: no, that is an error).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = client.submit(&workflow.allow_partial(true)).await?;
    /// println!("{} nodes are left out", job.dropped().len());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allow_partial(mut self, allow: bool) -> Self {
        self.allow_partial = allow;
        self
    }

    /// Gives it its UI form, which goes with it to the server: pictures that it makes then open in the editor as the
    /// person knows it. What comes from a [`WorkflowFile`] that has it, or from [`UiWorkflow::to_api`], has it already.
    ///
    /// ```
    /// use comfy_client::{UiWorkflow, Workflow};
    ///
    /// let ui = UiWorkflow::from_json(r#"{"nodes": [{"id": 1, "type": "EmptyImage", "widgets_values": [64, 64]}], "links": []}"#)?;
    /// let api = Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}}}"#)?;
    /// let mut workflow = api.with_ui(ui);
    /// workflow.set("1", "height", 32)?;
    /// assert_eq!(workflow.ui().unwrap().root()["nodes"][0]["widgets_values"], serde_json::json!([64, 32]));
    /// assert!(workflow.ui_behind().is_empty());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn with_ui(mut self, ui: UiWorkflow) -> Self {
        self.ui = Some(Box::new(ui));
        self.ui_behind.clear();
        self
    }

    /// The workflow in API format alone: shorter to send, and its pictures open in the editor without places and sizes.
    ///
    /// ```no_run
    /// # fn example(file: comfy_client::WorkflowFile) -> Result<(), comfy_client::Error> {
    /// let workflow = file.into_workflow()?.without_ui();
    /// assert!(workflow.ui().is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn without_ui(mut self) -> Self {
        self.ui = None;
        self.ui_behind.clear();
        self
    }

    /// The UI form that goes with it. A value that is set ([`Workflow::set`]) is set in it too.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert!(workflow.ui().is_none(), "it was made from API format alone");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn ui(&self) -> Option<&UiWorkflow> {
        self.ui.as_deref()
    }

    /// The inputs, as `NODE.INPUT`, that were set here alone, since it was not certain which widget of the UI form holds
    /// them: there the editor will show the value from before.
    ///
    /// ```no_run
    /// # fn example(mut workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// workflow.set("KSampler", "steps", 30)?;
    /// for input in workflow.ui_behind() {
    ///     eprintln!("the editor will show the old value of {input}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ui_behind(&self) -> &[String] {
        &self.ui_behind
    }

    /// The nodes, by id.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert_eq!(workflow.nodes()["1"]["class_type"], "EmptyImage");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> &Map<String, Value> {
        &self.nodes
    }

    /// The graph as JSON.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert_eq!(workflow.to_value()["1"]["inputs"]["width"], 64);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.nodes.clone())
    }

    /// Writes the graph as JSON to `path`, whole or not at all; what stood there before is kept beside it. It blocks,
    /// though not for long.
    ///
    /// ```no_run
    /// # fn example(mut workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// workflow.set("1", "width", 128)?;
    /// let saved = workflow.save(std::path::Path::new("picture.json"))?;
    /// if let Some(backup) = saved.backup {
    ///     println!("as it was: {}", backup.display());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and then the file is as it was.
    pub fn save(&self, path: &Path) -> Result<Saved, Error> {
        save::json(path, &self.nodes)
    }
}

const EXPORT: &str = "in ComfyUI's editor use Workflow > Export (API); older ones have Save (API Format) once dev mode is on";

fn parse(text: &str) -> Result<Value, Error> {
    crate::json::parse(text).map_err(|cause| invalid("the workflow is not JSON").because(cause))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidWorkflow, message)
}

fn is_node(value: &Value) -> bool {
    value.get("class_type").is_some()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "Save"}}}"#;

    #[test]
    fn each_wrong_shape_is_named() {
        let said: Vec<String> = [
            "{not json",
            "[]",
            "\"x\"",
            "{}",
            r#"{"last_node_id": 9, "nodes": [{"id": 1, "type": "SaveImage"}], "links": [], "version": 0.4}"#,
            r#"{"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}, "client_id": "x"}"#,
            r#"{"1": {"inputs": {}}}"#,
            r#"{"1": {"class_type": "SaveImage"}}"#,
            r#"{"1": 7}"#,
        ]
        .iter()
        .map(|text| {
            let error = Workflow::from_json(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidWorkflow);
            error.to_string()
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        the workflow is not JSON
        the workflow is a list, not an object of nodes
        the workflow is a string, not an object of nodes
        the workflow has no nodes
        the workflow is in UI format, not in API format: it has a list called `nodes`
        the workflow lies one level deeper, under `prompt`
        node `1` has no `class_type`
        node `1` has no `inputs`
        node `1` has no `class_type`
        ");
    }

    #[test]
    fn an_input_is_set_and_a_slip_of_the_pen_is_found() {
        let mut workflow = Workflow::from_json(TWO).unwrap();
        workflow.set("1", "color", 255).unwrap().set("1", "width", 32).unwrap();
        assert_eq!(workflow.nodes()["1"]["inputs"]["color"], 255);
        let input = workflow.set("1", "colour", 1).unwrap_err();
        assert_eq!(
            (input.to_string().as_str(), input.hints()[0].as_str()),
            ("node `1` has no input `colour`", "nearest: `color`")
        );
        let node = workflow.set("3", "color", 1).unwrap_err();
        assert_eq!(
            (node.to_string().as_str(), node.hints()[0].as_str()),
            ("the workflow has no node `3`", "its nodes: `1` EmptyImage, `2` Save (SaveImage)")
        );
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        let workflow = Workflow::from_json(&format!("\u{feff}{TWO}")).unwrap();
        assert_eq!(workflow.to_value(), serde_json::from_str::<Value>(TWO).unwrap());
    }
}
