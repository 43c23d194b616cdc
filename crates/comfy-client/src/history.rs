//! History: what became of a prompt, in the server's own words.

mod listing;

use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::files::StoredFile;
use crate::judge::not_comfy;
use crate::outcome::{Outcome, Output, OutputText};
use crate::request::{Request, segment};

/// What the server keeps of a prompt that ended, until it restarts.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// for (id, entry) in client.histories(10, None).await? {
///     println!("{id}: {}, {} files", entry.status, entry.outputs.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// `success` or `error`, in the server's word; empty where it gave none.
    pub status: String,
    /// Whether it ran to its end. Failed and interrupted runs have false for ever.
    pub completed: bool,
    /// The events of the run, by name and data, in order.
    pub messages: Vec<(String, Value)>,
    /// The files that it made, under whatever key.
    pub outputs: Vec<Output>,
    /// The texts that it made, which are no files.
    pub texts: Vec<OutputText>,
    /// The whole entry, with the workflow and outputs that are not files.
    pub raw: Value,
}

impl HistoryEntry {
    /// Reads one entry of `GET /history`; none for what is no object. Parts that are missing or odd are empty, and all is
    /// kept in [`HistoryEntry::raw`].
    ///
    /// ```
    /// let raw = serde_json::json!({"outputs": {"9": {"images": [{"filename": "a.png", "type": "output"}]}}});
    /// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
    /// assert_eq!(entry.outputs[0].file.to_string(), "output/a.png");
    /// ```
    #[must_use]
    pub fn read(raw: Value) -> Option<Self> {
        raw.as_object()?;
        let status = raw.get("status").filter(|status| status.is_object());
        let messages = status
            .and_then(|status| status.get("messages"))
            .and_then(Value::as_array)
            .map(|messages| {
                messages
                    .iter()
                    .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1).cloned().unwrap_or_default())))
                    .collect()
            })
            .unwrap_or_default();
        Some(Self {
            status: status.and_then(|status| status.get("status_str")).and_then(Value::as_str).unwrap_or_default().to_owned(),
            completed: status.and_then(|status| status.get("completed")).and_then(Value::as_bool).unwrap_or_default(),
            messages,
            outputs: outputs(&raw),
            texts: texts(&raw),
            raw,
        })
    }

    /// The data of the first event of this name.
    ///
    /// ```
    /// let raw = serde_json::json!({"status": {"messages": [["execution_start", {"timestamp": 7}]]}});
    /// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
    /// assert_eq!(entry.message("execution_start").unwrap()["timestamp"], 7);
    /// ```
    #[must_use]
    pub fn message(&self, name: &str) -> Option<&Value> {
        self.messages.iter().find(|(said, _)| said == name).map(|(_, data)| data)
    }

    /// How the run ended. The time that somebody waited for it is not in the history: it is zero.
    ///
    /// ```
    /// let raw = serde_json::json!({"status": {"status_str": "success", "completed": true}});
    /// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
    /// assert_eq!(entry.into_outcome("p").ending(), comfy_client::Ending::Succeeded);
    /// ```
    #[must_use]
    pub fn into_outcome(self, prompt_id: &str) -> Outcome {
        Outcome::read(prompt_id, self, Duration::ZERO)
    }

    /// From the first event with a time to the last one, by the server's clock.
    ///
    /// ```
    /// let raw = serde_json::json!({"status": {"messages": [["a", {"timestamp": 1000}], ["b", {"timestamp": 2500}]]}});
    /// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
    /// assert_eq!(entry.ran_for(), Some(std::time::Duration::from_millis(1500)));
    /// ```
    #[must_use]
    pub fn ran_for(&self) -> Option<Duration> {
        let mut times = self.messages.iter().filter_map(|(_, data)| data.get("timestamp")?.as_f64());
        let first = times.next()?;
        let last = times.next_back()?;
        Duration::try_from_secs_f64((last - first) / 1000.0).ok()
    }
}

/// Every item under every key: images, gifs, video, audio, 3d, text, and whatever a node calls its own. Some nodes give one
/// item where others give a list.
fn items(raw: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let nodes = raw.get("outputs").and_then(Value::as_object).into_iter().flatten();
    nodes.flat_map(|(node, keys)| items_of(keys).map(move |(key, item)| (node.as_str(), key, item)))
}

fn items_of(output: &Value) -> impl Iterator<Item = (&str, &Value)> {
    output.as_object().into_iter().flatten().flat_map(|(key, items)| {
        let items = items.as_array().map_or(std::slice::from_ref(items), Vec::as_slice);
        items.iter().map(move |item| (key.as_str(), item))
    })
}

fn outputs(raw: &Value) -> Vec<Output> {
    let nodes = raw.get("outputs").and_then(Value::as_object).into_iter().flatten();
    nodes.flat_map(|(node, output)| outputs_of(node, output)).collect()
}

