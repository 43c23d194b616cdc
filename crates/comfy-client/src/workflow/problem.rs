//! What is wrong with a workflow, found without running it.

use std::fmt;

use serde_json::Value;

use super::{Workflow, set};
use crate::nearest;

/// What is wrong, in one word.
///
/// ```
/// use comfy_client::{ProblemKind, Workflow};
///
/// let workflow = Workflow::from_json(r#"{"1": {"class_type": "A", "inputs": {"x": ["2", 0]}}, "2": {"class_type": "B", "inputs": {"x": ["1", 0]}}}"#)?;
/// assert!(workflow.check().iter().any(|problem| problem.kind == ProblemKind::Cycle));
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A list where a value or a link belongs; a link is `["ID", SLOT]`.
    BadLink,
    /// A link to a node that is not there.
    DanglingLink,
    /// Nodes that wait for each other.
    Cycle,
    /// A node that no output needs: it will not run.
    Unreachable,
    /// There is no node that gives anything out.
    NoOutput,
    /// The server has no such class.
    MissingClass,
    /// An input that the class needs is not there.
    MissingInput,
    /// The class has no such input: the server ignores it.
    UnknownInput,
    /// A choice that the server does not offer, such as a model that is not installed (ComfyUI's `value_not_in_list`).
    NotInList,
    /// A number under the least that is allowed.
    TooSmall,
    /// A number over the most that is allowed.
    TooLarge,
    /// A value that is no number where one belongs.
    WrongType,
    /// A link from an output of another type.
    LinkTypeMismatch,
    /// A link from an output that the node does not have.
    NoSuchOutput,
}

impl ProblemKind {
    /// The word for programs, such as `dangling-link`.
    ///
    /// ```
    /// assert_eq!(comfy_client::ProblemKind::NotInList.as_str(), "not-in-list");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadLink => "bad-link",
            Self::DanglingLink => "dangling-link",
            Self::Cycle => "cycle",
            Self::Unreachable => "unreachable",
            Self::NoOutput => "no-output",
            Self::MissingClass => "missing-class",
            Self::MissingInput => "missing-input",
            Self::UnknownInput => "unknown-input",
            Self::NotInList => "not-in-list",
            Self::TooSmall => "too-small",
            Self::TooLarge => "too-large",
            Self::WrongType => "wrong-type",
            Self::LinkTypeMismatch => "link-type-mismatch",
            Self::NoSuchOutput => "no-such-output",
        }
    }

    /// Whether the server may take it all the same. A class with a `VALIDATE_INPUTS` of its own judges the inputs that this
    /// names, and with `**kwargs` every input: there the server looks neither at the list of choices nor at least and most;
    /// and where it names `input_types`, not at the types of links. `object_info` does not tell which classes have one.
    ///
    /// ```
    /// use comfy_client::{Problem, ProblemKind};
    ///
    /// let stops_us = |problem: &Problem| problem.is_error() && !problem.kind.may_be_false_alarm();
    /// # let _ = stops_us;
    /// assert!(ProblemKind::NotInList.may_be_false_alarm() && !ProblemKind::MissingInput.may_be_false_alarm());
    /// ```
    #[must_use]
    pub fn may_be_false_alarm(self) -> bool {
        matches!(self, Self::NotInList | Self::TooSmall | Self::TooLarge | Self::LinkTypeMismatch)
    }
}

/// How bad it is.
///
/// ```
/// use comfy_client::{Severity, Workflow};
///
/// let workflow = Workflow::from_json(r#"{"9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}}}"#)?;
/// assert_eq!(workflow.check()[0].severity, Severity::Error);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The server refuses the workflow, or drops an output of it.
    Error,
    /// The server takes it, and it may not be what was meant.
    Warning,
}

/// One thing that is wrong with a workflow.
///
/// ```
/// use comfy_client::{ProblemKind, Workflow};
///
/// let workflow = Workflow::from_json(r#"{"9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}}}"#)?;
/// let problems = workflow.check();
/// assert_eq!(problems[0].kind, ProblemKind::DanglingLink);
/// assert_eq!(problems[0].to_string(), "node `9` SaveImage, input `images`: linked to node `8`, which is not there");
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What is wrong, in one word.
    pub kind: ProblemKind,
    /// How bad it is.
    pub severity: Severity,
    /// The node's id; none where it is about the whole workflow.
    pub node: Option<String>,
    /// The node's title, where it has one.
    pub title: Option<String>,
    /// The node's class; empty where it is about the whole workflow.
    pub class_type: String,
    /// The input that it is about.
    pub input: Option<String>,
    /// What is wrong, in words.
    pub detail: String,
    /// The names that may have been meant, the likeliest first.
    pub nearest: Vec<String>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            severity: Severity::Error,
            node: None,
            title: None,
            class_type: String::new(),
            input: None,
            detail: detail.into(),
            nearest: Vec::new(),
        }
    }

    pub(super) fn at(mut self, id: &str, node: &Value) -> Self {
        self.node = Some(id.to_owned());
        self.title = set::title(node).map(str::to_owned);
        self.class_type = set::class(node).unwrap_or_default().to_owned();
        self
    }

    pub(super) fn input(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    pub(super) fn nearest<'a>(mut self, wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest::nearest(wanted, names).into_iter().map(str::to_owned).collect();
        self
    }

    /// Whether the server refuses the workflow, or drops an output of it, because of this: surely, or, as
    /// [`ProblemKind::may_be_false_alarm`] says, unless the class judges for itself.
    ///
    /// ```no_run
    /// # fn example(workflow: comfy_client::Workflow) {
    /// let errors = workflow.check().into_iter().filter(comfy_client::Problem::is_error).count();
    /// # let _ = errors;
    /// # }
    /// ```
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "node {}", set::named(node, self.title.as_deref(), &self.class_type))?;
            if let Some(input) = &self.input {
                write!(f, ", input `{input}`")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.detail)?;
        match nearest::hint(&self.nearest) {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Puts the problems into the order of the workflow's nodes; those of the whole workflow come first.
pub(super) fn in_order(workflow: &Workflow, problems: &mut [Problem]) {
    let places: std::collections::HashMap<&str, usize> =
        workflow.nodes.keys().enumerate().map(|(nth, id)| (id.as_str(), nth)).collect();
    problems.sort_by_key(|problem| problem.node.as_deref().and_then(|node| places.get(node)));
}
