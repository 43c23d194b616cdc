//! The one place where a task starts other programs.

use std::{
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use report::{Failure, FailureKind};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[expect(clippy::disallowed_methods, reason = "a task runs the tools that a person would run")]
fn command(program: &str) -> Command {
    Command::new(program)
}

/// Runs `program` in the workspace's folder, its output shown on standard error; whether it succeeded.
pub(crate) fn show(program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<bool, Failure> {
    let shown = io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
    let status =
        command(program).args(args).envs(env.iter().copied()).current_dir(root()).stdin(Stdio::null()).stdout(shown).status();
    status.map(|status| status.success()).map_err(|error| not_started(program, &error))
}

/// Runs `program` in `folder` and returns its standard output; its exit code is the second part.
pub(crate) fn capture(program: &str, args: &[&str], folder: &Path) -> Result<(String, Option<i32>), Failure> {
    let output = command(program).args(args).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| not_started(program, &error))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

/// The most memory that `program` held at once while it ran, in bytes, as Linux counts it; looked at every millisecond.
pub(crate) fn peak_memory(program: &str, args: &[&str], folder: &Path) -> Result<u64, Failure> {
    let child = command(program).args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| not_started(program, &error))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while let Ok(None) = child.try_wait() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let held = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(held.unwrap_or_default() * 1024);
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(peak)
}

/// The memory that `program` held, in bytes, each second for so long, as Linux counts it; then, or once `goes_on` says no, it
/// is ended.
pub(crate) fn memory_over(
    program: &str,
    args: &[&str],
    folder: &Path,
    span: Duration,
    goes_on: &dyn Fn() -> Result<(), Failure>,
) -> Result<Vec<u64>, Failure> {
    let child = command(program).args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| not_started(program, &error))?;
    let status = format!("/proc/{}/status", child.id());
    let mut held = Vec::new();
    let mut ended = Ok(());
    for _ in 0..span.as_secs() {
        std::thread::sleep(Duration::from_secs(1));
        ended = goes_on();
        if ended.is_ok()
            && let Ok(Some(status)) = child.try_wait()
        {
            ended = Err(Failure::new(FailureKind::Unexpected, format!("`{program}` ended while it was watched: {status}")));
        }
        if ended.is_err() {
            break;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        held.push(resident.unwrap_or_default() * 1024);
    }
    let _ = child.kill();
    let _ = child.wait();
    ended.map(|()| held)
}

/// Whether `cargo SUBCOMMAND` is installed.
pub(crate) fn has_cargo(subcommand: &str) -> bool {
    let probe = command("cargo")
        .args([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe.is_ok_and(|status| status.success())
}

/// The built `genai-auth`, in the profile of `cargo xtask` itself.
pub(crate) fn genai_auth() -> Result<String, Failure> {
    built("genai-auth", &[], "debug")
}

/// A program of ours as users run it.
pub(crate) fn release(program: &str) -> Result<String, Failure> {
    built(program, &["--release"], "release")
}

fn built(program: &str, profile: &[&str], folder: &str) -> Result<String, Failure> {
    if !show("cargo", &[&["build", "--quiet", "--package", program], profile].concat(), &[])? {
        return Err(Failure::new(FailureKind::Unexpected, format!("`{program}` doesn't build")));
    }
    Ok(Path::new(&target()?).join(folder).join(program).display().to_string())
}

/// The folder that cargo builds the workspace in.
pub(crate) fn target() -> Result<String, Failure> {
    let (metadata, _) = capture("cargo", &["metadata", "--format-version", "1", "--no-deps"], &root())?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap_or_default();
    Ok(metadata["target_directory"].as_str().unwrap_or("target").to_owned())
}

fn not_started(program: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Unexpected, format!("can't start `{program}`: {error}"))
        .hint(format!("install `{program}`, or put it on the PATH"))
}
