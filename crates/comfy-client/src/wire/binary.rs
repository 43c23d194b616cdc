//! Binary messages: a big-endian type, then what it says.

use bytes::Bytes;
use serde_json::Value;

use super::{ImageFormat, Message, Preview};

/// Decodes one binary message. A known type that is too short for itself is kept as it came.
///
/// ```
/// use comfy_client::wire::{Message, decode_binary};
///
/// let message = decode_binary(&bytes::Bytes::from_static(b"\0\0\0\x03\0\0\0\x011half way"));
/// assert!(matches!(message, Message::NodeText { node, text, .. } if node == "1" && text == "half way"));
/// ```
#[must_use]
pub fn decode_binary(bytes: &Bytes) -> Message {
    known(bytes).unwrap_or_else(|| Message::OtherBinary(bytes.clone()))
}

fn known(bytes: &Bytes) -> Option<Message> {
    let body = bytes.len().checked_sub(4).map(|_| bytes.slice(4..))?;
    match number(bytes)? {
        1 => Some(Message::Preview(Preview {
            prompt_id: None,
            node: None,
            format: match number(&body)? {
                1 => ImageFormat::Jpeg,
                2 => ImageFormat::Png,
                _ => ImageFormat::Other,
            },
            image: body.slice(4..),
        })),
        3 => {
            let (node, text) = counted(&body)?;
            Some(Message::NodeText {
                prompt_id: None,
                node: String::from_utf8_lossy(&node).into_owned(),
                text: String::from_utf8_lossy(&text).into_owned(),
            })
        }
        4 => {
            let (meta, image) = counted(&body)?;
            let meta: Value = serde_json::from_slice(&meta).ok()?;
            let text = |key| meta.get(key).and_then(Value::as_str);
            Some(Message::Preview(Preview {
                prompt_id: text("prompt_id").map(str::to_owned),
                node: text("node_id").map(str::to_owned),
                format: match text("image_type").unwrap_or_default() {
                    "image/jpeg" => ImageFormat::Jpeg,
                    "image/png" => ImageFormat::Png,
                    _ => ImageFormat::Other,
                },
                image,
            }))
        }
        _ => None,
    }
}

fn number(bytes: &Bytes) -> Option<u32> {
    bytes.get(..4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes)
}

/// A length, that many bytes, and the rest.
fn counted(body: &Bytes) -> Option<(Bytes, Bytes)> {
    let end = usize::try_from(number(body)?).ok()?.checked_add(4)?;
    (end <= body.len()).then(|| (body.slice(4..end), body.slice(end..)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u32, parts: &[&[u8]]) -> Bytes {
        Bytes::from([&kind.to_be_bytes()[..], &parts.concat()].concat())
    }

    fn count(bytes: &[u8]) -> [u8; 4] {
        u32::try_from(bytes.len()).unwrap().to_be_bytes()
    }

    #[test]
    fn the_three_types_are_typed() {
        let png = decode_binary(&frame(1, &[&2_u32.to_be_bytes(), b"pixels"]));
        assert_eq!(
            png,
            Message::Preview(Preview { prompt_id: None, node: None, format: ImageFormat::Png, image: "pixels".into() })
        );
        let text = decode_binary(&frame(3, &[&count(b"12:3"), b"12:3", "50 % – halb".as_bytes()]));
        assert_eq!(text, Message::NodeText { prompt_id: None, node: "12:3".into(), text: "50 % – halb".into() });
        let meta = br#"{"node_id": "3", "prompt_id": "p", "image_type": "image/jpeg"}"#;
        let preview = decode_binary(&frame(4, &[&count(meta), meta, b"pixels"]));
        assert_eq!(
            preview,
            Message::Preview(Preview {
                prompt_id: Some("p".into()),
                node: Some("3".into()),
                format: ImageFormat::Jpeg,
                image: "pixels".into()
            })
        );
    }

    #[test]
    fn what_is_short_or_unknown_is_kept() {
        for bytes in [
            Bytes::new(),
            Bytes::from_static(b"\0\0"),
            frame(1, &[b"\0"]),
            frame(3, &[&9_u32.to_be_bytes(), b"12"]),
            frame(4, &[&u32::MAX.to_be_bytes()]),
            frame(4, &[&count(b"{"), b"{"]),
            frame(9, &[b"x"]),
        ] {
            assert_eq!(decode_binary(&bytes), Message::OtherBinary(bytes.clone()), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_and_nothing_is_invented(kind in 0u32..6, rest in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = frame(kind, &[&rest]);
            match decode_binary(&bytes) {
                Message::OtherBinary(kept) => prop_assert_eq!(kept, bytes),
                Message::Preview(preview) => prop_assert!(bytes.ends_with(&preview.image)),
                Message::NodeText { .. } => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn a_preview_comes_out_as_it_went_in(node in "[a-z0-9:.]{1,9}", image in proptest::collection::vec(any::<u8>(), 0..64)) {
            let meta = serde_json::json!({"node_id": node, "prompt_id": "p", "image_type": "image/png"}).to_string();
            let bytes = frame(4, &[&count(meta.as_bytes()), meta.as_bytes(), &image]);
            let expected = Preview { prompt_id: Some("p".into()), node: Some(node), format: ImageFormat::Png, image: image.into() };
            prop_assert_eq!(decode_binary(&bytes), Message::Preview(expected));
        }
    }
}
