//! `/userdata`: the files of a user, and `/users`.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::fs;

use super::apart;
use super::files::{created, relative, seconds, send};
use crate::app::App;
use crate::mime;
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, Response, called, empty, json as reply, ok, text};
use crate::request::Request;
use crate::router::{Route, delete, get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/users", users),
        post("/users", add_user),
        get("/userdata", list),
        get("/v2/userdata", list_all),
        get("/userdata/{file}", read),
        post("/userdata/{file}", write),
        delete("/userdata/{file}", remove),
        post("/userdata/{file}/move/{dest}", rename),
    ]
}

async fn users(app: Arc<App>, _: Request) -> Answer {
    ok(&app.users.listing())
}

async fn add_user(app: Arc<App>, mut request: Request) -> Answer {
    let body = request.json().await?;
    let name = py::item(&body, "username")?;
    if app.users.has(name) {
        return Ok(reply(StatusCode::BAD_REQUEST, &json!({"error": "Duplicate username."})));
    }
    let name = name.as_str().ok_or_else(|| py::no_attribute(name, "strip"))?;
    ok(&json!(app.users.add(name, &app.chance).await?))
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    Ok(text(status, why.to_owned()))
}

fn is_true(request: &Request, name: &str) -> bool {
    request.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

async fn list(app: Arc<App>, request: Request) -> Answer {
    let folder = request.query("dir").unwrap_or_default();
    if folder.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "Directory not provided");
    }
    let Some(folder) = app.users.file(&request, folder).await? else {
        return refuse(StatusCode::FORBIDDEN, "Invalid directory");
    };
    if !folder.exists() {
        return refuse(StatusCode::NOT_FOUND, "Directory not found");
    }
    apart(move || files(&request, &folder)).await
}

/// The files of a folder in the file system's own order, those of each folder before those below.
fn files(request: &Request, folder: &Path) -> Answer {
    let (full, split) = (is_true(request, "full_info"), is_true(request, "split"));
    let mut out = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let mut below = Vec::new();
        for path in entries(&next).into_iter().filter(|path| !is_hidden(path)) {
            if path.is_dir() {
                below.push(path);
                continue;
            }
            let name = relative(&path, folder);
            out.push(if full {
                info(&path, folder)?
            } else if split {
                std::iter::once(name.as_str()).chain(name.split('/')).map(Value::from).collect()
            } else {
                json!(name)
            });
        }
        if is_true(request, "recurse") {
            folders.extend(below.into_iter().rev());
        }
    }
    ok(&Value::Array(out))
}

async fn list_all(app: Arc<App>, request: Request) -> Answer {
    let asked = percent_decode_str(request.query("path").unwrap_or_default()).decode_utf8_lossy().into_owned();
    let Ok(home) = app.users.home(&request) else {
        return refuse(StatusCode::FORBIDDEN, "Invalid user specified in request");
    };
    let Some(folder) = app.users.find(&request, &asked)? else {
        return refuse(StatusCode::BAD_REQUEST, "Invalid path requested");
    };
    if !folder.exists() {
        return if folder == home { ok(&json!([])) } else { refuse(StatusCode::NOT_FOUND, "Requested path not found") };
    }
    if !folder.is_dir() {
        return refuse(StatusCode::BAD_REQUEST, "Requested path is not a directory");
    }
    apart(move || tree(folder, &home)).await
}

fn tree(folder: PathBuf, home: &Path) -> Answer {
    let mut out = Vec::new();
    let mut folders = vec![folder];
    while let Some(next) = folders.pop() {
        for path in entries(&next) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut entry = json!({"name": name, "path": relative(&path, home), "type": "directory"});
            if !path.is_dir() {
                entry["type"] = json!("file");
                if let Ok(facts) = path.metadata() {
                    entry["size"] = json!(facts.len());
                    entry["modified"] = json!(modified(&facts)?);
                }
            } else if !path.is_symlink() {
                folders.push(path);
            }
            out.push((entry["type"] != "directory", name.to_lowercase(), entry));
        }
    }
    out.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
    ok(&out.into_iter().map(|(.., entry)| entry).collect())
}

/// The file of a path segment, or the answer that refuses it.
async fn named(app: &App, request: &Request, must_exist: bool) -> Result<Result<PathBuf, Response>, Fault> {
    Ok(match app.users.file(request, request.segment(0)).await? {
        None => Err(empty(StatusCode::FORBIDDEN)),
        Some(path) if must_exist && !path.exists() => Err(empty(StatusCode::NOT_FOUND)),
        Some(path) => Ok(path),
    })
}

async fn read(app: Arc<App>, request: Request) -> Answer {
    match named(&app, &request, true).await? {
        Err(refusal) => Ok(refusal),
        Ok(path) => send(&request, &path, mime::for_file(&path.to_string_lossy())).await,
    }
}

async fn write(app: Arc<App>, mut request: Request) -> Answer {
    let path = match named(&app, &request, false).await? {
        Err(refusal) => return Ok(refusal),
        Ok(path) => path,
    };
    if request.query("overwrite") == Some("false") && path.exists() {
        return refuse(StatusCode::CONFLICT, "File already exists");
    }
    let body = request.bytes().await?;
    let _turn = app.files.lock().await;
    match fs::write(&path, body).await {
        Ok(()) => written(&app, &request, &path),
        // A name with a NUL is no name for Python either, but another exception.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Err(error.into()),
        Err(_) => {
            let reason = "Invalid filename. Please avoid special characters like :\\/*?\"<>|";
            Ok(called(empty(StatusCode::BAD_REQUEST), reason))
        }
    }
}

/// What is told of a file that is there now.
fn written(app: &App, request: &Request, path: &Path) -> Answer {
    let home = app.users.home(request)?;
    if is_true(request, "full_info") { ok(&info(path, &home)?) } else { ok(&json!(relative(path, &home))) }
}

async fn remove(app: Arc<App>, request: Request) -> Answer {
    match named(&app, &request, true).await? {
        Err(refusal) => Ok(refusal),
        Ok(path) => {
            fs::remove_file(path).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
    }
}

async fn rename(app: Arc<App>, request: Request) -> Answer {
    let source = match named(&app, &request, true).await? {
        Err(refusal) => return Ok(refusal),
        Ok(path) => path,
    };
    // The real server moves to its own refusal here, and raises.
    let dest = app.users.file(&request, request.segment(1)).await?;
    let dest =
        dest.ok_or_else(|| Raised::type_error("stat: path should be string, bytes, os.PathLike or integer, not Response"))?;
    if request.query("overwrite") == Some("false") && dest.exists() {
        return refuse(StatusCode::CONFLICT, "File already exists");
    }
    app.logs.add(&app, format!("moving '{}' -> '{}'\n", source.display(), dest.display()));
    // Into a folder, unless it is the same one.
    let mut end = dest.clone();
    if dest.is_dir() && dest != source {
        end = dest.join(source.file_name().unwrap_or_default());
        if end.exists() {
            return Err(Raised::new("shutil.Error", format!("Destination path '{}' already exists", end.display())).into());
        }
    }
    fs::rename(source, end).await?;
    written(&app, &request, &dest)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn info(path: &Path, folder: &Path) -> Result<Value, Fault> {
    let facts = path.metadata()?;
    Ok(json!({
        "path": relative(path, folder),
        "size": facts.len(),
        "modified": modified(&facts)?,
        "created": created(&facts),
    }))
}

fn modified(facts: &Metadata) -> Result<f64, Fault> {
    Ok(seconds(facts.modified()?))
}
