//! Paths to handlers, as aiohttp's router takes them: every route bare and under `/api`, `HEAD` where `GET` is.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::py::path::normpath;
use crate::reply::{Answer, Fault, no_file};
use crate::request::Request;

type Handler = Box<dyn Fn(Arc<App>, Request) -> BoxFuture<'static, Answer> + Send + Sync>;

/// One handler and where it is found.
pub(crate) struct Route {
    method: Method,
    /// `/history/{id}`; a segment in braces takes any text but braces, `{*rest}` takes all that is left.
    path: Vec<&'static str>,
    handler: Handler,
    bare_only: bool,
}

fn route<F, Fut>(method: Method, path: &'static str, handler: F) -> Route
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    Route {
        method,
        path: path.split('/').collect(),
        handler: Box::new(move |app, request| Box::pin(handler(app, request))),
        bare_only: false,
    }
}

pub(crate) fn get<F, Fut>(path: &'static str, handler: F) -> Route
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    route(Method::GET, path, handler)
}

pub(crate) fn delete<F, Fut>(path: &'static str, handler: F) -> Route
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    route(Method::DELETE, path, handler)
}

pub(crate) fn patch<F, Fut>(path: &'static str, handler: F) -> Route
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    route(Method::PATCH, path, handler)
}

pub(crate) fn post<F, Fut>(path: &'static str, handler: F) -> Route
where
    F: Fn(Arc<App>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    route(Method::POST, path, handler)
}

impl Route {
    /// Keeps the route out of `/api`.
    pub(crate) fn bare_only(self) -> Self {
        Self { bare_only: true, ..self }
    }

    fn serves(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }

    /// The texts of the segments in braces, if the path is this route's.
    fn takes(&self, segments: &[&str]) -> Option<Vec<String>> {
        fn decoded(text: &str) -> std::borrow::Cow<'_, str> {
            percent_decode_str(text).decode_utf8_lossy()
        }
        let mut pattern = self.path.as_slice();
        let mut taken = Vec::new();
        let mut given = segments;
        let mut rest = None;
        if let Some((_, before)) = pattern.split_last().filter(|(last, _)| last.starts_with("{*")) {
            pattern = before;
            let (head, tail) = segments.split_at_checked(pattern.len()).filter(|(_, tail)| !tail.is_empty())?;
            (given, rest) = (head, Some(decoded(&tail.join("/")).into_owned()));
        }
        if pattern.len() != given.len() {
            return None;
        }
        for (wanted, given) in pattern.iter().zip(given) {
            let given = decoded(given);
            if wanted.starts_with('{') {
                if given.is_empty() || given.contains(['{', '}']) {
                    return None;
                }
                taken.push(given.into_owned());
            } else if *wanted != given {
                return None;
            }
        }
        taken.extend(rest);
        Some(taken)
    }
}

/// Folders of the front end, which are there and not listed.
const DIRECTORIES: [&str; 6] = ["/assets", "/docs", "/extensions", "/extensions/core", "/fonts", "/templates"];

/// All routes of a server.
pub(crate) struct Router(Vec<Route>);

impl Router {
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// Hands the request to its handler. What no route takes falls to the static files, which have none here: 404 for
    /// `GET` and `HEAD`, and 405 for the rest. Below `/internal` there are no static files.
    pub(crate) async fn answer(&self, app: Arc<App>, mut request: Request) -> Answer {
        let path = request.raw_path.clone();
        if request.method == Method::CONNECT {
            return Err(Fault::Status(StatusCode::NOT_FOUND));
        }
        let internal = path == "/internal" || path.starts_with("/internal/");
        let mut allowed = if internal { BTreeSet::new() } else { BTreeSet::from(["GET", "HEAD"]) };
        for (api, path) in [(false, Some(path.as_str())), (true, path.strip_prefix("/api"))] {
            let Some(path) = path else { continue };
            let segments: Vec<&str> = path.split('/').collect();
            for route in &self.0 {
                if api && route.bare_only {
                    continue;
                }
                let Some(taken) = route.takes(&segments) else {
                    continue;
                };
                if route.serves(&request.method) {
                    request.segments = taken;
                    return (route.handler)(app, request).await;
                }
                allowed.insert(route.method.as_str());
                if route.method == Method::GET {
                    allowed.insert("HEAD");
                }
            }
        }
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        // A path of two slashes names a host, and so no file at all; a file's name has no NUL, and does not lead out.
        let no_file_at_all = path.starts_with("//")
            || request.path.contains('\0')
            || normpath(request.path.trim_start_matches('/')).starts_with("..");
        if allowed.is_empty() || (reads && no_file_at_all) {
            return Err(Fault::Status(StatusCode::NOT_FOUND));
        }
        if internal {
            return Err(Fault::NotAllowed(allowed.into_iter().collect::<Vec<_>>().join(",")));
        }
        if reads {
            if DIRECTORIES.contains(&path.trim_end_matches('/')) {
                return Err(Fault::Status(StatusCode::FORBIDDEN));
            }
            return Ok(no_file(&request.method));
        }
        Err(Fault::NotAllowed(allowed.into_iter().collect::<Vec<_>>().join(",")))
    }
}