/// The files of one node.
pub(crate) fn outputs_of(node: &str, output: &Value) -> Vec<Output> {
    let files = items_of(output).filter_map(|(key, item)| Some((key, StoredFile::read(item)?)));
    files.map(|(key, file)| Output { node: node.to_owned(), key: key.to_owned(), file }).collect()
}

fn texts(raw: &Value) -> Vec<OutputText> {
    let texts = items(raw).filter_map(|(node, key, item)| Some((node, key, item.as_str()?)));
    texts.map(|(node, key, text)| OutputText { node: node.to_owned(), key: key.to_owned(), text: text.to_owned() }).collect()
}

impl Client {
    /// What became of this prompt (`GET /history/ID`); none while it waits or runs, and also if it was taken out of the
    /// queue, never existed, or the server restarted since.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
    /// if let Some(entry) = client.history(prompt_id).await? {
    ///     println!("{} with {} files", entry.status, entry.outputs.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`]; [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) for an id that is empty, `.` or `..`.
    pub async fn history(&self, prompt_id: &str) -> Result<Option<HistoryEntry>, Error> {
        let mut answer = self.transport().json(&Request::get(format!("/history/{}", segment("prompt id", prompt_id)?))).await?;
        let odd = || not_comfy(self.url(), "does not show its history").with_status(200);
        match answer.as_object_mut().ok_or_else(odd)?.remove(prompt_id) {
            None => Ok(None),
            Some(raw) => HistoryEntry::read(raw).map(Some).ok_or_else(odd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::json_value;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn files_are_found_under_every_key_and_flags_are_not_files() {
        let entry = HistoryEntry::read(json!({"outputs": {
            "9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}], "animated": [true]},
            "12:3": {"gifs": [{"filename": "b.mp4", "subfolder": "v", "type": "temp", "format": "video/h264"}], "text": ["hi"]},
            "13": {"audio": [{"filename": "c.flac", "subfolder": "audio", "type": "output"}], "3d": [{"filename": "d.glb"}]},
            "14": {"video": {"filename": "e.webm", "type": "output"}, "text": [{"filename": "f.txt", "type": "input"}]},
            "15": {"own word": ["a", 7, null, {"filename": "g.bin", "fresh": {}}], "note": "one"},
            "odd": null}}))
        .unwrap();
        let found: Vec<String> =
            entry.outputs.iter().map(|output| format!("{} {} {}", output.node, output.key, output.file)).collect();
        insta::assert_snapshot!(found.join("\n"), @"
        9 images output/a.png
        12:3 gifs temp/v/b.mp4
        13 audio output/audio/c.flac
        13 3d output/d.glb
        14 video output/e.webm
        14 text input/f.txt
        15 own word output/g.bin
        ");
        let said: Vec<String> = entry.texts.iter().map(|text| format!("{} {} {}", text.node, text.key, text.text)).collect();
        assert_eq!(said, ["12:3 text hi", "15 own word a", "15 note one"]);
        assert!(!entry.completed);
    }

    proptest! {
        #[test]
        fn every_file_and_every_text_is_found_and_all_is_kept(
            node in "[0-9]{1,3}(:[0-9]{1,3})?", key in "[a-z0-9 ]{1,8}", names in proptest::collection::vec("[a-z.]{1,8}", 0..5),
            odd in json_value(), status in json_value(),
        ) {
            let items: Vec<Value> =
                names.iter().flat_map(|name| [json!({"filename": name, "type": "temp"}), json!(name)]).collect();
            let raw = json!({"prompt": odd, "outputs": {(&node): {(&key): items, "odd key": odd}, "odd": odd}, "status": status, "meta": odd});
            let entry = HistoryEntry::read(raw.clone()).unwrap();
            prop_assert_eq!(entry.raw, raw);
            let files = entry.outputs.iter().filter(|output| output.node == node && output.key == key);
            prop_assert_eq!(files.map(|output| output.file.name.clone()).collect::<Vec<_>>(), names.clone());
            let texts = entry.texts.iter().filter(|text| text.node == node && text.key == key);
            prop_assert_eq!(texts.map(|text| text.text.clone()).collect::<Vec<_>>(), names);
        }

        #[test]
        fn any_entry_has_an_end(raw in json_value(), messages in json_value()) {
            let status = json!({"status_str": "error", "messages": messages});
            for raw in [raw, json!({ "status": status })] {
                if let Some(entry) = HistoryEntry::read(raw) {
                    prop_assert!(!Outcome::read("p", entry, Duration::ZERO).to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn the_time_is_between_the_first_and_the_last_event() {
        let at = |times: &[u64]| {
            let messages: Vec<Value> = times.iter().map(|time| json!(["e", {"timestamp": time}])).collect();
            HistoryEntry::read(json!({"status": {"messages": messages}})).unwrap().ran_for()
        };
        assert_eq!(at(&[1_000, 1_200, 2_500]), Some(Duration::from_millis(1_500)));
        assert_eq!(at(&[1_000]), None);
        assert_eq!(at(&[2_000, 1_000]), None);
    }
}
