//! What containers use up: the figures of `docker stats`, from one stream a container.
//!
//! The first frame of a stream says nothing of the processor, since that needs two. Where the engine runs on this machine, the counters
//! that it reads are read before the stream is opened, and its first frame has a value already.

mod local;
mod meter;
mod watch;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time;

use crate::{Endpoint, Engine, Error, ErrorKind, standing::named};
use meter::Meter;

/// A frame is never longer; a real one has some kilobytes.
const LONGEST: usize = 1 << 20;
/// An engine makes a frame a second; so long without one means that it has stopped.
const SILENCE: Duration = Duration::from_secs(30);

/// What one container used up, and uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The container's id.
    pub container: Arc<str>,
    /// When the engine read the counters.
    pub at: Timestamp,
    /// How much of the processors since the last reading, 100 for each whole one.
    pub cpu_percent: f64,
    /// How many processors the host has.
    pub online_cpus: u32,
    /// Memory.
    pub memory: Memory,
    /// Bytes over all its networks: received, sent. None if it has none of its own.
    pub network: Option<Traffic>,
    /// Bytes from and to disks: read, written.
    pub block: Traffic,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What can't simply be dropped: what `docker stats` shows. Judge by this.
    pub used: u64,
    /// With the page cache, which model files fill: never judge by this.
    pub raw: u64,
    /// The page cache in it.
    pub cache: u64,
    /// The most that it may use.
    pub limit: u64,
}

impl Memory {
    /// How much of the limit is used.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.limit == 0 { 0.0 } else { self.used as f64 / self.limit as f64 * 100.0 }
    }
}

/// Bytes in and out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received, or read.
    pub inward: u64,
    /// Sent, or written.
    pub outward: u64,
}

/// What happens while the containers of a project are watched.
#[derive(Debug, Clone, PartialEq)]
pub enum StatsEvent {
    /// A container is watched from now on.
    Came(crate::Member),
    /// New figures, about every second.
    Read(Stats),
    /// A container ended.
    Went(Arc<str>),
}

impl Engine {
    /// The figures of each of `containers`, in the same order; none of one that does not run. It takes about a second, however many
    /// they are.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and what stops any request.
    pub async fn stats(&self, containers: &[impl AsRef<str>]) -> Result<Vec<Option<Stats>>, Error> {
        let mut all = vec![None; containers.len()];
        let one = |(nth, container): (usize, &str)| {
            let container = container.to_owned();
            async move { self.first_stats(&container).await.map(|stats| (nth, stats)) }
        };
        let mut reads: FuturesUnordered<_> = containers.iter().map(AsRef::as_ref).enumerate().map(one).collect();
        while let Some(read) = reads.next().await {
            let (nth, stats) = read?;
            all[nth] = stats;
        }
        Ok(all)
    }

    async fn first_stats(&self, container: &str) -> Result<Option<Stats>, Error> {
        let mut readings = self.readings(container).await?;
        loop {
            match readings.next().await? {
                Reading::Known(stats) => return Ok(Some(stats)),
                Reading::NotYet => {}
                Reading::NotRunning | Reading::Ended => return Ok(None),
            }
        }
    }

    /// Opens the stream of figures of one container.
    async fn readings(&self, container: &str) -> Result<Readings, Error> {
        let mut meter = Meter::default();
        if matches!(self.endpoint(), Endpoint::Unix(_)) {
            let standing = self.standing(container).await?;
            meter.begin(local::counters(&standing).await);
        }
        let path = format!("/containers/{}/stats?stream=1", named(container)?);
        let body = self.ask(Method::GET, &path, Bytes::new(), container).await?.into_body();
        Ok(Readings { container: container.into(), body, text: Vec::new(), meter })
    }
}

/// What a frame says.
enum Reading {
    Known(Stats),
    /// Nothing yet: of the processor there is only one reading.
    NotYet,
    /// There is no process.
    NotRunning,
    /// The engine ended the stream.
    Ended,
}

/// The stream of one container.
struct Readings {
    container: Arc<str>,
    body: Incoming,
    /// What came of the next frame.
    text: Vec<u8>,
    meter: Meter,
}

impl Readings {
    async fn next(&mut self) -> Result<Reading, Error> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return self.meter.read(&self.container, &line);
            }
            let frame = time::timeout(SILENCE, self.body.frame())
                .await
                .map_err(|_| Error::new(ErrorKind::Timeout, format!("the engine gives no figures of `{}`", self.container)))?;
            match frame {
                None => return Ok(Reading::Ended),
                Some(Ok(frame)) => self.text.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => {
                    return Err(
                        Error::new(ErrorKind::Broken, format!("the figures of `{}` broke off", self.container)).because(error)
                    );
                }
            }
            if self.text.len() > LONGEST {
                return Err(Error::new(ErrorKind::Protocol, "the figures are not what an engine sends"));
            }
        }
    }
}
