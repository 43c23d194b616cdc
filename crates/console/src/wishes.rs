//! The user's wishes to stop, heard by one listener from the first `interrupted()` on: none is lost between two waits.

use std::{
    future::Future,
    process,
    sync::{
        LazyLock, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::ExitCode;

/// How long a wish may go unanswered. Work that doesn't pause can't answer.
pub const GRACE: Duration = Duration::from_secs(3);

/// Signals come to the process, so there is one for the process.
static WISHES: LazyLock<Wishes> = LazyLock::new(Wishes::default);
static LISTENER: Once = Once::new();

/// How many were uttered, and how many of them were answered.
struct Wishes {
    uttered: watch::Sender<u64>,
    answered: AtomicU64,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { uttered: watch::Sender::new(0), answered: AtomicU64::new(0) }
    }
}

impl Wishes {
    /// Waits for a wish that nobody has answered, and answers it.
    async fn next(&self) {
        let mut uttered = self.uttered.subscribe();
        while !self.answer(*uttered.borrow_and_update()) {
            if uttered.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn answer(&self, uttered: u64) -> bool {
        let next = |answered| (answered < uttered).then_some(answered + 1);
        self.answered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Counts one more; its number.
    fn utter(&self) -> u64 {
        self.uttered.send_modify(|uttered| *uttered += 1);
        *self.uttered.borrow()
    }
}

/// Waits for Ctrl-C, for the end of the terminal, or for the system's wish to end the process: one for each of them. What comes
/// between the first call and the waiting counts too. A wish that nobody waits for within three seconds ends the process.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn interrupted() -> impl Future<Output = ()> {
    LISTENER.call_once(|| {
        // Under `nohup` the end of the terminal is to be survived; to listen would undo that.
        let third = if hangup_is_ignored() { SignalKind::terminate() } else { SignalKind::hangup() };
        // A system that lets nobody listen ends the process itself.
        if let [Ok(interrupt), Ok(terminate), Ok(third)] = [SignalKind::interrupt(), SignalKind::terminate(), third].map(signal) {
            tokio::spawn(listen(interrupt, terminate, third));
        }
    });
    WISHES.next()
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, mut third: Signal) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = third.recv() => {}
        }
        let wish = WISHES.utter();
        tokio::spawn(async move {
            tokio::time::sleep(GRACE).await;
            if WISHES.answered.load(Ordering::Relaxed) < wish {
                end_now();
            }
        });
    }
}

#[expect(clippy::exit, reason = "work that doesn't pause can't be dropped")]
fn end_now() {
    process::exit(i32::from(ExitCode::Interrupted as u8))
}

/// Whether whoever started the process told it to ignore SIGHUP, as Linux tells; elsewhere it is taken for not so.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_between_two_waits_is_kept_and_answered_once() {
        let wishes = Wishes::default();
        wishes.utter();
        wishes.utter();
        wishes.next().await;
        drop(wishes.next());
        wishes.next().await;
        assert!(!wishes.answer(2), "both were answered");
        let (_, third) = tokio::join!(wishes.next(), async { wishes.utter() });
        assert_eq!(third, 3);
    }
}
