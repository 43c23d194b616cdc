//! What a shell puts in place of `~`, `$NAME`, `${NAME…}` and commands.

use super::{
    super::{Surroundings, command},
    Shell,
    word::{Kind, Part, Scanner, is_name},
};
use crate::growth;

/// How deep `${…}` may be nested.
const DEEPEST: usize = 20;

/// The variables, as far as the file has been read.
pub(super) struct Scope<'a> {
    pub(super) shell: Shell,
    pub(super) surroundings: &'a Surroundings,
    pub(super) earlier: Surroundings,
}

impl Scope<'_> {
    fn lookup(&self, name: &str) -> Option<&String> {
        self.earlier.get(name).or_else(|| self.surroundings.get(name))
    }

    /// The value of an assignment or a word.
    pub(super) fn value(&self, parts: &[Part]) -> Result<String, String> {
        let mut out = String::new();
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Start(_) | Part::End(_) => {}
                Part::Literal(text) => {
                    let is_first = !parts[..at].iter().any(|part| !matches!(part, Part::Start(_)));
                    let is_last = !parts[at + 1..].iter().any(|part| !matches!(part, Part::End(_)));
                    out.push_str(&self.with_home(text, is_first, is_last)?);
                }
                Part::Quoted(text) => out.push_str(text),
                Part::Expansion { kind, quoted } => {
                    out.push_str(&self.expand(kind, *quoted)?);
                    growth::of_value(&out)?;
                }
            }
        }
        Ok(out)
    }

    /// `~` at the start or behind `:`, alone or before `/`, is the home folder. `~NAME` is that of another user, if there is one.
    fn with_home(&self, text: &str, is_first: bool, is_last: bool) -> Result<String, String> {
        if !text.contains('~') {
            return Ok(text.to_owned());
        }
        let pieces: Vec<_> = text.split(':').collect();
        let replaced = pieces.iter().enumerate().map(|(at, piece)| {
            let may_start = at > 0 || is_first;
            let may_end = at + 1 < pieces.len() || is_last;
            match piece.strip_prefix('~') {
                Some(rest) if may_start && (rest.starts_with('/') || (rest.is_empty() && may_end)) => {
                    Ok(self.lookup("HOME").map_or_else(|| (*piece).to_owned(), |home| format!("{home}{rest}")))
                }
                Some(rest) if may_start && is_user(rest) => {
                    Err("`~` before a name, another user's home folder: put it in quotes if it is none".to_owned())
                }
                _ => Ok((*piece).to_owned()),
            }
        });
        replaced.collect::<Result<Vec<_>, _>>().map(|pieces| pieces.join(":"))
    }

    fn expand(&self, kind: &Kind, quoted: bool) -> Result<String, String> {
        match kind {
            Kind::Variable(name) => Ok(self.variable(name)),
            Kind::Braced(inside) => self.braced(inside, quoted),
            Kind::Command(text) if is_left_of_a_hash(text) => Ok(String::new()),
            Kind::Command(text) => command::output(text),
            Kind::Arithmetic => Err("arithmetic, which is not followed here".to_owned()),
        }
    }

    fn variable(&self, name: &str) -> String {
        match name {
            "0" => if self.shell == Shell::Bash { "bash" } else { "sh" }.to_owned(),
            "$" | "#" | "?" => "0".to_owned(), // `$$` is the process, which nobody can know from the file
            "-" => "a".to_owned(),
            name => self.lookup(name).cloned().unwrap_or_default(), // positional ones are empty
        }
    }

    fn braced(&self, inside: &str, quoted: bool) -> Result<String, String> {
        if inside.matches("${").count() > DEEPEST {
            return Err("a `${…}` that is nested too deep".to_owned());
        }
        let length = inside.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let (name, operator) = inside.split_at(length);
        if inside.len() > 1 && inside.starts_with('#') && is_name(&inside[1..]) {
            return Ok(self.variable(&inside[1..]).chars().count().to_string());
        }
        if !is_name(name) && !name.bytes().all(|byte| byte.is_ascii_digit()) || name.is_empty() {
            return Err("a `${…}` that is not followed here".to_owned());
        }
        let value = self.lookup(name);
        let filled = value.filter(|value| !value.is_empty());
        let word = |skipped: usize| self.word(&operator[skipped..], quoted);
        Ok(match operator {
            "" => self.variable(name),
            _ if operator.starts_with(":-") => filled.cloned().map_or_else(|| word(2), Ok)?,
            _ if operator.starts_with('-') => value.cloned().map_or_else(|| word(1), Ok)?,
            _ if operator.starts_with(":+") => filled.map_or_else(|| Ok(String::new()), |_| word(2))?,
            _ if operator.starts_with('+') => value.map_or_else(|| Ok(String::new()), |_| word(1))?,
            _ if operator.starts_with(":?") && filled.is_some() => filled.cloned().unwrap_or_default(),
            _ if operator.starts_with('?') && value.is_some() => value.cloned().unwrap_or_default(),
            _ if operator.starts_with(":?") || operator.starts_with('?') => {
                return Err(format!("the required variable `{name}` is not set"));
            }
            _ => return Err("a `${…}` that is not followed here".to_owned()),
        })
    }

    /// The word of a `${NAME:-word}`, which may hold quotes and expansions itself.
    fn word(&self, text: &str, quoted: bool) -> Result<String, String> {
        if text.contains(['\'', '"', '\\', '`']) && quoted {
            return Err("quotes inside a quoted `${…}`, on which shells differ".to_owned());
        }
        let mut out = String::new();
        let mut scanner = Scanner::new(text, self.shell);
        while !scanner.is_at_end() {
            let parts = scanner.word().map_err(|fault| fault.what)?;
            out.push_str(&self.value(&parts)?);
            // What ends a word outside is literal here.
            out.extend(scanner.take_ender());
        }
        Ok(out)
    }
}

/// A hash between backticks: its `$2` and `$1` are empty, and what is left is no program's name, so nothing is printed.
fn is_left_of_a_hash(command: &str) -> bool {
    let mut parts = command.split('$');
    parts.next() == Some("")
        && parts.next().is_some_and(|kind| matches!(kind, "2a" | "2b" | "2x" | "2y"))
        && parts.next().is_some_and(|cost| cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit()))
        && parts.next().is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/')))
        && parts.next().is_none()
}

/// Whether what is behind a `~` can be a user's name, or one of bash's own folders, before `/` or the end.
fn is_user(rest: &str) -> bool {
    let name = rest.split('/').next().unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+'))
}
