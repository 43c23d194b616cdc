//! A file brought to disk: beside its final place first, then under its name in one step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use http::header::{IF_RANGE, RANGE};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::sleep;

use super::partial::Partial;
use super::{Ends, StoredFile, failed, name};
use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::transport::{Incoming, Part};

/// How often a download is tried again before at least [`PROGRESS`] more has come.
const TRIES: u32 = 5;
/// How much must come for the count to begin anew, in bytes.
const PROGRESS: u64 = 1 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A file that lies on this machine now, whole.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, file: comfy_client::StoredFile) -> Result<(), comfy_client::Error> {
/// let got = client.download(&file, std::path::Path::new("pictures")).await?;
/// println!("{}: {} bytes, SHA-256 {}", got.path.display(), got.bytes, got.sha256_hex);
/// # Ok(())
/// # }
/// ```
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

impl Client {
    /// Brings a file to the folder `dir`, which must exist, under the last part of its name, in place of a file of that
    /// name. It is written to a temporary file in the same folder, checked as [`Client::view`] does, flushed to disk,
    /// and renamed; where that fails, or the future is dropped, nothing is left behind and an older file stays. (A future
    /// dropped during the renaming itself may have put the new file in its place, whole.) Then the folder is flushed
    /// where it can be; where it cannot, as on some network file systems, the file is there all the same, and only a power
    /// cut right then may bring the older one back.
    ///
    /// A process that is killed on the way leaves its temporary file, `.comfy-….part`. The next download to that folder
    /// takes it away, but none that a living process still writes: these are locked. (The file system must know locks, and
    /// where several machines share it, those of the others; where it knows none, delete such files yourself.)
    ///
    /// A connection that breaks is taken up where it broke, a few times, if the server can say that the file is still
    /// the same; else the file is fetched from its beginning. One that breaks before the file has begun is tried again as
    /// often; one that cannot be made is not.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, output: comfy_client::Output) -> Result<(), comfy_client::Error> {
    /// let got = client.download(&output.file, std::path::Path::new("pictures")).await?;
    /// println!("{} {}", got.sha256_hex, got.path.display());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where it cannot be written; [`Protocol`](crate::ErrorKind::Protocol) for a name that
    /// cannot be used here, and a file cut short; [`NotFound`](crate::ErrorKind::NotFound); else as [`Client::health`].
    pub async fn download(&self, file: &StoredFile, dir: &Path) -> Result<Downloaded, Error> {
        self.bring_home(file, dir, name::safe(&file.name)?).await
    }

    /// The same, with the file's subfolder kept: `output/cats/1.png` comes to `dir/cats/1.png`, and what is no result to a
    /// folder of its own, `temp/1.png` to `dir/temp/1.png`. (A result in a subfolder called `temp`, `input` or `output`
    /// comes to `dir/output/temp/`.) Folders below `dir` are made as needed. The files of a run never replace one another
    /// this way, unless their names differ only in what the disk here does not tell apart: upper and lower case, or the
    /// sort of slash.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, run: comfy_client::Run) -> Result<(), comfy_client::Error> {
    /// for output in &run.outputs {
    ///     client.download_tree(&output.file, std::path::Path::new("pictures")).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::download`]; [`Protocol`](crate::ErrorKind::Protocol) also for a subfolder that would lead out of `dir`.
    pub async fn download_tree(&self, file: &StoredFile, dir: &Path) -> Result<Downloaded, Error> {
        let name = name::safe(&file.name)?;
        let folder = dir.join(name::place(file)?);
        fs::create_dir_all(&folder).await.map_err(|cause| failed("made", &folder, cause))?;
        self.bring_home(file, &folder, name).await
    }

    #[tracing::instrument(level = "debug", name = "download", skip_all, fields(%file))]
    async fn bring_home(&self, file: &StoredFile, dir: &Path, name: &str) -> Result<Downloaded, Error> {
        let path = dir.join(name);
        let incoming = self.begin(file).await?;
        let (mut partial, disk) = Partial::make(dir, &self.transport().config().ids).await?;
        let arrival = self.receive(file, incoming, disk, &path).await?;
        fs::rename(&partial.path, &path).await.map_err(|cause| failed("put in its place", &path, cause))?;
        partial.kept = true;
        if let Err(error) = flush_folder(dir).await {
            tracing::debug!(%file, %error, "the folder is not flushed");
        }
        let bytes = arrival.ends.length();
        tracing::debug!(%file, bytes, "downloaded");
        Ok(Downloaded { path, bytes, sha256_hex: HEXLOWER.encode(&arrival.digest.finalize()) })
    }

    /// All of the file from its beginning. Nothing has come yet, so only a connection that breaks is worth another try: a
    /// server that takes none, or does not answer, is told of at once.
    async fn begin(&self, file: &StoredFile) -> Result<Incoming, Error> {
        let mut tries = Tries::default();
        loop {
            match self.transport().file(&file.request()).await {
                Err(error) if error.is_break() && tries.left > 0 => {
                    tracing::debug!(%file, %error, "no answer: asking for it again");
                    sleep(tries.next()).await;
                }
                answer => return answer,
            }
        }
    }

    /// All of the file, through as many connections as it takes, within bounds.
    async fn receive(&self, file: &StoredFile, mut incoming: Incoming, disk: fs::File, path: &Path) -> Result<Arrival, Error> {
        let mut arrival = Arrival::begin(disk, &incoming);
        let (mut tries, mut counted_at) = (Tries::default(), 0);
        while let Err(error) = arrival.take(&mut incoming, path).await {
            let mut lost = error;
            if arrival.ends.length() >= counted_at + PROGRESS {
                (tries, counted_at) = (Tries::default(), arrival.ends.length());
            }
            incoming = loop {
                if tries.left == 0 || !lost.is_retryable() {
                    return Err(lost);
                }
                tracing::debug!(%file, bytes = arrival.ends.length(), error = %lost, "cut: taking it up again");
                let pause = tries.next();
                sleep(lost.retry_after().map_or(pause, |asked| asked.min(self.transport().config().request_timeout))).await;
                match self.go_on(file, &mut arrival, path).await {
                    Ok(incoming) => break incoming,
                    Err(error) => lost = error,
                }
            };
        }
        arrival.disk.sync_all().await.map_err(|cause| failed("written", path, cause))?;
        arrival.ends.check(file, arrival.total)?;
        Ok(arrival)
    }

    /// The rest of the file, or all of it where the rest cannot be had.
    async fn go_on(&self, file: &StoredFile, arrival: &mut Arrival, path: &Path) -> Result<Incoming, Error> {
        let whole = file.request();
        let incoming = match self.transport().file(&arrival.rest(whole.clone())).await {
            Ok(incoming) if arrival.fits(&incoming) => return Ok(incoming),
            Ok(incoming) if incoming.part.is_none() => incoming,
            Err(error) if error.status() != Some(416) => return Err(error),
            // A part of another file, or no such part: the file changed.
            _ => self.transport().file(&whole).await?,
        };
        arrival.restart(&incoming).await.map_err(|cause| failed("written", path, cause))?;
        Ok(incoming)
    }
}

/// The tries that are left, and the pause before the next.
struct Tries {
    left: u32,
    pause: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self { left: TRIES, pause: FIRST_PAUSE }
    }
}

