//! What goes up: bytes in memory, or a file that is read piece by piece.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::error::{Error, ErrorKind};

/// How much of a file is in memory at a time.
const PIECE: usize = 256 << 10;

/// What is sent up by [`Client::upload`](crate::Client::upload) and [`Client::upload_mask`](crate::Client::upload_mask).
///
/// ```
/// use comfy_client::Content;
///
/// let large = Content::file("footage/scene-1.mp4");
/// let small = Content::bytes("dot.png", &b"\x89PNG"[..]);
/// # let _ = (large, small);
/// ```
#[derive(Clone, Debug)]
pub struct Content {
    name: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

impl Content {
    /// Bytes in memory; of the name only its extension counts.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, png: Vec<u8>) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{Content, UploadOptions};
    ///
    /// client.upload(&Content::bytes("cat.png", png), &UploadOptions::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.into(), source: Source::Bytes(bytes.into()) }
    }

    /// A file. It is read twice: once for its digest, once to send it; it is never in memory as a whole.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{Content, UploadOptions};
    ///
    /// client.upload(&Content::file("footage/scene-1.mp4"), &UploadOptions::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, source: Source::File(path) }
    }

    /// What comes after the name's last dot, if it is of a plain sort.
    pub(super) fn extension(&self) -> Option<String> {
        let extension = Path::new(&self.name).extension()?.to_str()?.to_ascii_lowercase();
        ((1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(extension)
    }

    /// Reads it once, for its length and digest.
    pub(super) async fn measure(&self) -> Result<Payload, Error> {
        match &self.source {
            Source::Bytes(bytes) => Ok(Payload::of(bytes.clone())),
            Source::File(path) => {
                let path = path.clone();
                let measured = tokio::task::spawn_blocking(move || {
                    measure(&path).map_err(|cause| unreadable(&path, cause)).map(|(length, digest)| Payload {
                        length,
                        digest,
                        source: Source::File(path),
                    })
                });
                measured.await.unwrap_or_else(|cause| Err(Error::new(ErrorKind::Io, "the file was not read").because(cause)))
            }
        }
    }
}

fn measure(path: &Path) -> std::io::Result<(u64, [u8; 32])> {
    let mut disk = fs::File::open(path)?;
    let (mut length, mut digest, mut piece) = (0, Sha256::new(), vec![0; PIECE]);
    loop {
        match disk.read(&mut piece)? {
            0 => return Ok((length, digest.finalize().into())),
            read => {
                digest.update(&piece[..read]);
                length += read as u64;
            }
        }
    }
}

/// Content of a known length and digest, ready to be sent, more than once if need be.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    length: u64,
    digest: [u8; 32],
    source: Source,
}

impl Payload {
    pub(crate) fn of(bytes: Bytes) -> Self {
        Self { length: bytes.len() as u64, digest: Sha256::digest(&bytes).into(), source: Source::Bytes(bytes) }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub(crate) fn sha256_hex(&self) -> String {
        HEXLOWER.encode(&self.digest)
    }

    pub(crate) fn body(&self) -> reqwest::Body {
        match &self.source {
            Source::Bytes(bytes) => bytes.clone().into(),
            Source::File(path) => reqwest::Body::wrap_stream(pieces(path.clone(), self.length, self.digest)),
        }
    }
}

struct Reading {
    disk: Option<tokio::fs::File>,
    seen: u64,
    digest: Sha256,
}

/// The file, piece by piece. The last one is held back until all of it is what was measured: a file that changed
/// meanwhile breaks off, and the server keeps nothing of it.
fn pieces(path: PathBuf, length: u64, digest: [u8; 32]) -> impl Stream<Item = Result<Bytes, Error>> {
    let begin = Reading { disk: None, seen: 0, digest: Sha256::new() };
    try_unfold((begin, path), move |(mut reading, path)| async move {
        if reading.seen == length {
            return Ok(None);
        }
        let failed = |cause| unreadable(&path, cause);
        let disk = match &mut reading.disk {
            Some(disk) => disk,
            slot => slot.insert(tokio::fs::File::open(&path).await.map_err(failed)?),
        };
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = disk.take((length - reading.seen).min(PIECE as u64)).read_buf(&mut piece).await.map_err(failed)?;
        reading.digest.update(&piece);
        reading.seen += read as u64;
        let ended = reading.seen == length;
        if read == 0 || ended && <[u8; 32]>::from(std::mem::take(&mut reading.digest).finalize()) != digest {
            return Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was sent", path.display())).sent(true));
        }
        Ok(Some((piece.freeze(), (reading, path))))
    })
}

fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("`{}` cannot be read", path.display())).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    #[test]
    fn only_a_plain_extension_is_taken_over() {
        let extension = |name| Content::bytes(name, Bytes::new()).extension();
        assert_eq!(extension("a.PNG").as_deref(), Some("png"));
        assert_eq!(Content::file("x/b.tar.gz").extension().as_deref(), Some("gz"));
        for odd in ["", "png", ".png", "a.", "a.b c", "a.%2e", "a.ünder", "a.much-too-long"] {
            assert_eq!(extension(odd), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_file_goes_up_as_it_was_measured_or_breaks_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        let bytes: Vec<u8> = (0..PIECE * 2 + 7).map(|at| at as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let payload = Content::file(&path).measure().await.unwrap();
        assert_eq!(payload.sha256_hex(), Payload::of(bytes.clone().into()).sha256_hex());
        let all = || pieces(path.clone(), payload.length, payload.digest).map_ok(Vec::from).try_concat();
        assert_eq!(all().await.unwrap(), bytes);
        for changed in [&bytes[1..], &bytes[..0], &[&bytes[1..], b"x"].concat()] {
            fs::write(&path, changed).unwrap();
            assert_eq!(all().await.unwrap_err().to_string(), format!("`{}` changed while it was sent", path.display()));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(Content::file(&path).measure().await.unwrap_err().kind(), ErrorKind::Io);
    }
}
