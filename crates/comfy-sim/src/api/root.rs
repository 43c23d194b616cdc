//! `/`: a page of this server's own, in place of ComfyUI's front end, and a style sheet in place of the plugin's.

use std::sync::Arc;

use http::StatusCode;
use http::header::{CACHE_CONTROL, EXPIRES, PRAGMA};

use super::files::send_text;
use crate::app::App;
use crate::py::path::normpath;
use crate::reply::{Answer, Fault, no_file, set_default};
use crate::request::Request;
use crate::router::{Route, get};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/", root), get("/index.html", page).bare_only()]
}

/// The plugin's folder of styles.
pub(super) fn of_plugin() -> Vec<Route> {
    vec![get("/old_css", style).bare_only(), get("/old_css/{*file}", style).bare_only()]
}

async fn style(app: Arc<App>, request: Request) -> Answer {
    match normpath(request.segments.first().map_or("", String::as_str)).as_str() {
        "style.css" => Ok(send_text(&request, "body { font-family: sans-serif; }\n", app.started, "text/css")),
        // The folder itself.
        "." => Err(Fault::Status(StatusCode::FORBIDDEN)),
        out if out.starts_with("..") => Err(Fault::Status(StatusCode::NOT_FOUND)),
        _ => Ok(no_file(&request.method)),
    }
}

async fn root(app: Arc<App>, request: Request) -> Answer {
    let mut response = page(app, request).await?;
    set_default(&mut response, CACHE_CONTROL, "no-cache");
    set_default(&mut response, PRAGMA, "no-cache");
    set_default(&mut response, EXPIRES, "0");
    Ok(response)
}

async fn page(app: Arc<App>, request: Request) -> Answer {
    let classes: Vec<_> = app.registry.iter().map(|node| format!("<li>{}</li>", node.class())).collect();
    let logout = if app.guard.is_some() { "<p><a id=\"logout\" href=\"/logout\">Log out</a></p>" } else { "" };
    let text = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>comfy-sim</title></head><body>\
         <h1>comfy-sim</h1><p>An embedded server that speaks ComfyUI's API. It has no front end.</p>\
         <p><a href=\"/queue\">queue</a> <a href=\"/history\">history</a> <a href=\"/system_stats\">system</a></p>\
         <h2>Nodes</h2><ul>{}</ul>{logout}</body></html>\n",
        classes.concat()
    );
    Ok(send_text(&request, &text, app.started, "text/html"))
}
