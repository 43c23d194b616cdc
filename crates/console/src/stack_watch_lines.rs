//! What a watch of containers says, a line each: for people, or as JSON for programs.

use report::{
    Failure, Outcome,
    stack_watch::{Happening, What},
};

use crate::{
    harmless::harmless,
    json,
    style::{self, FAINT, HINT},
};

/// One JSON object of version 1, with a line end.
pub(crate) fn json(happening: &Happening) -> String {
    json::line(&json::stack_watch_v1::Line::from(happening))
}

/// Time, sign and words, and what to do, where that is known.
pub(crate) fn text(happening: &Happening) -> String {
    let time = happening.at.strftime("%FT%TZ");
    let (outcome, words) = words(&happening.what);
    let (sign, color) = outcome.as_ref().map_or(("·", FAINT), style::of);
    let container = happening.container.as_deref().map_or_else(String::new, |name| format!("{name}: "));
    let next = hint(&happening.what).map_or_else(String::new, |hint| format!("; {HINT}next:{HINT:#} {}", harmless(hint)));
    format!("{FAINT}{time}{FAINT:#} {color}{sign}{color:#} {}{next}\n", harmless(&format!("{container}{words}")))
}

fn words(what: &What) -> (Option<Outcome>, String) {
    match what {
        What::Began { project, containers, idle_unload } => {
            let list: Vec<_> = containers.iter().map(|(name, state)| format!("{name} {state}")).collect();
            let list = if list.is_empty() { "no container yet".to_owned() } else { list.join("; ") };
            let unload = idle_unload.iter().map(|(service, after)| {
                format!("; the models of `{service}` go after {} min without work", after.as_secs() / 60)
            });
            (None, format!("watching `{project}`: {list}{}", unload.collect::<String>()))
        }
        What::Appeared { state } => (judged(state), format!("is there: {state}")),
        What::Changed { before, now, why } => {
            let why = why.as_ref().map_or_else(String::new, |(why, _)| format!(": it {why}"));
            (judged(now), format!("{before} → {now}{why}"))
        }
        What::Restarted { count } => (Some(Outcome::Warn), format!("ended and was started again, {count} times by now")),
        What::Gone => (Some(Outcome::Warn), "is there no more".to_owned()),
        What::Unloaded { service, idle } => (
            Some(Outcome::Pass),
            format!("nothing ran for {} min: the server of `{service}` was told to unload its models", idle.as_secs() / 60),
        ),
        What::Failed(failure) => (Some(Outcome::Fail), because(failure)),
        What::Ended(failure) => (None, failure.to_string()),
    }
}

/// What a state means, if it means anything.
fn judged(state: &str) -> Option<Outcome> {
    match state {
        "running" | "running, healthy" => Some(Outcome::Pass),
        "running, unhealthy" | "exited" | "dead" | "restarting" => Some(Outcome::Fail),
        _ => None,
    }
}

fn hint(what: &What) -> Option<&str> {
    match what {
        What::Changed { why: Some((_, hint)), .. } => Some(hint),
        What::Failed(failure) => failure.hints.first().map(String::as_str),
        _ => None,
    }
}

fn because(failure: &Failure) -> String {
    std::iter::once(&failure.message).chain(&failure.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use report::FailureKind;

    use super::*;

    fn samples() -> Vec<Happening> {
        let running = ("p-comfyui-1".to_owned(), "running, healthy".to_owned());
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let why = Some(("was killed by the kernel".to_owned(), "raise `memory`".to_owned()));
        let whats = [
            What::Began { project: "p".into(), containers: vec![running], idle_unload: vec![("comfyui".into(), minutes(10))] },
            What::Began { project: "p".into(), containers: Vec::new(), idle_unload: Vec::new() },
            What::Appeared { state: "running, starting".into() },
            What::Changed { before: "running, starting".into(), now: "running, healthy".into(), why: None },
            What::Changed { before: "running".into(), now: "exited".into(), why },
            What::Restarted { count: 3 },
            What::Gone,
            What::Unloaded { service: "comfyui".into(), idle: minutes(12) },
            What::Failed(Failure::new(FailureKind::Unreachable, "no engine answers").hint("start it")),
            What::Ended(Failure::new(FailureKind::Interrupted, "stopped by the user")),
        ];
        let about_itself =
            |what: &What| matches!(what, What::Began { .. } | What::Unloaded { .. } | What::Failed(_) | What::Ended(_));
        let container = |what: &What| Some("p-comfyui-1".to_owned()).filter(|_| !about_itself(what));
        whats.into_iter().map(|what| Happening { at: jiff::Timestamp::UNIX_EPOCH, container: container(&what), what }).collect()
    }

    #[test]
    fn as_a_person_sees_it() {
        let text: String = samples().iter().map(text).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @"
        1970-01-01T00:00:00Z · watching `p`: p-comfyui-1 running, healthy; the models of `comfyui` go after 10 min without work
        1970-01-01T00:00:00Z · watching `p`: no container yet
        1970-01-01T00:00:00Z · p-comfyui-1: is there: running, starting
        1970-01-01T00:00:00Z ✓ p-comfyui-1: running, starting → running, healthy
        1970-01-01T00:00:00Z ✗ p-comfyui-1: running → exited: it was killed by the kernel; next: raise `memory`
        1970-01-01T00:00:00Z ! p-comfyui-1: ended and was started again, 3 times by now
        1970-01-01T00:00:00Z ! p-comfyui-1: is there no more
        1970-01-01T00:00:00Z ✓ nothing ran for 12 min: the server of `comfyui` was told to unload its models
        1970-01-01T00:00:00Z ✗ no engine answers; next: start it
        1970-01-01T00:00:00Z · stopped by the user
        ");
    }

    #[test]
    fn every_line_is_what_the_schema_says() {
        let lines: Vec<_> = samples().iter().map(json).collect();
        for line in &lines {
            assert!(json::tests::fits("stack-watch-v1.json", line), "{line}");
        }
        assert!(!json::tests::fits("stack-watch-v1.json", &lines[6].replace("gone", "lost")));
    }
}
