//! The places that must hold the token, from the source of truth or by the project's custom.

use std::path::{Path, PathBuf};

use auth_core::{SourceOfTruth, TargetEntry};
use token_sync::{Dialect, Target};

use crate::{Error, ErrorKind, Neighbour, Settings, permits::Permits};

impl Settings {
    /// The places that a new project writes the token to: its `.env` (unless this service has a source of truth of its own, whose
    /// token is not the project's), the service's own `.env`, and the plugin's PASSWORD file where ComfyUI's folder is known.
    pub fn customary_targets(&self) -> Vec<TargetEntry> {
        let env = |path: String| TargetEntry::new(path, Dialect::ComposeV2.name(), Some(Self::TOKEN_KEY));
        let shared = self.shares_source.then(|| env(".env".to_owned()));
        let own = env(Neighbour::custom_env(&self.service.value));
        let password = self.comfy_dir.as_ref().map(|folder| {
            let path = folder.value.join("login").join("PASSWORD");
            TargetEntry::new(self.shown(&path), Dialect::LoginPassword.name(), None)
        });
        shared.into_iter().chain([own]).chain(password).collect()
    }

    /// The targets that `source` names. An entry of the oldest shape has no dialect: a file named PASSWORD is the plugin's,
    /// any other is read as Docker Compose reads `.env`.
    ///
    /// # Errors
    /// The first that can't be used, as [`Settings::each_target`] says.
    pub fn targets(&self, source: &SourceOfTruth) -> Result<Vec<Target>, Error> {
        self.each_target(source).into_iter().map(|(_, target)| target).collect()
    }

    /// The same, each with its path as the source of truth names it, and what forbids to use it: a dialect or key that can't be; a
    /// symbolic link, or a place outside of the project, that `genai.toml` does not allow by name; another source of truth that
    /// names the same target.
    pub fn each_target(&self, source: &SourceOfTruth) -> Vec<(String, Result<Target, Error>)> {
        let permits = Permits::new(self);
        source
            .targets()
            .iter()
            .map(|entry| (entry.path.clone(), self.target(entry).and_then(|target| permits.check(target))))
            .collect()
    }

    /// The files that hold a token of the project, whichever service's: every source of truth, and what it names. One that can't be read
    /// names nothing here: the checks of its own service report it.
    pub(crate) fn token_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for source in self.rivals.iter().chain([&self.source.value]) {
            let known = source.load().ok().flatten();
            files.extend(known.iter().flat_map(SourceOfTruth::targets).map(|target| self.place(&target.path)));
            files.push(source.path().to_owned());
        }
        files
    }

    /// Where a target of the source of truth lies: one spelling for one file.
    pub fn place(&self, path: impl AsRef<Path>) -> PathBuf {
        crate::load::normal(&self.project.value.join(path))
    }

    /// The file at `path`; where `path` is a link that `genai.toml` allows, the file at its end.
    pub fn file_at(&self, path: PathBuf) -> PathBuf {
        let end = self.rules.links.value.contains(&path).then(|| path.canonicalize().ok()).flatten();
        end.unwrap_or(path)
    }

    pub(crate) fn target(&self, entry: &TargetEntry) -> Result<Target, Error> {
        let refused = |error: token_sync::Error| {
            Error::new(ErrorKind::Target, format!("target `{}`: {error}", entry.path)).hints_of(error.hints())
        };
        let dialect = match &entry.dialect {
            Some(name) => Dialect::from_name(name).map_err(refused)?,
            None if Path::new(&entry.path).file_name().is_some_and(|name| name == "PASSWORD") => Dialect::LoginPassword,
            None => Dialect::ComposeV2,
        };
        let key = entry.key.as_deref().or(dialect.has_keys().then_some(Self::TOKEN_KEY));
        let further = entry.readers.iter().map(|name| Dialect::from_name(name));
        let readers = std::iter::once(Ok(dialect)).chain(further).collect::<Result<Vec<_>, _>>().map_err(refused)?;
        Target::with_readers(self.place(&entry.path), &readers, key).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use auth_core::LoginToken;

    use super::*;
    use crate::{Flags, World};

    #[test]
    fn customary_targets_name_the_service_and_its_folder() {
        let project = tempfile::tempdir().unwrap();
        let flags = Flags { service: Some("video".into()), comfy_dir: Some("ComfyUI".into()), ..Flags::default() };
        let settings = Settings::load(&flags, &World::for_tests(project.path())).unwrap();
        let entries = settings.customary_targets();
        let paths: Vec<_> = entries.iter().map(|entry| &*entry.path).collect();
        assert_eq!(paths, [".env", "docker-configurations/services/video/.env", "ComfyUI/login/PASSWORD"]);
        let source = SourceOfTruth::new(None, LoginToken::new("t").unwrap(), "ann", "then", entries);
        let targets = settings.targets(&source).unwrap();
        assert_eq!(targets[2].path(), project.path().join("ComfyUI/login/PASSWORD"));
    }

    #[test]
    fn the_files_that_hold_a_token_are_those_of_all_services() {
        let project = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
        write("genai.toml", "[service.a]\n[service.b]\nsource = 'b.conf'\n[service.c]\nsource = 'c.conf'\n");
        write("b.conf", r#"{"bcrypt_hash": "t", "targets": ["deploy/./b.env"]}"#);
        write("c.conf", "{");
        for service in ["a", "b"] {
            let flags = Flags { service: Some(service.into()), ..Flags::default() };
            let settings = Settings::load(&flags, &World::for_tests(project.path())).unwrap();
            let mut files: Vec<_> = settings.token_files().iter().map(|path| settings.shown(path)).collect();
            files.sort();
            assert_eq!(files, [".secrets/comfyui_auth_tokens.conf", "b.conf", "c.conf", "deploy/b.env"], "{service}");
        }
    }

    #[test]
    fn a_target_can_name_several_readers() {
        let settings = Settings::load(&Flags::default(), &World::for_tests(Path::new("/nowhere"))).unwrap();
        let of = |readers: &str| {
            let text = format!(
                r#"{{"version": "2", "bcrypt_hash": "t", "targets": [
                {{"path": ".env", "dialect": "compose-v2-dotenv", "key": "K", "readers": {readers}}}]}}"#
            );
            let source = SourceOfTruth::parse(text.as_bytes()).unwrap();
            assert_eq!(SourceOfTruth::parse(&source.to_bytes()).unwrap(), source, "the readers are written again");
            settings.targets(&source).map(|targets| targets[0].readers().len())
        };
        assert_eq!(of(r#"["python-dotenv", "node-dotenv"]"#).unwrap(), 3);
        assert!(of(r#"["ini"]"#).unwrap_err().to_string().contains("`ini` is no dialect"));
        assert!(of(r#"["json-key"]"#).unwrap_err().to_string().contains("different kinds"));
    }

    #[test]
    fn old_entries_get_their_dialect_by_name() {
        let settings = Settings::load(&Flags::default(), &World::for_tests(Path::new("/nowhere"))).unwrap();
        let source = SourceOfTruth::parse(br#"{"bcrypt_hash": "t", "targets": [".env", "a/PASSWORD"]}"#).unwrap();
        let dialects: Vec<_> = settings.targets(&source).unwrap().iter().map(Target::dialect).collect();
        assert_eq!(dialects, [Dialect::ComposeV2, Dialect::LoginPassword]);
        let odd = br#"{"version": "2", "bcrypt_hash": "t", "targets": [{"path": "x", "dialect": "ini"}]}"#;
        let error = settings.targets(&SourceOfTruth::parse(odd).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "target `x`: `ini` is no dialect");
    }
}
