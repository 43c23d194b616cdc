//! How a running scan speaks to its caller, and how its caller stops it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// A scan tells how far it is whenever it has read so many files more,
const FILES: u64 = 1_024;
/// or so many bytes more.
const BYTES: u64 = 64 << 20;

/// What a running scan says. Closed: who renders it must render all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A part of the work begins.
    Began(Stage),
    /// So much of this part is done.
    Advanced {
        /// Files or git objects read.
        files: u64,
        /// Bytes read.
        bytes: u64,
        /// Matches found.
        matches: u64,
    },
    /// The part is over.
    Ended(Stage),
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A tree of files, or one file.
    Files,
    /// A stream that the caller gave.
    Stream,
    /// What git's index holds.
    Index,
    /// All objects of git's history.
    History,
    /// Asking git where the objects with matches come from.
    Origins,
}

/// Where a scan's events go, and the flag that stops it. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    sink: Arc<dyn Fn(Progress) + Send + Sync>,
    stop: Arc<AtomicBool>,
}

impl Control {
    /// Gives every event to `sink`, which must not block, from any thread; stops soon after `stop` is true.
    pub fn new(sink: impl Fn(Progress) + Send + Sync + 'static, stop: Arc<AtomicBool>) -> Self {
        Self { sink: Arc::new(sink), stop }
    }

    /// Drops every event and never stops.
    pub fn silent() -> Self {
        Self::new(drop, Arc::default())
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Runs `work` as a stage, with a meter of its own.
    pub(super) fn stage<T>(&self, stage: Stage, work: impl FnOnce(&Meter<'_>) -> T) -> T {
        (self.sink)(Progress::Began(stage));
        let meter = Meter { control: self, files: 0.into(), bytes: 0.into(), matches: 0.into() };
        let result = work(&meter);
        meter.tell();
        (self.sink)(Progress::Ended(stage));
        result
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("stopped", &self.stopped()).finish_non_exhaustive()
    }
}

/// Adds up what all threads of a stage have done, and tells now and then.
pub(super) struct Meter<'a> {
    control: &'a Control,
    files: AtomicU64,
    bytes: AtomicU64,
    matches: AtomicU64,
}

impl Meter<'_> {
    /// Adds to the sums.
    pub(super) fn add(&self, files: u64, bytes: u64, matches: u64) {
        let old_files = self.files.fetch_add(files, Ordering::Relaxed);
        let old_bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.matches.fetch_add(matches, Ordering::Relaxed);
        if old_files / FILES != (old_files + files) / FILES || old_bytes / BYTES != (old_bytes + bytes) / BYTES {
            self.tell();
        }
    }

    /// Whether the caller wants the scan to stop.
    pub(super) fn stopped(&self) -> bool {
        self.control.stopped()
    }

    fn tell(&self) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let event = Progress::Advanced { files: read(&self.files), bytes: read(&self.bytes), matches: read(&self.matches) };
        (self.control.sink)(event);
    }
}
