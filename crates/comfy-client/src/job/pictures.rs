//! Pictures that nodes send over the WebSocket in place of files: they are in no history, so they are kept here.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::outcome::{Run, WsImage};
use crate::wire::{Message, Preview};

/// What came so far; shared by the task that receives and those who wait.
#[derive(Clone)]
pub(super) struct Pictures(Arc<Mutex<Inner>>);

struct Inner {
    /// The nodes whose pictures are results.
    wanted: Arc<HashSet<String>>,
    kept: Vec<WsImage>,
    /// How many bytes may still be kept.
    room: usize,
    /// Whether any may be missing.
    gaps: bool,
    /// Whether the end was announced, after which none comes.
    ended: bool,
}

impl Pictures {
    /// `linked` says whether the connection was there from the beginning.
    pub(super) fn new(wanted: Arc<HashSet<String>>, room: usize, linked: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { wanted, kept: Vec::new(), room, gaps: !linked, ended: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn broke(&self) {
        self.lock().gaps = true;
    }

    pub(super) fn message(&self, message: &Message) {
        match message {
            Message::Preview(preview) => self.lock().take(preview),
            Message::ExecutionSuccess { .. } | Message::Executing { node: None, .. } => self.lock().ended = true,
            _ => {}
        }
    }

    pub(super) fn put_into(&self, run: &mut Run) {
        let inner = self.lock();
        run.ws_images.clone_from(&inner.kept);
        run.ws_images_complete = inner.wanted.is_empty() || (inner.ended && !inner.gaps);
    }
}

impl Inner {
    fn take(&mut self, preview: &Preview) {
        let Some(node) = preview.node.as_ref().filter(|node| self.wanted.contains(*node)) else { return };
        match self.room.checked_sub(preview.image.len()) {
            Some(room) => {
                self.room = room;
                let image = WsImage { node: node.clone(), format: preview.format, image: preview.image.clone() };
                self.kept.push(image);
            }
            None => self.gaps = true,
        }
    }
}
