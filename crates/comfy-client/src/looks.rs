//! Looks at the server that many prompts share: what a hundred of them want to know is asked once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::error::Error;
use crate::history::HistoryEntry;
use crate::queue::Place;
use crate::request::Request;
use crate::transport::Transport;

/// So long the answer to one is good enough for another.
const FRESH: Duration = Duration::from_millis(100);
/// The same where the answer takes its time: the server is not kept busy with showing its queue.
const FRESH_AT_MOST: Duration = Duration::from_secs(1);
/// How many prompts read their history at once.
const HISTORIES: usize = 8;

/// How long a look at a history gives way to the files that callers wait for.
const GIVE_WAY: Duration = Duration::from_millis(5);

pub(crate) struct Looks {
    last: Mutex<Option<Look>>,
    histories: Semaphore,
    /// How many files are on their way to callers.
    files: watch::Sender<usize>,
}

/// A file on its way to a caller, as long as this is held.
pub(crate) struct Coming<'a>(&'a watch::Sender<usize>);

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|files| *files -= 1);
    }
}

/// A look at the queue, under way or over.
#[derive(Clone)]
struct Look {
    begun: Instant,
    seen: watch::Receiver<Option<Seen>>,
}

struct Seen {
    fresh_until: Instant,
    places: Result<Arc<Places>, Error>,
}

impl Default for Looks {
    fn default() -> Self {
        Self { last: Mutex::new(None), histories: Semaphore::new(HISTORIES), files: watch::Sender::new(0) }
    }
}

impl Looks {
    /// Lets a file go before what the client asks by itself.
    pub(crate) fn file(&self) -> Coming<'_> {
        self.files.send_modify(|files| *files += 1);
        Coming(&self.files)
    }

    /// Whoever was told of a file just now has it soon.
    async fn give_way(&self) {
        if *self.files.borrow() > 0 {
            let _ = timeout(GIVE_WAY, self.files.subscribe().wait_for(|files| *files == 0)).await;
        }
    }

    fn one(&self, transport: &Transport, since: Instant, limit: Duration) -> Look {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(look) if look.serves(since) => look.clone(),
            _ => last.insert(Look::begin(transport.clone(), limit)).clone(),
        }
    }
}

impl Look {
    /// Begins one, in a task: those who wait for it do not depend on whether another of them goes on.
    fn begin(transport: Transport, limit: Duration) -> Self {
        let (begun, (report, seen)) = (Instant::now(), watch::channel(None));
        tokio::spawn(async move {
            let places = match timeout(limit, transport.json_as(&Request::get("/queue"))).await {
                Ok(answer) => answer.map(Arc::new),
                Err(_) => Err(Error::out_of_time(transport.base(), limit)),
            };
            let now = Instant::now();
            let fresh_until = now + ((now - begun) * 10).clamp(FRESH, FRESH_AT_MOST);
            report.send_replace(Some(Seen { fresh_until, places }));
        });
        Self { begun, seen }
    }

    /// Whether one who wants to know what was there after `since` waits for this one, or takes its answer.
    fn serves(&self, since: Instant) -> bool {
        match &*self.seen.borrow() {
            Some(seen) => self.begun >= since && Instant::now() < seen.fresh_until,
            // One that began too early is waited for too: they do not pile up. One whose runtime is gone never ends.
            None => self.seen.has_changed().is_ok(),
        }
    }
}

/// Where the prompts stand, by their ids.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Places {
    places: HashMap<String, Place>,
    pub(crate) nothing_runs: bool,
}

impl Places {
    pub(crate) fn of(&self, prompt_id: &str) -> Place {
        self.places.get(prompt_id).copied().unwrap_or(Place::Absent)
    }
}

