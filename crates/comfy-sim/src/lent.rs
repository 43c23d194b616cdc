//! The body of a request, lent to its handler: what the handler leaves is read after the answer, as aiohttp does, so that a
//! client that writes all before it reads gets its answer, and may ask again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{BoxFuture, poll_fn};
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::request::LINGER;

/// A body that two may read, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Lent(Arc<Mutex<Incoming>>);

/// The request for its handler, and what is left of its body after that.
pub(crate) fn lend(request: Request<Incoming>) -> (Request<Body>, Lent) {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return (Request::from_parts(parts, Body::empty()), Lent(Arc::new(Mutex::new(body))));
    }
    let lent = Lent(Arc::new(Mutex::new(body)));
    (Request::from_parts(parts, Body::new(lent.clone())), lent)
}

impl Lent {
    fn body(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on for a while and drops what comes; nothing if all is read.
    pub(crate) fn linger(mut self) -> Option<BoxFuture<'static, ()>> {
        if self.body().is_end_stream() {
            return None;
        }
        let rest = async move { while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {} };
        Some(Box::pin(async move {
            let _ = tokio::time::timeout(LINGER, rest).await;
        }))
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
