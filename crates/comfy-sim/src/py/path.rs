//! `os.path` on POSIX, as far as file names cross the wire.

use std::path::{Component, Path, PathBuf};

/// `os.path.normpath`.
pub(crate) fn normpath(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    // Two leading slashes, and no more, keep their own meaning.
    let root = match path.bytes().take_while(|b| *b == b'/').count() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        if part != ".." || (root.is_empty() && parts.last().is_none_or(|p| *p == "..")) {
            parts.push(part);
        } else {
            parts.pop();
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// `os.path.basename`.
pub(crate) fn basename(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `os.path.dirname`.
pub(crate) fn dirname(path: &str) -> &str {
    match path.rsplit_once('/') {
        None => "",
        Some((head, _)) if head.bytes().all(|b| b == b'/') => &path[..=head.len()],
        Some((head, _)) => head.trim_end_matches('/'),
    }
}

/// `os.path.splitext`: dots at the front of a name start no extension.
pub(crate) fn splitext(path: &str) -> (&str, &str) {
    let name_at = path.len() - basename(path).len();
    let name = &path[name_at..];
    let skip = name.len() - name.trim_start_matches('.').len();
    match name[skip..].rfind('.') {
        Some(dot) => path.split_at(name_at + skip + dot),
        None => (path, ""),
    }
}

/// `os.path.abspath(os.path.join(folder, path))` for an absolute folder.
pub(crate) fn absolute(folder: &Path, path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// [`absolute`]; `None` where that leaves `folder`.
pub(crate) fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    Some(absolute(folder, path)).filter(|path| path.starts_with(folder))
}

/// `os.path.commonpath` of two absolute paths.
pub(crate) fn common(left: &Path, right: &Path) -> PathBuf {
    left.components().zip(right.components()).take_while(|(left, right)| left == right).map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_as_python_splits_them() {
        for (path, norm, dir, base) in [
            ("a/b/../c", "a/c", "a", "c"),
            ("ComfyUI", "ComfyUI", "", "ComfyUI"),
            ("x/", "x", "", "x"),
            ("", ".", "", "."),
            ("../x", "../x", "..", "x"),
            ("/../x", "/x", "/", "x"),
            ("//x", "//x", "//", "x"),
            ("///x", "/x", "/", "x"),
        ] {
            assert_eq!(normpath(path), norm, "{path}");
            assert_eq!(dirname(&normpath(path)), dir, "{path}");
            assert_eq!(basename(&normpath(path)), base, "{path}");
        }
    }

    #[test]
    fn extensions_split_as_python_splits_them() {
        for (path, stem, ext) in [
            ("red.png", "red", ".png"),
            ("a.tar.gz", "a.tar", ".gz"),
            (".png", ".png", ""),
            ("..a.b", "..a", ".b"),
            ("d.x/name", "d.x/name", ""),
        ] {
            assert_eq!(splitext(path), (stem, ext), "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_path_is_normal_once_and_stays_inside(path in "[./a-c]{0,24}|.*") {
            let norm = normpath(&path);
            assert_eq!(normpath(&norm), norm);
            let folder = Path::new("/comfy/input");
            if let Some(found) = inside(folder, &path) {
                assert!(found.starts_with(folder) && found.components().all(|c| c != Component::ParentDir));
            }
            let (stem, extension) = splitext(&path);
            assert_eq!(format!("{stem}{extension}"), path);
        }
    }

    #[test]
    fn nothing_leaves_its_folder() {
        let folder = Path::new("/comfy/input");
        assert_eq!(inside(folder, "a/../b.png"), Some("/comfy/input/b.png".into()));
        for out in ["../x", "/etc/passwd", "a/../../input2/x"] {
            assert_eq!(inside(folder, out), None, "{out}");
        }
    }
}
