//! Questions to programs in a running container.

use std::{path::Path, time::Duration};

use docker_ops::{Engine, ExecCommand, ExecEnd, ExecOutput, Probe, ServiceSpec, autopsy::Autopsy};
use report::{Failure, FailureKind};
use tokio::sync::mpsc;

use crate::plugin::{Asked, NAME, Python, Ran};
use crate::stack::failure;

/// A stuck driver holds up whoever asks it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Python reads what it imports from a slow disk, at most.
const ASKING: Duration = Duration::from_secs(60);
/// pip may load for long.
const INSTALLING: Duration = Duration::from_secs(900);
/// An answer is never longer.
const MOST: usize = 1 << 20;

/// The one place that runs a program in a container here: its code and what it wrote. Of what goes on writing after [`MOST`] nothing more
/// is known, unless the `newest` is what counts.
async fn run(engine: &Engine, container: &str, command: Vec<String>, patience: Duration, newest: bool) -> Result<Ran, Failure> {
    let program = command.first().cloned().unwrap_or_default();
    let command = ExecCommand { command, timeout: Some(patience), ..ExecCommand::default() };
    let (sender, receiver) = mpsc::channel::<ExecOutput>(64);
    let run = async {
        let end = engine.exec(container, &command, None, &sender).await;
        drop(sender);
        end.map_err(|error| failure(&error))
    };
    let (end, bytes) = tokio::try_join!(run, gather(receiver, &program, newest))?;
    let said = match &end {
        ExecEnd::NotStarted { said, .. } => said.clone(),
        ExecEnd::Exited(_) => String::from_utf8_lossy(&bytes).into_owned(),
        ExecEnd::NotEnded => {
            let message = format!("`{program}` in the container did not end within {patience:?}");
            return Err(Failure::new(FailureKind::Unreachable, message));
        }
    };
    Ok(Ran { code: end.code().into(), output: said })
}

/// What a program wrote, or the newest of it.
async fn gather(mut output: mpsc::Receiver<ExecOutput>, program: &str, newest: bool) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = output.recv().await {
        bytes.extend_from_slice(&piece.bytes);
        if bytes.len() > MOST && !newest {
            let message = format!("`{program}` in the container writes without end: what it answers is not known");
            return Err(Failure::new(FailureKind::Unexpected, message));
        }
        if bytes.len() > 2 * MOST {
            bytes.drain(..bytes.len() - MOST);
        }
    }
    Ok(bytes)
}

/// How many cards the driver shows in the container, or why not.
pub(super) async fn cards(engine: &Engine, container: &str) -> Result<Result<usize, String>, Failure> {
    let ran = run(engine, container, vec!["nvidia-smi".to_owned(), "--list-gpus".to_owned()], PATIENCE, false).await?;
    Ok(match ran.code {
        0 => Ok(counted(&ran.output)),
        _ => Err(ran.output),
    })
}

/// A card that is divided stands for its parts, which are listed below it and asked for one by one.
fn counted(list: &str) -> usize {
    let lines: Vec<_> = list.lines().map(str::trim_start).collect();
    let is_part = |line: &&str| line.starts_with("MIG ");
    let is_whole = |nth: usize, line: &str| line.starts_with("GPU ") && !lines.get(nth + 1).is_some_and(is_part);
    lines.iter().enumerate().filter(|(nth, line)| is_part(line) || is_whole(*nth, line)).count()
}

/// ComfyUI's Python in a running container.
#[derive(Debug, Clone)]
pub struct ContainerPython<'a> {
    engine: &'a Engine,
    container: String,
    interpreter: String,
    plugin: String,
    mounts: Vec<(String, String)>,
    installs: bool,
}

impl<'a> ContainerPython<'a> {
    /// The interpreter of the health probe, else `python3`; the plugin where the container has `custom_nodes`, else where ComfyUI's
    /// images have it.
    #[must_use]
    pub fn of(engine: &'a Engine, autopsy: &Autopsy, wanted: Option<&ServiceSpec>) -> Self {
        let interpreter = match wanted.map(|service| &service.health.probe) {
            Some(Probe::Python { interpreter, .. }) => interpreter.clone(),
            _ => "python3".to_owned(),
        };
        let mounts: Vec<_> = autopsy.mounts.iter().map(|mount| (mount.source.clone(), mount.target.clone())).collect();
        let plugin = format!("{}/{NAME}", autopsy.custom_nodes().as_deref().unwrap_or("/ComfyUI/custom_nodes"));
        Self { engine, container: autopsy.id.clone(), interpreter, plugin, mounts, installs: false }
    }

    /// The same, that may be busy for minutes.
    #[must_use]
    pub fn installing(self) -> Self {
        Self { installs: true, ..self }
    }
}

impl Python for ContainerPython<'_> {
    fn run<'a>(&'a self, arguments: &'a [String]) -> Asked<'a> {
        let command = [std::slice::from_ref(&self.interpreter), arguments].concat();
        let patience = if self.installs { INSTALLING } else { ASKING };
        Box::pin(run(self.engine, &self.container, command, patience, self.installs))
    }

    fn plugin(&self) -> &str {
        &self.plugin
    }

    fn sees(&self, folder: &Path) -> Option<String> {
        self.mounts.iter().find_map(|(source, target)| {
            let below = folder.strip_prefix(source).ok()?;
            Some(Path::new(target).join(below).display().to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use docker_ops::Channel;

    use super::*;

    /// What is gathered of so many pieces of a kilobyte, each begun with its number.
    async fn gathered(pieces: usize, newest: bool) -> Result<Vec<u8>, Failure> {
        let (sender, receiver) = mpsc::channel(1);
        let write = async move {
            for nth in 0..pieces {
                let bytes = format!("{nth:<1024}").into();
                if sender.send(ExecOutput { channel: Channel::Stdout, bytes }).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(write, gather(receiver, "python3", newest)).1
    }

    #[test]
    fn of_a_divided_card_the_parts_count() {
        assert_eq!(counted(""), 0);
        assert_eq!(counted("GPU 0: A (UUID: GPU-a)\nGPU 1: A (UUID: GPU-b)\n"), 2);
        let parts = "  MIG 1g.5gb      Device  0: (UUID: MIG-a)\n  MIG 1g.5gb      Device  1: (UUID: MIG-b)\n";
        assert_eq!(counted(&format!("GPU 0: A (UUID: GPU-a)\n{parts}GPU 1: A (UUID: GPU-b)")), 3);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_known_and_of_a_log_the_newest_counts() {
        assert_eq!(gathered(1024, false).await.unwrap().len(), MOST);
        let endless = gathered(100_000, false).await.unwrap_err();
        assert_eq!(endless.message, "`python3` in the container writes without end: what it answers is not known");
        let newest = gathered(10_000, true).await.unwrap();
        assert!((MOST..=2 * MOST).contains(&newest.len()) && newest[newest.len() - 1024..].starts_with(b"9999 "));
    }
}
