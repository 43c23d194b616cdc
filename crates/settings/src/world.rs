//! What surrounds the program, as a value.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

/// The environment, the current folder, the clock and chance: taken from the process once, by `console`.
#[derive(Debug, Clone)]
pub struct World {
    /// The environment's variables that are valid UTF-8.
    pub env: BTreeMap<String, String>,
    /// The folder that relative paths start from.
    pub current_dir: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// Random bytes.
    pub entropy: Entropy,
}

/// Tells what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

/// Fills buffers with random bytes.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl World {
    /// A world for tests: empty environment, a clock that stands still, and bytes that count up from zero.
    pub fn for_tests(current_dir: &Path) -> Self {
        let next = std::sync::atomic::AtomicU8::new(0);
        Self {
            env: BTreeMap::new(),
            current_dir: current_dir.to_owned(),
            clock: Clock::new(|| Timestamp::constant(1_767_225_600, 0)),
            entropy: Entropy::new(move |bytes| {
                for byte in bytes {
                    *byte = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }),
        }
    }

    /// The same world with one more variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The variable `name`; an empty one counts as not set.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// What time it is, to the second, as RFC 3339 in UTC.
    pub fn stamp(&self) -> String {
        let now = self.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }
}

impl Entropy {
    /// Chance that comes from `fill`.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
