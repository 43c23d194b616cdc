//! Every encoding, with every kind of salt.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use token_sync::scan::{Encoding, Rule};

use super::{matches, scanner, stranger, token};

/// `text` in each encoding, with the bytes before it that the encoding takes in.
fn spellings(text: &str) -> Vec<(String, Encoding)> {
    let with = |dollar: &str, slash: &str| text.replace('/', slash).replace('$', dollar);
    let mut all = vec![(text.to_owned(), Encoding::Raw)];
    let dollars = [
        ("$$", Encoding::DoubledDollar),
        ("\\$", Encoding::Backslash),
        ("\\\\$", Encoding::Backslash),
        ("%24", Encoding::Percent),
        ("%2524", Encoding::Percent),
        ("\\u0024", Encoding::UnicodeEscape),
        ("\\x24", Encoding::UnicodeEscape),
        ("&#36;", Encoding::HtmlEntity),
        ("&#x24;", Encoding::HtmlEntity),
        ("&#X24;", Encoding::HtmlEntity),
        ("&dollar;", Encoding::HtmlEntity),
    ];
    all.extend(dollars.map(|(dollar, encoding)| (with(dollar, "/"), encoding)));
    all.extend([
        (with("%24", "%2F"), Encoding::Percent),
        (with("%24", "%2f"), Encoding::Percent),
        (with("\\u0024", "\\u002f"), Encoding::UnicodeEscape),
        (with("&#x24;", "&#x2F;"), Encoding::HtmlEntity),
        (with("\\$", "\\/"), Encoding::Backslash),
    ]);
    all
}

/// `text` in hexadecimal and base64, alone and inside of more.
fn encoded(text: &str) -> Vec<(String, Encoding)> {
    let bytes = text.as_bytes();
    let mut all = vec![
        (HEXLOWER.encode(bytes), Encoding::HexLower),
        (HEXUPPER.encode(bytes), Encoding::HexUpper),
        (HEXLOWER.encode(text.replace('$', "$$").as_bytes()), Encoding::HexLower),
    ];
    for before in ["", "T", "T=", "T='", "TOKEN: "] {
        let line = format!("{before}{text}'\n");
        all.extend(
            [&BASE64, &BASE64_NOPAD, &BASE64URL, &BASE64URL_NOPAD].map(|codec| (codec.encode(line.as_bytes()), Encoding::Base64)),
        );
        let compose = format!("{before}{}", text.replace('$', "$$"));
        all.push((BASE64.encode(compose.as_bytes()), Encoding::Base64));
        let wrapped = |width: usize| {
            let signs = BASE64.encode(line.as_bytes());
            signs.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\n  ")
        };
        all.extend([(wrapped(76), Encoding::Base64), (wrapped(64), Encoding::Base64)]);
    }
    all
}

#[test]
fn every_encoding_with_every_kind_of_salt_is_found_once_and_named() {
    for kind in 0..5 {
        let token = token(kind);
        let scanner = scanner(&[token.clone(), stranger()]);
        let mut all = spellings(token.expose());
        all.extend(encoded(token.expose()));
        for (text, encoding) in all {
            for (before, after) in [("", ""), ("x = \"", "\";\n"), ("first line\n  ", " and more")] {
                let found = matches(&scanner, format!("{before}{text}{after}"));
                assert_eq!(found.len(), 1, "{encoding} of a token with salt kind {kind}, after {before:?}: {found:?}");
                assert_eq!((found[0].encoding, found[0].owner.labels()), (encoding, &["token 0".to_owned()][..]));
                // Where the `$` inside of base64 or hexadecimal are doubled, the place is that of what stands after them.
                let start = found[0].region.offset as usize;
                assert!((before.len()..before.len() + 24).contains(&start), "{encoding} at {start}");
            }
        }
    }
}

#[test]
fn every_spelling_of_an_unknown_bcrypt_line_is_found_once() {
    let fingerprint = stranger().fingerprint(&super::key());
    let scanner = scanner(&[token(0)]);
    for kind in 0..5 {
        for (text, encoding) in spellings(token(kind).expose()) {
            let found = matches(&super::scanner(&[]), format!("a={text}\n"));
            assert_eq!(found.len(), 1, "{encoding} {kind}");
            assert_eq!((found[0].rule, found[0].encoding), (Rule::BcryptUnknown, encoding));
        }
    }
    let found = matches(&scanner, format!("{}\n", stranger().expose()));
    assert_eq!(found[0].owner.fingerprint(), Some(&fingerprint));
    assert!(found[0].owner.labels().is_empty());
}

#[test]
fn the_part_after_the_cost_is_telling_by_itself() {
    let token = token(2);
    let found = matches(&scanner(std::slice::from_ref(&token)), format!("digest: {}\n", &token.expose()[7..]));
    assert_eq!((found.len(), found[0].rule, found[0].region.column), (1, Rule::TokenPart, 9));
}

#[test]
fn rules_follow_from_encodings() {
    let token = token(2);
    let scanner = scanner(std::slice::from_ref(&token));
    let rule = |text: &str| matches(&scanner, text)[0].rule;
    assert_eq!(rule(token.expose()), Rule::TokenPlain);
    assert_eq!(rule(&token.expose().replace('$', "$$")), Rule::TokenEscaped);
    assert_eq!(rule(&HEXLOWER.encode(token.expose().as_bytes())), Rule::TokenHex);
    assert_eq!(rule(&BASE64.encode(token.expose().as_bytes())), Rule::TokenBase64);
}

#[test]
fn partial_fingerprints_stay_while_lines_move() {
    let token = token(2);
    let scanner = scanner(std::slice::from_ref(&token));
    let prints = |text: String| -> Vec<String> {
        matches(&scanner, text).iter().map(|found| found.partial_fingerprint("".as_ref())).collect()
    };
    let line = format!("{}\n", token.expose());
    let moved = prints(format!("one\n\ntwo {line}three\n    {line}"));
    assert_eq!(prints(format!("{line}{line}")), moved);
    assert_ne!(moved[0], moved[1]);
}
