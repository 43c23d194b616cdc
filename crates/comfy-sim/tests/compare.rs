//! What of two answers must be the same: all but ids, times, memory figures, and what the one list of `allowed.rs` names.

use data_encoding::{BASE64, HEXLOWER};
use image::{ImageFormat, RgbaImage};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::allowed::{Part, is_allowed};
use crate::replay::Site;

/// Numbers that differ from run to run: times, and memory.
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

/// Where an outcome comes from.
pub(crate) struct Place<'p> {
    /// The scenario, a blank, and what is asked.
    pub(crate) name: &'p str,
}

/// A step's outcome with ids, times and figures made equal, and what may differ there.
pub(crate) fn plain(site: &Site, place: &Place<'_>, outcome: &Value) -> Value {
    let mut out = place.value(outcome, &site.base);
    if let Some(frames) = out.as_array_mut() {
        frames.iter_mut().for_each(|frame| place.binary(frame));
        return out;
    }
    if let Some(headers) = out.get_mut("headers").and_then(Value::as_object_mut) {
        let kept = headers.iter().map(|(name, text)| (name.to_lowercase(), text));
        *headers = kept.map(|(name, text)| (name.clone(), place.header(&name, text))).collect();
    }
    if place.allows(Part::File)
        && let Some(bytes) = out["base64"].as_str().and_then(|coded| BASE64.decode(coded.as_bytes()).ok())
        && let Some(of) = out.as_object_mut()
    {
        of.shift_remove("base64");
        of.insert("picture".to_owned(), place.picture(&bytes));
    }
    if place.allows(Part::Order(""))
        && let Some(list) = out.get_mut("json").and_then(Value::as_array_mut)
    {
        list.sort_by_key(Value::to_string);
    }
    out
}

impl Place<'_> {
    fn allows(&self, part: Part) -> bool {
        is_allowed(self.name, part)
    }

    fn header(&self, name: &str, text: &Value) -> Value {
        let shown = text.as_str().unwrap_or_default();
        match name {
            "date" | "last-modified" => json!("<time>"),
            "server" if self.allows(Part::Header("server")) => json!("<name>"),
            "etag" if self.allows(Part::Header("etag")) => json!("<tag>"),
            // The time of the change, and the size.
            "etag" => json!(shown.split_once('-').map_or(shown.to_owned(), |(_, size)| format!("\"<time>-{size}"))),
            // Whether it is the body's own was looked at when the answer came.
            "content-length" if !self.name.contains(" HEAD ") => json!("<length>"),
            "set-cookie" => {
                let (name, rest) = shown.split_once('=').unwrap_or_default();
                json!(format!("{name}=<drawn>;{}", rest.split_once(';').map_or("", |(_, attributes)| attributes)))
            }
            _ => text.clone(),
        }
    }

    fn value(&self, from: &Value, base: &str) -> Value {
        match from {
            Value::Object(map) => {
                let of = |(key, inner): (&String, &Value)| (self.text(key, base), self.of_key(key, inner, base));
                Value::Object(map.iter().map(of).collect())
            }
            Value::Array(list) => Value::Array(list.iter().map(|inner| self.value(inner, base)).collect()),
            Value::String(from) => Value::from(self.text(from, base)),
            other => other.clone(),
        }
    }

    fn of_key(&self, key: &str, from: &Value, base: &str) -> Value {
        let mut out = self.value(from, base);
        let mixed = |key| self.allows(Part::Order(key));
        match (key, &mut out) {
            (name, Value::Number(_)) if FIGURES.contains(&name) => json!(0),
            ("t", Value::String(_)) => json!("<time>"),
            ("traceback", Value::Array(lines)) if self.allows(Part::Key("traceback")) => calls(lines),
            ("current_outputs", list) if mixed("current_outputs") => sorted(list),
            ("executed", list) if mixed("executed") => sorted(list),
            ("errors", list) if mixed("errors") => sorted(list),
            ("dependent_outputs", list) if mixed("dependent_outputs") => sorted(list),
            ("details", Value::String(text)) if mixed("details") => {
                let mut lines: Vec<_> = text.split('\n').collect();
                lines.sort_unstable();
                json!(lines.join("\n"))
            }
            // `[number, id, prompt, extra_data, outputs]`.
            ("prompt", Value::Array(item)) if mixed("prompt") => {
                if let Some(outputs) = item.get_mut(4) {
                    *outputs = sorted(outputs);
                }
                out
            }
            _ => out,
        }
    }

    fn text(&self, from: &str, base: &str) -> String {
        let dashes: Vec<_> = from.match_indices('-').map(|(at, _)| at).collect();
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if (from.len() == 36 && dashes == [8, 13, 18, 23]) || (from.len() == 32 && is_hex(from)) {
            return "<id>".to_owned();
        }
        if from.starts_with("tensor(") && self.allows(Part::Text("tensor(")) {
            return "tensor(…".to_owned();
        }
        // The log says how long a prompt took.
        if from.starts_with("Prompt executed in ") {
            return "Prompt executed in <time>".to_owned();
        }
        let mut from = from.replace("${comfy}", base).replace("/opt/ComfyUI", base);
        if self.allows(Part::Folder) {
            from = from.replace(base, "<comfy>");
        }
        if let Some((name, _)) = from.rsplit_once('_').filter(|(_, id)| id.len() == 36 && is_hex(id)) {
            return format!("{name}_<id>");
        }
        match from.split_once("_temp_") {
            Some((head, tail)) if tail.len() > 5 && !tail.starts_with("<drawn>") => format!("{head}_temp_<drawn>{}", &tail[5..]),
            _ => from,
        }
    }

    /// A binary frame: its header to the byte but for the prompt's id, and its text or picture.
    fn binary(&self, frame: &mut Value) {
        let Some(coded) = frame["binary_base64"].as_str() else { return };
        let bytes = BASE64.decode(coded.as_bytes()).unwrap_or_default();
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let (kind, about) = (word(0), word(4) as usize);
        let end = if kind == 4 { 8 + about } else { 8 }.min(bytes.len());
        let head: Vec<_> = String::from_utf8_lossy(&bytes[8..end]).split('"').map(|text| self.text(text, "/")).collect();
        let mut told = json!({"type": kind, "second": about, "head": head.join("\"")});
        let body = &bytes[end..];
        told["body"] = if kind == 3 { json!(String::from_utf8_lossy(body)) } else { self.picture(body) };
        *frame = told;
    }
}

