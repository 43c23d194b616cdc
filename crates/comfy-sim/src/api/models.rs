//! `/view_metadata` and `/experiment/models`: what lies in the model folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use http::StatusCode;
use serde_json::{Value, json};

use super::files::{created, seconds};
use super::{apart, view};
use crate::app::App;
use crate::picture::Opened;
use crate::py::path::{basename, inside, splitext};
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, empty, full, ok};
use crate::request::Request;
use crate::router::{Route, get};
use crate::{mime, models};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/view_metadata/{folder}", metadata),
        get("/experiment/models", folders),
        get("/experiment/models/{folder}", files),
        get("/experiment/models/preview/{folder}/{index}/{*file}", preview),
    ]
}

async fn metadata(app: Arc<App>, request: Request) -> Answer {
    let file = request.query("filename").filter(|name| name.ends_with(".safetensors"));
    let path = file.and_then(|file| models::find(app.folders.base(), request.segment(0), file));
    if path.is_none() && file.is_some_and(|file| app.folders.pretended(request.segment(0)).any(|name| name == file)) {
        return ok(&json!({"format": "comfy-sim"}));
    }
    let header = apart(move || Ok(path.map(|path| models::header(&path, 1024 * 1024)).transpose()?.flatten())).await?;
    match header.as_ref().and_then(|header| header.get("__metadata__")) {
        Some(metadata) => ok(metadata),
        None => Ok(empty(StatusCode::NOT_FOUND)),
    }
}

async fn folders(app: Arc<App>, _: Request) -> Answer {
    let shown = models::names().into_iter().filter(|name| !matches!(*name, "configs" | "custom_nodes"));
    ok(&shown.map(|name| json!({"name": name, "folders": models::folders(app.folders.base(), name)})).collect())
}

async fn files(app: Arc<App>, request: Request) -> Answer {
    apart(move || list(&app, &request)).await
}

fn list(app: &App, request: &Request) -> Answer {
    let Some(files) = models::listing(app.folders.base(), request.segment(0)) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let entries = files.into_iter().filter_map(|(index, path, name)| {
        let facts = path.metadata().ok()?;
        let modified = seconds(facts.modified().ok()?);
        Some(json!({"name": name, "pathIndex": index, "modified": modified, "created": created(&facts), "size": facts.len()}))
    });
    let mut entries: Vec<Value> = entries.collect();
    let started = seconds(app.started);
    for name in app.folders.pretended(request.segment(0)) {
        if entries.iter().all(|entry| entry["name"] != name) {
            entries.push(json!({"name": name, "pathIndex": 0, "modified": started, "created": started, "size": 0}));
        }
    }
    ok(&Value::Array(entries))
}

/// The picture beside a model, or inside of it. As in ComfyUI the name may lead out of the model folder, so that any
/// picture can be read; here no further than to the end of the ComfyUI folder.
async fn preview(app: Arc<App>, request: Request) -> Answer {
    let index = request.segment(1);
    let index = py::small_int(index).ok_or_else(|| py::no_int(index))?;
    let Some(folders) = models::folders(app.folders.base(), request.segment(0)) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let count = i64::try_from(folders.len()).unwrap_or_default();
    let at = usize::try_from(if index < 0 { index + count } else { index }).ok();
    let folder = at.and_then(|at| folders.get(at)).ok_or_else(|| Raised::new("IndexError", "list index out of range"))?;
    let model = folder.join(request.segment(2));
    let Some(path) = inside(app.folders.base(), &model.to_string_lossy()) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let made = apart(move || Ok(picture(&path)?.and_then(|bytes| webp(&bytes)))).await?;
    Ok(match made {
        Some(webp) => full(StatusCode::OK, "image/webp", webp),
        None => empty(StatusCode::NOT_FOUND),
    })
}

fn picture(model: &Path) -> Result<Option<Vec<u8>>, Fault> {
    let model = model.to_string_lossy();
    let stem = basename(splitext(&model).0).to_owned();
    let beside = model.strip_suffix(basename(&model)).map(PathBuf::from).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(&beside) else {
        return Ok(None);
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| name.starts_with(&format!("{stem}."))).collect();
    for name in &names {
        let is_picture = mime::guess(name).is_some_and(|kind| kind.starts_with("image/"));
        let of = splitext(name).0;
        if is_picture && (of == stem || of.strip_suffix(".preview") == Some(&stem)) {
            return Ok(std::fs::read(beside.join(name)).ok());
        }
    }
    let Some(model) = names.iter().find(|name| name.ends_with(".safetensors")) else {
        return Ok(None);
    };
    let header = models::header(&beside.join(model), 8 * 1024 * 1024)?.unwrap_or_default();
    let covers = header["__metadata__"]["ssmd_cover_images"].as_str();
    let covers = covers.and_then(|covers| serde_json::from_str::<Value>(covers).ok()).unwrap_or_default();
    Ok(covers[0].as_str().and_then(|cover| BASE64.decode(cover.as_bytes()).ok()))
}

/// Without loss, unlike ComfyUI's: the encoder here knows no other WebP.
fn webp(bytes: &[u8]) -> Option<Vec<u8>> {
    view::webp(&Opened::new(bytes, Path::new("")).and_then(Opened::loaded).ok()?, false).ok()
}
