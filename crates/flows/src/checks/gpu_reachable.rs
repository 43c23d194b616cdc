//! `gpu-reachable`: the cards that were asked for are in the container. The driver is asked on both sides: a container can lose its cards
//! while the host keeps them.

use docker_ops::{Gpu, GpuProof, autopsy::StartFault};
use report::{CheckId, Finding};

use super::{fail, gpu_available::NOT_BY_PODMAN, pass, skipped, unknown};
use crate::doctor::{Patient, cause};

pub(crate) const ID: CheckId = CheckId("gpu-reachable");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let (gpu, state) = (&patient.autopsy.gpu, &patient.autopsy.state);
    let is_wanted = patient.wanted.is_some_and(|wanted| wanted.gpu != Gpu::None);
    let finding = match (&state.start_fault, &patient.cards.inside) {
        _ if !gpu.is_some() && is_wanted => fail(ID, "`[stack]` asks for a card, and the container has no such request")
            .hint("make it anew with `genai-stack up`, which says whether the engine drops the request, as Podman does"),
        _ if !gpu.is_some() => return skipped(ID, "nothing to reach", "no card was asked for"),
        (Some(StartFault::NoGpuDriver(words) | StartFault::GpuHook(words)), _) => {
            let cause = cause(&patient.autopsy, patient.kernel.as_ref());
            fail(ID, cause.what).hint(cause.hint).seen("the engine says", patient.shown(words))
        }
        (_, None) => match &patient.cards.unanswered {
            Some(reason) => unknown(ID, "whether the container has its cards is not known", reason),
            None => skipped(ID, "nobody to ask", "the container doesn't run"),
        },
        (_, Some(Ok(0))) => fail(ID, "the driver answers in the container and shows no card").hint("see which were asked for"),
        (_, Some(Ok(count))) if *count < gpu.least => {
            fail(ID, format!("the driver shows {count} in the container, and {} were asked for", gpu.least))
                .hint("see which the host still has: `nvidia-smi --list-gpus`; then `genai-stack down`, `genai-stack up`")
        }
        (_, Some(Ok(count))) => pass(ID, format!("the driver shows {count} in the container")),
        (_, Some(Err(said))) => inside(patient, said),
    };
    let runtimes = patient.machine.runtimes.join(", ");
    finding.seen("asked for", asked(patient)).seen("the engine's runtimes", runtimes)
}

/// Judges whether the container `name` was given the cards that it was made for.
pub(crate) fn given(name: &str, gpu: &Gpu, proof: &GpuProof) -> Finding {
    match proof {
        GpuProof::AsAsked => pass(ID, format!("the engine holds the request for cards of `{name}` as it was made")),
        GpuProof::Dropped => fail(ID, format!("the engine dropped the request for cards without a word: `{name}` has none"))
            .seen("asked for", format!("{gpu:?}"))
            .hint(format!("Podman does so: {NOT_BY_PODMAN}")),
        GpuProof::Differs { asked, held } => fail(ID, format!("`{name}` has other cards than were asked for"))
            .seen("asked for", asked)
            .seen("it has", held)
            .hint("make it anew: `genai-stack up --recreate`"),
        _ => unknown(ID, format!("whether `{name}` was given its cards is not known"), "the engine's answer says nothing of it"),
    }
}

/// The driver does not answer in the container; the host decides what that means.
fn inside(patient: &Patient<'_>, said: &str) -> Finding {
    let is_absent = said.contains("executable file not found") || said.contains("no such file");
    let finding = match patient.machine.has_gpu_driver {
        // What the driver itself says of the host's card holds, whoever asked.
        _ if said.contains("GPU is lost") => fail(ID, "the host has lost a card: its driver doesn't reach it any more")
            .hint("reboot the host; if it comes again, see the card's power and seat: `sudo dmesg | grep Xid`"),
        _ if said.contains("Driver/library version mismatch") => {
            fail(ID, "the driver that is loaded on the host and its library are of two versions, as after an upgrade")
                .hint("reboot the host, or load the new driver: stop all that uses a card, `sudo rmmod nvidia_uvm nvidia`, `nvidia-smi`")
                .hint("if `nvidia-smi` answers on the host, the container is older than its driver: `genai-stack down`, `genai-stack up`")
        }
        _ if is_absent => unknown(ID, "the container has no `nvidia-smi` to ask", "the image or the runtime brings none")
            .hint("a container that `genai-stack up` made has asked for it: see whether NVIDIA's toolkit is whole, `nvidia-ctk --version`")
            .hint("another one lacks the capability `utility`: make it anew with `genai-stack up`"),
        Some(true) => fail(ID, "the host has its driver, and the container has lost the card: `systemctl daemon-reload` does that")
            .hint("make the container anew: `genai-stack down`, `genai-stack up`; for good: hand over cards by CDI, or use the cgroup driver `cgroupfs`"),
        Some(false) => fail(ID, "no driver of a card is loaded on the host").hint("load it and see `nvidia-smi` on the host; after an upgrade, reboot"),
        None => unknown(ID, "the driver does not answer in the container", "the host can't be seen from here")
            .hint("ask on the host: `nvidia-smi`"),
    };
    finding.seen("nvidia-smi in the container", patient.shown(said)).seen("cgroup driver", &patient.machine.cgroup_driver)
}

