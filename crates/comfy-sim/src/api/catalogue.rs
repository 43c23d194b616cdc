//! What the server has: node classes, model files, versions.

use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::events::features;
use crate::models;
use crate::py::path::splitext;
use crate::reply::{Answer, empty, ok};
use crate::request::Request;
use crate::router::{Route, get};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/object_info", classes),
        get("/object_info/{class}", class),
        get("/system_stats", system),
        get("/features", flags),
        get("/embeddings", embeddings),
        get("/models", folders),
        get("/models/{folder}", folder),
        get("/extensions", extensions),
        get("/workflow_templates", nothing),
        get("/i18n", nothing),
    ]
}

/// All classes; one whose entry cannot be made is left out.
async fn classes(app: Arc<App>, _: Request) -> Answer {
    let entries = app.registry.iter().filter_map(|node| Some((node.class().to_owned(), node.info(&app.folders).ok()?)));
    ok(&Value::Object(entries.collect()))
}

async fn class(app: Arc<App>, request: Request) -> Answer {
    let mut out = Map::new();
    if let Some(node) = app.registry.get(request.segment(0)) {
        out.insert(node.class().to_owned(), node.info(&app.folders)?);
    }
    ok(&Value::Object(out))
}

async fn flags(_: Arc<App>, _: Request) -> Answer {
    ok(&features())
}

/// No front end, no scripts.
async fn extensions(_: Arc<App>, _: Request) -> Answer {
    ok(&json!([]))
}

/// No node packs, so none of their templates and translations.
async fn nothing(_: Arc<App>, _: Request) -> Answer {
    ok(&json!({}))
}

async fn folders(_: Arc<App>, _: Request) -> Answer {
    ok(&json!(models::names()))
}

async fn folder(app: Arc<App>, request: Request) -> Answer {
    match app.folders.models(request.segment(0)) {
        None => Ok(empty(StatusCode::NOT_FOUND)),
        Some(files) => ok(&json!(files)),
    }
}

async fn embeddings(app: Arc<App>, _: Request) -> Answer {
    let files = app.folders.models("embeddings").unwrap_or_default();
    let names: Vec<_> = files.iter().map(|file| splitext(file).0).collect();
    ok(&json!(names))
}

/// The versions are those of the server that is emulated. There is no Python, no torch and no card here, and the
/// answer says so; nothing measures the memory, so its figures are 0.
async fn system(app: Arc<App>, _: Request) -> Answer {
    let mut stats = stats(app.folders.base());
    app.faults.falling_vram(&mut stats);
    ok(&stats)
}

fn stats(base: &Path) -> Value {
    let this = concat!("comfy-sim ", env!("CARGO_PKG_VERSION"));
    json!({
        "system": {
            "os": "posix",
            "ram_total": 0,
            "ram_free": 0,
            "comfyui_version": "0.3.64",
            "required_frontend_version": "1.27.10",
            "installed_templates_version": "0.1.95",
            "required_templates_version": "0.1.95",
            "python_version": format!("none ({this})"),
            "pytorch_version": format!("none ({this})"),
            "embedded_python": false,
            "argv": ["comfy-sim", "--base-directory", base.to_string_lossy()],
        },
        "devices": [{
            "name": "comfy-sim (embedded server, no device, models are simulated)",
            "type": "cpu",
            "index": null,
            "vram_total": 0,
            "vram_free": 0,
            "torch_vram_total": 0,
            "torch_vram_free": 0,
        }],
    })
}
