//! What a tree scan leaves out: the rules of `.gitignore` files, and the names that are searched all the same.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{CWD, Mode, OFlags};

/// A longer `.gitignore` is read up to here, in bytes.
const LONGEST: u64 = 1 << 20;

/// The rules that hold in a folder: its own, and those of the folders above.
#[derive(Clone, Default)]
pub(super) struct Rules(Option<Arc<Node>>);

struct Node {
    own: Gitignore,
    above: Rules,
}

impl Rules {
    /// The rules that come from above `folder` (a canonical path), up to the work tree that it is in.
    pub(super) fn above(folder: &Path) -> Self {
        let above: Vec<&Path> = folder.ancestors().skip(1).collect();
        let is_top = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok();
        let Some(top) = above.iter().position(is_top).filter(|_| !is_top(&folder)) else {
            return Self::default();
        };
        above[..=top].iter().rev().fold(Self::default(), |rules, folder| {
            let git = is_top(folder);
            rules.enter(folder, git, true)
        })
    }

    /// The rules inside of `folder`: `.git` in it starts a new work tree, `.gitignore` in it adds rules.
    pub(super) fn enter(self, folder: &Path, has_git: bool, has_gitignore: bool) -> Self {
        let mut rules = self;
        if has_git {
            rules = Self::default().with(folder, &folder.join(".git/info/exclude"));
        }
        if has_gitignore { rules.with(folder, &folder.join(".gitignore")) } else { rules }
    }

    fn with(self, folder: &Path, file: &Path) -> Self {
        let own = read(folder, file);
        if own.is_empty() { self } else { Self(Some(Arc::new(Node { own, above: self }))) }
    }

    /// Whether nothing is ignored.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `path` is ignored; the deepest rule that speaks of it decides.
    pub(super) fn ignore(&self, path: &Path, is_folder: bool) -> bool {
        let mut rules = self;
        while let Some(node) = &rules.0 {
            match node.own.matched(path, is_folder) {
                ignore::Match::None => rules = &node.above,
                decided => return decided.is_ignore(),
            }
        }
        false
    }
}

/// Reads rules; a file that can't be read has none, as for git, and a line that git would not understand is passed over.
fn read(folder: &Path, file: &Path) -> Gitignore {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    let opened = rustix::fs::openat(CWD, file, flags, Mode::empty()).map(File::from);
    if opened.map_or(0, |file| file.take(LONGEST).read_to_end(&mut bytes).unwrap_or(0)) == 0 {
        return Gitignore::empty();
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Whether a file is searched although it is ignored: what editors and people leave beside a file when they change it.
pub(super) fn is_leftover(name: &[u8]) -> bool {
    let ends = [&b"~"[..], b".swp", b".swo", b".swn", b".bak", b".orig", b".rej", b".old", b".save"];
    let starts = [&b".#"[..], b".env."];
    starts.iter().any(|start| name.starts_with(start))
        || ends.iter().any(|end| name.ends_with(end))
        || (name.len() > 2 && name.starts_with(b"#") && name.ends_with(b"#"))
}

/// `folder` as the matcher needs it: absolute, without links.
pub(super) fn canonical(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names() {
        for name in [".env.bak", ".env.local", "a.swp", ".a.swo", "a~", "a.bak", ".#a", "#a#", "a.orig"] {
            assert!(is_leftover(name.as_bytes()), "{name}");
        }
        for name in [".env", "a.py", "swp", "#a", "bak"] {
            assert!(!is_leftover(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_deepest_rule_decides_and_a_work_tree_starts_afresh() {
        let top = tempfile::tempdir().unwrap();
        let top = canonical(top.path());
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::write(top.join(".gitignore"), "*.log\n/only-here\n").unwrap();
        std::fs::write(top.join("a/.gitignore"), "\u{feff}!keep.log\n[bad\n").unwrap();
        let rules = Rules::default().enter(&top, false, true);
        let inner = rules.clone().enter(&top.join("a"), false, true);
        assert!(rules.ignore(&top.join("x.log"), false) && rules.ignore(&top.join("only-here"), true));
        assert!(inner.ignore(&top.join("a/x.log"), false));
        assert!(!inner.ignore(&top.join("a/keep.log"), false) && !inner.ignore(&top.join("a/only-here"), true));
        assert!(!inner.clone().enter(&top.join("a/b"), true, false).ignore(&top.join("a/b/x.log"), false));

        assert!(Rules::above(&top.join("a/b")).is_empty(), "no work tree, no rules from above");
        std::fs::create_dir_all(top.join(".git/info")).unwrap();
        std::fs::write(top.join(".git/info/exclude"), "*.own\n").unwrap();
        let above = Rules::above(&top.join("a/b"));
        assert!(above.ignore(&top.join("a/b/x.log"), false) && above.ignore(&top.join("a/b/x.own"), false));
        assert!(!above.ignore(&top.join("a/b/keep.log"), false));
    }
}
