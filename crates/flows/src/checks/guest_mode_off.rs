//! `guest-mode-off`: the plugin's guest mode is off. With it everybody may read everything and run any workflow, at one click on the
//! login page.

use std::{io::ErrorKind, path::Path};

use comfy_client::{Answer, Error, Probe};
use report::{CheckId, Finding, Outcome};
use serde_json::Value;
use settings::Settings;

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("guest-mode-off"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let login = subject.settings.comfy_dir.as_ref().map(|folder| folder.value.join("login"));
    if let Some(found) = login.map(|login| look(subject.settings, &login)).filter(|found| found.outcome == Outcome::Fail) {
        return found;
    }
    let Some((token, _)) = subject.token() else {
        return skipped(CHECK.id, "nothing to ask with", "there is no token");
    };
    judge(subject.client.probe(&Probe::get("/guest_mode").credential(Subject::bearer(token))).await)
}

/// Whether the switch lies in the `login` folder. A link is one wherever it leads: in a container that is another place.
pub(crate) fn look(settings: &Settings, login: &Path) -> Finding {
    let (id, switch) = (CHECK.id, login.join("GUEST_MODE"));
    let shown = settings.shown(&switch);
    match switch.symlink_metadata() {
        Ok(_) => fail(id, format!("`{shown}` switches the plugin's guest mode on"))
            .hint(format!("remove it with `rm '{}'` and restart ComfyUI", switch.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => pass(id, format!("there is no `{shown}`")),
        Err(error) => unknown(id, format!("can't tell whether there is a `{shown}`"), error.to_string())
            .hint("run this as a user who may look into that folder"),
    }
}

fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return unknown(id, "the request got no answer", answers::chain(&error)),
    };
    let seen = answers::words(&answer);
    let mode = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body["guestMode"].as_bool());
    let finding = match (answer.status, mode) {
        (200, Some(false)) => pass(id, "nobody gets in as a guest"),
        (200, Some(true)) => fail(id, "the plugin lets everybody in as a guest, to read everything and run any workflow")
            .hint("remove the file `GUEST_MODE` from ComfyUI's `login` folder and restart ComfyUI"),
        (404, _) => pass(id, "this login has no guest mode"),
        _ => unknown(id, "can't tell", format!("GET /guest_mode gave {seen}")),
    };
    finding.seen("GET /guest_mode with the token", seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answers::tests::answer,
        checks::test_project::{Project, outcome},
    };

    #[test]
    fn judged_by_what_the_login_says() {
        let with = |status, body: &str| {
            let mut answer = answer(status, None);
            answer.body = body.as_bytes().to_vec();
            judge(Ok(answer)).outcome
        };
        assert_eq!(with(200, r#"{"guestMode": false}"#).name(), "pass");
        assert_eq!(with(200, r#"{"guestMode": true}"#).name(), "fail");
        assert_eq!(with(404, "").name(), "pass");
        assert_eq!(with(200, "<html>").name(), "unknown");
        assert_eq!(with(401, "").name(), "unknown");
    }

    #[tokio::test]
    async fn off_passes_on_fails() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _server = project.serve().await;
        assert_eq!(outcome("guest-mode-off", &project).await, "pass");
        project.write("ComfyUI/login/GUEST_MODE", "");
        assert_eq!(outcome("guest-mode-off", &project).await, "fail");
    }

    #[test]
    fn the_switch_is_one_even_as_a_link_to_nowhere() {
        let project = Project::new();
        let (settings, login) = (project.settings(), project.at("ComfyUI/login"));
        let outcome = || look(&settings, &login).outcome.name();
        assert_eq!(outcome(), "pass");
        std::fs::create_dir_all(&login).unwrap();
        std::os::unix::fs::symlink("/nowhere", login.join("GUEST_MODE")).unwrap();
        assert_eq!(outcome(), "fail");
    }
}
