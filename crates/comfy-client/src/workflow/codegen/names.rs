//! Names of a server as identifiers of Rust.

use std::collections::HashSet;

/// What cannot be an identifier of its own, in any edition.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
    "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
/// Methods that people, and clippy, take for those of the standard library's traits.
const METHODS: &[&str] = &[
    "add",
    "as_mut",
    "as_ref",
    "bitand",
    "bitor",
    "bitxor",
    "borrow",
    "borrow_mut",
    "clone",
    "cmp",
    "default",
    "deref",
    "deref_mut",
    "div",
    "drop",
    "eq",
    "fmt",
    "from",
    "hash",
    "index",
    "index_mut",
    "into",
    "into_iter",
    "len",
    "mul",
    "ne",
    "neg",
    "new",
    "next",
    "not",
    "partial_cmp",
    "rem",
    "shl",
    "shr",
    "sub",
];
/// Beginnings of method names that promise how `self` is taken.
const PROMISES: &[&str] = &["as_", "from_", "into_", "is_", "to_"];

/// The identifiers of one scope, each given once.
pub(super) struct Scope(HashSet<String>);

impl Scope {
    /// A scope in which these are taken already.
    pub(super) fn with(taken: &[&str]) -> Self {
        Self(taken.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The identifier, or, where it is taken, the first of `name2`, `name3`, … that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        let mut nth = 2;
        while !self.0.insert(free.clone()) {
            free = format!("{name}{nth}");
            nth += 1;
        }
        free
    }
}

/// The name of a type, a variant: `CLIP_VISION` becomes `ClipVision`, `KSampler (Efficient)` becomes `KSamplerEfficient`.
pub(super) fn camel(name: &str, fallback: &str) -> String {
    let shouted = !name.contains(char::is_lowercase);
    let mut made = String::new();
    for word in words(name) {
        // Between digits the gap is what tells 2.1 from 21.
        if made.ends_with(|last: char| last.is_ascii_digit()) && word.starts_with(|first: char| first.is_ascii_digit()) {
            made.push('_');
        }
        let (first, rest) = word.split_at(1);
        made.push_str(&first.to_ascii_uppercase());
        made.push_str(&if shouted { rest.to_ascii_lowercase() } else { rest.to_owned() });
    }
    safe(made, fallback, "N")
}

/// The name of a method that gives an input: `inputBlocks.0.` becomes `input_blocks_0`.
pub(super) fn setter(name: &str) -> String {
    method(name, "input", |name| if PROMISES.iter().any(|word| name.starts_with(word)) { "with_" } else { "" })
}

/// The name of a method that takes an output.
pub(super) fn getter(name: &str) -> String {
    method(name, "output", |name| if name.starts_with("from_") || name.starts_with("into_") { "output_" } else { "" })
}

fn method(name: &str, fallback: &str, prefix: impl Fn(&str) -> &'static str) -> String {
    let made = words(name).iter().map(|word| snake(word)).collect::<Vec<_>>().join("_");
    let made = safe(made, fallback, "n");
    let made = format!("{}{made}", prefix(&made));
    if METHODS.contains(&made.as_str()) || KEYWORDS.contains(&made.as_str()) { made + "_" } else { made }
}

/// The parts between what is no letter and no digit; a foreign letter is spelled by its number, and may stand anywhere.
fn words(name: &str) -> Vec<String> {
    let spelled: String = name
        .chars()
        .map(|letter| match letter {
            _ if letter.is_ascii_alphanumeric() => letter.to_string(),
            _ if letter.is_alphanumeric() => format!("u{:x}", u32::from(letter)),
            _ => " ".to_owned(),
        })
        .collect();
    spelled.split_whitespace().map(str::to_owned).collect()
}

/// `inputBlocks` as `input_blocks`, `VAEName` as `vae_name`.
fn snake(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    let mut made = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        let before_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && at > 0 && (after_small || before_small) {
            made.push('_');
        }
        made.push(letter.to_ascii_lowercase());
    }
    made
}

/// The name; its fallback if there is nothing of it, and a letter before one that may not begin an identifier.
fn safe(name: String, fallback: &str, letter: &str) -> String {
    match name.chars().next() {
        None => fallback.to_owned(),
        Some(first) if first.is_ascii_digit() || name == "Self" => format!("{letter}{name}"),
        Some(_) => name,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_as_people_of_rust_write_them() {
        for (name, expected) in [
            ("KSampler", "KSampler"),
            ("KSampler (Efficient)", "KSamplerEfficient"),
            ("CLIP_VISION_OUTPUT", "ClipVisionOutput"),
            ("VAE", "Vae"),
            ("UNETLoader", "UNETLoader"),
            ("ModelMergeSD3_2B", "ModelMergeSD3_2B"),
            ("ModelMergeWAN2_1", "ModelMergeWAN2_1"),
            ("euler_ancestral_cfg_pp", "EulerAncestralCfgPp"),
            ("512x512", "N512x512"),
            ("16:9", "N16_9"),
            ("self", "NSelf"),
            ("图", "U56fe"),
            ("+", "Node"),
        ] {
            assert_eq!(camel(name, "Node"), expected, "{name}");
        }
        for (name, expected) in [
            ("seed", "seed"),
            ("ckptName", "ckpt_name"),
            ("VAEName", "vae_name"),
            ("input_blocks.0.", "input_blocks_0"),
            ("modF.", "mod_f"),
            ("3d model", "n3d_model"),
            ("type", "type_"),
            ("is_on", "with_is_on"),
            ("add", "add_"),
            ("...", "input"),
        ] {
            assert_eq!(setter(name), expected, "{name}");
        }
        assert_eq!(
            (getter("IMAGE").as_str(), getter("into_x").as_str(), getter("").as_str()),
            ("image", "output_into_x", "output")
        );
    }

    #[test]
    fn a_name_is_given_once() {
        let mut scope = Scope::with(&["String"]);
        assert_eq!(["A", "A", "A2", "String"].map(|name| scope.take(name)), ["A", "A2", "A22", "String2"]);
    }

    pub(in super::super) fn is_identifier(name: &str) -> bool {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            && !KEYWORDS.contains(&name)
    }

    proptest! {
        #[test]
        fn any_name_becomes_an_identifier(name in "\\PC{0,12}", word in prop::sample::select(KEYWORDS)) {
            for name in [name.as_str(), word, &word.to_uppercase()] {
                let made = [camel(name, "Node"), setter(name), getter(name)];
                prop_assert!(made.iter().all(|name| is_identifier(name)), "{made:?}");
                prop_assert!(!made[0].contains("__") && !made[1].contains("__"), "{made:?}");
            }
        }
    }
}
