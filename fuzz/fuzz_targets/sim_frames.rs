//! What a client sends over the embedded ComfyUI's WebSocket, frames and all.
#![no_main]

use genai_fuzz::{block_on, door};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    block_on(door().frames(bytes));
});
