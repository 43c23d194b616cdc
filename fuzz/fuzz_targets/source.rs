//! The source of truth in all its shapes.
#![no_main]

use auth_core::{SourceOfTruth, SourceShape};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = SourceOfTruth::parse(bytes) else { return };
    let written = read.to_bytes();
    let again = SourceOfTruth::parse(&written).expect("what is written can be read");
    assert_eq!(again.shape(), SourceShape::Version2);
    assert_eq!((again.token(), again.password(), again.previous()), (read.token(), read.password(), read.previous()));
    assert_eq!((again.user(), again.targets()), (read.user(), read.targets()));
    assert_eq!((again.created_at(), again.rotated_at()), (read.created_at(), read.rotated_at()));
    assert_eq!(again.to_bytes(), written, "written twice is written once");
});
