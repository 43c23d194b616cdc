//! `container-healthy`: the container's own healthcheck says so. A probe that can't be run says nothing about the service.

use docker_ops::{Exit, LastProbe, Readiness};
use report::{CheckId, Finding};

use super::{fail, pass, skipped, unknown, warn};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("container-healthy");

/// Where the reason may be found.
const MORE: &str = "see why: `genai-stack doctor`, `genai-stack logs`";

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    if !patient.is_running() {
        return skipped(ID, "nothing to ask", "the container doesn't run");
    }
    let Some(health) = &patient.autopsy.health else {
        return warn(ID, "the container has no healthcheck, so nobody notices when ComfyUI hangs")
            .hint("let it have one: `genai-stack up` makes it from `[stack]`");
    };
    let last = health.probes.last();
    let finding = match (health.status.as_str(), last) {
        ("healthy", _) => return pass(ID, "its last probe was answered"),
        ("starting", Some(probe)) if probe.is_broken() => broken(),
        ("starting", _) => unknown(ID, "it is still starting", "no probe has decided yet").hint("run the same command again"),
        (_, Some(probe)) if probe.is_broken() => broken(),
        _ => fail(ID, format!("{} probes in a row failed", health.failing)).hint(
            "see its log with `genai-stack logs`, then `genai-stack restart`: the engine does not restart what is unhealthy",
        ),
    };
    let finding = finding.seen("probe", patient.shown(&health.test.join(" ")));
    match last {
        Some(probe) => finding.seen("exit code", probe.exit_code.to_string()).seen("output", patient.shown(&probe.output)),
        None => finding,
    }
}

fn broken() -> Finding {
    fail(ID, "the probe can't be run in this image: nothing is known of ComfyUI itself")
        .hint("probe with the image's own Python: set `[stack.health]` and run `genai-stack up`")
}

/// The finding for a container `name` without a probe whose port asked nobody for a credential as long as it was waited for; what it said
/// last, and the last lines that the container printed.
pub(crate) fn silent(name: &str, last: String, lines: &[String]) -> Finding {
    let finding =
        unknown(ID, format!("`{name}` runs, and its port does not ask for a credential yet"), "the time to wait was over");
    let finding = lines.iter().fold(finding.seen("GET /queue", last), |finding, line| finding.seen("log", line));
    finding.hint("wait longer: `--timeout SECONDS`").hint(MORE)
}

/// The finding for a container `name` that runs as it did before a start that an earlier run asked for, or this one: the engine may still make it.
pub(crate) fn not_started_yet(name: &str) -> Finding {
    unknown(ID, format!("`{name}` was to be started anew, and that was not seen"), "the engine may still do it")
        .hint("start it again, which proves it: `genai-stack restart`")
        .hint(MORE)
}

/// Judges what became of the container `name`, which has a probe, or whose port asked for a credential if it has none. `lines` are the last
/// that it printed, without secrets.
pub(crate) fn waited(name: &str, ready: &Readiness, lines: &[String]) -> Finding {
    let finding = match ready {
        Readiness::Healthy => return pass(ID, format!("`{name}` is healthy")),
        Readiness::Running => return pass(ID, format!("`{name}` runs, and its port asks for a credential")),
        Readiness::Unhealthy(probe) => seen(fail(ID, format!("`{name}` runs and is not well")), probe.as_ref()),
        Readiness::TooLate(probe) => seen(
            unknown(ID, format!("`{name}` is not well yet"), "the time to wait was over")
                .hint("wait longer: `--timeout SECONDS`"),
            probe.as_ref(),
        ),
        Readiness::Ended(exit) => ended(name, exit),
        Readiness::Again(times) => {
            fail(ID, format!("`{name}` ended, and the engine started it again: {times} times since somebody started it"))
        }
        _ => fail(ID, format!("`{name}` is not there any more: somebody removed it")),
    };
    let finding = lines.iter().fold(finding, |finding, line| finding.seen("log", line));
    finding.hint(MORE)
}

