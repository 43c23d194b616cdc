//! What a project allows and demands, as the types of the crates that judge by it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use auth_core::{DEFAULT_POLICY, FingerprintKey, Policy};
use token_sync::{
    Backups, SourceFile,
    scan::{Allow, Control, Scanner},
};

use crate::{Error, ErrorKind, Origin, Setting, file, load::normal};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What a hash may cost: above, a rotation takes minutes.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;
/// A random password has 32 bytes, so that more could not be met.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=32;

/// What `genai.toml` allows and demands, whichever service is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Targets that may be symbolic links.
    pub links: Setting<Vec<PathBuf>>,
    /// Targets that may lie outside of the project's folder.
    pub outside: Setting<Vec<PathBuf>>,
    /// Copies of what is replaced, if they are wanted.
    pub backups: Setting<Option<Backups>>,
    /// What is asked of the credential.
    pub limits: Limits,
    /// What fingerprints are made under, where they must be the same in every copy of the project.
    pub fingerprint_key: Setting<Option<String>>,
    /// What a leak scan may find.
    pub allowed: Setting<Vec<Allow>>,
}

/// The limits of a [`Policy`], each with its origin: what somebody wrote is a rule, a default is advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How old a token may be; `None` for any age.
    pub max_age: Setting<Option<Duration>>,
    /// The lowest bcrypt cost.
    pub min_cost: Setting<u32>,
    /// The shortest password in bytes.
    pub min_password_bytes: Setting<usize>,
}

impl Limits {
    /// The limits as the policy that judges by them.
    pub fn policy(&self) -> Policy {
        Policy { max_age: self.max_age.value, min_cost: self.min_cost.value, min_password_bytes: self.min_password_bytes.value }
    }
}

/// The rules of the file `toml` in the project's folder `root`, for a service of that `source`.
pub(crate) fn read(file: &file::File, toml: &Path, root: &Path, source: &SourceFile) -> Result<Rules, Error> {
    let at = At(toml);
    let paths = |key, paths: &Option<Vec<String>>| {
        at.setting(key, paths.as_ref().map(|paths| paths.iter().map(|path| normal(&root.join(path))).collect()), Vec::new())
    };
    Ok(Rules {
        links: paths("targets.links", &file.targets.links),
        outside: paths("targets.outside", &file.targets.outside),
        backups: at.setting("backups", file.backups.as_ref().map(|table| backups(table, root, source)), None),
        limits: limits(&file.policy, &at)?,
        fingerprint_key: at.setting("scan.fingerprint_key", file.scan.fingerprint_key.clone().map(Some), None),
        allowed: allowed(&file.scan.allow, &at)?,
    })
}

fn backups(table: &file::Backups, root: &Path, source: &SourceFile) -> Option<Backups> {
    let folder = table.folder.as_ref().map_or_else(|| source.folder().join("backups"), |folder| normal(&root.join(folder)));
    let keep = table.keep.unwrap_or(10);
    let days = table.max_age_days.unwrap_or(30);
    (keep > 0).then(|| Backups::new(folder).keep(keep.into()).max_age(DAY * days.into()))
}

fn limits(table: &file::Policy, at: &At<'_>) -> Result<Limits, Error> {
    let max_age = table.max_age_days.map(|days| (days > 0).then(|| DAY * days));
    at.within("policy.min_cost", table.min_cost.as_ref(), &COSTS)?;
    at.within("policy.min_password_bytes", table.min_password_bytes.as_ref(), &LENGTHS)?;
    Ok(Limits {
        max_age: at.setting("policy.max_age_days", max_age, DEFAULT_POLICY.max_age),
        min_cost: at.setting("policy.min_cost", table.min_cost, DEFAULT_POLICY.min_cost),
        min_password_bytes: at.setting("policy.min_password_bytes", table.min_password_bytes, DEFAULT_POLICY.min_password_bytes),
    })
}

fn allowed(entries: &[file::Allow], at: &At<'_>) -> Result<Setting<Vec<Allow>>, Error> {
    let read = |(number, entry): (usize, &file::Allow)| {
        let until = match &entry.until {
            toml::Value::String(text) => text.clone(),
            toml::Value::Datetime(date) => date.to_string(),
            other => other.type_str().to_owned(),
        };
        let place = || format!("entry {} of `scan.allow` in `{}`", number + 1, at.0.display());
        let scanner = Scanner::new(&[], &FingerprintKey::new(b"reason"));
        if !scanner.stream("reason", &mut entry.reason.as_bytes(), &Control::silent()).matches.is_empty() {
            return Err(Error::new(ErrorKind::File, format!("{}: its `reason` holds a token, which would be shown", place())));
        }
        Allow::new(entry.path.as_deref(), entry.fingerprint.as_deref(), &entry.reason, &until)
            .map_err(|error| Error::new(ErrorKind::File, format!("{}: {error}", place())).hints_of(error.hints()))
    };
    let entries: Vec<Allow> = entries.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(at.setting("scan.allow", Some(entries).filter(|entries| !entries.is_empty()), Vec::new()))
}

/// The file that says it.
struct At<'a>(&'a Path);

