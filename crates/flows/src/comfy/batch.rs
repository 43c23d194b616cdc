//! A batch: every line is checked, then they run on one server or several, and what became of each is written down.

mod items;
mod lines;
mod results;
mod row;
mod servers;

use std::{
    mem::replace,
    num::NonZeroUsize,
    path::Path,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use comfy_client::{Batch, BatchRow, BatchStop, Fleet};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use report::{Event, Failure, FailureKind, Sink};
use settings::{Settings, World};

use super::home;
use crate::connect::{Door, failure};
use items::Items;
use results::{Earlier, Results};
pub use row::{Made, Row};

/// What is to be run, and where its files and results go; the paths as the user names them.
#[derive(Debug)]
pub struct Order<'a> {
    /// The items: JSON lines or CSV.
    pub file: &'a Path,
    /// The workflow of every line that names none.
    pub workflow: Option<&'a Path>,
    /// Inputs in every item, as `--set` has them.
    pub set: &'a [String],
    /// Where the files go, in a folder for each item.
    pub out: &'a Path,
    /// Where a line for each item goes.
    pub results: Option<&'a Path>,
    /// Leave out what the results say succeeded.
    pub resume: bool,
    /// How many prompts each server holds at once.
    pub concurrency: NonZeroUsize,
    /// How long each item may take.
    pub deadline: Duration,
    /// The line of the results that an item becomes.
    pub line: fn(&Row) -> String,
    /// Who hears what happens beside the items.
    pub sink: &'a Sink,
    /// For the clock, the current folder, and random seeds.
    pub world: &'a World,
}

/// A batch of which every line can be sent.
pub struct Checked<'a, S> {
    order: &'a Order<'a>,
    servers: S,
    fleet: Option<Fleet>,
    items: Items<'a>,
    ids: Vec<String>,
}

/// A batch under way.
pub struct Running<'a> {
    order: &'a Order<'a>,
    total: u64,
    skipped: u64,
    begun: Timestamp,
    results: Option<Results>,
    rows: BoxStream<'a, BatchRow>,
    stop: BatchStop,
    /// Whether the user wants no more.
    unwanted: bool,
    /// Why not all items were read again.
    changed: Arc<OnceLock<Failure>>,
    /// Whether the user did not wait for what was under way then.
    left: bool,
    /// The prompts of what was given up then, and may run all the same.
    at_large: Vec<String>,
    failure: Option<Failure>,
}

/// Reads every line, and finds what is wrong before anything is sent. `servers` says which they are, and how to come in: it is asked
/// once, when they are needed; here only where a workflow is in UI format.
///
/// # Errors
/// What can't be used, line by line; and as [`crate::connect::client`].
pub async fn check<'a, S>(order: &'a Order<'a>, servers: S) -> Result<Checked<'a, S>, Failure>
where
    S: Fn() -> Result<(Vec<Settings>, Door), Failure>,
{
    home::folder(order.out, order.world)?;
    let mut items = Items::new(order)?;
    let mut known = None;
    if items.want_classes()? {
        let (fleet, first) = servers::connect(servers()?, order).await?;
        items = items.with_classes(first.object_info().await.map_err(|error| failure(&error))?);
        known = Some(fleet);
    }
    let ids = items.check()?;
    Ok(Checked { order, servers, fleet: known, items, ids })
}