fn asked(patient: &Patient<'_>) -> String {
    let gpu = &patient.autopsy.gpu;
    let runtime = gpu.runtime.iter().filter(|name| *name == "nvidia").map(|name| format!("runtime {name}"));
    gpu.requests.iter().chain(&gpu.devices).cloned().chain(runtime).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::Machine;

    use super::*;
    use crate::doctor::{Cards, patients::judged};

    #[test]
    fn only_the_pair_tells_who_lost_the_card() {
        let of = |inside: Option<Result<usize, &str>>, has_gpu_driver| {
            let machine = Machine { has_gpu_driver, ..Machine::default() };
            let (outcome, summary) = {
                // The machine outlives the judgement, not the closure.
                let machine: &'static Machine = Box::leak(Box::new(machine));
                let (outcome, finding) = judged(judge, |patient| {
                    patient.autopsy.gpu.requests = vec!["nvidia: all".into()];
                    patient.cards = Cards { inside: inside.map(|inside| inside.map_err(str::to_owned)), unanswered: None };
                    patient.machine = machine;
                });
                (outcome, finding.summary)
            };
            (outcome, summary)
        };
        assert_eq!(of(Some(Ok(2)), None).0, "pass");
        assert_eq!(of(Some(Ok(0)), Some(true)).0, "fail");
        let lost = "Failed to initialize NVML: Unknown Error";
        assert!(of(Some(Err(lost)), Some(true)).1.contains("has lost the card"));
        assert!(of(Some(Err(lost)), Some(false)).1.contains("on the host"));
        assert_eq!(of(Some(Err(lost)), None).0, "unknown");
        assert_eq!(of(Some(Err("exec: \"nvidia-smi\": executable file not found")), Some(true)).0, "unknown");
        // A container is not to be made anew for what befell the host.
        let of_host = [
            ("Unable to determine the device handle for GPU0000:01:00.0: GPU is lost. Reboot the system", "host has lost a card"),
            ("Failed to initialize NVML: Driver/library version mismatch", "loaded on the host and its library"),
        ];
        for (said, what) in of_host {
            let (outcome, summary) = of(Some(Err(said)), Some(true));
            assert!(outcome == "fail" && summary.contains(what), "{summary}");
        }
        assert_eq!(of(None, None).0, "skipped");
        assert_eq!(judged(judge, |_| {}).0, "skipped");
    }

    #[test]
    fn fewer_cards_than_were_asked_for_fail() {
        for (least, shown, expected) in
            [(2, 1, "fail"), (2, 2, "pass"), (3, 2, "fail"), (1, 4, "pass"), (0, 0, "fail"), (0, 1, "pass")]
        {
            let (outcome, finding) = judged(judge, |patient| {
                (patient.autopsy.gpu.requests, patient.autopsy.gpu.least) = (vec!["nvidia".into()], least);
                patient.cards.inside = Some(Ok(shown));
            });
            assert_eq!(outcome, expected, "{finding:?}");
        }
    }

    #[test]
    fn who_gets_no_answer_in_time_knows_nothing() {
        let late = "`nvidia-smi` in `c` did not end within 15s";
        let (outcome, finding) = judged(judge, |patient| {
            patient.autopsy.gpu.requests = vec!["nvidia: all".into()];
            patient.cards.unanswered = Some(late.to_owned());
        });
        assert!(outcome == "unknown" && format!("{:?}", finding.outcome).contains(late), "{finding:?}");
    }

    #[test]
    fn what_was_dropped_or_changed_after_the_start_fails() {
        let of = |proof| given("p-comfyui-1", &Gpu::Count(1), &proof);
        assert_eq!(of(GpuProof::AsAsked).outcome.name(), "pass");
        let dropped = of(GpuProof::Dropped);
        assert!(dropped.outcome.name() == "fail" && dropped.hints[0].contains("on Docker Engine"), "{dropped:?}");
        assert!(!dropped.hints[0].contains("[stack]"), "a request of another kind is dropped as well: {dropped:?}");
        let differs = of(GpuProof::Differs { asked: "1".into(), held: "2".into() });
        assert!(differs.outcome.name() == "fail" && differs.hints[0].contains("up --recreate"), "{differs:?}");
    }

    #[test]
    fn an_engine_that_can_hand_over_none_is_named() {
        let (outcome, finding) = judged(judge, |patient| {
            patient.autopsy.gpu.requests = vec!["nvidia: all".into()];
            patient.autopsy.state.status = "created".into();
            patient.autopsy.state.start_fault = Some(StartFault::NoGpuDriver("could not select device driver".into()));
        });
        assert!(outcome == "fail" && finding.hints[0].contains("restart the engine"), "{finding:?}");
    }
}
