//! `environment:` of the services of a compose file, as Docker Compose 1 and 2 read it: YAML first, then `$NAME` is replaced
//! and `$$` is a plain dollar. Files named by `env_file:` are not opened; `environment:` beats them.

use super::{
    Format,
    tree::{Kind, Node},
    yaml,
};
use crate::{Entry, Error, ErrorKind, ReadFault, Surroundings, interpolation};

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compose {
    V1,
    V2,
}

/// One variable of a service.
pub(crate) struct Variable {
    /// The service that sets it.
    pub(crate) service: String,
    /// What the container will see.
    pub(crate) entry: Entry,
}

/// Every variable of every service, in the order of the file. `surroundings` is the process over the `.env` file.
pub(crate) fn read(text: &str, surroundings: &Surroundings, compose: Compose) -> Result<Vec<Variable>, ReadFault> {
    let root = yaml::parse(text)?;
    let mut all = Vec::new();
    for (service, node) in services(&root) {
        let Some(environment) = node.child("environment") else { continue };
        for (key, value, place) in variables(environment) {
            let value = match value {
                Some(value) => {
                    Some(expand(value, surroundings, compose).map_err(|what| ReadFault::at(text, place.span.start, what))?)
                }
                None => surroundings.get(key).cloned(),
            };
            let spelled = !place.is_shared;
            let entry = Entry { key: key.to_owned(), value, span: place.span.clone(), spelled };
            all.push(Variable { service: service.to_owned(), entry });
        }
    }
    Ok(all)
}

fn services(root: &Node) -> Vec<(&str, &Node)> {
    match root.child("services").map(|node| &node.kind) {
        Some(Kind::Map(members)) => members.iter().map(|member| (member.key.as_str(), &member.node)).collect(),
        _ => Vec::new(),
    }
}

/// Name, spelled value, and where the value (in a list the whole item) stands.
fn variables(environment: &Node) -> Vec<(&str, Option<&str>, &Node)> {
    match &environment.kind {
        Kind::Scalar(_) => Vec::new(),
        Kind::Map(members) => members.iter().map(|member| (member.key.as_str(), member.node.text(), &member.node)).collect(),
        Kind::List(items) => items
            .iter()
            .filter_map(|item| {
                let text = item.text()?;
                Some(text.split_once('=').map_or((text, None, item), |(key, value)| (key, Some(value), item)))
            })
            .collect(),
    }
}

fn expand(text: &str, surroundings: &Surroundings, compose: Compose) -> Result<String, String> {
    match compose {
        Compose::V2 => interpolation::expand(text, surroundings, &Surroundings::new()),
        Compose::V1 => interpolation::expand_v1(text, surroundings),
    }
}

/// `old` with the variable `key` set to `value`, in the service of that name or in every service that has it.
pub(crate) fn write(old: &str, key: &str, service: Option<&str>, value: &str) -> Result<String, Error> {
    let root = yaml::parse(old).map_err(|fault| {
        Error::new(ErrorKind::Syntax, format!("its reader refuses the file: {fault}"))
            .hint("mend that line, or move the file away")
    })?;
    let all = services(&root);
    let names = || all.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let has_key = |node: &Node| {
        node.child("environment").is_some_and(|environment| variables(environment).iter().any(|(name, _, _)| *name == key))
    };
    let wanted: Vec<&str> = match service {
        Some(service) => all.iter().filter(|(name, _)| *name == service).map(|(name, _)| *name).collect(),
        None if all.len() == 1 => vec![all[0].0],
        None => all.iter().filter(|(_, node)| has_key(node)).map(|(name, _)| *name).collect(),
    };
    if wanted.is_empty() {
        let error = match service {
            Some(service) => Error::new(ErrorKind::Target, format!("no service of the file is named `{service}`")),
            None => Error::new(ErrorKind::Target, format!("no service of the file has the variable `{key}`")),
        };
        return Err(error.hint(format!("name the service with the key, as in `SERVICE.{key}`; the file has {}", names())));
    }
    let doubled = value.replace('$', "$$");
    let mut text = old.to_owned();
    for service in wanted {
        text = write_one(&text, key, service, &doubled)?;
    }
    Ok(text)
}

/// The same in one service; `value` has its dollars doubled.
fn write_one(old: &str, key: &str, service: &str, value: &str) -> Result<String, Error> {
    let root = yaml::parse(old).map_err(|fault| Error::new(ErrorKind::Syntax, fault.to_string()))?;
    let mut path = vec!["services".to_owned(), service.to_owned(), "environment".to_owned()];
    match root.find(&path).map(|node| &node.kind) {
        Some(Kind::List(items)) => {
            let name = |item: &Node| item.text().map(|text| text.split('=').next().unwrap_or_default().to_owned());
            let item = format!("{key}={value}");
            let places: Vec<_> = (0..items.len()).filter(|at| name(&items[*at]).as_deref() == Some(key)).collect();
            let places = if places.is_empty() { vec![items.len()] } else { places };
            places.into_iter().try_fold(old.to_owned(), |text, at| {
                let path: Vec<_> = path.iter().cloned().chain([at.to_string()]).collect();
                super::set(&text, Format::Yaml, &path, &item)
            })
        }
        _ => {
            path.push(key.to_owned());
            super::set(old, Format::Yaml, &path, value)
        }
    }
}
