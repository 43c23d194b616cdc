//! TOML: the `toml` crate reads it with places, and once more without.

use serde_json::Value as Model;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::tree::{Kind, Member, Node};
use crate::ReadFault;

pub(super) fn model(text: &str) -> Option<Model> {
    toml::from_str(text).ok()
}

pub(super) fn parse(text: &str) -> Result<Node, ReadFault> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ReadFault::at(text, at, "what is no TOML")
    })?;
    let span = table.span();
    Ok(Node::new(members(text, table.get_ref()), span))
}

fn members(text: &str, table: &DeTable<'_>) -> Kind {
    let mut members: Vec<_> = table
        .iter()
        .map(|(key, value)| Member { key: key.get_ref().to_string(), at: key.span().start, node: node(text, value) })
        .collect();
    members.sort_by_key(|member| member.at);
    Kind::Map(members)
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let kind = match value.get_ref() {
        DeValue::Table(table) => members(text, table),
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::String(string) => Kind::Scalar(Some(string.to_string())),
        _ => Kind::Scalar(text.get(value.span()).map(str::to_owned)),
    };
    Node::new(kind, value.span())
}

pub(super) fn edits(text: &str, root: &Node, path: &[String], value: &str) -> Vec<String> {
    let splice = |at: std::ops::Range<usize>, new: &str| format!("{}{new}{}", &text[..at.start], &text[at.end..]);
    if let Some(node) = root.find(path) {
        return vec![splice(node.span.clone(), &quoted(value))];
    }
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Some((key, tables)) = path.split_last() else { return Vec::new() };
    let pair = format!("{} = {}", bare_or_quoted(key), quoted(value));
    let mut edits = Vec::new();
    // Behind the last key of the same table that has a line of its own.
    if let Some(Kind::Map(members)) = root.find(tables).map(|node| &node.kind) {
        let scalars = members.iter().rev().filter(|member| matches!(member.node.kind, Kind::Scalar(_)));
        for member in scalars {
            let end = member.node.span.end;
            let line_end = text[end..].find('\n').map_or(text.len(), |length| end + length);
            let line_end = line_end - usize::from(text[..line_end].ends_with('\r'));
            let line = text[..member.at].rfind('\n').map_or(0, |at| at + 1);
            let indent = &text[line..member.at];
            if indent.trim_start_matches('\u{feff}').trim().is_empty() {
                let indent = indent.trim_start_matches('\u{feff}');
                edits.push(splice(line_end..line_end, &format!("{ending}{indent}{pair}")));
            }
        }
    }
    // Right behind the table's own header, before the first header of all, or with a new header at the end.
    let header = format!("[{}]", tables.iter().map(|key| bare_or_quoted(key)).collect::<Vec<_>>().join("."));
    let mut at = 0;
    let mut first_header = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches('\u{feff}').trim();
        if trimmed.starts_with('[') {
            first_header = first_header.or(Some(at));
        }
        at += line.len();
        if !tables.is_empty()
            && (trimmed == header || trimmed.strip_prefix(&header).is_some_and(|rest| rest.trim().starts_with('#')))
        {
            let gap = if line.ends_with('\n') { "" } else { ending };
            edits.push(splice(at..at, &format!("{gap}{pair}{ending}")));
        }
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { ending };
    if tables.is_empty() {
        let at = first_header.unwrap_or(text.len());
        let gap = if at == text.len() { gap } else { "" };
        edits.push(splice(at..at, &format!("{gap}{pair}{ending}")));
    } else {
        let blank = if text.is_empty() { "" } else { ending };
        edits.push(format!("{text}{gap}{blank}{header}{ending}{pair}{ending}"));
    }
    edits
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => out.extend(['\\', sign]),
            _ if sign.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(sign))),
            _ => out.push(sign),
        }
    }
    out + "\""
}
