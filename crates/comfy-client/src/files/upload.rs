//! Files sent up: under a name of the caller's, or under one made of the content, once.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::content::{Content, Payload};
use super::{FileKind, StoredFile};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::judge;
use crate::request::{Body, Request, Upload};

/// Where an upload goes.
///
/// ```
/// use comfy_client::{FileKind, UploadOptions};
///
/// let options = UploadOptions::default().subfolder("team").overwrite(true);
/// assert_eq!((options.subfolder.as_str(), options.kind), ("team", FileKind::Input));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadOptions {
    /// A folder below [`UploadOptions::kind`]; empty for that folder itself.
    pub subfolder: String,
    /// Replaces a file of this name. Otherwise the server reuses the name for the same bytes and finds another name
    /// for other bytes.
    pub overwrite: bool,
    /// Which of the three folders (default: input).
    pub kind: FileKind,
}

impl UploadOptions {
    /// Sets [`UploadOptions::subfolder`].
    ///
    /// ```
    /// assert_eq!(comfy_client::UploadOptions::default().subfolder("team").subfolder, "team");
    /// ```
    #[must_use]
    pub fn subfolder(mut self, subfolder: impl Into<String>) -> Self {
        self.subfolder = subfolder.into();
        self
    }

    /// Sets [`UploadOptions::overwrite`].
    ///
    /// ```
    /// assert!(comfy_client::UploadOptions::default().overwrite(true).overwrite);
    /// ```
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets [`UploadOptions::kind`].
    ///
    /// ```
    /// use comfy_client::{FileKind, UploadOptions};
    ///
    /// assert_eq!(UploadOptions::default().kind(FileKind::Temp).kind, FileKind::Temp);
    /// ```
    #[must_use]
    pub fn kind(mut self, kind: FileKind) -> Self {
        self.kind = kind;
        self
    }
}

/// A file that the server holds now.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, mut workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
/// use comfy_client::{Content, UploadOptions};
///
/// let up = client.upload(&Content::file("cat.png"), &UploadOptions::default()).await?;
/// println!("{}, {}", up.file, if up.sent { "sent" } else { "was there" });
/// workflow.set("10", "image", up.file.name)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// Where it lies.
    pub file: StoredFile,
    /// The length of what was given, in bytes.
    pub bytes: u64,
    /// The SHA-256 of what was given, in lowercase hex.
    pub sha256_hex: String,
    /// Whether it went over the wire: false if the server had it.
    pub sent: bool,
}

