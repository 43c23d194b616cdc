//! One prompt from `execution_start` to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::cache::Cache;
use super::node::{Outcome, Stop};
use super::order::Order;
use super::progress::Table;
use crate::app::App;
use crate::events::{Event, Failed, Milestone, Owner};
use crate::graph::{self, link};
use crate::nodes::Node;
use crate::py::{self, Raised};
use crate::queue::Item;

/// The way of the real server from a prompt to a node that raises.
const CALLS: [(u32, &str); 4] =
    [(496, "execute"), (315, "get_output_data"), (289, "_async_map_node_over_list"), (277, "process_inputs")];

/// What the history keeps of a run, besides the prompt.
pub(super) struct Done {
    pub(super) status: &'static str,
    pub(super) messages: Vec<Value>,
    pub(super) outputs: Map<String, Value>,
    pub(super) meta: Map<String, Value>,
}

pub(super) async fn run(app: &App, cache: &mut Cache, item: Item) -> Done {
    app.interrupt.store(false, Ordering::Relaxed);
    let owner = Owner::of(&item.extra_data);
    app.now_runs(owner.clone());
    let mut run = Run {
        app,
        id: item.id,
        owner,
        prompt: Arc::default(),
        extra_data: item.extra_data,
        messages: Vec::new(),
        progress: Table::default(),
        executed: Vec::new(),
    };
    run.tell(&Milestone::Start);
    run.prompt = turn(app, cache, item.prompt).await;
    let nodes = run.prompt.keys().filter(|id| cache.slots(id).is_some()).cloned().collect();
    run.tell(&Milestone::Cached { nodes });
    let end = run.nodes(cache, &item.outputs).await;
    run.tell(&end);

    let (mut outputs, mut meta) = (Map::new(), Map::new());
    for id in run.prompt.keys() {
        if let Some((by, shown)) = cache.shown(id) {
            outputs.insert(id.clone(), shown.clone());
            let of = json!({"node_id": by, "display_node": by, "parent_node": null, "real_node_id": by});
            meta.insert(id.clone(), of);
        }
    }
    app.now_at(None);
    let status = if end == Milestone::Success { "success" } else { "error" };
    Done { status, messages: run.messages, outputs, meta }
}

/// Turns the cache to the prompt; off the event loop, if files are read for it.
async fn turn(app: &App, cache: &mut Cache, mut prompt: Arc<Map<String, Value>>) -> Arc<Map<String, Value>> {
    let (registry, folders) = (app.registry, app.folders.clone());
    if !prompt.keys().any(|id| graph::node(registry, &prompt, id).is_some_and(Node::watches)) {
        cache.turn_to(registry, &folders, &mut prompt);
        return prompt;
    }
    let mut taken = std::mem::take(cache);
    let turned = tokio::task::spawn_blocking(move || {
        taken.turn_to(registry, &folders, &mut prompt);
        (taken, prompt)
    });
    let (taken, prompt) = turned.await.unwrap_or_default();
    *cache = taken;
    prompt
}

/// A prompt that runs.
pub(super) struct Run<'a> {
    pub(super) app: &'a App,
    pub(super) id: String,
    pub(super) owner: Owner,
    pub(super) prompt: Arc<Map<String, Value>>,
    pub(super) extra_data: Arc<Map<String, Value>>,
    messages: Vec<Value>,
    pub(super) progress: Table,
    /// The nodes that ran, without those that came from the cache.
    pub(super) executed: Vec<String>,
}

impl Run<'_> {
    /// Runs what these output nodes need, and says how it ended.
    async fn nodes(&mut self, cache: &mut Cache, outputs: &[String]) -> Milestone {
        let prompt = self.prompt.clone();
        let mut order = Order::default();
        for id in outputs {
            order.add(&prompt, id, |id| cache.slots(id).is_some(), |id, input| self.is_lazy(id, input));
        }
        while !order.is_empty() {
            let id = match order.next(|id| self.node_of(id).is_some_and(Node::is_output)) {
                Ok(id) => id.to_owned(),
                Err(id) => {
                    return self.failed(id, Raised::new("graph.DependencyCycleError", "Dependency cycle detected"), json!([]));
                }
            };
            match self.node(cache, &id).await {
                Ok(Outcome::Done) => order.done(&id),
                Ok(Outcome::Needs(names)) => {
                    for from in names.iter().filter_map(|name| graph::inputs(&prompt, &id)?.get(name)).filter_map(link) {
                        order.add(&prompt, from.0, |id| cache.slots(id).is_some(), |id, input| self.is_lazy(id, input));
                        order.wait(from.0.to_owned(), id.clone());
                    }
                }
                Err(Stop::Interrupted) => {
                    let class = graph::class(&prompt, &id).to_owned();
                    return Milestone::Interrupted { node: id, class, executed: self.executed.clone() };
                }
                Err(Stop::Raised { mut raised, inputs }) => {
                    raised.text.push('\n');
                    return self.failed(&id, raised, inputs);
                }
            }
        }
        Milestone::Success
    }

    pub(super) fn node_of(&self, id: &str) -> Option<&'static dyn Node> {
        graph::node(self.app.registry, &self.prompt, id)
    }

    /// Whether the class of a node declares this input lazy.
    fn is_lazy(&self, id: &str, input: &str) -> bool {
        self.node_of(id).is_some_and(|node| node.is_lazy(input))
    }

    fn tell(&mut self, milestone: &Milestone) {
        let data = milestone.data(&self.id, self.app.clock.millis());
        self.app.send(milestone.audience(&self.owner), || Event::Milestone { name: milestone.name(), data: data.clone() });
        self.messages.push(Value::Array(vec![milestone.name().into(), data]));
    }

    fn failed(&self, id: &str, raised: Raised, inputs: Value) -> Milestone {
        let class = graph::class(&self.prompt, id).to_owned();
        Milestone::Error(Box::new(Failed {
            node: id.to_owned(),
            executed: self.executed.clone(),
            traceback: py::traceback(self.app.folders.base(), &CALLS),
            class,
            message: raised.text,
            kind: raised.kind.to_owned(),
            inputs,
            all_nodes: self.prompt.keys().cloned().collect(),
        }))
    }
}
