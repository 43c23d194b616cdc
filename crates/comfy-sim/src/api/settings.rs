//! `/users` and `/settings` of the one user that there is without `--multi-user`.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::fs;

use crate::app::App;
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, empty, ok};
use crate::request::Request;
use crate::router::{Route, get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/users", users),
        get("/settings", all),
        post("/settings", merge),
        get("/settings/{id}", one),
        post("/settings/{id}", put),
    ]
}

async fn users(app: Arc<App>, _: Request) -> Answer {
    ok(&json!({"storage": "server", "migrated": app.folders.user().exists()}))
}

/// The stored settings; a missing or broken file counts as empty. Looking makes the user's folder, as in ComfyUI.
async fn stored(app: &App) -> Result<Map<String, Value>, Fault> {
    let folder = app.folders.user();
    fs::create_dir_all(&folder).await?;
    let text = fs::read(folder.join("comfy.settings.json")).await.unwrap_or_default();
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

async fn store(app: &App, settings: &Map<String, Value>) -> Result<(), Fault> {
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, indent);
    serde::Serialize::serialize(settings, &mut serializer).map_err(|e| Raised::new("TypeError", e.to_string()))?;
    Ok(fs::write(app.folders.user().join("comfy.settings.json"), text).await?)
}

async fn all(app: Arc<App>, _: Request) -> Answer {
    ok(&Value::Object(stored(&app).await?))
}

async fn one(app: Arc<App>, request: Request) -> Answer {
    ok(stored(&app).await?.get(request.segment(0)).unwrap_or(&Value::Null))
}

async fn merge(app: Arc<App>, mut request: Request) -> Answer {
    let mut settings = stored(&app).await?;
    match request.json().await? {
        Value::Object(new) => settings.extend(new),
        other => {
            return Err(Raised::type_error(format!("'{}' object is not a mapping", py::type_name(&other))).into());
        }
    }
    store(&app, &settings).await?;
    Ok(empty(StatusCode::OK))
}

async fn put(app: Arc<App>, mut request: Request) -> Answer {
    let mut settings = stored(&app).await?;
    let value = request.json().await?;
    settings.insert(request.segment(0).to_owned(), value);
    store(&app, &settings).await?;
    Ok(empty(StatusCode::OK))
}
