//! No secret, and no path of somebody's machine, in a tracked file.

use super::File;

/// Where people's and programs' own files lie. Written in halves, so that this list does not find itself.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/s", "rv/"),
    concat!("C:\\Us", "ers"),
];
/// Files that may hold a bcrypt line, each with its reason. Empty: tests hash their own passwords.
const ALLOWED: &[(&str, &str)] = &[];

pub(super) fn violations(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for File { path, text } in files {
        for (at, line) in text.lines().enumerate() {
            if has_bcrypt_line(line) && !ALLOWED.iter().any(|(allowed, _)| allowed == path) {
                broken.push(format!("{path}:{}: a bcrypt line, which is a token", at + 1));
            }
            if let Some(found) = MACHINE_PATHS.iter().find(|start| is_path(line, start)) {
                broken.push(format!("{path}:{}: a path of a machine (`{found}…`)", at + 1));
            }
        }
    }
    broken
}

/// Whether `start` stands in `line` as the start of a path rather than in the middle of one.
fn is_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '}' | '/'))
    })
}

/// Whether 60 signs in a row are a bcrypt line.
fn has_bcrypt_line(line: &str) -> bool {
    let is_hash_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    line.as_bytes().windows(60).any(|window| {
        window[0] == b'$'
            && window[1] == b'2'
            && window[3] == b'$'
            && window[4..6].iter().all(u8::is_ascii_digit)
            && window[6] == b'$'
            && window[7..].iter().all(is_hash_sign)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_can_fail() {
        let bcrypt = format!("x = '$2b$12${}'", "a".repeat(53));
        let cases = [
            (bcrypt.as_str(), 1),
            ("x = '$2b$12$short'", 0),
            (concat!("see /ho", "me/ann/x"), 1),
            (concat!("see `/wo", "rk/x`"), 1),
            (concat!("the folder net/wo", "rk/x"), 0),
            (concat!("https://host/ho", "me/"), 0),
        ];
        for (text, expected) in cases {
            let file = File { path: "x.md".to_owned(), text: text.to_owned() };
            assert_eq!(violations(&[file]).len(), expected, "{text}");
        }
    }
}
