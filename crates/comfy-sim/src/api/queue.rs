//! `/queue`, `/interrupt` and `/free`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::py;
use crate::queue::Flags;
use crate::reply::{Answer, Fault, empty, ok};
use crate::request::Request;
use crate::router::{Route, get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/queue", list), post("/queue", change), post("/interrupt", interrupt), post("/free", free)]
}

async fn list(app: Arc<App>, _: Request) -> Answer {
    let (running, pending) = app.queue.listing();
    ok(&json!({"queue_running": running, "queue_pending": pending}))
}

async fn change(app: Arc<App>, mut request: Request) -> Answer {
    let body = request.json().await?;
    if py::contains(&body, "clear")? && py::truthy(py::item(&body, "clear")?) {
        app.queue.clear();
    }
    if py::contains(&body, "delete")? {
        for id in py::each(py::item(&body, "delete")?)? {
            if let Some(id) = id.as_str() {
                app.queue.delete(id);
            }
        }
    }
    Ok(empty(StatusCode::OK))
}

/// With a prompt id only that prompt, if it runs; without one, or with a body that is no JSON, whatever runs.
async fn interrupt(app: Arc<App>, mut request: Request) -> Answer {
    let body = match request.json().await {
        Err(Fault::Raised(raised)) if raised.kind == "json.decoder.JSONDecodeError" => json!({}),
        other => other?,
    };
    let wanted = py::get(&body, "prompt_id")?.filter(|id| py::truthy(id));
    let runs = wanted.is_none_or(|id| id.as_str().is_some_and(|id| app.queue.is_running(id)));
    if runs {
        app.interrupt.store(true, Ordering::Relaxed);
    }
    let said = match wanted.map(py::str_of) {
        None => "Global interrupt (no prompt_id specified)\n".to_owned(),
        Some(id) if runs => format!("Interrupting prompt {id}\n"),
        Some(id) => format!("Prompt {id} is not currently running, skipping interrupt\n"),
    };
    app.logs.add(&app, said);
    Ok(empty(StatusCode::OK))
}

async fn free(app: Arc<App>, mut request: Request) -> Answer {
    let body = request.json().await?;
    let asked = |name| Ok::<_, py::Raised>(py::get(&body, name)?.is_some_and(py::truthy));
    let flags = Flags { unload_models: asked("unload_models")?, free_memory: asked("free_memory")? };
    if flags != Flags::default() {
        app.queue.flag(flags);
    }
    Ok(empty(StatusCode::OK))
}
