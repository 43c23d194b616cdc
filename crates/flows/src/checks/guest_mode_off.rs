//! `guest-mode-off`: the plugin's guest mode is off. With it everybody may read everything and run any workflow, at one click on the
//! login page.

use std::{io::ErrorKind, path::Path};

use comfy_client::{Answer, Error, Probe};
use report::{CheckId, Finding, Outcome};
use settings::Settings;

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("guest-mode-off"), run: |subject| Box::pin(run(subject)) };

/// The button that the login page has in that mode, and the field that it has in any, since there is such a mode.
const BUTTON: &str = "Guest Mode";
const FIELD: &str = "guest_mode";

async fn run(subject: &Subject<'_>) -> Finding {
    let login = subject.settings.comfy_dir.as_ref().map(|folder| folder.value.join("login"));
    if let Some(found) = login.map(|login| look(subject.settings, &login)).filter(|found| found.outcome == Outcome::Fail) {
        return found;
    }
    let page = subject.client.probe(&Probe::get("/login")).await;
    if let Some(found) = judge_page(&page) {
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

/// None for what is no login page of a ComfyUI-Login that has such a mode.
fn judge_page(page: &Result<Answer, Error>) -> Option<Finding> {
    let page = page.as_ref().ok().filter(|page| page.status == 200)?;
    let text = String::from_utf8_lossy(&page.body);
    let finding = match text.contains(FIELD) {
        true if text.contains(BUTTON) => {
            fail(CHECK.id, "the plugin lets everybody in as a guest, to read everything and run any workflow")
                .hint("remove the file `GUEST_MODE` from ComfyUI's `login` folder and restart ComfyUI")
        }
        true => pass(CHECK.id, "nobody gets in as a guest"),
        false => return None,
    };
    Some(finding.seen("GET /login without a credential", answers::words(page)))
}

/// `/guest_mode` tells of who asks, and nobody asks as a guest: only that there is none tells something.
fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return unknown(id, "the request got no answer", answers::chain(&error)),
    };
    let seen = answers::words(&answer);
    let finding = match answer.status {
        404 => pass(id, "this login has no guest mode"),
        _ => unknown(id, "can't tell", format!("`/login` is no page of ComfyUI-Login, and GET /guest_mode gave {seen}")),
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
        let page = |status, body: &str| {
            let mut answer = answer(status, None);
            answer.body = body.as_bytes().to_vec();
            judge_page(&Ok(answer)).map(|found| found.outcome.name())
        };
        let field = r#"<input type="hidden" id="guest_mode" name="guest_mode">"#;
        assert_eq!(page(200, field), Some("pass"));
        assert_eq!(page(200, &format!(r#"{field}<input type="button" value="Guest Mode">"#)), Some("fail"));
        assert_eq!((page(200, "<form>"), page(404, field)), (None, None));
        // It says so to every token, guests or not.
        let mode = |status, body: &str| {
            let mut answer = answer(status, None);
            answer.body = body.as_bytes().to_vec();
            judge(Ok(answer)).outcome
        };
        assert_eq!(mode(200, r#"{"guestMode": false}"#).name(), "unknown");
        assert_eq!(mode(404, "").name(), "pass");
        assert_eq!(mode(401, "").name(), "unknown");
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
        // Who can't look into the folder sees it at the door.
        let (mut settings, world) = (project.settings(), project.world());
        settings.comfy_dir = None;
        let at_the_door = CHECK.run(&Subject::new(&settings, &world).unwrap()).await;
        assert!(
            at_the_door.outcome == Outcome::Fail && at_the_door.evidence[0].name.starts_with("GET /login"),
            "{at_the_door:?}"
        );
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
