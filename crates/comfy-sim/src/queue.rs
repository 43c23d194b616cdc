//! The prompt queue: what waits, what runs, and what the worker is asked to forget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Number, Value, json};
use tokio::sync::Notify;

use crate::events::{Audience, Event};
use crate::heap::{self, Ordered};
use crate::history::{History, Record};
use crate::hub::Hub;
use crate::py::{self, Raised};

/// One submitted prompt.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// A number, be it none of JSON's.
    pub(crate) number: Value,
    pub(crate) id: String,
    pub(crate) prompt: Arc<Map<String, Value>>,
    pub(crate) extra_data: Arc<Map<String, Value>>,
    pub(crate) outputs: Vec<String>,
}

impl Item {
    /// The 5-tuple that `/queue` and `/history` show.
    pub(crate) fn tuple(&self) -> impl Serialize {
        (&self.number, &self.id, self.prompt.as_ref(), self.extra_data.as_ref(), &self.outputs)
    }
}

impl Ordered for Item {
    /// The comparison of Python tuples: two unequal prompts of the same number and id cannot be compared.
    fn less(&self, other: &Self) -> Result<bool, Raised> {
        let (mine, theirs) = (py::float_of(&self.number).ok(), py::float_of(&other.number).ok());
        if mine != theirs {
            return Ok(mine < theirs);
        }
        if self.id != other.id {
            return Ok(self.id < other.id);
        }
        if self.prompt != other.prompt || self.extra_data != other.extra_data {
            return Err(Raised::type_error("'<' not supported between instances of 'dict' and 'dict'"));
        }
        Ok(self.outputs < other.outputs)
    }
}

/// What `/free` asked for and the worker has not done yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) unload_models: bool,
    pub(crate) free_memory: bool,
}

/// What the worker does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// Run this prompt; the number is its place among the running ones.
    Run(Box<Item>, u64),
    /// Nothing waits: only look at the flags.
    Flags,
}

#[derive(Debug, Default)]
struct Inner {
    counter: u64,
    tasks: u64,
    pending: Vec<Item>,
    running: Vec<(u64, Item)>,
    history: History,
    flags: Flags,
    flagged: bool,
}

/// The queue of one server. Every change tells all sockets how much is left, inside the lock, so that the figures
/// arrive in the order in which they were true.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    hub: Arc<Hub>,
    woken: Notify,
}

impl Queue {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { inner: Mutex::default(), hub, woken: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, inner: &Inner) {
        self.hub.send(&Audience::All, || Event::Status { remaining: inner.remaining(), sid: None });
    }

    /// The next prompt number; a prompt sent with `front` takes its negative.
    pub(crate) fn number(&self, front: bool) -> Number {
        let mut inner = self.lock();
        let count = i64::try_from(inner.counter).unwrap_or(i64::MAX);
        inner.counter += 1;
        Number::from(if front { -count } else { count })
    }

    pub(crate) fn put(&self, item: Item) -> Result<(), Raised> {
        let mut inner = self.lock();
        let pushed = heap::push(&mut inner.pending, item);
        if pushed.is_ok() {
            self.tell(&inner);
            self.woken.notify_one();
        }
        pushed
    }

    /// Waits for a prompt or a flag.
    pub(crate) async fn next(&self) -> Work {
        loop {
            {
                let mut inner = self.lock();
                if let Some(item) = heap::pop(&mut inner.pending) {
                    let task = inner.tasks;
                    inner.tasks += 1;
                    inner.running.push((task, item.clone()));
                    self.tell(&inner);
                    return Work::Run(Box::new(item), task);
                }
                if inner.flagged {
                    return Work::Flags;
                }
            }
            self.woken.notified().await;
        }
    }

    /// Moves a running prompt into the history.
    pub(crate) fn done(&self, task: u64, record: impl FnOnce(Item) -> Record) {
        let mut inner = self.lock();
        if let Some(at) = inner.running.iter().position(|(number, _)| *number == task) {
            let (_, item) = inner.running.remove(at);
            inner.history.add(record(item));
            self.tell(&inner);
        }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.lock().remaining()
    }

