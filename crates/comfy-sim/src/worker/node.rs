//! One node of a running prompt: its inputs, its calls, its steps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::cache::Cache;
use super::lists::{self, Inputs};
use super::run::Run;
use crate::clock::Clock;
use crate::events::{Audience, Blocked, Event, Owner};
use crate::folders::Folders;
use crate::frames;
use crate::graph::{self, inputs, link};
use crate::nodes::{Call, Facts, Node, Slot, Yield, function};
use crate::py::Raised;

/// What became of a node.
pub(super) enum Outcome {
    Done,
    /// It waits for what is linked to these inputs, which it had declared lazy.
    Needs(Vec<String>),
}

/// Why a node did not finish.
pub(super) enum Stop {
    Interrupted,
    Raised { raised: Raised, inputs: Value },
}

/// One call of a node, with all that it needs away from the event loop.
struct Job {
    node: &'static dyn Node,
    folders: Folders,
    clock: Clock,
    instance: String,
    inputs: Vec<(String, Slot)>,
    prompt: Arc<Map<String, Value>>,
    extra_data: Arc<Map<String, Value>>,
    /// An input that the class does not declare, which its function does not take.
    unexpected: Option<String>,
}

impl Job {
    fn call(&self) -> Call<'_> {
        Call {
            folders: &self.folders,
            clock: &self.clock,
            instance: &self.instance,
            inputs: &self.inputs,
            prompt: &self.prompt,
            extra_pnginfo: self.extra_data.get("extra_pnginfo"),
        }
    }

    /// Does something that may block, unless the call is light; nothing comes back if it panics. A runtime of several
    /// threads goes on with another one meanwhile, which spares the way to that one and back.
    async fn apart<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce(&Self) -> T + Send + 'static) -> Option<T> {
        let light = self.node.is_light(&self.call());
        if light || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
            let here = || catch_unwind(AssertUnwindSafe(|| work(self))).ok();
            return if light { here() } else { tokio::task::block_in_place(here) };
        }
        let job = self.clone();
        tokio::task::spawn_blocking(move || work(&job)).await.ok()
    }
}

