//! Version 1 of what the containers of a project say and use up, an object a line. A field is never removed or given another meaning in
//! this version; new fields and new events may come.

use schemars::JsonSchema;
use serde::Serialize;

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// Which container it is about.
    #[serde(flatten)]
    pub container: Container,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A container of the project.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Container {
    /// The service that it runs.
    pub service: String,
    /// Which of the service's containers it is, from 1 on.
    pub number: u32,
    /// Its whole id.
    pub container: String,
    /// Its name.
    pub name: String,
}

/// What happened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It wrote a line.
    Log(Log),
    /// What it uses up.
    Stats(Stats),
    /// It does not run, so that there are no figures.
    NotRunning,
    /// It is watched from now on.
    Came,
    /// It ended.
    Went,
}

/// A line that a container wrote.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Log {
    /// When the engine got it, RFC 3339 in UTC; null if the engine does not say.
    pub at: Option<String>,
    /// `stdout` or `stderr`; a terminal's output is `stdout`.
    pub channel: &'static str,
    /// The text without its end, secrets replaced; of a progress bar the last state. What is no UTF-8 is U+FFFD.
    pub text: String,
    /// `newline`; `missing` for what a process wrote last; `cut` if the line is too long and goes on.
    pub end: &'static str,
}

/// What a container uses up.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Stats {
    /// When the engine read it, RFC 3339 in UTC.
    pub at: String,
    /// How much of the processors, 100 for each whole one.
    pub cpu_percent: f64,
    /// How many processors the host has.
    pub online_cpus: u32,
    /// Memory that can't simply be dropped, in bytes: what `docker stats` shows.
    pub memory_bytes: u64,
    /// The most that it may use, in bytes.
    pub memory_limit_bytes: u64,
    /// How much of the limit is used.
    pub memory_percent: f64,
    /// Memory with the page cache, in bytes: never judge by it.
    pub memory_raw_bytes: u64,
    /// The page cache in it, in bytes.
    pub page_cache_bytes: u64,
    /// Bytes received over all its networks; null if it has none of its own.
    pub received_bytes: Option<u64>,
    /// Bytes sent.
    pub sent_bytes: Option<u64>,
    /// Bytes read from disks.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// Processes and threads; null if the engine does not say.
    pub pids: Option<u64>,
}
