//! One credential, equal everywhere: audit, unify, check, sync, rotate, scan, watch, read.

mod cli;
mod commands;

use console::Screen;

fn main() -> std::process::ExitCode {
    let cli = console::parse::<cli::Cli>();
    let screen = Screen::new(&cli.shared);
    console::run(&screen, commands::run(&cli, &screen))
}