impl Run<'_> {
    pub(super) async fn node(&mut self, cache: &mut Cache, id: &str) -> Result<Outcome, Stop> {
        if cache.slots(id).is_some() {
            self.executed(id, cache.shown(id).map(|(_, shown)| shown.clone()).unwrap_or_default());
            self.progress.finish(id);
            self.tell_progress();
            return Ok(Outcome::Done);
        }
        self.progress.start(id);
        self.tell_progress();
        // Validation saw the class a moment ago.
        let raised = |raised| Stop::Raised { raised, inputs: json!({}) };
        let missing = || raised(Raised::new("KeyError", graph::class(&self.prompt, id)));
        let node = self.node_of(id).ok_or_else(missing)?;
        let facts = node.facts(&self.app.folders).map_err(raised)?;
        let given = gather(cache, &self.prompt, id, &facts);
        if self.owner != Owner::Nobody {
            self.app.now_at(Some(id.to_owned()));
            self.app.send(self.owner.or_nobody(), || Event::Executing { node: id.to_owned(), prompt_id: self.id.clone() });
        }
        let instance = cache.instance(id, node.class(), || node.instance(&self.app.chance));
        let is_hidden = |name: &String| facts.hidden.iter().any(|(hidden, _)| hidden == name);
        let unexpected = given.iter().map(|(name, _)| name).find(|name| !facts.declares(name) && !is_hidden(name)).cloned();
        let job = |inputs| Job {
            node,
            folders: self.app.folders.clone(),
            clock: self.app.clock.clone(),
            instance: instance.clone(),
            inputs,
            prompt: self.prompt.clone(),
            extra_data: self.extra_data.clone(),
            unexpected: unexpected.clone(),
        };
        let shown = |raised| Stop::Raised { raised, inputs: self.shown(&given, &facts) };
        let calls = lists::calls(&given, node.takes_lists()).map_err(shown)?;
        let jobs: Vec<_> = calls.into_iter().map(|inputs| Arc::new(job(inputs))).collect();

        let needs = self.needs(cache, id, &jobs);
        if !needs.is_empty() {
            return Ok(Outcome::Needs(needs));
        }
        let mut results = Vec::new();
        for job in jobs {
            let made = self.once(id, &job).await;
            results.push(made.map_err(|stop| match stop {
                Stop::Raised { raised, .. } => Stop::Raised { raised, inputs: self.shown(&given, &facts) },
                Stop::Interrupted => stop,
            })?);
        }
        let (outputs, ui) = lists::merged(results, &facts.is_list);
        if let Some(ui) = ui {
            cache.keep_shown(id, ui.clone());
            self.executed(id, ui);
        }
        cache.keep(id, outputs);
        self.progress.finish(id);
        self.tell_progress();
        self.executed.push(id.to_owned());
        Ok(Outcome::Done)
    }

    /// The lazy inputs that the node asks for and that are not there yet.
    fn needs(&self, cache: &Cache, id: &str, jobs: &[Arc<Job>]) -> Vec<String> {
        let given = inputs(&self.prompt, id);
        let waits = |name: &String| {
            let from = given.and_then(|given| given.get(name)).and_then(link);
            from.is_some_and(|(from, _)| cache.slots(from).is_none())
        };
        let mut names: Vec<_> = jobs.iter().flat_map(|job| job.node.needs(&job.call())).filter(waits).collect();
        names.sort();
        names.dedup();
        names
    }

    /// One call: nothing is made of a blocked one.
    async fn once(&mut self, id: &str, job: &Arc<Job>) -> Result<Option<Yield>, Stop> {
        self.uninterrupted()?;
        let on_demand = || job.node.is_output().then(|| self.app.faults.blocked().map(Some)).flatten();
        if let Some(text) = lists::blocked(&job.inputs).or_else(on_demand) {
            if let Some(text) = text {
                let class = job.node.class().to_owned();
                let blocked = Blocked { node: id.to_owned(), class, executed: self.executed.clone(), text };
                self.app.send(self.owner.or_everyone(), || Event::Blocked { blocked, prompt_id: self.id.clone() });
            }
            return Ok(None);
        }
        if let Some(name) = &job.unexpected {
            let text = format!("{}() got an unexpected keyword argument '{name}'", function(job.node.class()));
            return Err(Stop::Raised { raised: Raised::type_error(text), inputs: Value::Null });
        }
        self.steps(id, job).await?;
        let gone = || Err(Raised::new("RuntimeError", "the node did not come back"));
        let made = job.apart(|job| job.node.execute(&job.call())).await.unwrap_or_else(gone);
        let made = made.map_err(|raised| Stop::Raised { raised, inputs: Value::Null })?;
        if let Some(text) = &made.text {
            self.app.hub.send_bytes(&Audience::All, || frames::text(id, text));
        }
        Ok(Some(made))
    }

    /// Counts the steps of a call, with their pictures.
    async fn steps(&mut self, id: &str, job: &Arc<Job>) -> Result<(), Stop> {
        let Some(steps) = job.node.steps(&job.call()) else {
            return Ok(());
        };
        let sampling = self.app.sampling;
        for value in steps.first..steps.first + steps.count {
            if steps.sampling {
                tokio::time::sleep(sampling.step_time).await;
            }
            self.uninterrupted()?;
            self.progress.step(id, value, steps.max);
            self.tell_progress();
            let picture = if sampling.previews || !steps.sampling {
                let encoded = job.apart(move |job| {
                    let preview = job.node.preview(&job.call(), value)?;
                    Some((preview.format, frames::encode(&preview)))
                });
                encoded.await.flatten()
            } else {
                None
            };
            let to = self.owner.or_everyone();
            let rich = to.as_ref().is_some_and(|to| self.app.hub.takes_metadata(to));
            if let (Some(to), Some((format, picture)), true) = (&to, &picture, rich) {
                self.app.hub.send_bytes(to, || frames::preview_with_metadata(*format, picture, id, &self.id));
            }
            let (node, prompt_id) = (id.to_owned(), self.id.clone());
            self.app.send(to.clone(), || Event::Progress { node, value, max: steps.max, prompt_id });
            if let (Some(to), Some((format, picture)), false) = (&to, &picture, rich) {
                self.app.hub.send_bytes(to, || frames::preview(*format, picture));
            }
        }
        Ok(())
    }

    /// Takes an interruption, if there is one.
    fn uninterrupted(&self) -> Result<(), Stop> {
        if self.app.interrupt.swap(false, Ordering::Relaxed) { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn tell_progress(&self) {
        let event = || Event::ProgressState { prompt_id: self.id.clone(), nodes: self.progress.nodes() };
        self.app.send(self.owner.or_everyone(), event);
    }

    fn executed(&self, id: &str, output: Value) {
        let event = || Event::Executed { node: id.to_owned(), output, prompt_id: self.id.clone() };
        self.app.send(self.owner.or_nobody(), event);
    }

    /// The inputs as `execution_error` shows them, the hidden ones included.
    fn shown(&self, given: &Inputs, facts: &Facts) -> Value {
        let shown = |values: &[Slot]| values.iter().map(Slot::shown).collect::<Value>();
        let mut out: Map<String, Value> = given.iter().map(|(name, values)| (name.clone(), shown(values))).collect();
        for (name, kind) in &facts.hidden {
            let value = match kind.as_str() {
                "PROMPT" => Value::Object(self.prompt.as_ref().clone()),
                "EXTRA_PNGINFO" => self.extra_data.get("extra_pnginfo").cloned().unwrap_or_default(),
                _ => continue,
            };
            out.insert(name.clone(), json!([Slot::Literal(value).shown()]));
        }
        Value::Object(out)
    }
}

/// The inputs of a node: literals of declared names, and what linked nodes gave, whatever the name.
fn gather(cache: &Cache, prompt: &Map<String, Value>, id: &str, facts: &Facts) -> Inputs {
    let given = inputs(prompt, id).into_iter().flatten();
    let given = given.filter(|(name, value)| facts.declares(name) || link(value).is_some());
    given
        .map(|(name, value)| {
            let linked = link(value).map(|(from, slot)| {
                let outputs = cache.slots(from).map(Vec::as_slice).unwrap_or_default();
                // A negative slot counts from the end, as in Python.
                let at = slot.as_i64().unwrap_or_else(|| i64::from(slot.as_bool() == Some(true)));
                let at = if at < 0 { at + i64::try_from(outputs.len()).unwrap_or(i64::MAX) } else { at };
                usize::try_from(at).ok().and_then(|at| outputs.get(at)).cloned()
            });
            let values = match linked {
                Some(values) => values.unwrap_or_else(|| vec![Slot::Literal(Value::Null)]),
                None => vec![Slot::Literal(value.clone())],
            };
            (name.clone(), values)
        })
        .collect()
}
