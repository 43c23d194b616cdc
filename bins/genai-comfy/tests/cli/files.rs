//! Workflows' files, for which no server is needed.

use super::stage;

/// Workflows' files and code made of node classes: no server is needed.
#[test]
fn commands_on_files() {
    trycmd::TestCases::new().env("COMFYUI_URL", "http://127.0.0.1:1").case("tests/cli/workflow.trycmd");
}

/// A picture stays as it is: what is set in its workflow goes into a JSON file of its name.
#[test]
fn what_is_set_in_a_picture_is_written_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let text = br#"prompt{"1": {"class_type": "EmptyImage", "inputs": {"width": 8}}}"#;
    let text = [&text[..6], &[0], &text[6..]].concat();
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    // Nobody looks at the checksum.
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &length, b"tEXt", &text, &[0; 4]].concat();
    std::fs::write(folder.path().join("picture.png"), &picture).unwrap();
    let set = ["workflow", "set", "picture.png", "1.width=64"];
    let (code, out, err) = stage::said(&mut stage::command(folder.path(), "http://127.0.0.1:1", &set));
    assert_eq!((code, out.as_str()), (0, "wrote picture.json\n"), "{err}");
    let written = std::fs::read_to_string(folder.path().join("picture.json")).unwrap();
    assert!(written.contains("\"width\": 64"), "{written}");
    assert_eq!(std::fs::read(folder.path().join("picture.png")).unwrap(), picture);
}
