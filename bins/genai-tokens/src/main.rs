//! One credential, equal everywhere: audit, unify, check, sync, rotate, scan, watch, read.

mod cli;
mod commands;

use console::Screen;

fn main() -> std::process::ExitCode {
    let cli: cli::Cli = match console::parse() {
        Ok(cli) => cli,
        Err(done) => return done,
    };
    let screen = Screen::new(&cli.shared);
    console::run(&screen, commands::run(&cli, &screen))
}
