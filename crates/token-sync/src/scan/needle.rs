//! The exact bytes that a known secret leaves behind: its core in each spelling of slashes, in hexadecimal, in base64.
//!
//! A token's *core* is its longest part without `$` (of a bcrypt line: salt and digest). The core is the same however the `$`
//! round it are spelled, so a few needles stand for all those spellings, and what stands round a found core names the spelling.

use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use zeroize::Zeroizing;

use super::{
    encoding::Encoding,
    spelling::{self, SLASH, SLASHES, Spelling},
};

/// A core of so many bytes is telling even without what belongs round it, and long enough to be sampled.
pub(super) const LONG: usize = 23;
/// A shorter secret must stand alone, with no letter or digit at its sides.
pub(super) const SHORT: usize = 8;
/// A still shorter one would be found everywhere, so it is not looked for.
pub(super) const TOO_SHORT: usize = 4;
/// Line breaks and blanks inside of wrapped hexadecimal or base64 are stepped over, up to so many bytes in all.
pub(super) const MOST_BREAKS: usize = 256;

/// One byte string whose presence means that a secret is there.
pub(super) struct Needle {
    /// The secret, by its place in the list of known ones.
    pub(super) secret: usize,
    pub(super) literal: Zeroizing<Vec<u8>>,
    pub(super) form: Form,
}

pub(super) enum Form {
    /// The core, spelled so; what must stand before and after it.
    Core { spelling: Spelling, before: Zeroizing<Vec<u8>>, after: Zeroizing<Vec<u8>> },
    /// The core in an encoding; what stands before it if the whole secret was encoded with it.
    Encoded { encoding: Encoding, lead: Zeroizing<Vec<u8>> },
}

/// All needles of a token.
pub(super) fn of_token(secret: usize, token: &[u8]) -> Vec<Needle> {
    let core = Some(core(token)).filter(|core| core.len() >= TOO_SHORT).unwrap_or(0..token.len());
    let mut needles = cores(secret, token, core.clone());
    // Short secrets are encoded whole: their core alone would be found by chance.
    let encoded = if core.len() < LONG { 0..token.len() } else { core };
    for (encoding, codec) in [(Encoding::HexLower, &HEXLOWER), (Encoding::HexUpper, &HEXUPPER)] {
        let whole = Zeroizing::new(codec.encode(&token[..encoded.end]).into_bytes());
        needles.push(Needle::encoded(secret, encoding, &whole, 2 * encoded.start));
    }
    for (encoding, codec) in [(Encoding::Base64, &BASE64_NOPAD), (Encoding::Base64Url, &BASE64URL_NOPAD)] {
        for shift in 0..3 {
            let mut shifted = Zeroizing::new(vec![0; shift]);
            shifted.extend_from_slice(&token[..encoded.end]);
            let signs = Zeroizing::new(codec.encode(&shifted).into_bytes());
            // Only signs whose six bits all come from the secret are sure to be there.
            let sure = (shift * 8).div_ceil(6)..shifted.len() * 8 / 6;
            let core_from = ((shift + encoded.start) * 8).div_ceil(6) - sure.start;
            needles.push(Needle::encoded(secret, encoding, &signs[sure], core_from));
        }
    }
    let mut distinct: Vec<Needle> = Vec::with_capacity(needles.len());
    for needle in needles {
        let least = if matches!(needle.form, Form::Core { .. }) { TOO_SHORT } else { SHORT };
        if needle.literal.len() >= least && !distinct.iter().any(|other| other.literal == needle.literal) {
            distinct.push(needle);
        }
    }
    distinct
}

/// The one needle of a password, which is looked for as it is.
pub(super) fn of_password(secret: usize, password: &[u8]) -> Needle {
    let nothing = || Zeroizing::new(Vec::new());
    let form = Form::Core { spelling: Spelling::Raw, before: nothing(), after: nothing() };
    Needle { secret, literal: Zeroizing::new(password.to_vec()), form }
}

/// Where the longest part without `$` stands in `token`.
fn core(token: &[u8]) -> Range<usize> {
    let mut start = 0;
    let mut longest = 0..0;
    for part in token.split(|byte| *byte == b'$') {
        if part.len() > longest.len() {
            longest = start..start + part.len();
        }
        start += part.len() + 1;
    }
    longest
}

/// The core in each spelling of its slashes.
fn cores(secret: usize, token: &[u8], core: Range<usize>) -> Vec<Needle> {
    let text = &token[core.clone()];
    let has_slash = text.contains(&b'/');
    let spellings = if has_slash { SLASHES } else { &SLASHES[..1] };
    let needle = |slash: &&str| {
        let mut literal = Zeroizing::new(Vec::with_capacity(text.len() * spelling::LONGEST));
        for byte in text {
            if *byte == b'/' { literal.extend_from_slice(slash.as_bytes()) } else { literal.push(*byte) }
        }
        let spelling = SLASH.at(slash.as_bytes(), 0).map_or(Spelling::Raw, |(_, spelling)| spelling);
        let part = |range: Range<usize>| Zeroizing::new(token[range].to_vec());
        let form = Form::Core { spelling, before: part(0..core.start), after: part(core.end..token.len()) };
        Needle { secret, literal, form }
    };
    spellings.iter().map(needle).collect()
}

impl Needle {
    fn encoded(secret: usize, encoding: Encoding, whole: &[u8], core_from: usize) -> Self {
        let (lead, literal) = whole.split_at(core_from);
        let form = Form::Encoded { encoding, lead: Zeroizing::new(lead.to_vec()) };
        Self { secret, literal: Zeroizing::new(literal.to_vec()), form }
    }

