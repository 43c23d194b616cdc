//! `genai-comfy run`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use settings::World;

/// Run a workflow, follow it, and bring its files home
///
/// WORKFLOW is JSON in API format (the editor's Export (API)), JSON in UI format (Save; it is converted with the server's own node
/// classes), or a PNG or WebP picture that ComfyUI made. It is checked against the server before it is sent.
///
/// Ctrl-C asks the server to stop this run and no other; a second Ctrl-C leaves at once. With `--format json` every step is a line of
/// JSON, and the last line says how it ended.
///
///   genai-comfy run workflow.json
///
///   genai-comfy run workflow.json --set KSampler.steps=30 --set 6.text="a red fox" --seed random
///
///   genai-comfy run picture.png --seed 42 --out pictures     what a picture was made by, anew
///
///   genai-comfy run workflow.json --detach                   then: genai-comfy download ID
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The workflow: JSON, PNG or WebP; `-` for standard input
    pub(crate) workflow: PathBuf,
    /// Give an input another value: NODE is an id, a title or a class; may be given several times
    #[arg(long, value_name = "NODE.INPUT=VALUE")]
    pub(crate) set: Vec<String>,
    /// The seeds: a number, `random`, `increment`, or `keep` them as they are
    #[arg(long, default_value = "keep")]
    pub(crate) seed: Seed,
    /// Where the files go, in their subfolders; one of the same name is replaced
    #[arg(long, value_name = "DIR", default_value = "comfy-output")]
    pub(crate) out: PathBuf,
    /// How long to wait for the end, such as 90s, 10m or 2h; the run itself goes on [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<Duration>,
    /// Send it, print its id, and leave
    #[arg(long, conflicts_with_all = ["out", "deadline", "previews"])]
    pub(crate) detach: bool,
    /// Check it as the server would, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Send it unchecked: the server judges. For nodes that judge their values themselves, and take others than they list
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) no_check: bool,
    /// Run what is left if the server would drop some of the outputs
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// Put it before all that waits
    #[arg(long)]
    pub(crate) front: bool,
    /// Show pictures of the work as it goes on, in a terminal that can (kitty, Ghostty, iTerm2, WezTerm)
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) previews: Previews,
}

/// What happens to the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seed {
    Keep,
    Random,
    Increment,
    Fixed(u64),
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "keep" => Ok(Self::Keep),
            "random" => Ok(Self::Random),
            "increment" => Ok(Self::Increment),
            number => number.parse().map(Self::Fixed).map_err(|_| "a whole number, `random`, `increment` or `keep`".to_owned()),
        }
    }
}

impl Seed {
    /// As the client takes it; none to leave the seeds as they are.
    pub(crate) fn drawn(self, world: &World) -> Option<comfy_client::Seed> {
        match self {
            Self::Keep => None,
            Self::Fixed(seed) => Some(comfy_client::Seed::Fixed(seed)),
            Self::Random => Some(comfy_client::Seed::Random(world.entropy.bytes())),
            Self::Increment => Some(comfy_client::Seed::Increment),
        }
    }
}

/// When to show pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Previews {
    /// In a terminal that is known to show them.
    #[default]
    Auto,
    /// Always, in kitty's way unless the terminal is known to have another.
    Always,
    /// Never.
    Never,
}

/// A time as people write it: a number and s, m or h; without a letter in seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let number: f64 = number.parse().map_err(|_| "a number with s, m or h behind it".to_owned())?;
    let seconds = match unit {
        "h" => number * 3600.0,
        "m" => number * 60.0,
        _ => number,
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("0", 0.0)] {
            assert_eq!(time(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for wrong in ["", "s", "-1", "soon", "1d", "nan", "inf"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
