//! The sockets by client id, and the one way to them.
//!
//! Every socket has a queue of [`QUEUE`] messages of its own, so that a reader that stops cannot hold up another; the
//! real server sends to one after the other. A socket whose queue is full is closed, since a gap would go unnoticed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::events::{Audience, Event};
use crate::py::json::dumps;

/// How many messages may wait for one socket.
pub(crate) const QUEUE: usize = 1024;

/// The way to one socket.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    sender: Sender<Utf8Bytes>,
    full: CancellationToken,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Receiver<Utf8Bytes>) {
        let (sender, receiver) = channel(QUEUE);
        (Self { sender, full: CancellationToken::new() }, receiver)
    }

    /// A message for this socket alone.
    pub(crate) fn put(&self, event: &Event) {
        self.put_text(text(event));
    }

    fn put_text(&self, text: Utf8Bytes) {
        if self.sender.try_send(text).is_err() {
            self.full.cancel();
        }
    }

    /// Ends once a message found no room.
    pub(crate) async fn full(&self) {
        self.full.cancelled().await;
    }
}

fn text(event: &Event) -> Utf8Bytes {
    Utf8Bytes::from(dumps(&event.to_json()))
}

/// The sockets of one server.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    sockets: Mutex<HashMap<String, Mailbox>>,
}

impl Hub {
    /// Maps a client id to its socket. An older socket of that id stays open, and gets nothing from now on.
    pub(crate) fn join(&self, sid: &str, mailbox: Mailbox) {
        self.lock().insert(sid.to_owned(), mailbox);
    }

    /// Forgets a client id, as the real server does when *any* socket that came with it ends, even if a newer socket
    /// has taken its place: that one then never gets another message (ComfyUI issue 16010).
    pub(crate) fn leave(&self, sid: &str) {
        self.lock().remove(sid);
    }

    pub(crate) fn is_connected(&self, sid: &str) -> bool {
        self.lock().contains_key(sid)
    }

    pub(crate) fn send(&self, to: &Audience, event: &Event) {
        let text = text(event);
        let sockets = self.lock();
        match to {
            Audience::All => sockets.values().for_each(|mailbox| mailbox.put_text(text.clone())),
            Audience::Client(sid) => {
                if let Some(mailbox) = sockets.get(sid) {
                    mailbox.put_text(text);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Mailbox>> {
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
        for sent in 0..=QUEUE {
            hub.send(&Audience::All, &Event::Status { remaining: sent, sid: None });
            assert!(reader.recv().await.is_some());
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
        hub.send(&to, &Event::FeatureFlags);
        assert!(reader.try_recv().is_ok());
        hub.leave("c");
        hub.send(&to, &Event::FeatureFlags);
        assert!(reader.try_recv().is_err());
    }
}
