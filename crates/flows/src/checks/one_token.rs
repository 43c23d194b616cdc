//! `one-token`: all places of the project hold the same token.

use report::{CheckId, Finding};

use super::{fail, pass, skipped};

pub(crate) const ID: CheckId = CheckId("one-token");

/// `groups` are the distinct tokens by name, each with the places that hold it.
pub(crate) fn judge(groups: &[(String, Vec<String>)], has_source: bool) -> Finding {
    let places: usize = groups.iter().map(|(_, places)| places.len()).sum();
    let places = if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
    let finding = match groups.len() {
        0 => skipped(ID, "no token anywhere", "nothing holds one").hint("make one with `genai-auth setup --comfy-dir DIR`"),
        1 if has_source => pass(ID, format!("one token in {places}")),
        1 => fail(ID, format!("one token in {places}, and no source of truth that names them"))
            .hint("make one of what is there with `genai-tokens unify --from PLACE`"),
        distinct => fail(ID, format!("{distinct} distinct tokens in {places}"))
            .hint("choose the right one with `genai-tokens unify --from PLACE`, or make a fresh one with `genai-tokens unify`"),
    };
    groups.iter().fold(finding, |finding, (name, places)| finding.seen(name, places.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_several_fail() {
        let group = |name: &str| (name.to_owned(), vec!["x".to_owned()]);
        assert_eq!(judge(&[], true).outcome.name(), "skipped");
        assert_eq!(judge(&[group("A")], true).outcome.name(), "pass");
        assert_eq!(judge(&[group("A")], false).outcome.name(), "fail");
        let three = judge(&[group("A"), group("B"), group("C")], true);
        assert!(three.summary.starts_with("3 distinct tokens"), "{three:?}");
    }
}
