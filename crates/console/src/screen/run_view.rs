//! A run of a workflow as it goes on: lines, a bar and pictures for people, a line of JSON a step for programs.

use std::io::{self, IsTerminal, Write};

use report::{Failure, Outcome};

use super::{Inner, Screen, preview::Protocol};
use crate::{
    ExitCode, Format, comfy,
    harmless::harmless,
    json::{
        self,
        comfy_v1::Ending,
        run_v1::{Ended, Event, Line, Node},
        v1::Stopped,
    },
    style,
};

/// The view of one run.
pub struct RunView {
    screen: Screen,
    previews: Option<Protocol>,
    /// Whether the lines above the cursor hold a picture.
    drawn: bool,
    nodes: usize,
    done: usize,
}

impl RunView {
    /// A view on this screen; pictures are drawn where somebody can see them.
    pub fn new(screen: &Screen, previews: Option<Protocol>) -> Self {
        let shown = screen.with(|inner| inner.format == Format::Text && !inner.quiet) && io::stderr().is_terminal();
        Self { screen: screen.clone(), previews: previews.filter(|_| shown), drawn: false, nodes: 0, done: 0 }
    }

    /// How pictures are drawn here, if they are.
    pub fn previews(&self) -> Option<Protocol> {
        self.previews
    }

    /// Shows what happened.
    pub fn show(&mut self, event: Event) {
        let screen = self.screen.clone();
        screen.with(|inner| match inner.format {
            Format::Text => self.text(inner, &event),
            _ => inner.print(&json::line(&Line { version: 1, event })),
        });
    }

    /// Waits until most of what was shown is written: whoever shows without end waits here, where it can be stopped.
    pub async fn room(&self) {
        self.screen.room().await;
    }

