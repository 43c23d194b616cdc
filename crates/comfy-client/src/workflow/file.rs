//! A file that holds a workflow: JSON in either format, or a picture that ComfyUI made.

use std::path::Path;

use serde_json::Value;

use super::{EXPORT, ObjectInfo, UiWorkflow, Workflow, invalid, is_node, parse, png, ui, webp};
use crate::error::{Error, ErrorKind};

/// The texts of a picture that are read.
pub(super) const KEYWORDS: [&str; 2] = ["prompt", "workflow"];

/// No workflow is as long as this. All texts of a picture share it: a small file unpacks to any length.
pub(super) const ROOM: usize = 64 << 20;

/// What kind of file a workflow came from.
///
/// ```
/// use comfy_client::{Container, WorkflowFile};
///
/// let file = WorkflowFile::from_bytes(br#"{"9": {"class_type": "SaveImage", "inputs": {}}}"#)?;
/// assert_eq!(file.container(), Container::Json);
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// JSON text.
    Json,
    /// A PNG picture, with the workflow in its texts.
    Png,
    /// A WebP picture, with the workflow in its EXIF data.
    WebP,
}

/// A file that holds a workflow, in API format, UI format or both.
///
/// ```
/// use comfy_client::{Container, WorkflowFile};
///
/// let file = WorkflowFile::from_bytes(br#"{"nodes": [], "links": [], "version": 0.4}"#)?;
/// assert_eq!(file.container(), Container::Json);
/// assert!(file.ui().is_some() && file.api().is_none());
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowFile {
    container: Container,
    api: Option<Workflow>,
    ui: Option<UiWorkflow>,
}

