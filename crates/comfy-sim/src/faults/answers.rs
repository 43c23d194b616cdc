//! Faults of HTTP: what happens to a request around the server, and to the figures of `/system_stats`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::{Body, HttpBody};
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, DATE, RETRY_AFTER, SERVER};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::vocabulary::{Fault, Refusal};
use super::{Faults, Route, sparse};
use crate::app::App;
use crate::clock::http_date;
use crate::front;
use crate::py::Raised;
use crate::reply::{self, Response};
use crate::router::Router;

/// The connection ends here, without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is lost on purpose")]
pub(crate) struct Lost;

/// Answers one request, with the faults that are due for it.
pub(crate) async fn serve(app: Arc<App>, router: Arc<Router>, request: Request<Body>) -> Result<Response, Lost> {
    let faults = app.faults.clone();
    if !faults.any() {
        return Ok(front::serve(app, router, request).await);
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let on = |route: &Route| route.takes(&method, uri.path());
    if faults.take(|fault, _| matches!(fault, Fault::LoseRequest { route } if on(route)).then_some(())).is_some() {
        return Err(Lost);
    }
    let refused = faults.take(|fault, _| match fault {
        Fault::Refuse { route, status } if on(route) => Some(*status),
        _ => None,
    });
    let response = if let Some(status) = refused {
        refuse(&app, status)
    } else {
        if let Some((name, bytes)) = faults.sparse_file(&uri) {
            sparse::make(app.folders.output().join(name), bytes).await;
        }
        front::serve(app, router, request).await
    };
    let late = faults.take(|fault, _| match fault {
        Fault::Delay { route, millis } if on(route) => Some(*millis),
        _ => None,
    });
    if let Some(millis) = late {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    if faults.take(|fault, _| matches!(fault, Fault::LoseAnswer { route } if on(route)).then_some(())).is_some() {
        return Err(Lost);
    }
    let length = response.body().size_hint().exact().or_else(|| announced(&response)).unwrap_or_default();
    let cut = faults.take(|fault, _| match fault {
        Fault::CutBody { route, after_bytes } if on(route) && *after_bytes < length => Some(*after_bytes),
        _ => None,
    });
    Ok(if let Some(left) = cut { shortened(response, length, left) } else { response })
}

fn announced(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The answer with so many bytes of its body, under the length of all.
fn shortened(response: Response, length: u64, left: u64) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, length.into());
    let pieces = stream::unfold((body.into_data_stream(), left), |(mut pieces, left)| async move {
        let piece = match left {
            0 => {
                // What was sent before goes out meanwhile.
                tokio::task::yield_now().await;
                Err(axum::Error::new(Lost))
            }
            _ => pieces.next().await?,
        };
        let piece = piece.map(|piece| piece.slice(..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))));
        let sent = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Some((piece, (pieces, left - sent)))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

fn refuse(app: &App, status: Refusal) -> Response {
    let code = StatusCode::from_u16(status.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match status {
        Refusal::LoginPage => reply::found("/login"),
        Refusal::Unauthorized => reply::json(code, &json!({"error": "Authentication required."})),
        Refusal::Forbidden => reply::empty(code),
        Refusal::TooLarge => reply::Fault::TooLarge.into_response(false),
        Refusal::Broken => reply::Fault::Raised(Raised::new("RuntimeError", "a fault on demand")).into_response(false),
        Refusal::TooManyRequests | Refusal::BadGateway | Refusal::Unavailable | Refusal::GatewayTimeout => {
            reply::text(code, code.to_string())
        }
    };
    if matches!(status, Refusal::TooManyRequests | Refusal::Unavailable) {
        reply::set(&mut response, RETRY_AFTER, "1");
    }
    let seconds = app.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    reply::set(&mut response, DATE, &http_date(seconds));
    reply::set(&mut response, SERVER, concat!("comfy-sim/", env!("CARGO_PKG_VERSION")));
    response
}

impl Faults {
    /// Puts the figures of a card that fills up into `/system_stats`.
    pub(crate) fn falling_vram(&self, stats: &mut Value) {
        let figures = self.take(|fault, before| match fault {
            Fault::FallingVram { total, free, step } => Some((*total, free.saturating_sub(step.saturating_mul(before)))),
            _ => None,
        });
        if let Some((total, free)) = figures {
            let device = &mut stats["devices"][0];
            device["vram_total"] = total.into();
            device["vram_free"] = free.into();
        }
    }
}
