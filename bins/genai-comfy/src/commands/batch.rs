//! `genai-comfy batch`: check, connect, run, write down.

mod items;
mod lines;
mod results;
mod row;

use std::time::Duration;

use comfy_client::{Batch, BatchStop, Client, Fleet, FleetEvent};
use console::{BatchView, ExitCode, Screen};
use flows::{comfy::home, connect};
use futures_util::{StreamExt, stream};
use report::{Event, Failure, FailureKind};
use settings::{Settings, World};

use super::{door, failed};
use crate::cli::{self, Cli};
use items::Items;
use results::{Earlier, Results};

pub(super) async fn run(world: &World, cli: &Cli, args: &cli::Batch, screen: &Screen) -> Result<ExitCode, Failure> {
    home::folder(&args.out, world)?;
    let mut items = Items::new(world, args)?;
    let mut servers = None;
    if items.want_classes()? {
        let (fleet, first) = console::interruptible(fleet(world, cli, args, screen)).await??;
        items = items.with_classes(console::interruptible(first.object_info()).await?.map_err(failed)?);
        servers = Some(fleet);
    }
    let ids = items.check()?;
    if args.dry_run {
        screen.say(&format!("{} items can be sent", ids.len()));
        return Ok(ExitCode::Well);
    }
    let fleet = match servers {
        Some(fleet) => fleet,
        None => console::interruptible(fleet(world, cli, args, screen)).await??.0,
    };
    let (mut results, earlier) = match &args.results {
        Some(path) => {
            let (results, earlier) = Results::open(&world.current_dir.join(path), path, args.resume)?;
            (Some(results), earlier)
        }
        None => (None, Earlier::default()),
    };
    if earlier.cut {
        note(screen, "the last line of the results was half-written: its item runs again".to_owned());
    }
    let skipped = ids.iter().filter(|id| earlier.done.contains(*id)).count();
    let mut view = BatchView::new(screen, ids.len() as u64, skipped as u64);
    drop(ids);

    let begun = world.clock.now();
    let batch = Batch::new(fleet).deadline(args.deadline).download_to(world.current_dir.join(&args.out)).skip(earlier.done);
    let stop = batch.stop();
    // A file that is another by now than when it was checked ends the batch where it is wrong.
    let items = items.read()?.map_while(|item| item.ok().map(|(_, item)| item));
    let mut rows = std::pin::pin!(batch.run(stream::iter(items)));
    let mut wish = Wish::new(stop);
    let mut failure = None;
    loop {
        let stopping = wish.uttered;
        let next = async {
            if !stopping {
                view.room().await;
            }
            rows.next().await
        };
        let row = tokio::select! {
            biased;
            left = wish.heard() => if left { break } else { continue },
            row = next => row,
        };
        let Some(row) = row else { break };
        let pictures = row::pictures(&row, args, world);
        let line = row::line(&row, &pictures, world);
        let unwritten = results.as_mut().and_then(|results| results.append(&line.text()).err());
        if let Some(stops) = unwritten.or_else(|| row::stops(&row, &pictures, args)) {
            failure.get_or_insert(stops);
            wish.stop.stop();
        }
        view.show(&line);
    }
    let failure = failure.or_else(|| wish.uttered.then(|| stopped(args)));
    let took = world.clock.now().duration_since(begun);
    Ok(view.end(Duration::try_from(took).unwrap_or_default(), failure.as_ref()))
}

/// The user's wish to stop: the first stops the batch, the second leaves it.
struct Wish {
    stop: BatchStop,
    uttered: bool,
}

impl Wish {
    fn new(stop: BatchStop) -> Self {
        Self { stop, uttered: false }
    }

    /// Whether the batch is to be left at once.
    async fn heard(&mut self) -> bool {
        console::interrupted().await;
        self.stop.stop();
        std::mem::replace(&mut self.uttered, true)
    }
}

fn stopped(args: &cli::Batch) -> Failure {
    let failure = Failure::new(FailureKind::Interrupted, "stopped by the user; the prompts of this batch were cancelled");
    match args.results {
        Some(_) => failure.hint("the same command with `--resume` goes on"),
        None => failure.hint("with `--results FILE` it could go on where it was"),
    }
}

/// The servers that the flags and settings mean. One that can't be reached is left out, unless it is the last.
/// With them the client of the first.
async fn fleet(world: &World, cli: &Cli, args: &cli::Batch, screen: &Screen) -> Result<(Fleet, Client), Failure> {
    let each = Settings::load_fleet(&cli.shared.settings(), world)?;
    let door = door(cli)?;
    let mut builder = Fleet::builder();
    let (mut first, mut lost) = (None, None);
    for settings in &each {
        let by_service = each.iter().all(|other| other.service.value != settings.service.value || std::ptr::eq(other, settings));
        match connect::client(settings, world, &door).await {
            Ok(client) => {
                let name = if each.len() > 1 && by_service { settings.service.value.clone() } else { client.url().to_owned() };
                first.get_or_insert_with(|| client.clone());
                builder = builder.server(&name, client, args.concurrency.get());
            }
            Err(failure) if each.len() == 1 => return Err(failure),
            Err(failure) => {
                note(screen, format!("`{}` is left out: {failure}", settings.shown_url()));
                lost.get_or_insert(failure);
            }
        }
    }
    let first = match (first, lost) {
        (Some(first), _) => first,
        (None, Some(failure)) => return Err(failure),
        (None, None) => return Err(Failure::new(FailureKind::Unexpected, "there is no server to send anything to")),
    };
    let told = screen.clone();
    let fleet = builder.observe(move |event| told_of(&told, event)).build().map_err(failed)?;
    Ok((fleet, first))
}

fn told_of(screen: &Screen, event: FleetEvent) {
    let words = match event {
        FleetEvent::Taken { .. } => return,
        FleetEvent::Rerouted { item, backend, why } => format!("`{item}` goes to a server again, after `{backend}`: {why}"),
        FleetEvent::Opened { backend, pause, why } => {
            let why = why.map_or_else(|| "it takes prompts, and runs or keeps none".to_owned(), |why| why.to_string());
            format!("`{backend}` gets no prompts for {} s: {why}", pause.as_secs())
        }
        FleetEvent::Probing { backend } => format!("`{backend}` answers again, and gets one prompt"),
        FleetEvent::Closed { backend } => format!("`{backend}` gets prompts as before"),
    };
    note(screen, words);
}

fn note(screen: &Screen, words: String) {
    screen.sink().send(Event::Note(words));
}
