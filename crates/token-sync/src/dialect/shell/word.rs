//! Words of a shell: what is literal, what is expanded, and where they end.

use super::{super::ReadFault, Assignment, Shell};

/// A piece of a word.
#[derive(Clone)]
pub(super) enum Part {
    /// Where the word starts in the file; the first part of each.
    Start(usize),
    /// Text as it stands, outside of quotes.
    Literal(String),
    /// Text as it stands, quoted.
    Quoted(String),
    /// What follows a `$`, or stands between backticks.
    Expansion { kind: Kind, quoted: bool },
    /// Where the word ends; the last part of each.
    End(usize),
}

#[derive(Clone)]
pub(super) enum Kind {
    /// `$NAME`, `$1`, `$?`
    Variable(String),
    /// What stands between `${` and `}`.
    Braced(String),
    /// What a command would print.
    Command(String),
    /// `$((…))`
    Arithmetic,
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `NAME=…` taken apart, if the word is one.
pub(super) fn as_assignment(word: &[Part]) -> Option<Assignment> {
    let [Part::Start(start), Part::Literal(first), rest @ .., Part::End(end)] = word else { return None };
    let (key, value) = first.split_once('=').filter(|(key, _)| is_name(key))?;
    let literal = (!value.is_empty()).then(|| Part::Literal(value.to_owned()));
    let value = literal.into_iter().chain(rest.iter().cloned()).collect();
    Some(Assignment { key: key.to_owned(), value, span: start + key.len() + 1..*end })
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    shell: Shell,
    pub(super) at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, shell: Shell) -> Self {
        Self { text, shell, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.at += sign.len_utf8();
        Some(sign)
    }

    fn fault(&self, what: &str) -> ReadFault {
        ReadFault::at(self.text, self.at, what)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Blanks and joined lines inside a statement.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches([' ', '\t', '\0']);
            let rest = rest.strip_prefix("\\\n").unwrap_or(rest);
            if rest.len() == self.rest().len() {
                return;
            }
            self.at = self.text.len() - rest.len();
        }
    }

