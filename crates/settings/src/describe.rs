//! Every setting in words, with its origin and without its secrets.

use auth_core::FingerprintKey;
use token_sync::scan::Allow;

use crate::{Rules, Settings, engine, file};

/// One setting as a person may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The setting's name.
    pub name: &'static str,
    /// Its value; of a secret its fingerprint.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

impl Settings {
    /// Every setting, in the order of `docs/reference/settings.md`. What nobody set and has no default is `(none)`.
    pub fn describe(&self) -> Vec<Described> {
        let mut all = Vec::new();
        let mut say = |name, value: String, origin: String| all.push(Described { name, value, origin });
        let none = || ("(none)".to_owned(), crate::Origin::Default.to_string());
        say("project", self.project.value.display().to_string(), self.project.origin.to_string());
        say("service", self.service.value.clone(), self.service.origin.to_string());
        say("url", self.shown_url(), self.url.origin.to_string());
        let (folder, origin) =
            self.comfy_dir.as_ref().map_or_else(none, |set| (set.value.display().to_string(), set.origin.to_string()));
        say("comfy-dir", folder, origin);
        let (user, origin) = self.user.as_ref().map_or_else(none, |set| (set.value.clone(), set.origin.to_string()));
        say("user", user, origin);
        let key = self.fingerprint_key();
        let shown = |token: &auth_core::LoginToken| format!("fingerprint {}", token.fingerprint(&key));
        let source = self.source.value.load().ok().flatten();
        let (token, origin) = match (&self.token, &source) {
            (Some(set), _) => (shown(&set.value), set.origin.to_string()),
            (None, Some(source)) => {
                (shown(source.token()), crate::Origin::Source(self.source.value.path().to_owned()).to_string())
            }
            (None, None) => none(),
        };
        say("token", token, origin);
        say("source", self.source.value.path().display().to_string(), self.source.origin.to_string());
        say("allow-plain-http", self.allow_plain_http.value.to_string(), self.allow_plain_http.origin.to_string());
        for (name, value, origin) in self.connection.describe() {
            say(name, value, origin);
        }
        for (name, value, origin) in engine::describe(&self.engine, &self.project.value.join(file::NAME)) {
            say(name, value, origin);
        }
        let Rules { links, outside, backups, limits, fingerprint_key, allowed } = &self.rules;
        for (name, paths) in [("links", links), ("outside", outside)] {
            say(name, list(paths.value.iter().map(|path| self.shown(path))), paths.origin.to_string());
        }
        let copies = backups.value.as_ref().map_or_else(
            || "off".to_owned(),
            |copies| format!("the newest {} in {}", copies.kept(), self.shown(copies.folder())),
        );
        say("backups", copies, backups.origin.to_string());
        let days = |age: std::time::Duration| format!("{} days", age.as_secs() / 86_400);
        say("max-age", limits.max_age.value.map_or_else(|| "any".to_owned(), days), limits.max_age.origin.to_string());
        say("min-cost", limits.min_cost.value.to_string(), limits.min_cost.origin.to_string());
        let shortest = &limits.min_password_bytes;
        say("min-password", format!("{} bytes", shortest.value), shortest.origin.to_string());
        let what = |entry: &Allow| entry.path().or(entry.fingerprint()).unwrap_or_default().to_owned();
        let entries = allowed.value.iter().map(|entry| format!("{} until {}", what(entry), entry.until()));
        let key = fingerprint_key.value.as_ref().map_or("the project's path", |_| "(set)");
        say("fingerprint-key", key.to_owned(), fingerprint_key.origin.to_string());
        say("scan-allow", list(entries), allowed.origin.to_string());
        match self.stack() {
            Ok(Some(stack)) => all.extend(stack.describe()),
            Ok(None) => say("stack", none().0, none().1),
            Err(error) => say("stack", format!("(not usable: {error})"), file::NAME.to_owned()),
        }
        all
    }

    /// The key for the fingerprints of this project: the same in every run, so that they can be compared; another in every
    /// other project. Without `scan.fingerprint_key` it is the project's path, so that a copy elsewhere has another.
    pub fn fingerprint_key(&self) -> FingerprintKey {
        let path = self.project.value.as_os_str().as_encoded_bytes();
        FingerprintKey::new(self.rules.fingerprint_key.value.as_deref().map_or(path, str::as_bytes))
    }
}

fn list(entries: impl Iterator<Item = String>) -> String {
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() { "(none)".to_owned() } else { entries.join(", ") }
}

#[cfg(test)]
mod tests {
    use crate::{Flags, Settings, World};

    #[test]
    fn every_setting_with_its_origin_and_no_secret() {
        let project = tempfile::tempdir().unwrap();
        let world = World::for_tests(project.path()).with_env("COMFYUI_API_TOKEN", "a-made-up-token");
        let settings = Settings::load(&Flags::default(), &world).unwrap();
        let lines: Vec<_> =
            settings.describe().iter().map(|one| format!("{}: {} ({})", one.name, one.value, one.origin)).collect();
        let token = settings.token.as_ref().unwrap().value.fingerprint(&settings.fingerprint_key()).to_string();
        let text = lines.join("\n").replace(&project.path().display().to_string(), "PROJECT").replace(&token, "FINGERPRINT");
        assert!(!text.contains("made-up"));
        insta::assert_snapshot!(text, @"
        project: PROJECT (default)
        service: comfyui-qwen (default)
        url: http://127.0.0.1:8188 (default)
        comfy-dir: (none) (default)
        user: (none) (default)
        token: fingerprint FINGERPRINT (environment variable `COMFYUI_API_TOKEN`)
        source: PROJECT/.secrets/comfyui_auth_tokens.conf (default)
        allow-plain-http: false (default)
        ca-file: (none) (default)
        proxy: (none) (default)
        proxy-user: (none) (default)
        proxy-password: (none) (default)
        unix-socket: (none) (default)
        engine-host: (none) (default)
        engine-context: (none) (default)
        links: (none) (default)
        outside: (none) (default)
        backups: off (default)
        max-age: 365 days (default)
        min-cost: 12 (default)
        min-password: 12 bytes (default)
        fingerprint-key: the project's path (default)
        scan-allow: (none) (default)
        stack: (none) (default)
        ");
    }
}
