//! YAML: `saphyr-parser` says where each value starts, `serde_norway` (libyaml's rules, as Compose's own readers have them)
//! reads the result once more.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde::Deserialize;
use serde_json::Value as Model;

use super::tree::{Kind, Member, Node, RESET, TEXT};
use crate::ReadFault;

/// More is no settings file.
const MOST_NODES: usize = 100_000;
const DEEPEST: usize = 64;

/// The first document, and the others behind it, as the second reader sees them.
pub(super) fn model(text: &str) -> Option<Model> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = serde_norway::Deserializer::from_str(text)
        .map(|document| serde_norway::Value::deserialize(document).ok().map(|value| to_model(&value)));
    let mut first = documents.next().unwrap_or(Some(Model::Null))?;
    let rest = documents.collect::<Option<Vec<_>>>()?;
    if !rest.is_empty() {
        first.as_object_mut()?.insert("\0documents".to_owned(), Model::Array(rest));
    }
    Some(first)
}

fn to_model(value: &serde_norway::Value) -> Model {
    use serde_norway::Value;
    match value {
        Value::Null => Model::Null,
        Value::Bool(value) => Model::Bool(*value),
        Value::Number(number) => Model::String(format!("\0{number}")),
        Value::String(text) => Model::String(text.clone()),
        Value::Sequence(items) => Model::Array(items.iter().map(to_model).collect()),
        Value::Mapping(map) => Model::Object(
            map.iter()
                .map(|(key, value)| (key.as_str().map_or_else(|| format!("\0{key:?}"), str::to_owned), to_model(value)))
                .collect(),
        ),
        Value::Tagged(tagged) => Model::Array(vec![Model::String(tagged.tag.to_string()), to_model(&tagged.value)]),
    }
}

