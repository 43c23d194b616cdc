//! `genai-stack exec`.

use std::process;

use console::{ExitCode, Screen};
use docker_ops::{Channel, ExecCommand, ExecEnd, ExecInput, ExecOutput, NotStarted};
use flows::stack::{exec, redact::Redaction};
use report::{Failure, FailureKind, Sink};
use settings::World;
use tokio::sync::mpsc;

use super::streams::{Stage, stage};
use crate::cli::{Cli, streams::Exec};

pub(super) async fn run(world: &World, cli: &Cli, args: &Exec, screen: &Screen) -> process::ExitCode {
    act(world, cli, args, screen).await.unwrap_or_else(|failure| screen.fail(&failure).into())
}

async fn act(world: &World, cli: &Cli, args: &Exec, screen: &Screen) -> Result<process::ExitCode, Failure> {
    // Its two outputs are the command's own.
    let Stage { engine, project, redaction } =
        console::interruptible(stage(world, cli, &args.project, &Sink::silent())).await??;
    let command = ExecCommand {
        command: args.command.clone(),
        environment: args.env.clone(),
        user: args.user.clone(),
        workdir: args.workdir.clone(),
        terminal: args.tty.then(console::terminal_size),
        timeout: args.timeout,
    };
    let input: ExecInput = if args.interactive { Some(Box::pin(tokio::io::stdin())) } else { None };
    let (sender, output) = mpsc::channel(64);
    // In a terminal that is lent, Ctrl-C is a key like any other.
    let lent = (args.tty && args.interactive).then(console::lend_terminal).flatten();
    let work = async {
        let sender = sender;
        exec::run(&engine, &project, &args.of, &command, &redaction, input, &sender).await
    };
    let ended = tokio::select! {
        biased;
        () = console::interrupted() => return Ok(ExitCode::Interrupted.into()),
        (ended, ()) = async { tokio::join!(work, show(output, &redaction)) } => ended,
    };
    drop(lent);
    let ended = ended?;
    if let ExecEnd::NotStarted { why, said } = &ended {
        screen.fail(&not_started(*why, said, args));
    }
    Ok(process::ExitCode::from(ended.code()))
}

/// Shows what the command writes, without a secret.
async fn show(mut output: mpsc::Receiver<ExecOutput>, redaction: &Redaction) {
    let mut shown = [redaction.stream(), redaction.stream()];
    while let Some(ExecOutput { channel, bytes }) = output.recv().await {
        if !console::pass_on(&shown[channel as usize].push(&bytes), channel == Channel::Stderr) {
            return;
        }
    }
    for (stream, to_error) in shown.iter_mut().zip([false, true]) {
        console::pass_on(&stream.finish(), to_error);
    }
}

fn not_started(why: NotStarted, said: &str, args: &Exec) -> Failure {
    let (service, program) = (&args.of, args.command.first().map_or("", String::as_str));
    let message = match why {
        NotStarted::NotFound => format!("there is no program `{program}` in `{service}`"),
        NotStarted::NotExecutable => format!("`{program}` in `{service}` can't be run"),
        NotStarted::UnknownUser => format!("`{service}` has no user `{}`", args.user.as_deref().unwrap_or_default()),
        NotStarted::UnknownFolder => format!("`{service}` has no folder `{}`", args.workdir.as_deref().unwrap_or_default()),
        NotStarted::NotRunning => format!("`{service}` does not run"),
        NotStarted::Paused => format!("`{service}` is paused"),
        _ => format!("`{program}` could not be begun in `{service}`"),
    };
    let failure = Failure { causes: vec![said.to_owned()], ..Failure::new(FailureKind::Refused, message) };
    match why {
        NotStarted::NotRunning => failure.hint("bring it up: `genai-stack up`"),
        NotStarted::Paused => failure.hint(format!("let it go on: `docker compose unpause {service}`")),
        _ => failure,
    }
}
