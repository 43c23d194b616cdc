//! `container-healthy`: the container's own healthcheck says so. A probe that can't be run says nothing about the service.

use report::{CheckId, Finding};

use super::{fail, pass, skipped, unknown, warn};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("container-healthy");

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
}
