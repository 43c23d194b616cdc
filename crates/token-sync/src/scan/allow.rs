//! What may stay although it was found: entries with a reason and an end date.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::found::Match;
use crate::{Error, ErrorKind};

/// A calendar day of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Reads `2026-01-31`, or the day of a timestamp such as `2026-01-31T08:00:00Z`.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] if it is neither, or the month has no such day.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = || {
            Error::new(ErrorKind::Syntax, format!("`{}` is not a date", text.escape_debug()))
                .hint("write year, month and day, such as `2026-01-31`")
        };
        let (date, time) = text.split_at_checked(10).ok_or_else(refused)?;
        let mut parts = date.split('-').map(|part| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| digits).map(|number| (part.len(), number))
        });
        let (Some(Some((4, year))), Some(Some((2, month))), Some(Some((2, day))), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let longest = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        let timed = time.is_empty() || time.starts_with(['T', 't', ' ']);
        if !timed || !(1..=longest).contains(&day) {
            return Err(refused());
        }
        // Both have two digits.
        Ok(Self { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// One entry of the allowlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    path: Option<String>,
    fingerprint: Option<String>,
    reason: String,
    until: Day,
}

impl Allow {
    /// Allows what is found under `path` (a pattern as in a `.gitignore`), or what has this keyed `fingerprint`; given both,
    /// what fits both. `until` is the last day on which the entry counts.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] if neither path nor fingerprint is given, the path is no pattern or a negated one, the
    /// fingerprint is not 8 hexadecimal signs, the reason is blank, or `until` is not a date.
    pub fn new(path: Option<&str>, fingerprint: Option<&str>, reason: &str, until: &str) -> Result<Self, Error> {
        let refused = |message: String, hint: &str| Err(Error::new(ErrorKind::Syntax, message).hint(hint));
        if path.is_none() && fingerprint.is_none() {
            return refused("neither `path` nor `fingerprint` is given".into(), "name what it allows");
        }
        if let Some(path) = path.filter(|path| pattern(Path::new(""), path).is_none()) {
            return refused(
                format!("`path` is no pattern: `{}`", path.escape_debug()),
                "write it as in a `.gitignore`, without `!`, such as `tests/data/*.json`",
            );
        }
        let is_fingerprint = |text: &&str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fingerprint.is_some_and(|text| !is_fingerprint(&text)) {
            // It may be a token that was pasted by mistake, so it is not shown.
            return refused("`fingerprint` is not 8 hexadecimal signs".into(), "copy it from a scan's report");
        }
        if reason.trim().is_empty() {
            return refused("`reason` is blank".into(), "say why the secret may stay there");
        }
        Ok(Self {
            path: path.map(str::to_owned),
            fingerprint: fingerprint.map(str::to_ascii_lowercase),
            reason: reason.trim().to_owned(),
            until: Day::parse(until).map_err(|error| error.of_field("until"))?,
        })
    }

    /// The path pattern.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The keyed fingerprint.
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Why the secret may stay there.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The last day on which the entry counts.
    pub fn until(&self) -> Day {
        self.until
    }
}

/// All entries, ready to judge matches.
#[derive(Debug)]
pub struct Allowlist {
    base: PathBuf,
    entries: Vec<(Allow, Option<Gitignore>)>,
}

/// Matches, judged by an allowlist: each is in exactly one of the lists, in its old order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What no entry speaks of.
    pub matches: Vec<Match>,
    /// What an entry allows, each with the number of its entry.
    pub allowed: Vec<(Match, usize)>,
    /// What only an entry past its end date would allow, each with the number of its entry.
    pub expired: Vec<(Match, usize)>,
    /// The numbers of the entries that fit nothing that was found.
    pub unused: Vec<usize>,
}

impl Allowlist {
    /// An allowlist whose patterns speak of paths below `base`, the project's folder. Relative paths, and git's, are taken to
    /// be below it.
    pub fn new(base: impl Into<PathBuf>, entries: Vec<Allow>) -> Self {
        let with_pattern = |entry: Allow| {
            let pattern = entry.path().and_then(|path| pattern(Path::new(""), path));
            (entry, pattern)
        };
        Self { base: base.into(), entries: entries.into_iter().map(with_pattern).collect() }
    }

    /// The entry of this number.
    pub fn entry(&self, number: usize) -> Option<&Allow> {
        self.entries.get(number).map(|(entry, _)| entry)
    }

    /// Parts `matches` into allowed and not allowed, as of `today`.
    pub fn judge(&self, matches: Vec<Match>, today: Day) -> Judged {
        let mut judged = Judged::default();
        let mut used = vec![false; self.entries.len()];
        for found in matches {
            let mut fitting = Vec::new();
            for (number, (entry, pattern)) in self.entries.iter().enumerate() {
                if self.allows(entry, pattern.as_ref(), &found) {
                    used[number] = true;
                    fitting.push((number, today <= entry.until));
                }
            }
            match fitting.iter().find(|(_, counts)| *counts).or(fitting.first()) {
                Some((number, true)) => judged.allowed.push((found, *number)),
                Some((number, false)) => judged.expired.push((found, *number)),
                None => judged.matches.push(found),
            }
        }
        judged.unused = (0..self.entries.len()).filter(|number| !used[*number]).collect();
        judged
    }

    fn allows(&self, entry: &Allow, pattern: Option<&Gitignore>, found: &Match) -> bool {
        let by_path = || {
            let path = found.place.path()?;
            let path = path.strip_prefix(&self.base).unwrap_or(path);
            let path = path.strip_prefix(".").unwrap_or(path);
            Some(!path.has_root() && pattern?.matched_path_or_any_parents(path, false).is_ignore())
        };
        let by_fingerprint = || Some(found.owner.fingerprint()?.as_str() == entry.fingerprint()?);
        (entry.path.is_none() || by_path() == Some(true)) && (entry.fingerprint.is_none() || by_fingerprint() == Some(true))
    }
}

/// A pattern as in a `.gitignore` at `root`; `None` if it is none, or negated.
fn pattern(root: &Path, text: &str) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new(root);
    builder.add_line(None, text).ok()?;
    builder.build().ok().filter(|built| built.num_ignores() == 1)
}

