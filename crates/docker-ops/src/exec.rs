//! Runs a command in a container, and says truly how it ended.
//!
//! Older engines answer 200 and exit code 126 for a command that never began, with the reason in the command's own output; newer ones
//! 127. What tells such a one from a program that itself exits so is that the engine knows no process of it. Podman knows none of any command
//! that has ended: there only the words tell.

mod reason;
mod wire;

use std::{future, pin::Pin, time::Duration};

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{self, Instant},
};

pub use reason::NotStarted;

use crate::{
    Engine, Error, ErrorKind,
    ask::parsed,
    logs::{Channel, Frames, Part},
    standing::named,
};

/// How long the exit code is waited for, at first and at most, between two looks.
const LOOK: Duration = Duration::from_millis(5);
const MOST_LOOK: Duration = Duration::from_millis(500);

/// What is to be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecCommand {
    /// Program and arguments. Everyone who may ask the engine reads them.
    pub command: Vec<String>,
    /// `NAME=VALUE`, added to the container's. Everyone who may ask the engine reads them: no place for secrets.
    pub environment: Vec<String>,
    /// `UID[:GID]` or a name; the container's own if `None`.
    pub user: Option<String>,
    /// The folder to run in; the container's own if `None`.
    pub workdir: Option<String>,
    /// Give it a terminal of so many columns and rows; both its outputs are one then.
    pub terminal: Option<(u16, u16)>,
    /// Give up after this. The command runs on, since the engine has no way to end it.
    pub timeout: Option<Duration>,
}

/// What the command reads. None: it has no input.
pub type ExecInput = Option<Pin<Box<dyn AsyncRead + Send>>>;

/// What a command wrote: any bytes, cut anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Which of its outputs; always standard output with a terminal.
    pub channel: Channel,
    /// The bytes.
    pub bytes: Bytes,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEnd {
    /// With this code: 128 and the signal's number if a signal ended it.
    Exited(i64),
    /// It never began.
    NotStarted {
        /// Why.
        why: NotStarted,
        /// What the engine said.
        said: String,
    },
    /// Not within the time that it was given. It may still run in there: the engine has no way to end it.
    NotEnded,
}

impl ExecEnd {
    /// The exit code that a shell would give.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            ExecEnd::Exited(code) => u8::try_from(*code).unwrap_or(255),
            ExecEnd::NotStarted { why: NotStarted::NotFound, .. } => 127,
            ExecEnd::NotStarted { .. } => 126,
            // As `timeout` of a shell does.
            ExecEnd::NotEnded => 124,
        }
    }
}

impl Engine {
    /// Runs `command` in `container`, passes `input` to it and what it writes to `output`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a container, [`ErrorKind::InvalidConfig`] without a command, and what stops any request. A
    /// command that did not begin, or end, is no error: [`ExecEnd::NotStarted`], [`ExecEnd::NotEnded`].
    pub async fn exec(
        &self,
        container: &str,
        command: &ExecCommand,
        input: ExecInput,
        output: &mpsc::Sender<ExecOutput>,
    ) -> Result<ExecEnd, Error> {
        if command.command.is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig, "there is no command to run"));
        }
        let (begun, timeout) = (Instant::now(), command.timeout.unwrap_or(Duration::MAX));
        let created = time::timeout(timeout, self.taken(container, command, input.is_some())).await.unwrap_or_else(|_| {
            let message = format!("`{}` in `{container}` was not taken within {timeout:?}", command.command[0]);
            Err(Error::new(ErrorKind::Timeout, message).hint("it was not begun: the engine did not answer"))
        });
        let id = match created? {
            Ok(id) => id,
            Err(refused) => return Ok(refused),
        };
        let left = timeout.saturating_sub(begun.elapsed());
        time::timeout(left, self.run(&id, container, command, input, output)).await.unwrap_or(Ok(ExecEnd::NotEnded))
    }

    /// The id under which the engine takes the command; else why it does not.
    async fn taken(&self, container: &str, command: &ExecCommand, attached: bool) -> Result<Result<String, ExecEnd>, Error> {
        let config = serde_json::json!({
            "AttachStdin": attached, "AttachStdout": true, "AttachStderr": true, "Tty": command.terminal.is_some(),
            "Cmd": command.command, "Env": command.environment,
            "User": command.user.as_deref().unwrap_or_default(), "WorkingDir": command.workdir.as_deref().unwrap_or_default(),
        });
        let path = format!("/containers/{}/exec", named(container)?);
        match self.ask(Method::POST, &path, Bytes::from(config.to_string()), container).await {
            Ok(answer) => Ok(Ok(parsed::<Created>(answer, container).await?.id)),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(Err(reason::of_refusal(&error))),
            Err(error) => Err(error),
        }
    }

    async fn run(
        &self,
        id: &str,
        container: &str,
        command: &ExecCommand,
        input: ExecInput,
        output: &mpsc::Sender<ExecOutput>,
    ) -> Result<ExecEnd, Error> {
        let tty = command.terminal.is_some();
        let path = format!("/exec/{id}/start");
        let start = Bytes::from(serde_json::json!({"Detach": false, "Tty": tty}).to_string());
        let is_podman = self.negotiated().is_podman();
        let mut sorter = Sorter {
            frames: (!tty).then(Frames::default),
            beginnings: reason::beginnings(is_podman),
            held: Vec::new(),
            held_from: Channel::Stdout,
            decided: false,
            output,
        };
        let started = match input {
            None => match self.ask(Method::POST, &path, start, container).await {
                Ok(answer) => beside(self.resize(id, command.terminal), sorter.pass(answer.into_body())).await,
                Err(error) => Err(error),
            },
            Some(input) => match self.upgraded(&path, start, container).await {
                Ok(stream) => beside(self.resize(id, command.terminal), sorter.converse(stream, input)).await,
                Err(error) => Err(error),
            },
        };
        match started {
            Ok(()) => {}
            // Newer engines refuse what older ones put into the output.
            Err(error) if matches!(error.kind(), ErrorKind::BadRequest | ErrorKind::Conflict | ErrorKind::Server) => {
                return Ok(reason::of_refusal(&error));
            }
            Err(error) => return Err(error),
        }
        let ended = self.ended(id, container).await?;
        let is_said = || reason::begins(&sorter.held, sorter.beginnings) && matches!(ended.exit_code, Some(125..=127));
        if ended.pid == 0 && (!is_podman || is_said()) {
            return Ok(reason::of_text(&sorter.held));
        }
        sorter.release().await;
        Ok(ExecEnd::Exited(ended.exit_code.unwrap_or(255)))
    }

    /// The output may end before the command does.
    async fn ended(&self, exec: &str, container: &str) -> Result<Inspected, Error> {
        let mut wait = LOOK;
        loop {
            let inspected: Inspected = self.read(&format!("/exec/{exec}/json"), container).await?;
            if !inspected.running && inspected.exit_code.is_some() {
                return Ok(inspected);
            }
            time::sleep(wait).await;
            wait = (2 * wait).min(MOST_LOOK);
        }
    }

    /// Tells a command's terminal its size. It may not be there yet when the engine has answered; a command that has ended needs none.
    async fn resize(&self, exec: &str, size: Option<(u16, u16)>) {
        let Some((columns, rows)) = size else { return };
        let path = format!("/exec/{exec}/resize?w={columns}&h={rows}");
        let mut wait = LOOK;
        while self.ask(Method::POST, &path, Bytes::new(), exec).await.is_err() && wait < MOST_LOOK {
            time::sleep(wait).await;
            wait *= 2;
        }
    }
}

