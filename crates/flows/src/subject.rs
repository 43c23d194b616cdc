//! What the checks look at.

use std::{path::PathBuf, time::Duration};

use auth_core::{LoginToken, SourceOfTruth};
use comfy_client::{Client, Credential, Secret};
use report::{Failure, FailureKind};
use settings::{Origin, Setting, Settings, World};
use token_sync::{Caller, Dialect, Direction, Recovery, SourceFacts, SourceFile, Target, Workspace};

use crate::connect;

/// A project and its server, as one validation sees them: the source is read once, so that all checks judge the same one.
pub(crate) struct Subject<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) source: Source,
    pub(crate) facts: Option<SourceFacts>,
    pub(crate) client: Client,
    pub(crate) exported: Option<(LoginToken, &'static str)>,
    /// What a stopped run had left unfinished, and what was done with it.
    pub(crate) recovered: Option<Recovery>,
    in_dot_env: Option<Setting<LoginToken>>,
    world: &'a World,
}

/// The source of truth, as far as it could be read.
pub(crate) enum Source {
    Absent,
    Broken(token_sync::Error),
    Known(Box<SourceOfTruth>),
}

impl<'a> Subject<'a> {
    /// Reads the source of truth, once what a stopped run left unfinished is ended, and prepares a client without credential;
    /// opens no connection.
    ///
    /// # Errors
    /// A URL that can't be one; a stopped run's work that can't be ended.
    pub(crate) fn new(settings: &'a Settings, world: &'a World) -> Result<Self, Failure> {
        let config = settings.client(&world.entropy)?;
        let client = Client::new(config).map_err(|error| connect::failure(&error))?;
        let file = &settings.source.value;
        let recovered = Workspace::recover(file.folder(), &caller(settings, world)).map_err(|error| disk_failure(&error))?;
        let source = match file.load() {
            Ok(Some(source)) => Source::Known(Box::new(source)),
            Ok(None) => Source::Absent,
            Err(error) => Source::Broken(error),
        };
        let facts = file.facts().ok().flatten();
        let exported = world.var("COMFYUI_API_TOKEN").and_then(|line| LoginToken::new(line).ok());
        let exported = exported.map(|token| (token, "COMFYUI_API_TOKEN"));
        Ok(Self { settings, source, facts, client, exported, recovered, in_dot_env: settings.token_in_dot_env(), world })
    }

    /// The same, by a client that waits for no answer longer than `limit`.
    ///
    /// # Errors
    /// As of [`Subject::new`].
    pub(crate) fn within(self, limit: Duration) -> Result<Self, Failure> {
        let config = self.settings.client(&self.world.entropy)?.request_timeout(limit);
        Ok(Self { client: Client::new(config).map_err(|error| connect::failure(&error))?, ..self })
    }

    /// The folder that the user stands in.
    pub(crate) fn current_dir(&self) -> &std::path::Path {
        &self.world.current_dir
    }

    /// The source of truth, if it could be read.
    pub(crate) fn known(&self) -> Option<&SourceOfTruth> {
        match &self.source {
            Source::Known(source) => Some(source),
            _ => None,
        }
    }

    /// The token to log in with, from strong to weak: by flag, by variable, from the project's `.env` (unless this service has a
    /// source of its own, whose token is not the project's), from the source of truth.
    pub(crate) fn token(&self) -> Option<(&LoginToken, String)> {
        let given = self.settings.token.as_ref().filter(|_| self.token_is_given()).or(self.in_dot_env.as_ref());
        let shown = self.settings.shown(self.settings.source.value.path());
        let known = || self.known().map(|source| (source.token(), format!("source of truth `{shown}`")));
        let origin = |origin: &Origin| match origin {
            Origin::DotEnv(path, key) => format!("`{key}` in `{}`", self.settings.shown(path)),
            origin => origin.to_string(),
        };
        given.map(|token| (&token.value, origin(&token.origin))).or_else(known)
    }

    /// Whether the user handed over a token for this run.
    pub(crate) fn token_is_given(&self) -> bool {
        self.settings.token.as_ref().is_some_and(|token| matches!(token.origin, Origin::Flag(_) | Origin::Environment(_)))
    }

