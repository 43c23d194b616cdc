//! `/history`.

use std::sync::Arc;

use http::StatusCode;

use crate::app::App;
use crate::history::History;
use crate::py::{self, Raised};
use crate::reply::{Answer, empty, ok};
use crate::request::Request;
use crate::router::{Route, get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/history", page), get("/history/{id}", one), post("/history", change)]
}

async fn page(app: Arc<App>, request: Request) -> Answer {
    let number = |name| match request.query(name) {
        None => Ok(None),
        Some(text) => py::small_int(text).map(Some).ok_or_else(|| py::no_int(text)),
    };
    let (max, offset) = (number("max_items")?, number("offset")?);
    ok(&app.queue.history(|history| history.page(max, offset)))
}

async fn one(app: Arc<App>, request: Request) -> Answer {
    ok(&app.queue.history(|history| history.one(request.segment(0))))
}

async fn change(app: Arc<App>, mut request: Request) -> Answer {
    let body = request.json().await?;
    if py::contains(&body, "clear")? && py::truthy(py::item(&body, "clear")?) {
        app.queue.history(History::clear);
    }
    if py::contains(&body, "delete")? {
        for id in py::each(py::item(&body, "delete")?)? {
            // Python looks nothing up in an empty dictionary.
            let unhashable = id.is_array() || id.is_object();
            if unhashable && !app.queue.history(|history| history.is_empty()) {
                return Err(Raised::type_error(format!("unhashable type: '{}'", py::type_name(&id))).into());
            }
            if let Some(id) = id.as_str() {
                app.queue.history(|history| history.delete(id));
            }
        }
    }
    Ok(empty(StatusCode::OK))
}
