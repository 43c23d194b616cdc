//! The sockets by client id, and the one way to them.
//!
//! Every socket has a queue of [`QUEUE`] bytes of its own, so that a reader that stops cannot hold up another; the
//! real server sends to one after the other. A socket whose queue is full is closed, since a gap would go unnoticed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::events::{Audience, Event};

/// How many bytes may wait for one socket: all messages of ten thousand small prompts, or a thousand previews.
pub(crate) const QUEUE: usize = 64 << 20;

/// The way to one socket.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    sender: UnboundedSender<Message>,
    /// The bytes that wait.
    waiting: Arc<AtomicUsize>,
    full: CancellationToken,
}

/// What waits for one socket.
#[derive(Debug)]
pub(crate) struct Letters {
    receiver: UnboundedReceiver<Message>,
    waiting: Arc<AtomicUsize>,
}

impl Letters {
    /// The next message, once there is one.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let message = self.receiver.recv().await?;
        Some(self.taken(message))
    }

    /// The next message, if there is one.
    pub(crate) fn now(&mut self) -> Option<Message> {
        let message = self.receiver.try_recv().ok()?;
        Some(self.taken(message))
    }

    fn taken(&self, message: Message) -> Message {
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        message
    }
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Letters) {
        let (sender, receiver) = unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        (Self { sender, waiting: waiting.clone(), full: CancellationToken::new() }, Letters { receiver, waiting })
    }

    /// A message for this socket alone.
    pub(crate) fn put(&self, event: &Event) {
        self.push(text(event));
    }

    fn push(&self, message: Message) {
        let waiting = self.waiting.fetch_add(message.len(), Ordering::Relaxed) + message.len();
        if waiting > QUEUE || self.sender.send(message).is_err() {
            self.full.cancel();
        }
    }

    /// Ends once a message found no room.
    pub(crate) async fn full(&self) {
        self.full.cancelled().await;
    }
}

fn text(event: &Event) -> Message {
    Message::text(event.text())
}

/// What is known under one client id.
#[derive(Debug)]
struct Member {
    mailbox: Mailbox,
    /// Whether its first message asked for previews with metadata.
    metadata: bool,
}

/// The sockets of one server.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    sockets: Mutex<HashMap<String, Member>>,
}

impl Hub {
    /// Maps a client id to its socket. An older socket of that id stays open, and gets nothing from now on.
    pub(crate) fn join(&self, sid: &str, mailbox: Mailbox) {
        self.lock().insert(sid.to_owned(), Member { mailbox, metadata: false });
    }

    /// Forgets a client id, as the real server does when *any* socket that came with it ends, even if a newer socket
    /// has taken its place: that one then never gets another message (ComfyUI issue 16010).
    pub(crate) fn leave(&self, sid: &str) {
        self.lock().remove(sid);
    }

    pub(crate) fn is_connected(&self, sid: &str) -> bool {
        self.lock().contains_key(sid)
    }

    /// Notes what the client of that id said it can read. It counts for the id, whichever of its sockets said it.
    pub(crate) fn agree(&self, sid: &str, metadata: bool) {
        if let Some(member) = self.lock().get_mut(sid) {
            member.metadata = metadata;
        }
    }

    /// Whether this audience gets previews with metadata: one client that asked for them, never everyone.
    pub(crate) fn takes_metadata(&self, to: &Audience) -> bool {
        match to {
            Audience::All => false,
            Audience::Client(sid) => self.lock().get(sid).is_some_and(|member| member.metadata),
        }
    }

    /// Sends a message, which is made and written out once, and only if there is anybody to send it to.
    pub(crate) fn send(&self, to: &Audience, event: impl FnOnce() -> Event) {
        self.spread(to, || text(&event()));
    }

    /// Sends a binary message, made in the same way.
    pub(crate) fn send_bytes(&self, to: &Audience, bytes: impl FnOnce() -> Bytes) {
        self.spread(to, || Message::Binary(bytes()));
    }

    fn spread(&self, to: &Audience, message: impl FnOnce() -> Message) {
        let sockets = self.lock();
        match to {
            Audience::All if sockets.is_empty() => {}
            Audience::All => {
                let message = message();
                sockets.values().for_each(|member| member.mailbox.push(message.clone()));
            }
            Audience::Client(sid) => {
                if let Some(member) = sockets.get(sid) {
                    member.mailbox.push(message());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Member>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_stops_reading_is_told_to_close_and_holds_up_nobody() {
        let hub = Hub::default();
        let (slow, _unread) = Mailbox::new();
        let (quick, mut reader) = Mailbox::new();
        hub.join("slow", slow.clone());
        hub.join("quick", quick.clone());
        let megabyte = Bytes::from(vec![0; 1 << 20]);
        for sent in 0..=QUEUE >> 20 {
            assert_eq!(slow.full.is_cancelled(), sent > QUEUE >> 20);
            hub.send_bytes(&Audience::All, || megabyte.clone());
            assert!(reader.next().await.is_some());
        }
        assert!(slow.full.is_cancelled());
        assert!(!quick.full.is_cancelled());
    }

    #[tokio::test]
    async fn the_end_of_an_old_socket_silences_the_new_one_of_that_id() {
        let hub = Hub::default();
        let (old, _old_reader) = Mailbox::new();
        let (new, mut reader) = Mailbox::new();
        let to = Audience::Client("c".to_owned());
        hub.join("c", old);
        hub.join("c", new);
        hub.send(&to, || Event::FeatureFlags);
        assert!(reader.now().is_some());
        hub.leave("c");
        hub.send(&to, || Event::FeatureFlags);
        assert!(reader.now().is_none());
    }

    #[test]
    fn metadata_goes_to_a_client_that_asked_and_never_to_everyone() {
        let hub = Hub::default();
        let client = Audience::Client("c".to_owned());
        hub.agree("c", true);
        assert!(!hub.takes_metadata(&client), "nobody is there");
        hub.join("c", Mailbox::new().0);
        hub.agree("c", true);
        assert!(hub.takes_metadata(&client) && !hub.takes_metadata(&Audience::All));
        hub.join("c", Mailbox::new().0);
        assert!(!hub.takes_metadata(&client), "every socket asks anew");
    }
}
