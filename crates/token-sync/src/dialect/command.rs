//! Commands inside values. Nothing is ever run: `echo` of plain words is known without running it, and of everything else we
//! say that the reader would run a program.

/// No value of a settings file has more commands; looking for the ends of more would take too long.
pub(super) const MOST: usize = 100;
/// What to say of one that has.
pub(super) const TOO_MANY: &str = "a value with more commands than are followed here";

/// What a command prints, without the line end.
pub(super) fn output(command: &str) -> Result<String, String> {
    let mut words = command.split_ascii_whitespace();
    let is_plain = |word: &&str| {
        !word.starts_with('-')
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b':' | b',' | b'@' | b'%' | b'+' | b'-'))
    };
    let said: Option<Vec<_>> =
        (words.next() == Some("echo")).then(|| words.map(|word| Some(word).filter(is_plain)).collect()).flatten();
    said.map(|words| words.join(" "))
        .ok_or_else(|| "a value for which the reader would run a program; this one never does".to_owned())
}

/// The length of a command up to the `)` that closes it; quotes and inner parentheses are respected.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut open = vec![None];
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let quote: &mut Option<char> = open.last_mut()?;
        match (*quote, sign) {
            (Some('\''), '\'') => *quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                signs.next();
            }
            (Some(closing), _) if closing == sign => *quote = None,
            (Some(_), '$') => {
                if signs.next_if(|(_, next)| *next == '(').is_some() {
                    open.push(None);
                }
            }
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => *quote = Some(sign),
            (None, '(') => open.push(None),
            (None, ')') => {
                open.pop();
                if open.is_empty() {
                    return Some(at);
                }
            }
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_is_known_and_nothing_else() {
        assert_eq!(output("echo a  b/c.d").as_deref(), Ok("a b/c.d"));
        assert_eq!(output("echo").as_deref(), Ok(""));
        for command in ["", "date", "echo -n a", "echo a; date", "echo $(id)", "echo `id`", "echo a>f", "echo *", "echo ~"] {
            assert!(output(command).unwrap_err().contains("run a program"), "{command}");
        }
    }

    #[test]
    fn commands_end_at_their_own_parenthesis() {
        assert_eq!(closing("a)b)"), Some(1));
        assert_eq!(closing("a (b) ')' \")\" \\) c) d"), Some(18));
        assert_eq!(closing("never"), None);
        assert_eq!(closing("'never)"), None);
    }
}
