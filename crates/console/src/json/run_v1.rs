//! Version 1 of what a run of a workflow says: one object a line, the last one `ended`. A field is never removed or given another
//! meaning in this version; new fields and new events may come.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    comfy_v1::{Ending, File},
    v1::Stopped,
};

/// One line: something that happened to a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A node of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Its title, or its class where it has none.
    pub title: String,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The workflow was read and its inputs were set.
    Read {
        /// The file.
        workflow: String,
        /// How many nodes it has.
        nodes: usize,
        /// Whether it was converted from UI format.
        converted: bool,
        /// The seeds that were set.
        seeds: Vec<Seed>,
    },
    /// The server takes it, and it may not be what was meant.
    Warning {
        /// What is odd, in words.
        problem: String,
    },
    /// The server took it.
    Submitted {
        /// The prompt's id, for `history`, `cancel` and `download`.
        prompt_id: String,
    },
    /// It waits.
    Queued {
        /// How many wait before it; null until the queue was looked at.
        position: Option<usize>,
    },
    /// It runs.
    Started,
    /// These nodes are served from the cache.
    Cached {
        /// The nodes.
        nodes: Vec<Node>,
    },
    /// A node begins.
    NodeStarted {
        /// The node.
        node: Node,
    },
    /// How far a node is.
    Progress {
        /// The node.
        node: Node,
        /// How far.
        value: f64,
        /// Of how much.
        max: f64,
    },
    /// A node is done.
    NodeFinished {
        /// The node.
        node: Node,
    },
    /// A picture of the work as it goes on.
    Preview {
        /// The node, from servers that say it.
        node: Option<Node>,
        /// `jpeg`, `png` or `other`.
        format: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A node's words.
    Text {
        /// The node.
        node: Node,
        /// The text.
        text: String,
    },
    /// A message about the run that is not known here, as it came.
    Unknown {
        /// The whole message.
        message: serde_json::Value,
    },
    /// The user wants it stopped, and the server was asked to stop this run.
    Stopping,
    /// A file was brought home.
    Saved {
        /// The file.
        file: File,
    },
    /// The end: the last line.
    Ended(Ended),
}

/// A seed that was set.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Seed {
    /// The node.
    pub node: Node,
    /// The input.
    pub input: String,
    /// What it is now.
    pub value: u64,
}

/// How it ended.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Ended {
    /// In one word.
    pub outcome: Ending,
    /// The same in words.
    pub words: String,
    /// The exit code.
    pub exit_code: u8,
    /// The prompt's id, if the server took it.
    pub prompt_id: Option<String>,
    /// The files that were brought home.
    pub files: Vec<File>,
    /// The texts that it made.
    pub texts: Vec<String>,
    /// How long it ran, by the server's clock.
    pub ran_seconds: Option<f64>,
    /// How long it was waited for.
    pub waited_seconds: Option<f64>,
    /// Why it did not end well, with what to do.
    pub failure: Option<Stopped>,
}

#[cfg(test)]
mod tests {
    use report::{Failure, FailureKind};
    use serde_json::json;

    use super::*;
    use crate::json::{line, tests::fits};

    fn samples() -> Vec<Event> {
        let node = || Node { id: "3".into(), title: "Sampler".into() };
        let file = || File { path: "a.png".into(), file: "output/a.png".into(), bytes: 1, sha256: "00".into() };
        let failure = Failure::new(FailureKind::Declined, "the run failed").hint("look at the log");
        let ended = |failure: Option<&Failure>| Ended {
            outcome: Ending::Failed,
            words: "failed".into(),
            exit_code: 3,
            prompt_id: Some("p".into()),
            files: vec![file()],
            texts: vec![],
            ran_seconds: Some(0.5),
            waited_seconds: None,
            failure: failure.map(Stopped::from),
        };
        vec![
            Event::Read {
                workflow: "w".into(),
                nodes: 1,
                converted: true,
                seeds: vec![Seed { node: node(), input: "seed".into(), value: u64::MAX }],
            },
            Event::Warning { problem: "odd".into() },
            Event::Submitted { prompt_id: "p".into() },
            Event::Queued { position: None },
            Event::Queued { position: Some(2) },
            Event::Started,
            Event::Cached { nodes: vec![node()] },
            Event::NodeStarted { node: node() },
            Event::Progress { node: node(), value: 0.5, max: 2.0 },
            Event::NodeFinished { node: node() },
            Event::Preview { node: None, format: "jpeg".into(), bytes: 9 },
            Event::Text { node: node(), text: "words".into() },
            Event::Unknown { message: json!({"type": "new"}) },
            Event::Stopping,
            Event::Saved { file: file() },
            Event::Ended(ended(None)),
            Event::Ended(ended(Some(&failure))),
        ]
    }

    #[test]
    fn the_published_schema_holds_every_line() {
        for event in samples() {
            let line = line(&Line { version: 1, event });
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(fits("run-v1.json", &line), "{line}");
            assert!(!fits("run-v1.json", &line.replace("\"event\"", "\"evnt\"")), "{line}");
        }
    }
}
