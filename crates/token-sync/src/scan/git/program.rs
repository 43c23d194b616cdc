//! The one door through which git is started.

use std::{
    io::{self, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use super::Git;
use crate::{Error, ErrorKind};

/// A git that runs. It is ended when this is dropped.
pub(super) struct Running {
    child: Child,
    pub(super) stdout: BufReader<ChildStdout>,
}

/// What a git that ended has left.
pub(super) struct Output {
    /// Its exit code; `None` if a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
}

impl Git {
    /// Starts git with `arguments` in the repository and gives it `input`.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts git, which the caller named")]
    pub(super) fn start(&self, arguments: &[impl AsRef<std::ffi::OsStr>], input: Vec<u8>) -> Result<Running, Error> {
        let mut command = Command::new(&self.program);
        command
            .arg("-C")
            .arg(&self.folder)
            .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "log.showSignature=false"])
            .args(arguments)
            .envs([("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0")])
            .envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_NO_REPLACE_OBJECTS", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| self.not_started(error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A thread of its own: git may fill its output before it has read all input. If git ends early, so does this.
            thread::spawn(move || stdin.write_all(&input));
        }
        let Some(stdout) = child.stdout.take() else { return Err(self.failed(io::ErrorKind::BrokenPipe.into())) };
        Ok(Running { child, stdout: BufReader::with_capacity(64 << 10, stdout) })
    }

    /// Runs git to its end.
    pub(super) fn output(&self, arguments: &[impl AsRef<std::ffi::OsStr>], input: Vec<u8>) -> Result<Output, Error> {
        let mut running = self.start(arguments, input)?;
        let mut stdout = Vec::new();
        running.stdout.read_to_end(&mut stdout).map_err(|error| self.failed(error))?;
        let code = running.child.wait().map_err(|error| self.failed(error))?.code();
        Ok(Output { code, stdout })
    }

    /// Git could not be read, or stopped in the middle.
    pub(super) fn failed(&self, error: io::Error) -> Error {
        Error::io("read what git says of", &self.folder, error).hint(self.ask_git())
    }

    /// Git ended with a failure: most often since there is no repository.
    fn refused(&self) -> Error {
        let at = self.folder.display();
        let has_repository = self.output(&["rev-parse", "--git-dir"], Vec::new()).is_ok_and(|output| output.code == Some(0));
        let error = if has_repository {
            Error::new(ErrorKind::Io, format!("git failed in the repository at `{at}`"))
        } else {
            Error::new(ErrorKind::Target, format!("git finds no repository at `{at}` that it may read"))
        };
        error.hint(self.ask_git())
    }

    fn ask_git(&self) -> String {
        format!("see what git says: `git -C '{}' fsck`", self.folder.display())
    }

    fn not_started(&self, error: io::Error) -> Error {
        Error::io("start", self.program.as_ref(), error).hint("install git, or name where it is")
    }
}

impl Output {
    /// What it printed.
    ///
    /// # Errors
    /// If it failed.
    pub(super) fn success(self, git: &Git) -> Result<Vec<u8>, Error> {
        if self.code == Some(0) { Ok(self.stdout) } else { Err(git.refused()) }
    }
}

impl Running {
    /// Waits for its end.
    ///
    /// # Errors
    /// If it failed.
    pub(super) fn success(mut self, git: &Git) -> Result<(), Error> {
        let status = self.child.wait().map_err(|error| git.failed(error))?;
        if status.success() { Ok(()) } else { Err(git.refused()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
