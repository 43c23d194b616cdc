//! The last lines of a container. For more than a glance at its end there is the log's own reader.

/// The lines of an answer of `/containers/ID/logs`: in frames of the two streams, or bare if the container has a terminal.
pub(super) fn lines(bytes: &[u8], has_terminal: bool, most: usize) -> Vec<String> {
    let text = if has_terminal { bytes.to_vec() } else { unframed(bytes) };
    let text = String::from_utf8_lossy(&text);
    // Of a progress bar only what it showed last is worth a line.
    let shown = |line: &str| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().trim_end().to_owned();
    let lines: Vec<String> = text.lines().map(shown).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

/// Frames have a head of 8 bytes, of which the last four are the length.
fn unframed(mut bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        text.extend_from_slice(payload);
        bytes = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_terminals_and_bars() {
        assert_eq!(lines(b"\x01\0\0\0\0\0\0\x03a\nb\x02\0\0\0\0\0\0\x02c\n", false, 9), ["a", "bc"]);
        assert_eq!(lines(b"a\r\n 10%\r 20%\r\nb\r\n", true, 2), [" 20%", "b"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>, has_terminal: bool) {
            prop_assert!(lines(&bytes, has_terminal, 3).len() <= 3);
        }
    }
}
