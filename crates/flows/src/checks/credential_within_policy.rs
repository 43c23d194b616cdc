//! `credential-within-policy`: the token is young enough, its hash dear enough, its password long enough.
//!
//! A limit that somebody wrote into genai.toml is a rule: to break it fails. A default is advice: a warning.

use auth_core::PolicyFault;
use report::{CheckId, Finding};
use settings::{Limits, Origin};

use super::{Check, fail, pass, skipped, unknown, warn};
use crate::subject::Subject;

pub(super) const CHECK: Check =
    Check { id: CheckId("credential-within-policy"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(source) = subject.known() else {
        return skipped(id, "nothing to judge", "there is no source of truth that can be read");
    };
    let limits = &subject.settings.rules.limits;
    let faults = limits.policy().judge(source, subject.now());
    if faults.is_empty() {
        return pass(id, "age, cost and length are within the limits");
    }
    let summary = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let is_undated = |fault: &&PolicyFault| matches!(fault, PolicyFault::NoDate | PolicyFault::FromTheFuture);
    let broken = |fault: &PolicyFault| *limit(fault, limits).1 != Origin::Default;
    let finding = if faults.iter().any(|fault| !is_undated(&fault) && broken(fault)) {
        fail(id, summary)
    } else if let Some(fault) =
        faults.iter().filter(is_undated).find(|fault| broken(fault) || **fault == PolicyFault::FromTheFuture)
    {
        unknown(id, summary, format!("{fault}, so its age can't be judged"))
    } else {
        warn(id, summary)
    };
    let finding = faults.iter().fold(finding, |finding, fault| {
        let (limit, origin) = limit(fault, limits);
        finding.seen("limit", format!("{limit} ({origin})"))
    });
    let finding = match faults.contains(&PolicyFault::FromTheFuture) {
        true => finding.hint("set the clock of this machine right; if it is right, renew the token with `genai-tokens rotate`"),
        false => finding.hint("renew password and token with `genai-tokens rotate`"),
    };
    if faults.iter().any(broken) { finding } else { finding.hint("or write limits of your own below `[policy]` in genai.toml") }
}

/// The limit that a fault breaks, in words, and where it comes from.
fn limit<'a>(fault: &PolicyFault, limits: &'a Limits) -> (String, &'a Origin) {
    match fault {
        PolicyFault::Cheap(_) => (format!("a cost of {} or more", limits.min_cost.value), &limits.min_cost.origin),
        PolicyFault::Short(_) => {
            (format!("{} bytes or more", limits.min_password_bytes.value), &limits.min_password_bytes.origin)
        }
        _ => {
            let days = limits.max_age.value.map_or(0, |age| age.as_secs() / 86_400);
            (format!("{days} days or less"), &limits.max_age.origin)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn a_written_limit_fails_a_default_warns_and_what_has_no_date_is_unknown() {
        let project = Project::new();
        assert_eq!(outcome("credential-within-policy", &project).await, "skipped");
        project.save("a long password"); // cost 4, a day after the clock of the tests
        let made_later = project.source();
        let made = |date: &str| made_later.replace("2026-01-02T03:04:05Z", date);
        let (young, old) = (made("2025-12-31T00:00:00Z"), made("2025-01-02T00:00:00Z"));
        let undated = made_later.replace("\"2026-01-02T03:04:05Z\"", "null");
        let cases = [
            (&made_later, "", "unknown", "lies in the future"),
            (&made_later, "[policy]\nmax_age_days = 0\n", "warn", "cost is 4"),
            (&young, "", "warn", "cost is 4"),
            (&young, "[policy]\nmin_cost = 4\n", "pass", "within"),
            (&young, "[policy]\nmin_cost = 5\n", "fail", "cost is 4"),
            (&young, "[policy]\nmin_cost = 4\nmin_password_bytes = 16\n", "fail", "has 15 bytes"),
            (&old, "[policy]\nmin_cost = 4\n", "pass", "within"),
            (&old, "[policy]\nmin_cost = 4\nmax_age_days = 90\n", "fail", "364 days old"),
            (&undated, "[policy]\nmin_cost = 4\n", "warn", "nothing tells how old"),
            (&undated, "[policy]\nmin_cost = 4\nmax_age_days = 90\n", "unknown", "nothing tells how old"),
            (&made_later, "[policy]\nmin_cost = 5\n", "fail", "lies in the future"),
        ];
        for (source, rules, expected, words) in cases {
            project.write_source(source);
            project.write("genai.toml", rules);
            let finding = finding("credential-within-policy", &project).await;
            assert_eq!(finding.outcome.name(), expected, "{rules}: {finding:?}");
            assert!(finding.summary.contains(words), "{rules}: {finding:?}");
            assert!(expected == "pass" || finding.hints[0].contains("genai-tokens rotate"), "{finding:?}");
        }
    }
}
