//! A body for the embedded ComfyUI's `POST /prompt`: it is taken, refused, or raises as Python would.
#![no_main]

use genai_fuzz::{block_on, door};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert!(matches!(block_on(door().prompt(bytes)), 200 | 400 | 500));
});
