//! Where a token lies or may lie: the places that the source of truth names, and those that people use.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use auth_core::{LoginToken, Mangling, Shape, SourceOfTruth};
use settings::Settings;
use token_sync::{Dialect, Reading, Surroundings, Target, read_file};

use crate::subject::Subject;

/// Folders that hold other people's files.
const FOREIGN: &[&str] = &[".git", "node_modules", "target", "__pycache__", ".venv", "venv", "site-packages"];
/// Endings of files that are made to be read by everybody.
const EXAMPLES: &[&str] = &[".example", ".sample", ".template", ".dist"];

/// A place, and what its reader sees there.
pub(crate) struct Spot {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
    /// How to read and write it; none for the source of truth itself.
    pub(crate) target: Option<Target>,
    pub(crate) reading: Reading,
}

/// Why a place is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The source of truth.
    Source,
    /// The source of truth names it.
    Target,
    /// It was found in the project's folder.
    Found,
}

impl Spot {
    /// The place as a person names it: with its key, where its file has several.
    pub(crate) fn name(&self, settings: &Settings) -> String {
        let path = settings.shown(&self.path);
        match self.target.as_ref().and_then(Target::key) {
            Some(key) => format!("{path} {key}"),
            None => path,
        }
    }

    pub(crate) fn token(&self) -> Option<&LoginToken> {
        match &self.reading {
            Reading::Token(token, _) => Some(token),
            _ => None,
        }
    }
}

/// Every place of a project.
#[derive(Default)]
pub(crate) struct Places {
    /// The source of truth first, then its targets, then what was found, each once.
    pub(crate) spots: Vec<Spot>,
    /// Targets that are not looked at: their paths, and why.
    pub(crate) refused: Vec<(String, settings::Error)>,
}

/// Looks for every place of the project.
pub(crate) fn find(subject: &Subject<'_>) -> Places {
    let settings = subject.settings;
    let Places { mut spots, mut refused } = Places::default();
    if let Some(source) = subject.known() {
        spots.push(of_source(settings, source));
        for (path, target) in settings.each_target(source) {
            match target {
                Ok(target) => {
                    let (path, reading) = (target.path().to_owned(), target.read());
                    spots.push(Spot { path, role: Role::Target, reading, target: Some(target) });
                }
                Err(error) => refused.push((path, error)),
            }
        }
    }
    // What other services keep is theirs, and copies of what was replaced are no places.
    let claimed = settings.claimed();
    let mut known: BTreeSet<_> = spots.iter().filter_map(|spot| spot.target.as_ref()).map(named).collect();
    known.extend(claimed.iter().map(|(target, _)| named(target)));
    let backups = settings.rules.backups.value.as_ref();
    let mut files = Vec::new();
    walk(&settings.project.value, &mut files);
    files.retain(|path| {
        !backups.is_some_and(|backups| backups.is_copy(path))
            && !refused.iter().any(|(target, _)| settings.place(target) == *path)
    });
    if let Some(folder) = settings.comfy_dir.as_ref().filter(|folder| !folder.value.starts_with(&settings.project.value)) {
        files.extend([folder.value.join("login").join("PASSWORD"), folder.value.join("PASSWORD")]);
    }
    files.sort();
    for path in files.iter().filter(|path| path.as_path() != settings.source.value.path()) {
        for target in guess(path) {
            if known.insert(named(&target)) {
                spots.push(Spot { path: path.clone(), role: Role::Found, reading: target.read(), target: Some(target) });
            }
        }
    }
    Places { spots, refused }
}

/// What tells two targets apart: the file, however it is named, and the key in it.
fn named(target: &Target) -> (PathBuf, Option<String>) {
    (target.file().unwrap_or_else(|_| target.path().to_owned()), target.key().map(str::to_owned))
}

fn of_source(settings: &Settings, source: &SourceOfTruth) -> Spot {
    let reading = Reading::Token(source.token().clone(), source.user().map(str::to_owned));
    Spot { path: settings.source.value.path().to_owned(), role: Role::Source, target: None, reading }
}

