//! The table at the end.

use comfy_table::{ContentArrangement, Table, presets};
use report::{Report, Verdict};

use crate::style;

/// Every finding in a line, then one sentence for the whole.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let several = report.findings.iter().any(|finding| finding.service.is_some());
        let columns = |service: &str| if several { vec![service.to_owned()] } else { Vec::new() };
        table.set_header(
            [""].map(str::to_owned).into_iter().chain(columns("service")).chain(["check", "outcome", "took"].map(str::to_owned)),
        );
        for finding in &report.findings {
            let (sign, _) = style::of(&finding.outcome);
            let took = finding.took.map_or_else(String::new, |took| format!("{:.0} ms", took.as_secs_f64() * 1e3));
            let cells = [finding.check.0.to_owned(), finding.outcome.name().to_owned(), took];
            let service = columns(finding.service.as_deref().unwrap_or_default());
            table.add_row([sign.to_owned()].into_iter().chain(service).chain(cells));
        }
        text.push('\n');
        text.push_str(&table.to_string());
        text.push('\n');
    }
    text.push('\n');
    let counts: Vec<_> = ["pass", "warn", "fail", "unknown", "skipped"]
        .iter()
        .filter(|name| report.count(name) > 0)
        .map(|name| format!("{} {name}", report.count(name)))
        .collect();
    let verdict = match report.verdict() {
        Verdict::Well => "all well",
        Verdict::Findings if report.findings.is_empty() => "nothing was checked",
        Verdict::Findings => "not all is well",
        Verdict::Stopped(_) => "stopped",
    };
    let heading = style::HEADING;
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    text.push_str(&format!("{heading}{} — {verdict}{heading:#}{counts} in {:.1} s\n", report.journey, report.took.as_secs_f64()));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use report::{CheckId, Finding, Outcome};

    use super::*;

    #[test]
    fn as_a_person_sees_it() {
        let mut report = Report::new("validate", jiff::Timestamp::UNIX_EPOCH)
            .with(Finding::new(CheckId("auth-enforced"), Outcome::Pass, "s"))
            .with(Finding::new(CheckId("every-path-guarded"), Outcome::Warn, "s"));
        report.findings[0].took = Some(Duration::from_millis(12));
        report.took = Duration::from_millis(1250);
        insta::assert_snapshot!(anstream::adapter::strip_str(&render(&report)), @"
            check               outcome  took  
         ✓  auth-enforced       pass     12 ms 
         !  every-path-guarded  warn           

        validate — all well: 1 pass, 1 warn in 1.2 s
        ");
    }
}
