//! `container-running`: the container runs; else, what ended it.

use report::{CheckId, Finding};

use super::{fail, pass, unknown, warn};
use crate::doctor::{Patient, cause, last_lines};

pub(crate) const ID: CheckId = CheckId("container-running");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let (state, name) = (&patient.autopsy.state, &patient.autopsy.name);
    let why = || cause(&patient.autopsy, patient.kernel.as_ref());
    let finding = match state.status.as_str() {
        "running" if state.restarts == 0 => return pass(ID, format!("`{name}` runs")),
        "running" => {
            let again = if state.restarts == 1 { "once".to_owned() } else { format!("{} times", state.restarts) };
            warn(ID, format!("`{name}` runs, and the engine started it again {again}: before, it {}", why().what))
        }
        "paused" => fail(ID, format!("`{name}` is paused")).hint(format!("let it go on with `docker unpause {name}`")),
        "restarting" => fail(ID, format!("`{name}` ends again and again, {} times by now: it {}", state.restarts, why().what)),
        _ => fail(ID, format!("`{name}` {}", why().what)),
    };
    let finding = if finding.hints.is_empty() { finding.hint(why().hint) } else { finding };
    evidence(finding, patient)
}

fn evidence(finding: Finding, patient: &Patient<'_>) -> Finding {
    let state = &patient.autopsy.state;
    let mut finding = finding.seen("state", &state.status);
    // Once it runs again an engine forgets the code, and says 0.
    if let Some(code) = state.exit_code.filter(|_| state.status != "running") {
        finding = finding.seen("exit code", code.to_string());
    }
    if let Some(fault) = &state.start_fault {
        finding = finding.seen("the engine says", patient.shown(fault.words()));
    }
    for (name, time) in [("started", &state.started_at), ("ended", &state.finished_at)] {
        finding = time.iter().fold(finding, |finding, time| finding.seen(name, time));
    }
    let life: Vec<_> = patient.autopsy.events.iter().rev().take(5).map(|event| event.name.as_str()).collect();
    if !life.is_empty() {
        finding = finding.seen("last events", life.into_iter().rev().collect::<Vec<_>>().join(", "));
    }
    let lines: Vec<_> = last_lines(&patient.autopsy).collect();
    lines[lines.len().saturating_sub(3)..].iter().fold(finding, |finding, line| finding.seen("last line", patient.shown(line)))
}

/// The finding for a project, or a service of it, of which the engine knows no container.
pub(crate) fn absent(project: &str, service: Option<&str>) -> Finding {
    let of = service.map_or_else(String::new, |service| format!("service `{service}` of "));
    fail(ID, format!("the engine has no container of {of}project `{project}`")).hint("make and start it with `genai-stack up`")
}

/// The finding for a container that went while it was looked at.
pub(crate) fn vanished(name: &str) -> Finding {
    unknown(ID, format!("`{name}` vanished while it was looked at"), "somebody removed it, or makes it anew")
        .hint("look again: `genai-stack doctor`")
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::{LastLine, StartFault};

    use super::*;
    use crate::doctor::patients::{TOKEN, judged};

    #[test]
    fn each_state_in_words_with_what_helps() {
        let of = |status: &str, restarts, code| {
            judged(judge, |patient| {
                let state = &mut patient.autopsy.state;
                (state.status, state.restarts, state.exit_code) = (status.to_owned(), restarts, code);
            })
        };
        assert_eq!(of("running", 0, None).0, "pass");
        let again = of("running", 2, Some(0)).1;
        assert!(again.outcome.name() == "warn" && again.summary.contains("started it again 2 times"), "{again:?}");
        assert!(again.evidence.iter().all(|one| one.name != "exit code"), "{again:?}");
        assert!(of("restarting", 7, Some(3)).1.summary.contains("again and again, 7 times"));
        assert!(of("paused", 0, None).1.hints[0].contains("docker unpause p-comfyui-1"));
        let dead = of("exited", 0, Some(137)).1;
        assert!(dead.outcome.name() == "fail" && dead.hints[0].contains("--kernel-log"), "{dead:?}");
        assert_eq!(absent("p", None).outcome.name(), "fail");
    }

    #[test]
    fn the_engines_words_and_the_last_lines_are_shown_without_a_token() {
        let (_, finding) = judged(judge, |patient| {
            patient.autopsy.state.status = "created".to_owned();
            patient.autopsy.state.start_fault = Some(StartFault::PortTaken(format!("port is already allocated {TOKEN}")));
            patient.autopsy.last_lines = vec![LastLine { at: None, text: format!("use token={TOKEN}") }];
        });
        assert!(finding.summary.contains("port of the host is taken"), "{finding:?}");
        assert!(finding.evidence.iter().any(|one| one.name == "last line"));
        assert!(!format!("{finding:?}").contains(TOKEN), "{finding:?}");
    }
}
