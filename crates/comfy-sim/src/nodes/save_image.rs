//! `SaveImage`: numbered PNG files that carry their prompt.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use serde_json::{Value, json};

use super::numbers::{Numbers, Series};
use super::{Call, Node, Use, Yield};
use crate::clock::Calendar;
use crate::png_text;
use crate::py::path::{absolute, basename, common, dirname, inside, normpath};
use crate::py::{self, Raised, json::dumps};
use crate::tensor::{CHANNELS, Images};

/// How many pixels are saved on the event loop, into a folder that need not be listed: it takes less than the way to
/// another thread and back.
const LIGHT: usize = 64 * 64;

pub(crate) struct SaveImage;

impl Node for SaveImage {
    fn class(&self) -> &'static str {
        "SaveImage"
    }

    fn is_light(&self, call: &Call<'_>) -> bool {
        call.text("filename_prefix", "ComfyUI").is_ok_and(|prefix| is_light(call, &call.folders.output(), &prefix))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let prefix = call.text("filename_prefix", "ComfyUI")?;
        save(call, &call.folders.output(), "output", &prefix)
    }
}

/// Whether [`save`] takes microseconds.
pub(super) fn is_light(call: &Call<'_>, folder: &Path, prefix: &str) -> bool {
    let small = call.images("images", Use::Attribute("shape")).is_ok_and(|images| images.values.len() <= LIGHT * CHANNELS);
    let folder = || inside(folder, dirname(&normpath(prefix)));
    small && folder().is_some_and(|folder| call.folders.numbers().knows(&folder))
}

/// Saves the batch below `folder` and shows the files under this `type`.
pub(super) fn save(call: &Call<'_>, folder: &Path, kind: &str, prefix: &str) -> Result<Yield, Raised> {
    let images = call.images("images", Use::First)?;
    let prefix = expand(prefix, images, call);
    let numbers = call.folders.numbers();
    let place = Place::find(numbers, folder, &prefix)?;
    let text = metadata(call)?;
    if images.values.is_empty() {
        return Err(Raised::new("ValueError", "cannot write empty image"));
    }
    let mut shown = Vec::new();
    for (index, pixels) in images.rgb8().enumerate() {
        let name = place.filename.replace("%batch_num%", &index.to_string());
        let file = format!("{name}_{:05}_.png", place.counter.saturating_add(i64::try_from(index).unwrap_or_default()));
        let path = place.folder.join(&file);
        let bytes = encode(images, &pixels, &text)?;
        fs::write(&path, bytes).map_err(|e| os_error(&e, &path))?;
        numbers.put(&place.folder, &file);
        shown.push(json!({"filename": file, "subfolder": place.subfolder, "type": kind}));
    }
    Ok(Yield { ui: Some(json!({"images": shown})), ..Yield::default() })
}

/// Fills in `%width%`, `%year%` and their like. The calendar is UTC; ComfyUI takes its own time zone.
fn expand(prefix: &str, images: &Images, call: &Call<'_>) -> String {
    if !prefix.contains('%') {
        return prefix.to_owned();
    }
    let now = Calendar::of(call.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    prefix
        .replace("%width%", &images.width.to_string())
        .replace("%height%", &images.height.to_string())
        .replace("%year%", &now.year.to_string())
        .replace("%month%", &format!("{:02}", now.month))
        .replace("%day%", &format!("{:02}", now.day))
        .replace("%hour%", &format!("{:02}", now.hour))
        .replace("%minute%", &format!("{:02}", now.minute))
        .replace("%second%", &format!("{:02}", now.second))
}

/// Where the next file goes.
struct Place {
    folder: PathBuf,
    filename: String,
    subfolder: String,
    counter: i64,
}

impl Place {
    fn find(numbers: &Numbers, base: &Path, prefix: &str) -> Result<Self, Raised> {
        let norm = normpath(prefix);
        let (subfolder, filename) = (dirname(&norm), basename(&norm));
        let Some(folder) = inside(base, subfolder) else {
            let folder = absolute(base, subfolder);
            return Err(Raised::new(
                "Exception",
                format!(
                    "**** ERROR: Saving image outside the output folder is not allowed.\n full_output_folder: {}\n         \
                     output_dir: {}\n         commonpath: {}",
                    folder.display(),
                    base.display(),
                    common(base, &folder).display()
                ),
            ));
        };
        let series = Series { filename: filename.to_owned(), length: basename(prefix).chars().count() };
        let counter = match numbers.next(&folder, &series) {
            Ok(counter) => counter,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder).map_err(|e| os_error(&e, &folder))?;
                1
            }
            Err(e) => return Err(os_error(&e, &folder)),
        };
        Ok(Self { folder, filename: series.filename, subfolder: subfolder.to_owned(), counter })
    }
}

