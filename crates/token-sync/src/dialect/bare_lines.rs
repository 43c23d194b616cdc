//! Files whose values are taken as they stand, to the end of the line: `docker run --env-file`, Compose's `format: raw` and
//! Podman's `--env-file`. A quote, an escape or a comment behind a value is part of the value.

use super::{Entry, ReadFault, Surroundings};

/// In what the three differ.
pub(super) struct Rules {
    /// A byte order mark is not part of the first key.
    skips_bom: bool,
    /// A name with a blank in it makes the reader refuse the file; else the blank is part of the name.
    refuses_blanks: bool,
    /// What goes before a name: every white space, or blanks and tabs only.
    any_indent: bool,
    /// The value ends at a NUL, since it is handed on as a C string.
    ends_at_nul: bool,
    /// `NAME*` takes over every variable that starts so.
    takes_stars: bool,
    /// No line may be longer.
    longest_line: usize,
}

const LONGEST: usize = 64 * 1024;

/// `docker run --env-file`.
pub(super) const DOCKER: Rules = Rules {
    skips_bom: true,
    refuses_blanks: true,
    any_indent: true,
    ends_at_nul: true,
    takes_stars: false,
    longest_line: LONGEST,
};
/// `env_file:` with `format: raw`.
pub(super) const COMPOSE_RAW: Rules = Rules { ends_at_nul: false, ..DOCKER };
/// `podman run --env-file`.
pub(super) const PODMAN: Rules =
    Rules { skips_bom: false, refuses_blanks: false, any_indent: false, ends_at_nul: true, takes_stars: true, ..DOCKER };

pub(super) fn read(text: &str, surroundings: &Surroundings, rules: &Rules) -> Result<Vec<Entry>, ReadFault> {
    let is_blank = |sign: char| matches!(sign, ' ' | '\t');
    let mut entries = Vec::new();
    let mut next = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = next;
        next += line.len();
        let fault = |what: &str| ReadFault { line: number + 1, what: what.to_owned() };
        if line.len() > rules.longest_line {
            return Err(fault("a line longer than the reader takes"));
        }
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut line = line.strip_suffix('\r').unwrap_or(line);
        let end = start + line.len();
        if number == 0 && rules.skips_bom {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        line = if rules.any_indent { line.trim_start() } else { line.trim_start_matches(is_blank) };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            return Err(fault("a value without a variable name"));
        }
        if rules.refuses_blanks && name.contains(is_blank) {
            return Err(fault("a variable name with a blank in it"));
        }
        match value {
            Some(value) => {
                let seen = if rules.ends_at_nul { value.split('\0').next().unwrap_or_default() } else { value };
                entries.push(Entry::spelled(name, seen, end - value.len()..end));
            }
            None => entries.extend(inherited(name, surroundings, rules.takes_stars, end)),
        }
    }
    Ok(entries)
}

/// What a name alone takes over from the surroundings; nothing if they don't have it.
fn inherited(name: &str, surroundings: &Surroundings, takes_stars: bool, at: usize) -> Vec<Entry> {
    let name = if takes_stars { name } else { name.trim() };
    let wanted = |key: &str| match name.strip_suffix('*').filter(|_| takes_stars) {
        Some(start) => key.starts_with(start),
        None => key == name,
    };
    let found = surroundings.iter().filter(|(key, _)| wanted(key));
    found.map(|(key, value)| Entry::inherited(key, Some(value.clone()), at)).collect()
}