impl At<'_> {
    fn setting<T>(&self, key: &str, written: Option<T>, default: T) -> Setting<T> {
        match written {
            Some(value) => Setting { value, origin: Origin::File(self.0.to_owned(), key.to_owned()) },
            None => Setting { value: default, origin: Origin::Default },
        }
    }

    fn within<T>(&self, key: &str, value: Option<&T>, range: &std::ops::RangeInclusive<T>) -> Result<(), Error>
    where
        T: PartialOrd + std::fmt::Display,
    {
        match value.filter(|value| !range.contains(value)) {
            None => Ok(()),
            Some(value) => Err(Error::new(ErrorKind::File, format!("`{key}` in `{}` can't be {value}", self.0.display()))
                .hint(format!("choose a number from {} to {}", range.start(), range.end()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Settings, World};

    fn load(text: &str) -> Result<Rules, String> {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("genai.toml"), text).unwrap();
        let settings = Settings::load(&Flags::default(), &World::for_tests(project.path())).map_err(|error| {
            format!("{error} | {}", error.hints().join(" | ")).replace(&project.path().display().to_string(), "PROJECT")
        })?;
        Ok(settings.rules)
    }

    #[test]
    fn nothing_written_allows_nothing_and_keeps_no_copies() {
        let rules = load("").unwrap();
        assert!(rules.links.value.is_empty() && rules.outside.value.is_empty() && rules.allowed.value.is_empty());
        assert_eq!((rules.backups.value, rules.limits.policy()), (None, DEFAULT_POLICY));
    }

    #[test]
    fn what_is_written_is_known_by_its_key() {
        let rules = load(
            "[targets]\nlinks = ['.env']\noutside = ['../other/.env']\n[backups]\n[policy]\nmax_age_days = 0\nmin_cost = 13\n\
             [[scan.allow]]\npath = 'a'\nreason = 'why'\nuntil = 2026-01-31\n\
             [[scan.allow]]\nfingerprint = '0123abcd'\nreason = 'why'\nuntil = '2026-01-31'\n",
        )
        .unwrap();
        assert!(rules.links.value[0].ends_with(".env") && rules.links.value[0].is_absolute());
        assert!(!rules.outside.value[0].ends_with("../other/.env"), "one spelling for one file");
        assert!(rules.backups.value.unwrap().folder().ends_with(".secrets/backups"));
        assert_eq!(rules.limits.policy(), Policy { max_age: None, min_cost: 13, ..DEFAULT_POLICY });
        assert_eq!(rules.limits.min_password_bytes.origin, Origin::Default);
        assert_eq!(rules.allowed.value[0].until(), rules.allowed.value[1].until());
        assert_eq!(load("[backups]\nkeep = 0\n").unwrap().backups.value, None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_entry_and_field() {
        let entry =
            |fields: &str| load(&format!("[[scan.allow]]\npath='a'\nreason='b'\nuntil='2026-01-01'\n[[scan.allow]]\n{fields}\n"));
        let seen = [
            entry("path='a'\nreason='b'\nuntil='soon'"),
            entry("path='a'\nreason='b'\nuntil=5"),
            entry("path='!a'\nreason='b'\nuntil='2026-01-01'"),
            entry("fingerprint='xyz'\nreason='b'\nuntil='2026-01-01'"),
            entry("path='a'\nreason=' '\nuntil='2026-01-01'"),
            entry("reason='b'\nuntil='2026-01-01'"),
            entry("path='a'\nuntil='2026-01-01'"),
            entry("path='a'\nreson='b'"),
            load("[policy]\nmin_cost = 31\n"),
            load("[policy]\nmin_password_bytes = 64\n"),
            load("[policy]\nmax_age_days = -1\n"),
            load("[backups]\nkep = 3\n"),
            load("[targets]\nlinks = '.env'\n"),
        ]
        .map(Result::unwrap_err);
        insta::assert_snapshot!(seen.join("\n"), @r#"
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: `until`: `soon` is not a date | write year, month and day, such as `2026-01-31`
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: `until`: `integer` is not a date | write year, month and day, such as `2026-01-31`
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: `path` is no pattern: `!a` | write it as in a `.gitignore`, without `!`, such as `tests/data/*.json`
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: `fingerprint` is not 8 hexadecimal signs | copy it from a scan's report
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: `reason` is blank | say why the secret may stay there
        entry 2 of `scan.allow` in `PROJECT/genai.toml`: neither `path` nor `fingerprint` is given | name what it allows
        line 5 of `PROJECT/genai.toml`: missing field `reason` | 
        line 7 of `PROJECT/genai.toml`: unknown field `reson` | nearest: `reason` | known here: `path`, `fingerprint`, `reason`, `until`
        `policy.min_cost` in `PROJECT/genai.toml` can't be 31 | choose a number from 4 to 16
        `policy.min_password_bytes` in `PROJECT/genai.toml` can't be 64 | choose a number from 1 to 32
        line 2 of `PROJECT/genai.toml`: invalid value: integer `-1`, expected u32 | 
        line 2 of `PROJECT/genai.toml`: unknown field `kep` | nearest: `keep` | known here: `keep`, `max_age_days`, `folder`
        line 2 of `PROJECT/genai.toml`: invalid type: string "…", expected a sequence |
        "#);
    }
}
