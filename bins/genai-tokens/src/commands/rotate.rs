//! `genai-tokens rotate`.

use std::{future::Future, pin::Pin, process::Stdio};

use console::{Screen, Shared};
use flows::tokens::rotate::{self, Options, Renew, Restart};
use report::{Failure, FailureKind, Report};
use settings::{Flags, Settings, World};
use tokio::process::Command;

use crate::cli::{RestartHow, Rotate};

pub(super) async fn run(world: &World, shared: &Shared, args: &Rotate, screen: &Screen) -> Result<Report, Failure> {
    let flags = Flags { comfy_dir: args.comfy_dir.clone(), ..shared.settings() };
    let services = Settings::load_each(&flags, world)?;
    let restart = |service: &str| -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(restart(&args.restart, service.to_owned()))
    };
    let options = Options {
        renew: if args.salt_only { Renew::SaltOnly } else { Renew::Password },
        restart: (args.restart != RestartHow::None).then_some(&restart as Restart<'_>),
    };
    console::interruptible(rotate::run(&services, world, options, &screen.sink())).await
}

/// Runs the user's way to restart the ComfyUI of `service`. It gets no secret: neither as argument nor in its environment beyond
/// what was there.
async fn restart(how: &RestartHow, service: String) -> Result<(), Failure> {
    let (mut command, shown) = match how {
        RestartHow::None => return Ok(()),
        RestartHow::Docker(name) => {
            let name = name.replace("{service}", &service);
            let mut command = Command::new("docker");
            command.args(["restart", "--", &name]);
            (command, format!("docker restart {name}"))
        }
        RestartHow::Command(line) => {
            let mut command = Command::new("sh");
            command.args(["-c", line]).env("GENAI_SERVICE", service);
            (command, line.clone())
        }
    };
    // Ctrl-C ends it too.
    let ended = command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status().await;
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(FailureKind::Refused, format!("`{shown}` failed: {status}"))
            .hint("restart ComfyUI yourself, then run the same command again: it goes on from here")),
        Err(error) => Err(Failure::new(FailureKind::Refused, format!("can't start `{shown}`: {error}"))
            .hint("restart ComfyUI yourself, then run the same command again: it goes on from here")),
    }
}
