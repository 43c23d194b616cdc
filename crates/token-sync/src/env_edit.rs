//! Changes the value of one key in a file of `KEY=value` lines, and no other byte.

use crate::Entry;

/// `old` with each value of `key` spelled as `spelled`; appended in the file's own line ending if the key is not there.
pub(crate) fn set(old: &[u8], entries: &[Entry], key: &str, spelled: &str) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len() + key.len() + spelled.len() + 3);
    let mut copied = 0;
    for entry in entries.iter().filter(|entry| entry.key == key && entry.spelled) {
        new.extend_from_slice(&old[copied..entry.span.start]);
        new.extend_from_slice(spelled.as_bytes());
        copied = entry.span.end;
    }
    new.extend_from_slice(&old[copied..]);
    if copied == 0 {
        let ending: &[u8] = if old.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
        if !new.is_empty() && !new.ends_with(b"\n") {
            new.extend_from_slice(ending);
        }
        new.extend_from_slice(key.as_bytes());
        new.push(b'=');
        new.extend_from_slice(spelled.as_bytes());
        new.extend_from_slice(ending);
    }
    new
}
