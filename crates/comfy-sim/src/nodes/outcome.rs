//! What nodes give: values, what is shown, steps and previews.

use std::sync::Arc;

use serde_json::Value;

use crate::latent::{Latent, Mark};
use crate::tensor::{Images, Mask};

/// A value that goes from node to node.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// A literal of the prompt.
    Literal(Value),
    Images(Arc<Images>),
    Mask(Arc<Mask>),
    /// What stands for a model, a text encoder, a VAE or a conditioning: its type, and a digest of all that made it.
    StandIn(&'static str, Mark),
    Latent(Arc<Latent>),
    /// Several values at once, for an output that its class declares as a list, or an input of a class that takes
    /// lists.
    List(Vec<Slot>),
    /// ComfyUI's `ExecutionBlocker`: whoever gets it does not run and passes it on. The first to get one with a text
    /// says so with an `execution_error` that ends nothing.
    Blocked(Option<String>),
}

impl Slot {
    /// The value as `execution_error` shows it. The real server prints the tensor's numbers; this one its shape.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Literal(value @ (Value::Array(_) | Value::Object(_))) => Value::from(crate::py::repr(value)),
            Self::Literal(value) => value.clone(),
            Self::Images(images) => Value::from(format!("tensor(shape={:?})", images.shape())),
            Self::Mask(mask) => Value::from(format!("tensor(shape={:?})", mask.shape())),
            Self::StandIn(kind, _) => Value::from(format!("<comfy-sim {kind}>")),
            Self::Latent(latent) => Value::from(format!("{{'samples': tensor(shape={:?})}}", latent.shape())),
            Self::List(slots) => Value::from(format!("[{} values]", slots.len())),
            Self::Blocked(_) => Value::from("<comfy-sim ExecutionBlocker>"),
        }
    }
}

/// What a node gives.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    pub(crate) slots: Vec<Slot>,
    /// What `executed` and the history show, for nodes that show something.
    pub(crate) ui: Option<Value>,
    /// A text for the node's face in the front end, which goes to every socket.
    pub(crate) text: Option<String>,
}

/// The steps in which a node tells how far it is, before [`Node::execute`] gives its result. The worker counts them,
/// waits, sends and looks for interruptions in between; the node only makes pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The value of the first step: samplers count from 1, `SaveImageWebsocket` from 0.
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) max: u64,
    /// Whether they are a sampler's, which take the time that the server was set to, and whose pictures are previews.
    pub(crate) sampling: bool,
}

/// A picture that goes out with a step.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) format: Format,
    pub(crate) image: image::RgbImage,
}

/// How a preview is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Scaled to the size of a preview.
    Jpeg,
    /// As it is.
    Png,
}

impl Yield {
    pub(crate) fn images(images: Images) -> Self {
        Self { slots: vec![Slot::Images(Arc::new(images))], ..Self::default() }
    }

    pub(crate) fn mask(mask: Mask) -> Self {
        Self { slots: vec![Slot::Mask(Arc::new(mask))], ..Self::default() }
    }
}