#[cfg(test)]
mod tests {
    use auth_core::{FingerprintKey, LoginToken};

    use super::*;
    use crate::scan::{Encoding, Owner, Place, Region, Rule};

    fn found(path: &str, token: &str) -> Match {
        let fingerprint = LoginToken::new(token).unwrap().fingerprint(&FingerprintKey::new(b"test"));
        Match {
            place: Place::File { path: path.into() },
            region: Region { offset: 0, length: 1, line: 1, column: 1, end_line: 1, end_column: 2 },
            encoding: Encoding::Raw,
            owner: Owner::UnknownBcrypt { fingerprint },
            rule: Rule::BcryptUnknown,
            occurrence: 0,
        }
    }

    #[test]
    fn dates() {
        for good in ["2026-01-31", "2024-02-29", "2000-02-29", "2026-12-31T23:59:59Z"] {
            assert_eq!(Day::parse(good).unwrap().to_string(), good[..10]);
        }
        let bad = ["", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-04-31", "26-01-01"];
        for bad in bad.into_iter().chain(["2026-1-011", "+026-01-01", "2026-01-01x", "2026/01/01", "2026-01-0é", "tomorrow!!"]) {
            assert_eq!(Day::parse(bad).unwrap_err().kind(), ErrorKind::Syntax, "{bad}");
        }
        assert!(Day::parse("2025-12-31").unwrap() < Day::parse("2026-01-01").unwrap());
    }

    #[test]
    fn an_entry_says_what_why_and_until_when() {
        let cases = [
            (None, None, "why", "2026-01-01"),
            (Some("!a"), None, "why", "2026-01-01"),
            (Some(""), None, "why", "2026-01-01"),
            (Some("# a"), None, "why", "2026-01-01"),
            (Some("a{"), None, "why", "2026-01-01"),
            (None, Some("1234"), "why", "2026-01-01"),
            (None, Some("1234567g"), "why", "2026-01-01"),
            (Some("a"), None, " ", "2026-01-01"),
            (Some("a"), None, "why", ""),
        ];
        for (path, fingerprint, reason, until) in cases {
            let error = Allow::new(path, fingerprint, reason, until).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Syntax, "{path:?} {fingerprint:?}");
            assert!(!error.hints().is_empty());
        }
    }

    #[test]
    fn entries_allow_by_path_and_fingerprint_until_their_day() {
        let (one, two) = (found("proj/tests/data/a.json", "one"), found("proj/src/a.rs", "two"));
        let print = one.owner.fingerprint().unwrap().to_string();
        let today = Day::parse("2026-06-15").unwrap();
        let cases = [
            (Some("tests/"), None, "2026-06-15", 1),
            (Some("tests/data/*.json"), None, "2026-06-15", 1),
            (Some("/a.rs"), None, "2026-06-15", 0),
            (Some("a.*"), None, "2027-01-01", 2),
            (None, Some(print.as_str()), "2026-06-15", 1),
            (Some("src"), Some(print.as_str()), "2026-06-15", 0),
            (Some("a.*"), None, "2026-06-14", 0),
        ];
        for (path, fingerprint, until, allowed) in cases {
            let list = Allowlist::new("proj", vec![Allow::new(path, fingerprint, "why", until).unwrap()]);
            let judged = list.judge(vec![one.clone(), two.clone()], today);
            assert_eq!(judged.allowed.len(), allowed, "{path:?} {fingerprint:?} {until}");
            let expired = usize::from(until == "2026-06-14") * 2;
            assert_eq!((judged.matches.len(), judged.expired.len()), (2 - allowed - expired, expired));
            assert_eq!(judged.unused.len(), usize::from(allowed + expired == 0));
        }
    }

    #[test]
    fn an_entry_that_counts_beats_one_that_expired() {
        let of = |until| Allow::new(Some("a"), None, "why", until).unwrap();
        let judge = |entries| Allowlist::new("", entries).judge(vec![found("a", "one")], Day::parse("2026-06-15").unwrap());
        let both = judge(vec![of("2026-06-14"), of("2026-06-15")]);
        assert_eq!((both.allowed.len(), both.allowed[0].1, both.unused.len()), (1, 1, 0));
        let expired = judge(vec![of("2026-06-13"), of("2026-06-14")]);
        assert_eq!((expired.expired.len(), expired.expired[0].1), (1, 0));
    }

    #[test]
    fn a_path_outside_of_the_project_is_allowed_by_no_pattern() {
        let list = Allowlist::new("/project", vec![Allow::new(Some("*"), None, "why", "2099-01-01").unwrap()]);
        let judged = list.judge(
            vec![found("/elsewhere/a", "one"), found("/project/a", "one"), found("./a", "one")],
            Day::parse("2026-01-01").unwrap(),
        );
        assert_eq!((judged.matches.len(), judged.allowed.len()), (1, 2));
    }
}
