//! The signs and colors of outcomes.

use anstyle::{AnsiColor, Style};
use report::Outcome;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();

/// The sign and color of an outcome. Each sign differs, so that nothing is said by color alone.
pub(crate) fn of(outcome: &Outcome) -> (&'static str, Style) {
    match outcome {
        Outcome::Pass => ("✓", AnsiColor::Green.on_default()),
        Outcome::Warn => ("!", AnsiColor::Yellow.on_default()),
        Outcome::Fail => ("✗", AnsiColor::Red.on_default().bold()),
        Outcome::Skipped(_) => ("-", FAINT),
        Outcome::Unknown(_) => ("?", AnsiColor::Magenta.on_default().bold()),
    }
}
