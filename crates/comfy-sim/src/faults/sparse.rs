//! Files as long as wished that take hardly any disk.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use http::Uri;

use super::{Fault, Faults};
use crate::request::parse_form;

/// How far the marks are apart, which tell one place of the file from another.
const MARKS: usize = 16 * 1024 * 1024;

impl Faults {
    /// The name and length of the file that this request asks for, if it is one of ours.
    pub(super) fn sparse_file(&self, uri: &Uri) -> Option<(String, u64)> {
        if !matches!(uri.path(), "/view" | "/api/view") {
            return None;
        }
        let query = parse_form(uri.query().unwrap_or_default());
        let (_, asked) = query.iter().find(|(name, _)| name == "filename")?;
        self.take(|fault, _| match fault {
            // A name with a slash would leave the folder.
            Fault::SparseFile { filename, bytes } if filename == asked && !filename.contains(['/', '\\']) => {
                Some((filename.clone(), *bytes))
            }
            _ => None,
        })
    }
}

/// Makes the file unless there is one of that name; without it the server answers 404.
pub(super) async fn make(path: PathBuf, bytes: u64) {
    let made = tokio::task::spawn_blocking(move || write(&path, bytes)).await;
    if let Ok(Err(error)) = made {
        tracing::debug!(%error, "no sparse file");
    }
}

fn write(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    for at in (0..bytes).step_by(MARKS) {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&at.to_be_bytes())?;
    }
    // Cuts a last mark that reaches over the end, too.
    file.set_len(bytes)
}
