//! Where a token lies or may lie: the places that the source of truth names, and those that people use.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use auth_core::{HashFault, LoginToken, Mangling, Shape, SourceOfTruth};
use settings::Settings;
use token_sync::{Backups, Dialect, Reading, Surroundings, Target, read_file};

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
    /// It was found in the project's folder, and is this service's by its name or by what it holds.
    Found,
    /// It was found, and may belong to another program or service.
    Unclaimed,
    /// A PASSWORD in ComfyUI's own folder, which the plugin moves over `login/PASSWORD` at its next start.
    Stray,
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

    /// Whether a person means this place by `name`: as `audit` names it, or by its path.
    pub(crate) fn is_called(&self, name: &str, settings: &Settings, current_dir: &Path) -> bool {
        self.name(settings) == name || self.path == settings.place(name) || self.path == current_dir.join(name)
    }

    /// Whether a unification writes it.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.role, Role::Source | Role::Target | Role::Found)
    }
}

/// Every place of a service.
#[derive(Default)]
pub(crate) struct Places {
    /// The source of truth first, then its targets, then what was found, each once.
    pub(crate) spots: Vec<Spot>,
    /// Targets that are not looked at: their paths, and why.
    pub(crate) refused: Vec<(String, settings::Error)>,
}

/// Looks for every place of the service. What holds the token of a service with another source of truth is left out, and so are
/// copies of what was replaced. `claimed` are places that the user claims for this service.
pub(crate) fn find(subject: &Subject<'_>, claimed: &[&str]) -> Places {
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
    let mut known: BTreeSet<_> = spots.iter().filter_map(|spot| spot.target.as_ref()).map(named).collect();
    known.extend(settings.claimed().iter().map(|(target, _)| named(target)));
    let foreign = settings.foreign_places();
    let is_foreign = |target: &Target| {
        foreign.iter().any(|place| place.path == target.path() && (place.key.is_none() || place.key.as_deref() == target.key()))
    };
    let claim = Claim::of(settings);
    let is_left_out = |path: &PathBuf| {
        path.as_path() == settings.source.value.path()
            || Backups::is_called_like_a_copy(path)
            || refused.iter().any(|(target, _)| settings.place(target) == *path)
    };
    for path in files(settings).iter().filter(|path| !is_left_out(path)) {
        for (target, role) in claim.guess(path) {
            if is_foreign(&target) || !known.insert(named(&target)) {
                continue;
            }
            let mut spot = Spot { path: path.clone(), role, reading: target.read(), target: Some(target) };
            if claimed.iter().any(|name| spot.is_called(name, settings, subject.current_dir())) {
                spot.role = Role::Found;
            }
            spots.push(spot);
        }
    }
    claim_what_holds_ours(&mut spots);
    Places { spots, refused }
}

/// What tells two targets apart: the file, however it is named, and the key in it.
fn named(target: &Target) -> (PathBuf, Option<String>) {
    (target.file().unwrap_or_else(|_| target.path().to_owned()), target.key().map(str::to_owned))
}

/// A place that holds what one of ours holds, whole or damaged, is ours too. What is left over without a bcrypt line is nothing.
fn claim_what_holds_ours(spots: &mut Vec<Spot>) {
    let ours: Vec<LoginToken> = spots.iter().filter(|spot| spot.is_ours()).filter_map(Spot::token).cloned().collect();
    for spot in spots.iter_mut().filter(|spot| spot.role == Role::Unclaimed) {
        let holds = |token: &LoginToken| ours.iter().any(|mine| is_copy(token.expose(), mine.expose()));
        if spot.token().is_some_and(holds) {
            spot.role = Role::Found;
        }
    }
    spots.retain(|spot| spot.role != Role::Unclaimed || spot.token().is_none_or(is_bcrypt_like));
}

/// Whether `value` is `token`, or what is left of it after one of the usual damages.
fn is_copy(value: &str, token: &str) -> bool {
    let plain = value.trim().trim_matches(['\'', '"']).replace("$$", "$").replace("\\$", "$").replace("%24", "$");
    let tail = |text: &str| text.len().checked_sub(10).and_then(|at| text.get(at..)).map(str::to_owned);
    let same_tail = || tail(&plain).is_some_and(|end| token.ends_with(&end));
    plain == token || same_tail() || (plain.len() >= 20 && token.starts_with(&plain))
}

fn of_source(settings: &Settings, source: &SourceOfTruth) -> Spot {
    let reading = Reading::Token(source.token().clone(), source.user().map(str::to_owned));
    Spot { path: settings.source.value.path().to_owned(), role: Role::Source, target: None, reading }
}

/// Every file that is called like one that holds tokens: in the project, and of ComfyUI's own folder.
fn files(settings: &Settings) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(&settings.project.value, &mut files);
    let sharers = settings.sharers().filter_map(|other| other.comfy_dir.as_ref());
    for folder in settings.comfy_dir.iter().map(|folder| &folder.value).chain(sharers) {
        if !folder.starts_with(&settings.project.value) {
            let password = [folder.join("login").join("PASSWORD"), folder.join("PASSWORD")];
            files.extend(password.into_iter().filter(|path| path.symlink_metadata().is_ok()));
        }
    }
    files.sort();
    files.dedup();
    files
}

