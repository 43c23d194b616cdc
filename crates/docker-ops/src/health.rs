//! Waits until a container is well, or is known not to become so.

use std::{collections::HashMap, time::Duration};

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::{Container, ContainerHealth, ContainerState, Engine, Error, Exit, LastProbe};

/// How often it is looked at even if the engine tells nothing.
const LOOK: Duration = Duration::from_millis(500);

/// What became of a container that was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// Its probe says that it is well.
    Healthy,
    /// It runs, and has no probe that could say more.
    Running,
    /// Its probe failed too often.
    Unhealthy(Option<LastProbe>),
    /// It ended, or the engine starts it again and again.
    Ended(Exit),
    /// The engine started it again since one began to look, so often since somebody started it. [`Engine::wait_ready`] goes on with
    /// such a one; who looks at one life alone says so.
    Again(u64),
    /// It is not there any more.
    Gone,
    /// It was not well in time; what its probe said last.
    TooLate(Option<LastProbe>),
}

impl Engine {
    /// Waits for the container at most so long. `told` hears what is so whenever the engine tells of the container, so that a person
    /// sees what the probe said last.
    ///
    /// # Errors
    /// Whatever keeps the engine from telling.
    pub async fn wait_ready(
        &self,
        container: &str,
        at_most: Duration,
        told: &(dyn Fn(&Container) + Send + Sync),
    ) -> Result<Readiness, Error> {
        let deadline = Instant::now() + at_most;
        let filters = HashMap::from([
            ("container", vec![container]),
            ("event", vec!["health_status", "die", "destroy", "exec_die"]), // `exec_die`: a probe ended
        ]);
        let mut events = self.docker().events(Some(EventsOptionsBuilder::default().filters(&filters).build())).fuse();
        loop {
            let Some(seen) = self.container(container).await? else { return Ok(Readiness::Gone) };
            told(&seen);
            if let Some(ready) = judge(&seen) {
                return Ok(ready);
            }
            let next = (Instant::now() + LOOK).min(deadline);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                // A stream that broke off tells nothing any more: then the looks alone must do.
                Some(_) = events.next() => {}
            }
            if Instant::now() >= deadline {
                return Ok(Readiness::TooLate(last_probe(&seen)));
            }
        }
    }
}

/// What is decided already; `None` if one must go on waiting.
fn judge(seen: &Container) -> Option<Readiness> {
    let exit = || seen.exit.clone().unwrap_or(Exit { code: 0, out_of_memory: false, error: None });
    match (seen.state, &seen.health) {
        (ContainerState::Restarting | ContainerState::Exited | ContainerState::Dead, _) => Some(Readiness::Ended(exit())),
        // Its failures do not count for minutes after the start; this one does.
        (_, Some(ContainerHealth::Starting(Some(probe)))) if probe.saw_open() => Some(Readiness::Unhealthy(Some(probe.clone()))),
        (ContainerState::Created | ContainerState::Paused, _) | (_, Some(ContainerHealth::Starting(_))) => None,
        (_, Some(ContainerHealth::Healthy)) => Some(Readiness::Healthy),
        (_, Some(ContainerHealth::Unhealthy(probe))) => Some(Readiness::Unhealthy(probe.clone())),
        (ContainerState::Running, None) => Some(Readiness::Running),
    }
}

fn last_probe(seen: &Container) -> Option<LastProbe> {
    match &seen.health {
        Some(ContainerHealth::Starting(probe) | ContainerHealth::Unhealthy(probe)) => probe.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerInspectResponse;

    use super::*;

    fn seen(state: &str) -> Container {
        let text = format!(r#"{{"Id":"1","State":{state},"RestartCount":1}}"#);
        serde_json::from_str::<ContainerInspectResponse>(&text).unwrap().into()
    }

    #[test]
    fn what_is_decided_and_what_is_not() {
        let probe = r#"{"ExitCode":-1,"Output":" no such program\n"}"#;
        let health = |status: &str| format!(r#"{{"Status":"running","Health":{{"Status":"{status}","Log":[{probe}]}}}}"#);
        let last = Some(LastProbe { exit_code: -1, output: "no such program".into() });
        let exit = |code, out_of_memory| Readiness::Ended(Exit { code, out_of_memory, error: None });
        let table = [
            (r#"{"Status":"running"}"#.to_owned(), Some(Readiness::Running)),
            (r#"{"Status":"created"}"#.to_owned(), None),
            (health("starting"), None),
            (health("healthy"), Some(Readiness::Healthy)),
            (health("unhealthy"), Some(Readiness::Unhealthy(last.clone()))),
            (
                r#"{"Status":"exited","ExitCode":137,"OOMKilled":true,"FinishedAt":"2026-01-01T00:00:00Z"}"#.to_owned(),
                Some(exit(137, true)),
            ),
            (r#"{"Status":"restarting","ExitCode":1,"FinishedAt":"2026-01-01T00:00:00Z"}"#.to_owned(), Some(exit(1, false))),
        ];
        for (state, expected) in table {
            assert_eq!(judge(&seen(&state)), expected, "{state}");
        }
        assert_eq!(last_probe(&seen(&health("starting"))), last);
        let open = r#"{"Status":"running","Health":{"Status":"starting","Log":[{"ExitCode":1,"Output":"200 nothing guards the server: it"}]}}"#;
        assert!(matches!(judge(&seen(open)), Some(Readiness::Unhealthy(Some(_)))), "for minutes no failure counts but this one");
    }
}
