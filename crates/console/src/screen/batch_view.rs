//! A batch as it goes on: a bar and what went wrong for people, a line of JSON an item for programs.

use std::time::Duration;

use report::{Failure, Outcome};

use super::Screen;
use crate::{ExitCode, Format, harmless::harmless, json::batch_v1::Line, style};

/// The view of one batch.
pub struct BatchView {
    screen: Screen,
    tally: Tally,
}

#[derive(Debug, Clone, Copy)]
struct Tally {
    total: u64,
    skipped: u64,
    done: u64,
    failed: u64,
}

impl BatchView {
    /// A view on this screen of so many items, some of which were done before.
    pub fn new(screen: &Screen, total: u64, skipped: u64) -> Self {
        let view = Self { screen: screen.clone(), tally: Tally { total, skipped, done: 0, failed: 0 } };
        view.progress();
        view
    }

    /// Shows what became of one item.
    pub fn show(&mut self, line: &Line) {
        self.tally.done += 1;
        self.tally.failed += u64::from(line.error.is_some());
        let screen = self.screen.clone();
        screen.with(|inner| match (inner.format, &line.error) {
            (Format::Text, Some(error)) if !inner.quiet => {
                inner.clear_bar();
                let ((sign, color), hint) = (style::of(&Outcome::Fail), style::HINT);
                // Where the server told the outcome, its words begin with it.
                let said = error.message.starts_with(&line.outcome);
                let words = if said { error.message.clone() } else { format!("{}: {}", line.outcome, error.message) };
                let mut text = format!("  {color}{sign}{color:#} {}  {}\n", harmless(&line.id), harmless(&words));
                for cause in &error.causes {
                    text.push_str(&format!("      because {}\n", harmless(cause)));
                }
                for next in &error.hints {
                    text.push_str(&format!("      {hint}next:{hint:#} {}\n", harmless(next)));
                }
                inner.print(&text);
            }
            (Format::Text, _) => {}
            _ => inner.print(&line.text()),
        });
        self.progress();
    }

    /// Waits until most of what was shown is written.
    pub async fn room(&self) {
        self.screen.room().await;
    }

    fn progress(&self) {
        let Tally { total, skipped, done, failed } = self.tally;
        let failed = if failed == 0 { String::new() } else { format!("{failed} did not succeed") };
        self.screen.with(|inner| {
            if inner.format == Format::Text && !inner.quiet {
                inner.progress(skipped + done, total, &failed);
            }
        });
    }

    /// Shows the sum. Returns the exit code: that of what stopped the batch, or whether every item succeeded.
    pub fn end(self, took: Duration, failure: Option<&Failure>) -> ExitCode {
        let code = match (failure, self.tally.failed) {
            (Some(failure), _) => ExitCode::for_kind(failure.kind),
            (None, 0) => ExitCode::Well,
            (None, _) => ExitCode::Findings,
        };
        let words = self.tally.words(took);
        self.screen.with(|inner| {
            inner.clear_bar();
            if inner.format == Format::Text && !inner.quiet {
                let well = if code == ExitCode::Well { Outcome::Pass } else { Outcome::Fail };
                let (sign, color) = style::of(&well);
                inner.print(&format!("{color}{sign}{color:#} {words}\n"));
            }
            if let Some(failure) = failure {
                inner.complain(failure);
            }
            inner.code(code)
        })
    }
}

impl Tally {
    fn words(self, took: Duration) -> String {
        let left = self.total.saturating_sub(self.skipped + self.done);
        let parts = [
            (self.done - self.failed, "succeeded"),
            (self.failed, "did not"),
            (self.skipped, "were done before"),
            (left, "are left"),
        ];
        let said = parts.iter().enumerate().filter(|(nth, (count, _))| *nth == 0 || *count > 0);
        let said: Vec<String> = said.map(|(_, (count, what))| format!("{count} {what}")).collect();
        format!("{} of {} in {:.1} s", said.join(", "), self.total, took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, batch_v1::File};

    #[test]
    fn the_sum_says_what_there_is_to_say() {
        let took = Duration::from_millis(4321);
        let all = Tally { total: 3, skipped: 0, done: 3, failed: 0 };
        let some = Tally { total: 9, skipped: 2, done: 4, failed: 1 };
        insta::assert_snapshot!([all.words(took), some.words(took)].join("\n"), @"
        3 succeeded of 3 in 4.3 s
        3 succeeded, 1 did not, 2 were done before, 3 are left of 9 in 4.3 s
        ");
    }

    #[test]
    fn the_published_schema_holds_a_line() {
        let file = File { file: "output/a.png".into(), node: "9".into(), path: None, bytes: Some(7), sha256: None };
        let error = Some((&Failure::new(report::FailureKind::Declined, "failed")).into());
        let line = Line {
            version: 1,
            at: "2025-01-01T00:00:00Z".into(),
            id: "7".into(),
            outcome: "failed".into(),
            backend: None,
            prompt_id: None,
            reroutes: 0,
            seconds: 1.5,
            files: vec![file],
            error,
        };
        let text = line.text();
        assert_eq!(text.matches('\n').count(), 1);
        assert!(json::tests::fits("batch-v1.json", &text), "{text}");
        assert!(!json::tests::fits("batch-v1.json", &text.replace("\"outcome\"", "\"outcom\"")));
    }
}
