//! What is wrong with `genai.toml`, said with its line, without values, and with the name that was meant.

use std::path::Path;

use crate::{Error, ErrorKind};

/// How many names that look alike are suggested.
const MOST: usize = 2;

/// The error of the TOML reader about `text`, the file at `path`.
pub(crate) fn error(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    // The library's own rendering quotes the line, which might hold what should not be shown.
    let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
    let message = without_values(&error.message().replace('\n', ", "));
    let said = |what: &str| Error::new(ErrorKind::File, format!("line {line} of `{}`: {what}", path.display()));
    let Some((what, known)) = message.split_once(", expected ").filter(|(what, _)| what.starts_with("unknown field")) else {
        return said(&message);
    };
    let known: Vec<&str> = in_backticks(known).collect();
    let wrong = in_backticks(what).next().unwrap_or_default();
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let near = nearest(wrong, &known);
    let error = if near.is_empty() { said(what) } else { said(what).hint(format!("nearest: {}", quoted(&near))) };
    error.hint(format!("known here: {}", quoted(&known)))
}

/// The message without what stands in double quotes: names stand in backticks, values in quotes.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…\"{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names that `wrong` may have meant, likeliest first: a third of its letters may differ, or one is a part of the other.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let allowed = wrong.chars().count().div_ceil(3);
    let is_part = |name: &str| wrong.len() >= 3 && (name.contains(&wrong) || wrong.contains(name));
    let far = |name: &str| match strsim::damerau_levenshtein(&wrong, name) {
        far if far <= allowed => Some(far),
        _ => is_part(name).then_some(allowed + 1),
    };
    let mut near: Vec<(usize, &str)> = known.iter().filter_map(|name| Some((far(name)?, *name))).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_comes_first() {
        let known = [
            "memory",
            "mounts",
            "gpus",
            "cdi",
            "port",
            "container_port",
            "allow_public",
            "idle_unload_minutes",
            "read_only_root",
        ];
        for (wrong, meant) in [
            ("memmory", &["memory"][..]),
            ("gpu", &["gpus"]),
            ("mount", &["mounts"]),
            ("ports", &["port"]),
            ("idle_unload", &["idle_unload_minutes"]),
            ("allow-public", &["allow_public"]),
            ("Read_Only", &["read_only_root"]),
            ("restart", &[]),
            ("x", &[]),
        ] {
            assert_eq!(nearest(wrong, &known), meant, "{wrong}");
        }
    }
}
