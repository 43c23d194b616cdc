//! The containers of a guarded ComfyUI: up, down, restart, status, logs, stats, exec, events, render, doctor.

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
