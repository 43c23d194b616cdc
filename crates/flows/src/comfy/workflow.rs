//! A workflow as a person names it: read from its file, and changed as the command line says; what is wrong names the file or the flag.

use std::{fs::File, io::Read, path::Path};

use comfy_client::{Error, ObjectInfo, Seed, SeedSet, Workflow, WorkflowFile};
use report::{Failure, FailureKind};

use crate::connect::failure;

/// The longest workflow that is read: pictures hold one beside their pixels.
const LONGEST: u64 = 256 << 20;

/// Reads the file at `path`, which the user knows as `shown`.
///
/// # Errors
/// A file that is not there, or holds no workflow.
pub fn read(path: &Path, shown: &Path) -> Result<WorkflowFile, Failure> {
    read_from(File::open(path).map_err(|error| unreadable(&error, shown))?, shown)
}

/// Reads all that `from` gives, which the user knows as `shown`.
///
/// # Errors
/// What can't be read, or holds no workflow.
pub fn read_from(from: impl Read, shown: &Path) -> Result<WorkflowFile, Failure> {
    let mut bytes = Vec::new();
    from.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error, shown))?;
    if bytes.len() as u64 > LONGEST {
        let message = format!("`{}` is longer than {} MiB: it is no workflow", shown.display(), LONGEST >> 20);
        return Err(Failure::new(FailureKind::Declined, message));
    }
    WorkflowFile::from_bytes(&bytes).map_err(|error| about(&error, shown))
}

fn unreadable(error: &std::io::Error, shown: &Path) -> Failure {
    Failure::new(FailureKind::Unreachable, format!("can't read the workflow `{}`: {error}", shown.display()))
}

/// What is wrong with a file, under its name.
pub fn about(error: &Error, shown: &Path) -> Failure {
    let failure = failure(error);
    Failure { message: format!("`{}`: {}", shown.display(), failure.message), ..failure }
}

/// The workflow as it is sent, beside its UI form where the file has one, which only node classes can convert.
///
/// # Errors
/// A workflow that can't be converted.
pub fn as_sent(file: WorkflowFile, classes: Option<&ObjectInfo>, shown: &Path) -> Result<Workflow, Failure> {
    let made = match classes {
        Some(classes) => file.into_workflow_for(classes),
        None => file.into_workflow(),
    };
    made.map_err(|error| about(&error, shown))
}

/// `NODE.INPUT=VALUE` in its two halves; `flag` is what stands before it on the command line.
///
/// # Errors
/// One without a `=`.
pub fn halves<'a>(flag: &str, one: &'a str) -> Result<(&'a str, &'a str), Failure> {
    one.split_once('=').ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("`{flag}{one}` has no `=`")).hint(format!("write `{flag}NODE.INPUT=VALUE`"))
    })
}

/// Sets an input as `NODE.INPUT=VALUE` says.
///
/// # Errors
/// As [`halves`]; and an input that is not there, or can't have this value.
pub fn assign(workflow: &mut Workflow, flag: &str, one: &str) -> Result<(), Failure> {
    let (address, value) = halves(flag, one)?;
    workflow.set_text(address, value).map_err(|error| wrong(&format!("{flag}{one}"), &error))?;
    Ok(())
}

/// Sets the seeds, unless they stay as they are.
///
/// # Errors
/// A workflow that has none.
pub fn sow(workflow: &mut Workflow, seed: Option<Seed>) -> Result<Vec<SeedSet>, Failure> {
    seed.map_or(Ok(Vec::new()), |seed| workflow.set_seeds(seed)).map_err(|error| wrong("--seed", &error))
}

fn wrong(flag: &str, error: &Error) -> Failure {
    let failure = Failure::of(FailureKind::Usage, error).hints(error.hints());
    Failure { message: format!("`{flag}`: {}", failure.message), ..failure }
}
