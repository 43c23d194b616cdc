//! What every source file must look like.

use super::File;

/// Printing and exiting, which `console` alone may do. Written in halves, so that this list does not find itself.
const PRINTING: &[&str] = &[
    concat!("print", "ln!("),
    concat!("pri", "nt!("),
    concat!("std", "out()"),
    concat!("std", "err()"),
    concat!("process::", "exit("),
];
/// Where a file's tests begin.
const TESTS: &str = "#[cfg(test)]\nmod tests {";
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "manager.rs", "misc.rs"];
/// A file that is longer holds more than one matter.
const LONGEST: usize = 800;
/// A binary's `main.rs` only parses, calls and exits.
const LONGEST_MAIN: usize = 40;

pub(super) fn violations(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(of).collect()
}

fn of(file: &File) -> Vec<String> {
    let File { path, text } = file;
    let mut broken = Vec::new();
    let mut say = |what: String| broken.push(format!("{path}: {what}"));
    if !text.trim_start_matches("#!").trim_start().starts_with("//!") {
        say("does not open with `//!`".to_owned());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&name) {
        say(format!("`{name}` says nothing about what is inside"));
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        say(format!("{lines} lines, more than {LONGEST}"));
    }
    if path.starts_with("bins/") && name == "main.rs" && lines > LONGEST_MAIN {
        say(format!("{lines} lines, more than a main.rs needs ({LONGEST_MAIN})"));
    }
    let library = path.starts_with("crates/") && path.contains("/src/") && !path.starts_with("crates/console/");
    if library {
        let shipped = text.split(TESTS).next().unwrap_or_default();
        for (at, line) in shipped.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(found) = PRINTING.iter().find(|call| line.contains(**call)) {
                say(format!("line {} calls `{found}…`, which only `console` may", at + 1));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> usize {
        violations(&[File { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn each_rule_can_fail() {
        let heading = "//! x\n";
        let printing = format!("{heading}fn f() {{ {}\"\"); }}", PRINTING[0]);
        let commented = format!("{heading}// {}\n", PRINTING[0]);
        let in_tests = format!("{heading}#[cfg(test)]\nmod tests {{ {}\"\") }}", PRINTING[0]);
        let cases = [
            ("crates/x/src/a.rs", heading, 0),
            ("crates/x/src/a.rs", "fn f() {}\n", 1),
            ("crates/x/src/utils.rs", heading, 1),
            ("crates/x/src/a/mod.rs", heading, 1),
            ("crates/x/src/a.rs", &printing, 1),
            ("crates/console/src/a.rs", &printing, 0),
            ("crates/x/src/a.rs", &commented, 0),
            ("crates/x/src/a.rs", &in_tests, 0),
            ("crates/x/src/a.rs", &format!("{heading}#[cfg(test)]\nmod other;\nfn f() {{ {}; }}", PRINTING[2]), 1),
            ("crates/x/src/a.rs", &format!("{heading}{}", "\n".repeat(LONGEST)), 1),
            ("bins/x/src/main.rs", &format!("{heading}{}", "\n".repeat(LONGEST_MAIN)), 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(broken(path, text), expected, "{path}: {text:.60}");
        }
    }
}
