//! Version 1 of what `genai-comfy` says of a server. A field is never removed or given another meaning in this version; new fields and
//! new documents may come.

use schemars::JsonSchema;
use serde::Serialize;

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
    },
    /// `download`: where the files lie on this machine.
    Downloaded {
        /// The files.
        files: Vec<File>,
    },
    /// An order that the server took.
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
    pub ending: String,
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
    /// What was done: `taken-out` of the queue, `interrupted`, or `nothing`, since it neither waited nor ran.
    pub done: String,
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
