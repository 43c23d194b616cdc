//! JSON: `serde_json` says whether it is JSON at all, the scanner here says where each value stands.

use serde_json::Value as Model;

use super::tree::{Kind, Member, Node};
use crate::ReadFault;

pub(super) fn model(text: &str) -> Option<Model> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() { Some(Model::Null) } else { serde_json::from_str(text).ok() }
}

/// The tree of a text that is JSON; an empty one counts as null.
pub(super) fn parse(text: &str) -> Result<Node, ReadFault> {
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    if text[start..].trim().is_empty() {
        return Ok(Node::new(Kind::Scalar(None), start..text.len()));
    }
    // Checked first, so that the scanner may trust the text; it limits the depth as well.
    serde_json::from_str::<serde::de::IgnoredAny>(&text[start..])
        .map_err(|error| ReadFault { line: error.line().max(1), what: "what is no JSON".to_owned() })?;
    let mut scanner = Scanner { text, at: start };
    scanner.value().ok_or_else(|| ReadFault::at(text, scanner.at, "JSON that is not followed here"))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self) -> Option<Node> {
        let sign = self.peek()?;
        let start = self.at;
        let kind = match sign {
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                while self.peek()? != b'}' {
                    let at = self.at;
                    let key = self.string()?;
                    self.peek().filter(|sign| *sign == b':')?;
                    self.at += 1;
                    members.push(Member { key, at, node: self.value()? });
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
                Kind::Map(members)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while self.peek()? != b']' {
                    items.push(self.value()?);
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
                Kind::List(items)
            }
            b'"' => Kind::Scalar(Some(self.string()?)),
            _ => {
                let rest = &self.text[start..];
                let length = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                self.at += length;
                let word = &rest[..length];
                Kind::Scalar(Some(word.to_owned()).filter(|word| word != "null"))
            }
        };
        Some(Node::new(kind, start..self.at))
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let mut escaped = false;
        let length = self.text[start + 1..].bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        self.at = start + length + 2;
        serde_json::from_str(&self.text[start..self.at]).ok()
    }
}

pub(super) fn edits(text: &str, root: &Node, path: &[String], value: &str) -> Vec<String> {
    let (node, depth) = root.deepest(path);
    let rest = &path[depth..];
    let spelled = rest.iter().skip(1).rev().fold(quoted(value), |inner, key| format!("{{{}: {inner}}}", quoted(key)));
    let splice = |at: std::ops::Range<usize>, new: &str| vec![format!("{}{new}{}", &text[..at.start], &text[at.end..])];
    let Some(key) = rest.first() else { return splice(node.span.clone(), &quoted(value)) };
    let inside = node.span.start + 1;
    let (last, new) = match &node.kind {
        Kind::Scalar(_) if text[node.span.clone()].trim().is_empty() => {
            return splice(node.span.clone(), &format!("{{\n  {}: {spelled}\n}}\n", quoted(key)));
        }
        Kind::Scalar(_) => return splice(node.span.clone(), &format!("{{{}: {spelled}}}", quoted(key))),
        Kind::Map(members) => (members.last().map(|last| (last.at, last.node.span.end)), format!("{}: {spelled}", quoted(key))),
        Kind::List(items) => (items.last().map(|last| (last.span.start, last.span.end)), spelled),
    };
    let Some((start, end)) = last else { return splice(inside..inside, &new) };
    // On a line of its own, if the last member has one.
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &text[line..start];
    if line > node.span.start && indent.trim().is_empty() {
        let ending = if text[..line].ends_with("\r\n") { "\r\n" } else { "\n" };
        splice(end..end, &format!(",{ending}{indent}{new}"))
    } else {
        splice(end..end, &format!(", {new}"))
    }
}

fn quoted(text: &str) -> String {
    Model::String(text.to_owned()).to_string()
}
