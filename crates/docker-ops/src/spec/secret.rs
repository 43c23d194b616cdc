//! What looks like a secret. Whoever may inspect a container reads its variables, labels and command, so none may hold one.

/// Words of a name whose value is a secret.
const SECRET_WORDS: &[&str] =
    &["APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE", "PASSWD", "PASSWORD", "PWD", "SECRET", "TOKEN"];
/// Words that make a `KEY` a secret.
const KEY_WORDS: &[&str] = &["ACCESS", "API", "ENCRYPTION", "PRIVATE", "SIGNING"];
/// Last words of a name whose value only says where the secret is, or how it is used.
const ABOUT_WORDS: &[&str] = &["DIR", "FILE", "FOLDER", "NAME", "PATH", "TTL", "TYPE"];
/// How well-known services begin their tokens, and how long those are at least.
const PREFIXES: &[(&str, usize)] = &[("hf_", 30), ("ghp_", 36), ("github_pat_", 40), ("sk-", 24), ("AKIA", 20), ("glpat-", 26)];
/// What a bcrypt line has after its cost.
const BCRYPT_TAIL: usize = 53;

/// Whether a setting of that name holds a secret, if it holds anything.
pub(super) fn is_secret_name(name: &str) -> bool {
    // The working directory is called `PWD` by every shell.
    if name == "PWD" || name == "OLDPWD" {
        return false;
    }
    let words = words(name);
    let is = |word: &String, of: &[&str]| of.contains(&word.as_str());
    if words.last().is_some_and(|word| is(word, ABOUT_WORDS)) {
        return false;
    }
    words.iter().any(|word| is(word, SECRET_WORDS)) || words.windows(2).any(|pair| is(&pair[0], KEY_WORDS) && pair[1] == "KEY")
}

/// What a text holds that looks like a secret, in words that don't repeat it.
pub(super) fn found(text: &str) -> Option<&'static str> {
    if holds_bcrypt(text) {
        Some("a bcrypt line, which is a token of ComfyUI-Login")
    } else if holds_known_token(text) {
        Some("a token of a known service")
    } else if holds_bearer(text) {
        Some("a credential of an HTTP request")
    } else if holds_login_url(text) {
        Some("a URL with a password")
    } else {
        None
    }
}

/// Whether a command line holds what looks like a secret, and so should not be shown.
#[must_use]
pub fn holds_secret(line: &[String]) -> bool {
    let next = |nth: usize| line.get(nth + 1).map(String::as_str);
    line.iter().enumerate().any(|(nth, word)| found(word).is_some() || named_in(word, next(nth)).is_some())
}

/// The secret name in a piece of a command line that also gives its value: `NAME=value` anywhere, or a flag whose next word, `next`, is
/// its value.
pub(super) fn named_in<'a>(argument: &'a str, next: Option<&str>) -> Option<&'a str> {
    let assigned = argument.match_indices('=').find_map(|(at, _)| {
        let has_value = argument[at + 1..].chars().next().is_some_and(|sign| !sign.is_whitespace() && sign != '=');
        let name = argument[..at].rsplit(|sign: char| !is_name_sign(sign)).next().unwrap_or_default();
        (has_value && is_secret_name(name)).then_some(name)
    });
    let given = || argument.strip_prefix("--").filter(|name| name.chars().all(is_name_sign) && is_secret_name(name));
    assigned.or_else(|| given().filter(|_| next.is_some_and(|next| !next.starts_with('-'))))
}

fn is_name_sign(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.')
}

/// The words of a name in capitals: `apiKey`, `api-key` and `API_KEY` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for sign in name.chars() {
        let begins = was_small && sign.is_uppercase();
        was_small = sign.is_lowercase();
        if begins || !sign.is_alphanumeric() {
            words.push(String::new());
        }
        if sign.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(sign.to_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A bcrypt line, with its `$` as they are, doubled or escaped.
fn holds_bcrypt(text: &str) -> bool {
    let plain = text.replace("\\$", "$").replace("%24", "$").replace("$$", "$");
    plain.match_indices("$2").any(|(at, _)| {
        let rest = &plain.as_bytes()[at + 2..];
        let is_sign = |sign: &u8| sign.is_ascii_alphanumeric() || matches!(sign, b'.' | b'/');
        matches!(rest, [b'a' | b'b' | b'x' | b'y', b'$', b'0'..=b'9', b'0'..=b'9', b'$', tail @ ..]
            if tail.len() >= BCRYPT_TAIL && tail[..BCRYPT_TAIL].iter().all(is_sign))
    })
}

fn holds_known_token(text: &str) -> bool {
    let pieces = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-')));
    pieces.into_iter().any(|piece| PREFIXES.iter().any(|(prefix, least)| piece.len() >= *least && piece.starts_with(prefix)))
}

fn holds_bearer(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["bearer ", "basic "].iter().any(|scheme| {
        lower.match_indices(scheme).any(|(at, scheme)| {
            let value = &lower[at + scheme.len()..];
            value.bytes().take_while(|sign| !sign.is_ascii_whitespace() && !matches!(sign, b'"' | b'\'')).count() >= 16
        })
    })
}

fn holds_login_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, sign)| {
        let authority = text[at + sign.len()..].split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_and_names_about_them() {
        for name in ["HF_TOKEN", "hfToken", "COMFYUI_API_TOKEN", "db-password", "MY_SECRET", "API_KEY", "openaiApiKey", "Passwd"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "TOKENIZERS_PARALLELISM",
            "HF_TOKEN_FILE",
            "MAX_TOKENS",
            "KEY",
            "PWD",
            "MONKEY",
            "SECRET_NAME",
            "CUDA_VISIBLE_DEVICES",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_that_are_secrets_however_their_signs_are_doubled() {
        let bcrypt = format!("$2b$12${}", "a".repeat(BCRYPT_TAIL));
        for text in [
            bcrypt.clone(),
            bcrypt.replace('$', "$$"),
            bcrypt.replace('$', "\\$"),
            format!("curl -H 'X: {bcrypt}'"),
            format!("hf_{}", "a".repeat(34)),
            format!("Authorization: Bearer {}", "x".repeat(20)),
            "http://ann:pw@proxy:3128".to_owned(),
        ] {
            assert!(found(&text).is_some(), "{text}");
        }
        let cut = &bcrypt[..bcrypt.len() - 1];
        for text in [cut, "$2b$12$", "hf_transfer", "http://ann@host/a:b@c", "http://host:80/", "bearer of news"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn names_in_command_lines() {
        assert_eq!(named_in("export HF_TOKEN=abc; python3 main.py", None), Some("HF_TOKEN"));
        assert_eq!(named_in("--api-key=abc", None), Some("--api-key"));
        assert_eq!(named_in("--api-key", Some("abc")), Some("api-key"));
        for (argument, next) in
            [("--api-key", None), ("--api-key", Some("--cpu")), ("TOKEN=", None), ("a==b", None), ("--listen", Some("0.0.0.0"))]
        {
            assert_eq!(named_in(argument, next), None, "{argument}");
        }
    }
}
