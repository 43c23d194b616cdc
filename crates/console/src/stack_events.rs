//! What happens to containers, a line each: for people, or as JSON for programs.

use std::ops::ControlFlow;

use report::{Failure, Outcome};

use crate::{
    ExitCode, Format, Screen,
    harmless::harmless,
    json::{
        self,
        stack_events_v1::{Event, Happened, Line},
    },
    style::{self, FAINT},
};

impl Screen {
    /// Shows what happened to a container, or to the stream of it. Breaks when nobody can read on.
    pub fn container_event(&self, event: Event) -> ControlFlow<()> {
        let text = match self.format() {
            Format::Json => json::line(&Line { version: 1, event }),
            _ => text(&event),
        };
        self.line(&text)
    }

    /// Says why a stream of events ended before its time: to people on standard error, to programs as its last line. Returns the exit code.
    pub fn events_failed(&self, failure: &Failure) -> ExitCode {
        if self.format() != Format::Json {
            return self.fail(failure);
        }
        // Whether anybody reads it or not, this is the end.
        let _ = self.container_event(Event::Ended { error: failure.into() });
        ExitCode::for_kind(failure.kind)
    }
}

fn text(event: &Event) -> String {
    let (outcome, words) = match event {
        Event::Happened(happened) => (outcome(happened), words(happened)),
        Event::Lost { error } => (Some(Outcome::Warn), format!("{}; trying again", error.message)),
        Event::Resumed => (Some(Outcome::Pass), "the engine answers again".to_owned()),
        Event::Ended { error } => (Some(Outcome::Fail), error.message.clone()),
    };
    let (sign, color) = outcome.as_ref().map_or(("·", FAINT), style::of);
    let time = match event {
        Event::Happened(happened) => format!("{FAINT}{}{FAINT:#} ", harmless(&happened.at)),
        _ => String::new(),
    };
    format!("{time}{color}{sign}{color:#} {}\n", harmless(&words))
}

fn outcome(happened: &Happened) -> Option<Outcome> {
    match happened.action.as_str() {
        "start" | "unpause" => Some(Outcome::Pass),
        "oom" => Some(Outcome::Fail),
        "die" if happened.exit_code != Some(0) => Some(Outcome::Warn),
        "health_status" => Some(if happened.healthy == Some(true) { Outcome::Pass } else { Outcome::Fail }),
        _ => None,
    }
}

fn words(happened: &Happened) -> String {
    let who = happened.service.as_ref().or(happened.name.as_ref()).unwrap_or(&happened.container);
    let what = match (happened.action.as_str(), happened.healthy) {
        ("create", _) => "was made".to_owned(),
        ("start", _) => "started".to_owned(),
        ("die", _) => happened.exit_code.map_or("ended".to_owned(), |code| format!("ended with code {code}")),
        ("kill", _) => happened.signal.as_ref().map_or("got a signal".to_owned(), |signal| format!("got signal {signal}")),
        ("pause", _) => "was paused".to_owned(),
        ("stop", _) => "was stopped".to_owned(),
        ("restart", _) => "was restarted".to_owned(),
        ("unpause", _) => "goes on after a pause".to_owned(),
        ("destroy", _) => "was removed".to_owned(),
        ("oom", _) => "ran out of memory".to_owned(),
        ("health_status", Some(true)) => "is well".to_owned(),
        ("health_status", Some(false)) => "is not well".to_owned(),
        (action, _) => action.to_owned(),
    };
    let unseen = if happened.inferred { " (nobody saw it: the connection was lost)" } else { "" };
    format!("{who} {what}{unseen}")
}

#[cfg(test)]
mod tests {
    use report::FailureKind;

    use super::*;

    fn samples() -> Vec<Event> {
        let base = Happened {
            at: "2026-01-02T03:04:05.6Z".into(),
            container: "0abc".into(),
            name: Some("genai-comfyui-1".into()),
            service: Some("comfyui".into()),
            action: "start".into(),
            exit_code: None,
            signal: None,
            healthy: None,
            inferred: false,
        };
        let action = |action: &str| Happened { action: action.into(), ..base.clone() };
        let failure = Failure::new(FailureKind::Unreachable, "the events: the connection to the engine broke");
        let happened = [
            base.clone(),
            Happened { exit_code: Some(137), ..action("die") },
            Happened { exit_code: Some(0), service: None, ..action("die") },
            Happened { inferred: true, ..action("die") },
            Happened { signal: Some("15".into()), ..action("kill") },
            action("oom"),
            Happened { healthy: Some(true), ..action("health_status") },
            Happened { healthy: Some(false), ..action("health_status") },
            action("frob\u{1b}[2J"),
        ];
        let stream = [Event::Lost { error: (&failure).into() }, Event::Resumed, Event::Ended { error: (&failure).into() }];
        happened.into_iter().map(Event::Happened).chain(stream).collect()
    }

    #[test]
    fn as_a_person_sees_it() {
        let text: String = samples().iter().map(text).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r#"
        2026-01-02T03:04:05.6Z ✓ comfyui started
        2026-01-02T03:04:05.6Z ! comfyui ended with code 137
        2026-01-02T03:04:05.6Z · genai-comfyui-1 ended with code 0
        2026-01-02T03:04:05.6Z ! comfyui ended (nobody saw it: the connection was lost)
        2026-01-02T03:04:05.6Z · comfyui got signal 15
        2026-01-02T03:04:05.6Z ✗ comfyui ran out of memory
        2026-01-02T03:04:05.6Z ✓ comfyui is well
        2026-01-02T03:04:05.6Z ✗ comfyui is not well
        2026-01-02T03:04:05.6Z · comfyui frob\u{1b}[2J
        ! the events: the connection to the engine broke; trying again
        ✓ the engine answers again
        ✗ the events: the connection to the engine broke
        "#);
    }

    #[test]
    fn the_published_schema_holds_every_line() {
        for event in samples() {
            let line = json::line(&Line { version: 1, event });
            assert!(json::tests::fits("stack-events-v1.json", &line), "{line}");
            assert!(!json::tests::fits("stack-events-v1.json", &line.replace("\"event\"", "\"evnt\"")), "{line}");
        }
    }
}
