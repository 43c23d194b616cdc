//! The bound on what variables may add: a file of a few hundred bytes can make its values double line by line.

/// The most `$` in a file whose reader replaces variables.
const MOST: usize = 4_096;
/// The longest value that variables may make, in bytes: far above any that a program is configured with.
const LONGEST: usize = 64 * 1024;

/// Refuses a file with so many variables that even bounded values would fill the memory.
pub(crate) fn of_file(text: &str) -> Result<(), String> {
    match text.match_indices('$').nth(MOST) {
        Some(_) => Err(format!("more than {MOST} `$`, which are not followed")),
        None => Ok(()),
    }
}

/// Refuses a value that variables made too long; called whenever one was put in.
pub(crate) fn of_value(value: &str) -> Result<(), String> {
    if value.len() > LONGEST { Err(format!("a value that its variables make longer than {} KiB", LONGEST >> 10)) } else { Ok(()) }
}
