//! Version 1 of what `genai-comfy` says of a server. A field is never removed or given another meaning in this version; new fields and
//! new documents may come.

use schemars::JsonSchema;
use serde::Serialize;

use super::v1::Stopped;

/// One answer of a server, or of several calls to it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// The version of this format.
    pub version: u32,
    /// The answer.
    #[serde(flatten)]
    pub document: Document,
}

/// What was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "document", rename_all = "kebab-case")]
pub enum Document {
    /// `status`: the server itself.
    Status(Status),
    /// `queue`: what runs and what waits.
    Queue {
        /// What runs.
        running: Vec<Queued>,
        /// What waits, in the order in which it will run.
        pending: Vec<Queued>,
    },
    /// `history`: runs that ended, the newest first.
    History {
        /// The runs.
        runs: Vec<Past>,
    },
    /// `cancel`: what became of each prompt.
    Cancelled {
        /// The prompts, in the order in which they were named.
        prompts: Vec<Cancelled>,
        /// Those of which it is not known, with why.
        failed: Vec<Failed>,
    },
    /// `nodes`: node classes.
    Nodes {
        /// The classes, in the order of their names.
        classes: Vec<Class>,
    },
    /// `nodes show`: one node class.
    Node(Node),
    /// `models`: the folders of models.
    ModelFolders {
        /// Their names.
        folders: Vec<String>,
    },
    /// `models FOLDER`: the models in one.
    Models {
        /// The folder.
        folder: String,
        /// The models, as workflows name them.
        models: Vec<String>,
    },
    /// `upload`: where the files lie on the server.
    Uploaded {
        /// The files, in the order in which they were named.
        files: Vec<Uploaded>,
        /// Those that are not there, with why.
        failed: Vec<Failed>,
    },
    /// `download`: where the files lie on this machine.
    Downloaded {
        /// The files.
        files: Vec<File>,
        /// The runs and files that are not here, with why.
        failed: Vec<Failed>,
    },
    /// `workflow show`: the graph.
    Workflow {
        /// The nodes, in the order of the file.
        nodes: Vec<GraphNode>,
    },
    /// `workflow check`: what is wrong with a workflow.
    Checked {
        /// The file.
        workflow: String,
        /// How many nodes it has.
        nodes: usize,
        /// Whether it was held against node classes; if not, the graph alone was checked.
        with_classes: bool,
        /// What is wrong, in the order of the nodes.
        problems: Vec<WorkflowProblem>,
    },
    /// `workflow set`, `workflow convert`: a file that was written.
    Saved {
        /// The file.
        path: String,
        /// Whether it is another than before.
        changed: bool,
        /// Where what it was before lies.
        backup: Option<String>,
        /// The seeds that were set.
        seeds: Vec<InputSet>,
    },
    /// Any command: it came to nothing.
    Failed {
        /// The exit code.
        exit_code: u8,
        /// Why, with what to do.
        error: Stopped,
    },
    /// An order that the server took, or something that was done here.
    Done {
        /// What was done, in words.
        what: String,
    },
}

/// A server.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// Its address.
    pub url: String,
    /// ComfyUI's version.
    pub comfyui_version: Option<String>,
    /// Python's version.
    pub python_version: Option<String>,
    /// PyTorch's version.
    pub pytorch_version: Option<String>,
    /// The operating system, in Python's words.
    pub os: Option<String>,
    /// Main memory, in bytes.
    pub ram_total: Option<u64>,
    /// Main memory that is free, in bytes.
    pub ram_free: Option<u64>,
    /// The devices that it computes on.
    pub devices: Vec<Device>,
    /// How many prompts run.
    pub running: usize,
    /// How many prompts wait.
    pub pending: usize,
    /// The longest upload that it takes, in bytes.
    pub max_upload_size: Option<u64>,
}

/// A device that computes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its type, such as `cuda` or `cpu`.
    pub kind: String,
    /// Its memory, in bytes.
    pub vram_total: Option<u64>,
    /// Its memory that is free, in bytes.
    pub vram_free: Option<u64>,
}

/// A prompt in the queue.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Queued {
    /// Its id.
    pub prompt_id: String,
    /// Its priority: lower runs first.
    pub number: f64,
    /// How many nodes its workflow has.
    pub nodes: usize,
}

/// A run that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Past {
    /// The prompt's id.
    pub prompt_id: String,
    /// How it ended: `succeeded`, `failed` or `interrupted`.
    pub ending: Ending,
    /// How, in words.
    pub words: String,
    /// How long it ran, by the server's clock.
    pub ran_seconds: Option<f64>,
    /// The files that it made, such as `output/cats/1.png`.
    pub files: Vec<String>,
    /// The texts that it made.
    pub texts: Vec<String>,
}

