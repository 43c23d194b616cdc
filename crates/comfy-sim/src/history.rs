//! What became of the prompts that ran.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::py::json::loads;
use crate::queue::Item;

/// Over this many entries the oldest goes before the next one comes, as in the real server: 10 001 can be held.
const MAX: usize = 10_000;

/// Keys of `extra_data` that the history does not keep.
const SENSITIVE: [&str; 2] = ["auth_token_comfy_org", "api_key_comfy_org"];

/// One entry, as the text of its JSON: ten thousand of them are kept, and hardly one is read.
#[derive(Debug)]
pub(crate) struct Record {
    id: String,
    entry: Box<str>,
}

impl Record {
    pub(crate) fn new(
        mut item: Item,
        status: &'static str,
        messages: &[Value],
        outputs: &Map<String, Value>,
        meta: &Map<String, Value>,
    ) -> Self {
        if SENSITIVE.iter().any(|key| item.extra_data.contains_key(*key)) {
            Arc::make_mut(&mut item.extra_data).retain(|key, _| !SENSITIVE.contains(&key.as_str()));
        }
        let text = serde_json::to_string(&Entry {
            prompt: item.tuple(),
            outputs,
            status: Status { status_str: status, completed: status == "success", messages },
            meta,
        });
        // Its keys are strings, so it is always written.
        Self { id: item.id, entry: text.unwrap_or_default().into() }
    }
}

#[derive(Serialize)]
struct Entry<'e, T> {
    prompt: T,
    outputs: &'e Map<String, Value>,
    status: Status<'e>,
    meta: &'e Map<String, Value>,
}

#[derive(Serialize)]
struct Status<'e> {
    status_str: &'static str,
    completed: bool,
    messages: &'e [Value],
}

/// The entries in the order in which their ids first came.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: BTreeMap<u64, (String, Box<str>)>,
    places: HashMap<String, u64>,
    next: u64,
}

impl History {
    pub(crate) fn add(&mut self, record: Record) {
        if self.entries.len() > MAX
            && let Some((_, (id, _))) = self.entries.pop_first()
        {
            self.places.remove(&id);
        }
        let place = *self.places.entry(record.id.clone()).or_insert(self.next);
        self.next += 1;
        self.entries.insert(place, (record.id, record.entry));
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.places.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn delete(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            self.entries.remove(&place);
        }
    }

    /// `{id: entry}`, or `{}`.
    pub(crate) fn one(&self, id: &str) -> Value {
        let entry = self.places.get(id).and_then(|place| self.entries.get(place));
        entry.map_or_else(|| json!({}), |(_, entry)| json!({ id: read(entry) }))
    }

    /// A page: without offset the newest `max`. Zero and negative figures count as in the real server, which puts an
    /// entry out before it looks whether that was too many.
    pub(crate) fn page(&self, max: Option<i64>, offset: Option<i64>) -> Value {
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let mut from = offset.unwrap_or(-1);
        if let Some(max) = max.filter(|_| from < 0) {
            from = size(self.entries.len()).saturating_sub(max);
        }
        let mut out = Map::new();
        for (index, (id, entry)) in self.entries.values().enumerate() {
            if size(index) < from {
                continue;
            }
            out.insert(id.clone(), read(entry));
            if max.is_some_and(|max| size(out.len()) >= max) {
                break;
            }
        }
        Value::Object(out)
    }
}

/// The entry that was written by [`Record::new`].
fn read(entry: &str) -> Value {
    serde_json::from_str(entry).or_else(|_| loads(entry)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        let extra_data = json!({"api_key_comfy_org": "k", "client_id": "c"}).as_object().cloned().unwrap_or_default();
        let item = Item {
            number: Value::from(0),
            id: id.to_owned(),
            prompt: Arc::default(),
            extra_data: extra_data.into(),
            outputs: vec!["9".to_owned()],
        };
        Record::new(item, "error", &[], &Map::new(), &Map::new())
    }

    fn ids(page: &Value) -> Vec<&str> {
        page.as_object().map(|page| page.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    #[test]
    fn pages_are_cut_as_the_real_server_cuts_them() {
        let mut history = History::default();
        for id in ["a", "b", "c", "b"] {
            history.add(record(id));
        }
        for (max, offset, page) in [
            (None, None, vec!["a", "b", "c"]),
            (Some(2), None, vec!["b", "c"]),
            (Some(9), None, vec!["a", "b", "c"]),
            (Some(1), Some(1), vec!["b"]),
            (None, Some(2), vec!["c"]),
            (Some(0), None, vec![]),
            (Some(0), Some(0), vec!["a"]),
            (Some(-1), None, vec![]),
            (Some(i64::MIN), None, vec![]),
        ] {
            assert_eq!(ids(&history.page(max, offset)), page, "max {max:?} offset {offset:?}");
        }
    }

    #[test]
    fn entries_keep_no_keys_and_the_oldest_goes_first() {
        let mut history = History::default();
        for n in 0..=MAX + 1 {
            history.add(record(&n.to_string()));
        }
        assert_eq!(history.one("0"), json!({}));
        let entry = &history.one("1")["1"];
        assert_eq!(entry["prompt"], json!([0, "1", {}, {"client_id": "c"}, ["9"]]));
        assert_eq!(entry["status"], json!({"status_str": "error", "completed": false, "messages": []}));
        assert_eq!(history.page(None, None).as_object().map(Map::len), Some(MAX + 1));
    }
}
