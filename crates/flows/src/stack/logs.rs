//! What the containers of a project write, side by side, without a secret.

use std::{collections::BTreeMap, sync::Arc};

use docker_ops::{Channel, Engine, LineEnd, LogLine, LogQuery, LogsEvent, Member, ProjectScope};
use report::Failure;
use token_sync::scan::Redactor;
use tokio::sync::mpsc;

use super::{failure, members, redact::Redaction};

/// So much may wait for whoever reads it.
const WAITING: usize = 256;

/// What is told of a container.
#[derive(Debug, Clone)]
pub struct Told {
    /// Of which.
    pub member: Arc<Member>,
    /// A line of it, without a secret; or why there will be none.
    pub line: Result<LogLine, Failure>,
}

/// Gives the lines of every container of the project, or of one service of it, to `told`, until there is none left, or nobody reads. Who
/// follows hears of containers that are made anew, too.
///
/// # Errors
/// An engine that does not answer; a project without containers, or without one whose lines can be read.
pub async fn run(
    engine: &Engine,
    project: &ProjectScope,
    service: Option<&str>,
    query: LogQuery,
    redaction: &Redaction,
    told: &mpsc::Sender<Told>,
) -> Result<(), Failure> {
    members(engine, project, service).await?;
    let (sender, mut events) = mpsc::channel(WAITING);
    let read = async move { engine.project_logs(project, service, query, &sender).await.map_err(|error| failure(&error)) };
    let pass = async move {
        let mut by_id: BTreeMap<Arc<str>, Arc<Member>> = BTreeMap::new();
        let (mut mute, mut cut) = (0, Cut::default());
        while let Some(event) = events.recv().await {
            let (id, line) = match event {
                LogsEvent::Came(member) => {
                    by_id.insert(member.id.clone(), Arc::new(member));
                    continue;
                }
                LogsEvent::Line(mut line) => {
                    line.text = cut.shown((line.container.clone(), line.channel), &line.text, line.end, redaction);
                    (line.container.clone(), Ok(line))
                }
                LogsEvent::Unreadable { container, error } => {
                    mute += 1;
                    let failed = failure(&error);
                    if mute == by_id.len() {
                        return Err(failed);
                    }
                    (container, Err(failed))
                }
            };
            let Some(member) = by_id.get(&id).cloned() else { continue };
            if told.send(Told { member, line }).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let (read, passed) = tokio::join!(read, pass);
    read.and(passed)
}

/// Lines that are too long come in parts, and a secret may lie over where they are cut: what may be its beginning is held back.
#[derive(Default)]
struct Cut(BTreeMap<(Arc<str>, Channel), Redactor>);

impl Cut {
    fn shown(&mut self, of: (Arc<str>, Channel), text: &[u8], end: LineEnd, redaction: &Redaction) -> Vec<u8> {
        if end == LineEnd::Cut {
            return self.0.entry(of).or_insert_with(|| redaction.stream()).push(text);
        }
        match self.0.remove(&of) {
            Some(mut parts) => [parts.push(text), parts.finish()].concat(),
            None => redaction.whole(text).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    #[test]
    fn a_secret_that_lies_over_the_cut_of_a_line_is_not_shown() {
        let project = Project::new();
        project.save("correct horse");
        let redaction = Redaction::of(&[project.settings()]).unwrap();
        let token = project.token();
        let line = format!("{}{token}, and more", "x".repeat(1 << 20));
        for at in [1 << 20, (1 << 20) + 1, (1 << 20) + token.len() / 2, (1 << 20) + token.len()] {
            let mut cut = Cut::default();
            let mut shown = |text: &str, channel, end| {
                String::from_utf8(cut.shown(("c".into(), channel), text.as_bytes(), end, &redaction)).unwrap()
            };
            let (first, rest) = line.split_at(at);
            let first = shown(first, Channel::Stdout, LineEnd::Cut);
            assert_eq!(shown("of another", Channel::Stderr, LineEnd::Newline), "of another");
            assert_eq!(first + &shown(rest, Channel::Stdout, LineEnd::Newline), redaction.text(&line), "cut at {at}");
            assert_eq!(shown("the next", Channel::Stdout, LineEnd::Newline), "the next");
        }
        assert!(!redaction.text(&line).contains(&token[7..]));
    }
}