impl WorkflowFile {
    /// Reads a file's bytes; what they are is told by themselves.
    ///
    /// ```
    /// let file = comfy_client::WorkflowFile::from_bytes(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
    /// assert!(file.api().is_some());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidWorkflow`] where there is no workflow in either format, with what is there instead.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.starts_with(png::SIGNATURE) {
            return Self::from_texts(Container::Png, "PNG", &png::texts(bytes));
        }
        if webp::is_webp(bytes) {
            return Self::from_texts(Container::WebP, "WebP", &webp::texts(bytes));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|cause| invalid("the file is neither JSON text nor a PNG or WebP picture").because(cause))?;
        Self::from_json(parse(text)?)
    }

    /// Reads the file at `path`. It blocks, though not for long.
    ///
    /// ```no_run
    /// let file = comfy_client::WorkflowFile::load(std::path::Path::new("picture.png"))?;
    /// let workflow = file.into_workflow()?;
    /// # let _ = workflow;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where it cannot be read; else as [`WorkflowFile::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path)
            .map_err(|cause| Error::new(ErrorKind::Io, format!("cannot read `{}`", path.display())).because(cause))?;
        Self::from_bytes(&bytes)
    }

    fn from_json(value: Value) -> Result<Self, Error> {
        if value.as_object().is_some_and(ui::is_ui) {
            return Ok(Self { container: Container::Json, api: None, ui: Some(UiWorkflow::from_value(value)?) });
        }
        if value.as_object().is_some_and(|root| !root.is_empty() && !root.contains_key("prompt") && !root.values().any(is_node)) {
            return Err(invalid("the JSON is no workflow: it has neither nodes with a `class_type` nor a list called `nodes`")
                .hint(EXPORT));
        }
        Ok(Self { container: Container::Json, api: Some(Workflow::from_value(value)?), ui: None })
    }

    /// A picture's texts. One form that is broken does not hide the other that is whole.
    fn from_texts(container: Container, kind: &str, texts: &[(&str, String)]) -> Result<Self, Error> {
        let text = |wanted: &str| texts.iter().find(|(keyword, _)| *keyword == wanted).map(|(_, text)| text.as_str());
        let api = text("prompt").map(Workflow::from_json).transpose();
        let ui = text("workflow").map(UiWorkflow::from_json).transpose();
        let (api, ui) = match (api, ui) {
            (Ok(None), Ok(None)) => {
                return Err(invalid(format!("the {kind} picture has no workflow in it")).hint(
                    "ComfyUI was told not to write it (`--disable-metadata`), or another program has written the picture anew",
                ));
            }
            (Err(error), Ok(None) | Err(_)) | (Ok(None), Err(error)) => return Err(error),
            (api, ui) => (api.ok().flatten(), ui.ok().flatten()),
        };
        Ok(Self { container, api, ui })
    }

    /// What kind of file it is.
    ///
    /// ```
    /// let file = comfy_client::WorkflowFile::from_bytes(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
    /// assert_eq!(file.container(), comfy_client::Container::Json);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn container(&self) -> Container {
        self.container
    }

    /// The workflow in API format, if the file has it.
    ///
    /// ```
    /// let file = comfy_client::WorkflowFile::from_bytes(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
    /// assert_eq!(file.api().map(|workflow| workflow.nodes().len()), Some(1));
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn api(&self) -> Option<&Workflow> {
        self.api.as_ref()
    }

    /// The workflow in UI format, if the file has it.
    ///
    /// ```
    /// let file = comfy_client::WorkflowFile::from_bytes(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
    /// assert!(file.ui().is_none());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn ui(&self) -> Option<&UiWorkflow> {
        self.ui.as_ref()
    }

    /// The workflow in API format, to be run on a server with these node classes: as the file has it, else converted
    /// from UI format.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let file = comfy_client::WorkflowFile::load(std::path::Path::new("saved-by-the-editor.json"))?;
    /// let workflow = file.into_workflow_for(&*client.object_info().await?)?;
    /// # let _ = workflow;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`UiWorkflow::to_api`].
    pub fn into_workflow_for(self, info: &ObjectInfo) -> Result<Workflow, Error> {
        match (self.api, self.ui) {
            (None, Some(ui)) => ui.to_api(info),
            (api, ui) => Self { api, ui, ..self }.into_workflow(),
        }
    }

    /// The workflow in API format, to be run, with its UI form if the file has both.
    ///
    /// ```
    /// let file = comfy_client::WorkflowFile::from_bytes(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
    /// let workflow = file.into_workflow()?;
    /// # let _ = workflow;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidWorkflow`] where the file has it in UI format only.
    pub fn into_workflow(self) -> Result<Workflow, Error> {
        let api = self.api.ok_or_else(|| invalid("the workflow is in UI format, not in API format").hint(EXPORT))?;
        Ok(match self.ui {
            Some(ui) => api.with_ui(ui),
            None => api,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::png::tests::chunk;
    use super::*;
    use proptest::prelude::*;

    const API: &str = r#"{"9": {"class_type": "SaveImage", "inputs": {"z": 1, "a": ["1", 0]}, "is_changed": [NaN], "own": {}}}"#;
    const UI: &str = r#"{"nodes": [{"id": 9, "type": "SaveImage"}], "links": [], "version": 0.4, "own": 1}"#;

    fn picture(texts: &[&str]) -> Vec<u8> {
        let chunks: Vec<u8> = texts.iter().flat_map(|text| chunk(b"tEXt", text.as_bytes())).collect();
        [png::SIGNATURE, &chunks].concat()
    }

    #[test]
    fn both_forms_are_found_in_pictures() {
        let png = picture(&[&format!("prompt\0{API}"), &format!("workflow\0{UI}")]);
        let webp = webp::tests::file(&[&format!("prompt:{API}"), &format!("workflow:{UI}")], false);
        for (bytes, container) in [(png, Container::Png), (webp, Container::WebP)] {
            let file = WorkflowFile::from_bytes(&bytes).unwrap();
            assert_eq!(file.container(), container);
            assert_eq!(file.ui().unwrap().root()["own"], 1);
            let workflow = file.into_workflow().unwrap();
            assert_eq!(workflow.nodes()["9"]["inputs"].to_string(), r#"{"z":1,"a":["1",0]}"#);
        }
    }

    #[test]
    fn one_broken_form_does_not_hide_the_other() {
        let file = WorkflowFile::from_bytes(&picture(&["prompt\0{", &format!("workflow\0{UI}")])).unwrap();
        assert!(file.api().is_none() && file.ui().is_some());
    }

    #[test]
    fn what_is_no_workflow_is_named() {
        let said: Vec<String> = [
            picture(&[]),
            picture(&["prompt\0{"]),
            webp::tests::file(&[], true),
            b"\xff\xd8\xff\xe0".to_vec(),
            b"{\"a\": 1}".to_vec(),
            b"# notes".to_vec(),
        ]
        .iter()
        .map(|bytes| WorkflowFile::from_bytes(bytes).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        the PNG picture has no workflow in it
        the workflow is not JSON
        the WebP picture has no workflow in it
        the file is neither JSON text nor a PNG or WebP picture
        the JSON is no workflow: it has neither nodes with a `class_type` nor a list called `nodes`
        the workflow is not JSON
        ");
        let ui_only = WorkflowFile::from_bytes(UI.as_bytes()).unwrap();
        let info = ObjectInfo::from_json(r#"{"SaveImage": {}}"#).unwrap();
        assert_eq!(ui_only.clone().into_workflow_for(&info).unwrap().find("SaveImage").unwrap(), "9");
        let ui_only = ui_only.into_workflow().unwrap_err();
        assert_eq!(ui_only.to_string(), "the workflow is in UI format, not in API format");
    }

    #[test]
    fn what_is_saved_is_what_was_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.json");
        let workflow = Workflow::from_json(&API.replace("NaN", "0")).unwrap();
        workflow.save(&path).unwrap();
        assert_eq!(WorkflowFile::load(&path).unwrap().into_workflow().unwrap(), workflow);
        let absent = WorkflowFile::load(&folder.path().join("absent.png")).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::Io);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            head in prop::sample::select(vec![&b""[..], png::SIGNATURE, b"RIFF\0\0\0\0WEBPEXIF\xff\0\0\0II*\0\x08\0\0\0"]),
            bytes in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = WorkflowFile::from_bytes(&[head, &bytes].concat());
        }

        #[test]
        fn a_picture_that_is_cut_or_damaged_does_not_make_it_panic(cut in 0usize..300, at in 0usize..300, byte: u8) {
            for whole in [picture(&[&format!("prompt\0{API}")]), webp::tests::file(&[&format!("prompt:{API}")], true)] {
                let _ = WorkflowFile::from_bytes(&whole[..cut.min(whole.len())]);
                let mut damaged = whole;
                if let Some(place) = damaged.get_mut(at) {
                    *place = byte;
                }
                let _ = WorkflowFile::from_bytes(&damaged);
            }
        }

        #[test]
        fn any_text_in_a_workflow_survives_a_picture(key in "\\PC{1,8}", text in "\\PC{0,20}") {
            let api = serde_json::json!({key: {"class_type": text.clone() + "x", "inputs": {text.clone(): text}}});
            let expected = Workflow::from_value(api.clone()).unwrap();
            let png = picture(&[&format!("prompt\0{api}")]);
            let webp = webp::tests::file(&[&format!("prompt:{api}")], true);
            for bytes in [png, webp] {
                prop_assert_eq!(&WorkflowFile::from_bytes(&bytes).unwrap().into_workflow().unwrap(), &expected);
            }
        }
    }
}
