//! The tables that may say a setting, from strong to weak; and what each setting came to.

use std::{
    collections::BTreeMap,
    fmt::Display,
    path::{Path, PathBuf},
    time::Duration,
};

use super::written::{Length, Size, Stack};
use crate::{Described, Error, ErrorKind, Origin, Setting};

/// How a secret-shaped or absent value is shown.
const NONE: &str = "(none)";
/// Sizes are shown in the largest of these that divides them.
const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// The tables of one service.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    toml: PathBuf,
    tables: Vec<(Stack, String)>,
    described: Vec<Described>,
}

impl Levels {
    /// `tables` with their names, from strong to weak, of the file `toml`.
    pub(super) fn new(toml: &Path, tables: Vec<(Stack, String)>) -> Self {
        Levels { toml: toml.to_owned(), tables, described: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// What each setting came to, in the order in which they were asked for.
    pub(super) fn described(self) -> Vec<Described> {
        self.described
    }

    /// The strongest table that says it.
    pub(super) fn first(&self, says: impl Fn(&Stack) -> bool) -> Option<&Stack> {
        self.tables.iter().map(|(table, _)| table).find(|table| says(table))
    }

    /// The setting, or its default; shown as it is.
    pub(super) fn pick<T: Display>(&mut self, name: &'static str, key: &str, of: impl Fn(&Stack) -> Option<T>, default: T) -> T {
        self.shown(name, key, of, default, T::to_string)
    }

    /// The same, where a person sees other words.
    pub(super) fn shown<T>(
        &mut self,
        name: &'static str,
        key: &str,
        of: impl Fn(&Stack) -> Option<T>,
        default: T,
        shown: impl Fn(&T) -> String,
    ) -> T {
        let set = self.written(key, of).unwrap_or(Setting { value: default, origin: Origin::Default });
        self.say(name, shown(&set.value), &set.origin);
        set.value
    }

    /// The setting, or one from elsewhere.
    pub(super) fn or_setting<T: Display>(
        &mut self,
        name: &'static str,
        key: &str,
        of: impl Fn(&Stack) -> Option<T>,
        weaker: Setting<T>,
    ) -> T {
        let set = self.written(key, of).unwrap_or(weaker);
        self.say(name, set.value.to_string(), &set.origin);
        set.value
    }

    /// The setting, if it is written; `without` says what holds if it is not.
    pub(super) fn optional<T: Display>(
        &mut self,
        name: &'static str,
        key: &str,
        of: impl Fn(&Stack) -> Option<T>,
        without: &str,
    ) -> Option<Setting<T>> {
        let set = self.written(key, of);
        match &set {
            Some(set) => self.say(name, set.value.to_string(), &set.origin),
            None => self.say(name, without.to_owned(), &Origin::Default),
        }
        set
    }

    pub(super) fn length(
        &mut self,
        name: &'static str,
        key: &str,
        of: fn(&Stack) -> Option<Length>,
        default: Duration,
    ) -> Duration {
        let shown = |length: &Duration| match length.subsec_millis() {
            0 => format!("{}s", length.as_secs()),
            _ => format!("{}ms", length.as_millis()),
        };
        self.shown(name, key, |table| of(table).map(|length| length.0), default, shown)
    }

    pub(super) fn size(&mut self, name: &'static str, key: &str, of: fn(&Stack) -> Option<Size>, default: u64) -> u64 {
        self.shown(name, key, |table| of(table).map(|size| size.0), default, |bytes| size(*bytes))
    }

    pub(super) fn optional_size(&mut self, name: &'static str, key: &str, of: fn(&Stack) -> Option<Size>) -> Option<u64> {
        let shown = |bytes: &Option<u64>| bytes.map_or(NONE.to_owned(), size);
        self.shown(name, key, |table| of(table).map(|size| Some(size.0)), None, shown)
    }

    /// The entries of every table; of those with one name, the strongest. Only their names are shown: a value that should not be there
    /// may be a secret.
    pub(super) fn merged(
        &mut self,
        name: &'static str,
        key: &str,
        of: impl Fn(&Stack) -> &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let origin = self.tables.iter().find(|(table, _)| !of(table).is_empty());
        let origin = origin.map_or(Origin::Default, |(_, table)| self.origin(table, key));
        let mut merged = BTreeMap::new();
        for (table, _) in self.tables.iter().rev() {
            merged.extend(of(table).clone());
        }
        self.say(name, list(merged.keys()), &origin);
        merged
    }

    /// Refuses a key that only the project as a whole can have.
    pub(super) fn forbid_in_service(&self, key: &str, says: impl Fn(&Stack) -> bool) -> Result<(), Error> {
        match self.tables.iter().find(|(table, name)| name != "stack" && says(table)) {
            Some((_, name)) => Err(self.at(&format!("{name}.{key}"), "is of the whole project").hint("write it into `[stack]`")),
            None => Ok(()),
        }
    }

    /// Refuses a table that says both.
    pub(super) fn forbid_both(
        &self,
        key: &str,
        other: &str,
        one: impl Fn(&Stack) -> bool,
        two: impl Fn(&Stack) -> bool,
    ) -> Result<(), Error> {
        match self.tables.iter().find(|(table, _)| one(table) && two(table)) {
            Some((_, name)) => {
                Err(self.at(&format!("{name}.{key}"), &format!("and `{other}` can't both be")).hint("remove one of them"))
            }
            None => Ok(()),
        }
    }

    /// An error about the weakest table as a whole.
    pub(super) fn error(&self, what: &str) -> Error {
        let name = self.tables.last().map_or("stack", |(_, name)| name);
        self.at(name, what)
    }

    fn at(&self, key: &str, what: &str) -> Error {
        Error::new(ErrorKind::Stack, format!("`{key}` in `{}` {what}", self.toml.display()))
    }

    fn written<T>(&self, key: &str, of: impl Fn(&Stack) -> Option<T>) -> Option<Setting<T>> {
        self.tables.iter().find_map(|(table, name)| Some(Setting { value: of(table)?, origin: self.origin(name, key) }))
    }

    fn origin(&self, table: &str, key: &str) -> Origin {
        Origin::File(self.toml.clone(), format!("{table}.{key}"))
    }

    fn say(&mut self, name: &'static str, value: String, origin: &Origin) {
        self.described.push(Described { name, value, origin: origin.to_string() });
    }
}

/// The entries in one line.
pub(super) fn list<T: Display>(entries: impl Iterator<Item = T>) -> String {
    let entries: Vec<String> = entries.map(|entry| entry.to_string()).collect();
    if entries.is_empty() { NONE.to_owned() } else { entries.join(", ") }
}

fn size(bytes: u64) -> String {
    match UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}
