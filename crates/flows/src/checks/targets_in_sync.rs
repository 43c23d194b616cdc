//! `targets-in-sync`: every target's own reader sees exactly the source's token.

use auth_core::{HashFault, LoginToken, PasswordFileFault, Shape, SourceOfTruth};
use report::{CheckId, Finding};
use token_sync::{Dialect, Plan, Reading, Target, read_password_file};

use super::{Check, fail, pass, skipped, unknown};
use crate::{credential, subject::Subject};

pub(super) const CHECK: Check =
    Check { id: CheckId("targets-in-sync"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(source) = subject.known() else {
        return skipped(id, "nothing to compare", "there is no source of truth that can be read");
    };
    let targets = subject.settings.each_target(source);
    let mut seen = Vec::new();
    let mut drifted = Vec::new();
    let mut refused = Vec::new();
    let mut unread = Vec::new();
    for (_, target) in &targets {
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                refused.push(error);
                continue;
            }
        };
        let name = subject.settings.shown(target.path());
        let reading = target.read();
        let (in_sync, words) = judge(source, target, &reading);
        if matches!(reading, Reading::Unreadable(_)) {
            unread.push(words.clone());
        } else if !in_sync {
            drifted.push(name.clone());
        }
        seen.push((format!("{name} ({})", target.dialect()), words));
    }
    let mut finding = if targets.is_empty() {
        skipped(id, "nothing to compare", "the source of truth names no targets")
    } else if let Some(first) = refused.first() {
        let words = refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        first.hints().iter().fold(fail(id, words), Finding::hint)
    } else if drifted.is_empty() && !unread.is_empty() {
        unknown(id, "not every target can be read", unread.join("; "))
    } else if let Some(error) = unwritable(source, &targets).filter(|_| drifted.is_empty()) {
        error.hints().iter().fold(fail(id, error.to_string()), Finding::hint)
    } else if drifted.is_empty() {
        pass(id, format!("{} of {} read back byte-equal", targets.len(), targets.len()))
    } else {
        fail(id, format!("the token differs in `{}`", drifted.join("`, `")))
            .hint("write them anew with `genai-tokens sync`, then restart what reads them")
            .at(drifted[0].clone())
    };
    if let Some((token, variable)) = &subject.exported
        && token != source.token()
    {
        let summary =
            format!("the exported variable `{variable}` holds another token than the source of truth, and beats every `.env`");
        let summary = if drifted.is_empty() { summary } else { format!("{}; {summary}", finding.summary) };
        finding = finding
            .hints
            .iter()
            .fold(fail(id, summary), Finding::hint)
            .hint(format!("`unset {variable}`, and remove it from what exports it"));
    }
    seen.into_iter().fold(finding, |finding, (name, words)| finding.seen(name, words))
}

/// Why the next change of the token could not be written, although each reader sees the right one now: readers of one file that
/// don't agree, say.
fn unwritable(source: &SourceOfTruth, targets: &[(String, Result<Target, settings::Error>)]) -> Option<token_sync::Error> {
    let targets: Vec<Target> = targets.iter().filter_map(|(_, target)| target.as_ref().ok()).cloned().collect();
    Plan::make(source.token(), &credential::user_of(source, &targets), &targets).err()
}

/// Whether the target's reader sees exactly what the source says, and what it sees.
pub(crate) fn judge(source: &SourceOfTruth, target: &Target, reading: &Reading) -> (bool, String) {
    let words = match reading {
        Reading::Token(token, user) if token == source.token() => {
            let faults = password_faults(target);
            if let Some(fault) = faults.first() {
                fault.to_string()
            } else if let (Some(user), Some(wanted)) = (user, source.user())
                && user != wanted
            {
                "the token, for another user name".to_owned()
            } else {
                return (true, "the token".to_owned());
            }
        }
        Reading::Token(token, _) => other(token),
        Reading::Empty => password_faults(target).first().map_or_else(|| credential::lack(reading), ToString::to_string),
        reading => credential::lack(reading),
    };
    (false, words)
}