    /// Does something while the number of what is left cannot change.
    pub(crate) fn while_counted(&self, with: impl FnOnce(usize)) {
        let inner = self.lock();
        with(inner.remaining());
    }

    /// `(running, pending)`, the pending ones in heap order.
    pub(crate) fn listing(&self) -> (Vec<Value>, Vec<Value>) {
        let inner = self.lock();
        (
            inner.running.iter().map(|(_, item)| json!(item.tuple())).collect(),
            inner.pending.iter().map(|item| json!(item.tuple())).collect(),
        )
    }

    pub(crate) fn is_running(&self, id: &str) -> bool {
        self.lock().running.iter().any(|(_, item)| item.id == id)
    }

    /// Drops all that waits.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.pending.clear();
        self.tell(&inner);
    }

    /// Drops the first waiting prompt of that id.
    pub(crate) fn delete(&self, id: &str) {
        let mut inner = self.lock();
        let Some(at) = inner.pending.iter().position(|item| item.id == id) else {
            return;
        };
        if inner.pending.len() == 1 {
            // The real server empties the queue here, which tells the sockets once more.
            inner.pending.clear();
            self.tell(&inner);
        } else {
            inner.pending.remove(at);
            heap::heapify(&mut inner.pending);
        }
        self.tell(&inner);
    }

    pub(crate) fn flag(&self, flags: Flags) {
        let mut inner = self.lock();
        inner.flags.unload_models |= flags.unload_models;
        inner.flags.free_memory |= flags.free_memory;
        inner.flagged = true;
        self.woken.notify_one();
    }

    pub(crate) fn take_flags(&self) -> Flags {
        let mut inner = self.lock();
        inner.flagged = false;
        std::mem::take(&mut inner.flags)
    }

    /// Reads or changes the history.
    pub(crate) fn history<T>(&self, with: impl FnOnce(&mut History) -> T) -> T {
        with(&mut self.lock().history)
    }
}

impl Inner {
    fn remaining(&self) -> usize {
        self.pending.len() + self.running.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: impl Into<Value>, id: &str) -> Item {
        let prompt = json!({"1": {"class_type": id}}).as_object().cloned().unwrap_or_default();
        Item { number: number.into(), id: id.to_owned(), prompt: prompt.into(), extra_data: Arc::default(), outputs: vec![] }
    }

    #[tokio::test]
    async fn lower_numbers_run_first_whatever_came_first() {
        let queue = Queue::new(Arc::default());
        for (number, id) in [(3, "c"), (-17, "a"), (16, "d")] {
            queue.put(item(number, id)).expect("comparable");
        }
        queue.put(item(Number::from_f64(2.5).expect("finite"), "b")).expect("comparable");
        let mut order = Vec::new();
        for _ in 0..4 {
            let Work::Run(item, task) = queue.next().await else { panic!("no prompt") };
            assert!(queue.is_running(&item.id));
            order.push(item.id.clone());
            queue.done(task, |item| Record::new(item, "success", &[], &Map::new(), &Map::new()));
        }
        assert_eq!(order, ["a", "b", "c", "d"]);
        assert_eq!(queue.remaining(), 0);
    }

    #[test]
    fn the_same_number_and_id_with_another_prompt_raises_and_stays_queued() {
        let queue = Queue::new(Arc::default());
        queue.put(item(1, "x")).expect("first");
        queue.put(item(1, "x")).expect("equal tuples compare");
        let mut other = item(1, "x");
        other.prompt = Arc::default();
        assert!(queue.put(other).is_err());
        assert_eq!(queue.remaining(), 3);
        queue.delete("x");
        assert_eq!(queue.remaining(), 2);
        queue.clear();
        assert_eq!(queue.remaining(), 0);
    }
}
