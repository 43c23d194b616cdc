//! What the fuzz targets share.

use std::future::Future;
use std::sync::OnceLock;

use comfy_sim::fuzzing::Door;
use token_sync::{Dialect, Surroundings};

/// Reads `bytes` in each dialect: no panic, and every value stands somewhere in the file.
pub fn read_all(bytes: &[u8], dialects: &[Dialect]) {
    let surroundings = Surroundings::from([("A".to_owned(), "$A${A}\\`'".to_owned()), ("HOME".to_owned(), "/h".to_owned())]);
    for dialect in dialects {
        if let Ok(entries) = dialect.read(bytes, &surroundings) {
            for entry in entries {
                assert!(bytes.get(entry.span).is_some(), "{dialect}: a value outside of the file");
            }
        }
    }
}

/// No text of a server breaks out of its literal or comment, and every brace is closed.
pub fn lexically_whole(code: &str) {
    let mut open = Vec::new();
    for line in code.lines() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let mut letters = line.chars();
        let mut in_text = false;
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if in_text => drop(letters.next().expect("a sign after the backslash")),
                '"' => in_text = !in_text,
                _ if in_text => assert!(!letter.is_control(), "{line:?}"),
                '{' | '(' | '[' => open.push(letter),
                '}' => assert_eq!(open.pop(), Some('{'), "{line}"),
                ')' => assert_eq!(open.pop(), Some('('), "{line}"),
                ']' => assert_eq!(open.pop(), Some('['), "{line}"),
                _ => assert!(letter.is_ascii_graphic() || letter == ' ', "{line:?}"),
            }
        }
        assert!(!in_text, "{line}");
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The embedded ComfyUI, on an empty folder.
pub fn door() -> &'static Door {
    static DOOR: OnceLock<Door> = OnceLock::new();
    DOOR.get_or_init(|| Door::open(&tempfile::tempdir().expect("a temporary folder").keep()).expect("a door"))
}

/// Runs to the end of `work`, on one runtime for all runs.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local!(static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
    RUNTIME.with(|runtime| runtime.block_on(work))
}
