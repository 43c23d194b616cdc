//! The grammar of a bcrypt line, and the names of its damages.
#![no_main]

use auth_core::{BcryptHash, HashFault, LoginToken, Mangling};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

const SIGNS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    line: &'a str,
    prefix: u8,
    cost: u8,
    signs: [u8; 53],
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    // Whatever the line is: no panic, and what we take for a hash the lenient parser takes too.
    if let Ok(hash) = BcryptHash::parse(input.line) {
        assert_eq!(hash.expose(), input.line);
        assert!(input.line.parse::<bcrypt::HashParts>().is_ok());
    }
    assert_eq!(
        LoginToken::new(input.line).is_ok(),
        !input.line.is_empty() && input.line.bytes().all(|byte| byte.is_ascii_graphic())
    );

    // Any line of the grammar is a hash, and each damage to it has its name.
    let mut signs = input.signs.map(|sign| SIGNS[usize::from(sign) % 64]);
    signs[21] = b".Oeu"[usize::from(signs[21]) % 4];
    signs[52] = b".CGKOSWaeimquy26"[usize::from(signs[52]) % 16];
    let signs = std::str::from_utf8(&signs).expect("ASCII");
    let line = format!("$2{}${:02}${signs}", ["a", "b", "y"][usize::from(input.prefix) % 3], 4 + input.cost % 28);
    let hash = BcryptHash::parse(&line).expect("of the grammar");
    assert_eq!((hash.expose(), hash.cost()), (&*line, u32::from(4 + input.cost % 28)));
    assert_eq!(Mangling::of(&line), None);
    let damages = [
        (format!("'{line}'"), Mangling::KeptQuotes),
        (format!("\"{line}\""), Mangling::KeptQuotes),
        (line.replace('$', "$$"), Mangling::DoubledDollars),
        (line.replace('$', "\\$"), Mangling::EscapedDollars),
        (line.replace('$', "%24"), Mangling::PercentEncoded),
        (data_encoding::BASE64.encode(line.as_bytes()), Mangling::Base64),
        (format!("\u{feff}{line}\r"), Mangling::Padding),
        (line[..40].to_owned(), Mangling::Truncated),
    ];
    for (damaged, mangling) in damages {
        assert_eq!(BcryptHash::parse(&damaged).expect_err("damaged"), HashFault::Mangled(mangling));
    }
});
