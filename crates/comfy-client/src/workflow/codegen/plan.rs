//! Which types and choices the code has, and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{DataType, InputInfo, ObjectInfo};
use super::names::{Scope, camel};

/// What may be written in place of a link, and how it is kept.
type Written = (&'static str, &'static str);

/// Types whose values a workflow writes: the server's name, ours, and what may be written.
const WIDGETS: &[(&str, &str, &[Written])] = &[
    ("INT", "Int", &[("i32", "Whole"), ("i64", "Whole"), ("u32", "Whole"), ("u64", "Large")]),
    ("FLOAT", "Float", &[("f32", "Float"), ("f64", "Float"), ("i32", "Float")]),
    ("STRING", "Text", &[("&str", "Text"), ("String", "Text")]),
    ("BOOLEAN", "Boolean", &[("bool", "Boolean")]),
];
/// What the code itself calls something in the module of the types.
const TAKEN_TYPES: &[&str] = &["Any", "Boolean", "Choice", "Float", "From", "Given", "Int", "Link", "String", "Text", "Untyped"];
/// A longer list is one of files, or of something else that no name would help with.
const MOST_CHOICES: usize = 200;

/// The types of a server, and the lists of choices that are worth a name.
pub(super) struct Plan<'a> {
    /// By the server's name: ours, and what may be written in place of a link.
    types: BTreeMap<&'a str, (String, Vec<Written>)>,
    choices: BTreeMap<Vec<&'a str>, String>,
}

/// One type of the code.
pub(super) struct Type<'p> {
    pub(super) server: &'p str,
    pub(super) name: &'p str,
    /// What may be written in place of a link.
    pub(super) values: &'p [Written],
}

impl<'a> Plan<'a> {
    pub(super) fn of(info: &'a ObjectInfo) -> Self {
        Self { types: types(info), choices: choices(info) }
    }

    /// The types in the order of the server's names. What any input takes, and what fits everywhere, are apart.
    pub(super) fn types(&self) -> impl Iterator<Item = Type<'_>> {
        self.types.iter().map(|(server, (name, values))| Type { server, name, values })
    }

    pub(super) fn choices(&self) -> BTreeMap<&str, &[&'a str]> {
        self.choices.iter().map(|(list, name)| (name.as_str(), list.as_slice())).collect()
    }

    /// The path of what an input takes.
    pub(super) fn input(&self, input: &InputInfo) -> String {
        if let Some(name) = enumerable(input).and_then(|list| self.choices.get(&list)) {
            return format!("choices::{name}");
        }
        match &input.data_type {
            DataType::Named(name) if !is_choice(&input.data_type) => format!("types::{}", self.named(name, "Any")),
            _ => "types::Choice".to_owned(),
        }
    }

    /// The path of what an output gives.
    pub(super) fn output(&self, data_type: &DataType) -> String {
        match data_type {
            DataType::Named(name) if !is_choice(data_type) => format!("types::{}", self.named(name, "Untyped")),
            _ => "types::Choice".to_owned(),
        }
    }

    fn named<'p>(&'p self, name: &str, any: &'p str) -> &'p str {
        if is_any(name) { any } else { self.types.get(name).map_or(any, |(name, _)| name) }
    }
}

fn types(info: &ObjectInfo) -> BTreeMap<&str, (String, Vec<Written>)> {
    let inputs = info.classes().flat_map(|(_, class)| class.inputs.iter().filter(|input| !input.is_group()));
    let outputs = info.classes().flat_map(|(_, class)| class.outputs.iter());
    let named: BTreeSet<&str> = inputs
        .map(|input| &input.data_type)
        .chain(outputs.map(|output| &output.data_type))
        .filter_map(|data_type| match data_type {
            DataType::Named(name) if !is_choice(data_type) && !is_any(name) => Some(name.as_str()),
            _ => None,
        })
        .chain(WIDGETS.iter().map(|(server, ..)| *server))
        .collect();
    let mut scope = Scope::with(TAKEN_TYPES);
    let mut described = |server: &str| {
        if let Some((_, name, values)) = WIDGETS.iter().find(|(known, ..)| *known == server) {
            return ((*name).to_owned(), values.to_vec());
        }
        let parts: Vec<String> = server.split(',').map(|part| camel(part, "Other")).collect();
        (scope.take(&parts.join("Or")), values(server))
    };
    named.into_iter().map(|server| (server, described(server))).collect()
}

/// What may be written where one of several types is taken.
fn values(server: &str) -> Vec<Written> {
    let mut values: Vec<Written> = Vec::new();
    for (_, _, of_one) in WIDGETS.iter().filter(|(known, ..)| server.split(',').any(|part| part.trim() == *known)) {
        values.extend(of_one.iter().filter(|(rust, _)| !values.iter().any(|(known, _)| known == rust)).collect::<Vec<_>>());
    }
    values
}

fn choices(info: &ObjectInfo) -> BTreeMap<Vec<&str>, String> {
    // Each list with its first user.
    let mut users: BTreeMap<Vec<&str>, (String, String)> = BTreeMap::new();
    for (class, input, list) in enumerables(info) {
        users.entry(list).or_insert_with(|| (camel(class, "Node"), camel(&input.name, "Choice")));
    }
    let mut lists_of: BTreeMap<String, usize> = BTreeMap::new();
    for (_, input) in users.values() {
        *lists_of.entry(input.clone()).or_default() += 1;
    }
    let mut scope = Scope::with(&["From", "Given"]);
    let mut by_user: Vec<(Vec<&str>, (String, String))> = users.into_iter().collect();
    by_user.sort_by(|(_, one), (_, other)| one.cmp(other));
    // The name of an input alone, where all who have it have the same list.
    let name = |(class, input): (String, String)| if lists_of[&input] == 1 { input } else { class + &input };
    by_user.into_iter().map(|(list, user)| (list, scope.take(&name(user)))).collect()
}

fn enumerables(info: &ObjectInfo) -> impl Iterator<Item = (&str, &InputInfo, Vec<&str>)> {
    info.classes()
        .flat_map(|(name, class)| class.inputs.iter().map(move |input| (name, input)))
        .filter_map(|(name, input)| Some((name, input, enumerable(input)?)))
}

/// The choices of an input, if they are the same on every server of this version: texts that are no files.
pub(super) fn enumerable(input: &InputInfo) -> Option<Vec<&str>> {
    let list: Vec<&str> = input.choices()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    let distinct = list.iter().collect::<BTreeSet<_>>().len() == list.len();
    let is_local = |option: &String| option.contains("upload") || option.contains("folder") || option == "remote";
    let is_fixed = !input.options.keys().any(is_local) && !input.has("multiselect") && !list.iter().any(|text| is_file(text));
    (distinct && is_fixed && (1..=MOST_CHOICES).contains(&list.len())).then_some(list)
}

/// Whether a choice looks like the name of a file: with a folder, or with an ending.
fn is_file(text: &str) -> bool {
    let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_ending =
        ending.starts_with(|first: char| first.is_ascii_alphabetic()) && ending.chars().all(|c| c.is_ascii_alphanumeric());
    text.contains('\\') || is_ending || (text.contains('/') && !text.contains(' '))
}

pub(super) fn is_choice(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Choice(_)) || data_type.is("COMBO")
}

fn is_any(name: &str) -> bool {
    name.split(',').any(|part| part.trim() == "*")
}
