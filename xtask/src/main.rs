//! The project's own tasks: `cargo xtask validate`, `tidy`, `bench`, `picture`, `schemas`, `stand-in`.

mod bench;
mod cli;
mod picture;
mod programs;
mod schemas;
mod stand_in;
mod tidy;
mod validate;

use console::Screen;

fn main() -> std::process::ExitCode {
    let cli: cli::Cli = match console::parse() {
        Ok(cli) => cli,
        Err(done) => return done,
    };
    let screen = Screen::new(&cli.shared);
    console::run(&screen, cli::run(&cli, &screen))
}
