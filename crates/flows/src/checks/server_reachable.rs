//! `server-reachable`: something answers HTTP at the service's URL.

use comfy_client::Probe;
use report::{CheckId, Finding, Unit};

use super::{Check, fail, pass};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("server-reachable"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let url = subject.client.url();
    match subject.client.probe(&Probe::get("/prompt")).await {
        Ok(answer) => pass(CHECK.id, format!("{url} answers")).seen("GET /prompt", answers::words(&answer)).measure(
            "answer",
            answer.elapsed.as_secs_f64(),
            Unit::Seconds,
        ),
        Err(error) => {
            let finding = fail(CHECK.id, format!("`{url}` can't be reached (from {})", subject.settings.url.origin));
            error.hints().iter().fold(finding.seen("GET /prompt", answers::chain(&error)), Finding::hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn a_closed_port_fails_and_names_the_url() {
        let mut project = Project::new();
        project.set_url("http://127.0.0.1:1");
        let finding = finding("server-reachable", &project).await;
        assert_eq!(finding.outcome.name(), "fail");
        assert!(finding.summary.contains("http://127.0.0.1:1") && finding.summary.contains("--url"), "{finding:?}");
    }

    #[tokio::test]
    async fn a_server_passes() {
        let mut project = Project::new();
        let _server = project.serve().await;
        assert_eq!(outcome("server-reachable", &project).await, "pass");
    }
}
