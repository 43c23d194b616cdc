//! What comes over the client's WebSocket, text and binary: known and typed, or kept as it came.
#![no_main]

use comfy_client::wire::{Message, decode_binary, decode_text};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let frame = bytes::Bytes::copy_from_slice(bytes);
    match decode_binary(&frame) {
        Message::OtherBinary(kept) => assert_eq!(kept, frame),
        Message::Preview(preview) => assert!(frame.ends_with(&preview.image), "no picture is invented"),
        Message::NodeText { .. } => {}
        other => panic!("no binary message: {other:?}"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match decode_text(text) {
        Message::NotJson(kept) => assert_eq!(kept, text),
        Message::OtherText { raw, .. } => {
            if let Ok(sent) = serde_json::from_str::<serde_json::Value>(text) {
                assert_eq!(raw, sent);
            }
        }
        Message::Preview(_) | Message::OtherBinary(_) => panic!("no text message"),
        _ => {}
    }
});
