//! The names that somebody may have meant.

const MOST: usize = 3;

/// Up to three of the names, the likeliest first: those that differ in a few letters, in case, or in the folder before
/// the last slash, and those that hold the wanted one. Each is given once.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(usize, &str)> =
        names.into_iter().filter_map(|name| distance(&wanted, &name.to_lowercase()).map(|far| (far, name))).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// The names as a hint; none if there are none.
pub(super) fn hint(names: &[impl AsRef<str>]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    (!quoted.is_empty()).then(|| format!("nearest: {}", quoted.join(", ")))
}

/// How far the names are from each other; none if too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    if base(wanted) == base(name) {
        return Some(0);
    }
    let allowed = (wanted.chars().count() + 1) / 3;
    let far = edits(wanted, name, allowed);
    if far.is_some() {
        return far;
    }
    (wanted.len() >= 3 && name.contains(wanted)).then_some(allowed + 1)
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The letters to insert, delete or replace between the two, if these are no more than `allowed`.
fn edits(left: &str, right: &str, allowed: usize) -> Option<usize> {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
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
