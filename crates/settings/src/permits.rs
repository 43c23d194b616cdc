//! Which targets may be read and written: refused is what nobody named.

use std::path::{Path, PathBuf};

use token_sync::{Dialect, SourceFile, Target};

use crate::{Error, ErrorKind, Settings};

/// What a service's targets are held against; looked up once for all of them.
pub(crate) struct Permits<'a> {
    settings: &'a Settings,
    /// The project's and ComfyUI's folders, without links.
    folders: Vec<PathBuf>,
    /// Targets of other sources of truth, and which.
    claimed: Vec<(Target, &'a Path)>,
}

impl Settings {
    /// The targets that other sources of truth of the project name, and which. One that can't be read says nothing here: the checks
    /// of its own service report it.
    pub fn claimed(&self) -> Vec<(Target, &Path)> {
        let mut claimed = Vec::new();
        for rival in &self.rivals {
            let Ok(Some(source)) = rival.load() else { continue };
            let targets = source.targets().iter().filter_map(|entry| self.target(entry).ok());
            claimed.extend(targets.map(|target| (target, rival.path())));
        }
        claimed
    }
}

impl<'a> Permits<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        let comfy_dir = settings.comfy_dir.as_ref().map(|folder| &folder.value);
        let folders = std::iter::once(&settings.project.value).chain(comfy_dir).map(|folder| real(folder)).collect();
        Self { settings, folders, claimed: settings.claimed() }
    }

    /// The target, allowed to be a link where its path is one of those that may.
    pub(crate) fn check(&self, target: Target) -> Result<Target, Error> {
        let rules = &self.settings.rules;
        let path = target.path().to_owned();
        let shown = self.settings.shown(&path);
        let refused = |what: String| Error::new(ErrorKind::Target, format!("target `{shown}` {what}"));
        if let Some((_, rival)) = self.claimed.iter().find(|(claimed, _)| is_same(claimed, &target)) {
            let (own, rival) = (self.settings.shown(self.settings.source.value.path()), self.settings.shown(rival));
            return Err(refused(format!("has two sources of truth: `{own}` and `{rival}`")).hint(format!(
                "take it out of the `targets` of one of them, or use one for both: `source = \"{own}\"` in genai.toml"
            )));
        }
        let is_file = |other: &Path| path == other || target.file().is_ok_and(|file| file == real(other));
        let sources = self.settings.rivals.iter().chain([&self.settings.source.value]).map(SourceFile::path);
        let toml = self.settings.project.value.join(crate::file::NAME);
        if sources.chain([toml.as_path()]).any(is_file) {
            return Err(refused("is a source of truth or genai.toml itself".to_owned())
                .hint("take it out of the `targets` of the source of truth"));
        }
        if rules.links.value.contains(&path) {
            return Ok(target.through_link()); // who allows a link allows where it leads
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(refused("is a symbolic link".to_owned())
                .hint("name the file that it points to, or replace the link by a file")
                .hint(format!(
                    "to follow it, write `{}` below `[targets]` in genai.toml",
                    self.line("links", &rules.links.value, &path)
                )));
        }
        // What can't be found can't be written either, and whoever tries says why.
        let Ok(file) = target.file() else { return Ok(target) };
        let is_named = rules.outside.value.contains(&path) || is_comfyuis(&target);
        if is_named || self.folders.iter().any(|folder| file.starts_with(folder)) {
            return Ok(target);
        }
        let really = if file == path { String::new() } else { format!(", at `{}`", file.display()) };
        Err(refused(format!("lies outside of the project's folder{really}"))
            .hint(format!(
                "if it is meant, write `{}` below `[targets]` in genai.toml",
                self.line("outside", &rules.outside.value, &path)
            ))
            .hint("else take it out of the `targets` of the source of truth"))
    }

    /// The line that allows `path` too.
    fn line(&self, key: &str, allowed: &[PathBuf], path: &Path) -> String {
        let paths = allowed.iter().map(PathBuf::as_path).chain([path]).map(|path| format!("{:?}", self.settings.shown(path)));
        format!("{key} = [{}]", paths.collect::<Vec<_>>().join(", "))
    }
}

/// Whether writing one is writing the other.
fn is_same(one: &Target, other: &Target) -> bool {
    let file = |target: &Target| target.file().unwrap_or_else(|_| target.path().to_owned());
    file(one) == file(other) && (one.key() == other.key() || one.key().is_none() || other.key().is_none())
}

/// Whether it is the plugin's own file in a ComfyUI: the one that guards it, wherever that ComfyUI is.
fn is_comfyuis(target: &Target) -> bool {
    let folder = target.path().parent().filter(|_| target.path().ends_with("login/PASSWORD")).and_then(Path::parent);
    target.dialect() == Dialect::LoginPassword && folder.is_some_and(|folder| folder.join("main.py").is_file())
}