impl Client {
    /// The queue as it was seen by a look that began after `since`, and not long ago. A look that must be made for it takes no
    /// longer than `limit`.
    pub(crate) async fn places(&self, since: Instant, limit: Duration) -> Result<Arc<Places>, Error> {
        loop {
            let mut look = self.looks().one(self.transport(), since, limit);
            if let Ok(seen) = look.seen.wait_for(Option::is_some).await
                && let Some(seen) = &*seen
                && look.begun >= since
            {
                return seen.places.clone();
            }
        }
    }

    /// As [`Client::history`], within `limit` and a few at a time; for tasks, which go on whoever waits.
    pub(crate) async fn ended(&self, prompt_id: &str, limit: Duration) -> Result<Option<HistoryEntry>, Error> {
        self.looks().give_way().await;
        // The semaphore is never closed; without a permit it would only be asked sooner.
        let _permit = self.looks().histories.acquire().await.ok();
        timeout(limit, self.history(prompt_id)).await.unwrap_or_else(|_| Err(Error::out_of_time(self.url(), limit)))
    }
}

impl<'de> Deserialize<'de> for Places {
    /// Numbers and ids alone: the workflows of everybody, which come along, are passed over.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Answer {
            queue_running: Vec<Item>,
            queue_pending: Vec<Item>,
        }
        let answer = Answer::deserialize(deserializer)?;
        let mut pending: Vec<_> = answer.queue_pending.into_iter().filter_map(|item| item.0).collect();
        pending.sort_by(|one, other| one.0.total_cmp(&other.0));
        let nothing_runs = answer.queue_running.iter().all(|item| item.0.is_none());
        let running = answer.queue_running.into_iter().filter_map(|item| Some((item.0?.1, Place::Running)));
        let pending = pending.into_iter().enumerate().map(|(position, (_, id))| (id, Place::Pending { position }));
        let mut places = HashMap::new();
        for (id, place) in running.chain(pending) {
            places.entry(id).or_insert(place);
        }
        Ok(Self { places, nothing_runs })
    }
}

/// Number and id of a tuple; none for an item of another shape.
struct Item(Option<(f64, String)>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a tuple of the queue")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tuple: A) -> Result<Item, A::Error> {
        let (number, id) = (tuple.next_element::<serde_json::Value>()?, tuple.next_element::<serde_json::Value>()?);
        while tuple.next_element::<IgnoredAny>()?.is_some() {}
        let number = number.and_then(|number| number.as_f64()).unwrap_or_default();
        Ok(Item(id.and_then(|id| id.as_str().map(|id| (number, id.to_owned())))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Item(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Item, E> {
        Ok(Item(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Item, E> {
        Ok(Item(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Item, E> {
        Ok(Item(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Item, E> {
        Ok(Item(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Item, E> {
        Ok(Item(None))
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item(None))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::json::tests::json_value;
    use crate::queue::Queue;

    proptest! {
        /// What is read of it here is what the whole reading finds.
        #[test]
        fn the_places_are_those_of_the_whole_queue(
            tuples in vec((any::<i8>(), "[a-c]", json_value()), 0..6), odd in vec(json_value(), 0..4), runs in any::<bool>(),
        ) {
            let mut pending: Vec<_> = tuples.iter().map(|(number, id, odd)| json!([number, id, odd, odd, []])).collect();
            pending.extend(odd.clone());
            let running = if runs { vec![json!([1, "r", odd.clone()])] } else { odd };
            let text = json!({"queue_running": running, "queue_pending": pending}).to_string();
            let whole = Queue::read(&serde_json::from_str(&text).unwrap()).unwrap();
            let places: Places = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(places.nothing_runs, whole.running.is_empty());
            for id in ["a", "b", "c", "r", "x"] {
                prop_assert_eq!(places.of(id), whole.place(id));
            }
        }
    }

    #[test]
    fn something_else_is_no_queue() {
        for text in ["{}", "[]", r#"{"queue_running": []}"#, r#"{"queue_running": 1, "queue_pending": []}"#] {
            assert!(serde_json::from_str::<Places>(text).is_err(), "{text}");
        }
    }
}
