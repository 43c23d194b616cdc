//! The name under which a server's file may lie on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{FileKind, StoredFile};
use crate::error::{Error, ErrorKind};

/// What the file systems in use take, in bytes.
const LONGEST: usize = 255;

const KINDS: [FileKind; 3] = [FileKind::Input, FileKind::Temp, FileKind::Output];

/// The folder in which a file lies here, below the one for all: as the server has it, with those of its kinds that are no
/// results in folders of their own.
pub(super) fn place(file: &StoredFile) -> Result<PathBuf, Error> {
    let below = safe_folder(&file.subfolder)?;
    // Where it is a part of the name for the server, as a backslash is on Linux, two names may differ in it alone.
    let inside = safe_folder(file.name.rsplit_once(['/', '\\']).map_or("", |(folders, _)| folders))?;
    let of_a_kind = |first: &OsStr| KINDS.iter().any(|kind| first.eq_ignore_ascii_case(kind.as_str()));
    // A result in a folder called as a kind steps aside.
    let apart = file.kind != FileKind::Output || below.join(&inside).iter().next().is_some_and(of_a_kind);
    Ok(Path::new(if apart { file.kind.as_str() } else { "" }).join(below).join(inside))
}

/// The last part of the server's name, if it can only ever name a file in the folder that it is put in.
pub(super) fn safe(name: &str) -> Result<&str, Error> {
    // ComfyUI too takes the last part only.
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if is_plain(last) { Ok(last) } else { Err(unusable(name, "file")) }
}

/// The server's subfolder, if each of its parts can only ever name a folder in the one before.
fn safe_folder(subfolder: &str) -> Result<PathBuf, Error> {
    let parts = || subfolder.split(['/', '\\']).filter(|part| !part.is_empty());
    if parts().all(is_plain) { Ok(parts().collect()) } else { Err(unusable(subfolder, "folder")) }
}

/// Whether it is one component of a path on every system, and no device.
pub(crate) fn is_plain(part: &str) -> bool {
    let odd = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let device = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL") || port.is_some_and(|port| port.chars().count() == 1);
    (1..=LONGEST).contains(&part.len()) && !part.contains(odd) && !part.ends_with([' ', '.']) && !device
}

fn unusable(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("`{}` cannot be the name of a {what} here", name.escape_debug()))
        .hint("view it instead, and save it under a name of your own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_never_leaves_its_folder() {
        for (name, kept) in [
            ("a.png", "a.png"),
            ("../../etc/passwd", "passwd"),
            ("v\\b.mp4", "b.mp4"),
            ("/x", "x"),
            (".hidden", ".hidden"),
            ("ü 1.png", "ü 1.png"),
        ] {
            assert_eq!(safe(name).unwrap(), kept);
        }
        for name in ["", ".", "..", "a/..", "a/", "x\0.png", "a\n", "c:x", "con?", " ", "x.", "nul", "Con.png", "com1.txt"] {
            assert_eq!(safe(name).unwrap_err().kind(), ErrorKind::Protocol, "{name:?}");
        }
    }

    #[test]
    fn a_subfolder_never_leads_out() {
        for (subfolder, kept) in
            [("", ""), ("a", "a"), ("a/b", "a/b"), ("a\\b", "a/b"), ("/etc//x/", "etc/x"), ("com.d", "com.d")]
        {
            assert_eq!(safe_folder(subfolder).unwrap(), Path::new(kept), "{subfolder}");
        }
        for subfolder in ["..", "a/../..", "a/./b", "\\..", "c:", "a/nul", "a\0"] {
            assert_eq!(safe_folder(subfolder).unwrap_err().kind(), ErrorKind::Protocol, "{subfolder}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_one_plain_component(name in any::<String>()) {
            if let Ok(kept) = safe(&name) {
                let parts: Vec<_> = Path::new(kept).components().collect();
                prop_assert!(matches!(parts[..], [std::path::Component::Normal(part)] if part == kept));
            }
        }
    }
}
