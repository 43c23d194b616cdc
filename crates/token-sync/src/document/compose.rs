//! `environment:` of the services of a compose file, as Docker Compose 1 and 2 read it: YAML first, then `$NAME` is replaced
//! and `$$` is a plain dollar. Compose 2 merges the documents of a file, Compose 1 refuses a second one. Other files (`env_file:`,
//! `include:`, `extends:`) are not opened; `environment:` beats them.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    Format,
    plain::{self, Plain},
    tree::{Kind, Member, Node, OVERRIDE, RESET},
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
    let documents = documents(text, compose)?;
    let mut all = Vec::new();
    for service in merged(text, &documents, compose)? {
        let mut settings: Vec<_> = service.settings.into_iter().collect();
        settings.sort_unstable_by_key(|(_, setting)| setting.order);
        for (key, Setting { value, node, document, .. }) in settings {
            let start = documents[document].place.start;
            let span = start + node.span.start..start + node.span.end;
            let value = match value {
                Some(value) => {
                    let expanded = expand(&value, surroundings, compose);
                    Some(expanded.map_err(|what| ReadFault::at(text, span.start, what))?)
                }
                None => surroundings.get(&key).cloned(),
            };
            let entry = Entry { key, value, span, spelled: !node.is_shared };
            all.push(Variable { service: service.name.to_owned(), entry });
        }
    }
    Ok(all)
}

/// One document of the file.
struct Document {
    place: Range<usize>,
    root: Node,
}

/// What a service's variables come to, once all documents are read.
struct Service<'a> {
    name: &'a str,
    /// Its place among the services, by the first document that has it.
    order: usize,
    settings: HashMap<String, Setting<'a>>,
}

struct Setting<'a> {
    /// Its place among the variables.
    order: usize,
    /// What is spelled, `$` and all; `None` for a name alone.
    value: Option<String>,
    /// The value; in a list the whole item.
    node: &'a Node,
    /// The document's index.
    document: usize,
}

fn documents(text: &str, compose: Compose) -> Result<Vec<Document>, ReadFault> {
    let places = yaml::documents(text)?;
    if let (Compose::V1, Some(second)) = (compose, places.get(1)) {
        let what = "a second document, which Compose 1 refuses: move it to a file of its own";
        return Err(ReadFault::at(text, second.start, what));
    }
    let parse = |place: Range<usize>| {
        let fault = |fault: ReadFault| ReadFault { line: text[..place.start].matches('\n').count() + fault.line, ..fault };
        let root = yaml::parse(&text[place.clone()]).map_err(fault)?;
        if compose == Compose::V2
            && let Some((at, what)) = refused(&root)
        {
            return Err(ReadFault::at(text, place.start + at, what));
        }
        Ok(Document { place, root })
    };
    places.into_iter().map(parse).collect()
}

/// Where and why Compose 2 refuses a document that is good YAML.
fn refused(node: &Node) -> Option<(usize, &'static str)> {
    fn repeated(node: &Node) -> Option<usize> {
        match &node.kind {
            Kind::Scalar(_) => None,
            Kind::List(items) => items.iter().find_map(repeated),
            Kind::Map(members) => {
                let mut known = HashSet::new();
                let own = members.iter().filter(|member| !member.node.is_shared);
                own.clone()
                    .find(|member| !known.insert(&member.key))
                    .map(|member| member.at)
                    .or_else(|| own.map(|member| &member.node).find_map(repeated))
            }
        }
    }
    if !matches!(node.kind, Kind::Map(_)) {
        return Some((0, "a document that is no map, which Compose 2 refuses: remove it, and its `---`"));
    }
    repeated(node).map(|at| (at, "a key that the map has already, which Compose 2 refuses: remove one of the two"))
}

/// The services of all documents, as Compose merges them: variable by variable, the last one wins.
fn merged<'a>(text: &str, documents: &'a [Document], compose: Compose) -> Result<Vec<Service<'a>>, ReadFault> {
    let has = |node: &Node, tag: &str| compose == Compose::V2 && node.has_tag(tag);
    let mut all: HashMap<&str, Service<'a>> = HashMap::new();
    let mut order = 0..;
    let mut next = || order.next().unwrap_or_default();
    for (index, Document { place, root }) in documents.iter().enumerate() {
        let Some(services) = root.child("services") else { continue };
        if has(services, OVERRIDE) || has(services, RESET) {
            all.clear();
        }
        let Kind::Map(members) = &services.kind else { continue };
        for Member { key: name, node, .. } in members.iter().filter(|_| !has(services, RESET)) {
            if has(node, OVERRIDE) || has(node, RESET) {
                all.remove(name.as_str());
            }
            if has(node, RESET) {
                continue;
            }
            let service = all.entry(name).or_insert_with(|| Service { name, order: next(), settings: HashMap::new() });
            let settings = &mut service.settings;
            let Some(environment) = node.child("environment") else { continue };
            if has(environment, OVERRIDE) || has(environment, RESET) {
                settings.clear();
            }
            if has(environment, RESET) {
                continue;
            }
            for (key, setting) in
                spelled(environment, compose).map_err(|(at, what)| ReadFault::at(text, place.start + at, what))?
            {
                match setting {
                    Some((value, node)) => {
                        let order = settings.get(&key).map_or_else(&mut next, |known| known.order);
                        settings.insert(key, Setting { order, value, node, document: index });
                    }
                    None => drop(settings.remove(&key)),
                }
            }
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_unstable_by_key(|service| service.order);
    Ok(all)
}

/// A name, and what the document says of it: a value (or none) and where it stands; nothing, if it is taken away.
type Spelled<'a> = (String, Option<(Option<String>, &'a Node)>);

