//! What every binary has beside its commands: scripts with which a shell completes them, and manual pages.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Subcommand};
use clap_complete::Shell;
use report::{Failure, FailureKind};

use crate::{ExitCode, screen::render_failure};

// The commands that every binary has. (A doc comment here would take the place of the binary's own.)
#[derive(Debug, Subcommand)]
enum Companion {
    /// Print the script with which a shell completes this command
    ///
    ///   source <(genai-comfy completions bash)                                  in ~/.bashrc
    ///
    ///   genai-comfy completions zsh > ~/.zfunc/_genai-comfy                     with ~/.zfunc in `fpath`
    ///
    ///   genai-comfy completions fish > ~/.config/fish/completions/genai-comfy.fish
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write a page for each command
    ///
    ///   genai-comfy man | man -l -
    ///
    ///   genai-comfy man --output ~/.local/share/man/man1
    Man {
        /// The folder for a page each of all commands
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// Reads the command line; prints help, version and usage errors itself, as clap does.
///
/// # Errors
/// The exit code of a command that every binary has, which is done by now.
pub fn parse<C: FromArgMatches + CommandFactory>() -> Result<C, process::ExitCode> {
    let command = with_companions(C::command());
    let matches = command.clone().get_matches();
    let Some(companion) = companion(&matches) else {
        return Ok(C::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()));
    };
    Err(companion.run(command).map_or_else(|failure| complain(&failure), |()| ExitCode::Well).into())
}

fn with_companions(command: Command) -> Command {
    // The examples name the binary that they stand in.
    let name = command.get_name().to_owned();
    let mut command = Companion::augment_subcommands(command);
    for companion in ["completions", "man"] {
        command = command.mut_subcommand(companion, |one| {
            let about = one.get_long_about().map(|about| about.to_string().replace("genai-comfy", &name));
            one.long_about(about.unwrap_or_default())
        });
    }
    command
}

fn companion(matches: &ArgMatches) -> Option<Companion> {
    let (name, _) = matches.subcommand()?;
    ["completions", "man"].contains(&name).then(|| Companion::from_arg_matches(matches).ok()).flatten()
}

impl Companion {
    fn run(&self, command: Command) -> Result<(), Failure> {
        match self {
            Self::Completions { shell } => print(&script(*shell, command)),
            Self::Man { output: None } => print(&page(command)),
            Self::Man { output: Some(folder) } => pages(command, folder),
        }
    }
}

fn script(shell: Shell, mut command: Command) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

fn page(command: Command) -> Vec<u8> {
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(command.disable_help_subcommand(true)).render(&mut text);
    rendered.unwrap_or_else(|_| unreachable!("a vector takes whatever is written to it"));
    text
}

fn pages(command: Command, folder: &Path) -> Result<(), Failure> {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| {
        Failure::new(FailureKind::Refused, format!("can't write to `{}`: {error}", folder.display()))
            .hint("choose a folder that you may write to")
    })
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        // Nobody reads on, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't print: {error}"))),
    }
}

fn complain(failure: &Failure) -> ExitCode {
    // Whoever can't be told can't be told so.
    let _ = anstream::stderr().lock().write_all(render_failure(failure).as_bytes());
    ExitCode::for_kind(failure.kind)
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ValueEnum};

    use super::*;

    fn command() -> Command {
        let color = Arg::new("color").long("color").value_parser(["red", "blue"]);
        with_companions(Command::new("genai-x").about("Does x").subcommand(Command::new("paint").about("Paints").arg(color)))
    }

    #[test]
    fn every_shell_learns_commands_flags_and_choices() {
        command().debug_assert();
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell, command())).unwrap();
            for word in ["genai-x", "paint", "color", "completions", "man"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            assert!(script.contains("blue") || *shell == Shell::PowerShell || *shell == Shell::Elvish, "{shell}");
        }
    }

    #[test]
    fn every_command_has_its_page_and_the_first_names_all() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("man1");
        pages(command(), &into).unwrap();
        let mut names: Vec<String> =
            std::fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["genai-x-completions.1", "genai-x-man.1", "genai-x-paint.1", "genai-x.1"]);
        let page = String::from_utf8(page(command())).unwrap();
        assert!(page.contains("Does x") && page.contains("genai\\-x\\-paint(1)"), "{page}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(pages(command(), &folder.path().join("file")).unwrap_err().kind, FailureKind::Refused);
    }

    #[test]
    fn only_these_two_are_taken_from_the_binary() {
        let read = |args: &[&str]| companion(&command().try_get_matches_from([&["genai-x"], args].concat()).unwrap());
        assert!(matches!(read(&["completions", "fish"]), Some(Companion::Completions { shell: Shell::Fish })));
        assert!(matches!(read(&["man", "--output", "x"]), Some(Companion::Man { output: Some(_) })));
        assert!(read(&["paint"]).is_none());
        let help = command().try_get_matches_from(["genai-x", "man", "--help"]).unwrap_err().to_string();
        assert!(help.contains("genai-x man | man -l -") && !help.contains("genai-comfy"), "{help}");
    }
}