/// Every file below `folder` that is called like one that holds tokens. Links are not followed; what can't be listed is passed over.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() && !FOREIGN.contains(&name.as_ref()) {
            walk(&entry.path(), files);
        } else if kind.is_file() && kind_of(&entry.path()).is_some() {
            files.push(entry.path());
        }
    }
}

/// How a file of that name is most likely read.
fn kind_of(path: &Path) -> Option<Dialect> {
    let name = path.file_name()?.to_str()?;
    let in_secrets = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == ".secrets");
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    if EXAMPLES.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    match name {
        "PASSWORD" => Some(Dialect::LoginPassword),
        _ if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") => Some(Dialect::ComposeV2),
        _ if is_yaml && (name.starts_with("compose.") || name.starts_with("docker-compose")) => Some(Dialect::ComposeYamlV2),
        _ if in_secrets && !name.starts_with('.') && !name.ends_with(".journal") => Some(Dialect::TokenFile),
        _ => None,
    }
}

/// The places in a file that hold a token, or what was one: as targets, so that they can be read and written alike.
fn guess(path: &Path) -> Vec<Target> {
    let Some(dialect) = kind_of(path) else { return Vec::new() };
    if !dialect.has_keys() {
        let target = Target::new(path, dialect, None).ok();
        let holds_one = |target: &Target| match target.read() {
            Reading::Token(token, _) => dialect == Dialect::LoginPassword || is_tokenish(token.expose()),
            Reading::Absent => false,
            _ => dialect == Dialect::LoginPassword,
        };
        return target.into_iter().filter(holds_one).collect();
    }
    let Ok(Some(bytes)) = read_file(path) else { return Vec::new() };
    let entries = dialect.read(&bytes, &Surroundings::new()).unwrap_or_default();
    let tokenish = entries.into_iter().filter(|entry| entry.spelled && entry.value.as_deref().is_some_and(is_tokenish));
    let mut keys: Vec<String> = tokenish.map(|entry| entry.key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().filter_map(|key| Target::new(path, dialect, Some(&key)).ok()).collect()
}

/// Whether a value is a bcrypt line, or the damage of one.
fn is_tokenish(value: &str) -> bool {
    Mangling::of(value).is_some() || LoginToken::new(value).is_ok_and(|token| is_bcrypt_like(&token))
}

fn is_bcrypt_like(token: &LoginToken) -> bool {
    match token.shape() {
        Shape::Bcrypt(_) => true,
        Shape::NotBcrypt(fault) => matches!(fault, auth_core::HashFault::Impossible { .. } | auth_core::HashFault::Mangled(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_how_a_file_is_read() {
        let cases = [
            (".env", Some(Dialect::ComposeV2)),
            ("a/.env.local", Some(Dialect::ComposeV2)),
            ("prod.env", Some(Dialect::ComposeV2)),
            (".env.example", None),
            ("login/PASSWORD", Some(Dialect::LoginPassword)),
            (".secrets/user.token", Some(Dialect::TokenFile)),
            (".secrets/.lock", None),
            ("compose.yaml", Some(Dialect::ComposeYamlV2)),
            ("docker-compose.gpu.yml", Some(Dialect::ComposeYamlV2)),
            ("values.yaml", None),
            ("notes.md", None),
        ];
        for (path, dialect) in cases {
            assert_eq!(kind_of(Path::new(path)), dialect, "{path}");
        }
    }

    #[test]
    fn tokens_and_their_damages_are_told_from_other_values() {
        for value in ["$2b$12.SXfJ8VAtHc3jujq3UAj5WjBi", "$$2b$$12$$abc", "'$2b$12$short", ""] {
            assert_eq!(is_tokenish(value), value.starts_with("$2b$12.") || value.starts_with("$$"), "{value}");
        }
        assert!(!is_tokenish("hunter2") && !is_tokenish("http://127.0.0.1:8188"));
    }
}
