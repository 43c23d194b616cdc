//! What of two answers must be the same, and what differs from run to run.

use serde_json::{Map, Value, json};

use crate::replay::Site;

/// Headers that say nothing of the API, or that follow from the body.
const UNCOMPARED: [&str; 5] = ["date", "server", "connection", "sec-websocket-accept", "content-length"];

/// Numbers that differ from run to run.
const FIGURES: [&str; 9] = [
    "timestamp",
    "modified",
    "created",
    "ram_total",
    "ram_free",
    "vram_total",
    "vram_free",
    "torch_vram_total",
    "torch_vram_free",
];

/// A step's outcome with ids, times, figures and folders made equal.
pub(crate) fn plain(site: &Site, step: &Value, outcome: &Value) -> Value {
    let path = step["request"]["path"].as_str().unwrap_or_default();
    let mut out = value(outcome, &site.base);
    if let Some(frames) = out.as_array_mut() {
        for frame in frames.iter_mut() {
            picture(frame);
        }
        return out;
    }
    if let Some(headers) = out.get_mut("headers").and_then(Value::as_object_mut) {
        // The length of a file is told without it.
        let bodiless = step["request"]["method"] == "HEAD" && headers.contains_key("accept-ranges");
        let kept = headers.iter().filter(|(name, _)| {
            let name = name.to_lowercase();
            !UNCOMPARED.contains(&name.as_str()) || (bodiless && name == "content-length")
        });
        *headers = kept.map(|(name, text)| (name.to_lowercase(), header(name, text))).collect();
    }
    // The real server lists these in the order in which the file system holds them.
    let unordered = path.contains("/userdata") || path.contains("/experiment/models/") || path.contains("/workflow_templates");
    if unordered && let Some(list) = out.get_mut("json").and_then(Value::as_array_mut) {
        list.sort_by_key(Value::to_string);
    }
    out
}

fn header(name: &str, text: &Value) -> Value {
    match name.to_lowercase().as_str() {
        "etag" | "last-modified" => json!("<set>"),
        "set-cookie" => {
            let text = text.as_str().unwrap_or_default();
            let (name, rest) = text.split_once('=').unwrap_or_default();
            json!(format!("{name}=<drawn>;{}", rest.split_once(';').map_or("", |(_, attributes)| attributes)))
        }
        _ => text.clone(),
    }
}

fn value(from: &Value, base: &str) -> Value {
    match from {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, inner)| {
                    let inner = match key.as_str() {
                        // When a line of the log was written.
                        "t" => json!(0),
                        name if FIGURES.contains(&name) && inner.is_number() => json!(0),
                        "traceback" => json!([]),
                        // Sets in the real server: their order is chance.
                        "current_outputs" | "executed" | "errors" | "dependent_outputs" => sorted(inner, base),
                        "details" if inner.is_string() => {
                            let mut lines: Vec<_> = inner.as_str().unwrap_or_default().split('\n').collect();
                            lines.sort_unstable();
                            json!(lines.join("\n"))
                        }
                        // `[number, id, prompt, extra_data, outputs]`.
                        "prompt" if inner.is_array() => {
                            let mut item = value(inner, base);
                            if let Some(outputs) = item.get_mut(4) {
                                *outputs = sorted(outputs, base);
                            }
                            item
                        }
                        _ => value(inner, base),
                    };
                    (text(key, base), inner)
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(|inner| value(inner, base)).collect()),
        Value::String(from) => Value::from(text(from, base)),
        other => other.clone(),
    }
}

fn sorted(list: &Value, base: &str) -> Value {
    match value(list, base) {
        Value::Array(mut list) => {
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        other => other,
    }
}

fn text(from: &str, base: &str) -> String {
    let dashes: Vec<_> = from.match_indices('-').map(|(at, _)| at).collect();
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if (from.len() == 36 && dashes == [8, 13, 18, 23]) || (from.len() == 32 && is_hex(from)) {
        return "<id>".to_owned();
    }
    // Torch shows the numbers of a tensor; the log says how long a prompt took.
    for start in ["tensor(", "Prompt executed in "] {
        if from.starts_with(start) {
            return format!("{start}…");
        }
    }
    let from = from.replace("${comfy}", base).replace("/opt/ComfyUI", base).replace(base, "<comfy>");
    if let Some((name, _)) = from.rsplit_once('_').filter(|(_, id)| id.len() == 36 && is_hex(id)) {
        return format!("{name}_<id>");
    }
    match from.split_once("_temp_") {
        Some((head, tail)) if tail.len() > 5 && !tail.starts_with("<drawn>") => format!("{head}_temp_<drawn>{}", &tail[5..]),
        _ => from,
    }
}

/// A binary frame up to its picture: type and format, or type and metadata.
fn picture(frame: &mut Value) {
    let Some(coded) = frame["binary_base64"].as_str() else { return };
    let bytes = data_encoding::BASE64.decode(coded.as_bytes()).unwrap_or_default();
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
    let mut told = match word(0) {
        4 => {
            let end = 8 + word(4) as usize;
            json!({"type": 4, "about": bytes.get(8..end).and_then(|b| serde_json::from_slice::<Value>(b).ok())})
        }
        kind => json!({"type": kind, "format": word(4)}),
    };
    if let Some(id) = told["about"].get_mut("prompt_id") {
        *id = json!("<id>");
    }
    *frame = told;
}

/// What differs, in words: one line for each part.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let mut tell = |part, expected: &Value, found: &Value| {
        if expected != found {
            out.push((part, format!("\n    real {}\n    ours {}", short(expected), short(found))));
        }
    };
    let (Some(real), Some(ours)) = (expected.as_object(), found.as_object()) else {
        match (expected.as_array(), found.as_array()) {
            (Some(real), Some(ours)) => {
                let at = real.iter().zip(ours).position(|(real, ours)| real != ours).unwrap_or(real.len().min(ours.len()));
                tell("frames", &json!([at, real.get(at)]), &json!([at, ours.get(at)]));
            }
            _ => tell("status", expected, found),
        }
        return out;
    };
    tell("status", &expected["status"], &found["status"]);
    tell("headers", &expected["headers"], &found["headers"]);
    let body =
        |of: &Map<String, Value>| Value::Object(of.iter().filter(|(k, _)| *k != "status" && *k != "headers").map(own).collect());
    tell("body", &body(real), &body(ours));
    out
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(900) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
