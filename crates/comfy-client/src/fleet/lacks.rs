//! Which servers have what a workflow names, and what the others lack.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::workflow::{ObjectInfo, Problem, ProblemKind, Workflow};

/// What each server of a fleet has to say to one workflow.
pub(super) struct Abilities {
    names: Vec<Arc<str>>,
    of: Vec<Ability>,
}

#[derive(Default)]
struct Ability {
    /// The catalogue that this was read off; none if the server's is not known.
    info: Option<Arc<ObjectInfo>>,
    lacks: Vec<Problem>,
    /// It was asked, and said that it lacks something.
    refused: Option<Error>,
}

impl Abilities {
    pub(super) fn new(names: Vec<Arc<str>>) -> Self {
        Self { of: names.iter().map(|_| Ability::default()).collect(), names }
    }

    /// Looks anew where the catalogue is another.
    pub(super) fn read(&mut self, workflow: &Workflow, catalogues: Vec<Option<Arc<ObjectInfo>>>) {
        for (ability, info) in self.of.iter_mut().zip(catalogues) {
            let same = match (&ability.info, &info) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (None, None) => true,
                _ => false,
            };
            if !same {
                ability.lacks = info.as_deref().map(|info| lacks(workflow, info)).unwrap_or_default();
                ability.info = info;
            }
        }
    }

    pub(super) fn refuse(&mut self, index: usize, error: Error) {
        self.of[index].refused = Some(error);
    }

    /// Whether the server is known to have all that is named.
    pub(super) fn is_able(&self, index: usize) -> bool {
        let Ability { info, lacks, refused } = &self.of[index];
        info.is_some() && lacks.is_empty() && refused.is_none()
    }

    pub(super) fn is_refused(&self, index: usize) -> bool {
        self.of[index].refused.is_some()
    }

    /// Whether the server is known to lack something.
    pub(super) fn lacks(&self, index: usize) -> bool {
        !self.of[index].lacks.is_empty()
    }

    /// Who lacks what. Where a server said so itself, its own words.
    pub(super) fn error(&self) -> Error {
        if let Some(error) = self.of.iter().find_map(|ability| ability.refused.clone()) {
            return error;
        }
        let error = Error::new(ErrorKind::InvalidWorkflow, "no server of the fleet has all that the workflow names");
        let lacks = self.names.iter().zip(&self.of).flat_map(|(name, of)| of.lacks.iter().map(move |lack| (name, lack)));
        lacks.fold(error, |error, (name, lack)| error.hint(format!("`{name}` lacks: {lack}")))
    }
}

/// The classes and files that the workflow names and the server does not have.
fn lacks(workflow: &Workflow, info: &ObjectInfo) -> Vec<Problem> {
    let lacks = |problem: &Problem| matches!(problem.kind, ProblemKind::MissingClass | ProblemKind::NotInList);
    workflow.validate(info).into_iter().filter(|problem| problem.is_error() && lacks(problem)).collect()
}

/// Whether a server refused a workflow because it lacks something that another may have.
pub(super) fn is_lack(error: &Error) -> bool {
    let lacks = |kind: &str| matches!(kind, "value_not_in_list" | "custom_validation_failed" | "invalid_prompt");
    error.kind() == ErrorKind::Rejected
        && error.node_errors().iter().flat_map(|node| &node.errors).any(|error| lacks(&error.kind))
}
