//! Finds every secret in a piece of memory, each once.

use std::{ops::Range, sync::Arc};

use auth_core::{FingerprintKey, LoginToken};
use memchr::memmem::Finder;

use super::{
    encoding::{Encoding, Rule},
    grams::Grams,
    needle::{self, MOST_BREAKS, Needle},
    secret::{Known, Owner, Secret, Value},
    shape::Shapes,
    spelling,
};

/// The longest thing found apart from known secrets: a bcrypt line with each sign in its longest spelling.
const LONGEST_SHAPE: usize = 64 * spelling::LONGEST;

/// All that is looked for, prepared; shared by all threads.
pub(super) struct Engine {
    needles: Vec<Needle>,
    grams: Grams,
    /// Needles too short for the table, each with its searcher.
    short: Vec<(usize, Finder<'static>)>,
    shapes: Shapes,
    known: Vec<Arc<Known>>,
    key: FingerprintKey,
    window: usize,
    unsearched: Vec<String>,
}

/// A secret in a piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    pub(super) encoding: Encoding,
    pub(super) owner: Owner,
}

impl Engine {
    pub(super) fn new(secrets: &[Secret], key: &FingerprintKey) -> Self {
        let mut known: Vec<(Known, &Secret)> = Vec::new();
        let mut unsearched = Vec::new();
        for secret in secrets {
            if secret.bytes().len() < needle::TOO_SHORT {
                unsearched.push(secret.label.clone());
            } else if let Some((same, _)) = known.iter_mut().find(|(_, other)| same_secret(other, secret)) {
                same.add_label(&secret.label);
            } else {
                known.push((Known::of(secret, key), secret));
            }
        }
        let needles: Vec<Needle> = known
            .iter()
            .enumerate()
            .flat_map(|(number, (_, secret))| match secret.value {
                Value::Token(_) => needle::of_token(number, secret.bytes()),
                Value::Password(_) => vec![needle::of_password(number, secret.bytes())],
            })
            .collect();
        let longest = known.iter().map(|(_, secret)| secret.bytes().len() * spelling::LONGEST + MOST_BREAKS).max();
        let short = needles.iter().enumerate().filter(|(_, needle)| needle.literal.len() < needle::LONG);
        Self {
            grams: Grams::new(&needles),
            short: short.map(|(number, needle)| (number, Finder::new(&**needle.literal).into_owned())).collect(),
            shapes: Shapes::new(),
            known: known.into_iter().map(|(known, _)| Arc::new(known)).collect(),
            key: key.clone(),
            window: longest.unwrap_or(0).max(LONGEST_SHAPE) + 2,
            unsearched,
            needles,
        }
    }

    /// No secret, however it is spelled, takes more bytes than this, the bytes beside it that are looked at included.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    pub(super) fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// The labels of secrets that are too short to look for.
    pub(super) fn unsearched(&self) -> &[String] {
        &self.unsearched
    }

    /// How many distinct secrets are looked for.
    pub(super) fn secrets(&self) -> usize {
        self.known.len()
    }

    /// Puts every secret in `hay` into `hits`, first to last, each once.
    pub(super) fn search(&self, hay: &[u8], hits: &mut Vec<Hit>) {
        hits.clear();
        let mut at_needle = |at: usize, number: usize, offset: usize| {
            let needle = &self.needles[number];
            if let Some((range, encoding)) = needle.verify(hay, at, offset) {
                hits.push(Hit { range, encoding, owner: Owner::Known(self.known[needle.secret].clone()) });
            }
        };
        self.grams.search(hay, &mut at_needle);
        for (number, finder) in &self.short {
            finder.find_iter(hay).for_each(|at| at_needle(at, *number, 0));
        }
        self.shapes.search(hay, |shape| {
            let Ok(line) = LoginToken::new(shape.line.as_str()) else { return };
            let owner = self.owner_of(&line);
            hits.push(Hit { range: shape.start..shape.end, encoding: shape.spelling.into(), owner });
        });
        if hits.len() > 1 {
            keep_best(hits, self.window);
        }
    }

