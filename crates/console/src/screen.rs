//! What a person sees while a journey runs and when it ends.

mod batch_view;
mod outlet;
mod preview;
mod run_view;

pub use batch_view::BatchView;
pub use preview::Protocol;
pub use run_view::RunView;

use std::{
    io::{self, IsTerminal, Write},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use report::{
    Event, Failure, FailureKind, Finding, Report, Sink,
    watch::{Happening, What},
};

use crate::{
    ExitCode, Format, Shared, harmless::harmless, json, logging, sarif, stack_watch_lines, style, summary, watch_lines, wishes,
};
use outlet::Outlet;

/// Standard output and standard error, as the shared flags want them used.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<Inner>>);

struct Inner {
    format: Format,
    quiet: bool,
    out: Outlet,
    err: AutoStream<io::Stderr>,
    bar: Option<ProgressBar>,
    bars: bool,
    found: Vec<Finding>,
}

impl Screen {
    /// The screen as `flags` want it; starts the log too.
    pub fn new(flags: &Shared) -> Self {
        let out = AutoStream::new(io::stdout(), flags.color.into());
        let err = AutoStream::new(io::stderr(), flags.color.into());
        logging::start(flags, err.current_choice() != ColorChoice::Never);
        let text = flags.format == Format::Text;
        let bars = text && !flags.quiet && flags.verbose == 0 && io::stderr().is_terminal();
        Self(Arc::new(Mutex::new(Inner {
            format: flags.format,
            quiet: flags.quiet,
            out: Outlet::new(out),
            err,
            bar: None,
            bars,
            found: Vec::new(),
        })))
    }

    /// Where a journey sends its events: shown at once as text; in other formats only the report is printed, at the end.
    pub fn sink(&self) -> Sink {
        let screen = self.clone();
        Sink::new(move |event| screen.with(|inner| inner.event(event)))
    }

    /// A sink for commands whose output is what was asked for, such as a container's log: what is said beside it goes to the errors.
    pub fn aside(&self) -> Sink {
        let screen = self.clone();
        Sink::new(move |event| {
            screen.with(|inner| match &event {
                Event::Note(text) if inner.format == Format::Text && !inner.quiet => {
                    inner.clear_bar();
                    let _ = inner.err.write_all(render_note(text).as_bytes());
                }
                _ => inner.event(event),
            });
        })
    }

    /// What was found so far, for a journey that doesn't come to its end.
    pub fn found(&self) -> Vec<Finding> {
        self.with(|inner| inner.found.clone())
    }

    /// Shows the result: the summary as text, or the whole report as JSON or SARIF. Returns the exit code it stands for; output that
    /// could not be written is unexpected, unless nobody reads it any more.
    pub fn finish(&self, report: &Report) -> ExitCode {
        self.with(|inner| {
            inner.clear_bar();
            match inner.format {
                Format::Json => inner.print(&json::render(report)),
                Format::Sarif => inner.print(&sarif::render(report)),
                Format::Text if report.findings.is_empty() && report.stopped.is_some() => {}
                Format::Text => inner.print(&summary::render(report)),
            }
            // A failure of one service of several was shown when it happened; JSON holds all of them.
            if let Some(failure) = &report.stopped {
                match inner.format {
                    Format::Text if failure.service.is_some() => {}
                    Format::Text | Format::Sarif => inner.complain(failure),
                    Format::Json => {}
                }
            }
            inner.code(ExitCode::of(report))
        })
    }

    /// Shows what happened while files were watched: a line for people or, as JSON, for programs. Breaks when nobody can read on.
    pub fn tell(&self, happening: &Happening) -> ControlFlow<()> {
        self.with(|inner| {
            match (inner.format, &happening.what) {
                (Format::Text, What::Ended(failure)) => inner.complain(failure),
                (Format::Text, _) => inner.print(&watch_lines::text(happening)),
                (Format::Json | Format::Sarif, _) => inner.print(&watch_lines::json(happening)),
            }
            inner.out.drain(None);
            if inner.out.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// The same of containers that are watched.
    pub fn tell_of_stack(&self, happening: &report::stack_watch::Happening) -> ControlFlow<()> {
        self.with(|inner| {
            match (inner.format, &happening.what) {
                (Format::Text, report::stack_watch::What::Ended(failure)) => inner.complain(failure),
                (Format::Text, _) => inner.print(&stack_watch_lines::text(happening)),
                (Format::Json | Format::Sarif, _) => inner.print(&stack_watch_lines::json(happening)),
            }
            inner.out.drain(None);
            if inner.out.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// Prints one line of many. Breaks when nobody can read on.
    pub(crate) fn line(&self, text: &str) -> ControlFlow<()> {
        self.with(|inner| {
            inner.print(text);
            if inner.out.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// The exit code of a watch that went on until nobody could read it: all well, unless its output could not be written.
    pub fn unread(&self) -> ExitCode {
        self.with(|inner| inner.code(ExitCode::Well))
    }

    /// Shows why nothing could be done. Returns the exit code it stands for.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        self.with(|inner| {
            inner.clear_bar();
            inner.complain(failure);
        });
        ExitCode::for_kind(failure.kind)
    }

    /// Says what should be better beside a result, on standard error, where a document on standard output stays whole.
    pub fn warn(&self, message: &str, hint: &str) {
        self.with(|inner| {
            inner.clear_bar();
            if !inner.quiet {
                let (color, next) = (style::of(&report::Outcome::Warn).1, style::HINT);
                let (message, hint) = (harmless(message), harmless(hint));
                let _ = writeln!(inner.err, "{color}warning:{color:#} {message}\n  {next}next:{next:#} {hint}");
            }
        });
    }

    /// How many columns a line on standard output holds; none where that is no terminal.
    pub fn width(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }

    /// Prints text that a command made, such as how to log in.
    pub fn say(&self, text: &str) {
        self.with(|inner| {
            inner.clear_bar();
            if inner.format == Format::Text {
                inner.print(&format!("{text}\n"));
            }
        });
    }

    /// Asks a question that is answered with `y` or `n`. Where nobody can answer (no terminal), the answer is no. The wait for the
    /// answer can be dropped.
    pub async fn ask(&self, question: &str) -> bool {
        let (screen, question) = (self.clone(), question.to_owned());
        tokio::task::spawn_blocking(move || screen.ask_now(&question)).await.unwrap_or(false)
    }

    fn ask_now(&self, question: &str) -> bool {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return false;
        }
        self.with(|inner| {
            inner.clear_bar();
            let _ = write!(inner.err, "{} [y/N] ", harmless(question));
            let _ = inner.err.flush();
        });
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// Prints `text` as it is, whatever the format: for commands whose output is a document. Returns the exit code that this stands
    /// for.
    pub fn document(&self, text: &str) -> ExitCode {
        self.with(|inner| {
            inner.print(text);
            inner.code(ExitCode::Well)
        })
    }

    /// Waits until most of what was printed is written: who prints without end waits here, where it can be stopped.
    pub async fn room(&self) {
        let out = self.with(|inner| inner.out.clone());
        out.room().await;
    }

    pub(crate) fn format(&self) -> Format {
        self.with(|inner| inner.format)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn print(&mut self, text: &str) {
        self.out.print(text);
    }

    /// `code`, unless output could not be written. Who wanted it stopped does not wait for who reads.
    fn code(&mut self, code: ExitCode) -> ExitCode {
        self.out.drain((code == ExitCode::Interrupted).then_some(wishes::GRACE));
        let Some(error) = self.out.error() else { return code };
        self.complain(&Failure::new(FailureKind::Unexpected, format!("can't write the output: {error}")));
        ExitCode::Unexpected
    }

    fn complain(&mut self, failure: &Failure) {
        let _ = self.err.write_all(render_failure(failure).as_bytes());
    }

    fn event(&mut self, event: Event) {
        if let Event::Found(finding) = &event {
            self.found.push(finding.as_ref().clone());
        }
        if self.format != Format::Text || (self.quiet && !matches!(event, Event::Stopped(_))) {
            return;
        }
        match event {
            Event::Section(title) => {
                self.clear_bar();
                let heading = style::HEADING;
                self.print(&format!("\n{heading}{}{heading:#}\n", harmless(&title)));
            }
            Event::Note(text) => {
                self.clear_bar();
                self.print(&render_note(&text));
            }
            Event::Started(what) => self.progress(0, 0, &what),
            Event::Progress { done, total, what } => self.progress(done, total, &what),
            Event::Found(finding) => {
                self.clear_bar();
                self.print(&render_finding(&finding));
            }
            Event::Changed(change) => {
                self.clear_bar();
                let faint = style::FAINT;
                self.print(&format!("  {faint}·{faint:#} {} `{}`\n", change.verb(), harmless(&change.path)));
            }
            Event::Stopped(failure) => {
                self.clear_bar();
                self.complain(&failure);
            }
        }
    }

    fn progress(&mut self, done: u64, total: u64, what: &str) {
        if !self.bars {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let template = if total > 0 { "  {spinner} [{bar:24}] {pos}/{len} {msg}" } else { "  {spinner} {msg} {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▌ "));
        }
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(harmless(what).into_owned());
    }

    fn clear_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn render_note(text: &str) -> String {
    let faint = style::FAINT;
    format!("  {faint}·{faint:#} {}\n", harmless(text))
}

/// Evidence that is longer than this stands on lines of its own.
const ONE_LINE: usize = 110;

/// Sign, id and summary; then the reason, the evidence and the hints.
pub(crate) fn render_finding(finding: &Finding) -> String {
    let (sign, color) = style::of(&finding.outcome);
    let (faint, hint) = (style::FAINT, style::HINT);
    let mut text = format!("  {color}{sign}{color:#} {:<28} {}\n", finding.check.0, harmless(&finding.summary));
    if let Some(reason) = finding.outcome.reason() {
        text.push_str(&format!("      {faint}because {}{faint:#}\n", harmless(reason)));
    }
    let seen: Vec<_> = finding.evidence.iter().map(|seen| format!("{} → {}", seen.name, seen.value)).collect();
    let joined = seen.join(" · ");
    let lines = if joined.chars().count() > ONE_LINE { seen } else { Vec::from([joined]) };
    for line in lines.iter().filter(|line| !line.is_empty()) {
        text.push_str(&format!("      {faint}{}{faint:#}\n", harmless(line)));
    }
    for line in &finding.hints {
        text.push_str(&format!("      {hint}next:{hint:#} {}\n", harmless(line)));
    }
    text
}

pub(crate) fn render_failure(failure: &Failure) -> String {
    let (color, hint) = (style::of(&report::Outcome::Fail).1, style::HINT);
    let mut text = format!("{color}error:{color:#} {}\n", harmless(&failure.message));
    for cause in &failure.causes {
        text.push_str(&format!("  because {}\n", harmless(cause)));
    }
    for line in &failure.hints {
        text.push_str(&format!("  {hint}next:{hint:#} {}\n", harmless(line)));
    }
    text
}

#[cfg(test)]
mod tests {
    use report::{CheckId, FailureKind, Outcome};

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_finding_as_a_person_sees_it() {
        let finding = Finding::new(CheckId("auth-enforced"), Outcome::Fail, "the server answers without a credential")
            .seen("GET /queue", "200")
            .seen("GET /api/queue", "200")
            .hint("install ComfyUI-Login");
        let unknown = Finding::new(CheckId("token-accepted"), Outcome::Unknown("the server answered 500".into()), "can't tell");
        insta::assert_snapshot!(plain(&(render_finding(&finding) + &render_finding(&unknown))), @"
        ✗ auth-enforced                the server answers without a credential
            GET /queue → 200 · GET /api/queue → 200
            next: install ComfyUI-Login
        ? token-accepted               can't tell
            because the server answered 500
        ");
    }

    #[test]
    fn a_failure_as_a_person_sees_it() {
        let failure = Failure {
            causes: vec!["connection refused".to_owned()],
            ..Failure::new(FailureKind::Unreachable, "can't reach `http://127.0.0.1:1`").hint("start ComfyUI")
        };
        insta::assert_snapshot!(plain(&render_failure(&failure)), @"
        error: can't reach `http://127.0.0.1:1`
          because connection refused
          next: start ComfyUI
        ");
    }
}
