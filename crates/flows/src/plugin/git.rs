//! One commit out of a repository, by the system's git.

use std::{io, path::Path, process::Stdio, time::Duration};

use report::{Failure, FailureKind};
use tokio::process::Command;

use super::{archive::MOST_TAPE, bounds::heard};

/// A repository that has not answered by then is given up.
const PATIENCE: Duration = Duration::from_secs(300);
/// The archive of a plugin; and what goes wrong.
const MOST_PRINTED: u64 = MOST_TAPE;
const MOST_SAID: u64 = 1 << 20;

/// Fetches the one commit without history, and unpacks it as an archive: no work tree, so no hook, no filter and no submodule. `bare` is a
/// folder that does not exist yet.
pub(super) async fn fetch(url: &str, commit: &str, bare: &Path, into: &Path) -> Result<(), Failure> {
    let repository = bare.display().to_string();
    git(&["init", "--quiet", "--bare", "--template=", &repository]).await?;
    git(&["-C", &repository, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url, commit])
        .await
        .map_err(|failure| {
        Failure { message: format!("can't fetch {commit} from `{url}`"), ..failure }
            .hint("see whether the machine reaches it; where there is no network, name a copy with `--offline PATH`")
    })?;
    let archive = git(&["-C", &repository, "archive", "--format=tar", commit]).await?;
    super::archive::untar(&*archive, into)
        .map_err(|error| Failure::new(FailureKind::Declined, format!("can't unpack {commit}: {error}")))
}

/// What git prints. It reads no configuration of the machine or the user, asks nobody for a password, and hands none out.
async fn git(arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut command = Command::new("git");
    command
        .args(["-c", "credential.helper=", "-c", "core.hooksPath=/dev/null", "-c", "protocol.version=2", "-c", "gc.auto=0"])
        .args(arguments)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")])
        .envs([
            ("GIT_ALLOW_PROTOCOL", "https:http:ssh:file"),
            ("GIT_ASKPASS", "true"),
            ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        ])
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let failed = |message: String| Failure::new(FailureKind::Unreachable, message);
    let mut child = command
        .spawn()
        .map_err(|error| failed(format!("can't start git: {error}")).hint("install git, or name a folder or an archive"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = async {
        // Who says too much is heard no further, and then has nobody to say it to.
        let (printed, said) = tokio::try_join!(heard(out, MOST_PRINTED), heard(err, MOST_SAID))?;
        Ok::<_, io::Error>((child.wait().await?, printed, said))
    };
    let done = tokio::time::timeout(PATIENCE, read).await;
    let done = done.map_err(|_| failed(format!("git did not end in {} s", PATIENCE.as_secs())))?;
    let (status, printed, said) = done.map_err(|error| failed(format!("git can't be heard: {error}")))?;
    if status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&said).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    Err(Failure { causes: said, ..failed("git failed".to_owned()) })
}
