//! `/upload/image`.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tokio::fs;

use crate::app::App;
use crate::form::{Field, Form};
use crate::py::path::{inside, normpath, splitext};
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, empty, ok};
use crate::request::Request;
use crate::router::{Route, post};

pub(super) fn routes() -> Vec<Route> {
    vec![post("/upload/image", image)]
}

async fn image(app: Arc<App>, mut request: Request) -> Answer {
    let form = Form::read(&mut request).await?;
    let kind = form.text("type")?.unwrap_or("input");
    let unbound = || Raised::new("UnboundLocalError", "no folder is of that type");
    let folder = app.folders.of_type(kind).ok_or_else(unbound)?;
    let (name, bytes) = match form.get("image") {
        None => return Ok(empty(StatusCode::BAD_REQUEST)),
        Some(Field::Text(text)) if text.is_empty() => return Ok(empty(StatusCode::BAD_REQUEST)),
        Some(Field::Text(text)) => return Err(py::no_attribute(&json!(text), "file").into()),
        Some(Field::File { name, bytes }) => (name, bytes),
    };
    let subfolder = form.text("subfolder")?.unwrap_or("");
    let asked = format!("{}/{name}", normpath(subfolder));
    // An absolute name or subfolder takes the place of what stands before it.
    let asked = if name.starts_with('/') { name.clone() } else { asked };
    let (Some(path), Some(into)) = (inside(&folder, &asked), inside(&folder, &normpath(subfolder))) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    fs::create_dir_all(&into).await?;
    let overwrite = matches!(form.text("overwrite"), Ok(Some("true" | "1")));
    let name = if overwrite {
        fs::write(&path, bytes).await?;
        name.clone()
    } else {
        store(path, &into, name, bytes).await?
    };
    ok(&json!({"name": name, "subfolder": subfolder, "type": kind}))
}

/// Writes under the first free name, unless a file of such a name has the same content.
async fn store(mut path: PathBuf, folder: &std::path::Path, name: &str, bytes: &Bytes) -> Result<String, Fault> {
    let (stem, extension) = splitext(name);
    let mut free = name.to_owned();
    let mut count = 1;
    while fs::try_exists(&path).await? {
        if fs::read(&path).await? == bytes.as_ref() {
            return Ok(free);
        }
        free = format!("{stem} ({count}){extension}");
        path = folder.join(&free);
        count += 1;
    }
    fs::write(&path, bytes).await?;
    Ok(free)
}
