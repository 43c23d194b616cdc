//! How the files of a run come home.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use comfy_client::{Client, Downloaded, ErrorKind, ImageFormat, StoredFile, WsImage};
use data_encoding::HEXLOWER;
use report::{Failure, FailureKind};
use rustix::fs::{Access, access};
use settings::World;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::connect::failure;

/// A file that was brought home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The file on this machine, as the user would name it.
    pub path: String,
    /// The file on the server, such as `output/cats/1.png`; `websocket/NODE` for a picture that a node sent in place of a file.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// Finds before the work that its files could not be put there.
///
/// # Errors
/// Where something that is no folder is in the way, or one that nothing may be put into.
pub fn folder(out: &Path, world: &World) -> Result<(), Failure> {
    let path = world.current_dir.join(out);
    let Some(part) = path.ancestors().find(|part| part.exists()) else { return Ok(()) };
    let wrong = |kind, what: &str| Failure::new(kind, format!("`--out {}`: `{}` {what}", out.display(), shown(part, world)));
    if !part.is_dir() {
        return Err(wrong(FailureKind::Usage, "is no folder").hint("name a folder; it is made if it is not there"));
    }
    access(part, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let failure = wrong(FailureKind::Refused, "takes no files");
        Failure { causes: vec![error.to_string()], ..failure }.hint("choose another folder with `--out`")
    })
}

/// Brings one file home, to `out` and its subfolder there.
///
/// # Errors
/// What the server or the disk refused, with what to do.
pub async fn fetch(client: &Client, file: &StoredFile, out: &Path, world: &World) -> Result<File, Failure> {
    let got = client.download_tree(file, &world.current_dir.join(out)).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure { message: format!("the server has no `{file}`"), ..failure(&error) }
            .hint("a run that is served from the cache names files of an earlier one, which may be gone: change a seed, or `genai-comfy free`"),
        ErrorKind::Io => failure(&error).hint("make room, or choose another folder with `--out`; what is there on the server stays there"),
        _ => failure(&error),
    })?;
    Ok(brought(file, &got, world))
}

/// A file that the client brought home.
pub(super) fn brought(file: &StoredFile, got: &Downloaded, world: &World) -> File {
    let path = shown(&got.path, world);
    File { path, file: file.to_string(), bytes: got.bytes, sha256: got.sha256_hex.clone() }
}

/// Writes a picture that came over the WebSocket to `out`, whole or not at all.
///
/// # Errors
/// What the disk refused, by its kind and with what to do.
pub async fn keep(image: &WsImage, name: &str, out: &Path, world: &World) -> Result<File, (io::ErrorKind, Failure)> {
    let extension = match image.format {
        ImageFormat::Jpeg => "jpg",
        ImageFormat::Png => "png",
        _ => "bin",
    };
    let folder = world.current_dir.join(out);
    let name = format!("{name}.{extension}");
    if Path::new(&name).file_name() != Some(name.as_ref()) {
        let failure = Failure::new(FailureKind::Refused, format!("`{}` can't be the name of a file", name.escape_debug()));
        return Err((io::ErrorKind::InvalidFilename, failure));
    }
    let path = folder.join(name);
    write(image.image.clone(), folder, &path).await.map_err(|error| {
        let failure = Failure::new(FailureKind::Refused, format!("can't write `{}`: {error}", path.display()));
        (error.kind(), failure.hint("make room, or choose another folder with `--out`"))
    })?;
    Ok(File {
        path: shown(&path, world),
        file: format!("websocket/{}", image.node),
        bytes: image.image.len() as u64,
        sha256: HEXLOWER.encode(&Sha256::digest(&image.image)),
    })
}

/// Threads do it: a slow disk keeps nobody from a wish to stop. The guard is here, and so takes away what is half-written when the
/// future goes.
async fn write(picture: impl AsRef<[u8]> + Send + 'static, folder: PathBuf, to: &Path) -> io::Result<()> {
    let make = move || {
        fs::create_dir_all(&folder)?;
        let mode = fs::Permissions::from_mode(0o666);
        Ok(tempfile::Builder::new().permissions(mode).tempfile_in(&folder)?.into_parts())
    };
    let (mut file, guard) = in_a_thread(make).await?;
    let fill = move || {
        file.write_all(picture.as_ref())?;
        file.sync_all()
    };
    in_a_thread(fill).await?;
    Ok(guard.persist(to)?)
}

async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
}

/// A path as the user would name it.
fn shown(path: &Path, world: &World) -> String {
    path.strip_prefix(&world.current_dir).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_picture_whose_run_is_left_while_it_is_written_leaves_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let out = tempfile::tempdir().unwrap();
        let (folder, there) = (out.path().to_owned(), || fs::read_dir(out.path()).unwrap().next().is_some());
        runtime.block_on(async {
            let to = out.path().join("a.png");
            let mut writing = Box::pin(write([0; 9], folder, &to));
            assert!(writing.as_mut().now_or_never().is_none());
            // The one thread for files makes the file, and is held up then.
            let ((made, is_made), (go, wait)) = (mpsc::channel(), mpsc::channel::<()>());
            spawn_blocking(move || (made.send(()), wait.recv()));
            is_made.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(there());
            assert!(writing.as_mut().now_or_never().is_none());
            drop(writing);
            go.send(()).unwrap();
            spawn_blocking(|| ()).await.unwrap();
        });
        assert!(!there());
    }
}