    /// All that may stand between two statements.
    pub(super) fn skip_between(&mut self) -> Result<(), ReadFault> {
        let mut may_separate = self.at > 0;
        loop {
            self.skip_blanks();
            match self.peek() {
                Some('\n') => {
                    self.at += 1;
                    may_separate = false;
                }
                Some('#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                Some(';') if may_separate => {
                    self.at += 1;
                    may_separate = false;
                }
                Some('&' | '|' | ';' | '<' | '>' | '(' | ')') => {
                    return Err(self.fault("shell syntax that is more than a list of values"));
                }
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn ends_statement(&self) -> bool {
        matches!(self.peek(), None | Some('\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '#'))
    }

    /// The word at the cursor.
    pub(super) fn word(&mut self) -> Result<Vec<Part>, ReadFault> {
        let mut parts = vec![Part::Start(self.at)];
        while let Some(sign) = self.peek() {
            match sign {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => parts.push(Part::Quoted(self.single_quoted()?)),
                '"' => {
                    self.at += 1;
                    self.double_quoted(&mut parts)?;
                }
                '\\' => {
                    self.at += 1;
                    match self.take() {
                        Some('\n') => {}
                        Some(sign) => parts.push(Part::Quoted(sign.to_string())),
                        None => literal(&mut parts, '\\'),
                    }
                }
                '$' if self.shell != Shell::Posix && self.rest().starts_with("$'") => {
                    self.at += 2;
                    let text = self.ansi_quoted()?;
                    parts.push(Part::Quoted(text));
                }
                '$' if self.shell == Shell::Bash && self.rest().starts_with("$\"") => self.at += 1,
                '$' | '`' => match self.expansion(false)? {
                    Some(kind) => parts.push(Part::Expansion { kind, quoted: false }),
                    None => literal(&mut parts, sign),
                },
                _ => {
                    self.at += sign.len_utf8();
                    literal(&mut parts, sign);
                }
            }
        }
        parts.push(Part::End(self.at));
        Ok(parts)
    }

    /// The sign that ended a word.
    pub(super) fn take_ender(&mut self) -> Option<char> {
        self.take()
    }

    fn single_quoted(&mut self) -> Result<String, ReadFault> {
        let inside = &self.rest()[1..];
        let end = inside.find('\'').ok_or_else(|| self.fault("a quote that is not closed"))?;
        self.at += end + 2;
        Ok(inside[..end].replace('\0', ""))
    }

    /// The rest of a `"…"`, into `parts`.
    fn double_quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), ReadFault> {
        let open = self.at;
        let mut text = String::new();
        parts.push(Part::Quoted(String::new())); // so that `""` is a value
        loop {
            match self.peek() {
                None => return Err(ReadFault::at(self.text, open, "a quote that is not closed")),
                Some('"') => {
                    self.at += 1;
                    parts.push(Part::Quoted(text));
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    match self.take() {
                        Some('\n') => {}
                        Some(sign @ ('$' | '`' | '"' | '\\')) => text.push(sign),
                        Some(sign) => text.extend(['\\', sign]),
                        None => {}
                    }
                }
                Some(sign @ ('$' | '`')) => match self.expansion(true)? {
                    Some(kind) => {
                        parts.push(Part::Quoted(std::mem::take(&mut text)));
                        parts.push(Part::Expansion { kind, quoted: true });
                    }
                    None => text.push(sign),
                },
                Some(sign) => {
                    self.at += sign.len_utf8();
                    text.extend(Some(sign).filter(|sign| *sign != '\0'));
                }
            }
        }
    }

    /// The rest of a `$'…'`.
    fn ansi_quoted(&mut self) -> Result<String, ReadFault> {
        let open = self.at;
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err(ReadFault::at(self.text, open, "a quote that is not closed")),
                Some('\'') => return Ok(text),
                Some('\\') => match self.take() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(sign @ ('\\' | '\'' | '"')) => text.push(sign),
                    _ => return Err(ReadFault::at(self.text, open, "an escape in `$'…'` that is not followed here")),
                },
                Some(sign) => text.push(sign),
            }
        }
    }

    /// What the `$` or backtick at the cursor starts; `None`, behind it, if it starts nothing.
    fn expansion(&mut self, in_quotes: bool) -> Result<Option<Kind>, ReadFault> {
        let open = self.at;
        let not_closed = || ReadFault::at(self.text, open, "a `${`, `$(` or backtick that is not closed");
        if self.take() == Some('`') {
            let mut text = String::new();
            loop {
                match self.take().ok_or_else(not_closed)? {
                    '`' => return Ok(Some(Kind::Command(text))),
                    '\\' => match self.take().ok_or_else(not_closed)? {
                        sign @ ('`' | '$' | '\\') => text.push(sign),
                        '"' if in_quotes => text.push('"'),
                        sign => text.extend(['\\', sign]),
                    },
                    sign => text.push(sign),
                }
            }
        }
        let rest = self.rest();
        let (kind, length) = if rest.starts_with("((") {
            (Kind::Arithmetic, rest.find("))").ok_or_else(not_closed)? + 2)
        } else if let Some(inside) = rest.strip_prefix('(') {
            let end = super::super::command::closing(inside).ok_or_else(not_closed)?;
            (Kind::Command(inside[..end].to_owned()), end + 2)
        } else if let Some(inside) = rest.strip_prefix('{') {
            let end = closing_brace(inside).ok_or_else(not_closed)?;
            (Kind::Braced(inside[..end].to_owned()), end + 2)
        } else {
            let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            let length = match rest.bytes().next() {
                Some(b'0'..=b'9' | b'$' | b'!' | b'?' | b'#' | b'*' | b'@' | b'-') => 1,
                _ => name,
            };
            if rest[length..].starts_with("\\\n") && length <= name {
                return Err(self.fault("a line that is joined inside a `$NAME`"));
            }
            if length == 0 {
                return Ok(None);
            }
            (Kind::Variable(rest[..length].to_owned()), length)
        };
        self.at += length;
        Ok(Some(kind))
    }
}

/// Where the `}` stands that closes a `${`; quotes, escapes and inner expansions are respected.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        match (quote, sign) {
            (Some('\''), '\'') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => drop(signs.next()),
            (Some(open), _) if open == sign => quote = None,
            (None, '"' | '\'') => quote = Some(sign),
            (_, '$') => depth += usize::from(signs.next_if(|(_, next)| *next == '{').is_some()),
            (_, '}') if depth == 0 => return Some(at),
            (_, '}') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn literal(parts: &mut Vec<Part>, sign: char) {
    match parts.last_mut() {
        _ if sign == '\0' => {}
        Some(Part::Literal(text)) => text.push(sign),
        _ => parts.push(Part::Literal(sign.to_string())),
    }
}
