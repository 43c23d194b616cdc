//! Faults of the worker and of what it runs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Fault, Faults};

impl Faults {
    /// Waits before a prompt runs: not at all, for a restart that ends this worker, or as one that is dead.
    pub(crate) async fn before_prompt(&self) {
        let down = self.take(|fault, _| match fault {
            Fault::Restart { down_millis } => Some(Duration::from_millis(*down_millis)),
            _ => None,
        });
        if let Some(down) = down {
            self.restart(down);
            std::future::pending::<()>().await;
        }
        let mut cleared = self.0.cleared.subscribe();
        if self.is_due(&Fault::DeadWorker) {
            // The sender lives in `self`, so this ends with a change only.
            let _ = cleared.changed().await;
        }
    }

    /// Waits before a prompt that ended goes into the history.
    pub(crate) async fn before_history(&self) {
        let lag = self.take(|fault, _| match fault {
            Fault::HistoryLag { millis } => Some(*millis),
            _ => None,
        });
        if let Some(millis) = lag {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }

    /// The outputs that run and the errors of the others, the last output being one of those.
    pub(crate) fn partial_prompt(
        &self,
        prompt: &Map<String, Value>,
        mut outputs: Vec<String>,
        mut node_errors: Value,
    ) -> (Vec<String>, Value) {
        if outputs.len() > 1
            && self.is_due(&Fault::PartialPrompt)
            && let Some(last) = outputs.pop()
        {
            let error = json!({
                "type": "custom_validation_failed",
                "message": "Custom validation failed for node",
                "details": "a fault on demand",
                "extra_info": {},
            });
            let class = crate::graph::class(prompt, &last);
            node_errors[&last] = json!({"errors": [error], "dependent_outputs": [last], "class_type": class});
        }
        (outputs, node_errors)
    }

    /// The text of the blocker that an output node gets.
    pub(crate) fn blocked(&self) -> Option<String> {
        self.take(|fault, _| match fault {
            Fault::Blocked { message } => Some(message.clone()),
            _ => None,
        })
    }
}