    /// A bcrypt line that is a known token is that token: the spelling of its slashes may have been too mixed for a needle.
    fn owner_of(&self, line: &LoginToken) -> Owner {
        let fingerprint = line.fingerprint(&self.key);
        let is_it = |known: &&Arc<Known>| matches!(&***known, Known::Token { fingerprint: own, .. } if *own == fingerprint);
        match self.known.iter().find(is_it) {
            Some(known) => Owner::Known(known.clone()),
            None => Owner::UnknownBcrypt { fingerprint },
        }
    }
}

impl Hit {
    /// The rule that is broken.
    pub(super) fn rule(&self) -> Rule {
        match &self.owner {
            Owner::UnknownBcrypt { .. } => Rule::BcryptUnknown,
            Owner::Known(known) => match &**known {
                Known::Password { .. } => Rule::PasswordPlain,
                Known::Token { .. } => Rule::of_token(self.encoding),
            },
        }
    }

    /// Of two hits in one place, the lower says more.
    fn rank(&self) -> u8 {
        match (&self.owner, self.encoding) {
            (Owner::Known(_), Encoding::Part) => 1,
            (Owner::Known(_), _) => 0,
            (Owner::UnknownBcrypt { .. }, _) => 2,
        }
    }
}

fn same_secret(one: &Secret, other: &Secret) -> bool {
    match (&one.value, &other.value) {
        (Value::Token(one), Value::Token(other)) => one == other,
        (Value::Password(one), Value::Password(other)) => one == other,
        _ => false,
    }
}

/// Sorts `hits` and drops those that only repeat what a better one in the same place says.
fn keep_best(hits: &mut Vec<Hit>, window: usize) {
    hits.sort_by(|one, other| (one.rank(), one.range.start, &one.owner).cmp(&(other.rank(), other.range.start, &other.owner)));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut ranks = [0; 3];
    for hit in hits.drain(..) {
        let rank = usize::from(hit.rank());
        // `kept` is sorted by place within each rank; what overlaps starts at most one window earlier.
        let overlaps = |group: &[Hit], only: Option<&Owner>| {
            let first = group.partition_point(|other| other.range.start + window < hit.range.start);
            group[first..]
                .iter()
                .take_while(|other| other.range.start < hit.range.end)
                .any(|other| hit.range.start < other.range.end && only.is_none_or(|owner| *owner == other.owner))
        };
        let mut from = 0;
        let mut repeated = false;
        for (group, count) in ranks.iter().enumerate().take(rank + 1) {
            let only = (group == rank).then_some(&hit.owner);
            repeated |= overlaps(&kept[from..from + count], only);
            from += count;
        }
        if !repeated {
            ranks[rank] += 1;
            kept.push(hit);
        }
    }
    kept.sort_by_key(|hit| (hit.range.start, hit.range.end));
    *hits = kept;
}

#[cfg(test)]
mod tests {
    use auth_core::{BcryptHash, Password};
    use proptest::prelude::*;

    use super::*;

    fn token(salt: u8) -> LoginToken {
        LoginToken::from(BcryptHash::of(&Password::new("made up").unwrap(), 4, [salt; 16]).unwrap())
    }

    fn found(engine: &Engine, hay: &str) -> Vec<(usize, Encoding, String)> {
        let mut hits = Vec::new();
        engine.search(hay.as_bytes(), &mut hits);
        hits.into_iter().map(|hit| (hit.range.start, hit.encoding, hit.owner.labels().join("+"))).collect()
    }

    fn engine(secrets: &[Secret]) -> Engine {
        Engine::new(secrets, &FingerprintKey::new(b"test"))
    }

    #[test]
    fn a_known_token_is_found_once_and_an_unknown_one_by_its_shape() {
        let engine = engine(&[Secret::token("a", &token(1)), Secret::token("b", &token(1)), Secret::token("c", &token(2))]);
        assert_eq!(engine.secrets(), 2);
        let hay = format!("{}\n{}\n{}\n", token(1).expose(), token(3).expose(), token(2).expose().replace('$', "$$"));
        let expected =
            [(0, Encoding::Raw, "a+b".into()), (61, Encoding::Raw, String::new()), (122, Encoding::DoubledDollar, "c".into())];
        assert_eq!(found(&engine, &hay), expected);
    }