/// `work`, and `aside` as long as it takes.
async fn beside<T>(aside: impl Future<Output = ()>, work: impl Future<Output = T>) -> T {
    let aside = async {
        aside.await;
        future::pending().await
    };
    tokio::select! {
        done = work => done,
        never = aside => never,
    }
}

/// Sorts what comes by output.
struct Sorter<'a> {
    /// None with a terminal, whose bytes come as they are.
    frames: Option<Frames>,
    /// How the engine's own words begin.
    beginnings: &'static [&'static str],
    /// What may be the engine's own word on why there is no command.
    held: Vec<u8>,
    held_from: Channel,
    /// Whether the output is known to be the command's.
    decided: bool,
    output: &'a mpsc::Sender<ExecOutput>,
}

impl Sorter<'_> {
    async fn pass(&mut self, mut body: Incoming) -> Result<(), Error> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Error::new(ErrorKind::Broken, "the command's output broke off").because(error))?;
            self.push(frame.data_ref().map_or(&[], |data| data)).await?;
        }
        Ok(())
    }

    /// Passes on both ways until the command's output ends.
    async fn converse(
        &mut self,
        stream: hyper::upgrade::Upgraded,
        mut input: Pin<Box<dyn AsyncRead + Send>>,
    ) -> Result<(), Error> {
        let (mut from, mut to) = tokio::io::split(TokioIo::new(stream));
        // A terminal is one line both ways: closed for input, the engine ends its output too.
        let may_close = self.frames.is_some();
        let send = async {
            // A command that reads no further closes its side: that is its good right.
            drop(tokio::io::copy(&mut input, &mut to).await);
            if may_close {
                drop(to.shutdown().await);
            }
            future::pending::<()>().await;
        };
        let receive = async {
            let mut buffer = vec![0; 32 << 10];
            loop {
                match from.read(&mut buffer).await {
                    Ok(0) => return Ok(()),
                    Ok(length) => self.push(&buffer[..length]).await?,
                    Err(error) => return Err(Error::new(ErrorKind::Broken, "the command's output broke off").because(error)),
                }
            }
        };
        tokio::select! {
            () = send => Ok(()),
            received = receive => received,
        }
    }

    async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut parts = Vec::new();
        match &mut self.frames {
            None => parts.push((Channel::Stdout, Bytes::copy_from_slice(bytes))),
            Some(frames) => frames.push(bytes, |Part { channel, bytes, .. }| {
                parts.push((channel.unwrap_or(Channel::Stderr), Bytes::copy_from_slice(bytes)));
            })?,
        }
        for (channel, bytes) in parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            if self.decided {
                self.give(channel, bytes).await;
                continue;
            }
            if self.held_from != channel && !self.held.is_empty() {
                self.release().await;
                self.give(channel, bytes).await;
                continue;
            }
            self.held_from = channel;
            self.held.extend_from_slice(&bytes);
            if !reason::may_begin(&self.held, self.beginnings) {
                self.release().await;
            }
        }
        Ok(())
    }

    /// What was held is the command's own word.
    async fn release(&mut self) {
        self.decided = true;
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.give(self.held_from, held.into()).await;
        }
    }

    /// Nobody may be reading any more; the command goes on all the same.
    async fn give(&self, channel: Channel, bytes: Bytes) {
        drop(self.output.send(ExecOutput { channel, bytes }).await);
    }
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    running: bool,
    exit_code: Option<i64>,
    #[serde(default)]
    pid: i64,
}
