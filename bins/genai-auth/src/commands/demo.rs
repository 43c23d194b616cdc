//! `genai-auth demo`.

use std::path::Path;

use console::{ExitCode, Screen, Shared};
use flows::demo::{self, Options, Running};
use report::{Failure, FailureKind};
use settings::World;

use super::finish;
use crate::cli::Demo;

pub(super) async fn run(world: &World, shared: &Shared, args: &Demo, screen: &Screen) -> Result<ExitCode, Failure> {
    let foreign = [
        ("--project", shared.project.is_some()),
        ("--service", shared.service.is_some()),
        ("--url", !shared.url.is_empty()),
        ("--token-file", shared.token_file.is_some()),
        ("--ca-file", shared.ca_file.is_some()),
        ("--proxy", shared.proxy.is_some()),
        ("--unix-socket", shared.unix_socket.is_some()),
    ];
    if let Some((flag, _)) = foreign.into_iter().find(|(_, given)| *given) {
        return Err(Failure::new(FailureKind::Usage, format!("`{flag}` means nothing to the demo, which brings its own server"))
            .hint("choose its folder with `--dir`; to look at your own server use `genai-auth validate`"));
    }
    let options = Options { dir: args.dir.clone(), port: args.port, rotate: args.rotate };
    let (report, running) = console::interruptible(demo::run(world, &options, &screen.sink())).await?;
    // A demo that was stopped before it began may have no folder of its own.
    let path = Some(args.dir.join("report.json")).filter(|_| report.stopped.is_none());
    let code = finish(screen, report, path.as_deref());
    if let Some(path) = path.filter(|path| path.is_file()) {
        screen.say(&format!("The report is in {}.", path.display()));
    }
    if let Some(running) = running {
        if args.keep {
            screen.say(&how_to_log_in(&running, &world.current_dir));
            console::interrupted().await;
        }
        running.stop().await;
    }
    Ok(code)
}

/// Names the places of the secrets and shows none.
fn how_to_log_in(running: &Running, current_dir: &Path) -> String {
    let shown = |path: &Path| path.strip_prefix(current_dir).unwrap_or(path).display().to_string();
    let Running { url, user, .. } = running;
    format!(
        "\nThe server runs on at {url} until you press Ctrl-C.\n\
         \x20 browser   open {url}/login as `{user}`; the password is the field `raw_token` of {}\n\
         \x20 program   the token is line 1 of {file}:\n\
         \x20           printf 'Authorization: Bearer %s' \"$(head -n 1 '{file}')\" | curl --header @- {url}/queue",
        shown(&running.source),
        file = shown(&running.password_file),
    )
}
