//! The report as SARIF 2.1.0, for code scanning services. Only what is not well becomes a result.

use std::collections::BTreeSet;

use report::{Finding, Outcome, Report};
use serde_json::{Value, json};

/// The report as one SARIF document, with a line end.
pub fn render(report: &Report) -> String {
    let results: Vec<&Finding> = report.findings.iter().filter(|finding| level(&finding.outcome).is_some()).collect();
    let rules: BTreeSet<&str> = results.iter().map(|finding| finding.check.0).collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "genai-auth",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|id| rule(id)).collect::<Vec<_>>(),
            } },
            "invocations": [invocation(report)],
            "results": results.iter().map(|finding| result(finding, &rules)).collect::<Vec<_>>(),
            "columnKind": "utf16CodeUnits",
        }],
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_else(|_| unreachable!("plain data can be written as JSON"));
    text.push('\n');
    text
}

/// Whether the journey came to its end: a run that was stopped has no results, and that must not look like none were due.
fn invocation(report: &Report) -> Value {
    let failures = report.stopped.iter().chain(&report.also_stopped);
    let notifications: Vec<_> = failures
        .map(|failure| {
            let words = std::iter::once(&failure.message).chain(&failure.causes).cloned().collect::<Vec<_>>();
            json!({ "level": "error", "message": { "text": words.join(": ") } })
        })
        .collect();
    json!({
        "executionSuccessful": report.stopped.is_none(),
        "exitCode": crate::ExitCode::of(report) as u8,
        "toolExecutionNotifications": notifications,
    })
}

/// What code scanning services ask of a rule, GitHub's among them.
fn rule(id: &str) -> Value {
    let words = id.replace('-', " ");
    json!({
        "id": id,
        "shortDescription": { "text": words },
        "fullDescription": { "text": format!("The condition `{words}` does not hold.") },
        "help": { "text": format!("See `{id}` in docs/reference/checks.md: what is checked, and what to do.") },
    })
}

fn level(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Fail => Some("error"),
        Outcome::Warn => Some("warning"),
        Outcome::Unknown(_) => Some("note"),
        Outcome::Pass | Outcome::Skipped(_) => None,
    }
}

fn result(finding: &Finding, rules: &[&str]) -> Value {
    let hints = finding.hints.iter().map(|hint| format!(" Next: {hint}."));
    let mut result = json!({
        "ruleId": finding.check.0,
        "ruleIndex": rules.iter().position(|id| *id == finding.check.0),
        "level": level(&finding.outcome),
        "message": { "text": std::iter::once(finding.summary.clone()).chain(hints).collect::<String>() },
    });
    if let Some(place) = &finding.place {
        let mut physical = json!({ "artifactLocation": { "uri": uri(&place.path) } });
        if let Some(line) = place.line {
            physical["region"] = match place.column {
                Some(column) => json!({ "startLine": line, "startColumn": column }),
                None => json!({ "startLine": line }),
            };
        }
        result["locations"] = json!([{ "physicalLocation": physical }]);
    }
    if let Some(fingerprint) = &finding.fingerprint {
        result["partialFingerprints"] = json!({ "genaiAuth/v1": fingerprint });
    }
    result
}

/// The path as a relative or file URI: what a URI can't hold is percent-encoded.
fn uri(path: &str) -> String {
    let encoded: String = path
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

#[cfg(test)]
mod tests {
    use report::CheckId;

    use super::*;

    #[test]
    fn what_is_not_well_is_a_result_with_its_place() {
        let mut leak = Finding::new(CheckId("no-leak"), Outcome::Fail, "a token stands here").at("docs/a b.md").hint("remove it");
        leak.fingerprint = Some("1f2e3d4c".to_owned());
        if let Some(place) = &mut leak.place {
            (place.line, place.column) = (Some(3), Some(7));
        }
        let report = Report::new("scan", jiff::Timestamp::UNIX_EPOCH)
            .with(Finding::new(CheckId("auth-enforced"), Outcome::Pass, "s"))
            .with(leak);
        insta::assert_snapshot!(render(&report).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
        {
          "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "genai-auth",
                  "version": "VERSION",
                  "informationUri": "https://github.com/genai-auth/genai-auth",
                  "rules": [
                    {
                      "id": "no-leak",
                      "shortDescription": {
                        "text": "no leak"
                      },
                      "fullDescription": {
                        "text": "The condition `no leak` does not hold."
                      },
                      "help": {
                        "text": "See `no-leak` in docs/reference/checks.md: what is checked, and what to do."
                      }
                    }
                  ]
                }
              },
              "invocations": [
                {
                  "executionSuccessful": true,
                  "exitCode": 3,
                  "toolExecutionNotifications": []
                }
              ],
              "results": [
                {
                  "ruleId": "no-leak",
                  "ruleIndex": 0,
                  "level": "error",
                  "message": {
                    "text": "a token stands here Next: remove it."
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "docs/a%20b.md"
                        },
                        "region": {
                          "startLine": 3,
                          "startColumn": 7
                        }
                      }
                    }
                  ],
                  "partialFingerprints": {
                    "genaiAuth/v1": "1f2e3d4c"
                  }
                }
              ],
              "columnKind": "utf16CodeUnits"
            }
          ]
        }
        "#);
    }
}