/// `path` without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|above| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?)));
    found.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use auth_core::SourceOfTruth;

    use super::*;
    use crate::{Flags, World};

    /// A project in `p`, with neighbours.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            place.write("p/.env", "");
            place
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
            std::fs::write(self.at(name), text).unwrap();
        }

        /// What is said of a target at `path`.
        fn of(&self, path: &str) -> String {
            let settings = Settings::load(&Flags::default(), &World::for_tests(&self.at("p"))).unwrap();
            let source = SourceOfTruth::parse(source(path).as_bytes()).unwrap();
            match settings.targets(&source) {
                Ok(_) => "allowed".to_owned(),
                Err(error) => {
                    format!("{error} | {}", error.hints().join(" | ")).replace(&self.0.path().display().to_string(), "PLACE")
                }
            }
        }
    }

    fn source(path: &str) -> String {
        format!(r#"{{"bcrypt_hash": "t", "targets": [{path:?}]}}"#)
    }

    #[test]
    fn a_link_is_refused_unless_it_is_named() {
        let place = Place::new();
        symlink("../elsewhere", place.at("p/link.env")).unwrap();
        insta::assert_snapshot!(place.of("link.env"), @r#"target `link.env` is a symbolic link | name the file that it points to, or replace the link by a file | to follow it, write `links = ["link.env"]` below `[targets]` in genai.toml"#);
        place.write("p/genai.toml", "[targets]\nlinks = ['other.env']\n");
        assert!(place.of("link.env").contains(r#"`links = ["other.env", "link.env"]`"#));
        place.write("p/genai.toml", "[targets]\nlinks = ['./link.env']\n");
        assert_eq!(place.of("link.env"), "allowed");
    }

    #[test]
    fn a_place_outside_is_refused_unless_it_is_named() {
        let place = Place::new();
        assert_eq!(place.of("new/er/.env"), "allowed");
        insta::assert_snapshot!(place.of("../other/.env"), @r#"target `PLACE/other/.env` lies outside of the project's folder | if it is meant, write `outside = ["PLACE/other/.env"]` below `[targets]` in genai.toml | else take it out of the `targets` of the source of truth"#);
        std::fs::create_dir(place.at("other")).unwrap();
        symlink(place.at("other"), place.at("p/services")).unwrap();
        insta::assert_snapshot!(place.of("services/.env"), @r#"target `services/.env` lies outside of the project's folder, at `PLACE/other/.env` | if it is meant, write `outside = ["services/.env"]` below `[targets]` in genai.toml | else take it out of the `targets` of the source of truth"#);
        place.write("p/genai.toml", "[targets]\noutside = ['../other/.env', 'services/.env']\n");
        assert_eq!((&*place.of("../other/.env"), &*place.of("services/.env")), ("allowed", "allowed"));
        assert_ne!(place.of("../other/more.env"), "allowed");
    }

    #[test]
    fn comfyuis_own_folder_is_named_already() {
        let place = Place::new();
        assert_ne!(place.of("../ComfyUI/login/PASSWORD"), "allowed");
        place.write("ComfyUI/main.py", "");
        assert_eq!(place.of("../ComfyUI/login/PASSWORD"), "allowed");
        assert_ne!(place.of("../ComfyUI/.env"), "allowed");
        place.write("p/genai.toml", "comfy_dir = '../ComfyUI'\n");
        assert_eq!(place.of("../ComfyUI/.env"), "allowed");
    }

    #[test]
    fn one_target_has_one_source_of_truth() {
        let place = Place::new();
        place.write("p/genai.toml", "[service.a]\n[service.b]\nsource = 'b.conf'\n");
        let of = |entry: &str| {
            let settings =
                Settings::load(&Flags { service: Some("a".into()), ..Flags::default() }, &World::for_tests(&place.at("p")));
            let text = format!(r#"{{"version": "2", "bcrypt_hash": "t", "targets": [{entry}]}}"#);
            settings
                .unwrap()
                .targets(&SourceOfTruth::parse(text.as_bytes()).unwrap())
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let whole = r#"{"path": ".env", "dialect": "compose-v2-dotenv"}"#;
        assert_eq!(of(whole), Ok(()));
        place.write("p/b.conf", &source("./.env"));
        assert_eq!(
            of(whole).unwrap_err(),
            "target `.env` has two sources of truth: `.secrets/comfyui_auth_tokens.conf` and `b.conf`"
        );
        assert_eq!(
            of(r#"{"path": ".env", "dialect": "compose-v2-dotenv", "key": "OTHER"}"#),
            Ok(()),
            "another key is another target"
        );
        assert!(of(r#"{"path": ".env", "dialect": "token-file"}"#).is_err(), "the whole file is every key of it");
    }
}
