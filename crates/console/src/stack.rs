//! What `genai-stack` says of the containers of a project: for people as text, for programs as JSON.

use report::Outcome;

use crate::{
    ExitCode, Format, Screen,
    harmless::harmless,
    json::{
        self,
        stack_v1::{Answer, Container, Document, Service, Status},
    },
    style::{self, FAINT, HEADING},
};

impl Screen {
    /// Prints how the project stands. Returns the exit code that this stands for.
    pub fn stack_status(&self, status: Status) -> ExitCode {
        let code = if status.well { ExitCode::Well } else { ExitCode::Findings };
        let printed = self.document(&match self.format() {
            Format::Json => json::pretty(&Answer { version: 1, document: Document::Status(status) }),
            _ => text(&status),
        });
        if printed == ExitCode::Well { code } else { printed }
    }
}

fn text(status: &Status) -> String {
    let Status { project, engine, services, orphans, in_the_way, .. } = status;
    let mut text = format!(
        "{HEADING}{}{HEADING:#} {FAINT}on engine {} at {}{FAINT:#}\n",
        harmless(project),
        harmless(&engine.version),
        harmless(&engine.endpoint)
    );
    services.iter().for_each(|one| text += &service(one));
    for orphan in orphans {
        text += &format!("  {FAINT}·{FAINT:#} `{}` is of no service of genai.toml\n", harmless(orphan));
    }
    for stranger in in_the_way {
        text += &format!("  {FAINT}·{FAINT:#} in the way: {}\n", harmless(stranger));
    }
    text
}

fn service(service: &Service) -> String {
    let (sign, color) = style::of(&if service.well { Outcome::Pass } else { Outcome::Fail });
    let head = |state: &str| format!("  {color}{sign}{color:#} {:<20} {}\n", harmless(&service.name), harmless(state));
    let mut text = match &service.container {
        Some(container) => head(&state(container)),
        None => head("no container: `genai-stack up` makes one"),
    };
    let mut line = |name: &str, value: &str| text += &format!("      {FAINT}{name:<8}{FAINT:#} {}\n", harmless(value));
    if let Some(container) = &service.container {
        for port in &container.ports {
            line("port", &format!("{}:{} → {}", port.address, port.host_port, port.container_port));
        }
        for mount in &container.mounts {
            let read_only = if mount.writable { "" } else { ", read only" };
            line("mount", &format!("{} → {}{read_only}", mount.source, mount.target));
        }
        container.gpus.iter().for_each(|gpu| line("cards", gpu));
        if let Some(probe) = &container.probe {
            line("probe", probe);
        }
        for drift in &container.drift {
            let or_not_set = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
            line("differs", &format!("{} is {}, must be {}", drift.field, or_not_set(&drift.found), or_not_set(&drift.wanted)));
        }
    }
    if service.unproven {
        line("door", "a run started it, and nobody has seen it ask for a credential since: `genai-stack up` looks");
    }
    for check in &service.checks {
        let reason = check.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        line("guard", &format!("{}, {}: {}{reason}", check.outcome, check.check, check.summary));
    }
    if let Some(days) = service.token_days {
        line("token", &format!("{days} days old"));
    }
    text
}

/// `running, healthy, since …`
fn state(container: &Container) -> String {
    let health = container.health.map_or_else(String::new, |health| format!(", {health}"));
    let exit = container.exit.as_ref().filter(|_| container.state != "running").map_or_else(String::new, |exit| {
        let memory = if exit.out_of_memory { ", out of memory" } else { "" };
        let error = exit.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        format!(", code {}{memory}{error}", exit.code)
    });
    let since = container.started_at.as_ref().map_or_else(String::new, |at| format!(", started {at}"));
    let restarts = match container.restarts {
        0 => String::new(),
        1 => ", restarted once by the engine".to_owned(),
        times => format!(", restarted {times} times by the engine"),
    };
    format!("{}{health}{exit}{since}{restarts}", container.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::stack_v1::{Check, Drift, Engine, Exit, Mount, Port};

    fn sample() -> Status {
        let container = Container {
            id: "1a2b".into(),
            name: "p-ui-1".into(),
            image: "sha256:3c".into(),
            state: "exited",
            health: Some("unhealthy"),
            probe: Some("200 nothing guards it".into()),
            exit: Some(Exit { code: 137, out_of_memory: true, error: None }),
            started_at: Some("2026-01-02T03:04:05Z".into()),
            restarts: 3,
            ports: vec![Port { address: "127.0.0.1".into(), host_port: 8188, container_port: 8188 }],
            mounts: vec![Mount { source: "/project/login".into(), target: "/opt/ComfyUI/login".into(), writable: false }],
            gpus: vec!["nvidia: all".into()],
            drift: vec![Drift { field: "memory".into(), wanted: Some("2 bytes".into()), found: None }],
        };
        let service = |name: &str, container: Option<Container>| Service {
            name: name.into(),
            well: false,
            unproven: container.is_some(),
            container,
            checks: vec![Check {
                check: "plugin-intact".into(),
                outcome: "skipped",
                reason: Some("it lies elsewhere".into()),
                summary: "not compared".into(),
            }],
            token_since: Some("2026-01-02T03:04:05Z".into()),
            token_days: Some(12),
        };
        Status {
            project: "p".into(),
            engine: Engine { endpoint: "unix:///var/run/docker.sock".into(), version: "20.10.24".into(), api: "1.41".into() },
            well: false,
            services: vec![service("ui", Some(container)), Service { token_days: None, ..service("video", None) }],
            orphans: vec!["p-gone-1".into()],
            in_the_way: vec!["network `p_default`: it carries no label of a project".into()],
        }
    }

    #[test]
    fn as_a_person_sees_it() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&sample())), @"
        p on engine 20.10.24 at unix:///var/run/docker.sock
          ✗ ui                   exited, unhealthy, code 137, out of memory, started 2026-01-02T03:04:05Z, restarted 3 times by the engine
              port     127.0.0.1:8188 → 8188
              mount    /project/login → /opt/ComfyUI/login, read only
              cards    nvidia: all
              probe    200 nothing guards it
              differs  memory is not set, must be 2 bytes
              door     a run started it, and nobody has seen it ask for a credential since: `genai-stack up` looks
              guard    skipped, plugin-intact: not compared: it lies elsewhere
              token    12 days old
          ✗ video                no container: `genai-stack up` makes one
              guard    skipped, plugin-intact: not compared: it lies elsewhere
          · `p-gone-1` is of no service of genai.toml
          · in the way: network `p_default`: it carries no label of a project
        ");
    }

    #[test]
    fn the_published_schema_holds_it() {
        let text = json::pretty(&Answer { version: 1, document: Document::Status(sample()) });
        assert!(json::tests::fits("stack-v1.json", &text));
        assert!(!json::tests::fits("stack-v1.json", &text.replace("\"drift\"", "\"drft\"")));
    }
}
