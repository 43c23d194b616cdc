//! What the server said, as `/internal/logs` hands it out, and the sockets that hear it while it is said.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Calendar;
use crate::events::{Audience, Event};

/// How many entries are kept.
const KEPT: usize = 300;

/// The log of one server. It holds what ComfyUI would say of prompts and interruptions, and never a token.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Value>,
    listeners: BTreeSet<String>,
    /// The size of the terminal was told: it is told when it changes, which it never does here.
    sized: bool,
}

impl Logs {
    /// Keeps a message, and sends it to those who listen.
    pub(crate) fn add(&self, app: &App, message: impl Into<String>) {
        let since = app.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Calendar::of(since.as_secs());
        let stamp = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
            at.year,
            at.month,
            at.day,
            at.hour,
            at.minute,
            at.second,
            since.subsec_micros()
        );
        let entry = json!({"t": stamp, "m": message.into()});
        let mut inner = self.lock();
        if inner.entries.len() == KEPT {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry.clone());
        if inner.listeners.is_empty() {
            return;
        }
        let size = if std::mem::replace(&mut inner.sized, true) { Value::Null } else { size() };
        inner.listeners.retain(|id| app.hub.is_connected(id));
        for id in &inner.listeners {
            app.hub.send(&Audience::Client(id.clone()), || Event::Logs { entries: json!([entry]), size: size.clone() });
        }
    }

    /// All of it as one text.
    pub(crate) fn text(&self) -> String {
        let part =
            |entry: &Value| [&entry["t"], &entry["m"]].map(|text| text.as_str().unwrap_or_default().to_owned()).join(" - ");
        self.lock().entries.iter().map(part).collect()
    }

    /// All of it, and the size of the terminal.
    pub(crate) fn raw(&self) -> Value {
        let mut inner = self.lock();
        inner.sized = true;
        json!({"entries": inner.entries, "size": size()})
    }

    /// Whether a client hears what is said from now on.
    pub(crate) fn subscribe(&self, client: &str, listens: bool) {
        let mut inner = self.lock();
        if listens {
            inner.listeners.insert(client.to_owned());
        } else {
            inner.listeners.remove(client);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is no terminal: Python's default.
fn size() -> Value {
    json!({"cols": 80, "rows": 24})
}
