//! Why a command never began: read from the engine's own words, since its codes do not tell.

use super::ExecEnd;
use crate::Error;

/// Why a command never began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStarted {
    /// There is no such program in the container.
    NotFound,
    /// It is there, and can't be run.
    NotExecutable,
    /// The container has no such user.
    UnknownUser,
    /// The container has no such folder to run in.
    UnknownFolder,
    /// The container does not run.
    NotRunning,
    /// The container is paused.
    Paused,
    /// Something else.
    Other,
}

/// It never says more.
const MOST: usize = 4096;

/// How the engine's own words begin.
pub(super) fn beginnings(is_podman: bool) -> &'static [&'static str] {
    match is_podman {
        true => &["Error: runc: ", "Error: crun: "],
        false => &["OCI runtime exec failed", "unable to find user", "unable to find group"],
    }
}

/// Whether `output` may be, or may become, the engine's own word.
pub(super) fn may_begin(output: &[u8], beginnings: &[&str]) -> bool {
    let fits = |beginning: &&str| {
        let length = output.len().min(beginning.len());
        output[..length] == beginning.as_bytes()[..length]
    };
    output.len() <= MOST && beginnings.iter().any(fits)
}

/// Whether `output` begins as the engine's own word.
pub(super) fn begins(output: &[u8], beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| output.starts_with(beginning.as_bytes()))
}

/// The engine refused to run it.
pub(super) fn of_refusal(error: &Error) -> ExecEnd {
    of_text(error.engine_said().unwrap_or_default().as_bytes())
}

/// The reason in what the engine said first: Podman goes on about its own connection.
pub(super) fn of_text(said: &[u8]) -> ExecEnd {
    let said = String::from_utf8_lossy(said).trim().lines().next().unwrap_or_default().to_owned();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let why = if has(&["is paused"]) {
        NotStarted::Paused
    } else if has(&["is not running", "is restarting", "on running containers"]) {
        NotStarted::NotRunning
    } else if has(&[
        "unable to find user",
        "unable to find group",
        "no matching entries in passwd",
        "no matching entries in group",
    ]) {
        NotStarted::UnknownUser
    } else if has(&["chdir to cwd", "Cwd must be an absolute path"]) {
        NotStarted::UnknownFolder
    } else if has(&["executable file not found", "no such file or directory"]) {
        NotStarted::NotFound
    } else if has(&["permission denied", "exec format error", "is a directory"]) {
        NotStarted::NotExecutable
    } else {
        NotStarted::Other
    };
    ExecEnd::NotStarted { why, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_in_the_words() {
        let runtime = "OCI runtime exec failed: exec failed: unable to start container process: ";
        for (said, expected) in [
            (format!("{runtime}exec: \"nope\": executable file not found in $PATH: unknown\r\n"), NotStarted::NotFound),
            (format!("{runtime}exec: \"/bin/nope\": stat /bin/nope: no such file or directory: unknown"), NotStarted::NotFound),
            (format!("{runtime}exec: \"/tmp\": permission denied: unknown"), NotStarted::NotExecutable),
            (format!("{runtime}exec: \"/bin/x\": exec format error: unknown"), NotStarted::NotExecutable),
            (
                format!("{runtime}chdir to cwd (\"/nope\") set in config.json failed: no such file or directory: unknown"),
                NotStarted::UnknownFolder,
            ),
            ("unable to find user nouser: no matching entries in passwd file".to_owned(), NotStarted::UnknownUser),
            ("Container c is paused, unpause the container before exec".to_owned(), NotStarted::Paused),
            ("Container 0abc is not running".to_owned(), NotStarted::NotRunning),
            ("can only create exec sessions on running containers: container state improper".to_owned(), NotStarted::NotRunning),
            (
                "Error: runc: exec failed: exec: \"/tmp\": permission denied\nError: read: connection reset".to_owned(),
                NotStarted::NotExecutable,
            ),
            (format!("{runtime}something new"), NotStarted::Other),
        ] {
            let ExecEnd::NotStarted { why, .. } = of_text(said.as_bytes()) else { panic!("{said}") };
            assert_eq!(why, expected, "{said}");
        }
    }

    #[test]
    fn only_what_begins_as_the_engine_does_is_held_back() {
        let may_begin = |output: &[u8]| may_begin(output, beginnings(false));
        for held in ["", "O", "OCI runtime exec failed: x", "unable to find user x"] {
            assert!(may_begin(held.as_bytes()), "{held}");
        }
        assert!(!may_begin(b"OK") && !may_begin(b"unable to find a seat"));
        assert!(!may_begin(b"Error: r") && super::may_begin(b"Error: r", beginnings(true)), "Podman says it so");
        assert!(!begins(b"Error: r", beginnings(true)) && begins(b"Error: runc: exec failed", beginnings(true)));
        assert!(!may_begin(format!("OCI runtime exec failed{}", "x".repeat(MOST)).as_bytes()));
    }
}
