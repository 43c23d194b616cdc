//! `genai-stack exec`.

use std::{
    io::{self, IsTerminal},
    pin::pin,
    process,
    time::Duration,
};

use console::{ExitCode, Screen};
use docker_ops::{Channel, ExecCommand, ExecEnd, ExecInput, ExecOutput, NotStarted};
use flows::stack::{exec, redact::Redaction};
use report::{Failure, FailureKind, Sink};
use settings::World;
use tokio::{sync::mpsc, time};

use super::streams::{Stage, stage};
use crate::cli::{Cli, streams::Exec};

/// What a shell says of a program that wrote to a closed pipe: 128 and SIGPIPE.
const UNREAD: u8 = 141;
/// How long the reader of a command's last words is waited for once nobody waits for the command itself any more.
const SOON: Duration = Duration::from_secs(1);

pub(super) async fn run(world: &World, cli: &Cli, args: &Exec, screen: &Screen) -> process::ExitCode {
    act(world, cli, args, screen).await.unwrap_or_else(|failure| screen.fail(&failure).into())
}

async fn act(world: &World, cli: &Cli, args: &Exec, screen: &Screen) -> Result<process::ExitCode, Failure> {
    if args.interactive && args.tty && !io::stdin().is_terminal() {
        return Err(Failure::new(FailureKind::Usage, "`--interactive --tty` needs a terminal on standard input")
            .hint("to pipe something in, leave `--tty` out"));
    }
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
    let ended = async {
        let mut show = pin!(show(output, &redaction));
        let ended = tokio::select! {
            // It goes on for as long as the command does, or somebody reads.
            Err(error) = &mut show => return Err(error),
            ended = work => ended,
        };
        let patience = if matches!(ended, Ok(ExecEnd::NotEnded)) { SOON } else { Duration::MAX };
        time::timeout(patience, show).await.unwrap_or(Ok(()))?;
        Ok(ended)
    };
    let ended = tokio::select! {
        biased;
        () = console::interrupted() => return Ok(ExitCode::Interrupted.into()),
        ended = ended => ended,
    };
    drop(lent);
    let ended = match ended {
        Ok(ended) => ended?,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(UNREAD.into()),
        Err(error) => return Err(Failure::new(FailureKind::Unexpected, format!("can't write the output: {error}"))),
    };
    let failure = match &ended {
        ExecEnd::Exited(_) => None,
        ExecEnd::NotStarted { why, said } => Some(not_started(*why, said, args)),
        ExecEnd::NotEnded => Some(not_ended(args)),
    };
    if let Some(failure) = failure {
        screen.fail(&failure);
    }
    Ok(process::ExitCode::from(ended.code()))
}

/// Shows what the command writes, without a secret, to its end; or until that can't be written.
async fn show(mut output: mpsc::Receiver<ExecOutput>, redaction: &Redaction) -> io::Result<()> {
    let mut shown = [redaction.stream(), redaction.stream()];
    while let Some(ExecOutput { channel, bytes }) = output.recv().await {
        console::pass_on(&shown[channel as usize].push(&bytes), channel == Channel::Stderr).await?;
    }
    for (stream, to_error) in shown.iter_mut().zip([false, true]) {
        console::pass_on(&stream.finish(), to_error).await?;
    }
    Ok(())
}

fn not_ended(args: &Exec) -> Failure {
    let (program, time) = (args.command.first().map_or("", String::as_str), args.timeout.unwrap_or_default());
    Failure::new(FailureKind::Unreachable, format!("`{program}` in `{}` did not end within {time:?}", args.of))
        .hint("it may still run in there: the engine has no way to end it")
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