    #[test]
    fn mixed_spellings_of_slashes_are_still_the_known_token() {
        let line = concat!("$2b$12$", "abc/efghijklmn/pqrstuvABCDEFG/IJKLMNOPQRSTUVW/YZ01234");
        let engine = engine(&[Secret::token("a", &LoginToken::new(line).unwrap())]);
        let mixed = line.replacen('/', "%2F", 1).replacen('/', "\\/", 1);
        assert_eq!(found(&engine, &mixed), [(0, Encoding::Percent, "a".into())]);
    }

    #[test]
    fn two_tokens_that_differ_in_the_cost_alone_are_told_apart() {
        let one = token(1);
        let other = LoginToken::new(one.expose().replace("$04$", "$05$")).unwrap();
        let engine = engine(&[Secret::token("one", &one), Secret::token("other", &other)]);
        assert_eq!(found(&engine, other.expose()), [(0, Encoding::Raw, "other".into())]);
        let third = other.expose().replace("$05$", "$06$");
        let part = |label: &str| (7, Encoding::Part, label.to_owned());
        let mut parts = found(&engine, &third);
        parts.sort_by(|left, right| left.2.cmp(&right.2));
        assert_eq!(parts, [part("one"), part("other")], "the part that matters is known");
    }

    #[test]
    fn tokens_that_are_no_bcrypt_lines_and_passwords_are_found() {
        let secrets = [
            Secret::token("m", &LoginToken::new("machine-only").unwrap()),
            Secret::token("s", &LoginToken::new("ab$cd$e").unwrap()),
            Secret::password("p", &Password::new("correct horse").unwrap()),
            Secret::password("tiny", &Password::new("abc").unwrap()),
        ];
        let engine = engine(&secrets);
        assert_eq!(engine.unsearched(), ["tiny"]);
        let hay = "x=machine-only y=correct horse z=bWFjaGluZS1vbmx5 abc 6d616368696e652d6f6e6c79 ab$cd$e";
        let expected = [
            (2, Encoding::Raw, "m"),
            (17, Encoding::Raw, "p"),
            (33, Encoding::Base64, "m"),
            (54, Encoding::HexLower, "m"),
            (79, Encoding::Raw, "s"),
        ];
        assert_eq!(found(&engine, hay), expected.map(|(at, encoding, label)| (at, encoding, label.to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_of_awkward_signs_is_searched_without_panic(
            pieces in prop::collection::vec(prop::sample::select(AWKWARD), 0..60),
            core in 0_usize..54,
        ) {
            let token = token(1);
            let engine = engine(&[Secret::token("a", &token)]);
            let hay = pieces.join("") + &token.expose()[7 + core.min(53)..] + &pieces.concat();
            let mut hits = Vec::new();
            engine.search(hay.as_bytes(), &mut hits);
            prop_assert!(hits.iter().all(|hit| hit.range.start < hit.range.end && hit.range.end <= hay.len()));
            prop_assert!(hits.windows(2).all(|pair| pair[0].range.start <= pair[1].range.start));
        }
    }

    const AWKWARD: &[&str] = &[
        "$",
        "$$",
        "\\",
        "%",
        "%24",
        "24",
        "&",
        "&#",
        "&#36;",
        "amp;",
        "x24;",
        "u0024",
        "u{24}",
        "2b",
        "12",
        "04",
        "/",
        "%2F",
        ".",
        "\n",
        " ",
        "é",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];

    #[test]
    fn many_secrets_in_one_piece_are_all_found() {
        let engine = engine(&[Secret::token("a", &token(1))]);
        let hay = format!("{},{}\n", token(1).expose(), token(2).expose()).repeat(500);
        assert_eq!(found(&engine, &hay).len(), 1000);
    }
}