/// The bytes of each document, the marker before it with it.
pub(super) fn documents(text: &str) -> Result<Vec<Range<usize>>, ReadFault> {
    let mut starts = Vec::new();
    for event in events(text) {
        if let (Event::DocumentStart(_), span) = event? {
            starts.push(if starts.is_empty() { 0 } else { span.start });
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

/// What the parser sees, each with the bytes where it stands.
fn events(text: &str) -> impl Iterator<Item = Result<(Event<'_>, Range<usize>), ReadFault>> {
    let bytes_at: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = move |sign: usize| bytes_at.get(sign).copied().unwrap_or(text.len());
    Parser::new_from_str(text).map(move |event| match event {
        Ok((event, span)) => Ok((event, at(span.start.index())..at(span.end.index()))),
        Err(error) => Err(ReadFault { line: error.marker().line().max(1), what: "what is no YAML".to_owned() }),
    })
}

/// The first document; an empty text counts as null.
pub(super) fn parse(text: &str) -> Result<Node, ReadFault> {
    let mut builder = Builder { text, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    for event in events(text) {
        let (event, span) = event?;
        if builder.root.is_none() {
            builder.take(event, span)?;
        }
    }
    Ok(builder.root.unwrap_or_else(|| Node::new(Kind::Scalar(None), text.len()..text.len())))
}

/// A map or list that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// A key that waits for its value.
    key: Option<(String, Range<usize>)>,
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), ReadFault> {
        match event {
            Event::Alias(anchor) => {
                let mut node = self.anchors.get(&anchor).cloned().unwrap_or(Node::new(Kind::Scalar(None), span.clone()));
                self.nodes += count(&node); // a copy, and copies of copies grow fast
                if matches!(node.kind, Kind::Scalar(_)) {
                    node.span = span.clone();
                } else {
                    share(&mut node);
                }
                self.put(node, 0, span)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let span = if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    block(self.text, span)
                } else {
                    scalar(self.text, span)
                };
                let is_null =
                    style == ScalarStyle::Plain && tag.is_none() && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let mut node = Node::new(Kind::Scalar(Some(text.into_owned()).filter(|_| !is_null)), span.clone());
                node.tag = name(tag).or_else(|| (style != ScalarStyle::Plain).then(|| TEXT.to_owned()));
                self.put(node, anchor, span)
            }
            Event::MappingStart(anchor, tag) => self.start(Kind::Map(Vec::new()), anchor, name(tag), span),
            Event::SequenceStart(anchor, tag) => self.start(Kind::List(Vec::new()), anchor, name(tag), span),
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(Open { mut node, anchor, .. }) = self.open.pop() else { return Ok(()) };
                node.span.end = span.end;
                merge(&mut node);
                self.put(node, anchor, span)
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, kind: Kind, anchor: usize, tag: Option<String>, span: Range<usize>) -> Result<(), ReadFault> {
        if self.open.len() >= DEEPEST {
            return Err(ReadFault::at(self.text, span.start, "YAML that is nested too deep"));
        }
        self.open.push(Open { node: Node { tag, ..Node::new(kind, span) }, anchor, key: None });
        Ok(())
    }

    /// A finished node goes into what is open, as a key or as a value.
    fn put(&mut self, node: Node, anchor: usize, span: Range<usize>) -> Result<(), ReadFault> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(ReadFault::at(self.text, span.start, "YAML of more values than are read"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(members) => match open.key.take() {
                None => open.key = Some((node.text().unwrap_or_default().to_owned(), node.span)),
                Some((key, place)) => {
                    let mut node = node;
                    if node.span.is_empty() {
                        // An absent value stands behind the colon.
                        let colon = self.text[place.end..].find(':').map_or(place.end, |at| place.end + at + 1);
                        node.span = colon..colon;
                    }
                    members.push(Member { key, at: place.start, node });
                }
            },
            Kind::Scalar(_) => {}
        }
        Ok(())
    }
}

fn name(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::Map(members) => 1 + members.iter().map(|member| count(&member.node)).sum::<usize>(),
        Kind::List(items) => 1 + items.iter().map(count).sum::<usize>(),
    }
}

fn share(node: &mut Node) {
    node.is_shared = true;
    match &mut node.kind {
        Kind::Scalar(_) => {}
        Kind::Map(members) => members.iter_mut().for_each(|member| share(&mut member.node)),
        Kind::List(items) => items.iter_mut().for_each(share),
    }
}

/// `<<: *anchor`: its keys count where the map has none of that name, or one that Compose takes away.
fn merge(node: &mut Node) {
    let Kind::Map(members) = &mut node.kind else { return };
    let (merged, mut own): (Vec<_>, Vec<_>) = std::mem::take(members).into_iter().partition(|member| member.key == "<<");
    for Member { node, .. } in merged {
        let maps = match node.kind {
            Kind::List(items) => items,
            _ => vec![node],
        };
        for map in maps {
            if let Kind::Map(others) = map.kind {
                for mut member in others {
                    if !own.iter().any(|known| known.key == member.key && !known.node.has_tag(RESET)) {
                        share(&mut member.node);
                        own.push(member);
                    }
                }
            }
        }
    }
    *members = own;
}

/// The scalar itself: without the anchor and tag before it, and without the comment that the parser counts to a quoted one.
fn scalar(text: &str, mut span: Range<usize>) -> Range<usize> {
    while text[span.clone()].starts_with(['&', '!']) {
        let rest = &text[span.clone()];
        let word = rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        let blank = rest[word..].len() - rest[word..].trim_start().len();
        span.start += word + blank;
    }
    let rest = &text[span.start..];
    let mut signs = rest.char_indices().skip(1).peekable();
    let end = match rest.chars().next().filter(|_| !span.is_empty()) {
        Some('\'') => loop {
            match signs.next() {
                Some((_, '\'')) if signs.next_if(|(_, next)| *next == '\'').is_some() => {}
                Some((at, '\'')) => break Some(at + 1),
                Some(_) => {}
                None => break None,
            }
        },
        Some('"') => loop {
            match signs.next() {
                Some((_, '\\')) => drop(signs.next()),
                Some((at, '"')) => break Some(at + 1),
                Some(_) => {}
                None => break None,
            }
        },
        _ => Some(text[span.clone()].trim_end().len()),
    };
    span.start..end.map_or(span.end, |end| span.start + end)
}

/// A block scalar from its `|` or `>` to the end of its last line.
fn block(text: &str, span: Range<usize>) -> Range<usize> {
    let before = text[..span.start].trim_end();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let header = before[line..].split(" #").next().unwrap_or_default();
    let start = header.rfind(['|', '>']).map_or(span.start, |at| line + at);
    start..start + text[start..span.end].trim_end().len()
}

pub(super) fn edits(text: &str, root: &Node, path: &[String], value: &str) -> Vec<String> {
    let splice = |at: Range<usize>, new: &str| format!("{}{new}{}", &text[..at.start], &text[at.end..]);
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut node, mut depth) = root.deepest(path);
    if depth == path.len() && node.is_shared {
        // Never change what others refer to: a key of its own wins over a merged one.
        depth -= 1;
        node = root.find(&path[..depth]).unwrap_or(root);
    }
    let rest = &path[depth..];
    let block = |indent: &str, is_item: bool| {
        let mut lines = String::new();
        let mut indent = indent.to_owned();
        for (at, key) in rest.iter().enumerate() {
            let key = if is_item && at == 0 { "-".to_owned() } else { format!("{}:", key_text(key)) };
            lines += &key;
            if at + 1 == rest.len() {
                lines.push(' ');
                lines += &quoted(value);
            } else {
                indent += "  ";
                lines += ending;
                lines += &indent;
            }
        }
        lines
    };
    if rest.is_empty() {
        let space = if node.span.is_empty() { " " } else { "" };
        return vec![splice(node.span.clone(), &format!("{space}{}", quoted(value)))];
    }
    let flow = rest.iter().skip(1).rev().fold(quoted(value), |inner, key| format!("{{{}: {inner}}}", key_text(key)));
    let (places, is_item) = match &node.kind {
        Kind::Scalar(_) if depth == 0 => {
            let gap = if text.is_empty() || text.ends_with('\n') || text == "\u{feff}" { "" } else { ending };
            return vec![format!("{text}{gap}{}{ending}", block("", false))];
        }
        Kind::Scalar(_) => {
            // A null becomes a map in braces, or a block behind its colon.
            let space = if node.span.is_empty() { " " } else { "" };
            return vec![splice(node.span.clone(), &format!("{space}{{{}: {flow}}}", key_text(&rest[0])))];
        }
        Kind::Map(members) => (
            members.iter().filter(|member| !member.node.is_shared).map(|member| (member.at, &member.node)).collect::<Vec<_>>(),
            false,
        ),
        Kind::List(items) => (items.iter().map(|item| (item.span.start, item)).collect(), true),
    };
    let new = if is_item { flow } else { format!("{}: {flow}", key_text(&rest[0])) };
    if text[node.span.start..].starts_with(['{', '[']) {
        return match places.last() {
            Some((_, last)) => vec![splice(last.span.end..last.span.end, &format!(", {new}"))],
            None => vec![splice(node.span.start + 1..node.span.start + 1, &new)],
        };
    }
    let Some((first, _)) = places.first() else { return Vec::new() };
    let line = text[..*first].rfind('\n').map_or(0, |at| at + 1);
    let indent = text[line..*first].trim_start_matches('\u{feff}');
    let indent: String = if is_item {
        indent.chars().take_while(|sign| *sign != '-').map(|_| ' ').collect()
    } else {
        indent.chars().map(|_| ' ').collect()
    };
    let new = block(&indent, is_item);
    // At the end of the last value's line, or else before the first key.
    let end = places.iter().map(|(_, node)| last_end(node)).max().unwrap_or(*first);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let end = end - usize::from(text[..end].ends_with('\r'));
    let before = if is_item { line + indent.len() } else { *first };
    vec![splice(end..end, &format!("{ending}{indent}{new}")), splice(before..before, &format!("{new}{ending}{indent}"))]
}

/// Where the last value inside ends.
fn last_end(node: &Node) -> usize {
    match &node.kind {
        _ if node.is_shared => 0,
        Kind::Scalar(_) => node.span.end,
        Kind::Map(members) => members.iter().map(|member| last_end(&member.node)).max().unwrap_or(0).max(node.span.start),
        Kind::List(items) => items.iter().map(last_end).max().unwrap_or(0).max(node.span.start),
    }
}

/// A scalar in quotes, on one line.
fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return Model::String(text.to_owned()).to_string(); // JSON's strings are YAML's
    }
    format!("'{}'", text.replace('\'', "''"))
}

fn key_text(key: &str) -> String {
    let is_plain = key.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let is_word =
        matches!(key.to_ascii_lowercase().as_str(), "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    if is_plain && !is_word { key.to_owned() } else { quoted(key) }
}
