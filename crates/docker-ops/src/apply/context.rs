//! The folder that an image is built of, as the archive that an engine takes: packed while it is sent.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::Stream;
use ignore::{
    WalkBuilder,
    gitignore::{Gitignore, GitignoreBuilder},
};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinHandle,
};

use crate::{Error, ErrorKind};

/// Bytes of one piece; so many pieces wait for a slow engine.
const PIECE: usize = 1 << 18;
const PIECES: usize = 8;

/// The archive, and how the packing ended. Whoever drops the archive ends the packing.
pub(super) fn archive(
    folder: PathBuf,
    dockerfile: String,
    secrets: Vec<PathBuf>,
) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, JoinHandle<Result<(), Error>>) {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let packing = tokio::task::spawn_blocking(move || {
        let mut pieces = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
        let packed = pack(&folder, &dockerfile, &secrets, &mut pieces).and_then(|()| pieces.flush());
        packed.map_err(|error| {
            // Cut short on purpose, so that no engine builds of half a folder.
            let _ = sender.blocking_send(Err(io::ErrorKind::UnexpectedEof.into()));
            let message = format!("can't pack the build context `{}`", folder.display());
            Error::new(ErrorKind::Io, message).because(error).hint("name a folder that you can read, with the Dockerfile in it")
        })
    });
    (futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)), packing)
}

