//! `/settings`, a file of the user's.

use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value};
use tokio::fs;

use crate::app::App;
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, empty, ok};
use crate::request::Request;
use crate::router::{Route, get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/settings", all), post("/settings", merge), get("/settings/{id}", one), post("/settings/{id}", put)]
}

/// The file of the request's user. An unknown user is unauthorized here, whatever else refuses it.
async fn file(app: &App, request: &Request) -> Result<PathBuf, Fault> {
    let found = app.users.file(request, "comfy.settings.json").await;
    found.ok().flatten().ok_or(Fault::Status(StatusCode::UNAUTHORIZED))
}

/// The stored settings; a missing or broken file counts as empty.
async fn stored(app: &App, request: &Request) -> Result<Map<String, Value>, Fault> {
    let text = fs::read(file(app, request).await?).await.unwrap_or_default();
    let stored = py::json::loads(&String::from_utf8_lossy(&text));
    Ok(stored.ok().and_then(|stored| stored.as_object().cloned()).unwrap_or_default())
}

/// Adds to the stored settings.
async fn store(app: &App, request: &Request, new: Map<String, Value>) -> Answer {
    let _turn = app.files.lock().await;
    let mut settings = stored(app, request).await?;
    settings.extend(new);
    fs::write(file(app, request).await?, py::json::dumps_indented(&Value::Object(settings))).await?;
    Ok(empty(StatusCode::OK))
}

async fn all(app: Arc<App>, request: Request) -> Answer {
    ok(&Value::Object(stored(&app, &request).await?))
}

async fn one(app: Arc<App>, request: Request) -> Answer {
    ok(stored(&app, &request).await?.get(request.segment(0)).unwrap_or(&Value::Null))
}

async fn merge(app: Arc<App>, mut request: Request) -> Answer {
    file(&app, &request).await?;
    let new = match request.json().await? {
        Value::Object(new) => new,
        other => {
            return Err(Raised::type_error(format!("'{}' object is not a mapping", py::type_name(&other))).into());
        }
    };
    store(&app, &request, new).await
}

async fn put(app: Arc<App>, mut request: Request) -> Answer {
    file(&app, &request).await?;
    let value = request.json().await?;
    let new = Map::from_iter([(request.segment(0).to_owned(), value)]);
    store(&app, &request, new).await
}
