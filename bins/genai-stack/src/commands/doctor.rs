//! `genai-stack doctor`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use console::Screen;
use flows::doctor::{self, Options, Stack};
use report::{Failure, FailureKind, Report};
use settings::World;

use super::meant;
use crate::cli::{Cli, Doctor};

pub(super) async fn run(cli: &Cli, world: &World, args: &Doctor, screen: &Screen) -> Result<Report, Failure> {
    let services = meant::services(world, cli)?;
    let project = meant::project(args.project.project_name.as_deref(), &services)?;
    let patient = Stack::of(project, &services, meant::only(world, cli))?;
    let options =
        Options { kernel_log: args.kernel_log.as_ref().map(|path| kernel_log(&world.current_dir.join(path))).transpose()? };
    let sink = screen.sink();
    console::interruptible(async { doctor::run(meant::engine(&services, &sink).await, &patient, &options, world, &sink).await })
        .await
}

/// A kernel keeps much less; a journal may keep more.
const MOST: usize = 64 << 20;

/// What the file holds in the end, any bytes: the kernel's log is not always UTF-8.
fn kernel_log(path: &Path) -> Result<String, Failure> {
    let bytes = File::open(path)
        .and_then(|file| newest(file, MOST))
        .map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read `{}`: {error}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last whole lines, of about `most` bytes to twice as many. A pipe has no end to begin at, so all is read.
fn newest(mut from: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while from.by_ref().take(1 << 20).read_to_end(&mut bytes)? > 0 {
        if bytes.len() > 2 * most {
            let cut = bytes.len() - most;
            let line = bytes[cut..].iter().position(|byte| *byte == b'\n').map_or(cut, |end| cut + end + 1);
            bytes.drain(..line);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_newest_lines_are_kept() {
        let lines = |numbers: std::ops::Range<u32>| numbers.map(|number| format!("{number:07}\n")).collect::<String>();
        assert_eq!(newest(lines(0..9).as_bytes(), 100).unwrap(), lines(0..9).as_bytes());
        let kept = String::from_utf8(newest(lines(0..1000).as_bytes(), 100).unwrap()).unwrap();
        assert!((90..=200).contains(&kept.len()) && lines(0..1000).ends_with(&kept), "{kept}");
        assert_eq!(kept.len() % 8, 0, "the first line is whole: {kept}");
    }
}
