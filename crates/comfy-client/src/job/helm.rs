//! Who drives a job: those who wait for it, each in his own task; where nobody waits, a task that is begun for each step.
//!
//! So everything happens in the caller's order: what he was told of he asks for first, and only then the server is asked
//! for what became of the job. And no second thread is woken for what one can do.

use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

use super::driver::Driver;
use super::feed::Feed;
use crate::history::HistoryEntry;

pub(super) struct Helm {
    /// None once the job ended, or nobody is left.
    driver: Mutex<Option<Driver>>,
    /// Those who wait, by their keys, until they are woken.
    hands: Mutex<Vec<(u64, Waker)>>,
    /// How many wait for nothing but the end.
    stays: AtomicUsize,
    keys: AtomicU64,
    /// Nobody can drive any more: the runtime is gone, and with it the timer, or the driver panicked.
    stranded: AtomicBool,
    /// Where they read who are told of steps.
    feed: Arc<Feed>,
    watch: Arc<Watch>,
}

/// What drives a job for which nobody waits.
struct Watch {
    runtime: Handle,
    helm: Weak<Helm>,
    /// Whether its task was begun, but did not drive yet.
    called: AtomicBool,
}

impl Helm {
    /// Begins to drive.
    pub(super) fn man(driver: Driver, feed: Arc<Feed>) -> Arc<Self> {
        let runtime = Handle::current();
        let helm = Arc::new_cyclic(|helm| Self {
            driver: Mutex::new(Some(driver)),
            hands: Mutex::default(),
            stays: AtomicUsize::new(0),
            keys: AtomicU64::new(0),
            stranded: AtomicBool::new(false),
            feed,
            watch: Arc::new(Watch { runtime, helm: helm.clone(), called: AtomicBool::new(false) }),
        });
        let _ = helm.drive(None, || false);
        helm
    }

    /// Drives no more.
    pub(super) fn leave(&self) {
        // What it holds goes after the lock.
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(driver);
    }

    /// The end that was read, but waits for pictures.
    pub(super) fn held(&self) -> Option<HistoryEntry> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.held()
    }

    /// As far as it goes now; asks the server only if `asks` says so. Ready once there is nothing left to drive.
    fn drive(self: &Arc<Self>, key: Option<u64>, asks: impl Fn() -> bool) -> Poll<()> {
        let (hands, watch) = (Waker::from(self.clone()), Waker::from(self.watch.clone()));
        let stays = self.stays.load(Ordering::Relaxed) > 0;
        let _lookout = Lookout(self);
        let mut slot = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(driver) = slot.as_mut().filter(|_| !self.stranded.load(Ordering::Acquire)) else { return Poll::Ready(()) };
        let polled = driver.poll(&mut Context::from_waker(&hands), &mut Context::from_waker(&watch), asks, stays);
        let Poll::Ready(verdict) = polled else { return Poll::Pending };
        if let Some(driver) = slot.take() {
            driver.finish(verdict);
        }
        drop(slot);
        let hands = take(&mut *self.hands());
        hands.into_iter().filter(|(other, _)| Some(*other) != key).for_each(|(_, waker)| waker.wake());
        Poll::Ready(())
    }

    /// Ends the waiting of all, whose job may go on.
    fn strand(&self) {
        self.stranded.store(true, Ordering::Release);
        self.feed.close();
        take(&mut *self.hands()).into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn hands(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that a driver that panics, in whosever task, leaves nobody waiting.
struct Lookout<'a>(&'a Helm);

impl Drop for Lookout<'_> {
    fn drop(&mut self) {
        if self.0.driver.is_poisoned() {
            self.0.strand();
        }
    }
}

impl Wake for Helm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// There is something to do: for all who wait, or else for the watch.
    fn wake_by_ref(self: &Arc<Self>) {
        let hands = take(&mut *self.hands());
        if hands.is_empty() {
            self.watch.wake_by_ref();
        }
        hands.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(helm) = self.helm.upgrade()
            && !self.called.swap(true, Ordering::AcqRel)
        {
            self.runtime.spawn(Turn { helm, begun: false }.take());
        }
    }
}

/// One turn of the watch. It is dropped before it begins where its runtime is gone: then nobody drives any more.
struct Turn {
    helm: Arc<Helm>,
    begun: bool,
}

impl Turn {
    async fn take(mut self) {
        self.begun = true;
        self.helm.watch.called.store(false, Ordering::Release);
        let _ = self.helm.drive(None, || true);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.begun {
            self.helm.strand();
        }
    }
}

/// One who waits. May be dropped at any time.
pub(super) struct Hand {
    helm: Arc<Helm>,
    key: u64,
    /// Whether he waits for nothing but the end.
    stays: bool,
    seated: bool,
}

impl Hand {
    pub(super) fn new(helm: Arc<Helm>, stays: bool) -> Self {
        helm.stays.fetch_add(usize::from(stays), Ordering::Relaxed);
        let key = helm.keys.fetch_add(1, Ordering::Relaxed);
        Self { helm, key, stays, seated: false }
    }

    /// Waits and drives. Outside of a runtime, where the server can't be asked, the watch drives.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, asks: impl Fn() -> bool) -> Poll<()> {
        if Handle::try_current().is_err() {
            self.rest();
            return Poll::Pending;
        }
        {
            let mut hands = self.helm.hands();
            match hands.iter_mut().find(|(key, _)| *key == self.key) {
                Some((_, waker)) => waker.clone_from(context.waker()),
                None => hands.push((self.key, context.waker().clone())),
            }
        }
        let polled = self.helm.drive(Some(self.key), asks);
        self.seated = polled.is_pending();
        if polled.is_ready() {
            self.helm.hands().retain(|(key, _)| *key != self.key);
        }
        polled
    }

    /// Waits no longer. If he was woken meanwhile, it is for another now.
    pub(super) fn rest(&mut self) {
        if take(&mut self.seated) {
            let mut hands = self.helm.hands();
            let before = hands.len();
            hands.retain(|(key, _)| *key != self.key);
            let woken = hands.len() == before;
            drop(hands);
            if woken {
                self.helm.wake_by_ref();
            }
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.helm.stays.fetch_sub(usize::from(self.stays), Ordering::Relaxed);
        self.rest();
    }
}

#[cfg(test)]
mod tests;
