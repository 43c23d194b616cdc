//! Who waits for which prompt, and whose message is whose.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::mailbox::{Mailbox, Rank};
use crate::transport::Pulse;
use crate::wire::Message;

/// What the one who waits for a prompt is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Notice {
    /// A message about the prompt, or about the queue as a whole.
    Message(Message),
    /// The connection is there, or lost.
    Link(bool),
    /// This client asked the server to take the prompt out of the queue.
    CancelAsked,
}

pub(crate) struct Registry {
    inner: Mutex<Inner>,
    pulse: Pulse,
}

struct Inner {
    client_id: String,
    dialled: bool,
    up: bool,
    /// The prompt of ours that runs, and its node, for messages that name none.
    current: Option<(String, Option<String>)>,
    prompts: HashMap<String, Vec<Inbox>>,
}

/// Where one who waits gets what is his.
#[derive(Clone)]
struct Inbox {
    mailbox: Arc<Mailbox<Notice>>,
    /// The nodes whose pictures are results: they are not dropped.
    wanted: Arc<HashSet<String>>,
}

impl Registry {
    pub(super) fn new(client_id: String) -> Self {
        let inner = Inner { client_id, dialled: false, up: false, current: None, prompts: HashMap::new() };
        Self { inner: Mutex::new(inner), pulse: Pulse::new() }
    }

    /// Of the connection on which messages come.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to keep what comes for this prompt; the pictures of the `wanted` nodes are results.
    pub(crate) fn subscribe(self: &Arc<Self>, prompt_id: &str, wanted: HashSet<String>) -> Subscription {
        let inbox = Inbox { mailbox: Arc::new(Mailbox::new()), wanted: Arc::new(wanted) };
        self.lock().prompts.entry(prompt_id.to_owned()).or_default().push(inbox.clone());
        Subscription { registry: self.clone(), prompt_id: prompt_id.to_owned(), inbox }
    }

    /// The id under which prompts are submitted, so that their events come here.
    pub(crate) fn client_id(&self) -> String {
        self.lock().client_id.clone()
    }

    /// The id for the next connection. While prompts are under way it must stay: their events go to it. Otherwise a
    /// fresh one is the surest way around a server that forgets the newer of two connections of one id.
    pub(super) fn id_to_dial(&self, fresh: String) -> String {
        let mut inner = self.lock();
        if inner.dialled && inner.prompts.is_empty() {
            inner.client_id = fresh;
        }
        inner.dialled = true;
        inner.client_id.clone()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lock().prompts.is_empty()
    }

    /// Tells everybody that the connection came or went.
    pub(super) fn link(&self, up: bool) {
        let mut inner = self.lock();
        inner.up = up;
        if !up {
            inner.current = None;
        }
        for inbox in inner.prompts.values().flatten() {
            inbox.mailbox.push(Rank::Kept, Notice::Link(up));
        }
    }

    /// Notes that this client wants the prompt out of the queue.
    pub(crate) fn cancel_asked(&self, prompt_id: &str) {
        for inbox in self.lock().prompts.get(prompt_id).into_iter().flatten() {
            inbox.mailbox.push(Rank::Kept, Notice::CancelAsked);
        }
    }

    /// Hands a message to whom it concerns; never waits.
    pub(super) fn route(&self, mut message: Message) {
        let mut inner = self.lock();
        if let Message::Status { queue_remaining, .. } = message {
            // That the queue is empty concerns everybody who is thought to be in it; how long it is, nobody.
            if queue_remaining != Some(0) {
                return;
            }
            for inbox in inner.prompts.values().flatten() {
                inbox.mailbox.push(Rank::Passing, Notice::Message(message.clone()));
            }
            return;
        }
        let named = message.prompt_id().map(str::to_owned);
        match (&message, &named) {
            (Message::Executing { node: None, .. }, Some(id)) if inner.runs(id) => inner.current = None,
            (Message::ExecutionStart { .. }, Some(id)) => inner.current = Some((id.clone(), None)),
            (Message::Executing { node: node @ Some(_), .. }, Some(id)) => inner.current = Some((id.clone(), node.clone())),
            _ => {}
        }
        if let (Message::Preview(preview), Some((_, node))) = (&mut message, &inner.current)
            && preview.node.is_none()
        {
            preview.node.clone_from(node);
        }
        let concerned = named.as_ref().or(inner.current.as_ref().map(|(id, _)| id)).and_then(|id| inner.prompts.get(id));
        let Some([others @ .., last]) = concerned.map(Vec::as_slice) else {
            tracing::trace!(?message, "a message for nobody here");
            return;
        };
        for inbox in others {
            inbox.mailbox.push(rank(&message, &inbox.wanted), Notice::Message(message.clone()));
        }
        last.mailbox.push(rank(&message, &last.wanted), Notice::Message(message));
    }
}

impl Inner {
    fn leave(&mut self, prompt_id: &str, inbox: &Inbox) {
        if let Some(inboxes) = self.prompts.get_mut(prompt_id) {
            inboxes.retain(|other| !Arc::ptr_eq(&other.mailbox, &inbox.mailbox));
            if inboxes.is_empty() {
                self.prompts.remove(prompt_id);
            }
        }
    }

    fn runs(&self, prompt_id: &str) -> bool {
        self.current.as_ref().is_some_and(|(id, _)| id == prompt_id)
    }
}

