//! `genai-stack stats`.

use std::{collections::BTreeMap, sync::Arc};

use console::{
    ExitCode, Format, Screen,
    json::stack_lines_v1::{self, Event},
};
use docker_ops::{Member, StatsEvent};
use flows::stack::stats;
use report::Failure;
use settings::World;
use tokio::sync::mpsc;

use super::streams::{Stage, container, stage};
use crate::cli::{Cli, streams::Stats};

pub(super) async fn run(world: &World, cli: &Cli, args: &Stats, screen: &Screen) -> ExitCode {
    show(world, cli, args, screen).await.unwrap_or_else(|failure| screen.fail(&failure))
}

async fn show(world: &World, cli: &Cli, args: &Stats, screen: &Screen) -> Result<ExitCode, Failure> {
    let Stage { engine, project, .. } = console::interruptible(stage(world, cli, &args.project, &screen.aside())).await??;
    let service = cli.shared.service.as_deref();
    if !args.watch {
        let all = console::interruptible(stats::once(&engine, &project, service)).await??;
        let event = |stats: Option<docker_ops::Stats>| stats.map_or(Event::NotRunning, |stats| Event::Stats(figures(&stats)));
        let _ = screen.stats(all.into_iter().map(|(member, stats)| (container(&member), event(stats))).collect());
        return Ok(screen.unread());
    }
    let (sender, mut events) = mpsc::channel(64);
    let read = async {
        let sender = sender;
        stats::watch(&engine, &project, service, &sender).await
    };
    let show = async {
        let mut view = View { table: cli.shared.format == Format::Text, members: BTreeMap::new() };
        while let Some(event) = events.recv().await {
            screen.room().await;
            let rows = view.rows(event);
            if !rows.is_empty() && screen.stats(rows).is_break() {
                break;
            }
        }
        events.close();
    };
    tokio::select! {
        biased;
        () = console::interrupted() => Ok(ExitCode::Interrupted),
        (read, ()) = async { tokio::join!(read, show) } => read.map(|()| screen.unread()),
    }
}

/// What is shown while containers are watched.
struct View {
    /// People see a table once every container has new figures, programs each event.
    table: bool,
    members: BTreeMap<Arc<str>, (Member, Option<docker_ops::Stats>)>,
}

impl View {
    fn rows(&mut self, event: StatsEvent) -> Vec<(stack_lines_v1::Container, Event)> {
        let row = match event {
            StatsEvent::Came(member) => {
                let row = (container(&member), Event::Came);
                self.members.insert(member.id.clone(), (member, None));
                row
            }
            StatsEvent::Went(id) => {
                let Some((member, _)) = self.members.remove(&id) else { return Vec::new() };
                (container(&member), Event::Went)
            }
            StatsEvent::Read(stats) => {
                let Some((member, last)) = self.members.get_mut(&stats.container) else { return Vec::new() };
                if !self.table {
                    return vec![(container(member), Event::Stats(figures(&stats)))];
                }
                *last = Some(stats);
                if self.members.values().any(|(_, last)| last.is_none()) {
                    return Vec::new();
                }
                let rows = self
                    .members
                    .values_mut()
                    .filter_map(|(member, last)| Some((container(member), Event::Stats(figures(&last.take()?)))));
                return rows.collect();
            }
        };
        if self.table { Vec::new() } else { vec![row] }
    }
}

fn figures(stats: &docker_ops::Stats) -> stack_lines_v1::Stats {
    stack_lines_v1::Stats {
        at: stats.at.to_string(),
        cpu_percent: stats.cpu_percent,
        online_cpus: stats.online_cpus,
        memory_bytes: stats.memory.used,
        memory_limit_bytes: stats.memory.limit,
        memory_percent: stats.memory.percent(),
        memory_raw_bytes: stats.memory.raw,
        page_cache_bytes: stats.memory.cache,
        received_bytes: stats.network.map(|network| network.inward),
        sent_bytes: stats.network.map(|network| network.outward),
        read_bytes: stats.block.inward,
        written_bytes: stats.block.outward,
        pids: stats.pids,
    }
}
