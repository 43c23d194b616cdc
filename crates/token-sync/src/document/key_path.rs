//! Paths of keys, such as `comfyui.token`, `hosts.0.token` or `"a.b".token`.

/// The keys of a path; `None` if it is none. A key with a dot or a quote stands in double quotes, with `\` before `"` and `\`.
pub(crate) fn split(path: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut signs = path.chars().peekable();
    loop {
        let mut key = String::new();
        if signs.next_if_eq(&'"').is_some() {
            loop {
                match signs.next()? {
                    '"' => break,
                    '\\' => key.push(signs.next()?),
                    sign => key.push(sign),
                }
            }
        } else {
            while let Some(sign) = signs.next_if(|sign| !matches!(sign, '.' | '"')) {
                key.push(sign);
            }
            if key.is_empty() {
                return None;
            }
        }
        keys.push(key);
        match signs.next() {
            None => return Some(keys),
            Some('.') => {}
            Some(_) => return None,
        }
    }
}

/// The path of those keys.
pub(super) fn join(keys: &[String]) -> String {
    let quoted = keys.iter().map(|key| {
        if key.is_empty() || key.contains(['.', '"']) {
            format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            key.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_and_joined() {
        for path in ["token", "comfyui.token", "a.0.b", "\"a.b\".c", "\"\"", "\"q\\\"\\\\\".x", "a-b_c.d e"] {
            assert_eq!(split(path).map(|keys| join(&keys)).as_deref(), Some(path));
        }
        for none in ["", ".", "a.", ".a", "a..b", "\"a", "a\"b\"", "\"a\"b"] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}
