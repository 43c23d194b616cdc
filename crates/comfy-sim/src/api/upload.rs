//! `/upload/image` and `/upload/mask`.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use image::ImageFormat;
use serde_json::{Value, json};

use super::apart;
use crate::app::App;
use crate::form::{Field, Form};
use crate::picture::{Frame, Opened};
use crate::png_text::{texts, with_text};
use crate::py::json::loads;
use crate::py::path::{inside, normpath, splitext};
use crate::py::{self, Raised};
use crate::reply::{Answer, Fault, empty, ok};
use crate::request::Request;
use crate::router::{Route, post};

pub(super) fn routes() -> Vec<Route> {
    vec![post("/upload/image", image), post("/upload/mask", mask)]
}

async fn image(app: Arc<App>, mut request: Request) -> Answer {
    let form = Form::read(&mut request).await?;
    let _turn = app.files.lock().await;
    let shared = app.clone();
    apart(move || upload(&shared, &form, |bytes| Ok(Some(bytes.clone())))).await
}

async fn mask(app: Arc<App>, mut request: Request) -> Answer {
    let form = Form::read(&mut request).await?;
    let _turn = app.files.lock().await;
    let shared = app.clone();
    apart(move || upload(&shared, &form, |mask| with_mask(&shared, &form, mask))).await
}

/// The original with the transparency of the picture that is sent. Where there is no original nothing is written, and
/// the answer is the same.
fn with_mask(app: &App, form: &Form, mask: &Bytes) -> Result<Option<Bytes>, Fault> {
    let original = form
        .text("original_ref")?
        .ok_or_else(|| Raised::type_error("the JSON object must be str, bytes or bytearray, not NoneType"))?;
    let original = loads(original)?;
    match original_path(app, &original)? {
        Some(path) if path.is_file() => masked(&path, mask).map(Some),
        _ => Ok(None),
    }
}

/// The file that `original_ref` names; `None` if it names none that may be read.
fn original_path(app: &App, original: &Value) -> Result<Option<PathBuf>, Raised> {
    let name = py::item(original, "filename")?;
    let name = name.as_str().ok_or_else(|| py::no_attribute(name, "endswith"))?;
    let (name, folder) = app.folders.annotated(name);
    if name.is_empty() || name.starts_with('/') || name.contains("..") {
        return Ok(None);
    }
    let kind = original.get("type").map_or("output".to_owned(), py::str_of);
    let Some(folder) = folder.or_else(|| app.folders.of_type(&kind)) else {
        return Ok(None);
    };
    match original.get("subfolder") {
        None => Ok(Some(folder.join(name))),
        Some(Value::String(subfolder)) => Ok(inside(&folder, subfolder).map(|folder| folder.join(name))),
        Some(other) => Err(Raised::type_error(format!(
            "join() argument must be str, bytes, or os.PathLike object, not '{}'",
            py::type_name(other)
        ))),
    }
}

/// The original's colours and texts, the mask's transparency.
fn masked(original: &Path, mask: &[u8]) -> Result<Bytes, Fault> {
    let file = fs::read(original)?;
    let mut picture = Opened::new(&file, original)?.loaded()?;
    let mask = Opened::new(mask, Path::new("mask"))?.loaded()?;
    if (picture.width, picture.height) != (mask.width, mask.height) {
        return Err(Raised::new("ValueError", "images do not match").into());
    }
    // Looking for texts at its end, Pillow loses the palette of an animation.
    if file.get(25) == Some(&3) && file.windows(4).any(|name| name == b"acTL") {
        picture.rgb.fill(0);
    }
    let alpha = mask.alpha.unwrap_or_else(|| vec![255; mask.width * mask.height]);
    let mut png = Cursor::new(Vec::new());
    let written = Frame { alpha: Some(alpha), ..picture }.image(true).write_to(&mut png, ImageFormat::Png);
    written.map_err(|e| Raised::new("OSError", e.to_string()))?;
    let png = png.into_inner();
    Ok(with_text(&png, &texts(&file)).unwrap_or(png).into())
}

/// Stores the picture of a form as what `make` makes of it; nothing, where that is nothing.
fn upload(app: &App, form: &Form, make: impl Fn(&Bytes) -> Result<Option<Bytes>, Fault>) -> Answer {
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
    let (Some(path), Some(into)) = (inside(&folder, &asked), inside(&folder, &normpath(subfolder))) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    fs::create_dir_all(&into)?;
    let overwrite = matches!(form.text("overwrite"), Ok(Some("true" | "1")));
    let (path, name) = if overwrite { (Some(path), name.clone()) } else { free(path, &into, name, bytes)? };
    if let Some(path) = path
        && let Some(made) = make(bytes)?
    {
        fs::write(path, made)?;
    }
    ok(&json!({"name": name, "subfolder": subfolder, "type": kind}))
}

/// The first free name, and its path unless a file of such a name has the same content already.
fn free(mut path: PathBuf, folder: &Path, name: &str, bytes: &Bytes) -> Result<(Option<PathBuf>, String), Fault> {
    let (stem, extension) = splitext(name);
    let mut free = name.to_owned();
    let mut count = 1;
    while fs::exists(&path)? {
        if fs::read(&path)? == bytes.as_ref() {
            return Ok((None, free));
        }
        free = format!("{stem} ({count}){extension}");
        path = folder.join(&free);
        count += 1;
    }
    Ok((Some(path), free))
}
