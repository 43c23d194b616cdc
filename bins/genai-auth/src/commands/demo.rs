//! `genai-auth demo`.

use std::{net::SocketAddr, path::Path};

use console::{ExitCode, Screen};
use flows::demo::{self, Options, Running};
use report::Failure;
use settings::World;

use super::finish;
use crate::cli::Demo;

pub(super) async fn run(world: &World, args: &Demo, screen: &Screen) -> Result<ExitCode, Failure> {
    let options = Options { dir: args.dir.clone(), listen: SocketAddr::new(args.listen, args.port), rotate: args.rotate };
    let (report, running) = console::interruptible(demo::run(world, &options, &screen.sink())).await?;
    let path = args.dir.join("report.json");
    let code = finish(screen, &report, args.dir.is_dir().then_some(&path))?;
    screen.say(&format!("The report is in {}.", path.display()));
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
