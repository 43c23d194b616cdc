//! What the fuzz targets of the readers share.

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