impl Tries {
    /// Spends one. Returns how long to wait before it.
    fn next(&mut self) -> Duration {
        self.left -= 1;
        let longer = (self.pause * 2).min(LONGEST_PAUSE);
        std::mem::replace(&mut self.pause, longer)
    }
}

/// What has come so far.
struct Arrival {
    disk: fs::File,
    ends: Ends,
    digest: Sha256,
    etag: Option<String>,
    total: Option<u64>,
}

impl Arrival {
    fn begin(disk: fs::File, incoming: &Incoming) -> Self {
        let (etag, total) = (incoming.etag.clone(), total(incoming));
        Self { disk, ends: Ends::default(), digest: Sha256::new(), etag, total }
    }

    async fn take(&mut self, incoming: &mut Incoming, path: &Path) -> Result<(), Error> {
        let write = |cause| failed("written", path, cause);
        while let Some(piece) = incoming.piece().await? {
            self.disk.write_all(&piece).await.map_err(write)?;
            self.ends.see(&piece);
            self.digest.update(&piece);
        }
        self.disk.flush().await.map_err(write)
    }

    /// Asks for what is missing, under the condition that the file is still the same.
    fn rest(&self, request: Request) -> Request {
        match &self.etag {
            Some(etag) if self.ends.length() > 0 => {
                request.header(RANGE, format!("bytes={}-", self.ends.length())).header(IF_RANGE, etag.as_str())
            }
            _ => request,
        }
    }

    /// Whether this is what is missing. ComfyUI does not look at the tag in the condition: it is compared here.
    fn fits(&self, incoming: &Incoming) -> bool {
        let missing = Part { from: self.ends.length(), total: self.total };
        incoming.part == Some(missing) && incoming.etag == self.etag
    }

    async fn restart(&mut self, incoming: &Incoming) -> std::io::Result<()> {
        self.disk.set_len(0).await?;
        self.disk.rewind().await?;
        (self.ends, self.digest) = (Ends::default(), Sha256::new());
        (self.etag, self.total) = (incoming.etag.clone(), total(incoming));
        Ok(())
    }
}

fn total(incoming: &Incoming) -> Option<u64> {
    incoming.part.map_or(incoming.length, |part| part.total)
}

/// Makes the new name itself lasting, where folders can be flushed.
async fn flush_folder(dir: &Path) -> std::io::Result<()> {
    if cfg!(unix) { fs::File::open(dir).await?.sync_all().await } else { Ok(()) }
}