impl Client {
    /// Sends bytes up under a name (`POST /upload/image`; ComfyUI takes any sort of file there) and says where they lie
    /// now, which may be under another name. [`Client::upload`] sends the same content only once.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, png: Vec<u8>) -> Result<(), comfy_client::Error> {
    /// let stored = client.upload_image("cat.png", png, &comfy_client::UploadOptions::default()).await?;
    /// println!("{}", stored.name);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] over the server's limit; [`ErrorKind::Rejected`] for a folder outside of the server's
    /// own; else as [`Client::health`].
    pub async fn upload_image(
        &self,
        name: &str,
        bytes: impl Into<bytes::Bytes>,
        options: &UploadOptions,
    ) -> Result<StoredFile, Error> {
        if name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig, "an upload needs a name"));
        }
        self.send_up("/upload/image", name.to_owned(), Payload::of(bytes.into()), options, None).await
    }

    /// Sends content up under its SHA-256 and its extension, unless the server has a file of that name and length already
    /// (`HEAD /view`): many clients may send the same pictures, and each crosses the wire once. A file on disk is
    /// streamed. With [`UploadOptions::overwrite`] the look is left out.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{Content, UploadOptions};
    ///
    /// let cat = client.upload(&Content::file("cat.png"), &UploadOptions::default()).await?;
    /// println!("{} is {}", cat.file, if cat.sent { "new there" } else { "there already" });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] for a file that cannot be read, or that changes while it is sent; else as
    /// [`Client::upload_image`].
    pub async fn upload(&self, content: &Content, options: &UploadOptions) -> Result<Uploaded, Error> {
        let payload = content.measure().await?;
        let extension = content.extension().map(|extension| format!(".{extension}")).unwrap_or_default();
        let target = StoredFile::new(options.kind, options.subfolder.as_str(), payload.sha256_hex() + &extension);
        let there = !options.overwrite && self.look(&target).await?.is_some_and(|facts| facts.length == Some(payload.length()));
        self.bring_up("/upload/image", target, payload, options, None, there).await
    }

    /// Sends the transparency of a picture up, to be laid over `original` (`POST /upload/mask`); what comes about is a
    /// new PNG. Its name is made of the mask and the state of the original, and the same two are sent only once.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, original: comfy_client::StoredFile) -> Result<(), comfy_client::Error> {
    /// let mask = comfy_client::Content::file("mask.png");
    /// let laid = client.upload_mask(&mask, &original, &comfy_client::UploadOptions::default()).await?;
    /// println!("{}", laid.file);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such original: ComfyUI says that all is well then, and writes nothing. Else
    /// as [`Client::upload`].
    pub async fn upload_mask(&self, mask: &Content, original: &StoredFile, options: &UploadOptions) -> Result<Uploaded, Error> {
        let absent = || Error::new(ErrorKind::NotFound, format!("there is no `{original}` to lay a mask over")).with_status(404);
        let facts = self.look(original).await?.ok_or_else(absent)?;
        let payload = mask.measure().await?;
        let state = format!("{original}\n{}", facts.etag.as_deref().unwrap_or_default());
        let name = HEXLOWER.encode(&Sha256::new().chain_update(payload.digest()).chain_update(state).finalize()) + ".png";
        let target = StoredFile::new(options.kind, options.subfolder.as_str(), name);
        // Without a tag nobody knows whether the original is still the one that the earlier mask was laid over.
        let there = !options.overwrite && facts.etag.is_some() && self.look(&target).await?.is_some();
        let uploaded = self.bring_up("/upload/mask", target, payload, options, Some(original), there).await?;
        if uploaded.sent && self.look(&uploaded.file).await?.is_none() {
            return Err(absent());
        }
        Ok(uploaded)
    }

    #[tracing::instrument(level = "debug", name = "upload", skip_all, fields(file = %target))]
    async fn bring_up(
        &self,
        path: &'static str,
        target: StoredFile,
        payload: Payload,
        options: &UploadOptions,
        original: Option<&StoredFile>,
        there: bool,
    ) -> Result<Uploaded, Error> {
        let (bytes, sha256_hex) = (payload.length(), payload.sha256_hex());
        let file = if there { target } else { self.send_up(path, target.name, payload, options, original).await? };
        tracing::debug!(%file, bytes, sent = !there, "uploaded");
        Ok(Uploaded { file, bytes, sha256_hex, sent: !there })
    }

    async fn send_up(
        &self,
        path: &'static str,
        name: String,
        payload: Payload,
        options: &UploadOptions,
        original: Option<&StoredFile>,
    ) -> Result<StoredFile, Error> {
        let mut fields = vec![("type", options.kind.as_str().to_owned())];
        if !options.subfolder.is_empty() {
            fields.push(("subfolder", options.subfolder.clone()));
        }
        if options.overwrite {
            fields.push(("overwrite", "true".to_owned()));
        }
        if let Some(StoredFile { name, subfolder, kind }) = original {
            let original = json!({"filename": name, "subfolder": subfolder, "type": kind.as_str()});
            fields.push(("original_ref", original.to_string()));
        }
        let mut request = Request::post(path);
        request.body = Body::Upload(Upload { name, payload, fields });
        let answer = self.transport().json(&request).await?;
        let text = |key| answer.get(key).and_then(Value::as_str);
        let Some(stored) = text("name") else {
            return Err(judge::unnamed(self.url(), &answer, "took the upload without saying where it lies"));
        };
        let kind = text("type").and_then(FileKind::read).unwrap_or(options.kind);
        Ok(StoredFile::new(kind, text("subfolder").unwrap_or_default(), stored))
    }

    /// What the server says of a file, without the file; none where it has none.
    async fn look(&self, file: &StoredFile) -> Result<Option<Facts>, Error> {
        match self.transport().head(&file.request()).await {
            Ok(reply) => Ok(Some(Facts { length: reply.length, etag: reply.etag })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is known of a file without reading it.
struct Facts {
    length: Option<u64>,
    etag: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[tokio::test]
    async fn the_server_keeps_nothing_of_a_file_that_changes_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let server = comfy_sim::Server::builder().comfy_dir(folder.path()).spawn().await.unwrap();
        let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
        let path = folder.path().join("a.bin");
        std::fs::write(&path, vec![1; 1 << 20]).unwrap();
        let payload = Content::file(&path).measure().await.unwrap();
        std::fs::write(&path, vec![2; 1 << 20]).unwrap();
        let sent = client.send_up("/upload/image", "a.bin".into(), payload, &UploadOptions::default(), None).await;
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), format!("`{}` changed while it was sent", path.display()));
        assert!(!folder.path().join("input/a.bin").exists());
        server.shutdown().await;
    }
}
