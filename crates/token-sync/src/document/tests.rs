//! What documents become when a key is set, byte for byte.

use super::*;
use crate::Surroundings;

const HASH: &str = "$2b$12$made/up.Hash";

fn seen(text: &str, format: Format) -> Vec<(String, Option<String>)> {
    read(text, format).unwrap().into_iter().map(|entry| (entry.key, entry.value)).collect()
}

#[test]
fn every_scalar_has_a_path() {
    let pairs = |list: &[(&str, Option<&str>)]| {
        list.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect::<Vec<_>>()
    };
    let expected = pairs(&[("a.b", Some("x\n")), ("a.c.0", Some("1")), ("a.c.1", Some("true")), ("\"d.e\"", Some("é"))]);
    assert_eq!(seen("{\"a\": {\"b\": \"x\\n\", \"c\": [1, true]}, \"d.e\": \"\\u00e9\"}", Format::Json), expected);
    assert_eq!(seen("\"d.e\" = 'é'\n[a]\nb = \"x\\n\"\nc = [1, true]\n", Format::Toml).len(), 4);
    assert_eq!(seen("a:\n  b: |\n    x\n  c: [1, true]\nd.e: 'é' # c\n", Format::Yaml), expected);
    assert_eq!(seen("{\"n\": null}", Format::Json), pairs(&[("n", None)]));
    assert_eq!(seen("n:\nm: ~\n", Format::Yaml), pairs(&[("n", None), ("m", None)]));
    for (bad, format) in [("{", Format::Json), ("a = ", Format::Toml), ("a: [", Format::Yaml), ("a: *b", Format::Yaml)] {
        assert!(read(bad, format).is_err(), "{bad}");
    }
}

#[test]
fn only_the_value_changes() {
    let q = HASH;
    let cases = [
        (Format::Json, "{\"c\": {\"t\" : \"old\" , \"u\": 1}}\n", format!("{{\"c\": {{\"t\" : \"{q}\" , \"u\": 1}}}}\n")),
        (
            Format::Json,
            "{\r\n  \"c\": {\r\n    \"a\": 1\r\n  }\r\n}",
            format!("{{\r\n  \"c\": {{\r\n    \"a\": 1,\r\n    \"t\": \"{q}\"\r\n  }}\r\n}}"),
        ),
        (Format::Json, "{\"x\": [1]}", format!("{{\"x\": [1], \"c\": {{\"t\": \"{q}\"}}}}")),
        (Format::Json, "", format!("{{\n  \"c\": {{\"t\": \"{q}\"}}\n}}\n")),
        (Format::Json, "\u{feff}{\"c\": {}}", format!("\u{feff}{{\"c\": {{\"t\": \"{q}\"}}}}")),
        (Format::Json, "{\"c\": null}", format!("{{\"c\": {{\"t\": \"{q}\"}}}}")),
        (Format::Toml, "# top\n[c] # x\nt = 'old' # why\nu=1\n", format!("# top\n[c] # x\nt = \"{q}\" # why\nu=1\n")),
        (Format::Toml, "c.t = 5\n", format!("c.t = \"{q}\"\n")),
        (Format::Toml, "[c]\r\nu = 1 # n\r\n\r\n[d]\r\n", format!("[c]\r\nu = 1 # n\r\nt = \"{q}\"\r\n\r\n[d]\r\n")),
        (Format::Toml, "[c]\n", format!("[c]\nt = \"{q}\"\n")),
        (Format::Toml, "a = 1", format!("a = 1\n\n[c]\nt = \"{q}\"\n")),
        (Format::Toml, "", format!("[c]\nt = \"{q}\"\n")),
        (Format::Toml, "[c]\nu = \"\"\"\n[x]\n\"\"\"\n", format!("[c]\nu = \"\"\"\n[x]\n\"\"\"\nt = \"{q}\"\n")),
        (Format::Yaml, "# top\nc:\n  t: old # why\n  u: 1\n", format!("# top\nc:\n  t: '{q}' # why\n  u: 1\n")),
        (Format::Yaml, "c:\n  t: 'old' # why\n", format!("c:\n  t: '{q}' # why\n")),
        (Format::Yaml, "c:\r\n  t: |\r\n    old\r\n  u: 1\r\n", format!("c:\r\n  t: '{q}'\r\n  u: 1\r\n")),
        (Format::Yaml, "c: {t: \"o\\\"ld\", u: 1}\n", format!("c: {{t: '{q}', u: 1}}\n")),
        (Format::Yaml, "c:\n  t:\n  u: 1\n", format!("c:\n  t: '{q}'\n  u: 1\n")),
        (Format::Yaml, "c:\n  u: 1 # n\n\nd: 2\n", format!("c:\n  u: 1 # n\n  t: '{q}'\n\nd: 2\n")),
        (Format::Yaml, "c:\n", format!("c: {{t: '{q}'}}\n")),
        (Format::Yaml, "d: é\n", format!("d: é\nc:\n  t: '{q}'\n")),
        (Format::Yaml, "", format!("c:\n  t: '{q}'\n")),
        (Format::Yaml, "b: &x\n  t: old\nc:\n  <<: *x\n  u: 1\n", format!("b: &x\n  t: old\nc:\n  <<: *x\n  u: 1\n  t: '{q}'\n")),
        (Format::Yaml, "b: &x old\nc: {t: *x}\n", format!("b: &x old\nc: {{t: '{q}'}}\n")),
        (Format::Yaml, "---\nc:\n  t: &x !!str old\nd: *x\n", "".to_owned()),
        (Format::Yaml, "b: &x\n  t: old\nc: *x\n", "".to_owned()),
        (Format::Yaml, "c: text\n", "".to_owned()),
        (Format::Json, "{\"c\": [1]}", "".to_owned()),
        (Format::Toml, "c = 1\n", "".to_owned()),
        (Format::Toml, "c = { u = 1 }\n", "".to_owned()),
    ];
    for (format, old, new) in cases {
        match write(old, format, "c.t", HASH) {
            Ok(written) => assert_eq!(written, new, "{old:?}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unwritable, "{old:?}");
                assert!(new.is_empty(), "{old:?}: {error}");
            }
        }
    }
    assert_eq!(write("{", Format::Json, "t", "v").unwrap_err().kind(), ErrorKind::Syntax);
}