/// What the plugin would stumble over in its own file although the token is right.
fn password_faults(target: &Target) -> Vec<PasswordFileFault> {
    match target.dialect() {
        Dialect::LoginPassword => {
            let file = target.file().and_then(|file| read_password_file(&file));
            file.ok().flatten().map_or_else(Vec::new, |(file, _)| file.faults().to_vec())
        }
        _ => Vec::new(),
    }
}

/// What kind of other token a target holds: a damaged one names its damage.
fn other(token: &LoginToken) -> String {
    match token.shape() {
        Shape::NotBcrypt(HashFault::Mangled(mangling)) => mangling.to_string(),
        _ => "ANOTHER token".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn each_kind_of_drift_is_named() {
        let mut project = Project::new();
        assert_eq!(outcome("targets-in-sync", &project).await, "skipped");
        project.save("pw");
        assert_eq!(outcome("targets-in-sync", &project).await, "fail", "targets that are not there");
        project.sync();
        assert_eq!(outcome("targets-in-sync", &project).await, "pass");
        let token = project.token();
        let cases = [
            (".env", format!("COMFYUI_API_TOKEN={token}\n"), "interpolation"),
            (".env", "COMFYUI_API_TOKEN='other'\n".to_owned(), "ANOTHER token"),
            (".env", "A=1\n".to_owned(), "no token"),
            (".env", "not a pair\n".to_owned(), "refuses the file at line 1"),
            ("ComfyUI/login/PASSWORD", String::new(), "opens the server to everybody"),
            ("ComfyUI/login/PASSWORD", format!("\u{feff}{token}\nann\n"), "byte order mark"),
            ("ComfyUI/login/PASSWORD", format!("{token}\r\nann\r\n"), "browser login always fails"),
            ("ComfyUI/login/PASSWORD", format!("{token}\n"), "no user name"),
            ("ComfyUI/login/PASSWORD", format!("{token}\nbob\n"), "another user name"),
        ];
        for (name, content, words) in cases {
            project.write(name, &content);
            let finding = finding("targets-in-sync", &project).await;
            assert_eq!(finding.outcome.name(), "fail");
            assert!(finding.summary.contains(name) && format!("{:?}", finding.evidence).contains(words), "{finding:?}");
            project.sync();
        }
        // A source of an older shape names no user: what `sync` writes for it is in sync.
        project.write_source(&project.source().replace("\"user\"", "\"was_user\""));
        project.write("ComfyUI/login/PASSWORD", &format!("{token}\ncomfy\n"));
        assert_eq!(outcome("targets-in-sync", &project).await, "pass");
        project.set_env("COMFYUI_API_TOKEN", "stale");
        let exported = finding("targets-in-sync", &project).await;
        assert_eq!(exported.outcome.name(), "fail");
        assert!(
            exported.summary.contains("`COMFYUI_API_TOKEN`") && exported.hints.iter().any(|hint| hint.contains("unset")),
            "{exported:?}"
        );
    }

    #[tokio::test]
    async fn a_target_that_can_not_be_read_is_unknown_and_one_that_can_not_be_written_again_fails() {
        let project = Project::new();
        project.save("pw");
        project.sync();
        std::fs::remove_file(project.at(".env")).unwrap();
        std::fs::create_dir(project.at(".env")).unwrap();
        assert_eq!(outcome("targets-in-sync", &project).await, "unknown");
        std::fs::remove_dir(project.at(".env")).unwrap();
        // Compose wants quotes around the dollars, docker's own reader would keep them.
        project.write(".env", &format!("A='{0}'\nB={0}\n", project.token()));
        let entry = |dialect: &str, key: &str| format!(r#"{{"path": ".env", "dialect": "{dialect}", "key": "{key}"}}"#);
        let two = format!("[{}, {}]", entry("compose-v2-dotenv", "A"), entry("docker-run-env-file", "B"));
        let source = format!(r#"{{"version": "2", "bcrypt_hash": "{}", "targets": {two}}}"#, project.token());
        project.write_source(&source);
        let finding = finding("targets-in-sync", &project).await;
        assert_eq!(finding.outcome.name(), "fail", "{finding:?}");
        assert!(finding.summary.contains("docker-run-env-file"), "{finding:?}");
    }
}
