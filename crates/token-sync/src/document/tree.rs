//! A document as a tree that knows where each value stands in the text.

use std::ops::Range;

use super::key_path;
use crate::Entry;

/// One value of a document.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The bytes that spell it.
    pub(super) span: Range<usize>,
    /// It stands elsewhere, and is only referred to here.
    pub(super) is_shared: bool,
    /// In YAML its tag, the implied one of a scalar in quotes too; `None` if the text alone says what it is.
    pub(super) tag: Option<String>,
}

/// YAML's tag of a text.
pub(super) const TEXT: &str = "tag:yaml.org,2002:str";
/// Compose's tag of what is to be taken away.
pub(super) const RESET: &str = "!reset";
/// Compose's tag of what takes the whole place of what earlier documents say.
pub(super) const OVERRIDE: &str = "!override";

#[derive(Clone)]
pub(super) enum Kind {
    /// A text or number; `None` for null.
    Scalar(Option<String>),
    Map(Vec<Member>),
    List(Vec<Node>),
}

/// One key of a map, and where the key stands.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn new(kind: Kind, span: Range<usize>) -> Self {
        Self { kind, span, is_shared: false, tag: None }
    }

    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.tag.as_deref() == Some(tag)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => text.as_deref(),
            _ => None,
        }
    }

    /// Whether keys can be added. Null counts: it is how an empty map is often written.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.kind, Kind::Map(_) | Kind::List(_) | Kind::Scalar(None))
    }

    /// The value of one key; of a repeated one the last. In a list, keys are numbers.
    pub(super) fn child(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Scalar(_) => None,
            Kind::Map(members) => members.iter().rev().find(|member| member.key == key).map(|member| &member.node),
            Kind::List(items) => items.get(key.parse::<usize>().ok()?),
        }
    }

    pub(super) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.child(key))
    }

    /// How far the document knows `path`: the last value that is there, and how many keys lead to it.
    pub(super) fn deepest(&self, path: &[String]) -> (&Self, usize) {
        let mut node = self;
        for (depth, key) in path.iter().enumerate() {
            match node.child(key) {
                Some(child) => node = child,
                None => return (node, depth),
            }
        }
        (node, path.len())
    }

    /// Every scalar, in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.visit(&mut Vec::new(), &mut |path, node| {
            let key = key_path::join(path);
            entries.push(match node.text() {
                Some(text) => Entry::spelled(&key, text, node.span.clone()),
                None => Entry { spelled: true, span: node.span.clone(), ..Entry::inherited(&key, None, 0) },
            });
        });
        entries
    }

    /// Whether `other` spells every scalar as this does, but the one at `path`.
    pub(super) fn same_but(&self, text: &str, other: &Self, other_text: &str, path: &[String]) -> bool {
        let spelled = |node: &Self, text: &str| {
            let mut all = Vec::new();
            node.visit(&mut Vec::new(), &mut |place, node| {
                // A parent that was null has become a map.
                if !path.starts_with(place) {
                    all.push((place.to_vec(), node.text().map(str::to_owned), text.get(node.span.clone()).map(str::to_owned)));
                }
            });
            all.sort();
            all
        };
        spelled(self, text) == spelled(other, other_text)
    }

    fn visit(&self, path: &mut Vec<String>, seen: &mut dyn FnMut(&[String], &Self)) {
        match &self.kind {
            Kind::Scalar(_) => seen(path, self),
            Kind::Map(members) => {
                for member in members {
                    path.push(member.key.clone());
                    member.node.visit(path, seen);
                    path.pop();
                }
            }
            Kind::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    path.push(at.to_string());
                    item.visit(path, seen);
                    path.pop();
                }
            }
        }
    }
}
