//! The report as JSON: a versioned adapter with structs of its own, so that inner words stay free to change.

pub mod batch_v1;
pub mod comfy_v1;
pub mod run_v1;
pub mod serving_v1;
pub mod settings_v1;
pub mod stack_events_v1;
pub mod stack_lines_v1;
pub mod stack_v1;
pub mod stack_watch_v1;
pub mod swarm_v1;
pub mod v1;
pub mod watch_v1;

use report::Report;

/// The report as one JSON document of version 1, with a line end.
pub fn render(report: &Report) -> String {
    pretty(&v1::Report::from(report))
}

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Where it answers.
    pub url: String,
    /// Whether the login is on.
    pub login: bool,
    /// Its ComfyUI folder.
    pub comfy_dir: String,
}

impl Serving {
    /// One line of JSON, for the program that waits for the server.
    pub fn line(&self) -> String {
        let Self { url, login, comfy_dir } = self.clone();
        line(&serving_v1::Serving { version: 1, url, login, comfy_dir })
    }
}

/// A document of ours as JSON, with a line end.
pub(crate) fn pretty(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_else(|_| unreachable!("plain data can be written as JSON"));
    text.push('\n');
    text
}

/// An object of ours as one line of JSON, with its end.
pub(crate) fn line(object: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(object).unwrap_or_else(|_| unreachable!("plain data can be written as JSON"));
    text.push('\n');
    text
}

/// The published schemas: file name in `docs/reference/schemas/`, and text.
pub fn schemas() -> [(&'static str, String); 12] {
    [
        ("batch-v1.json", pretty(&schemars::schema_for!(batch_v1::Line))),
        ("comfy-v1.json", pretty(&schemars::schema_for!(comfy_v1::Answer))),
        ("report-v1.json", pretty(&schemars::schema_for!(v1::Report))),
        ("run-v1.json", pretty(&schemars::schema_for!(run_v1::Line))),
        ("serving-v1.json", pretty(&schemars::schema_for!(serving_v1::Serving))),
        ("settings-v1.json", pretty(&schemars::schema_for!(settings_v1::Settings))),
        ("stack-events-v1.json", pretty(&schemars::schema_for!(stack_events_v1::Line))),
        ("stack-lines-v1.json", pretty(&schemars::schema_for!(stack_lines_v1::Line))),
        ("stack-v1.json", pretty(&schemars::schema_for!(stack_v1::Answer))),
        ("stack-watch-v1.json", pretty(&schemars::schema_for!(stack_watch_v1::Line))),
        ("swarm-v1.json", pretty(&schemars::schema_for!(swarm_v1::Answer))),
        ("watch-v1.json", pretty(&schemars::schema_for!(watch_v1::Line))),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use report::{CheckId, Failure, FailureKind, Finding, Outcome, Unit};

    use super::*;

    fn sample() -> Report {
        let mut report = Report::new("validate", jiff::Timestamp::UNIX_EPOCH)
            .about("url", "http://127.0.0.1:8188")
            .with(Finding::new(CheckId("auth-enforced"), Outcome::Pass, "refused").seen("GET /queue", "401").measure(
                "answer",
                0.25,
                Unit::Seconds,
            ))
            .with(
                Finding::new(CheckId("image-generated"), Outcome::Skipped("not asked for".into()), "no image")
                    .hint("add `--generate`"),
            );
        report.took = Duration::from_millis(1500);
        report.findings[0].took = Some(Duration::from_millis(2));
        report.stopped = Some(Failure::new(FailureKind::Unreachable, "can't reach `x`").hint("start it"));
        report
    }

    /// Whether `text` is what the schema of that name describes.
    pub(crate) fn fits(name: &str, text: &str) -> bool {
        let (_, schema) = schemas().into_iter().find(|(known, _)| *known == name).unwrap();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource(name, serde_json::from_str(&schema).unwrap()).unwrap();
        let index = compiler.compile(name, &mut schemas).unwrap();
        schemas.validate(&serde_json::from_str(text).unwrap(), index).is_ok()
    }

    #[test]
    fn as_it_is_written() {
        insta::assert_snapshot!(render(&sample()).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
        {
          "version": 1,
          "tool": {
            "name": "genai-auth",
            "version": "VERSION"
          },
          "journey": "validate",
          "started_at": "1970-01-01T00:00:00Z",
          "took_seconds": 1.5,
          "subject": {
            "url": "http://127.0.0.1:8188"
          },
          "verdict": "stopped",
          "exit_code": 5,
          "counts": {
            "pass": 1,
            "warn": 0,
            "fail": 0,
            "skipped": 1,
            "unknown": 0
          },
          "findings": [
            {
              "check": "auth-enforced",
              "outcome": "pass",
              "reason": null,
              "summary": "refused",
              "evidence": [
                {
                  "name": "GET /queue",
                  "value": "401"
                }
              ],
              "hints": [],
              "measures": [
                {
                  "name": "answer",
                  "value": 0.25,
                  "unit": "seconds"
                }
              ],
              "took_seconds": 0.002,
              "service": null,
              "place": null,
              "fingerprint": null
            },
            {
              "check": "image-generated",
              "outcome": "skipped",
              "reason": "not asked for",
              "summary": "no image",
              "evidence": [],
              "hints": [
                "add `--generate`"
              ],
              "measures": [],
              "took_seconds": null,
              "service": null,
              "place": null,
              "fingerprint": null
            }
          ],
          "changes": [],
          "notes": [],
          "stopped": {
            "kind": "unreachable",
            "message": "can't reach `x`",
            "causes": [],
            "hints": [
              "start it"
            ],
            "service": null
          },
          "also_stopped": []
        }
        "#);
    }

    #[test]
    fn the_published_schema_is_this_one_and_holds_what_is_written() {
        for (name, schema) in schemas() {
            let path = format!("{}/../../docs/reference/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
            let published = std::fs::read_to_string(path).unwrap_or_default();
            assert!(published == schema, "docs/reference/schemas/{name} is not what is written: run `cargo xtask schemas`");
        }
        let valid = |text: &str| fits("report-v1.json", text);
        let text = render(&sample());
        assert!(valid(&text));
        assert!(!valid(&text.replace("\"pass\"", "\"passed\"")), "a schema that takes anything proves nothing");
        assert!(!valid(&text.replace("\"journey\"", "\"journy\"")));
    }
}
