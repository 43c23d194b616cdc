//! `no-token-in-inspect`: nobody reads a token who may inspect the container or its image.

use report::{CheckId, Finding};
use token_sync::scan::{Control, Owner};

use super::{fail, pass, unknown};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("no-token-in-inspect");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let Some(scanner) = patient.scanner else {
        return unknown(ID, "it is not known what to look for", "a source of truth can't be read")
            .hint("see what is wrong with it: `genai-tokens check`");
    };
    let mut found: Vec<(&str, bool, Owner)> = Vec::new();
    for exposed in &patient.autopsy.exposed {
        let scan = scanner.stream(&exposed.place, &mut exposed.text.as_bytes(), &Control::silent());
        found.extend(scan.matches.into_iter().map(|one| (exposed.place.as_str(), exposed.from_image, one.owner)));
    }
    let Some((place, from_image, owner)) = found.first() else {
        return pass(ID, format!("nothing in {} texts of the container and its image", patient.autopsy.exposed.len()));
    };
    let rest = if found.len() > 1 { format!(", and in {} more places", found.len() - 1) } else { String::new() };
    let repair = if *from_image {
        "build the image without it: every copy of the image holds it"
    } else {
        "take it out of `[stack]` or the compose file, mount the `login` folder instead, and make the container anew with `genai-stack up`"
    };
    let finding =
        fail(ID, format!("{owner} stands in {place}{rest}: `docker inspect` shows it to everybody who may ask the engine"))
            .hint(repair)
            .hint("then rotate it with `genai-tokens rotate`, since what stood there may have been read");
    found.iter().fold(finding, |finding, (place, _, owner)| finding.seen(*place, owner.to_string()))
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::Exposed;

    use super::*;
    use crate::doctor::patients::{TOKEN, judged};

    #[test]
    fn the_known_token_and_any_bcrypt_line_are_found_and_not_shown() {
        let stranger = format!("$2b$12${}O{}", "x".repeat(21), "y".repeat(31));
        let of = |text: &str| {
            judged(judge, |patient| {
                let exposed = |place: &str, text: &str| Exposed { place: place.into(), text: text.into(), from_image: false };
                patient.autopsy.exposed = vec![exposed("the variable `PATH`", "/bin"), exposed("the variable `X`", text)];
            })
        };
        assert_eq!(of("harmless").0, "pass");
        assert_eq!(judged(judge, |patient| patient.scanner = None).0, "unknown", "nobody knows what to look for");
        for text in [TOKEN, &format!("Bearer {stranger}")] {
            let (outcome, finding) = of(text);
            assert!(outcome == "fail" && finding.summary.contains("the variable `X`"), "{finding:?}");
            assert!(!format!("{finding:?}").contains(text), "{finding:?}");
        }
    }
}