fn compose(text: &str) -> Vec<(String, String, Option<String>)> {
    let all = read_compose(text, &Surroundings::from([("S".to_owned(), "s".to_owned())]), Compose::V2).unwrap();
    all.into_iter().map(|variable| (variable.service, variable.entry.key, variable.entry.value)).collect()
}

#[test]
fn a_compose_file_is_set_service_by_service() {
    let file = "services:\n  a:\n    image: x\n    environment:\n      T: old # c\n      U: ${S}\n  b:\n    environment:\n      - U=1\n      - 'T=old'\n";
    let doubled = "$$2b$$12$$made/up.Hash";
    let both = file.replace("T: old #", &format!("T: '{doubled}' #")).replace("'T=old'", &format!("'T={doubled}'"));
    assert_eq!(write_compose(file, "T", None, HASH, Compose::V2).unwrap(), both);
    let one = file.replace("'T=old'", &format!("'T={doubled}'"));
    assert_eq!(write_compose(file, "T", Some("b"), HASH, Compose::V2).unwrap(), one);
    let added = write_compose(file, "N", Some("b"), HASH, Compose::V2).unwrap();
    assert_eq!(added, format!("{file}      - 'N={doubled}'\n"));
    assert_eq!(compose(&added).last().unwrap(), &("b".to_owned(), "N".to_owned(), Some(HASH.to_owned())));
    assert_eq!(compose(file)[1].2.as_deref(), Some("s"));

    let bare = "services:\n  a:\n    image: x\n";
    let with = "services:\n  a:\n    image: x\n    environment:\n      T: '$$2b$$12$$made/up.Hash'\n";
    assert_eq!(write_compose(bare, "T", None, HASH, Compose::V2).unwrap(), with);
    for (key, service) in [("N", None), ("T", Some("c"))] {
        let error = write_compose(file, key, service, HASH, Compose::V2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Target);
        assert!(error.hints()[0].contains("`a`, `b`"), "{:?}", error.hints());
    }
}

