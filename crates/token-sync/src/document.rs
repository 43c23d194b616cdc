//! Keys in JSON, TOML, YAML and compose files: a document is read into a tree that knows where each value is spelled, and
//! written by replacing the bytes of one value.
//!
//! What is written must be read back twice: by the reader that found the place, and by a second one that knows nothing of
//! places. If either sees anything else changed, nothing is written.

mod compose;
mod json;
mod key_path;
mod plain;
mod toml;
mod tree;
mod yaml;

pub(crate) use compose::{Compose, Variable, read as read_compose, write as write_compose};
pub(crate) use key_path::split as split_key;

use serde_json::Value as Model;

use self::tree::Node;
use crate::{Entry, Error, ErrorKind, ReadFault};

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Toml,
    Yaml,
}

impl Format {
    fn parse(self, text: &str) -> Result<Node, ReadFault> {
        match self {
            Self::Json => json::parse(text),
            Self::Toml => toml::parse(text),
            Self::Yaml => yaml::parse(text),
        }
    }

    /// What the second reader makes of the text.
    fn model(self, text: &str) -> Option<Model> {
        match self {
            Self::Json => json::model(text),
            Self::Toml => toml::model(text),
            Self::Yaml => yaml::model(text),
        }
    }

    /// The texts that set the value at `path`, best first.
    fn edits(self, text: &str, root: &Node, path: &[String], value: &str) -> Vec<String> {
        match self {
            Self::Json => json::edits(text, root, path, value),
            Self::Toml => toml::edits(text, root, path, value),
            Self::Yaml => yaml::edits(text, root, path, value),
        }
    }
}

/// Every scalar of the document; its key is the path to it, such as `comfyui.token`.
pub(crate) fn read(text: &str, format: Format) -> Result<Vec<Entry>, ReadFault> {
    format.parse(text).map(|root| root.entries())
}

/// `old` with the value at `key` set to `value`, added where it is not there.
///
/// # Errors
/// The document is refused as it is, the path leads through something that is no map, or the result doesn't read back.
pub(crate) fn write(old: &str, format: Format, key: &str, value: &str) -> Result<String, Error> {
    let path = key_path::split(key).ok_or_else(|| Error::new(ErrorKind::Target, format!("`{key}` is no path of keys")))?;
    set(old, format, &path, value)
}

/// The same for a path that is taken apart.
fn set(old: &str, format: Format, path: &[String], value: &str) -> Result<String, Error> {
    let refused = |fault: ReadFault| {
        Error::new(ErrorKind::Syntax, format!("its reader refuses the file: {fault}"))
            .hint("mend that line, or move the file away")
    };
    let root = format.parse(old).map_err(refused)?;
    let (deepest, depth) = root.deepest(path);
    if depth < path.len() && !deepest.is_container() {
        let key = key_path::join(&path[..depth]);
        return Err(Error::new(ErrorKind::Unwritable, format!("`{key}` is no map that could hold the key"))
            .hint("name another key, or make that one a map"));
    }
    let mut wanted = format.model(old);
    let is_clear = wanted.as_mut().is_some_and(|model| set_in_model(model, path, value));
    let reads_back = |new: &String| {
        let Ok(after) = format.parse(new) else { return false };
        let same_place = after.find(path).is_some_and(|node| node.text() == Some(value));
        same_place && root.same_but(old, &after, new, path) && format.model(new) == wanted
    };
    let found = format.edits(old, &root, path, value).into_iter().filter(|_| is_clear).find(reads_back);
    found.ok_or_else(|| {
        let key = key_path::join(path);
        Error::new(ErrorKind::Unwritable, format!("the value of `{key}` can't be set without changing more of the document"))
            .hint("an anchor, a merge or an unusual layout may be in the way: write that key once by hand, quoted, on a line of its own")
            .hint("or hand on the place of a file that holds the token, such as `/run/secrets/token`")
    })
}

/// Sets the value in the second reader's view; false where that is impossible.
fn set_in_model(model: &mut Model, path: &[String], value: &str) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *model = Model::String(value.to_owned());
        return true;
    };
    if model.is_null() {
        *model = Model::Object(serde_json::Map::new());
    }
    match model {
        Model::Object(map) => set_in_model(map.entry(first.clone()).or_insert(Model::Null), rest, value),
        Model::Array(items) => match first.parse::<usize>() {
            Ok(at) if at < items.len() => set_in_model(&mut items[at], rest, value),
            Ok(at) if at == items.len() && rest.is_empty() => {
                items.push(Model::String(value.to_owned()));
                true
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