fn seen(finding: Finding, probe: Option<&LastProbe>) -> Finding {
    match probe {
        // The program itself is missing: that says nothing of the server.
        Some(probe) if probe.exit_code == -1 => finding.seen("the probe could not be run", &probe.output).hint(
            "the probe is broken, not the server: the image lacks its program; choose another `probe` in `[stack.health]` of genai.toml",
        ),
        Some(probe) => finding.seen(format!("its probe, exit code {}", probe.exit_code), &probe.output),
        None => finding.seen("its probe", "has not answered yet"),
    }
}

fn ended(name: &str, exit: &Exit) -> Finding {
    let how = match exit.code {
        _ if exit.out_of_memory => "killed by the kernel: it wanted more memory than it may have".to_owned(),
        137 => "killed with code 137, and not for its own memory limit".to_owned(),
        code => format!("code {code}"),
    };
    let finding = fail(ID, format!("`{name}` ended: {how}"));
    exit.error.iter().fold(finding, |finding, error| finding.seen("the engine", error))
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::{HealthFacts, ProbeFacts};

    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn a_broken_probe_is_not_a_sick_service() {
        let of = |status: &str, exit_code, output: &str| {
            judged(judge, |patient| {
                let probes = vec![ProbeFacts { exit_code, output: output.to_owned() }];
                patient.autopsy.health = Some(HealthFacts { status: status.to_owned(), failing: 3, test: Vec::new(), probes });
            })
        };
        assert_eq!(of("healthy", 0, "").0, "pass");
        assert_eq!(of("starting", 1, "refused").0, "unknown");
        assert!(of("unhealthy", 1, "refused").1.summary.contains("3 probes in a row"));
        let broken = of("unhealthy", -1, "exec: \"curl\": executable file not found in $PATH").1;
        assert!(broken.outcome.name() == "fail" && broken.summary.contains("nothing is known of ComfyUI"), "{broken:?}");
        assert_eq!(judged(judge, |_| {}).0, "warn", "no healthcheck");
        assert_eq!(judged(judge, |patient| patient.autopsy.state.status = "exited".into()).0, "skipped");
    }

    #[test]
    fn every_end_has_its_words() {
        let probe = |exit_code, output: &str| Some(LastProbe { exit_code, output: output.into() });
        let exit = |code, out_of_memory| Readiness::Ended(Exit { code, out_of_memory, error: Some("no such program".into()) });
        let cases = [
            Readiness::Healthy,
            Readiness::Running,
            Readiness::Unhealthy(probe(1, "200 nothing guards it")),
            Readiness::Unhealthy(probe(-1, "executable file not found")),
            Readiness::TooLate(None),
            exit(2, false),
            exit(137, true),
            exit(137, false),
            Readiness::Gone,
        ];
        let told = cases.iter().map(|ready| {
            let found = waited("p-ui-1", ready, &["last line".into()]);
            let seen: String = found.evidence.iter().map(|one| format!("; {}: {}", one.name, one.value)).collect();
            format!("{} {}{seen}\n", found.outcome.name(), found.summary)
        });
        insta::assert_snapshot!(told.collect::<String>(), @"
        pass `p-ui-1` is healthy
        pass `p-ui-1` runs, and its port asks for a credential
        fail `p-ui-1` runs and is not well; its probe, exit code 1: 200 nothing guards it; log: last line
        fail `p-ui-1` runs and is not well; the probe could not be run: executable file not found; log: last line
        unknown `p-ui-1` is not well yet; its probe: has not answered yet; log: last line
        fail `p-ui-1` ended: code 2; the engine: no such program; log: last line
        fail `p-ui-1` ended: killed by the kernel: it wanted more memory than it may have; the engine: no such program; log: last line
        fail `p-ui-1` ended: killed with code 137, and not for its own memory limit; the engine: no such program; log: last line
        fail `p-ui-1` is not there any more: somebody removed it; log: last line
        ");
    }
}
