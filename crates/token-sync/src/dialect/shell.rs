//! Files that a shell sources with `set -a`: POSIX sh (dash), bash and busybox ash.
//!
//! Followed are assignments, `export` of assignments, and lines that call a program, which can't change a variable. What
//! could (conditions, functions, `eval`, other files) or needs a program's output is a fault that says so.

mod expansion;
mod word;

use std::ops::Range;

use self::{
    expansion::Scope,
    word::{Part, Scanner},
};
use super::{Entry, ReadFault, Surroundings};

/// Whose rules.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shell {
    Posix,
    Bash,
    Ash,
}

/// Words that do more, or may do more, than set values. A file that uses them is a program.
const DOES_MORE: &[&str] = &[
    "!",
    ".",
    "alias",
    "break",
    "builtin",
    "case",
    "cd",
    "command",
    "continue",
    "coproc",
    "declare",
    "do",
    "done",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "if",
    "let",
    "local",
    "mapfile",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "then",
    "time",
    "trap",
    "typeset",
    "unalias",
    "unset",
    "until",
    "while",
    "{",
    "}",
    "[[",
];
/// Words that change nothing and succeed.
const DOES_NOTHING: &[&str] = &[":", "true", "echo", "printf"];

/// One command: the assignments before it and the words of it.
#[derive(Default)]
struct Statement {
    assignments: Vec<Assignment>,
    words: Vec<Vec<Part>>,
    start: usize,
}

struct Assignment {
    key: String,
    value: Vec<Part>,
    span: Range<usize>,
}

pub(super) fn read(text: &str, surroundings: &Surroundings, shell: Shell) -> Result<Vec<Entry>, ReadFault> {
    let mut scanner = Scanner::new(text, shell);
    let mut scope = Scope { shell, surroundings, earlier: Surroundings::new() };
    let mut entries = Vec::new();
    let mut failed_at = None;
    while let Some(statement) = next_statement(&mut scanner)? {
        let fault = |what: String| ReadFault::at(text, statement.start, what);
        failed_at = run(&statement, &mut scope, &mut entries).map_err(fault)?.then_some(statement.start);
    }
    match failed_at {
        Some(at) => Err(ReadFault::at(text, at, "a line that the reader would run as a program, and the file ends with it")),
        None => Ok(entries),
    }
}

/// What the statement does to the variables; whether it calls a program.
fn run(statement: &Statement, scope: &mut Scope<'_>, entries: &mut Vec<Entry>) -> Result<bool, String> {
    let literal = |word: &[Part]| match word {
        [Part::Start(_), Part::Literal(text), Part::End(_)] => Some(text.clone()),
        _ => None,
    };
    let name = statement.words.first().map(|word| literal(word).unwrap_or_default());
    // POSIX keeps what is set before `export` and `:`; bash doesn't, and nobody does before another command.
    let keeps = match name.as_deref() {
        None => true,
        Some("export" | ":") => scope.shell != Shell::Bash,
        Some(_) => false,
    };
    for Assignment { key, value, span } in &statement.assignments {
        let value = scope.value(value)?; // of one that is not kept too: a command inside it would run
        if keeps {
            scope.earlier.insert(key.clone(), value.clone());
            entries.push(Entry::spelled(key, value, span.clone()));
        }
    }
    let Some(name) = name.as_deref() else { return Ok(false) };
    if name == "export" {
        return export(&statement.words[1..], scope, entries).map(|()| false);
    }
    if DOES_MORE.contains(&name) {
        return Err(format!("`{name}`: the file is a program, not a list of values"));
    }
    let mut words = statement.words.iter().map(|word| scope.value(word)).collect::<Result<Vec<_>, _>>()?.into_iter();
    if words.next().is_some_and(|called| called != name && (called == "export" || DOES_MORE.contains(&called.as_str()))) {
        return Err("a command whose name is made of a variable: the file is a program, not a list of values".to_owned());
    }
    Ok(!DOES_NOTHING.contains(&name))
}

fn export(arguments: &[Vec<Part>], scope: &mut Scope<'_>, entries: &mut Vec<Entry>) -> Result<(), String> {
    let mut set = Vec::new();
    for argument in arguments {
        let Some(Assignment { key, value, span }) = word::as_assignment(argument) else {
            match argument.as_slice() {
                [Part::Start(_), Part::Literal(name), Part::End(_)] if !name.starts_with('-') && word::is_name(name) => continue,
                _ => return Err("an `export` with more than names and values".to_owned()),
            }
        };
        if scope.shell != Shell::Bash && value.iter().any(|part| matches!(part, Part::Expansion { quoted: false, .. })) {
            let seen = scope.value(&value)?;
            if seen.contains([' ', '\t', '\n', '*', '?', '[']) {
                return Err("an `export` whose value the reader would split".to_owned());
            }
        }
        set.push((key, scope.value(&value)?, span));
    }
    for (key, value, span) in set {
        scope.earlier.insert(key.clone(), value.clone());
        entries.push(Entry::spelled(&key, value, span));
    }
    Ok(())
}

/// The next statement; `None` at the end of the file.
fn next_statement(scanner: &mut Scanner<'_>) -> Result<Option<Statement>, ReadFault> {
    scanner.skip_between()?;
    if scanner.is_at_end() {
        return Ok(None);
    }
    let mut statement = Statement { start: scanner.at, ..Statement::default() };
    while !scanner.ends_statement() {
        let word = scanner.word()?;
        match word::as_assignment(&word).filter(|_| statement.words.is_empty()) {
            Some(assignment) => statement.assignments.push(assignment),
            None => statement.words.push(word),
        }
        scanner.skip_blanks();
    }
    Ok(Some(statement))
}
