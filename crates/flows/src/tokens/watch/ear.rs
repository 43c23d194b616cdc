//! Hears that files may have changed: from the system, or by waking up now and then.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use report::watch::Noticing;
use token_sync::Watch;
use tokio::{
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

use crate::answers::chain;

/// One save of an editor is several events: a burst is over when it was quiet for so long,
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// or has lasted so long.
const LONGEST_BURST: Duration = Duration::from_secs(1);
/// How often to look where the system's news are not enough.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// How often to look and to listen anew where they are: a file system that is mounted or unmounted raises no event.
const SELDOM: Duration = Duration::from_secs(60);

pub(super) struct Ear {
    wished: Option<Duration>,
    hint: Arc<Notify>,
    watch: Option<(Watch, Instant)>,
    files: BTreeSet<PathBuf>,
}

impl Ear {
    /// Deaf as yet; with `poll` it never asks the system.
    pub(super) fn new(poll: Option<Duration>) -> Self {
        Self { wished: poll, hint: Arc::default(), watch: None, files: BTreeSet::new() }
    }

    /// Hears of changes of `files` from now on.
    pub(super) fn listen(&mut self, files: BTreeSet<PathBuf>) {
        let is_fresh = |(watch, since): &(Watch, Instant)| !watch.is_stale() && since.elapsed() < SELDOM;
        if self.wished.is_none() && !(self.hears(&files) && self.watch.as_ref().is_some_and(is_fresh)) {
            let hint = Arc::clone(&self.hint);
            self.watch = Some((Watch::new(&files, move || hint.notify_one()), Instant::now()));
        }
        self.files = files;
    }

    /// Whether it hears of just these files.
    pub(super) fn hears(&self, files: &BTreeSet<PathBuf>) -> bool {
        self.files == *files
    }

    pub(super) fn noticing(&self) -> Noticing {
        match (self.wished, self.watch.as_ref().and_then(|(watch, _)| watch.blind())) {
            (Some(every), _) => Noticing::Polling { every, because: None },
            (None, Some(error)) => Noticing::Polling { every: POLL, because: Some(chain(error)) },
            (None, None) => Noticing::Events,
        }
    }

    /// How long to wait at most before the next look.
    pub(super) fn rest(&self) -> Duration {
        match self.noticing() {
            Noticing::Polling { every, .. } => every,
            Noticing::Events => SELDOM,
        }
    }

    /// Waits until something may have changed and the burst is over, or until `latest`.
    pub(super) async fn wait(&self, latest: Instant) {
        if timeout_at(latest, self.hint.notified()).await.is_err() {
            return;
        }
        let end = Instant::now() + LONGEST_BURST;
        while Instant::now() < end && timeout(QUIET, self.hint.notified()).await.is_ok() {}
    }
}
