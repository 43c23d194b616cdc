//! What a watch says, a line each: for people, or as JSON for programs.

use std::time::Duration;

use report::{
    Failure, Outcome,
    watch::{Happening, Noticing, Watched, What},
};

use crate::{
    harmless::harmless,
    json,
    style::{self, FAINT, HINT},
};

/// One JSON object of version 1, with a line end.
pub(crate) fn json(happening: &Happening) -> String {
    json::line(&json::watch_v1::Line::from(happening))
}

/// Time, sign and words, and what to do, where that is known.
pub(crate) fn text(happening: &Happening) -> String {
    let time = happening.at.strftime("%FT%TZ");
    let (outcome, words) = words(&happening.what);
    let (sign, color) = outcome.as_ref().map_or(("·", FAINT), style::of);
    let service = happening.service.as_deref().map_or_else(String::new, |service| format!("{service}: "));
    let next = hint(&happening.what).map_or_else(String::new, |hint| format!("; {HINT}next:{HINT:#} {}", harmless(hint)));
    format!("{FAINT}{time}{FAINT:#} {color}{sign}{color:#} {}{next}\n", harmless(&format!("{service}{words}")))
}

fn words(what: &What) -> (Option<Outcome>, String) {
    let (pass, fail) = (Some(Outcome::Pass), Some(Outcome::Fail));
    match what {
        What::Began { services, repairs, noticing } => {
            let amiss = services.iter().any(|watched| !watched.amiss.is_empty());
            let all: Vec<_> = services.iter().map(|one| format!("{}: {}", one.service, watched(one))).collect();
            let repairs = if *repairs { "; what drifts is written again" } else { "" };
            let noticing = match noticing {
                Noticing::Events => String::new(),
                polling => format!("; {}", self::noticing(polling)),
            };
            (if amiss { fail } else { pass }, format!("watching {}{repairs}{noticing}", all.join("; ")))
        }
        What::Watching(one) => (if one.amiss.is_empty() { pass } else { fail }, format!("watching {}", watched(one))),
        What::Noticing(way) => (None, noticing(way)),
        What::Source(finding) => (Some(finding.outcome.clone()), format!("{}: {}", finding.check.0, finding.summary)),
        What::Renewed { place, fingerprint } => (None, format!("`{place}` holds another token now, fingerprint {fingerprint}")),
        What::Drifted(drift) => {
            let held = drift.fingerprint.as_ref().map_or_else(String::new, |held| format!(", fingerprint {held}"));
            (fail, format!("`{}` drifted: {}{held}; it must hold {}", drift.place, drift.seen, drift.expected))
        }
        What::InSync { place } => (pass, format!("`{place}` is in sync again")),
        What::Repaired { places } => (pass, format!("wrote {} again", list(places))),
        What::PutOff { places, wait } => (
            Some(Outcome::Warn),
            format!("{}: somebody else writes there again and again; next repair in {}", list(places), seconds(*wait)),
        ),
        What::Failed { failure, wait } => (fail, format!("{}; next try in {} at most", because(failure), seconds(*wait))),
        What::Recovered(message) => (None, message.clone()),
        What::Ended(failure) => (None, failure.to_string()),
    }
}

fn hint(what: &What) -> Option<&str> {
    let hints = match what {
        What::Source(finding) => &finding.hints,
        What::Failed { failure, .. } => &failure.hints,
        _ => return None,
    };
    hints.first().map(String::as_str)
}

fn watched(one: &Watched) -> String {
    let Watched { source, targets, amiss, .. } = one;
    let state = if amiss.is_empty() { "all in sync".to_owned() } else { format!("not in sync: {}", list(amiss)) };
    let targets = if targets.len() == 1 { "1 target".to_owned() } else { format!("{} targets", targets.len()) };
    format!("`{source}` and {targets}, {state}")
}

fn noticing(noticing: &Noticing) -> String {
    match noticing {
        Noticing::Events => "the system tells of changes".to_owned(),
        Noticing::Polling { every, because } => {
            let because = because.as_ref().map_or_else(String::new, |because| format!(", since {because}"));
            format!("looking every {}{because}", seconds(*every))
        }
    }
}