impl Place<'_> {
    /// The kind and size of a picture, and its pixels, or its mean colour, unless they may differ.
    fn picture(&self, bytes: &[u8]) -> Value {
        let format = image::guess_format(bytes).ok();
        let digest = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
        let Ok(picture) = image::load_from_memory(bytes) else {
            return json!({"kind": format.map(|f| f.to_mime_type()), "bytes": digest(bytes)});
        };
        let size = [picture.width(), picture.height()];
        let lossless = format == Some(ImageFormat::Png);
        let mut of = json!({"kind": format.map(|f| f.to_mime_type()), "size": size});
        let (key, told) = if lossless || !(self.allows(Part::Pixels) || self.allows(Part::Shades)) {
            ("pixels", json!(digest(picture.to_rgba8().as_raw())))
        } else if self.allows(Part::Shades) {
            ("mean", mean(&picture.to_rgba8()))
        } else {
            ("pixels", Value::Null)
        };
        of[key] = told;
        of
    }
}

/// How far two mean colours may be apart: a JPEG of the lowest quality has steps of 32.
const ABOUT: u64 = 20;

/// The mean of each channel.
fn mean(picture: &RgbaImage) -> Value {
    let pixels = u64::from(picture.width()) * u64::from(picture.height());
    let sum = |channel: usize| picture.pixels().map(|pixel| u64::from(pixel.0[channel])).sum::<u64>();
    (0..4).map(|channel| sum(channel) / pixels.max(1)).collect()
}

/// Ours with the real mean colour where it is about the same.
fn shaded(real: &Value, ours: &Value) -> Value {
    let means =
        |of: &Value| of["picture"]["mean"].as_array().map(|mean| mean.iter().filter_map(Value::as_u64).collect::<Vec<_>>());
    let mut ours = ours.clone();
    if let (Some(real_mean), Some(our_mean)) = (means(real), means(&ours))
        && real_mean.iter().zip(&our_mean).all(|(real, ours)| real.abs_diff(*ours) <= ABOUT)
    {
        ours["picture"]["mean"] = real["picture"]["mean"].clone();
    }
    ours
}

/// The calls of `execution.py` that a traceback goes through, without their code.
fn calls(lines: &[Value]) -> Value {
    let heads = lines.iter().filter_map(|line| line.as_str()?.lines().next());
    heads.filter(|head| head.contains("execution.py")).map(Value::from).collect()
}

fn sorted(list: &Value) -> Value {
    let mut list = list.clone();
    if let Value::Array(list) = &mut list {
        list.sort_by_key(Value::to_string);
    }
    list
}

/// What differs, in words: one line for each part.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<(Part, String)> {
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
                tell(Part::Frames, &json!([at, real.get(at)]), &json!([at, ours.get(at)]));
            }
            _ => tell(Part::Status, expected, found),
        }
        return out;
    };
    tell(Part::Status, &expected["status"], &found["status"]);
    tell(Part::Headers, &expected["headers"], &found["headers"]);
    let body =
        |of: &Map<String, Value>| Value::Object(of.iter().filter(|(k, _)| *k != "status" && *k != "headers").map(own).collect());
    let (real, ours) = (body(real), body(ours));
    tell(Part::Body, &real, &shaded(&real, &ours));
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
