//! The names that a wrong one may have meant: the same before a workflow is sent and after.

const MOST: usize = 3;
/// Longer names are compared by their beginnings.
const LONGEST: usize = 200;

/// Up to three of the names, the likeliest first: the same in another folder or case, those that differ in a few letters,
/// and those that hold the wanted one. Each is given once.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(usize, &str)> =
        names.into_iter().filter_map(|name| distance(&wanted, &name.to_lowercase()).map(|far| (far, name))).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// The names as a hint; none if there are none.
pub(crate) fn hint(names: &[impl AsRef<str>]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    (!quoted.is_empty()).then(|| format!("nearest: {}", quoted.join(", ")))
}

/// How far the names are from each other, by what comes after the last slash; none if too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let (end, other) = (base(wanted), base(name));
    if end.is_empty() {
        return None;
    }
    let allowed = (end.chars().count() + 1) / 3;
    let holds = || (end.len() >= 3 && other.contains(end)).then_some(allowed + 1);
    // A slash may also be a letter too many, as in the name of a node class.
    edits(end, other, allowed).or_else(|| edits(wanted, name, allowed)).or_else(holds)
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The letters to insert, delete or replace between the two, if these are no more than `allowed`.
fn edits(left: &str, right: &str, allowed: usize) -> Option<usize> {
    let letters = |name: &str| name.chars().take(LONGEST).collect::<Vec<char>>();
    let (left, right) = (letters(left), letters(right));
    if left.len().abs_diff(right.len()) > allowed {
        return None;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (nth, letter) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], nth + 1);
        for (at, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
        if row.iter().min().is_some_and(|least| *least > allowed) {
            return None;
        }
    }
    row.last().copied().filter(|far| *far <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_comes_first() {
        let names = ["KSampler", "KSamplerAdvanced", "SaveImage", "flux/dev.safetensors", "Note"];
        assert_eq!(nearest("ksamplr", names), ["KSampler"]);
        assert_eq!(nearest("KSampler", names), ["KSampler", "KSamplerAdvanced"]);
        assert_eq!(nearest("dev.safetensors", names), ["flux/dev.safetensors"]);
        assert!(nearest("VAEDecode", names).is_empty() && nearest("", names).is_empty());
        let known =
            ["euler", "euler_ancestral", "heun", "flux/flux1-dev.safetensors", "flux1-schnell.safetensors", "Image/Resize"];
        assert_eq!(nearest("flux1-dev.safetensors", known), ["flux/flux1-dev.safetensors", "flux1-schnell.safetensors"]);
        assert_eq!(nearest("sd/flux1-dve.safetensors", known), ["flux/flux1-dev.safetensors", "flux1-schnell.safetensors"]);
        assert_eq!(nearest("eular", known), ["euler"]);
        assert_eq!(nearest("ImageResize", known), ["Image/Resize"]);
        assert!(nearest("karras", known).is_empty());
    }

    #[test]
    fn edits_are_counted() {
        for (left, right, far) in
            [("", "", Some(0)), ("abc", "", None), ("abc", "ab", Some(1)), ("abc", "xbz", Some(2)), ("é", "e", Some(1))]
        {
            assert_eq!(edits(left, right, 2), far, "{left} {right}");
        }
    }
}
