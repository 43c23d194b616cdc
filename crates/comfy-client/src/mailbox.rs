//! A queue between one who must not wait and one who may be slow: when it is full, what matters least goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How much it matters that an item arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// A picture of so many bytes: goes first.
    Picture(usize),
    /// Replaced by the next of its sort anyway: goes when there are no pictures left.
    Passing,
    /// Dropped never, or only where there is a bound and nothing else is left.
    Kept,
}

/// How many items wait before the passing ones are dropped.
const ITEMS: usize = 1024;
/// How many bytes of pictures wait before the oldest are dropped.
const PICTURE_BYTES: usize = 64 << 20;

pub(crate) struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    items: VecDeque<(Rank, T)>,
    picture_bytes: usize,
    /// How many items may wait, of whatever rank.
    bound: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> Mailbox<T> {
    /// Without a bound for what is kept.
    pub(crate) fn new() -> Self {
        Self::bounded(usize::MAX)
    }

    /// With room for so many items; the oldest go where more are kept.
    pub(crate) fn bounded(bound: usize) -> Self {
        let inner = Inner { items: VecDeque::new(), picture_bytes: 0, bound, closed: false, reader: None };
        Self { inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in; never waits.
    pub(crate) fn push(&self, rank: Rank, item: T) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        if let Rank::Picture(bytes) = rank {
            inner.picture_bytes += bytes;
        }
        inner.items.push_back((rank, item));
        inner.make_room();
        Inner::wake_reader(inner);
    }

    /// Says that nothing more will come; what waits can still be taken.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        Inner::wake_reader(inner);
    }

    /// Throws away all but what is kept.
    pub(crate) fn shed(&self) {
        let mut inner = self.lock();
        inner.items.retain(|(rank, _)| *rank == Rank::Kept);
        inner.items.shrink_to_fit();
        inner.picture_bytes = 0;
    }

    /// Throws away what waits.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.items.clear();
        inner.picture_bytes = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Wakes nobody until it is read from again.
    pub(crate) fn forget_reader(&self) {
        self.lock().reader = None;
    }

    /// The next item, or none once it is closed and empty. For one reader at a time.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inner = self.lock();
        if let Some((rank, item)) = inner.items.pop_front() {
            inner.forget(rank);
            return Poll::Ready(Some(item));
        }
        if inner.closed {
            return Poll::Ready(None);
        }
        inner.reader = Some(context.waker().clone());
        Poll::Pending
    }

    #[cfg(test)]
    pub(crate) async fn next(&self) -> Option<T> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}

impl<T> Inner<T> {
    /// Not before the lock is gone, which whoever is woken may take.
    fn wake_reader(mut inner: MutexGuard<'_, Self>) {
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn forget(&mut self, rank: Rank) {
        if let Rank::Picture(bytes) = rank {
            self.picture_bytes = self.picture_bytes.saturating_sub(bytes);
        }
    }

    fn drop_oldest(&mut self, wanted: impl Fn(Rank) -> bool) -> bool {
        let Some(place) = self.items.iter().position(|(rank, _)| wanted(*rank)) else {
            return false;
        };
        if let Some((rank, _)) = self.items.remove(place) {
            self.forget(rank);
        }
        true
    }

    fn make_room(&mut self) {
        let is_picture = |rank| matches!(rank, Rank::Picture(_));
        // The newest picture stays, however large.
        while self.picture_bytes > PICTURE_BYTES && self.items.iter().filter(|(rank, _)| is_picture(*rank)).count() > 1 {
            self.drop_oldest(is_picture);
        }
        while self.items.len() > ITEMS {
            if !self.drop_oldest(is_picture) && !self.drop_oldest(|rank| rank == Rank::Passing) {
                break;
            }
        }
        while self.items.len() > self.bound {
            self.items.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drain(mailbox: &Mailbox<usize>) -> Vec<usize> {
        mailbox.close();
        let mut all = Vec::new();
        while let Some(item) = mailbox.next().await {
            all.push(item);
        }
        all
    }

    #[tokio::test]
    async fn pictures_go_first_then_what_passes_and_the_rest_never() {
        let mailbox = Mailbox::new();
        mailbox.push(Rank::Kept, 0);
        mailbox.push(Rank::Passing, 1);
        mailbox.push(Rank::Picture(9), 2);
        for item in 3..ITEMS {
            mailbox.push(Rank::Kept, item);
        }
        mailbox.push(Rank::Kept, ITEMS);
        mailbox.push(Rank::Kept, ITEMS + 1);
        mailbox.push(Rank::Kept, ITEMS + 2);
        let got = drain(&mailbox).await;
        let expected: Vec<usize> = (0..=ITEMS + 2).filter(|item| ![1, 2].contains(item)).collect();
        assert_eq!(got, expected);
    }

    #[tokio::test]
    async fn where_there_is_a_bound_the_oldest_of_what_is_kept_goes() {
        let mailbox = Mailbox::bounded(ITEMS + 1);
        for item in 0..ITEMS + 3 {
            mailbox.push(Rank::Kept, item);
        }
        assert_eq!(drain(&mailbox).await, (2..ITEMS + 3).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn pictures_are_bounded_by_their_bytes_and_the_newest_stays() {
        let mailbox = Mailbox::new();
        mailbox.push(Rank::Picture(PICTURE_BYTES - 1), 0);
        mailbox.push(Rank::Picture(1), 1);
        mailbox.push(Rank::Picture(1), 2);
        mailbox.push(Rank::Picture(PICTURE_BYTES * 2), 3);
        assert_eq!(drain(&mailbox).await, [3]);
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_an_item_and_by_the_end() {
        let mailbox = std::sync::Arc::new(Mailbox::new());
        let reader = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { (mailbox.next().await, mailbox.next().await) }
        });
        tokio::task::yield_now().await;
        mailbox.push(Rank::Kept, 7);
        tokio::task::yield_now().await;
        mailbox.close();
        mailbox.push(Rank::Kept, 8);
        assert_eq!(reader.await.unwrap(), (Some(7), None));
    }
}