impl<'a, S: Fn() -> Result<(Vec<Settings>, Door), Failure>> Checked<'a, S> {
    /// How many items there are.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// Opens the results, and makes the batch ready: it goes on as its rows are asked for.
    ///
    /// # Errors
    /// As [`crate::connect::client`]; and results that can't be written, or gone on with.
    pub async fn begin(self) -> Result<Running<'a>, Failure> {
        let Self { order, servers, fleet, items, ids } = self;
        let fleet = match fleet {
            Some(fleet) => fleet,
            None => servers::connect(servers()?, order).await?.0,
        };
        let (results, earlier) = match order.results {
            Some(path) => {
                let (results, earlier) = Results::open(&order.world.current_dir.join(path), path, order.resume)?;
                (Some(results), earlier)
            }
            None => (None, Earlier::default()),
        };
        if earlier.cut {
            let words = "the last line of the results was half-written: its item runs again";
            order.sink.send(Event::Note(words.to_owned()));
        }
        let skipped = ids.iter().filter(|id| earlier.done.contains(*id)).count() as u64;
        let folder = order.world.current_dir.join(order.out);
        let batch = Batch::new(fleet).deadline(order.deadline).download_to(folder).skip(earlier.done);
        let (total, changed) = (ids.len() as u64, Arc::<OnceLock<Failure>>::default());
        let teller = changed.clone();
        let items = items.again(ids.into())?.map_while(move |item| item.map_err(|failure| teller.set(failure)).ok());
        Ok(Running {
            order,
            total,
            skipped,
            begun: order.world.clock.now(),
            results,
            stop: batch.stop(),
            rows: batch.run(stream::iter(items)).boxed(),
            unwanted: false,
            changed,
            left: false,
            at_large: Vec::new(),
            failure: None,
        })
    }
}

impl Running<'_> {
    /// How many items there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of them were done before.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What became of the next item that ended, which is written down by then; none at the end of the batch. `wish` waits until the user
    /// wants it to stop: the first cancels its prompts, the next leaves it at once. No item ends before there is `room` for it, unless
    /// the batch is to stop.
    pub async fn next(&mut self, wish: impl AsyncFn(), room: impl Future<Output = ()>) -> Option<Row> {
        let mut room = pin!(room);
        let row = loop {
            let stopping = self.unwanted;
            let next = async {
                if !stopping {
                    room.as_mut().await;
                }
                self.rows.next().await
            };
            tokio::select! {
                biased;
                () = wish() => self.unwant()?,
                row = next => break row?,
            }
        };
        if self.unwanted && row::may_run(&row) {
            let prompt = row.delivery.prompt_id.as_deref().map(|id| format!(" as `{id}`")).unwrap_or_default();
            self.at_large.push(format!("`{}`{prompt}", row.id));
        }
        let mut telling = pin!(row::told(row, self.order));
        let (row, last) = loop {
            tokio::select! {
                biased;
                () = wish() => self.unwant()?,
                told = &mut telling => break told,
            }
        };
        let unwritten = self.results.as_mut().and_then(|results| results.append(&(self.order.line)(&row)).err());
        if let Some(failure) = unwritten.or(last) {
            self.failure.get_or_insert(failure);
            self.stop.stop();
        }
        Some(row)
    }

    /// The user wants it to stop; none if he has wanted so before, and leaves.
    fn unwant(&mut self) -> Option<()> {
        self.stop.stop();
        self.left = replace(&mut self.unwanted, true);
        (!self.left).then_some(())
    }

    /// How long it took, and why it ended before its time.
    pub fn end(self) -> (Duration, Option<Failure>) {
        let took = self.order.world.clock.now().duration_since(self.begun);
        let stopped = || {
            let what = match &self.at_large[..] {
                _ if self.left => "prompts that were under way may still run".to_owned(),
                [] => "what was under way has ended".to_owned(),
                prompts => format!("these prompts may still run: {}", prompts.join(", ")),
            };
            let failure = Failure::new(FailureKind::Interrupted, format!("stopped by the user; {what}"));
            let failure = match self.left || !self.at_large.is_empty() {
                true => failure.hint("`genai-comfy queue` shows them, `genai-comfy cancel ID` ends one"),
                false => failure,
            };
            match self.order.results {
                Some(_) => failure.hint("the same command with `--resume` goes on"),
                None => failure.hint("with `--results FILE` it could go on where it was"),
            }
        };
        (
            Duration::try_from(took).unwrap_or_default(),
            self.failure.or_else(|| self.unwanted.then(stopped)).or_else(|| self.changed.get().cloned()),
        )
    }
}
