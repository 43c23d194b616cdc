//! Events to everybody who asked for them.

use std::sync::{Arc, Mutex, PoisonError};

use super::translate;
use crate::event::Event;
use crate::mailbox::Mailbox;

pub(super) struct Feed {
    inner: Mutex<Inner>,
}

struct Inner {
    boxes: Vec<Arc<Mailbox<Event>>>,
    /// Filled since the submission, for the first who asks.
    first: Option<Arc<Mailbox<Event>>>,
    closed: bool,
}

impl Feed {
    pub(super) fn new() -> Self {
        let first = Arc::new(Mailbox::new());
        Self { inner: Mutex::new(Inner { boxes: vec![first.clone()], first: Some(first), closed: false }) }
    }

    pub(super) fn push(&self, event: &Event) {
        for mailbox in &self.inner.lock().unwrap_or_else(PoisonError::into_inner).boxes {
            mailbox.push(translate::rank(event), event.clone());
        }
    }

    pub(super) fn close(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.closed = true;
        for mailbox in inner.boxes.drain(..) {
            mailbox.close();
        }
    }

    pub(super) fn subscribe(&self) -> Arc<Mailbox<Event>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = inner.first.take() {
            return first;
        }
        let mailbox = Arc::new(Mailbox::new());
        if inner.closed {
            mailbox.close();
        } else {
            // Those whose reader is gone are held by nobody else.
            inner.boxes.retain(|mailbox| Arc::strong_count(mailbox) > 1);
            inner.boxes.push(mailbox.clone());
        }
        mailbox
    }
}
