//! Finds bcrypt lines that nobody named, in every spelling of their `$`.

use aho_corasick::{
    AhoCorasick,
    packed::{MatchKind, Searcher},
};
use zeroize::Zeroizing;

use super::{
    partial::sign_at,
    spelling::{DOLLAR, SLASH, Spelling},
};

/// Salt and digest of a bcrypt line, in signs.
const CORE: usize = 53;

/// A text of the shape of a bcrypt line.
pub(super) struct Shape {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) spelling: Spelling,
    /// The line with its `$` and `/` as bcrypt prints them.
    pub(super) line: Zeroizing<String>,
}

/// Looks for the four bytes round `2b` that every spelling has: the end of the first `$`, and the start of the second.
pub(super) enum Shapes {
    Packed(Searcher),
    /// On a processor without the vector instructions.
    Plain(AhoCorasick),
    Nothing,
}

impl Shapes {
    pub(super) fn new() -> Self {
        let ends_and_starts = [('$', '$'), ('$', '\\'), ('4', '%'), ('4', '\\'), (';', '&'), ('}', '\\')];
        let marks: Vec<String> = ends_and_starts
            .iter()
            .flat_map(|(end, start)| ['a', 'b', 'x', 'y'].map(|version| format!("{end}2{version}{start}")))
            .collect();
        let mut packed = aho_corasick::packed::Config::new();
        let packed = packed.match_kind(MatchKind::LeftmostFirst).builder().extend(&marks).build();
        match packed {
            Some(searcher) => Self::Packed(searcher),
            None => AhoCorasick::new(&marks).map_or(Self::Nothing, Self::Plain),
        }
    }

    /// Gives each bcrypt line in `hay`, first to last.
    pub(super) fn search(&self, hay: &[u8], mut found: impl FnMut(Shape)) {
        // A mark starts with the last byte of the first `$`; two marks can't overlap by more than that byte.
        let mut at = 0;
        while let Some(mark) = self.mark(hay, at) {
            at = mark + 3;
            if let Some(shape) = shape(hay, mark + 1) {
                at = at.max(shape.end);
                found(shape);
            }
        }
    }

    fn mark(&self, hay: &[u8], from: usize) -> Option<usize> {
        let span = aho_corasick::Span::from(from..hay.len());
        match self {
            Self::Packed(searcher) => searcher.find_in(hay, span).map(|found| found.start()),
            Self::Plain(searcher) => searcher.find(aho_corasick::Input::new(hay).span(span)).map(|found| found.start()),
            Self::Nothing => None,
        }
    }
}

/// The bcrypt line whose `2b` stands at `at`.
fn shape(hay: &[u8], at: usize) -> Option<Shape> {
    let (start, first) = DOLLAR.before(hay, at)?;
    let version = char::from(*hay.get(at + 1)?);
    let (cost_at, second) = DOLLAR.at(hay, at + 2)?;
    let cost = std::str::from_utf8(hay.get(cost_at..cost_at + 2)?).ok()?;
    let in_range = cost.bytes().all(|byte| byte.is_ascii_digit()) && ("04"..="31").contains(&cost);
    let (core_at, third) = DOLLAR.at(hay, cost_at + 2).filter(|_| in_range)?;

    let mut line = Zeroizing::new(String::with_capacity(60));
    line.push_str("$2");
    line.push(version);
    line.push('$');
    line.push_str(cost);
    line.push('$');
    let mut end = core_at;
    let mut spelling = first.max(second).max(third);
    for _ in 0..CORE {
        match *hay.get(end)? {
            byte if byte.is_ascii_alphanumeric() || byte == b'.' => {
                line.push(char::from(byte));
                end += 1;
            }
            _ => {
                let (next, slash) = SLASH.at(hay, end)?;
                line.push('/');
                spelling = spelling.max(slash);
                end = next;
            }
        }
    }
    ends_here(&hay[end..]).then_some(Shape { start, end, spelling, line })
}

