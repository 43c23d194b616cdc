//! Questions to programs in a running container.

use std::{path::Path, time::Duration};

use docker_ops::{Engine, ExecCommand, ExecEnd, ExecOutput, Probe, ServiceSpec, autopsy::Autopsy};
use report::Failure;
use tokio::sync::mpsc;

use crate::plugin::{Asked, NAME, Python, Ran};
use crate::stack::failure;

/// A stuck driver holds up whoever asks it.
const PATIENCE: Duration = Duration::from_secs(15);
/// pip may load for long.
const INSTALLING: Duration = Duration::from_secs(900);

/// The one place that runs a program in a container here: its code and what it wrote.
async fn run(engine: &Engine, container: &str, command: Vec<String>, patience: Duration) -> Result<Ran, Failure> {
    let command = ExecCommand { command, timeout: Some(patience), ..ExecCommand::default() };
    let (sender, mut receiver) = mpsc::channel::<ExecOutput>(64);
    let gather = async {
        let mut bytes = Vec::new();
        while let Some(output) = receiver.recv().await {
            bytes.extend_from_slice(&output.bytes);
        }
        bytes
    };
    let run = async {
        let end = engine.exec(container, &command, None, &sender).await;
        drop(sender);
        end
    };
    let (end, bytes) = tokio::join!(run, gather);
    let end = end.map_err(|error| failure(&error))?;
    let said = match &end {
        ExecEnd::NotStarted { said, .. } => said.clone(),
        ExecEnd::Exited(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    Ok(Ran { code: end.code().into(), output: said })
}

/// How many cards the driver shows in the container, or why not.
pub(super) async fn cards(engine: &Engine, container: &str) -> Result<usize, String> {
    let ran = run(engine, container, vec!["nvidia-smi".to_owned(), "--list-gpus".to_owned()], PATIENCE).await;
    match ran {
        Ok(ran) if ran.code == 0 => Ok(ran.output.lines().filter(|line| line.starts_with("GPU ")).count()),
        Ok(ran) => Err(ran.output),
        Err(failure) => Err(failure.to_string()),
    }
}

/// ComfyUI's Python in a running container.
#[derive(Debug, Clone)]
pub struct ContainerPython<'a> {
    engine: &'a Engine,
    container: String,
    interpreter: String,
    plugin: String,
    mounts: Vec<(String, String)>,
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
        Self { engine, container: autopsy.id.clone(), interpreter, plugin, mounts }
    }
}

impl Python for ContainerPython<'_> {
    fn run<'a>(&'a self, arguments: &'a [String]) -> Asked<'a> {
        let command = [std::slice::from_ref(&self.interpreter), arguments].concat();
        Box::pin(run(self.engine, &self.container, command, INSTALLING))
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
