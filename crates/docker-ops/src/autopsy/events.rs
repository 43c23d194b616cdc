//! What the engine remembers of a container's life.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Machine, ask};
use crate::{Engine, Error};

/// What tells of life and death. Of probes, nine tenths of all events, it is only known how far back they are remembered.
const TELLING: [&str; 9] = ["create", "start", "kill", "stop", "oom", "die", "restart", "health_status", "destroy"];

/// One thing that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LifeEvent {
    /// What: `start`, `kill`, `oom`, `die`, `health_status: unhealthy` …
    pub name: String,
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// The signal, of a `kill` that came through the engine.
    pub signal: Option<String>,
    /// The code, of a `die`.
    pub exit_code: Option<i64>,
}

impl LifeEvent {
    /// When.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.at.into()).ok()
    }
}

/// The events that the engine still has, and when the oldest one of any kind was: an engine forgets the oldest first. It is asked up to its
/// own present time, so that the answer ends.
pub(super) async fn of(engine: &Engine, id: &str, machine: &Machine) -> Result<(Vec<LifeEvent>, Option<Timestamp>), Error> {
    let Some(now) = machine.time else { return Ok((Vec::new(), None)) };
    let filters = json!({"container": [id], "type": ["container"]}).to_string();
    // Seconds and nanoseconds: a date is taken for none.
    let until = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
    let path = format!("/events?since=0&until={until}&filters={}", ask::escaped(&filters));
    let bytes = ask::bytes(engine, &path, id).await?;
    let mut events = read(&bytes);
    let oldest = events.first().and_then(LifeEvent::time);
    events.retain(|event| TELLING.contains(&event.name.split(':').next().unwrap_or_default()));
    Ok((events, oldest))
}

/// A stream of objects, one after the other.
fn read(bytes: &[u8]) -> Vec<LifeEvent> {
    serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().map_while(Result::ok).map(|event| one(&event)).collect()
}

fn one(event: &Value) -> LifeEvent {
    let attribute = |name: &str| event["Actor"]["Attributes"][name].as_str();
    LifeEvent {
        name: event["Action"].as_str().or(event["status"].as_str()).unwrap_or_default().to_owned(),
        at: event["timeNano"].as_i64().unwrap_or(0),
        signal: attribute("signal").map(str::to_owned),
        exit_code: attribute("exitCode").and_then(|code| code.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_and_its_end() {
        let kill = r#"{"status":"kill","Action":"kill","Actor":{"Attributes":{"signal":"9"}},"timeNano":1}"#;
        let die = r#"{"Action":"die","Actor":{"Attributes":{"exitCode":"137"}},"timeNano":2}"#;
        let events = read(format!("{kill}\n{die}\n{{cut").as_bytes());
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].signal.as_deref(), events[1].exit_code), (Some("9"), Some(137)));
    }
}
