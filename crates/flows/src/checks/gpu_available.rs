//! `gpu-available`: the engine can give the cards that are asked for. It says so only when a container starts.

use docker_ops::{Gpu, GpuTrouble};
use report::{CheckId, Finding};

use super::{fail, pass, skipped};

pub(super) const ID: CheckId = CheckId("gpu-available");

/// What helps where Podman is the engine.
pub(super) const NOT_BY_PODMAN: &str = "run the stack on Docker Engine; Podman hands over cards to its own command alone: \
    `podman run --device nvidia.com/gpu=all`";

/// Judges why the engine would not give the cards.
pub(crate) fn judge(gpu: &Gpu, trouble: Option<&GpuTrouble>) -> Finding {
    let Some(trouble) = trouble else {
        return match gpu {
            Gpu::None => skipped(ID, "nothing to look at", "no card is asked for"),
            _ => pass(ID, "nothing speaks against it that the engine gives the cards"),
        };
    };
    match trouble {
        GpuTrouble::PodmanDropsRequests => {
            fail(ID, "through its API Podman drops every request for cards without a word").hint(NOT_BY_PODMAN)
        }
        GpuTrouble::NoToolkit => fail(ID, "NVIDIA's toolkit is not installed where the engine runs")
            .hint("install the NVIDIA Container Toolkit, then restart the engine: `sudo systemctl restart docker`"),
        GpuTrouble::EngineOlderThanToolkit => {
            fail(ID, "NVIDIA's toolkit was installed after the engine started, which looks for it only then")
                .hint("restart the engine: `sudo systemctl restart docker`")
        }
        GpuTrouble::NoCdi => fail(ID, "the engine has no driver for the Container Device Interface")
            .hint("switch it on (`\"features\": {\"cdi\": true}` in daemon.json, Engine 25 or newer), or ask for cards by count"),
        GpuTrouble::UnknownCdiDevices(names) => fail(ID, format!("the engine knows no device `{}`", names.join("`, `")))
            .hint("make their description: `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"),
        other => fail(ID, format!("the engine does not give the cards: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_fails_with_its_repair() {
        assert_eq!(judge(&Gpu::None, None).outcome.name(), "skipped");
        assert_eq!(judge(&Gpu::All, None).outcome.name(), "pass");
        let unknown = GpuTrouble::UnknownCdiDevices(vec!["nvidia.com/gpu=7".into()]);
        let podman = GpuTrouble::PodmanDropsRequests;
        for trouble in [GpuTrouble::NoToolkit, GpuTrouble::EngineOlderThanToolkit, GpuTrouble::NoCdi, unknown, podman] {
            let finding = judge(&Gpu::All, Some(&trouble));
            assert_eq!((finding.outcome.name(), finding.hints.len()), ("fail", 1), "{trouble:?}");
            let leads_back = finding.hints[0].contains("[stack]");
            assert!(!leads_back, "a request of another kind is made through the same API: {finding:?}");
        }
    }
}
