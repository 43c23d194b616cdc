//! Answers about a Swarm, as text or JSON.

use crate::{
    ExitCode, Screen,
    comfy::table,
    flags::Format,
    harmless::harmless,
    json::{
        self,
        swarm_v1::{Answer, Document, Service},
    },
};

impl Screen {
    /// Prints the answer in the format that the flags ask for. Returns the exit code that this stands for.
    pub fn swarm(&self, document: Document) -> ExitCode {
        self.document(&match self.format() {
            Format::Json | Format::Sarif => json::pretty(&Answer { version: 1, document }),
            Format::Text => text(&document),
        })
    }
}

fn text(document: &Document) -> String {
    match document {
        Document::Plan { changes } if changes.is_empty() => "Nothing would be changed.\n".to_owned(),
        Document::Plan { changes } => changes.iter().map(|change| format!("would {}\n", harmless(change))).collect(),
        // What was changed was said when it was.
        Document::Applied { services, .. } => self::services(services),
        Document::Removed { changes } if changes.is_empty() => "Nothing was there.\n".to_owned(),
        Document::Removed { .. } => String::new(),
        Document::Status { services } if services.is_empty() => "Nothing of this stack runs on the Swarm.\n".to_owned(),
        Document::Status { services } => self::services(services),
    }
}

fn services(services: &[Service]) -> String {
    let rows = services.iter().flat_map(|service| {
        let replicas = format!("{} of {}", service.running, service.wanted);
        let head = [service.name.clone(), replicas, service.update.clone(), String::new()];
        std::iter::once(head).chain(service.tasks.iter().map(|task| {
            let told = if task.error.is_empty() { task.cards.join(", ") } else { task.error.clone() };
            let state = match (task.meant, &task.at) {
                (false, Some(at)) => format!("{} before, at {at}", task.state),
                (false, None) => format!("{} before", task.state),
                (true, _) if !task.current => format!("{}, of an earlier version", task.state),
                (true, _) => task.state.clone(),
            };
            [format!("  replica {}", task.slot), String::new(), state, told]
        }))
    });
    table(["service", "run", "state", "card, or trouble"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::swarm_v1::Task;

    fn sample() -> Document {
        let task = |slot, state: &str, error: &str, meant: bool, cards: &[&str]| Task {
            slot,
            state: state.to_owned(),
            error: error.to_owned(),
            at: (!meant).then(|| "2026-01-02T03:04:05Z".to_owned()),
            meant,
            current: true,
            cards: cards.iter().map(|&card| card.to_owned()).collect(),
            container: None,
        };
        Document::Status {
            services: vec![Service {
                name: "studio_comfyui".to_owned(),
                image: "comfyui:0.3.64".to_owned(),
                running: 1,
                wanted: 2,
                update: String::new(),
                tasks: vec![
                    task(1, "running", "", true, &["GPU-5f3a1c2e"]),
                    task(1, "failed", "task: non-zero exit (1)", false, &[]),
                    task(2, "pending", "no suitable node (insufficient resources on 1 node)", true, &[]),
                ],
            }],
        }
    }

    #[test]
    fn what_a_person_reads() {
        let shown = text(&sample());
        for words in ["studio_comfyui", "1 of 2", "GPU-5f3a1c2e", "no suitable node (insufficient resources on 1 node)"] {
            assert!(shown.contains(words), "{shown}");
        }
        let failed = shown.lines().find(|line| line.contains("non-zero exit")).unwrap();
        assert!(failed.contains("failed before, at 2026-01-02T03:04:05Z"), "it is no trouble of now: {failed}");
        let plan = Document::Plan { changes: vec!["create the network `studio_default`".to_owned()] };
        assert_eq!(text(&plan), "would create the network `studio_default`\n");
    }

    #[test]
    fn what_a_program_reads_fits_the_published_schema() {
        let line = json::line(&Answer { version: 1, document: sample() });
        assert!(json::tests::fits("swarm-v1.json", &line), "{line}");
        assert!(!json::tests::fits("swarm-v1.json", &line.replace("\"document\"", "\"documnt\"")), "{line}");
    }
}
