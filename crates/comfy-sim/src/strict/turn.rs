//! Whose turn it is on a connection: its requests are answered one after the other.

use std::mem::replace;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use http::{StatusCode, Version};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::reply::Response;

/// What the reader of a connection and its answers know of each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// Whether the request came in HTTP/1.0, though hyper was told otherwise.
    lifted: bool,
    waiting: Option<Waker>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Stage {
    /// The next request may come.
    #[default]
    Free,
    /// A request is under way.
    Busy,
    /// hyper has all of the answer, and writes it.
    Answered,
    /// The connection speaks another protocol from here on.
    Upgraded,
}

impl Turn {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is; who asks is woken when that changes.
    pub(super) fn stage(&self, cx: &Context<'_>) -> Stage {
        let mut state = self.state();
        state.waiting = Some(cx.waker().clone());
        state.stage
    }

    pub(super) fn begin(&self, lifted: bool) {
        let mut state = self.state();
        (state.stage, state.lifted) = (Stage::Busy, lifted);
    }

    fn change(&self, from: Stage, to: Stage) {
        let mut state = self.state();
        if state.stage == from {
            state.stage = to;
            if let Some(waiting) = state.waiting.take() {
                waiting.wake();
            }
        }
    }

    /// Notes that all that hyper had to write is written.
    pub(super) fn flushed(&self) {
        self.change(Stage::Answered, Stage::Free);
    }

    /// The version that the client speaks.
    pub(crate) fn version(&self, told: Version) -> Version {
        if self.state().lifted { Version::HTTP_10 } else { told }
    }

    /// The answer, watched to its end.
    pub(crate) fn watch(&self, mut response: Response) -> http::Response<Watched> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.change(Stage::Busy, Stage::Upgraded);
        }
        let lifted = replace(&mut self.state().lifted, false);
        if lifted {
            *response.version_mut() = Version::HTTP_10;
        }
        response.map(|body| Watched { body, turn: self.clone() })
    }
}

/// The body of an answer, which hyper drops once it has all of it.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Body,
    turn: Turn,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.turn.change(Stage::Busy, Stage::Answered);
    }
}