    /// The secret that this needle belongs to, if `hay` holds the needle so that its byte `offset` is at `at`: where the
    /// secret starts and ends, and its encoding.
    pub(super) fn verify(&self, hay: &[u8], at: usize, offset: usize) -> Option<(Range<usize>, Encoding)> {
        let exact = at.checked_sub(offset).map(|start| start..start + self.literal.len());
        let exact = exact.filter(|range| hay.get(range.clone()).is_some_and(|found| *found == **self.literal));
        match &self.form {
            Form::Core { spelling, before, after } => {
                let range = exact?;
                let start = spelling::text_before(hay, range.start, before);
                let end = spelling::text_at(hay, range.end, after);
                if let (Some((start, first)), Some((end, last))) = (start, end) {
                    let whole = before.len() + self.literal.len() + after.len();
                    let alone = whole >= SHORT || stands_alone(hay, &(start..end));
                    return alone.then(|| (start..end, Encoding::from(first.max(*spelling).max(last))));
                }
                (self.literal.len() >= LONG).then_some((range, Encoding::Part))
            }
            Form::Encoded { encoding, lead } => {
                let mut range = exact.or_else(|| self.wrapped(hay, at, offset))?;
                let (start, _) = backwards(hay, range.start, lead, MOST_BREAKS).unwrap_or((range.start, 0));
                range.start = start;
                Some((range, *encoding))
            }
        }
    }

    /// The same for a literal with line breaks inside.
    fn wrapped(&self, hay: &[u8], at: usize, offset: usize) -> Option<Range<usize>> {
        let (start, breaks) = backwards(hay, at, &self.literal[..offset], MOST_BREAKS)?;
        let end = forwards(hay, at, &self.literal[offset..], MOST_BREAKS - breaks)?;
        Some(start..end)
    }
}

fn stands_alone(hay: &[u8], range: &Range<usize>) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| hay.get(at));
    ![before, hay.get(range.end)].into_iter().flatten().any(u8::is_ascii_alphanumeric)
}

/// Where `text` ends that starts at `at`, line breaks in it stepped over.
fn forwards(hay: &[u8], mut at: usize, text: &[u8], mut budget: usize) -> Option<usize> {
    for sign in text {
        loop {
            let step = match (hay.get(at)?, hay.get(at + 1)) {
                (b'\\', Some(b'n' | b'r')) => 2,
                (b'\n' | b'\r' | b' ' | b'\t', _) => 1,
                (found, _) if found == sign => break,
                _ => return None,
            };
            at += step;
            budget = budget.checked_sub(step)?;
        }
        at += 1;
    }
    Some(at)
}

/// Where `text` starts that ends right before `at`, and how many bytes of breaks were stepped over.
fn backwards(hay: &[u8], mut at: usize, text: &[u8], budget: usize) -> Option<(usize, usize)> {
    let mut left = budget;
    for sign in text.iter().rev() {
        loop {
            let step = match hay.get(..at)? {
                [.., b'\\', b'n' | b'r'] => 2,
                [.., b'\n' | b'\r' | b' ' | b'\t'] => 1,
                [.., found] if found == sign => break,
                _ => return None,
            };
            at -= step;
            left = left.checked_sub(step)?;
        }
        at -= 1;
    }
    Some((at, budget - left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = concat!("$2b$12$", "abc/efghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ012345").as_bytes();

    fn found(hay: &str, offset: usize) -> Vec<(Range<usize>, Encoding)> {
        of_token(0, TOKEN)
            .iter()
            .flat_map(|needle| (0..hay.len()).filter_map(|at| needle.verify(hay.as_bytes(), at, offset)).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn the_core_is_what_stands_after_the_cost() {
        assert_eq!(core(TOKEN), 7..TOKEN.len());
        assert_eq!((core(b"plain"), core(b"$$"), core(b"ab$c")), (0..5, 0..0, 0..2));
    }

    #[test]
    fn base64_is_found_at_each_shift_and_starts_where_the_token_starts() {
        for shift in 0..3 {
            let text = [&b"xyz"[..shift], TOKEN, b"tail"].concat();
            let hay = format!("--{}--", BASE64_NOPAD.encode(&text));
            let hits = found(&hay, 5);
            assert_eq!(hits.len(), 1, "{shift}");
            assert_eq!(hits[0].0.start, 2 + (shift * 8).div_ceil(6), "{shift}");
            assert_eq!(hits[0].1, Encoding::Base64);
        }
    }

    #[test]
    fn wrapped_base64_and_hexadecimal_are_found() {
        for (codec, break_) in [(&BASE64_NOPAD, "\n"), (&HEXLOWER, "\r\n    "), (&BASE64_NOPAD, "\\n")] {
            let signs = codec.encode(TOKEN);
            for at in 1..signs.len() {
                let hay = format!("{}{break_}{}", &signs[..at], &signs[at..]);
                let all: Vec<_> = [0, 30].iter().flat_map(|offset| found(&hay, *offset)).collect();
                assert!(!all.is_empty(), "{break_:?} at {at}");
                assert!(all.iter().all(|(range, _)| *range == all[0].0), "{break_:?} at {at}: {all:?}");
            }
        }
    }

    #[test]
    fn a_core_without_its_cost_is_a_part() {
        let text = String::from_utf8(TOKEN[7..].to_vec()).unwrap();
        assert_eq!(found(&text, 0), [(0..text.len(), Encoding::Part)]);
    }

    #[test]
    fn a_short_password_must_stand_alone() {
        let needle = of_password(0, b"hunter2");
        let verify = |hay: &str| needle.verify(hay.as_bytes(), hay.find("hunter2").unwrap(), 0).is_some();
        assert!(verify("pw=hunter2;") && verify("hunter2"));
        assert!(!verify("xhunter2") && !verify("hunter23"));
    }
}
