//! What looks like a secret and is none: lock files, base64, hexadecimal, minified programs, our own sources.

use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use token_sync::scan::{Control, Tree};

use super::{matches, scanner, token};

/// Bytes without a pattern, the same every time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| step().to_le_bytes()).flatten().take(count).collect()
}

fn minified() -> String {
    let one =
        "!function(e,t){var $2a=e.$,n=\"$2b$\"+t;$2b(\"%242a\",'&#36;2b&#36;12&#36;short');return n+\"\\u00242y\\u0024\"}($,$$);";
    one.repeat(2_000)
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let scanner = scanner(&[token(0), token(3)]);
    let noise = noise(4 << 20);
    let lock = |line: &str| format!("[[package]]\nname = \"x\"\nchecksum = \"{line}\"\n").repeat(100);
    let alphabet = "$2b$12$".to_owned() + &BASE64.encode(&noise[..3_000]).replace('+', ".");
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("binary", noise.clone()),
        ("base64", BASE64.encode(&noise).into_bytes()),
        ("hexadecimal", HEXLOWER.encode(&noise).into_bytes()),
        ("minified", minified().into_bytes()),
        ("lock file", lock(&HEXLOWER.encode(&noise[..32])).into_bytes()),
        ("npm lock file", lock(&format!("sha512-{}", BASE64.encode(&noise[..64]))).into_bytes()),
        ("longer than a bcrypt line", alphabet.into_bytes()),
        ("other crypts", b"$1$abc$x\n$5$rounds=5000$abc$x\n$6$abc$x\n$argon2id$v=19$m=1,t=1,p=1$x$y\n$2$04$x\n".to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("dollars", vec![b'$'; 1 << 20]),
        ("marks", b"$2b$2b$2b$2b%242b%242b;2b&".repeat(20_000)),
        ("backslashes", vec![b'\\'; 1 << 20]),
    ];
    for (name, text) in texts {
        assert_eq!(matches(&scanner, text), [], "{name}");
    }
}

#[test]
fn nothing_is_found_in_our_own_sources() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let scan = scanner(&[token(0)]).tree(&Tree::new(workspace), &Control::silent()).unwrap();
    assert_eq!(scan.matches, []);
    assert!(scan.counts.files > 50 && scan.counts.bytes > 100_000, "{:?}", scan.counts);
}