/// Every file below `folder` that is called like one that holds tokens, whatever its kind. Links to folders are not followed; what
/// can't be listed is passed over.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let (name, path) = (entry.file_name(), entry.path());
        if kind.is_dir() {
            if !FOREIGN.contains(&name.to_string_lossy().as_ref()) {
                walk(&path, files);
            }
        } else if kind_of(&path).is_some() && !(kind.is_symlink() && path.is_dir()) {
            files.push(path);
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

/// What tells the places of a service from others'.
struct Claim<'a> {
    settings: &'a Settings,
    /// No other service has a token of its own, so that what lies in the project is this one's.
    alone: bool,
}

impl<'a> Claim<'a> {
    fn of(settings: &'a Settings) -> Self {
        let source = settings.source.value.path();
        Self { settings, alone: settings.neighbours.iter().all(|other| other.source.path() == source) }
    }

    /// Whether a file with a token is this service's by where it lies.
    fn is_mine(&self, path: &Path) -> bool {
        let comfy_dir = self.settings.comfy_dir.as_ref();
        let custom = self.settings.customary_targets();
        self.alone
            || comfy_dir.is_some_and(|folder| path.starts_with(&folder.value))
            || custom.iter().any(|entry| self.settings.place(&entry.path) == path)
    }

    fn is_stray(&self, path: &Path) -> bool {
        let folders = self.settings.comfy_dir.iter().map(|folder| &folder.value);
        let mut folders = folders.chain(self.settings.sharers().filter_map(|other| other.comfy_dir.as_ref()));
        folders.any(|folder| path == folder.join("PASSWORD"))
    }

    /// The places in a file that hold a token or may hold one: as targets, so that they can be read and written alike.
    fn guess(&self, path: &Path) -> Vec<(Target, Role)> {
        let Some(dialect) = kind_of(path) else { return Vec::new() };
        let mine = if self.is_mine(path) { Role::Found } else { Role::Unclaimed };
        let key = dialect.has_keys().then_some(Settings::TOKEN_KEY);
        let is_followed = self.settings.rules.links.value.iter().any(|link| link == path);
        let followed = |target: Target| if is_followed { target.through_link() } else { target };
        let whole = || Target::new(path, dialect, key).ok().map(followed);
        let bytes = match read_file(&self.settings.file_at(path.to_owned())) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Vec::new(),
            // A link, a pipe, another user's file: listed, since nobody can say that it holds nothing.
            Err(_) => return whole().map(|target| (target, mine)).into_iter().collect(),
        };
        if dialect == Dialect::LoginPassword {
            let role = if self.is_stray(path) { Role::Stray } else { mine };
            return whole().map(|target| (target, role)).into_iter().collect();
        }
        if !dialect.has_keys() {
            let is_called_token = path.extension().is_some_and(|ending| ending == "token");
            let target = whole().filter(|target| match target.read() {
                Reading::Token(token, _) => is_bcrypt_like(&token) || (is_called_token && is_tokenish(token.expose())),
                _ => false,
            });
            return target.map(|target| (target, mine)).into_iter().collect();
        }
        let entries = dialect.read(&bytes, &Surroundings::new()).unwrap_or_default();
        let role = |key: &str, value: &str| {
            let name = key.rsplit('.').next().unwrap_or(key);
            let is_ours_by_name =
                name == Settings::TOKEN_KEY || (name.to_ascii_lowercase().contains("comfy") && is_tokenish(value));
            if is_ours_by_name { Some(mine) } else { is_tokenish(value).then_some(Role::Unclaimed) }
        };
        let mut keys: Vec<(String, Role)> = entries
            .into_iter()
            .filter(|entry| entry.spelled)
            .filter_map(|entry| {
                let role = role(&entry.key, entry.value.as_deref()?)?;
                Some((entry.key, role))
            })
            .collect();
        keys.sort_by(|one, other| one.0.cmp(&other.0));
        keys.dedup_by(|one, other| one.0 == other.0);
        keys.into_iter()
            .filter_map(|(key, role)| Some((Target::new(path, dialect, Some(&key)).ok().map(followed)?, role)))
            .collect()
    }
}

/// Whether a value is a bcrypt line, or may be the damage of one.
fn is_tokenish(value: &str) -> bool {
    Mangling::of(value).is_some() || LoginToken::new(value).is_ok_and(|token| is_bcrypt_like(&token))
}

/// Whether it is one, or so plainly the damage of one that it is nothing else.
fn is_bcrypt_like(token: &LoginToken) -> bool {
    match token.shape() {
        Shape::Bcrypt(_) | Shape::NotBcrypt(HashFault::Impossible { .. }) => true,
        // What a shell or dotenvy leaves of a token looks like a path or a word.
        Shape::NotBcrypt(HashFault::Mangled(mangling)) => !matches!(mangling, Mangling::Shell | Mangling::Dotenvy),
        Shape::NotBcrypt(_) => false,
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
