//! Nothing that the scan hands out shows a secret, in any encoding.

use std::fmt::Write;

use auth_core::Password;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use token_sync::scan::{Allow, Allowlist, Control, Day, Git, Rule, Scanner, Secret, Tree};

use super::{key, stranger, token};

#[test]
fn debug_and_display_of_everything_hold_no_secret_in_any_encoding() {
    let (known, unknown, password) = (token(3), stranger(), Password::new("made up for tests").unwrap());
    let secrets = [Secret::token(".env", &known), Secret::password("source", &password)];
    let scanner = Scanner::new(&secrets, &key());
    let folder = tempfile::tempdir().unwrap();
    let spelled = [
        known.expose().to_owned(),
        known.expose().replace('$', "$$"),
        known.expose().replace('$', "%24"),
        HEXLOWER.encode(known.expose().as_bytes()),
        BASE64_NOPAD.encode(known.expose().as_bytes()),
        unknown.expose().to_owned(),
        password.expose().to_owned(),
    ];
    let name = known.expose().replace('/', "%2F");
    for (path, text) in [("file", spelled.join("\n")), (name.as_str(), known.expose().to_owned())] {
        std::fs::write(folder.path().join(path), text).unwrap();
    }

    let mut shown = String::new();
    let mut see = |what: &dyn std::fmt::Debug| writeln!(shown, "{what:?} {what:#?}").unwrap();
    see(&secrets);
    see(&scanner);
    let scan = scanner.tree(&Tree::new(folder.path()), &Control::silent()).unwrap();
    assert_eq!(scan.matches.len(), 8);
    see(&scan);
    see(&scan.matches.iter().map(|found| found.partial_fingerprint(folder.path())).collect::<Vec<_>>());
    for found in &scan.matches {
        see(&format_args!("{} {} {} {}", found.place, found.owner, found.encoding, found.rule));
    }
    see(&scanner.stream(known.expose(), &mut unknown.expose().as_bytes(), &Control::silent()));
    see(&scanner.redact(&spelled.join(" ")));
    see(&Rule::ALL.iter().map(|rule| rule.meaning()).collect::<Vec<_>>());
    let list = Allowlist::new(folder.path(), vec![Allow::new(Some("file"), None, "made up", "2026-01-01").unwrap()]);
    see(&list.judge(scan.matches, Day::parse("2026-01-01").unwrap()));
    see(&list);
    for pasted in [known.expose(), unknown.expose()] {
        see(&Allow::new(None, Some(pasted), "made up", "2026-01-01").unwrap_err());
    }
    see(&scanner.git_index(&Git::new("git", folder.path()), &Control::silent()).unwrap_err());

    let rest = scanner.stream("output", &mut shown.as_bytes(), &Control::silent());
    assert_eq!(rest.matches, [], "what was shown holds a secret");
    assert!(rest.counts.bytes > 5_000);
    // The same once more, without the scanner's help.
    for text in spelled.iter().chain([&name, &known.expose()[7..].to_owned(), &unknown.expose()[7..].to_owned()]) {
        assert!(!shown.contains(text.as_str()), "shown as it is");
    }
}