    /// A client that shows `credential`.
    pub(crate) fn client_with(&self, credential: Credential) -> Result<Client, Failure> {
        let config = self.settings.client(&self.world.entropy)?.credential(credential);
        Client::new(config).map_err(|error| connect::failure(&error))
    }

    /// A short name that no other run has.
    pub(crate) fn tag(&self) -> String {
        self.world.entropy.bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A credential that carries `token` as the plugin wants it.
    pub(crate) fn bearer(token: &LoginToken) -> Credential {
        Credential::Bearer(Secret::new(token.expose()))
    }

    /// The targets of the source of truth.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, settings::Error> {
        self.known().map_or_else(|| Ok(Vec::new()), |source| self.settings.targets(source))
    }

    /// The plugin's PASSWORD files that this project knows of, whether they are there or not.
    pub(crate) fn password_files(&self) -> Vec<PathBuf> {
        let targets = self.targets().unwrap_or_default();
        let of_targets =
            targets.iter().filter(|target| target.dialect() == Dialect::LoginPassword).map(|target| target.path().to_owned());
        let mut paths: Vec<_> = of_targets.collect();
        if let Some(folder) = &self.settings.comfy_dir {
            let path = folder.value.join("login").join("PASSWORD");
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths.into_iter().map(|path| self.settings.file_at(path)).collect()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.world.clock.now()
    }
}

/// Locks the project's secrets for one journey: what is read while it is open is not changed by another.
pub(crate) fn open_workspace(settings: &Settings, world: &World) -> Result<Workspace, Failure> {
    Workspace::open(settings.source.value.folder(), &caller(settings, world)).map_err(|error| disk_failure(&error))
}

fn caller(settings: &Settings, world: &World) -> Caller {
    let secrets = SourceFile::new(settings.project.value.join(SourceFile::DEFAULT)).folder().to_owned();
    Caller::new("genai-auth", world.clock.stamp(), world.entropy.bytes()).project(secrets)
}

/// What to say of a stopped run that was ended.
pub(crate) fn told(recovery: &Recovery) -> String {
    let (program, since) = (&recovery.program, &recovery.since);
    let mut told = match recovery.direction {
        Direction::Back => format!("an earlier run of {program} ({since}) was stopped: its changes were taken back"),
        Direction::Forward => format!("an earlier run of {program} ({since}) was stopped: its changes were completed"),
    };
    for path in &recovery.left {
        told.push_str(&format!("; `{}` was changed since and left as it is", path.display()));
    }
    told
}

/// What an error of the disk means for a whole journey.
pub(crate) fn disk_failure(error: &token_sync::Error) -> Failure {
    use token_sync::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::Permission | Kind::Busy | Kind::Changed | Kind::Exposed => FailureKind::Refused,
        Kind::Absent | Kind::Io => FailureKind::Unreachable,
        _ => FailureKind::Settings,
    };
    Failure::of(kind, error).hints(error.hints())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::checks::test_project::Project;

    #[test]
    fn what_a_stopped_run_left_is_ended_before_anything_is_read() {
        let project = Project::new();
        project.save("pw");
        let journal = project.at(".secrets/staging.journal");
        for (text, is_ended) in [("genai-auth comm", true), ("genai-auth commit journal 2\n", false)] {
            std::fs::write(&journal, text).unwrap();
            std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600)).unwrap();
            let (settings, world) = (project.settings(), project.world());
            assert_eq!(Subject::new(&settings, &world).is_ok(), is_ended, "{text}");
            assert_eq!(journal.exists(), !is_ended, "{text}");
        }
    }

    #[test]
    fn a_recovery_is_told_in_one_line() {
        let recovery = |direction, left| {
            let (program, since) = ("genai-auth".to_owned(), "2026-01-02T03:04:05Z".to_owned());
            told(&Recovery { direction, program, since, files: Vec::new(), left })
        };
        assert_eq!(
            recovery(Direction::Back, vec![]),
            "an earlier run of genai-auth (2026-01-02T03:04:05Z) was stopped: its changes were taken back"
        );
        assert_eq!(
            recovery(Direction::Forward, vec!["x".into()]),
            "an earlier run of genai-auth (2026-01-02T03:04:05Z) was stopped: its changes were completed; `x` was changed since \
             and left as it is"
        );
    }
}