/// A prompt that was to be stopped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cancelled {
    /// Its id.
    pub prompt_id: String,
    /// What was done.
    pub done: Done,
}

/// What was done to stop a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// It waited, and was taken out of the queue.
    TakenOut,
    /// It ran.
    Interrupted,
    /// Nothing: it neither waited nor ran.
    Nothing,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It came to its end.
    Succeeded,
    /// A node failed.
    Failed,
    /// It was stopped while it ran.
    Interrupted,
    /// It was taken out of the queue.
    Cancelled,
    /// The server knows it no more.
    Lost,
    /// The deadline passed, or the server runs nothing any more.
    Stalled,
    /// It was left to itself.
    Detached,
    /// It was only checked, and is well.
    Valid,
    /// It did not come to a run, or was left before its end.
    #[default]
    Stopped,
}

impl Ending {
    /// In one word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Stalled => "stalled",
            Self::Detached => "detached",
            Self::Valid => "valid",
            Self::Stopped => "stopped",
        }
    }
}

/// One of several that came to nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failed {
    /// What it is, as it was named on the command line, or as the server names it.
    pub item: String,
    /// Why, with what to do.
    pub error: Stopped,
}

/// A node class in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Class {
    /// Its name, as workflows write it.
    pub name: String,
    /// Its title in the editor.
    pub title: String,
    /// Its place in the editor's menu.
    pub category: String,
}

/// A node class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Node {
    /// Its name, as workflows write it.
    pub name: String,
    /// Its title in the editor.
    pub title: String,
    /// Its place in the editor's menu.
    pub category: String,
    /// The Python module that it comes from.
    pub python_module: String,
    /// Whether a workflow may end in it.
    pub output_node: bool,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it gives, by slot.
    pub outputs: Vec<Output>,
}

/// An input of a node class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Input {
    /// Its name, as workflows write it.
    pub name: String,
    /// Its type, such as `INT` or `IMAGE`; `COMBO` for a choice.
    pub kind: String,
    /// Whether a workflow must give it.
    pub required: bool,
    /// The values to choose from, if it is a choice.
    pub choices: Option<Vec<serde_json::Value>>,
    /// Its settings, such as `default`, `min` and `max`.
    pub options: serde_json::Value,
}

/// An output of a node class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Its name in the editor.
    pub name: String,
    /// Its type.
    pub kind: String,
}

/// A node of a workflow.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GraphNode {
    /// Its id.
    pub id: String,
    /// Its title, where it has one.
    pub title: Option<String>,
    /// Its class.
    pub class: String,
    /// Whether an output needs it; if not, it will not run.
    pub needed: bool,
    /// The inputs that hold a value, by name.
    pub values: serde_json::Value,
    /// The inputs that read another node.
    pub links: Vec<GraphLink>,
}

/// An input that reads another node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GraphLink {
    /// The input's name.
    pub input: String,
    /// The id of the node that is read.
    pub node: String,
    /// Which of its outputs, counted from 0.
    pub slot: u64,
}

/// Something that is wrong with a workflow.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WorkflowProblem {
    /// What is wrong, in one word, such as `dangling-link`.
    pub kind: String,
    /// Whether the server refuses the workflow, or drops a part of it, because of this; if not, it may be not what was meant.
    pub error: bool,
    /// The node's id; none where it is about the whole workflow.
    pub node: Option<String>,
    /// The node's title.
    pub title: Option<String>,
    /// The node's class.
    pub class: Option<String>,
    /// The input that it is about.
    pub input: Option<String>,
    /// All of it in words.
    pub message: String,
    /// The names that may have been meant.
    pub nearest: Vec<String>,
}

/// An input that was set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InputSet {
    /// The node's id.
    pub node: String,
    /// The input's name.
    pub input: String,
    /// What it is now.
    pub value: u64,
}

/// A file that the server holds now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Uploaded {
    /// The file on this machine.
    pub path: String,
    /// The file on the server, such as `input/1f3a….png`.
    pub file: String,
    /// What to write into a workflow, such as LoadImage's input `image`.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether it went over the wire; false if the server had it.
    pub sent: bool,
}

/// A file that was brought home.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct File {
    /// The file on this machine.
    pub path: String,
    /// The file on the server, such as `output/cats/1.png`; `websocket/NODE` for a picture that a node sent in place of a file.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}
