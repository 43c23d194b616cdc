//! JavaScript's view of text, shared by the readers that are written in it.

/// White space as a regular expression of JavaScript sees it; the byte order mark is part of it.
pub(super) fn is_space(sign: char) -> bool {
    sign != '\u{85}' && (sign.is_whitespace() || sign == '\u{feff}')
}

pub(super) fn is_line_end(sign: char) -> bool {
    matches!(sign, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// `text` with the first `found` replaced, where `$$`, `$&`, `` $` `` and `$'` in the replacement stand for something else.
pub(super) fn replace_first(text: &str, found: &str, replacement: &str) -> String {
    let Some((before, after)) = text.split_once(found) else { return text.to_owned() };
    let mut out = before.to_owned();
    let mut signs = replacement.chars().peekable();
    while let Some(sign) = signs.next() {
        let stands_for = match signs.peek().filter(|_| sign == '$') {
            Some('$') => Some("$"),
            Some('&') => Some(found),
            Some('`') => Some(before),
            Some('\'') => Some(after),
            _ => None,
        };
        match stands_for {
            Some(text) => {
                out.push_str(text);
                signs.next();
            }
            None => out.push(sign),
        }
    }
    out + after
}
