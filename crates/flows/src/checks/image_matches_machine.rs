//! `image-matches-machine`: the image is there, is for this system and processor, and is the one that its name means now.

use docker_ops::autopsy::StartFault;
use report::{CheckId, Finding};

use super::{fail, pass, unknown, warn};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("image-matches-machine");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let (image, machine) = (&patient.autopsy.image, patient.machine);
    if !image.is_present {
        return fail(
            ID,
            format!("the engine no longer has the image of `{}`, so that the container can't be made again", image.reference),
        )
        .hint("bring it with `docker pull` or `docker load`, or build it; then `genai-stack up`");
    }
    let (Some(os), Some(processor)) = (&image.os, &image.architecture) else {
        return unknown(ID, format!("`{}` doesn't say for which machine it is", image.reference), "the image has no platform");
    };
    let platforms = format!("{os}/{processor} on {}/{}", machine.os, machine.architecture);
    let is_foreign = matches!(patient.autopsy.state.start_fault, Some(StartFault::ProgramForeign(_)));
    let finding = match () {
        () if *os != machine.os || is_foreign => fail(ID, format!("`{}` can't run here: {platforms}", image.reference))
            .hint(format!("take an image for {}/{}, then `genai-stack up`", machine.os, machine.architecture)),
        () if *processor != machine.architecture && patient.is_running() => {
            warn(ID, format!("`{}` is emulated: {platforms}", image.reference))
                .hint("take an image for this processor: emulation is many times slower")
        }
        () if *processor != machine.architecture => {
            fail(ID, format!("`{}` is for another processor: {platforms}", image.reference))
                .hint(format!("take an image for {}/{}, then `genai-stack up`", machine.os, machine.architecture))
        }
        () if image.named_now.as_ref().is_some_and(|now| *now != image.id) => {
            warn(ID, format!("`{}` means another image now than the one that the container was made from", image.reference))
                .hint("make the container anew with `genai-stack up`")
        }
        () => pass(ID, format!("`{}`, {platforms}", image.reference)),
    };
    finding.seen("image", &image.id)
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::ImageFacts;

    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn absent_foreign_emulated_and_outdated() {
        let of = |architecture: &str, status: &str, named_now: &str, is_present| {
            judged(judge, |patient| {
                patient.autopsy.state.status = status.into();
                let (id, os) = ("sha256:1".to_owned(), Some("linux".to_owned()));
                let (architecture, named_now) = (Some(architecture.to_owned()), Some(named_now.to_owned()));
                patient.autopsy.image = ImageFacts { id, os, architecture, named_now, is_present, ..ImageFacts::default() };
            })
            .0
        };
        assert_eq!(of("amd64", "running", "sha256:1", true), "pass");
        assert_eq!(of("amd64", "running", "sha256:2", true), "warn");
        assert_eq!(of("arm64", "running", "sha256:1", true), "warn");
        assert_eq!(of("arm64", "exited", "sha256:1", true), "fail");
        assert_eq!(of("amd64", "running", "sha256:1", false), "fail");
    }
}
