//! Events to everybody who asked for them.

use std::sync::{Arc, Mutex, PoisonError};

use super::translate;
use crate::event::Event;
use crate::mailbox::{Mailbox, Rank};

/// How many steps may wait for a reader.
const STEPS: usize = 16_384;

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
        let first = Arc::new(Mailbox::bounded(STEPS));
        Self { inner: Mutex::new(Inner { boxes: vec![first.clone()], first: Some(first), closed: false }) }
    }

    pub(super) fn push(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whose reader is gone are held by nobody else.
        inner.boxes.retain(|mailbox| Arc::strong_count(mailbox) > 1);
        let unheard = |mailbox: &Arc<_>| inner.first.as_ref().is_some_and(|first| Arc::ptr_eq(first, mailbox));
        let rank = translate::rank(&event);
        // Nobody may ever ask for the pictures.
        let mut boxes = inner.boxes.iter().filter(|mailbox| !(matches!(rank, Rank::Picture(_)) && unheard(mailbox)));
        let Some(last) = boxes.next_back() else { return };
        boxes.for_each(|mailbox| mailbox.push(rank, event.clone()));
        last.push(rank, event);
    }

    pub(super) fn close(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.closed = true;
        if let Some(first) = &inner.first {
            first.shed();
        }
        for mailbox in inner.boxes.drain(..) {
            mailbox.close();
        }
    }

    pub(super) fn subscribe(&self) -> Arc<Mailbox<Event>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = inner.first.take() {
            return first;
        }
        let mailbox = Arc::new(Mailbox::bounded(STEPS));
        if inner.closed {
            mailbox.close();
        } else {
            inner.boxes.push(mailbox.clone());
        }
        mailbox
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Ending;
    use crate::wire::ImageFormat;

    fn picture() -> Event {
        Event::Preview { node: None, format: ImageFormat::Png, image: bytes::Bytes::from_static(b"pixels") }
    }

    fn progress() -> Event {
        Event::Progress { node: "3".into(), value: 1.0, max: 2.0 }
    }

    async fn drain(mailbox: &Mailbox<Event>) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = mailbox.next().await {
            all.push(event);
        }
        all
    }

    #[tokio::test]
    async fn pictures_are_kept_for_readers_only_and_of_a_run_that_is_over_its_steps() {
        let (heard, unheard) = (Feed::new(), Feed::new());
        let steps = [Event::Started, picture(), progress(), Event::Finished { how: Ending::Succeeded }];
        let reader = heard.subscribe();
        for event in &steps {
            heard.push(event.clone());
            unheard.push(event.clone());
        }
        unheard.close();
        heard.close();
        assert_eq!(drain(&reader).await, steps);
        assert_eq!(drain(&unheard.subscribe()).await, [Event::Started, Event::Finished { how: Ending::Succeeded }]);
    }
}
