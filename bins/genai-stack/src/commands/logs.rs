//! `genai-stack logs`.

use console::{ExitCode, Screen, json::stack_lines_v1::Log};
use docker_ops::{Channel, LineEnd, LogQuery};
use flows::stack::logs::{self, Told};
use jiff::{SignedDuration, Timestamp};
use report::{Failure, FailureKind};
use settings::World;
use tokio::sync::mpsc;

use super::streams::{Stage, container, stage};
use crate::cli::{Cli, streams::Logs};

pub(super) async fn run(world: &World, cli: &Cli, args: &Logs, screen: &Screen) -> ExitCode {
    show(world, cli, args, screen).await.unwrap_or_else(|failure| screen.fail(&failure))
}

async fn show(world: &World, cli: &Cli, args: &Logs, screen: &Screen) -> Result<ExitCode, Failure> {
    let time = |text: &Option<String>| text.as_deref().map(|text| time(text, world.clock.now())).transpose();
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

/// A time, or how long before `now`.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = || text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative()).and_then(|ago| now.checked_sub(ago).ok());
    text.parse().ok().or_else(ago).ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("`{text}` is no time"))
            .hint("write a time such as `2026-01-02T03:04:05Z`, or how long ago, such as `10m`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_so_long_ago() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let told = |text: &str| time(text, now).map(|at| at.to_string()).map_err(|failure| failure.message);
        assert_eq!(told("2026-01-02T03:04:05.000000006+01:00").unwrap(), "2026-01-02T02:04:05.000000006Z");
        assert_eq!(told("90s").unwrap(), "1970-01-12T13:45:10Z");
        assert_eq!(told("2h").unwrap(), "1970-01-12T11:46:40Z");
        for wrong in ["", "yesterday", "-5m", "10"] {
            assert_eq!(told(wrong).unwrap_err(), format!("`{wrong}` is no time"));
        }
    }
}
