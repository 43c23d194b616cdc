//! Text from elsewhere, without what a terminal would obey.

use std::borrow::Cow;

/// `text` with each control character spelled out: a server's error message must not clear the screen or set a title.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let spell = |sign: char| if sign.is_control() { sign.escape_default().to_string() } else { sign.to_string() };
    Cow::Owned(text.chars().map(spell).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(harmless("plain ✓ text"), "plain ✓ text");
        assert_eq!(harmless("a\u{1b}]0;x\u{7}b\n"), "a\\u{1b}]0;x\\u{7}b\\n");
        assert_eq!(harmless("\u{9b}2J"), "\\u{9b}2J");
    }
}
