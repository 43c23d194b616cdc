//! What the containers of a project say and use up, for people and for programs.

use std::ops::ControlFlow;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::{
    Format, Screen,
    harmless::harmless,
    json::{
        self,
        stack_lines_v1::{Container, Event, Line, Log, Stats},
    },
    style::FAINT,
};

impl Screen {
    /// Shows a line of a container: of people's, its service stands before it, and its time if that is wanted. Breaks when nobody can
    /// read on.
    pub fn log_line(&self, container: &Container, log: Log, times: bool) -> ControlFlow<()> {
        let text = match self.format() {
            Format::Json => json::line(&Line { version: 1, container: container.clone(), event: Event::Log(log) }),
            _ => log_text(container, &log, times),
        };
        self.line(&text)
    }

    /// Shows the figures of containers: a table for people, an object a line for programs. Breaks when nobody can read on.
    pub fn stats(&self, all: Vec<(Container, Event)>) -> ControlFlow<()> {
        let text = match self.format() {
            Format::Json => {
                all.into_iter().map(|(container, event)| json::line(&Line { version: 1, container, event })).collect()
            }
            _ => table(&all),
        };
        self.line(&text)
    }
}

fn log_text(container: &Container, log: &Log, times: bool) -> String {
    let at = log.at.as_deref().filter(|_| times).map_or_else(String::new, |at| format!("{at} "));
    let channel = if log.channel == "stderr" { "!" } else { "|" };
    let (service, number) = (harmless(&container.service), container.number);
    format!("{FAINT}{service}-{number} {channel} {at}{FAINT:#}{}\n", harmless(&log.text).replace("\\t", "\t"))
}

fn table(all: &[(Container, Event)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PAGE CACHE", "NET IN / OUT", "DISK READ / WRITE", "PIDS"]);
    for (container, event) in all {
        let none = || ["--"; 7].map(str::to_owned);
        let figures = match event {
            Event::Stats(stats) => row(stats),
            _ => none(),
        };
        table.add_row([harmless(&container.name).into_owned()].into_iter().chain(figures));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn row(stats: &Stats) -> [String; 7] {
    let pair = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => format!("{} / {}", decimal(one), decimal(other)),
        _ => "--".to_owned(),
    };
    [
        format!("{:.2}%", stats.cpu_percent),
        format!("{} / {}", binary(stats.memory_bytes), binary(stats.memory_limit_bytes)),
        format!("{:.2}%", stats.memory_percent),
        binary(stats.page_cache_bytes),
        pair(stats.received_bytes, stats.sent_bytes),
        pair(Some(stats.read_bytes), Some(stats.written_bytes)),
        stats.pids.map_or_else(|| "--".to_owned(), |pids| pids.to_string()),
    ]
}

/// In steps of 1,024, four digits, as `docker stats` writes memory.
fn binary(bytes: u64) -> String {
    size(bytes, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

/// In steps of 1,000, three digits, as `docker stats` writes traffic.
fn decimal(bytes: u64) -> String {
    size(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"], 3)
}

fn size(bytes: u64, step: f64, units: [&str; 6], digits: usize) -> String {
    let (mut value, mut nth) = (bytes as f64, 0);
    while value >= step && nth + 1 < units.len() {
        (value, nth) = (value / step, nth + 1);
    }
    let whole = (value as u64).to_string().len();
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", units[nth])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::fits;

    fn container(service: &str) -> Container {
        Container { service: service.to_owned(), number: 1, container: "0abc".to_owned(), name: format!("genai-{service}-1") }
    }

    fn figures() -> Stats {
        Stats {
            at: "2026-01-02T03:04:05Z".to_owned(),
            cpu_percent: 123.456,
            online_cpus: 2,
            memory_bytes: 958_464,
            memory_limit_bytes: 67_108_864,
            memory_percent: 1.428,
            memory_raw_bytes: 21_307_392,
            page_cache_bytes: 20_373_504,
            received_bytes: Some(1_516),
            sent_bytes: Some(0),
            read_bytes: 12_345_678,
            written_bytes: 999,
            pids: Some(3),
        }
    }

    #[test]
    fn figures_as_a_person_sees_them() {
        let host = Stats { received_bytes: None, pids: None, ..figures() };
        let all = [
            (container("comfyui"), Event::Stats(figures())),
            (container("host"), Event::Stats(host)),
            (container("ended"), Event::NotRunning),
        ];
        insta::assert_snapshot!(table(&all), @"
        NAME               CPU %  MEM USAGE / LIMIT  MEM %  PAGE CACHE  NET IN / OUT  DISK READ / WRITE  PIDS
        genai-comfyui-1  123.46%     936KiB / 64MiB  1.43%    19.43MiB   1.52kB / 0B      12.3MB / 999B     3
        genai-host-1     123.46%     936KiB / 64MiB  1.43%    19.43MiB            --      12.3MB / 999B    --
        genai-ended-1         --                 --     --          --            --                 --    --
        ");
    }

    #[test]
    fn lines_as_a_person_sees_them() {
        let log = |channel, text: &str| Log { at: Some("T".to_owned()), channel, text: text.to_owned(), end: "newline" };
        let told = [
            log_text(&container("comfyui"), &log("stdout", "a\tb\u{1b}[2J\u{0}"), false),
            log_text(&container("comfyui"), &log("stderr", "err"), true),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&told.concat()), @r#"
        comfyui-1 | a	b\u{1b}[2J\u{0}
        comfyui-1 ! T err
        "#);
    }

    #[test]
    fn lines_for_programs_fit_their_schema() {
        let log = Log { at: None, channel: "stderr", text: "x".to_owned(), end: "missing" };
        for event in [Event::Log(log), Event::Stats(figures()), Event::NotRunning, Event::Came, Event::Went] {
            let text = json::line(&Line { version: 1, container: container("comfyui"), event });
            assert!(fits("stack-lines-v1.json", &text), "{text}");
            assert!(!fits("stack-lines-v1.json", &text.replace("\"event\"", "\"happening\"")), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_as_docker_writes_them() {
        for (bytes, told) in
            [(0, "0B"), (958_464, "936KiB"), (1_572_864, "1.5MiB"), (33_652_736, "32.09MiB"), (67_108_864, "64MiB")]
        {
            assert_eq!(binary(bytes), told);
        }
        for (bytes, told) in [(0, "0B"), (516, "516B"), (1_516, "1.52kB"), (20_000_000, "20MB"), (123_456_789, "123MB")] {
            assert_eq!(decimal(bytes), told);
        }
    }
}
