//! No token is shown: what containers say is searched for the project's secrets, in every spelling, and for every bcrypt line.

use std::{borrow::Cow, sync::Arc};

use report::{Failure, FailureKind};
use settings::Settings;
use token_sync::{
    Reading,
    scan::{Redactor, Scanner, Secret},
};

/// In place of what may hold a secret that nobody knows.
pub(crate) const WITHHELD: &str = "(not shown: a source of truth can't be read, so nobody knows what to hide)";

/// What must not be shown.
#[derive(Debug, Clone)]
pub struct Redaction {
    scanner: Arc<Scanner>,
}

impl Redaction {
    /// Knows the secrets of `services`: of their sources of truth, their targets, and what was given by flag or variable. Bcrypt lines
    /// that nobody named it knows by their shape.
    ///
    /// # Errors
    /// A source of truth that can't be read: then nobody knows its password.
    pub fn of(services: &[Settings]) -> Result<Self, Failure> {
        let Some(first) = services.first() else {
            return Err(Failure::new(FailureKind::Settings, "there is no service, so nobody knows what to hide"));
        };
        let mut secrets = Vec::new();
        for settings in services {
            let shown = settings.shown(settings.source.value.path());
            let given =
                settings.token.iter().chain(&settings.token_in_dot_env()).map(|token| token.value.clone()).collect::<Vec<_>>();
            secrets.extend(given.iter().map(|token| Secret::token("given", token)));
            let Some(source) = settings.source.value.load().map_err(|error| crate::subject::disk_failure(&error))? else {
                continue;
            };
            secrets.push(Secret::token(&shown, source.token()));
            secrets.extend(source.previous().map(|token| Secret::token(format!("{shown}, before the rotation"), token)));
            secrets.extend(source.password().map(|password| Secret::password(&shown, password)));
            for (name, target) in settings.each_target(&source) {
                if let Some(Reading::Token(token, _)) = target.ok().map(|target| target.read()) {
                    secrets.push(Secret::token(name, &token));
                }
            }
        }
        Ok(Self { scanner: Arc::new(Scanner::new(&secrets, &first.fingerprint_key())) })
    }

    pub(crate) fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// A whole line, or a whole document such as the engine's own description of a container.
    #[must_use]
    pub fn whole<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.scanner.redact_bytes(bytes)
    }

    /// The same for text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.scanner.redact(text)
    }

    /// For bytes that come cut anywhere.
    #[must_use]
    pub fn stream(&self) -> Redactor {
        Redactor::new(self.scanner.clone())
    }

    /// Whether there is a secret in it.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.scanner.redact(text) != text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    #[test]
    fn the_projects_secrets_and_every_bcrypt_line_are_hidden() {
        let mut project = Project::new();
        project.save("correct horse");
        let given = "a-token-that-was-given";
        project.set_env("COMFYUI_API_TOKEN", given);
        let redaction = Redaction::of(&[project.settings()]).unwrap();
        let token = project.token();
        let foreign = format!("$2b$12${}", "x".repeat(53));
        let described = serde_json::json!({"Env": [format!("T={token}"), "A=b"], "Args": ["--password", "correct horse"]});
        for text in [
            format!("Bearer {token}"),
            token.replace('$', "$$"),
            token.replace('$', "%24"),
            described.to_string(),
            format!("password is correct horse, token is {given}"),
            foreign.clone(),
        ] {
            let shown = redaction.text(&text);
            for secret in [&token[7..], "correct horse", given, &foreign[7..]] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(redaction.finds(&text));
            let mut stream = redaction.stream();
            let pieces: Vec<u8> = text.as_bytes().chunks(7).flat_map(|piece| stream.push(piece)).collect();
            assert_eq!(String::from_utf8([pieces, stream.finish()].concat()).unwrap(), shown);
        }
        assert!(!redaction.finds("plain"));
        assert_eq!(redaction.whole(b"\xff plain"), &b"\xff plain"[..]);
    }

    #[test]
    fn without_a_readable_source_nothing_is_shown() {
        let project = Project::new();
        project.save("correct horse");
        project.write_source("{");
        assert!(Redaction::of(&[project.settings()]).is_err());
        assert!(Redaction::of(&[]).is_err());
    }
}