struct Pieces(Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(piece)));
        sent.map(|()| piece.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Files, folders and links in the order of their names, but for secrets and what `.dockerignore` leaves out. Owners are root's, as in every image.
fn pack(folder: &Path, dockerfile: &str, secrets: &[PathBuf], into: &mut impl Write) -> io::Result<()> {
    let (folder, secrets) = (&folder.canonicalize()?, real(secrets));
    let left_out = left_out(folder, IGNORE_FILE)?;
    let mut archive = tar::Builder::new(into);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(false);
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(move |entry| entry.depth() == 0 || !is_secret(entry.path(), &secrets))
        .build();
    for entry in walk {
        let entry = entry.map_err(io::Error::other)?;
        let Some(path) = entry.path().strip_prefix(folder).ok().filter(|path| !path.as_os_str().is_empty()) else { continue };
        let Some(kind) = entry.file_type() else { continue };
        let needed = path == Path::new(dockerfile) || path == Path::new(IGNORE_FILE);
        if !needed && left_out.matched_path_or_any_parents(path, kind.is_dir()).is_ignore() {
            continue;
        }
        // Sockets and pipes are nothing to build of.
        if kind.is_file() || kind.is_dir() || kind.is_symlink() {
            archive.append_path_with_name(entry.path(), path)?;
        }
    }
    archive.finish()
}

const IGNORE_FILE: &str = ".dockerignore";

/// The secrets in `folder` that nobody keeps out of an image who packs it by a list alone: by `.dockerignore`, or by BuildKit's, which counts in
/// its place where a Dockerfile has one of its own.
pub(crate) fn exposed(folder: &Path, dockerfile: &str, secrets: &[PathBuf]) -> io::Result<BTreeSet<PathBuf>> {
    let (folder, secrets) = (folder.canonicalize()?, real(secrets));
    let mut lists = vec![left_out(&folder, IGNORE_FILE)?];
    let own = format!("{dockerfile}{IGNORE_FILE}");
    if folder.join(&own).exists() {
        lists.push(left_out(&folder, &own)?);
    }
    let mut exposed = BTreeSet::new();
    for entry in WalkBuilder::new(&folder).standard_filters(false).build().flatten() {
        let Ok(path) = entry.path().strip_prefix(&folder) else { continue };
        let is_sent = entry.file_type().is_some_and(|kind| kind.is_file())
            && lists.iter().any(|list| !list.matched_path_or_any_parents(path, false).is_ignore());
        let parts = path.ancestors().filter(|part| is_sent && !part.as_os_str().is_empty());
        exposed.extend(parts.filter(|part| is_secret(&folder.join(part), &secrets)).last().map(Path::to_owned));
    }
    Ok(exposed)
}

/// Where they lie without links: a path of the folder, which is walked without them, is then the same.
fn real(secrets: &[PathBuf]) -> Vec<PathBuf> {
    secrets.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect()
}

/// What never gets into an image, whoever may read it then: where a project keeps its tokens and passwords. The usual context is the
/// project's own folder.
fn is_secret(path: &Path, secrets: &[PathBuf]) -> bool {
    if secrets.iter().any(|secret| secret == path) {
        return true;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match &*name {
        ".secrets" | ".env" | PASSWORD | ".secret-key.txt" | ".genai.lock" | ".genai-stack.lock" => true,
        "login" => path.join(PASSWORD).symlink_metadata().is_ok(),
        other => other.starts_with(".env.") || is_copy(other),
    }
}

/// ComfyUI-Login's file, in its folder `login`.
const PASSWORD: &str = "PASSWORD";

/// Whether it is called like a copy that was made before a change: `20260102T030405Z-0-.env`.
fn is_copy(name: &str) -> bool {
    let stamp = name.split_once('-').and_then(|(stamp, _)| stamp.as_bytes().first_chunk::<16>());
    stamp.is_some_and(|stamp| {
        stamp.iter().enumerate().all(|(nth, sign)| match nth {
            8 => *sign == b'T',
            15 => *sign == b'Z',
            _ => sign.is_ascii_digit(),
        })
    })
}

/// Docker's patterns are git's, but each begins at the top.
fn left_out(folder: &Path, list: &str) -> io::Result<Gitignore> {
    let mut patterns = GitignoreBuilder::new("");
    let text = match File::open(folder.join(list)) {
        Ok(file) => io::read_to_string(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (not, pattern) = line.strip_prefix('!').map_or(("", line), |pattern| ("!", pattern));
        let pattern = pattern.trim_start_matches("./").trim_matches('/');
        patterns.add_line(None, &format!("{not}/{pattern}")).map_err(io::Error::other)?;
    }
    patterns.build().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut bytes = Vec::new();
        pack(folder, "Dockerfile", &[folder.join("v.conf"), folder.join("deploy/link.env")], &mut bytes).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap();
        entries.map(|entry| entry.unwrap().path().unwrap().display().to_string().trim_end_matches('/').to_owned()).collect()
    }

    #[test]
    fn all_but_what_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for path in ["Dockerfile", "app/main.py", "app/cache/x.pyc", "app/cache/keep", "models/big", "sub/models/small"] {
            write(path, "x");
        }
        std::os::unix::fs::symlink("main.py", folder.path().join("app/link")).unwrap();
        assert_eq!(names(folder.path()).len(), 12, "without a list nothing is left out");
        write(".dockerignore", "# not these\nDockerfile\n/models/\napp/cache/*\n!app/cache/keep\n");
        assert_eq!(
            names(folder.path()),
            [
                ".dockerignore",
                "Dockerfile",
                "app",
                "app/cache",
                "app/cache/keep",
                "app/link",
                "app/main.py",
                "sub",
                "sub/models",
                "sub/models/small"
            ]
        );
    }

    #[test]
    fn secrets_are_left_out_whatever_the_list_says() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = [
            "v.conf",
            "deploy/comfy.env",
            ".secrets/token",
            ".secrets/backups/20260102T030405Z-0-.env",
            "kept/20260102T030405Z.1-0-PASSWORD",
            ".env",
            "app/.env.local",
            "login/PASSWORD",
            "login/session",
            "ComfyUI/login/PASSWORD",
            "other/PASSWORD",
            "other/.secret-key.txt",
            ".genai.lock",
            ".genai-stack.lock",
        ];
        let harmless = ["Dockerfile", "app/environment", "app/login/page.html", "kept/20260102-notes"];
        for path in secrets.iter().chain(&harmless) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink("comfy.env", folder.path().join("deploy/link.env")).unwrap();
        let wanted: String = secrets.iter().map(|path| format!("!{path}\n")).collect();
        std::fs::write(folder.path().join(IGNORE_FILE), wanted).unwrap();
        assert_eq!(
            names(folder.path()),
            [
                ".dockerignore",
                "ComfyUI",
                "Dockerfile",
                "app",
                "app/environment",
                "app/login",
                "app/login/page.html",
                "deploy",
                "deploy/link.env",
                "kept",
                "kept/20260102-notes",
                "other"
            ]
        );
    }

    #[test]
    fn what_a_list_does_not_name_is_exposed_to_who_goes_by_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            [".secrets/token", ".secrets/copies/token", "app/.env", "login/PASSWORD", "login/session", "v.conf", "main.py"]
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let told = |list: &str| {
            std::fs::write(folder.path().join(IGNORE_FILE), list).unwrap();
            let exposed = exposed(folder.path(), "Dockerfile", &[folder.path().join("v.conf")]).unwrap();
            exposed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(""), ".secrets app/.env login v.conf");
        assert_eq!(told(".secrets\nlogin/*\n!login/PASSWORD\n"), "app/.env login v.conf");
        let all = ".secrets/**\n**/.env\nlogin\nv.conf\n";
        assert_eq!(told(all), "");
        std::fs::write(folder.path().join("Dockerfile.dockerignore"), "v.conf\n").unwrap();
        assert_eq!(told(all), ".secrets app/.env login");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_told_and_ends_the_archive_early() {
        use futures_util::TryStreamExt;
        let (archive, packing) = archive("/nowhere".into(), "Dockerfile".into(), Vec::new());
        assert!(archive.try_collect::<Vec<_>>().await.is_err());
        assert_eq!(packing.await.unwrap().unwrap_err().kind(), ErrorKind::Io);
    }
}