    /// Draws a picture in place of the one before it.
    pub fn draw(&mut self, image: &[u8]) {
        let Some(protocol) = self.previews else { return };
        let bytes = protocol.draw(image, !self.drawn);
        self.drawn = true;
        // A picture that can't be drawn is missed by nobody's program.
        let write = || drop(io::stderr().write_all(&bytes).and_then(|()| io::stderr().flush()));
        self.screen.with(|inner| match &inner.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        });
    }

    /// Shows the end, and why it is no good one. Returns the exit code that it stands for, which is not asked of `end`.
    pub fn end(self, end: Ended, failure: Option<&Failure>) -> ExitCode {
        let code = failure.map_or(ExitCode::Well, |failure| ExitCode::for_kind(failure.kind));
        self.screen.with(|inner| {
            inner.clear_bar();
            match inner.format {
                Format::Text => {
                    for line in end.texts.iter().flat_map(|text| text.lines()) {
                        inner.print(&format!("{}\n", harmless(line)));
                    }
                    match &end.prompt_id {
                        _ if failure.is_some() => {}
                        Some(id) if inner.quiet && end.outcome == Ending::Detached => {
                            inner.print(&format!("{id}\n"));
                        }
                        _ if inner.quiet => {}
                        _ => {
                            let (sign, color) = style::of(&Outcome::Pass);
                            inner.print(&format!("{color}{sign}{color:#} {}{}\n", harmless(&end.words), times(&end)));
                        }
                    }
                    if let Some(failure) = failure {
                        inner.complain(failure);
                    }
                }
                _ => {
                    let ended = Ended { exit_code: code as u8, failure: failure.map(Stopped::from), ..end };
                    inner.print(&json::line(&Line { version: 1, event: Event::Ended(ended) }));
                }
            }
            inner.code(code)
        })
    }

    fn text(&mut self, inner: &mut Inner, event: &Event) {
        match event {
            // The result: these alone are printed when nothing else is wanted.
            Event::Saved { file } => {
                let size = if inner.quiet { String::new() } else { format!("  {}", comfy::bytes(file.bytes)) };
                self.line(inner, &format!("{}{size}\n", harmless(&file.path)));
            }
            Event::Submitted { prompt_id } if !inner.quiet => self.note(inner, &format!("sent as {prompt_id}")),
            _ if inner.quiet => {}
            Event::Read { workflow, nodes, converted, seeds } => {
                self.nodes = *nodes;
                let form = if *converted { ", converted from UI format" } else { "" };
                self.note(inner, &format!("{workflow}: {}{form}", counted(*nodes, "node")));
                for seed in seeds {
                    self.note(inner, &format!("seed {} in {}, input `{}`", seed.value, named(&seed.node), seed.input));
                }
            }
            Event::Warning { problem } => {
                let (sign, color) = style::of(&Outcome::Warn);
                self.line(inner, &format!("  {color}{sign}{color:#} {}\n", harmless(problem)));
            }
            Event::Queued { position } => inner.progress(0, 0, &waits(*position)),
            Event::Started => inner.progress(0, 0, "runs"),
            Event::Cached { nodes } if nodes.is_empty() => {}
            Event::Cached { nodes } => {
                self.done += nodes.len();
                let names: Vec<_> = nodes.iter().map(|node| node.title.as_str()).collect();
                self.note(inner, &format!("{} from the cache: {}", counted(nodes.len(), "node"), names.join(", ")));
            }
            Event::NodeStarted { node } => inner.progress(0, 0, &self.at(node)),
            // Both are whole numbers, but for some custom nodes.
            Event::Progress { node, value, max } => inner.progress(value.max(0.0) as u64, max.max(1.0) as u64, &self.at(node)),
            Event::NodeFinished { .. } => self.done += 1,
            Event::Text { node, text } => self.note(inner, &format!("{}: {text}", node.title)),
            Event::Stopping => self.note(inner, "asked the server to stop this run; Ctrl-C again leaves at once"),
            Event::Submitted { .. } | Event::Preview { .. } | Event::Unknown { .. } | Event::Ended(_) => {}
        }
    }

    /// Which of how many nodes it is at.
    fn at(&self, node: &Node) -> String {
        let nth = (self.done + 1).min(self.nodes.max(1));
        format!("{nth}/{} {}", self.nodes.max(1), node.title)
    }

    fn note(&mut self, inner: &mut Inner, text: &str) {
        let faint = style::FAINT;
        self.line(inner, &format!("  {faint}·{faint:#} {}\n", harmless(text)));
    }

    fn line(&mut self, inner: &mut Inner, line: &str) {
        inner.clear_bar();
        inner.print(line);
        self.drawn = false;
    }
}

fn named(node: &Node) -> String {
    format!("node `{}` {}", node.id, node.title)
}

/// Where it waits; none if nobody has looked yet.
fn waits(position: Option<usize>) -> String {
    match position {
        None => "waits".to_owned(),
        Some(0) => "waits, next in the queue".to_owned(),
        Some(position) => format!("waits behind {position}"),
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn times(end: &Ended) -> String {
    match (end.ran_seconds, end.waited_seconds) {
        // Two clocks: what the server's counts may be a little more than what passed here.
        (Some(ran), Some(waited)) => format!(" in {} ({} of them at work)", comfy::time(waited), comfy::time(ran.min(waited))),
        (None, Some(waited)) => format!(" in {}", comfy::time(waited)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_spent_at_work_than_passed() {
        let end = |ran, waited| times(&Ended { ran_seconds: ran, waited_seconds: waited, ..Ended::default() });
        assert_eq!(end(Some(2.5), Some(3.0)), " in 3.0 s (2.5 s of them at work)");
        assert_eq!(end(Some(0.011), Some(0.01)), " in 10 ms (10 ms of them at work)");
        assert_eq!(end(None, Some(0.01)), " in 10 ms");
        assert_eq!(end(Some(1.0), None), "");
    }

    #[test]
    fn a_place_in_the_queue_is_not_guessed() {
        assert_eq!([None, Some(0), Some(7)].map(waits), ["waits", "waits, next in the queue", "waits behind 7"]);
    }
}