/// Whether `rest` is the beginning of a bcrypt line, or one of which what follows is not known.
pub(super) fn begins(rest: &[u8]) -> bool {
    runs_out(rest).unwrap_or_else(|ends| ends)
}

/// The steps of [`shape`]; `Err` where the answer is known before the last one.
fn runs_out(rest: &[u8]) -> Result<bool, bool> {
    let is = |at: usize, fits: fn(u8) -> bool| match rest.get(at) {
        None => Err(true),
        Some(byte) if fits(*byte) => Ok(at + 1),
        Some(_) => Err(false),
    };
    let at = is(sign_at(&DOLLAR, rest, 0)?, |byte| byte == b'2')?;
    let at = is(at, |byte| matches!(byte, b'a' | b'b' | b'x' | b'y'))?;
    let at = is(sign_at(&DOLLAR, rest, at)?, |byte| byte.is_ascii_digit())?;
    let mut at = sign_at(&DOLLAR, rest, is(at, |byte| byte.is_ascii_digit())?)?;
    for _ in 0..CORE {
        let plain = is(at, |byte| byte.is_ascii_alphanumeric() || byte == b'.');
        at = match plain {
            Err(false) => sign_at(&SLASH, rest, at)?,
            plain => plain?,
        };
    }
    Ok(rest.len() < at + 2)
}

/// Whether the alphabet of bcrypt ends here; a dot or slash may close a sentence or a folder's name.
fn ends_here(rest: &[u8]) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    match rest {
        [b'.' | b'/', next, ..] => !is_sign(next),
        [next, ..] => !next.is_ascii_alphanumeric(),
        [] => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(dollar: &str, slash: &str) -> String {
        format!("{dollar}2b{dollar}12{dollar}{}{slash}{}", "a".repeat(40), "Z".repeat(12))
    }

    fn found(hay: &str) -> Vec<(usize, usize, Spelling, String)> {
        let mut all = Vec::new();
        Shapes::new().search(hay.as_bytes(), |shape| {
            all.push((shape.start, shape.end, shape.spelling, shape.line.to_string()));
        });
        all
    }

    #[test]
    fn every_spelling_is_found_and_read_back() {
        let plain = line("$", "/");
        for dollar in ["$", "$$", "\\$", "%24", "%2524", "\\u0024", "\\x24", "\\u{24}", "&#36;", "&#x24;", "&#X24;", "&dollar;"] {
            for slash in ["/", "\\/", "%2F", "%2f", "\\u002F", "&#x2F;"] {
                for (before, after) in [("", ""), ("K='", "'\n"), ("is ", ". Then"), ("?token=", "&x=1"), ("a", "\\n\"")] {
                    let text = line(dollar, slash);
                    let all = found(&format!("{before}{text}{after}"));
                    assert_eq!(all.len(), 1, "{before}{dollar}{slash}{after}");
                    assert_eq!((all[0].0, all[0].1), (before.len(), before.len() + text.len()), "{dollar}{slash}");
                    assert_eq!(all[0].3, plain);
                }
            }
        }
    }

    #[test]
    fn what_is_no_bcrypt_line_is_not_found() {
        let good = line("$", "/");
        let bad = [
            good[..59].to_owned(),
            format!("{good}x"),
            format!("{good}/x"),
            good.replace("$2b$", "$2c$"),
            good.replace("$12$", "$99$"),
            good.replace("$12$", "$03$"),
            good.replace("$12$", "$1$"),
            good.replace("$12$", "$+4$"),
            good.replace("$12$", "$12"),
            good.replace('/', "-"),
            "$2b$12$short".to_owned(),
            "$2b$".repeat(40),
        ];
        for text in bad {
            assert_eq!(found(&text), [], "{text}");
        }
    }

    #[test]
    fn lines_side_by_side_are_all_found() {
        let good = line("$", "/");
        assert_eq!(found(&format!("{good}\n{good},{good}${good}")).len(), 4);
    }
}
