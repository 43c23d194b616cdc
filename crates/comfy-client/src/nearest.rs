//! The names that a wrong one may have meant.

/// How many are named.
const NAMED: usize = 3;
/// Longer names are not compared letter by letter.
const LONGEST: usize = 200;

/// The known names nearest to `wanted`, nearest first: the same file in another folder, then what differs in few letters.
pub(crate) fn nearest<'k>(wanted: &str, known: &[&'k str]) -> Vec<&'k str> {
    let wanted = file_name(wanted);
    let allowed = wanted.len() / 3;
    let mut near: Vec<(usize, &str)> =
        known.iter().map(|name| (distance(&wanted, &file_name(name)), *name)).filter(|(far, _)| *far <= allowed).collect();
    near.sort_by_key(|(far, _)| *far);
    near.into_iter().take(NAMED).map(|(_, name)| name).collect()
}

/// The letters that count: of the last part of a path, without case.
fn file_name(name: &str) -> Vec<char> {
    name.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase().chars().take(LONGEST).collect()
}

/// How many letters must be put in, taken out or changed to make one of the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (to, another) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != another);
            corner = row[to + 1];
            row[to + 1] = changed.min(corner + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        let far = |one: &str, other: &str| distance(&file_name(one), &file_name(other));
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("A/x.pt", "b\\X.PT", 0), ("ü", "u", 1)]
        {
            assert_eq!(far(one, other), expected, "{one} {other}");
            assert_eq!(far(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_names_come_first_and_strangers_not_at_all() {
        let known = ["euler", "euler_ancestral", "heun", "flux/flux1-dev.safetensors", "flux1-schnell.safetensors", "ddim"];
        assert_eq!(nearest("flux1-dev.safetensors", &known), ["flux/flux1-dev.safetensors", "flux1-schnell.safetensors"]);
        assert_eq!(nearest("eular", &known), ["euler"]);
        assert!(nearest("karras", &known).is_empty());
        assert!(nearest("", &known).is_empty());
    }
}