fn spelled(environment: &Node, compose: Compose) -> Result<Vec<Spelled<'_>>, (usize, &'static str)> {
    let is_reset = |node: &Node| compose == Compose::V2 && node.has_tag(RESET);
    let seen = |node: &Node| plain::resolve(node, compose).map_err(|what| (node.span.start, what));
    match &environment.kind {
        Kind::Scalar(None) => Ok(Vec::new()),
        Kind::Scalar(Some(_)) => Err((environment.span.start, "`environment` that is neither a map nor a list")),
        // What a reference brings was taken away where it stands.
        Kind::Map(members) => members
            .iter()
            .filter(|member| !(is_reset(&member.node) && member.node.is_shared))
            .map(|Member { key, node, .. }| match is_reset(node) {
                true => Ok((key.clone(), None)),
                false => Ok((key.clone(), Some((seen(node)?.into_text(), node)))),
            })
            .collect(),
        Kind::List(items) => items
            .iter()
            .filter(|item| !is_reset(item))
            .map(|item| {
                let Plain::Text(text) = seen(item)? else {
                    return Err((item.span.start, "an item that is no text, which Compose refuses: write it in quotes"));
                };
                Ok(match text.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Some((Some(value.to_owned()), item))),
                    None => (text, Some((None, item))),
                })
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

/// `old` with the variable `key` set to `value`, in the service of that name or in every service that has it; of several
/// documents, in the one that counts.
pub(crate) fn write(old: &str, key: &str, service: Option<&str>, value: &str, compose: Compose) -> Result<String, Error> {
    let refused = |fault: ReadFault| {
        Error::new(ErrorKind::Syntax, format!("its reader refuses the file: {fault}"))
            .hint("mend that line, or move the file away")
    };
    let documents = documents(old, compose).map_err(refused)?;
    let all = merged(old, &documents, compose).map_err(refused)?;
    let names = || all.iter().map(|service| format!("`{}`", service.name)).collect::<Vec<_>>().join(", ");
    let has_key = |service: &&Service<'_>| service.settings.contains_key(key);
    let wanted: Vec<&Service<'_>> = match service {
        Some(name) => all.iter().filter(|service| service.name == name).collect(),
        None if all.len() == 1 => vec![&all[0]],
        None => all.iter().filter(has_key).collect(),
    };
    if wanted.is_empty() {
        let error = match service {
            Some(service) => Error::new(ErrorKind::Target, format!("no service of the file is named `{service}`")),
            None => Error::new(ErrorKind::Target, format!("no service of the file has the variable `{key}`")),
        };
        return Err(error.hint(format!("name the service with the key, as in `SERVICE.{key}`; the file has {}", names())));
    }
    let doubled = value.replace('$', "$$");
    let mut texts: Vec<String> = documents.iter().map(|document| old[document.place.clone()].to_owned()).collect();
    for service in wanted {
        let at = document_of(&documents, service, key);
        texts[at] = write_one(&texts[at], key, service.name, &doubled, compose)?;
    }
    Ok(texts.concat())
}

/// The document that says what `key` is in `service`; where none does, the last with variables of the service, or with the service.
fn document_of(documents: &[Document], service: &Service<'_>, key: &str) -> usize {
    let path = ["services", service.name, "environment"].map(str::to_owned);
    let last = |path: &[String]| documents.iter().rposition(|document| document.root.find(path).is_some());
    let said = service.settings.get(key).map(|setting| setting.document);
    said.or_else(|| last(&path)).or_else(|| last(&path[..2])).unwrap_or_default()
}

/// The same in one service of one document; `value` has its dollars doubled.
fn write_one(old: &str, key: &str, service: &str, value: &str, compose: Compose) -> Result<String, Error> {
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
            if compose == Compose::V2 && root.find(&path).is_some_and(|node| node.has_tag(RESET)) {
                let what = format!("`!reset` takes `{key}` away from the service `{service}`");
                return Err(Error::new(ErrorKind::Unwritable, what).hint("remove that line, then run the same command again"));
            }
            super::set(old, Format::Yaml, &path, value)
        }
    }
}
