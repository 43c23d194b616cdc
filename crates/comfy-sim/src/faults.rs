//! Faults on demand: what is set, when it is due, and the questions that the rest of the server asks.
//!
//! The server asks at a few places, each by one call. As long as nothing was ever set, a question is one atomic load.

mod answers;
mod compress;
mod route;
mod run;
mod sparse;
mod vocabulary;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turns, Notify, watch};

pub(crate) use answers::serve;
pub use route::Route;
pub use vocabulary::{Fault, Planned, Refusal};
pub(crate) use wire::{Fate, Wire};

/// The switch for a server's faults; clones switch the same server.
///
/// ```
/// use comfy_sim::{Fault, Refusal, Server};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let folder = tempfile::tempdir()?;
/// let server = Server::builder().comfy_dir(folder.path()).spawn().await?;
/// // The next two prompts are refused as if the token were wrong, and every history comes late.
/// server.faults().set(Fault::Refuse { route: "POST /prompt".parse()?, status: Refusal::Unauthorized }.times(2));
/// server.faults().set(Fault::HistoryLag { millis: 50 });
/// // …
/// server.faults().clear();
/// # Ok(()) })
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether there is a rule at all.
    any: AtomicBool,
    rules: Mutex<Vec<Rule>>,
    /// How often the rules were cleared.
    cleared: watch::Sender<u64>,
    /// Held while a frame goes out, under [`Fault::SharedDelivery`].
    turns: Arc<Turns<()>>,
    restart: Mutex<Option<Duration>>,
    restart_wanted: Notify,
}

/// A fault and how far it is.
#[derive(Debug)]
struct Rule {
    planned: Planned,
    happened: u64,
}

impl Faults {
    /// Adds a fault. Of several that are due on one occasion the one set first happens.
    pub fn set(&self, fault: impl Into<Planned>) {
        let mut rules = self.rules();
        rules.push(Rule { planned: fault.into(), happened: 0 });
        self.0.any.store(true, Ordering::Relaxed);
    }

    /// Ends all faults. What they did stays done.
    pub fn clear(&self) {
        self.rules().clear();
        self.0.any.store(false, Ordering::Relaxed);
        self.0.cleared.send_modify(|times| *times += 1);
    }

    fn any(&self) -> bool {
        self.0.any.load(Ordering::Relaxed)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one place where a fault becomes due: counts an occasion of the faults that `pick` chooses from. `pick` is told
    /// how often the fault happened before.
    fn take<T>(&self, pick: impl Fn(&Fault, u64) -> Option<T>) -> Option<T> {
        if !self.any() {
            return None;
        }
        let mut rules = self.rules();
        let mut due = None;
        for (at, rule) in rules.iter_mut().enumerate() {
            let Some(picked) = pick(&rule.planned.fault, rule.happened) else {
                continue;
            };
            if rule.planned.after > 0 {
                rule.planned.after -= 1;
            } else if due.is_none() && rule.planned.times != Some(0) {
                due = Some((at, picked));
            }
        }
        let (at, picked) = due?;
        rules[at].happened += 1;
        if let Some(times) = &mut rules[at].planned.times {
            *times -= 1;
        }
        Some(picked)
    }

    /// Whether a fault of this very shape is due.
    fn is_due(&self, wanted: &Fault) -> bool {
        self.take(|fault, _| (fault == wanted).then_some(())).is_some()
    }

    /// Waits until the server is to restart, and says for how long it is down.
    pub(crate) async fn restart_wanted(&self) -> Duration {
        self.0.restart_wanted.notified().await;
        self.0.restart.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    pub(crate) fn restart(&self, down: Duration) {
        *self.0.restart.lock().unwrap_or_else(PoisonError::into_inner) = Some(down);
        self.0.restart_wanted.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_occasions_and_ends_after_them() {
        let faults = Faults::default();
        let due = |wanted: &Fault| faults.is_due(wanted);
        assert!(!due(&Fault::Compress));
        faults.set(Fault::Compress.after(1).times(2));
        assert_eq!([(); 5].map(|()| due(&Fault::Compress)), [false, true, true, false, false]);
        assert!(!due(&Fault::DeadWorker));
        faults.set(Fault::DeadWorker);
        assert!(due(&Fault::DeadWorker) && due(&Fault::DeadWorker));
        faults.clear();
        assert!(!due(&Fault::DeadWorker));
    }

    #[test]
    fn of_two_faults_that_are_due_the_first_happens_and_the_second_waits() {
        let faults = Faults::default();
        for (millis, times) in [(1, 1), (2, 1)] {
            faults.set(Fault::HistoryLag { millis }.times(times));
        }
        let lag = || faults.take(|fault, _| if let Fault::HistoryLag { millis } = fault { Some(*millis) } else { None });
        assert_eq!([lag(), lag(), lag()], [Some(1), Some(2), None]);
    }
}
