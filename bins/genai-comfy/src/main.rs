//! A ComfyUI server from the command line: sim brings an embedded one.

mod cli;
mod commands;

use console::Screen;

fn main() -> std::process::ExitCode {
    let cli = console::parse::<cli::Cli>();
    let screen = Screen::new(&cli.shared);
    console::run(&screen, commands::run(&cli, &screen))
}
