//! A disk without room: 64 KiB of memory, mounted where only the command sees them.

use crate::stage::{Stage, said, shell};

const PICTURES: &str = r#"{
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 40, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#;

#[test]
fn what_the_disk_has_no_room_for_is_told_and_leaves_nothing_half_written() {
    let stage = Stage::new(|builder, _| builder);
    // Root needs no namespace of users, which some systems refuse.
    let works = |unshare: &&str| said(&mut shell(&format!("{unshare} true"), &stage.command(&[]))).0 == 0;
    let Some(unshare) = ["unshare -m", "unshare -Urm"].into_iter().find(works) else {
        #[expect(clippy::disallowed_methods, reason = "the environment says whether it must be possible")]
        let demanded = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!demanded, "CI must let something be mounted");
        return;
    };
    let one = PICTURES.replace("40", "1");
    let socket = |workflow: &str| workflow.replace("SaveImage", "SaveImageWebsocket").replace(r#""color": 0"#, r#""color": 1"#);
    for (name, text) in [("files", PICTURES), ("pictures", &socket(PICTURES)), ("file", &one), ("picture", &socket(&one))] {
        stage.write(&format!("{name}.json"), text);
    }
    let items: String = (0..40).map(|color| format!("{{\"set\": {{\"1.color\": {color}}}}}\n")).collect();
    stage.write("i.jsonl", &items);
    stage.write(
        "run.sh",
        r#"mount -t tmpfs -o size=64k none full && "$@" --out full; code=$?
        find full -type f | while read file; do tail -c 8 "$file" | grep -aq IEND && echo whole || echo "half: $file"; done > left
        exit $code"#,
    );
    std::fs::create_dir(stage.folder.path().join("full")).unwrap();
    for args in
        ["run files.json", "run pictures.json", "batch i.jsonl --workflow file.json", "batch i.jsonl --workflow picture.json"]
    {
        let line = format!("exec {unshare} sh run.sh {} {args}", env!("CARGO_BIN_EXE_genai-comfy"));
        let (code, _, err) = said(&mut shell(&line, &stage.command(&[])));
        assert_eq!(code, 6, "{args}: {err}");
        assert!(err.contains("No space left on device") && err.contains("make room"), "{args}: {err}");
        assert!(!err.contains(".part") && !err.contains(" at path "), "{args}: {err}");
        let left = std::fs::read_to_string(stage.folder.path().join("left")).unwrap();
        assert!((1..40).contains(&left.lines().count()) && left.lines().all(|file| file == "whole"), "{args}: {left}");
    }
}
