//! From messages to events: each step once, though the server says most of them twice.

use std::collections::{HashMap, HashSet};

use crate::event::Event;
use crate::mailbox::Rank;
use crate::outcome::Standing;
use crate::queue::Place;
use crate::wire::Message;

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Translator {
    started: bool,
    node: Option<String>,
    progress: HashMap<String, (f64, f64)>,
    finished: HashSet<String>,
    position: Option<usize>,
}

impl Translator {
    /// The events that a message of this prompt amounts to.
    pub(super) fn message(&mut self, message: Message) -> Vec<Event> {
        let mut events = Vec::new();
        match message {
            Message::ExecutionStart { .. } => self.start(&mut events),
            Message::ExecutionCached { nodes, .. } => {
                self.start(&mut events);
                if !nodes.is_empty() {
                    events.push(Event::Cached { nodes });
                }
            }
            Message::Executing { node: Some(node), .. } => {
                self.start(&mut events);
                if self.node.as_ref() != Some(&node) {
                    self.node = Some(node.clone());
                    events.push(Event::NodeStarted { node });
                }
            }
            Message::Progress { node, value, max, .. } => {
                if let Some(node) = node.or_else(|| self.node.clone()) {
                    self.progress(node, value, max, &mut events);
                }
            }
            Message::ProgressState { nodes, .. } => {
                for node in nodes {
                    match node.state.as_str() {
                        "finished" => self.finish(node.node, None, &mut events),
                        // A node that has just begun is told by `executing`.
                        "running" if node.value > 0.0 => {
                            self.progress(node.node, node.value, node.max, &mut events);
                        }
                        _ => {}
                    }
                }
            }
            Message::Executed { node, output, .. } => self.finish(node, output, &mut events),
            Message::Preview(preview) => events.push(Event::Preview {
                node: preview.node.or_else(|| self.node.clone()),
                format: preview.format,
                image: preview.image,
            }),
            Message::NodeText { node, text, .. } => events.push(Event::Text { node, text }),
            Message::OtherText { raw, .. } => events.push(Event::Unknown { raw }),
            // The end is told by the driver, once it is certain; the rest is not about this prompt.
            Message::Executing { node: None, .. }
            | Message::ExecutionSuccess { .. }
            | Message::ExecutionError(_)
            | Message::ExecutionInterrupted { .. }
            | Message::Status { .. }
            | Message::FeatureFlags(_)
            | Message::Logs { .. }
            | Message::NotJson(_)
            | Message::OtherBinary(_) => {}
        }
        events
    }

    /// The event that a look at the queue amounts to.
    pub(super) fn place(&mut self, place: Place) -> Vec<Event> {
        let mut events = Vec::new();
        match place {
            Place::Running => self.start(&mut events),
            Place::Pending { position } if !self.started && self.position != Some(position) => {
                self.position = Some(position);
                events.push(Event::Queued { position: Some(position) });
            }
            _ => {}
        }
        events
    }

    pub(super) fn standing(&self) -> Standing {
        match self.position {
            _ if self.started => Standing::Running { node: self.node.clone() },
            Some(position) => Standing::Queued { position },
            None => Standing::Submitted,
        }
    }

    fn start(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Started);
        }
    }

    fn progress(&mut self, node: String, value: f64, max: f64, events: &mut Vec<Event>) {
        if self.progress.insert(node.clone(), (value, max)) != Some((value, max)) {
            events.push(Event::Progress { node, value, max });
        }
    }

    fn finish(&mut self, node: String, output: Option<serde_json::Value>, events: &mut Vec<Event>) {
        // Output nodes say what they show before they are finished, some of them more than once.
        if self.finished.insert(node.clone()) || output.is_some() {
            events.push(Event::NodeFinished { node, output });
        }
    }
}

/// What matters least when the consumer is slow.
pub(super) fn rank(event: &Event) -> Rank {
    match event {
        Event::Preview { image, .. } => Rank::Picture(image.len()),
        Event::Progress { .. } | Event::Text { .. } | Event::Unknown { .. } => Rank::Passing,
        _ => Rank::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode_text;
    use serde_json::json;

    #[test]
    fn each_step_is_told_once() {
        let node = |state: &str, value: f64| json!({"value": value, "max": 2.0, "state": state, "node_id": "3"});
        let messages = [
            ("execution_start", json!({})),
            ("execution_cached", json!({"nodes": []})),
            ("progress_state", json!({"nodes": {"3": node("running", 0.0)}})),
            ("executing", json!({"node": "3"})),
            ("executing", json!({"node": "3"})),
            ("progress_state", json!({"nodes": {"3": node("running", 1.0)}})),
            ("progress", json!({"node": "3", "value": 1, "max": 2})),
            ("progress_state", json!({"nodes": {"3": node("finished", 2.0)}})),
            ("executed", json!({"node": "9", "output": {"text": ["hi"]}})),
            ("progress_state", json!({"nodes": {"3": node("finished", 2.0), "9": node("finished", 2.0)}})),
            ("custom", json!({"x": 1})),
            ("execution_success", json!({})),
            ("executing", json!({"node": null})),
        ];
        let mut translator = Translator::default();
        let mut told = translator.place(Place::Pending { position: 2 });
        told.extend(translator.place(Place::Pending { position: 2 }));
        for (kind, mut data) in messages {
            data["prompt_id"] = "p".into();
            told.extend(translator.message(decode_text(&json!({"type": kind, "data": data}).to_string())));
        }
        told.extend(translator.place(Place::Running));
        let told: Vec<String> = told.iter().map(|event| format!("{event:?}")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Queued { position: Some(2) }
        Started
        NodeStarted { node: "3" }
        Progress { node: "3", value: 1.0, max: 2.0 }
        NodeFinished { node: "3", output: None }
        NodeFinished { node: "9", output: Some(Object {"text": Array [String("hi")]}) }
        Unknown { raw: Object {"type": String("custom"), "data": Object {"x": Number(1), "prompt_id": String("p")}} }
        "#);
        assert_eq!(translator.standing(), Standing::Running { node: Some("3".into()) });
    }
}
