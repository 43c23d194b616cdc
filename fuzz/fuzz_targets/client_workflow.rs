//! Files that hold a workflow (JSON, PNG, WebP): read, written and read again.
#![no_main]

use comfy_client::WorkflowFile;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (container, bytes) = input;
    // So that most inputs get past the first bytes.
    let head: &[u8] = match container % 4 {
        0 => b"\x89PNG\r\n\x1a\n",
        1 => b"RIFF\xFF\xFF\0\0WEBPEXIF",
        _ => b"",
    };
    let Ok(file) = WorkflowFile::from_bytes(&[head, bytes].concat()) else { return };
    for value in file.api().map(|api| api.to_value()).into_iter().chain(file.ui().map(|ui| ui.to_value())) {
        let again = WorkflowFile::from_bytes(value.to_string().as_bytes()).expect("what was read can be written");
        let kept = again.api().map(|api| api.to_value()).or(again.ui().map(|ui| ui.to_value()));
        assert_eq!(kept, Some(value));
    }
    if let Some(api) = file.api() {
        let _ = api.check();
    }
});
