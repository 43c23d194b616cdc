//! `/prompt`: submit, and how much is left.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::events::exec_info;
use crate::graph;
use crate::py::{self, Raised};
use crate::queue::Item;
use crate::reply::{Answer, Fault, json as reply, ok};
use crate::request::Request;
use crate::router::{Route, get, post};
use crate::validate::{self, Verdict};

/// How many nodes are validated on the event loop.
const LIGHT: usize = 32;

pub(super) fn routes() -> Vec<Route> {
    vec![get("/prompt", remaining), post("/prompt", submit)]
}

async fn remaining(app: Arc<App>, _: Request) -> Answer {
    ok(&exec_info(app.queue.remaining()))
}

async fn submit(app: Arc<App>, mut request: Request) -> Answer {
    app.logs.add(&app, "got prompt\n");
    let body = request.json().await?;
    // The number is taken before anything is looked at, so that a refused prompt uses one up too.
    let number = if py::contains(&body, "number")? {
        py::json::of_float(py::float_of(py::item(&body, "number")?)?)
    } else {
        let front = py::contains(&body, "front")? && py::truthy(py::item(&body, "front")?);
        Value::Number(app.queue.number(front))
    };
    if !py::contains(&body, "prompt")? {
        let text = "No prompt provided";
        let error = json!({"type": "no_prompt", "message": text, "details": text, "extra_info": {}});
        return Ok(refuse(&error, &json!({})));
    }
    let Value::Object(mut body) = body else {
        return Err(py::no_attribute(&body, "get").into());
    };
    let minted = app.chance.uuid4().to_string();
    let id = body.get("prompt_id").map_or(minted, py::str_of);
    let prompt = nodes(body.shift_remove("prompt").unwrap_or_default())?;
    let targets = body.shift_remove("partial_execution_targets");

    let (verdict, prompt) = judge(&app, prompt, targets).await?;

    // A refused prompt's `extra_data` is touched only to put the client id into it.
    let named = body.contains_key("client_id");
    let extra_data = extra_data(&mut body);
    match verdict {
        Verdict::Refused { error, node_errors } => {
            if named {
                extra_data?;
            }
            app.logs.add(&app, format!("invalid prompt: {}\n", py::repr(&error)));
            Ok(refuse(&error, &node_errors))
        }
        Verdict::Accepted { outputs, node_errors } => {
            let (outputs, node_errors) = app.faults.partial_prompt(&prompt, outputs, node_errors);
            app.queue.put(Item {
                number: number.clone(),
                id: id.clone(),
                prompt: prompt.into(),
                extra_data: extra_data?.into(),
                outputs,
            })?;
            ok(&json!({"prompt_id": id, "number": number, "node_errors": node_errors}))
        }
    }
}

/// Validates the prompt, off the event loop unless it is small and no file is read for it.
async fn judge(
    app: &Arc<App>,
    mut prompt: Map<String, Value>,
    targets: Option<Value>,
) -> Result<(Verdict, Map<String, Value>), Fault> {
    let (registry, shared) = (app.registry, app.clone());
    let is_light = |id: &String| graph::node(registry, &prompt, id).is_some_and(|node| !node.reads_files());
    let light = prompt.len() <= LIGHT && prompt.keys().all(is_light);
    let judge = move || {
        let verdict = validate::prompt(registry, &shared.folders, &mut prompt, targets.as_ref());
        verdict.map(|verdict| (verdict, prompt))
    };
    if light {
        return Ok(judge()?);
    }
    let judged = tokio::task::spawn_blocking(judge).await;
    Ok(judged.map_err(|_| Raised::new("RuntimeError", "validation stopped"))??)
}

fn refuse(error: &Value, node_errors: &Value) -> crate::reply::Response {
    reply(StatusCode::BAD_REQUEST, &json!({"error": error, "node_errors": node_errors}))
}

/// The prompt as nodes by id. An empty list or text has no outputs either; what else is no dictionary raises.
fn nodes(prompt: Value) -> Result<Map<String, Value>, Raised> {
    match prompt {
        Value::Object(nodes) => Ok(nodes),
        Value::Array(list) if list.is_empty() => Ok(Map::new()),
        Value::String(text) if text.is_empty() => Ok(Map::new()),
        other => Err(Raised::type_error(format!("'{}' object is no prompt", py::type_name(&other)))),
    }
}

/// `extra_data` with the client id in it. What is no dictionary raises here; the real server would take it without a
/// client id, and lose its worker over it.
fn extra_data(body: &mut Map<String, Value>) -> Result<Map<String, Value>, Raised> {
    let mut extra = match body.shift_remove("extra_data") {
        None => Map::new(),
        Some(Value::Object(extra)) => extra,
        Some(other) => {
            let text = format!("'{}' object does not support item assignment", py::type_name(&other));
            return Err(Raised::type_error(text));
        }
    };
    if let Some(client) = body.shift_remove("client_id") {
        extra.insert("client_id".to_owned(), client);
    }
    Ok(extra)
}