fn because(failure: &Failure) -> String {
    std::iter::once(&failure.message).chain(&failure.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use report::{CheckId, FailureKind, Finding, watch::Drift};

    use super::*;

    fn samples() -> Vec<Happening> {
        let (env, shown) = (".env".to_owned(), "1a2b3c".to_owned());
        let watched =
            Watched { service: "qwen".to_owned(), source: ".secrets/conf".to_owned(), targets: vec![env.clone()], amiss: vec![] };
        let drifted = Watched { amiss: vec![env.clone()], ..watched.clone() };
        let polling = Noticing::Polling { every: Duration::from_secs(2), because: Some("`/net` is on NFS".to_owned()) };
        let lost = Finding::new(CheckId("source-present"), Outcome::Fail, "there is none").hint("make one");
        let refused = Failure::new(FailureKind::Refused, "can't write `.env`").hint("see who may");
        let drift =
            Drift { place: env.clone(), seen: "ANOTHER token".into(), fingerprint: Some("ffff".into()), expected: shown.clone() };
        let whats = [
            What::Began { services: vec![watched], repairs: false, noticing: Noticing::Events },
            What::Began { services: vec![drifted.clone()], repairs: true, noticing: polling.clone() },
            What::Watching(drifted),
            What::Noticing(polling),
            What::Noticing(Noticing::Events),
            What::Source(Box::new(lost)),
            What::Renewed { place: ".secrets/conf".to_owned(), fingerprint: shown.clone() },
            What::Drifted(drift),
            What::InSync { place: env.clone() },
            What::Repaired { places: vec![env.clone()] },
            What::PutOff { places: vec![env.clone()], wait: Duration::from_millis(1950) },
            What::Failed { failure: refused, wait: Duration::from_secs(2) },
            What::Recovered("an earlier run was stopped".to_owned()),
            What::Ended(Failure::new(FailureKind::Interrupted, "stopped by the user")),
        ];
        let at = jiff::Timestamp::UNIX_EPOCH;
        whats
            .into_iter()
            .map(|what| Happening { at, service: Some("qwen".to_owned()).filter(|_| !about_itself(&what)), what })
            .collect()
    }

    fn about_itself(what: &What) -> bool {
        matches!(what, What::Began { .. } | What::Noticing(_) | What::Ended(_))
    }

    #[test]
    fn as_a_person_sees_it() {
        let text: String = samples().iter().map(text).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @"
        1970-01-01T00:00:00Z ✓ watching qwen: `.secrets/conf` and 1 target, all in sync
        1970-01-01T00:00:00Z ✗ watching qwen: `.secrets/conf` and 1 target, not in sync: `.env`; what drifts is written again; looking every 2 s, since `/net` is on NFS
        1970-01-01T00:00:00Z ✗ qwen: watching `.secrets/conf` and 1 target, not in sync: `.env`
        1970-01-01T00:00:00Z · looking every 2 s, since `/net` is on NFS
        1970-01-01T00:00:00Z · the system tells of changes
        1970-01-01T00:00:00Z ✗ qwen: source-present: there is none; next: make one
        1970-01-01T00:00:00Z · qwen: `.secrets/conf` holds another token now, fingerprint 1a2b3c
        1970-01-01T00:00:00Z ✗ qwen: `.env` drifted: ANOTHER token, fingerprint ffff; it must hold 1a2b3c
        1970-01-01T00:00:00Z ✓ qwen: `.env` is in sync again
        1970-01-01T00:00:00Z ✓ qwen: wrote `.env` again
        1970-01-01T00:00:00Z ! qwen: `.env`: somebody else writes there again and again; next repair in 2 s
        1970-01-01T00:00:00Z ✗ qwen: can't write `.env`; next try in 2 s at most; next: see who may
        1970-01-01T00:00:00Z · qwen: an earlier run was stopped
        1970-01-01T00:00:00Z · stopped by the user
        ");
    }

    #[test]
    fn the_published_schema_holds_every_line() {
        for happening in samples() {
            let line = json(&happening);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(json::tests::fits("watch-v1.json", &line), "{line}");
            assert!(!json::tests::fits("watch-v1.json", &line.replace("\"event\"", "\"evnt\"")), "{line}");
        }
        let line = json(&samples()[7]);
        assert!(!json::tests::fits("watch-v1.json", &line.replace("drifted", "drfted")), "{line}");
    }
}
