//! One prompt from `execution_start` to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::cache::Cache;
use super::order::Order;
use crate::app::App;
use crate::events::{Event, Failed, Milestone, Owner, Progress};
use crate::graph::{self, declared, inputs, link};
use crate::nodes::{Call, Node, Slot, Yield};
use crate::py::Raised;
use crate::queue::Item;

/// What the history keeps of a run, besides the prompt.
pub(super) struct Done {
    pub(super) status: &'static str,
    pub(super) messages: Vec<Value>,
    pub(super) outputs: Map<String, Value>,
    pub(super) meta: Map<String, Value>,
}

/// Why a node did not finish.
enum Stop {
    Interrupted,
    Raised { raised: Raised, inputs: Value },
}

pub(super) async fn run(app: &App, cache: &mut Cache, mut item: Item) -> Done {
    app.interrupt.store(false, Ordering::Relaxed);
    let owner = Owner::of(&item.extra_data);
    app.now_runs(owner.clone());
    let mut run = Run { app, id: item.id, owner, messages: Vec::new(), progress: Vec::new(), executed: Vec::new() };
    run.tell(&Milestone::Start);

    item.prompt = turn(app, cache, item.prompt).await;
    let nodes = item.prompt.keys().filter(|id| cache.slots(id).is_some()).cloned().collect();
    run.tell(&Milestone::Cached { nodes });

    let (prompt, extra_data) = (Arc::new(item.prompt), Arc::new(item.extra_data));
    let mut order = Order::default();
    for id in &item.outputs {
        order.add(&prompt, id, |id| cache.slots(id).is_some());
    }
    let end = loop {
        if order.is_empty() {
            break Milestone::Success;
        }
        let id = match order.next(|id| run.is_output(&prompt, id)) {
            Ok(id) => id.to_owned(),
            Err(id) => {
                let raised = Raised::new("graph.DependencyCycleError", "Dependency cycle detected");
                break run.failed(&prompt, id, raised, json!([]));
            }
        };
        match run.node(cache, &prompt, &extra_data, &id).await {
            Ok(()) => order.done(&id),
            Err(Stop::Interrupted) => {
                let class = graph::class(&prompt, &id).to_owned();
                break Milestone::Interrupted { node: id, class, executed: run.executed.clone() };
            }
            Err(Stop::Raised { mut raised, inputs }) => {
                raised.text.push('\n');
                break run.failed(&prompt, &id, raised, inputs);
            }
        }
    };
    run.tell(&end);

    let (mut outputs, mut meta) = (Map::new(), Map::new());
    for id in prompt.keys() {
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

/// Turns the cache to the prompt, off the event loop: files are read for it.
async fn turn(app: &App, cache: &mut Cache, mut prompt: Map<String, Value>) -> Map<String, Value> {
    let (registry, folders) = (app.registry, app.folders.clone());
    let mut taken = std::mem::take(cache);
    let turned = tokio::task::spawn_blocking(move || {
        taken.turn_to(registry, &folders, &mut prompt);
        (taken, prompt)
    });
    let (taken, prompt) = turned.await.unwrap_or_default();
    *cache = taken;
    prompt
}

struct Run<'a> {
    app: &'a App,
    id: String,
    owner: Owner,
    messages: Vec<Value>,
    progress: Vec<Progress>,
    executed: Vec<String>,
}

impl Run<'_> {
    fn tell(&mut self, milestone: &Milestone) {
        let data = milestone.data(&self.id, self.app.clock.millis());
        self.messages.push(json!([milestone.name(), data]));
        let event = Event::Milestone { name: milestone.name(), data };
        self.app.send(milestone.audience(&self.owner).as_ref(), &event);
    }

    fn is_output(&self, prompt: &Map<String, Value>, id: &str) -> bool {
        graph::node(self.app.registry, prompt, id).is_some_and(Node::is_output)
    }

    fn failed(&self, prompt: &Map<String, Value>, id: &str, raised: Raised, inputs: Value) -> Milestone {
        let class = graph::class(prompt, id).to_owned();
        Milestone::Error(Box::new(Failed {
            node: id.to_owned(),
            executed: self.executed.clone(),
            traceback: vec![format!("  comfy-sim, in {class}\n    {}: {}\n", raised.kind, raised.text.trim_end())],
            class,
            message: raised.text,
            kind: raised.kind.to_owned(),
            inputs,
            all_nodes: prompt.keys().cloned().collect(),
        }))
    }

    /// Notes how far a node is, and tells it.
    fn progress(&mut self, id: &str, state: &'static str, value: Value, max: Value) {
        let now = Progress { node: id.to_owned(), value, max, state };
        match self.progress.iter_mut().find(|progress| progress.node == id) {
            Some(progress) => *progress = now,
            None => self.progress.push(now),
        }
        let event = Event::ProgressState { prompt_id: self.id.clone(), nodes: self.progress.clone() };
        self.app.send(self.owner.or_everyone().as_ref(), &event);
    }

    fn executed(&self, id: &str, output: Value) {
        let event = Event::Executed { node: id.to_owned(), output, prompt_id: self.id.clone() };
        self.app.send(self.owner.or_nobody().as_ref(), &event);
    }

    async fn node(
        &mut self,
        cache: &mut Cache,
        prompt: &Arc<Map<String, Value>>,
        extra_data: &Arc<Map<String, Value>>,
        id: &str,
    ) -> Result<(), Stop> {
        if cache.slots(id).is_some() {
            self.executed(id, cache.shown(id).map(|(_, shown)| shown.clone()).unwrap_or_default());
            self.progress(id, "finished", json!(1), json!(1));
            return Ok(());
        }
        self.progress(id, "running", json!(0.0), json!(1.0));
        // Validation saw the class a moment ago.
        let missing = || Stop::Raised { raised: Raised::new("KeyError", graph::class(prompt, id)), inputs: json!({}) };
        let node = graph::node(self.app.registry, prompt, id).ok_or_else(missing)?;
        let info = node.info(&self.app.folders).map_err(|raised| Stop::Raised { raised, inputs: json!({}) })?;
        let given = gather(cache, prompt, id, &info);
        if self.owner != Owner::Nobody {
            self.app.now_at(Some(id.to_owned()));
            let event = Event::Executing { node: id.to_owned(), prompt_id: self.id.clone() };
            self.app.send(self.owner.or_nobody().as_ref(), &event);
        }
        let instance = cache.instance(id, node.class(), || node.instance(&self.app.chance));
        if self.app.interrupt.swap(false, Ordering::Relaxed) {
            return Err(Stop::Interrupted);
        }
        let made = self.execute(node, instance, given.clone(), prompt, extra_data).await;
        let made = made.map_err(|raised| Stop::Raised { raised, inputs: shown(&given, &info, prompt, extra_data) })?;
        if let Some(ui) = made.ui {
            cache.keep_shown(id, ui.clone());
            self.executed(id, ui);
        }
        cache.keep(id, made.slots);
        self.progress(id, "finished", json!(1.0), json!(1.0));
        self.executed.push(id.to_owned());
        Ok(())
    }

    /// Does the work off the event loop.
    async fn execute(
        &self,
        node: &'static dyn Node,
        instance: String,
        inputs: Vec<(String, Slot)>,
        prompt: &Arc<Map<String, Value>>,
        extra_data: &Arc<Map<String, Value>>,
    ) -> Result<Yield, Raised> {
        let (folders, clock) = (self.app.folders.clone(), self.app.clock.clone());
        let (prompt, extra_data) = (prompt.clone(), extra_data.clone());
        let work = tokio::task::spawn_blocking(move || {
            node.execute(&Call {
                folders: &folders,
                clock: &clock,
                instance: &instance,
                inputs,
                prompt: &prompt,
                extra_pnginfo: extra_data.get("extra_pnginfo"),
            })
        });
        work.await.unwrap_or_else(|_| Err(Raised::new("RuntimeError", "the node did not come back")))
    }
}

