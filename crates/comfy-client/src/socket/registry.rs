//! Who waits for which prompt, and whose message is whose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::mailbox::{Mailbox, Rank};
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
}

struct Inner {
    client_id: String,
    dialled: bool,
    up: bool,
    /// The prompt of ours that runs, for messages that name none.
    current: Option<String>,
    prompts: HashMap<String, Arc<Mailbox<Notice>>>,
}

impl Registry {
    pub(super) fn new(client_id: String) -> Self {
        let inner = Inner { client_id, dialled: false, up: false, current: None, prompts: HashMap::new() };
        Self { inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to keep what comes for this prompt.
    pub(crate) fn subscribe(self: &Arc<Self>, prompt_id: &str) -> Subscription {
        let inbox = Arc::new(Mailbox::new());
        self.lock().prompts.insert(prompt_id.to_owned(), inbox.clone());
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
        for inbox in inner.prompts.values() {
            inbox.push(Rank::Kept, Notice::Link(up));
        }
    }

    /// Notes that this client wants the prompt out of the queue.
    pub(crate) fn cancel_asked(&self, prompt_id: &str) {
        if let Some(inbox) = self.lock().prompts.get(prompt_id) {
            inbox.push(Rank::Kept, Notice::CancelAsked);
        }
    }

    /// Hands a message to whom it concerns; never waits.
    pub(super) fn route(&self, message: Message) {
        let mut inner = self.lock();
        if let Message::Status { .. } = message {
            for inbox in inner.prompts.values() {
                inbox.push(Rank::Passing, Notice::Message(message.clone()));
            }
            return;
        }
        let named = message.prompt_id().map(str::to_owned);
        match (&message, &named) {
            (Message::Executing { node: None, .. }, Some(id)) if inner.current.as_ref() == Some(id) => {
                inner.current = None;
            }
            (Message::ExecutionStart { .. } | Message::Executing { node: Some(_), .. }, Some(id)) => {
                inner.current = Some(id.clone());
            }
            _ => {}
        }
        let Some(inbox) = named.or_else(|| inner.current.clone()).and_then(|id| inner.prompts.get(&id)) else {
            tracing::trace!(?message, "a message for nobody here");
            return;
        };
        inbox.push(rank(&message), Notice::Message(message));
    }
}

fn rank(message: &Message) -> Rank {
    match message {
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
    inbox: Arc<Mailbox<Notice>>,
}

impl Subscription {
    /// Forgets what came before the prompt was sent, and says whether the connection is there at this moment.
    pub(crate) fn begin(&self) -> bool {
        let inner = self.registry.lock();
        self.inbox.clear();
        inner.up
    }

    /// The server gave the prompt another id than ours.
    pub(crate) fn rename(&mut self, prompt_id: &str) {
        let mut inner = self.registry.lock();
        inner.prompts.remove(&self.prompt_id);
        inner.prompts.insert(prompt_id.to_owned(), self.inbox.clone());
        prompt_id.clone_into(&mut self.prompt_id);
    }

    pub(crate) async fn next(&self) -> Option<Notice> {
        self.inbox.next().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.registry.lock().prompts.remove(&self.prompt_id);
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
        subscription.inbox.close();
        let mut all = Vec::new();
        while let Some(notice) = subscription.next().await {
            all.push(notice);
        }
        all
    }

    #[tokio::test]
    async fn each_prompt_gets_its_own_messages_and_everybody_the_status() {
        let registry = registry();
        let (one, two) = (registry.subscribe("one"), registry.subscribe("two"));
        let start = decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "one"}}"#);
        let foreign = decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "foreign"}}"#);
        let status = decode_text(r#"{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 1}}}}"#);
        for message in [&start, &foreign, &status] {
            registry.route(message.clone());
        }
        assert_eq!(drain(&one).await, [Notice::Message(start), Notice::Message(status.clone())]);
        assert_eq!(drain(&two).await, [Notice::Message(status)]);
    }

    #[tokio::test]
    async fn a_preview_without_a_name_belongs_to_the_prompt_of_ours_that_runs() {
        let registry = registry();
        let one = registry.subscribe("one");
        let preview = decode_binary(&Bytes::from_static(b"\0\0\0\x01\0\0\0\x01pixels"));
        registry.route(preview.clone());
        registry.route(decode_text(r#"{"type": "executing", "data": {"prompt_id": "one", "node": "3"}}"#));
        registry.route(preview.clone());
        registry.route(decode_text(r#"{"type": "executing", "data": {"prompt_id": "one", "node": null}}"#));
        registry.route(preview.clone());
        let got = drain(&one).await;
        assert_eq!(got.iter().filter(|notice| **notice == Notice::Message(preview.clone())).count(), 1);
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn the_id_changes_between_connections_only_while_nothing_is_under_way() {
        let registry = registry();
        assert_eq!(registry.id_to_dial("a".into()), "first");
        assert_eq!(registry.id_to_dial("b".into()), "b");
        let mut under_way = registry.subscribe("one");
        assert_eq!(registry.id_to_dial("c".into()), "b");
        under_way.rename("other");
        assert!(!registry.is_idle());
        drop(under_way);
        assert!(registry.is_idle());
        assert_eq!(registry.id_to_dial("d".into()), "d");
    }
}
