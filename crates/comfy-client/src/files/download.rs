//! A file brought to disk: beside its final place first, then under its name in one step.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::{Ends, StoredFile, name};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::Incoming;

/// A file that lies on this machine now, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in lowercase hex.
    pub sha256_hex: String,
}

/// A file that is taken away again unless it is kept.
struct Partial {
    path: PathBuf,
    kept: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // The download has failed already; what is left of it is all that could be reported here.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Client {
    /// Brings a file to the folder `dir`, which must exist, under the last part of its name, in place of a file of that
    /// name. It is written to a temporary file in the same folder, checked as [`Client::view`] does, flushed to disk,
    /// and renamed; where that fails, or the future is dropped, nothing is left behind and an older file stays.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where it cannot be written; [`ErrorKind::Protocol`] for a name that cannot be used here, and a
    /// file cut short; [`ErrorKind::NotFound`]; else as [`Client::health`].
    pub async fn download(&self, file: &StoredFile, dir: &Path) -> Result<Downloaded, Error> {
        let name = name::safe(&file.name)?;
        let path = dir.join(name);
        let mark = HEXLOWER.encode(&self.transport().config().ids.draw()?[..6]);
        let mut incoming = self.transport().file(&file.request()).await?;
        let mut partial = Partial { path: dir.join(format!(".comfy-{mark}.part")), kept: false };
        let (ends, sha256_hex) = receive(&mut incoming, &partial.path).await?;
        ends.check(file, incoming.length)?;
        fs::rename(&partial.path, &path).await.map_err(|cause| failed("put in its place", &path, cause))?;
        partial.kept = true;
        flush_folder(dir).await?;
        tracing::debug!(file = %file, bytes = ends.length(), "downloaded");
        Ok(Downloaded { path, bytes: ends.length(), sha256_hex })
    }
}

async fn receive(incoming: &mut Incoming, path: &Path) -> Result<(Ends, String), Error> {
    let write = |cause| failed("written", path, cause);
    let mut disk = fs::OpenOptions::new().write(true).create_new(true).open(path).await.map_err(write)?;
    let (mut ends, mut digest) = (Ends::default(), Sha256::new());
    while let Some(piece) = incoming.piece().await? {
        ends.see(&piece);
        digest.update(&piece);
        disk.write_all(&piece).await.map_err(write)?;
    }
    disk.flush().await.map_err(write)?;
    disk.sync_all().await.map_err(write)?;
    Ok((ends, HEXLOWER.encode(&digest.finalize())))
}

/// Makes the new name itself lasting, where folders can be flushed.
async fn flush_folder(dir: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = fs::File::open(dir).await.map_err(|cause| failed("flushed", dir, cause))?;
        folder.sync_all().await.map_err(|cause| failed("flushed", dir, cause))?;
    }
    Ok(())
}

fn failed(what: &str, path: &Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("`{}` cannot be {what}", path.display())).because(cause)
}
