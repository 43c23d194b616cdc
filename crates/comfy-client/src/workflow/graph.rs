//! A workflow made in code, node by node.

use serde_json::{Map, Value, json};

use super::check::{Held, held};
use super::{ObjectInfo, Workflow, invalid};
use crate::error::Error;

/// A graph that is being made. Nodes get the ids 1, 2, 3 …
///
/// ```
/// use comfy_client::Graph;
///
/// let mut graph = Graph::new();
/// let image = graph.node("EmptyImage").input("width", 64).input("height", 64).add();
/// graph.node("SaveImage").title("Keep").input("images", image.output(0)).input("filename_prefix", "x").add();
/// let workflow = graph.build()?;
/// assert_eq!(workflow.nodes()["2"]["inputs"]["images"], serde_json::json!(["1", 0]));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    nodes: Map<String, Value>,
}

/// A node that is being made; [`NodeBuilder::add`] puts it into the graph.
///
/// ```
/// let mut graph = comfy_client::Graph::new();
/// let loader = graph.node("CheckpointLoaderSimple").input("ckpt_name", "sd15.safetensors").add();
/// # assert_eq!(loader.id(), "1");
/// ```
#[derive(Debug)]
#[must_use = "a node is in the graph only once it is added"]
pub struct NodeBuilder<'a> {
    graph: &'a mut Graph,
    inputs: Map<String, Value>,
    class: String,
    title: Option<String>,
}

/// A node that is in a graph, to be linked to.
///
/// ```
/// let mut graph = comfy_client::Graph::new();
/// let image = graph.node("EmptyImage").add();
/// assert_eq!(image.id(), "1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(usize);

/// An output of a node, to be given as an input.
///
/// ```
/// let mut graph = comfy_client::Graph::new();
/// let image = graph.node("LoadImage").input("image", "cat.png").add();
/// let (picture, mask) = (image.output(0), image.output(1));
/// graph.node("SaveImage").input("images", picture).add();
/// graph.node("MaskPreview").input("mask", mask).add();
/// assert_eq!(graph.build()?.nodes()["3"]["inputs"]["mask"], serde_json::json!(["1", 1]));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    node: NodeId,
    slot: u32,
}

impl Graph {
    /// A graph without nodes.
    ///
    /// ```
    /// let graph = comfy_client::Graph::new();
    /// assert!(graph.build().is_err(), "a graph without nodes");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a node of this class.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// let image = graph.node("EmptyImage").input("width", 64).add();
    /// graph.node("SaveImage").input("images", image.output(0)).add();
    /// assert_eq!(graph.build()?.nodes().len(), 2);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn node(&mut self, class: impl Into<String>) -> NodeBuilder<'_> {
        NodeBuilder { graph: self, inputs: Map::new(), class: class.into(), title: None }
    }

    /// The workflow.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// graph.node("EmptyImage").input("width", 64).add();
    /// let workflow = graph.build()?;
    /// assert_eq!(workflow.nodes()["1"]["inputs"]["width"], 64);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) for a graph without nodes, and for one whose links lead
    /// nowhere, as one of another graph does.
    pub fn build(self) -> Result<Workflow, Error> {
        let workflow = Workflow::from_value(self.nodes.into())?;
        let wrong = workflow.check().into_iter().filter(super::Problem::is_error).map(|problem| problem.to_string());
        wrong.reduce(|all, one| format!("{all}; {one}")).map_or(Ok(workflow), |wrong| Err(invalid(wrong)))
    }

    /// The workflow, which a server with these node classes would take.
    ///
    /// ```
    /// let info = comfy_client::ObjectInfo::from_json(r#"{"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"], "output_node": true}}"#)?;
    /// let mut graph = comfy_client::Graph::new();
    /// graph.node("EmptyImage").add();
    /// assert!(graph.build_for(&info).is_err(), "`width` is missing");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Graph::build`] and [`Workflow::ensure_valid`].
    pub fn build_for(self, info: &ObjectInfo) -> Result<Workflow, Error> {
        let workflow = self.build()?;
        workflow.ensure_valid(info)?;
        Ok(workflow)
    }
}

