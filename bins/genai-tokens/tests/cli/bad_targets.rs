//! Bad things in a target's place, as a person meets them: the exit code, the words, and nothing changed anywhere.

use std::os::unix::fs::symlink;

use crate::drift::Place;

const SECOND: &str = "COMFYUI_API_TOKEN='stale'\n";

/// Exit code and standard error of a sync over `.env`, as `make` leaves it, and a second target that drifted.
fn sync(dialect: &str, make: impl Fn(&Place)) -> String {
    let place = Place::empty();
    let source = format!(
        r#"{{"version": "2", "bcrypt_hash": "a-made-up-token", "targets": [
        {{"path": "second.env", "dialect": "compose-v2-dotenv", "key": "COMFYUI_API_TOKEN"}},
        {{"path": "target", "dialect": "{dialect}", "key": "TOKEN"}}]}}"#
    );
    place.write(".secrets/comfyui_auth_tokens.conf", &source);
    place.write("second.env", SECOND);
    make(&place);
    let (code, _, err) = place.run(&["sync"]);
    assert_eq!(place.read("second.env"), SECOND, "one target was changed without the other");
    assert_eq!(place.read(".secrets/comfyui_auth_tokens.conf"), source);
    format!("exit {code}\n{err}")
}

#[test]
fn what_is_no_plain_file() {
    let dialect = "compose-v2-dotenv";
    let mut seen = vec![sync(dialect, |place| std::fs::create_dir(place.at("target")).unwrap())];
    seen.push(sync(dialect, |place| symlink("second.env", place.at("target")).unwrap()));
    seen.push(sync(dialect, |place| {
        rustix::fs::mkfifoat(rustix::fs::CWD, place.at("target"), 0o600.into()).unwrap();
    }));
    insta::assert_snapshot!(seen.join("\n"), @r#"
    exit 4
    error: `[PLACE]/target` is a folder, not a file
      next: move it away, or name another path

    exit 4
    error: target `target` is a symbolic link
      next: name the file that it points to, or replace the link by a file
      next: to follow it, write `links = ["target"]` below `[targets]` in genai.toml

    exit 4
    error: `[PLACE]/target` is a device, socket or FIFO, not a file
      next: move it away, or name another path
    "#);
}

#[test]
fn what_no_reader_takes() {
    let mut seen = vec![sync("compose-v2-dotenv", |place| {
        std::fs::File::create(place.at("target")).unwrap().set_len((4 << 20) + 1).unwrap();
    })];
    seen.push(sync("python-dotenv", |place| std::fs::write(place.at("target"), b"TOKEN=x\n# \xff\xfe\n").unwrap()));
    seen.push(sync("json-key", |place| place.write("target", "{\"TOKEN\": \"x\"")));
    seen.push(sync("toml-key", |place| place.write("target", "TOKEN = 1\nTOKEN = 2\n")));
    insta::assert_snapshot!(seen.join("\n"), @"
    exit 4
    error: `[PLACE]/target` is larger than 4 MiB
      next: a file that carries a token is small: is it the right one?

    exit 4
    error: `[PLACE]/target`: its reader `python-dotenv` refuses the file: line 2: bytes that are not UTF-8
      next: mend that line, or move the file away

    exit 4
    error: `[PLACE]/target`: its reader refuses the file: line 1: what is no JSON
      next: mend that line, or move the file away

    exit 4
    error: `[PLACE]/target`: its reader refuses the file: line 2: what is no TOML
      next: mend that line, or move the file away
    ");
}