/// `prompt` first, then what the front end wants kept.
fn metadata(call: &Call<'_>) -> Result<Vec<(String, String)>, Raised> {
    let mut text = vec![("prompt".to_owned(), dumps(call.prompt))];
    match call.extra_pnginfo {
        None | Some(Value::Null) => {}
        Some(Value::Object(extra)) => {
            text.extend(extra.iter().map(|(key, value)| (key.clone(), dumps(value))));
        }
        // Python looks up in it what it yields.
        Some(other) => match py::each(other)?.first() {
            None => {}
            Some(first) if other.is_array() && first.is_i64() => {
                return Err(Raised::new("IndexError", "list index out of range"));
            }
            Some(_) => return py::item(other, "").map(|_| text),
        },
    }
    text.extend(super::simulated::note(call.prompt));
    Ok(text)
}

fn encode(images: &Images, pixels: &[u8], text: &[(String, String)]) -> Result<Vec<u8>, Raised> {
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(pixels, size(images.width), size(images.height), ExtendedColorType::Rgb8)
        .map_err(|e| Raised::new("OSError", e.to_string()))?;
    let no_latin = "'latin-1' codec can't encode a keyword: ordinal not in range(256)";
    png_text::with_text(&png, text).ok_or_else(|| Raised::new("UnicodeEncodeError", no_latin))
}

/// The `OSError` that Python raises for the file.
pub(crate) fn os_error(error: &io::Error, path: &Path) -> Raised {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => "FileNotFoundError",
        io::ErrorKind::PermissionDenied => "PermissionError",
        io::ErrorKind::AlreadyExists => "FileExistsError",
        io::ErrorKind::IsADirectory => "IsADirectoryError",
        io::ErrorKind::NotADirectory => "NotADirectoryError",
        io::ErrorKind::Interrupted => "InterruptedError",
        io::ErrorKind::TimedOut => "TimeoutError",
        _ => "OSError",
    };
    // Rust's text is the system's, with the number behind it.
    let text = error.to_string();
    let text = match error.raw_os_error() {
        Some(number) => format!("[Errno {number}] {}", text.trim_end_matches(&format!(" (os error {number})"))),
        None => text,
    };
    Raised::new(kind, format!("{text}: {}", py::quote(&path.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_has_its_number() {
        for (number, kind, text) in [
            (2, "FileNotFoundError", "[Errno 2] No such file or directory: '/out/x'"),
            (13, "PermissionError", "[Errno 13] Permission denied: '/out/x'"),
            (17, "FileExistsError", "[Errno 17] File exists: '/out/x'"),
            (21, "IsADirectoryError", "[Errno 21] Is a directory: '/out/x'"),
            (28, "OSError", "[Errno 28] No space left on device: '/out/x'"),
            (36, "OSError", "[Errno 36] File name too long: '/out/x'"),
        ] {
            assert_eq!(os_error(&io::Error::from_raw_os_error(number), Path::new("/out/x")), Raised::new(kind, text));
        }
    }

    #[test]
    fn files_stay_in_their_folder() {
        let (dir, numbers) = (tempfile::tempdir().expect("a folder"), Numbers::default());
        for (prefix, found) in [("a/b/c", Some(("a/b", "c"))), ("x/../c", Some(("", "c"))), ("../c", None), ("/c", None)] {
            let place = Place::find(&numbers, dir.path(), prefix);
            assert_eq!(place.as_ref().ok().map(|p| (p.subfolder.as_str(), p.filename.as_str())), found, "{prefix}");
        }
        assert!(dir.path().join("a/b").is_dir());
        let raised = Place::find(&numbers, Path::new("/comfy/output"), "../x/y").err().expect("refused");
        let told: Vec<&str> = raised.text.lines().map(str::trim).skip(1).collect();
        assert_eq!(told, ["full_output_folder: /comfy/x", "output_dir: /comfy/output", "commonpath: /comfy"]);
    }
}