impl NodeBuilder<'_> {
    /// Gives an input a value, or a link ([`NodeId::output`]). A list that is no link is written as the server wants it,
    /// under `__value__`; a number that JSON does not have (infinity, not a number) becomes null.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// graph.node("Any").input("text", "a cat").input("sizes", serde_json::json!([1, 2, 3])).add();
    /// assert_eq!(graph.build()?.nodes()["1"]["inputs"]["sizes"]["__value__"][2], 3);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn input(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let value = value.into();
        let value = if matches!(held(&value), Held::BadLink) { json!({"__value__": value}) } else { value };
        self.inputs.insert(name.into(), value);
        self
    }

    /// Names the node, as the editor and messages show it.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// graph.node("EmptyImage").title("Blank sheet").add();
    /// assert_eq!(graph.build()?.find("Blank sheet")?, "1");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Puts the node into the graph.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// let first = graph.node("EmptyImage").add();
    /// assert_ne!(first, graph.node("EmptyImage").add());
    /// ```
    pub fn add(self) -> NodeId {
        let id = NodeId(self.graph.nodes.len() + 1);
        let mut node = json!({"class_type": self.class, "inputs": self.inputs});
        if let Some(title) = self.title {
            node["_meta"] = json!({"title": title});
        }
        self.graph.nodes.insert(id.id(), node);
        id
    }
}

impl NodeId {
    /// The node's id, as [`Workflow::find`] and the messages of a run have it.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// assert_eq!(graph.node("EmptyImage").add().id(), "1");
    /// ```
    #[must_use]
    pub fn id(self) -> String {
        self.0.to_string()
    }

    /// One of its outputs, counted from 0.
    ///
    /// ```
    /// let mut graph = comfy_client::Graph::new();
    /// let loader = graph.node("CheckpointLoaderSimple").input("ckpt_name", "sd15.safetensors").add();
    /// let clip = loader.output(1);
    /// graph.node("CLIPTextEncode").input("clip", clip).input("text", "a cat").add();
    /// assert_eq!(graph.build()?.nodes()["2"]["inputs"]["clip"], serde_json::json!(["1", 1]));
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn output(self, slot: u32) -> Link {
        Link { node: self, slot }
    }
}

impl From<Link> for Value {
    fn from(link: Link) -> Self {
        json!([link.node.id(), link.slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info() -> ObjectInfo {
        ObjectInfo::from_value(&json!({
            "EmptyImage": {"input": {"required": {"width": ["INT", {"min": 1}]}}, "output": ["IMAGE"]},
            "SaveImage": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": true},
        }))
        .unwrap()
    }

    #[test]
    fn a_graph_is_checked_against_the_server_on_demand() {
        let graph = |width: i64, save: &str| {
            let mut graph = Graph::new();
            let image = graph.node("EmptyImage").input("width", width).add();
            graph.node(save).title("Keep").input("images", image.output(0)).input("sizes", vec![1, 2, 3]).add();
            graph
        };
        let workflow = graph(1, "SaveImage").build_for(&info()).unwrap();
        assert_eq!(workflow.nodes()["2"]["inputs"]["sizes"], json!({"__value__": [1, 2, 3]}));
        assert_eq!(workflow.find("Keep").unwrap(), "2");
        let error = graph(0, "SaveImages").build_for(&info()).unwrap_err();
        insta::assert_snapshot!(error.hints().join("\n"), @"
        node `1` EmptyImage, input `width`: 0 is under 1, the least allowed
        node `2` Keep (SaveImages): the server has no node class `SaveImages`; nearest: `SaveImage`
        ");
    }

    #[test]
    fn an_empty_graph_and_a_link_to_nowhere_are_errors() {
        assert_eq!(Graph::new().build().unwrap_err().to_string(), "the workflow has no nodes");
        let mut other = Graph::new();
        other.node("EmptyImage").add();
        let foreign = other.node("EmptyImage").add();
        let mut graph = Graph::new();
        graph.node("SaveImage").input("images", foreign.output(0)).add();
        let error = graph.build().unwrap_err();
        assert_eq!(error.to_string(), "node `1` SaveImage, input `images`: linked to node `2`, which is not there");
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(links in prop::collection::vec((any::<usize>(), any::<u32>(), "\\PC{0,9}"), 1..20)) {
            let mut graph = Graph::new();
            let mut last = vec![graph.node("First").input("text", "x").add()];
            for (from, slot, text) in links {
                last.push(graph.node("Next").input("from", last[from % last.len()].output(slot)).input("text", text).add());
            }
            let workflow = graph.build().unwrap();
            prop_assert_eq!(&Workflow::from_json(&workflow.to_value().to_string()).unwrap(), &workflow);
        }
    }
}
