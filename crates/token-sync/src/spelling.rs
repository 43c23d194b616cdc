//! The ways to spell a value in a file of lines, best first. Which of them a reader reads back as the value is not known
//! here: whoever writes asks the readers.

/// Every spelling that some reader may want, without repetition.
pub(crate) fn candidates(value: &str) -> Vec<String> {
    let all = [
        format!("'{value}'"),
        format!("\"{}\"", escaped(value, "\\\"$`", true)),
        format!("\"{}\"", escaped(value, "\\\"$", true)),
        format!("\"{}\"", escaped(value, "\\\"", true)),
        format!("\"{}\"", escaped(value, "$", false)),
        format!("\"{value}\""),
        format!("'{}'", escaped(value, "'", false)),
        format!("'{}'", escaped(value, "\\'", false)),
        format!("'{}'", value.replace('\'', "'\\''")),
        format!("'{}'", value.replace('\'', "'\"'\"'")),
        format!("`{value}`"),
        format!("'{}'", escaped(value, "$", false)),
        format!("`{}`", escaped(value, "$", false)),
        value.to_owned(),
        escaped(value, "$", false),
        value.replace('$', "$$"),
        format!("\"{}\"", escaped(&value.replace('$', "$$"), "\\\"", true)),
        escaped(value, SHELL_SPECIAL, false),
    ];
    let mut distinct: Vec<String> = Vec::with_capacity(all.len());
    for spelling in all {
        if !distinct.contains(&spelling) {
            distinct.push(spelling);
        }
    }
    distinct
}

/// Signs that a shell takes for more than themselves outside of quotes.
const SHELL_SPECIAL: &str = "\\\"'`$ \t&|;<>()#*?[]~!{}";

/// Whether the spelling is the value itself.
pub(crate) fn is_bare(spelling: &str, value: &str) -> bool {
    spelling == value
}

/// A backslash before each of `signs`; line ends as letters, if wanted.
fn escaped(value: &str, signs: &str, line_ends: bool) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for sign in value.chars() {
        match sign {
            '\n' if line_ends => out.push_str("\\n"),
            '\r' if line_ends => out.push_str("\\r"),
            _ if signs.contains(sign) => out.extend(['\\', sign]),
            _ => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_come_first_and_nothing_twice() {
        let plain = candidates("abc");
        assert_eq!(plain, ["'abc'", "\"abc\"", "`abc`", "abc"]);
        let hash = candidates("$2b$x");
        assert_eq!(hash[..3], ["'$2b$x'", "\"\\$2b\\$x\"", "\"$2b$x\""]);
        assert!(hash.contains(&"$$2b$$x".to_owned()) && hash.contains(&"$2b$x".to_owned()));
    }
}
