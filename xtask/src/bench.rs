//! `cargo xtask bench`: the figures that the documents quote, measured beside the rival in one run.

mod client;
mod docker;
mod sim;
mod tokens;

use clap::Subcommand;
use console::{ExitCode, Screen, Shared};
use report::{CheckId, Event, Failure, Finding, Outcome, Report, Unit};

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// `genai-tokens`: a whole `check`, an audit of many places, the leak scan beside ripgrep
    Tokens,
    /// The embedded ComfyUI: its start, a prompt's way, 10,000 prompts, beside a real server
    Sim {
        /// A running ComfyUI without login on this machine, to measure beside: http://127.0.0.1:PORT
        #[arg(long, value_name = "URL")]
        live: Option<String>,
    },
    /// `docker-ops` beside the docker command line on the engine of this machine: inspect, list, figures, `up`, memory of a watch
    Docker {
        /// How long the memory of `stats --watch` is looked at
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
    },
    /// `comfy-client` beside four other clients: latency, requests, jobs done, memory, decoding, recovery, faults
    Client {
        /// A running ComfyUI on this machine to race on, http://127.0.0.1:PORT; with --token-file ours runs alone. It keeps
        /// some thousand small pictures
        #[arg(long, value_name = "URL")]
        live: Option<String>,
    },
}

/// What a figure must keep to.
#[derive(Debug, Clone, Copy)]
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bar) => value <= bar,
            Self::AtLeast(bar) => value >= bar,
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(bar) => write!(f, "at most {bar}"),
            Self::AtLeast(bar) => write!(f, "at least {bar}"),
        }
    }
}

/// A figure, its bar, and what it was measured on.
#[derive(Clone)]
struct Measured {
    id: CheckId,
    what: String,
    value: f64,
    bar: Bar,
    unit: Unit,
    seen: Vec<(String, String)>,
}

pub(crate) async fn run(bench: &Bench, shared: &Shared, screen: &Screen) -> Result<ExitCode, Failure> {
    let world = console::world()?;
    let mut report = Report::new("xtask bench", world.clock.now());
    let measured = match bench {
        Bench::Tokens => tokens::run(&world, &screen.sink())?,
        Bench::Docker { minutes } => docker::run(&world, &shared.settings(), *minutes, &screen.sink()).await?,
        Bench::Client { live } => client::run(live.as_deref(), shared, &screen.sink())?,
        Bench::Sim { live } => sim::run(live.as_deref(), &screen.sink())?,
    };
    for Measured { id, what, value, bar, unit, seen } in measured {
        let outcome = if bar.holds(value) { Outcome::Pass } else { Outcome::Fail };
        let finding = Finding::new(id, outcome, format!("{what}: {value:.3} ({bar})")).measure(&what, value, unit);
        let finding = seen.into_iter().fold(finding, |finding, (name, value)| finding.seen(name, value));
        screen.sink().send(Event::Found(Box::new(finding.clone())));
        report.findings.push(finding);
    }
    report.took = world.clock.now().duration_since(report.started_at).try_into().unwrap_or_default();
    Ok(screen.finish(&report))
}