/// The inputs of a node: literals of declared names, and what linked nodes gave.
fn gather(cache: &Cache, prompt: &Map<String, Value>, id: &str, info: &Value) -> Vec<(String, Slot)> {
    let declared = declared(info);
    let known = |name: &str| declared.iter().any(|input| input.name == name);
    let given = inputs(prompt, id).into_iter().flatten().filter(|(name, _)| known(name));
    given
        .map(|(name, value)| {
            let linked = link(value).map(|(from, slot)| {
                let slots = cache.slots(from).map(Vec::as_slice).unwrap_or_default();
                // A negative slot counts from the end, as in Python.
                let at = slot.as_i64().unwrap_or_else(|| i64::from(slot.as_bool() == Some(true)));
                let at = if at < 0 { at + i64::try_from(slots.len()).unwrap_or(i64::MAX) } else { at };
                usize::try_from(at).ok().and_then(|at| slots.get(at)).cloned()
            });
            let slot = match linked {
                Some(slot) => slot.unwrap_or(Slot::Literal(Value::Null)),
                None => Slot::Literal(value.clone()),
            };
            (name.clone(), slot)
        })
        .collect()
}

/// The inputs as `execution_error` shows them, the hidden ones included.
fn shown(given: &[(String, Slot)], info: &Value, prompt: &Arc<Map<String, Value>>, extra_data: &Map<String, Value>) -> Value {
    let mut out: Map<String, Value> = given.iter().map(|(name, slot)| (name.clone(), json!([slot.shown()]))).collect();
    for (name, kind) in info["input"]["hidden"].as_object().into_iter().flatten() {
        let value = match kind.as_str() {
            Some("PROMPT") => Value::Object(prompt.as_ref().clone()),
            Some("EXTRA_PNGINFO") => extra_data.get("extra_pnginfo").cloned().unwrap_or_default(),
            _ => continue,
        };
        out.insert(name.clone(), json!([Slot::Literal(value).shown()]));
    }
    Value::Object(out)
}
