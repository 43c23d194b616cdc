//! What a client sends over a connection of the embedded ComfyUI, in pieces of any size.
#![no_main]

use genai_fuzz::{block_on, door};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    block_on(door().wire(bytes, piece.into()));
});
