//! `cargo xtask bench`: the figures that the documents quote, measured beside the rival in one run.

mod tokens;

use clap::Subcommand;
use console::{ExitCode, Screen};
use report::{CheckId, Event, Failure, Finding, Outcome, Report, Unit};

/// What to measure.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Bench {
    /// `genai-tokens`: a whole `check`, an audit of many places, the leak scan beside ripgrep
    Tokens,
}

/// A figure, its bar, and what it was measured on.
struct Measured {
    id: CheckId,
    what: String,
    value: f64,
    bar: f64,
    unit: Unit,
    seen: Vec<(String, String)>,
}

pub(crate) fn run(bench: Bench, screen: &Screen) -> Result<ExitCode, Failure> {
    let world = console::world()?;
    let mut report = Report::new("xtask bench", world.clock.now());
    let measured = match bench {
        Bench::Tokens => tokens::run(&world, &screen.sink())?,
    };
    for Measured { id, what, value, bar, unit, seen } in measured {
        let outcome = if value <= bar { Outcome::Pass } else { Outcome::Fail };
        let finding = Finding::new(id, outcome, format!("{what}: {value:.3} (at most {bar})")).measure(&what, value, unit);
        let finding = seen.into_iter().fold(finding, |finding, (name, value)| finding.seen(name, value));
        screen.sink().send(Event::Found(Box::new(finding.clone())));
        report.findings.push(finding);
    }
    report.took = world.clock.now().duration_since(report.started_at).try_into().unwrap_or_default();
    Ok(screen.finish(&report))
}
