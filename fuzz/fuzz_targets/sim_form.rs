//! A form for the embedded ComfyUI: multipart with the boundary `b`, or URL-encoded.
#![no_main]

use genai_fuzz::{block_on, door};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for kind in ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"] {
        block_on(door().form(kind, bytes));
    }
});
