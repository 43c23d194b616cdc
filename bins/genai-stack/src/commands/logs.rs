//! `genai-stack logs`.

use console::{ExitCode, Screen, json::stack_lines_v1::Log};
use docker_ops::{Channel, LineEnd, LogQuery};
use flows::stack::{
    logs::{self, Told},
    moment,
};
use report::Failure;
use settings::World;
use tokio::sync::mpsc;

use super::streams::{Stage, container, stage};
use crate::cli::{Cli, streams::Logs};

pub(super) async fn run(world: &World, cli: &Cli, args: &Logs, screen: &Screen) -> ExitCode {
    show(world, cli, args, screen).await.unwrap_or_else(|failure| screen.fail(&failure))
}

async fn show(world: &World, cli: &Cli, args: &Logs, screen: &Screen) -> Result<ExitCode, Failure> {
    let time = |text: &Option<String>| text.as_deref().map(|text| moment(text, world.clock.now())).transpose();
    let query = LogQuery { follow: args.follow, tail: args.tail, since: time(&args.since)?, until: time(&args.until)? };
    let Stage { engine, project, redaction } =
        console::interruptible(stage(world, cli, &args.project, &screen.aside())).await??;
    let (sender, mut told) = mpsc::channel(256);
    let read = async {
        let sender = sender;
        logs::run(&engine, &project, cli.shared.service.as_deref(), query, &redaction, &sender).await
    };
    let show = async {
        while let Some(Told { member, line }) = told.recv().await {
            screen.room().await;
            let line = match line {
                Ok(line) => line,
                Err(failure) => {
                    screen.warn(&failure.message, failure.hints.first().map_or("", String::as_str));
                    continue;
                }
            };
            let log = Log {
                at: line.at.map(|at| at.to_string()),
                channel: if line.channel == Channel::Stderr { "stderr" } else { "stdout" },
                text: String::from_utf8_lossy(line.settled()).into_owned(),
                end: match line.end {
                    LineEnd::Newline => "newline",
                    LineEnd::Missing => "missing",
                    LineEnd::Cut => "cut",
                },
            };
            if screen.log_line(&container(&member), log, args.timestamps).is_break() {
                break;
            }
        }
        told.close();
    };
    tokio::select! {
        biased;
        () = console::interrupted() => Ok(ExitCode::Interrupted),
        (read, ()) = async { tokio::join!(read, show) } => read.map(|()| screen.unread()),
    }
}
