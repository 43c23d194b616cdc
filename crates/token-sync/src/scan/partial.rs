//! Where a secret may begin that goes on beyond the end of a piece of memory.

use super::{
    engine::Engine,
    needle::{Form, Needle},
    shape,
    spelling::{DOLLAR, LONGEST, SLASH, Sign, Spelling},
};

impl Engine {
    /// Where what can't be judged yet begins: the first place from which on `hay` is the beginning of something that is looked for.
    pub(super) fn undecided(&self, hay: &[u8]) -> usize {
        let first = hay.len().saturating_sub(self.window());
        let may_begin = |rest: &[u8]| shape::begins(rest) || self.needles().iter().any(|needle| needle.begins(rest));
        (first..hay.len()).find(|start| may_begin(&hay[*start..])).unwrap_or(hay.len())
    }
}

impl Needle {
    /// Whether `rest` is a beginning of it.
    fn begins(&self, rest: &[u8]) -> bool {
        match &self.form {
            Form::Core { spelling, before, after } => {
                let whole = before.iter().chain(&*self.literal).chain(&**after);
                // The one with plain slashes stands for the whole in all spellings.
                text_begins(rest, self.literal.iter()) || (*spelling == Spelling::Raw && text_begins(rest, whole))
            }
            Form::Encoded { lead, .. } => {
                wrapped_begins(rest, lead.iter().chain(&*self.literal)) || wrapped_begins(rest, self.literal.iter())
            }
        }
    }
}

/// Whether `rest` is a beginning of `text`, or all of it: the byte after it counts too.
fn text_begins<'a>(rest: &[u8], text: impl Iterator<Item = &'a u8>) -> bool {
    let mut at = 0;
    for byte in text {
        match byte {
            _ if at == rest.len() => return true,
            b'$' | b'/' => match sign_at(if *byte == b'$' { &DOLLAR } else { &SLASH }, rest, at) {
                Ok(end) => at = end,
                Err(undecided) => return undecided,
            },
            _ if rest[at] == *byte => at += 1,
            _ => return false,
        }
    }
    at == rest.len()
}

/// Where the sign at `at` ends; or whether `rest` ends before that is known.
pub(super) fn sign_at(sign: &Sign, rest: &[u8], at: usize) -> Result<usize, bool> {
    match sign.at(rest, at) {
        // More of the same may follow.
        Some((end, _)) if end == rest.len() => Err(true),
        Some((end, _)) => Ok(end),
        None => {
            let begun = &rest[at..];
            let begins = matches!(begun.first(), None | Some(b'%' | b'&' | b'\\'));
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"%&\\#{;".contains(byte);
            Err(begins && begun.len() < LONGEST && begun.iter().all(fits))
        }
    }
}

/// Whether `rest` is a beginning of `text`, which may be broken into lines.
fn wrapped_begins<'a>(rest: &[u8], text: impl Iterator<Item = &'a u8>) -> bool {
    let mut at = 0;
    for sign in text {
        loop {
            match &rest[at..] {
                [] | [b'\\'] if at > 0 => return true,
                [found, ..] if found == sign => break,
                [b'\\', b'n' | b'r', ..] if at > 0 => at += 2,
                [b'\n' | b'\r' | b' ' | b'\t', ..] if at > 0 => at += 1,
                _ => return false,
            }
        }
        at += 1;
    }
    false
}
