//! A workflow in UI format: what the editor saves, with the places and sizes of its nodes.

mod convert;
mod levels;
mod reflect;
mod widgets;

use std::path::Path;

use serde_json::{Map, Value};

use super::{Saved, invalid, kind_of, parse, save};
use crate::error::Error;

/// A graph in UI format: `{"nodes": […], "links": […], …}`. The server cannot run it; it travels with a picture, so that
/// the editor can open it again.
///
/// ```
/// use comfy_client::UiWorkflow;
///
/// let ui = UiWorkflow::from_json(r#"{"nodes": [{"id": 1, "type": "Note"}], "links": [], "version": 0.4}"#)?;
/// assert_eq!(ui.root()["version"], 0.4);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UiWorkflow {
    root: Map<String, Value>,
}

impl UiWorkflow {
    /// Reads the JSON text of a workflow in UI format.
    ///
    /// ```
    /// let ui = comfy_client::UiWorkflow::from_json(r#"{"nodes": [], "links": [], "version": 0.4}"#)?;
    /// # let _ = ui;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) for text that is not JSON, and for JSON without a list
    /// called `nodes`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_value(parse(text)?)
    }

    /// Takes a workflow in UI format that is JSON already.
    ///
    /// ```
    /// let ui = comfy_client::UiWorkflow::from_value(serde_json::json!({"nodes": [], "links": []}))?;
    /// # let _ = ui;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`UiWorkflow::from_json`].
    pub fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(root) if is_ui(&root) => Ok(Self { root }),
            Value::Object(_) => Err(invalid("the workflow is not in UI format: it has no list called `nodes`")),
            other => Err(invalid(format!("the workflow is {}, not an object", kind_of(&other)))),
        }
    }

    /// Everything in it, by name.
    ///
    /// ```
    /// let ui = comfy_client::UiWorkflow::from_json(r#"{"nodes": [], "links": [], "version": 0.4}"#)?;
    /// assert_eq!(ui.root()["version"], 0.4);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn root(&self) -> &Map<String, Value> {
        &self.root
    }

    /// The workflow as JSON.
    ///
    /// ```
    /// let ui = comfy_client::UiWorkflow::from_json(r#"{"nodes": [], "links": [], "version": 0.4}"#)?;
    /// assert_eq!(ui.to_value()["version"], 0.4);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.root.clone())
    }

    /// Writes it as JSON to `path`, as [`Workflow::save`](crate::Workflow::save) does.
    ///
    /// ```no_run
    /// # fn example(ui: comfy_client::UiWorkflow) -> Result<(), comfy_client::Error> {
    /// let saved = ui.save(std::path::Path::new("picture.json"))?;
    /// println!("{}", if saved.changed { "written" } else { "as before" });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io), and then the file is as it was.
    pub fn save(&self, path: &Path) -> Result<Saved, Error> {
        save::json(path, &self.root)
    }
}

/// Whether this is UI format. A node of an API workflow is an object, never a list.
pub(super) fn is_ui(root: &Map<String, Value>) -> bool {
    root.get("nodes").is_some_and(Value::is_array)
}
