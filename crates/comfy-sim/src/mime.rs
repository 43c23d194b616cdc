//! File types by extension, as Python's `mimetypes` knows them with ComfyUI's additions.

use crate::py::path::splitext;

const TYPES: &[(&str, &str)] = &[
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".jpe", "image/jpeg"),
    (".jfif", "image/jpeg"),
    (".gif", "image/gif"),
    (".webp", "image/webp"),
    (".bmp", "image/bmp"),
    (".svg", "image/svg+xml"),
    (".tif", "image/tiff"),
    (".tiff", "image/tiff"),
    (".ico", "image/vnd.microsoft.icon"),
    (".avif", "image/avif"),
    (".heic", "image/heic"),
    (".heif", "image/heif"),
    (".ppm", "image/x-portable-pixmap"),
    (".pgm", "image/x-portable-graymap"),
    (".mp4", "video/mp4"),
    (".webm", "video/webm"),
    (".mov", "video/quicktime"),
    (".avi", "video/x-msvideo"),
    (".mpeg", "video/mpeg"),
    (".mp3", "audio/mpeg"),
    (".wav", "audio/x-wav"),
    (".aac", "audio/aac"),
    (".opus", "audio/opus"),
    (".json", "application/json"),
    (".pdf", "application/pdf"),
    (".zip", "application/zip"),
    (".csv", "text/csv"),
    (".txt", "text/plain"),
    (".xml", "text/xml"),
    (".html", "text/html"),
    (".htm", "text/html"),
    (".css", "text/css"),
    (".js", "text/javascript"),
];

/// The type of a file name.
pub(crate) fn guess(name: &str) -> Option<&'static str> {
    let extension = splitext(name).1.to_ascii_lowercase();
    TYPES.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind)
}

/// The type under which `/view` hands a file out: what a browser would run is made a download.
pub(crate) fn for_view(name: &str) -> &'static str {
    match guess(name) {
        None | Some("text/html" | "text/css" | "text/javascript") => "application/octet-stream",
        Some(kind) => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_runs_is_a_download() {
        for (name, kind) in [
            ("a.PNG", "image/png"),
            ("a.html", "application/octet-stream"),
            ("a.js", "application/octet-stream"),
            (".png", "application/octet-stream"),
            ("a.svg", "image/svg+xml"),
        ] {
            assert_eq!(for_view(name), kind, "{name}");
        }
    }
}
