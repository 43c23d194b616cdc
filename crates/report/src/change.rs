//! What a journey changed on the disk or in an engine, or would change.

/// What becomes of a file, or of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is right already.
    Kept,
    /// It was not there.
    Created,
    /// It held something else.
    Changed,
    /// It is there no more.
    Removed,
}

/// One file and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, as a person would write it: relative to the project where it lies inside; or the container, image or network.
    pub path: String,
    /// What becomes of it.
    pub kind: ChangeKind,
    /// Whether it was done; else it only would be.
    pub done: bool,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
}

impl Change {
    /// The change in one verb: `changed`, `would change`.
    pub fn verb(&self) -> &'static str {
        match (self.done, self.kind) {
            (true, ChangeKind::Kept) => "kept",
            (true, ChangeKind::Created) => "created",
            (true, ChangeKind::Changed) => "changed",
            (true, ChangeKind::Removed) => "removed",
            (false, ChangeKind::Kept) => "would keep",
            (false, ChangeKind::Created) => "would create",
            (false, ChangeKind::Changed) => "would change",
            (false, ChangeKind::Removed) => "would remove",
        }
    }
}