/// Each file was read by the real program, Compose 2.26.1; `Err` where it refuses. (In a second document it takes a text as a
/// list of one, and a list as the text of its only item. Such a file is refused here.)
#[test]
fn documents_are_merged_as_compose_merges_them() {
    type Seen<'a> = Result<&'a [(&'a str, &'a str, Option<&'a str>)], &'a str>;
    let one = "services:\n  a:\n    environment:\n      T: old\n      U: u\n";
    let cases: &[(&str, Seen<'_>)] = &[
        ("---\nservices: {a: {environment: {T: x}}}\n", Ok(&[("a", "T", Some("x")), ("a", "U", Some("u"))])),
        ("...\n---\nservices: {a: {environment: [T=x]}}\n", Ok(&[("a", "T", Some("x")), ("a", "U", Some("u"))])),
        ("---\nservices: {a: {environment: {T: null}}}\n", Ok(&[("a", "T", None), ("a", "U", Some("u"))])),
        ("---\nservices: {a: {environment: [T]}}\n", Ok(&[("a", "T", None), ("a", "U", Some("u"))])),
        ("---\nservices: {a: {environment: }}\n", Ok(&[("a", "T", Some("old")), ("a", "U", Some("u"))])),
        ("---\nservices: {a: {environment: {T: !reset x}}}\n", Ok(&[("a", "U", Some("u"))])),
        ("---\nservices: {a: {environment: [!reset T=x]}}\n", Ok(&[("a", "T", Some("old")), ("a", "U", Some("u"))])),
        (
            "---\nservices: {a: {environment: {T: !reset x}}}\n---\nservices: {a: {environment: {T: n}}}\n",
            Ok(&[("a", "U", Some("u")), ("a", "T", Some("n"))]),
        ),
        ("---\nservices: {a: {environment: !reset {}}}\n", Ok(&[])),
        ("---\nservices: {a: {environment: !override {T: x}}}\n", Ok(&[("a", "T", Some("x"))])),
        ("---\nservices: {a: !override {environment: {V: v}}}\n", Ok(&[("a", "V", Some("v"))])),
        ("---\nservices: !override {b: {environment: {V: v}}}\n", Ok(&[("b", "V", Some("v"))])),
        ("---\nservices: {a: !reset null, b: {environment: [V=v]}}\n", Ok(&[("b", "V", Some("v"))])),
        ("---\nx-other: 1\n", Ok(&[("a", "T", Some("old")), ("a", "U", Some("u"))])),
        ("---\n", Err("line 6: a document that is no map")),
        ("---\n# a comment\n", Err("line 6: a document that is no map")),
        ("---\ntext\n", Err("line 6: a document that is no map")),
        ("---\nservices: {a: {environment: text}}\n", Err("line 7: `environment` that is neither")),
        ("---\nservices: {a: {environment: [5]}}\n", Err("line 7: an item that is no text")),
        ("---\nservices: {a: {environment: {T: [x]}}}\n", Err("line 7: a list or map")),
        ("---\nservices: {a: {environment: {T: 1, T: 2}}}\n", Err("line 7: a key that the map has already")),
        ("---\nfoo: [\n", Err("what is no YAML")),
    ];
    for (more, expected) in cases {
        let text = format!("{one}{more}");
        match (read_compose(&text, &Surroundings::new(), Compose::V2), expected) {
            (Ok(_), Ok(expected)) => {
                let seen = compose(&text);
                let seen: Vec<_> = seen.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_deref())).collect();
                assert_eq!(seen, *expected, "{more}");
            }
            (Err(fault), Err(expected)) => assert!(fault.to_string().contains(expected), "{more}: {fault}"),
            (seen, _) => panic!("{more}: {:?}", seen.map(|all| all.len())),
        }
    }
    let two = format!("{one}---\nservices: {{a: {{environment: {{T: x}}}}}}\n");
    let fault = read_compose(&two, &Surroundings::new(), Compose::V1).map(|all| all.len()).unwrap_err();
    assert_eq!(fault.to_string(), "line 6: a second document, which Compose 1 refuses: move it to a file of its own");
    assert_eq!(write_compose(&two, "T", None, HASH, Compose::V1).unwrap_err().kind(), ErrorKind::Syntax);
}

#[test]
fn of_several_documents_the_one_that_counts_is_written() {
    let one = "services:\n  a:\n    environment:\n      T: old\n      U: u\n";
    let doubled = "$$2b$$12$$made/up.Hash";
    for (file, key, expected) in [
        (format!("{one}---\nservices: {{a: {{environment: {{T: x}}}}}}\n"), "T", ("{T: x}", format!("{{T: '{doubled}'}}"))),
        (format!("{one}---\nservices: {{a: {{environment: {{T: x}}}}}}\n"), "U", ("U: u", format!("U: '{doubled}'"))),
        (format!("{one}---\nservices: {{a: {{environment: [T]}}}}\n"), "T", ("[T]", format!("['T={doubled}']"))),
        (format!("{one}---\nservices: {{a: {{image: x}}}}\n"), "W", ("U: u", format!("U: u\n      W: '{doubled}'"))),
    ] {
        let written = write_compose(&file, key, Some("a"), HASH, Compose::V2).unwrap();
        assert_eq!(written, file.replace(expected.0, &expected.1));
        assert!(compose(&written).contains(&("a".to_owned(), key.to_owned(), Some(HASH.to_owned()))), "{written}");
    }
}

#[test]
fn what_a_reset_takes_away_is_none_of_the_service_s() {
    let file = "x-e: &e\n  T: shared\nservices:\n  a:\n    environment: {T: 0x1F}\n  b:\n    environment:\n      T: !reset null\n  c:\n    environment:\n      <<: *e\n      T: !reset null\n";
    let seen = compose(file);
    assert_eq!(seen, [("a", "31"), ("c", "shared")].map(|(a, t)| (a.to_owned(), "T".to_owned(), Some(t.to_owned()))));
    let error = write_compose(file, "T", Some("b"), HASH, Compose::V2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unwritable);
    assert!(error.to_string().contains("!reset"), "{error}");
}
