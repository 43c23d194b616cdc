//! `/internal`: what the front end asks for, and nobody should rely on.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::models;
use crate::py::{self, Raised};
use crate::reply::{Answer, empty, json as reply, ok};
use crate::request::Request;
use crate::router::{Route, get, patch};

pub(super) fn routes() -> Vec<Route> {
    let routes = vec![
        get("/internal/logs", logs),
        get("/internal/logs/raw", raw_logs),
        patch("/internal/logs/subscribe", subscribe),
        get("/internal/folder_paths", folder_paths),
        get("/internal/files/{folder}", files),
    ];
    routes.into_iter().map(Route::bare_only).collect()
}

async fn logs(app: Arc<App>, _: Request) -> Answer {
    ok(&json!(app.logs.text()))
}

async fn raw_logs(app: Arc<App>, _: Request) -> Answer {
    ok(&app.logs.raw())
}

async fn subscribe(app: Arc<App>, mut request: Request) -> Answer {
    let body = request.json().await?;
    let client = py::item(&body, "clientId")?;
    let listens = py::truthy(py::item(&body, "enabled")?);
    if client.is_array() || client.is_object() {
        return Err(Raised::type_error(format!("unhashable type: '{}'", py::type_name(client))).into());
    }
    // No socket has an id that is no text.
    if let Some(client) = client.as_str() {
        app.logs.subscribe(client, listens);
    }
    Ok(empty(StatusCode::OK))
}

async fn folder_paths(app: Arc<App>, _: Request) -> Answer {
    let entry = |name: &'static str| (name.to_owned(), json!(models::folders(app.folders.base(), name)));
    ok(&Value::Object(models::names().into_iter().map(entry).collect()))
}

/// The files of a folder, the newest first.
async fn files(app: Arc<App>, request: Request) -> Answer {
    let Some(folder) = app.folders.of_type(request.segment(0)) else {
        return Ok(reply(StatusCode::BAD_REQUEST, &json!({"error": "Invalid directory type"})));
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)?.filter_map(Result::ok) {
        if let Ok(facts) = entry.path().metadata()
            && facts.is_file()
        {
            found.push((facts.modified().unwrap_or(UNIX_EPOCH), entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found.sort_by_key(|(modified, _)| Reverse(*modified));
    ok(&found.into_iter().map(|(_, name)| Value::from(name)).collect())
}
