//! Faults of a socket: what becomes of its next frame.

use tokio::sync::OwnedMutexGuard;

use super::{Fault, Faults};

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes out.
    Sent,
    /// It is dropped, as all after it.
    Lost,
    /// The connection is cut before it.
    Cut,
}

/// One socket's frames, counted.
#[derive(Debug)]
pub(crate) struct Wire {
    faults: Faults,
    sent: u64,
    deaf: bool,
}

impl Wire {
    pub(crate) fn new(faults: &Faults) -> Self {
        Self { faults: faults.clone(), sent: 0, deaf: false }
    }

    pub(crate) fn next(&mut self) -> Fate {
        let sent = self.sent;
        let cut = |fault: &Fault, _| matches!(fault, Fault::CutSocket { after_frames } if *after_frames <= sent).then_some(());
        let deaf = |fault: &Fault, _| matches!(fault, Fault::DeafSocket { after_frames } if *after_frames <= sent).then_some(());
        if self.faults.take(cut).is_some() {
            return Fate::Cut;
        }
        self.deaf = self.deaf || self.faults.take(deaf).is_some();
        if self.deaf {
            return Fate::Lost;
        }
        self.count();
        Fate::Sent
    }

    /// Notes that a frame goes out.
    pub(crate) fn count(&mut self) {
        self.sent += 1;
    }

    /// Whether frames go out without a look at each of them.
    pub(crate) fn is_free(&self) -> bool {
        !self.faults.any()
    }

    /// Waits until this socket may send, which it always may without [`Fault::SharedDelivery`].
    pub(crate) async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        if !self.faults.is_due(&Fault::SharedDelivery) {
            return None;
        }
        Some(self.faults.0.turns.clone().lock_owned().await)
    }
}
