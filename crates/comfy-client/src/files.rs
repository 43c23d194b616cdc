//! Files on the server: pictures sent up, results brought down.

mod content;
mod download;
mod marker;
mod name;
mod partial;
mod upload;

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::request::Request;
use marker::Ends;

pub use content::Content;
pub(crate) use content::Payload;
pub use download::Downloaded;
pub(crate) use name::is_plain;
pub use upload::{UploadOptions, Uploaded};

/// One of ComfyUI's three folders.
///
/// ```
/// use comfy_client::{FileKind, StoredFile};
///
/// assert_eq!(StoredFile::new(FileKind::Temp, "", "a.png").to_string(), "temp/a.png");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// What workflows read.
    #[default]
    Input,
    /// Previews; emptied when ComfyUI starts.
    Temp,
    /// Results.
    Output,
}

impl FileKind {
    /// ComfyUI's word for it.
    ///
    /// ```
    /// assert_eq!(comfy_client::FileKind::Temp.as_str(), "temp");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Temp => "temp",
            Self::Output => "output",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Input, Self::Temp, Self::Output].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A file that the server holds.
///
/// ```
/// use comfy_client::{FileKind, StoredFile};
///
/// let file = StoredFile::new(FileKind::Output, "cats", "1.png");
/// assert_eq!(file.to_string(), "output/cats/1.png");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StoredFile {
    /// Its name.
    pub name: String,
    /// The folder below [`StoredFile::kind`]; empty for that folder itself.
    pub subfolder: String,
    /// Which of the three folders it lies in.
    pub kind: FileKind,
}

impl StoredFile {
    /// A file named by the caller.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{FileKind, StoredFile};
    ///
    /// let bytes = client.view(&StoredFile::new(FileKind::Input, "team", "cat.png")).await?;
    /// # let _ = bytes;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(kind: FileKind, subfolder: impl Into<String>, name: impl Into<String>) -> Self {
        Self { name: name.into(), subfolder: subfolder.into(), kind }
    }

    /// Where [`Client::download_tree`] puts it, below the folder that it is given: nothing there ever leads out of it.
    ///
    /// ```
    /// use comfy_client::{FileKind, StoredFile};
    ///
    /// assert!(StoredFile::new(FileKind::Output, "cats", "1.png").local_path()?.ends_with("cats/1.png"));
    /// assert!(StoredFile::new(FileKind::Output, "..", "1.png").local_path().is_err());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a name that cannot be used here.
    pub fn local_path(&self) -> Result<std::path::PathBuf, Error> {
        Ok(name::place(self)?.join(name::safe(&self.name)?))
    }

    /// Reads `{filename, subfolder, type}`; none for what is not a file.
    pub(crate) fn read(item: &Value) -> Option<Self> {
        let text = |key| item.get(key).and_then(Value::as_str);
        let kind = match item.get("type") {
            None => FileKind::Output,
            Some(kind) => FileKind::read(kind.as_str()?)?,
        };
        Some(Self::new(kind, text("subfolder").unwrap_or_default(), text("filename").filter(|name| !name.is_empty())?))
    }

    fn request(&self) -> Request {
        Request::get("/view")
            .accept("*/*")
            .query("filename", self.name.as_str())
            .query("subfolder", self.subfolder.as_str())
            .query("type", self.kind.as_str())
    }
}

impl fmt::Display for StoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind.as_str())?;
        if !self.subfolder.is_empty() {
            write!(f, "{}/", self.subfolder)?;
        }
        f.write_str(&self.name)
    }
}

impl Client {
    /// Brings a file into memory, whole (`GET /view`): its length is checked where the server announced it, and for
    /// PNG, JPEG and WebP that the picture has its end.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, output: comfy_client::Output) -> Result<(), comfy_client::Error> {
    /// let bytes = client.view(&output.file).await?;
    /// # let _ = bytes;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Protocol`] for a file cut short or over the limit for answers in memory;
    /// else as [`Client::health`].
    pub async fn view(&self, file: &StoredFile) -> Result<Bytes, Error> {
        let _coming = self.looks().file();
        let mut incoming = self.transport().file(&file.request()).await?;
        let limit = self.transport().config().body_limit;
        let (mut bytes, mut ends) = (BytesMut::new(), Ends::default());
        while let Some(piece) = incoming.piece().await? {
            if bytes.len() + piece.len() > limit {
                return Err(Error::new(ErrorKind::Protocol, format!("`{file}` is longer than {limit} bytes"))
                    .sent(true)
                    .hint("download it to disk, where there is no limit"));
            }
            ends.see(&piece);
            bytes.extend_from_slice(&piece);
        }
        ends.check(file, incoming.length)?;
        Ok(bytes.freeze())
    }
}

/// What the disk here did not do.
fn failed(what: &str, path: &std::path::Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("`{}` cannot be {what}", path.display())).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_is_told_from_what_is_not_one() {
        let read = |item| StoredFile::read(&item).map(|file| file.to_string());
        assert_eq!(read(json!({"filename": "a.png", "subfolder": "", "type": "output"})).as_deref(), Some("output/a.png"));
        assert_eq!(read(json!({"filename": "a.png"})).as_deref(), Some("output/a.png"));
        for odd in [
            json!(true),
            json!("a.png"),
            json!({"filename": ""}),
            json!({"filename": "a", "type": "etc"}),
            json!({"filename": "a", "type": 1}),
        ] {
            assert_eq!(read(odd.clone()), None, "{odd}");
        }
    }

    #[test]
    fn names_are_percent_encoded() {
        let config = crate::Config::new("http://127.0.0.1:8188").unwrap();
        let file = StoredFile::new(FileKind::Temp, "a/b", "x & y#1.png");
        let url = file.request().head(&config).unwrap().url;
        assert_eq!(url.as_str(), "http://127.0.0.1:8188/view?filename=x+%26+y%231.png&subfolder=a%2Fb&type=temp");
    }
}