fn rank(message: &Message, wanted: &HashSet<String>) -> Rank {
    match message {
        Message::Preview(preview) if preview.node.as_ref().is_some_and(|node| wanted.contains(node)) => Rank::Kept,
        Message::Preview(preview) => Rank::Picture(preview.image.len()),
        Message::Progress { .. } | Message::ProgressState { .. } | Message::NodeText { .. } | Message::OtherText { .. } => {
            Rank::Passing
        }
        _ => Rank::Kept,
    }
}

/// What comes for one prompt, until this is dropped.
pub(crate) struct Subscription {
    registry: Arc<Registry>,
    prompt_id: String,
    inbox: Inbox,
}

impl Subscription {
    /// Forgets what came before the prompt was sent, and says whether the connection is there at this moment.
    pub(crate) fn begin(&self) -> bool {
        let inner = self.registry.lock();
        self.inbox.mailbox.clear();
        inner.up
    }

    /// The server gave the prompt another id than ours.
    pub(crate) fn rename(&mut self, prompt_id: &str) {
        let mut inner = self.registry.lock();
        inner.leave(&self.prompt_id, &self.inbox);
        inner.prompts.entry(prompt_id.to_owned()).or_default().push(self.inbox.clone());
        prompt_id.clone_into(&mut self.prompt_id);
    }

    pub(crate) fn prompt_id(&self) -> &str {
        &self.prompt_id
    }

    pub(crate) fn wanted(&self) -> Arc<HashSet<String>> {
        self.inbox.wanted.clone()
    }

    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.inbox.mailbox.poll_next(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.registry.lock().leave(&self.prompt_id, &self.inbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode_binary, decode_text};
    use bytes::Bytes;

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new("first".into()))
    }

    async fn drain(subscription: &Subscription) -> Vec<Notice> {
        subscription.inbox.mailbox.close();
        let mut all = Vec::new();
        while let Some(notice) = subscription.inbox.mailbox.next().await {
            all.push(notice);
        }
        all
    }

    #[tokio::test]
    async fn each_prompt_gets_its_own_messages_and_everybody_that_the_queue_is_empty() {
        let registry = registry();
        let (one, two) = (registry.subscribe("one", HashSet::new()), registry.subscribe("two", HashSet::new()));
        let start = decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "one"}}"#);
        let foreign = decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "foreign"}}"#);
        let status = |remaining: u8| {
            decode_text(&format!(
                r#"{{"type": "status", "data": {{"status": {{"exec_info": {{"queue_remaining": {remaining}}}}}}}}}"#
            ))
        };
        let (busy, status) = (status(1), status(0));
        for message in [&start, &foreign, &busy, &status] {
            registry.route(message.clone());
        }
        assert_eq!(drain(&one).await, [Notice::Message(start), Notice::Message(status.clone())]);
        assert_eq!(drain(&two).await, [Notice::Message(status)]);
    }

    #[tokio::test]
    async fn a_preview_without_a_name_belongs_to_the_prompt_of_ours_that_runs() {
        let registry = registry();
        let one = registry.subscribe("one", HashSet::new());
        let preview = decode_binary(&Bytes::from_static(b"\0\0\0\x01\0\0\0\x01pixels"));
        registry.route(preview.clone());
        registry.route(decode_text(r#"{"type": "executing", "data": {"prompt_id": "one", "node": "3"}}"#));
        registry.route(preview.clone());
        registry.route(decode_text(r#"{"type": "executing", "data": {"prompt_id": "one", "node": null}}"#));
        registry.route(preview.clone());
        let got = drain(&one).await;
        let previews = got.iter().filter_map(|notice| match notice {
            Notice::Message(Message::Preview(preview)) => Some(preview.node.as_deref()),
            _ => None,
        });
        assert_eq!(previews.collect::<Vec<_>>(), [Some("3")]);
        assert_eq!(got.len(), 3);
    }

    #[tokio::test]
    async fn a_result_is_not_dropped_and_two_may_follow_one_prompt() {
        let registry = registry();
        let one = registry.subscribe("one", HashSet::from(["3".to_owned()]));
        let other = registry.subscribe("one", HashSet::new());
        registry.route(decode_text(r#"{"type": "executing", "data": {"prompt_id": "one", "node": "3"}}"#));
        for _ in 0..2_000 {
            registry.route(decode_binary(&Bytes::from_static(b"\0\0\0\x01\0\0\0\x02pixels")));
        }
        let dropped = drain(&other).await.len();
        assert!(dropped < 2_000, "previews are dropped: {dropped}");
        drop(other);
        assert_eq!(drain(&one).await.len(), 2_001);
    }

    #[test]
    fn the_id_changes_between_connections_only_while_nothing_is_under_way() {
        let registry = registry();
        assert_eq!(registry.id_to_dial("a".into()), "first");
        assert_eq!(registry.id_to_dial("b".into()), "b");
        let mut under_way = registry.subscribe("one", HashSet::new());
        assert_eq!(registry.id_to_dial("c".into()), "b");
        under_way.rename("other");
        assert!(!registry.is_idle());
        drop(under_way);
        assert!(registry.is_idle());
        assert_eq!(registry.id_to_dial("d".into()), "d");
    }
}
