//! The queue: who waits, who runs, and taking one's own out again.

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::judge::not_comfy;
use crate::request::Request;

/// What waits and what runs, of everybody.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// let queue = client.queue().await?;
/// println!("{} run, {} wait", queue.running.len(), queue.pending.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Queue {
    /// What runs now.
    pub running: Vec<QueueItem>,
    /// What waits, in the order in which it will run.
    pub pending: Vec<QueueItem>,
}

/// One prompt in the queue. What came with it beside the workflow (`extra_data`) is not kept: it may hold other
/// people's keys.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// for item in client.queue().await?.pending {
///     println!("{}: {} nodes", item.prompt_id, item.workflow.as_object().map_or(0, |nodes| nodes.len()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QueueItem {
    /// Its priority: lower runs first; may be negative or broken.
    pub number: f64,
    /// Its id.
    pub prompt_id: String,
    /// Its workflow, in API format.
    pub workflow: Value,
}

/// Where a prompt stands in the queue.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
/// use comfy_client::Place;
///
/// match client.queue().await?.place(prompt_id) {
///     Place::Pending { position } => println!("waits behind {position}"),
///     Place::Running => println!("runs"),
///     _ => println!("has ended, or never was"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// It runs.
    Running,
    /// It waits.
    Pending {
        /// How many wait before it.
        position: usize,
    },
    /// It is not in the queue.
    Absent,
}

impl Queue {
    /// Where this prompt stands.
    ///
    /// ```
    /// use comfy_client::{Place, Queue};
    ///
    /// let answer = serde_json::json!({"queue_running": [], "queue_pending": [[1, "b", {}, {}, []], [0, "a", {}, {}, []]]});
    /// assert_eq!(Queue::read(&answer).unwrap().place("b"), Place::Pending { position: 1 });
    /// ```
    #[must_use]
    pub fn place(&self, prompt_id: &str) -> Place {
        if self.running.iter().any(|item| item.prompt_id == prompt_id) {
            return Place::Running;
        }
        match self.pending.iter().position(|item| item.prompt_id == prompt_id) {
            Some(position) => Place::Pending { position },
            None => Place::Absent,
        }
    }

    /// Reads the body of `GET /queue`; none for what has not its two lists. An item of an odd shape is left out.
    ///
    /// ```
    /// let answer = serde_json::json!({"queue_running": [], "queue_pending": [[-7.5, "p", {}, {}, ["9"]]]});
    /// assert_eq!(comfy_client::Queue::read(&answer).unwrap().pending[0].number, -7.5);
    /// ```
    #[must_use]
    pub fn read(answer: &Value) -> Option<Self> {
        let items = |key| Some(answer.get(key)?.as_array()?.iter().filter_map(item).collect::<Vec<_>>());
        let mut queue = Self { running: items("queue_running")?, pending: items("queue_pending")? };
        // The server sends a heap; the order in which it runs is that of the numbers.
        queue.pending.sort_by(|one, other| one.number.total_cmp(&other.number));
        Some(queue)
    }
}

/// A tuple of five, in newer servers of six.
fn item(raw: &Value) -> Option<QueueItem> {
    Some(QueueItem {
        number: raw.get(0).and_then(Value::as_f64).unwrap_or_default(),
        prompt_id: raw.get(1)?.as_str()?.to_owned(),
        workflow: raw.get(2).cloned().unwrap_or_default(),
    })
}

impl Client {
    /// What waits and what runs (`GET /queue`).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
    /// let queue = client.queue().await?;
    /// println!("{:?}, behind {}", queue.place(prompt_id), queue.running.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn queue(&self) -> Result<Queue, Error> {
        let answer = self.transport().json(&Request::get("/queue")).await?;
        Queue::read(&answer).ok_or_else(|| not_comfy(self.url(), "does not show its queue").with_status(200))
    }

    /// Takes prompts out of the queue that still wait; those that run, and unknown ones, are left alone.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// client.delete_queued(["0b5b1f7e-8b5e-4c3a-9d56-0123456789ab"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn delete_queued<I>(&self, ids: I) -> Result<(), Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for id in self.delete("/queue", ids).await? {
            self.socket().registry().cancel_asked(&id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::json_value;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn pending_is_put_in_the_order_in_which_it_runs() {
        let queue = Queue::read(&json!({
            "queue_running": [[15, "r", {"1": {}}, {"api_key_comfy_org": "hunter2"}, ["9"]]],
            "queue_pending": [[7.5, "c", {}, {}, []], [-17, "a", {}, {}, [], {"secret": 1}], [3, "b", {}, {}, []], ["odd"]],
        }))
        .unwrap();
        assert_eq!(queue.pending.iter().map(|item| item.prompt_id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(queue.place("r"), Place::Running);
        assert_eq!(queue.place("c"), Place::Pending { position: 2 });
        assert_eq!(queue.place("x"), Place::Absent);
        assert!(!format!("{queue:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn tuples_of_five_and_six_are_read_whatever_stands_in_them(
            items in vec((any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()), "[a-z0-9:-]{1,9}", json_value(), any::<bool>()), 0..6),
        ) {
            let tuples: Vec<Value> = items
                .iter()
                .map(|(number, id, odd, six)| {
                    let mut tuple = vec![json!(number), json!(id), odd.clone(), odd.clone(), odd.clone()];
                    tuple.extend(six.then(|| json!({"api_key": "hunter2"})));
                    tuple.into()
                })
                .collect();
            let queue = Queue::read(&json!({"queue_running": [], "queue_pending": tuples})).unwrap();
            prop_assert_eq!(queue.pending.len(), items.len());
            prop_assert!(queue.pending.is_sorted_by(|one, other| one.number.total_cmp(&other.number).is_le()));
            for (number, id, odd, _) in &items {
                let found = queue.pending.iter().any(|item| item.number == *number && item.prompt_id == *id && item.workflow == *odd);
                prop_assert!(found);
                prop_assert!(queue.place(id) != Place::Absent);
            }
            let shown = format!("{queue:?}");
            prop_assert!(!shown.contains("hunter2"));
        }

        #[test]
        fn no_answer_makes_it_fail(running in json_value(), pending in json_value()) {
            let read = Queue::read(&json!({"queue_running": running, "queue_pending": pending}));
            prop_assert_eq!(read.is_some(), running.is_array() && pending.is_array());
        }
    }

    #[test]
    fn something_else_is_not_a_queue() {
        for answer in [json!({}), json!([]), json!({"queue_running": []}), json!({"queue_running": 1, "queue_pending": []})] {
            assert!(Queue::read(&answer).is_none(), "{answer}");
        }
    }
}
