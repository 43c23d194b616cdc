//! What is known about a container that is dead, sick or in doubt. Facts only: what the engine, the kernel and the disk say, and what
//! none of them can say is `None`.
//!
//! The answers are read as plain JSON, field by field, so that one odd field of one engine hides no other.

mod ask;
mod events;
mod exposed;
mod inspect;
mod kernel;
mod machine;
mod mounts;
mod start_fault;

pub use events::LifeEvent;
pub use exposed::Exposed;
pub use kernel::{KernelLog, KernelTime, OutOfMemory};
pub use machine::{Boot, Machine};
pub use mounts::{MountFacts, MountSource};
pub use start_fault::StartFault;

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Engine, Error, ErrorKind, Identity, LogQuery};

/// How many of a container's last lines are kept.
const LINES: u32 = 20;
/// So often a container is looked at anew that became another under the look.
const LOOKS: usize = 3;

/// All that is known about one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Autopsy {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Its name, without the engine's slash.
    pub name: String,
    /// Its service, by Compose's label.
    pub service: Option<String>,
    /// What state it is in, and how it came there.
    pub state: State,
    /// What its healthcheck says; none without one.
    pub health: Option<HealthFacts>,
    /// What it may use of memory, and used.
    pub memory: MemoryFacts,
    /// Ports of the host that shall lead into it.
    pub ports: Vec<PortFacts>,
    /// What it sees of the host.
    pub mounts: Vec<MountFacts>,
    /// What it runs.
    pub image: ImageFacts,
    /// Which cards were asked for.
    pub gpu: GpuRequest,
    /// Who its processes are to be, where container or image say so in numbers.
    pub user: Option<Identity>,
    /// What the engine remembers of its life, oldest first. Engines keep few events: what is not here may have happened.
    pub events: Vec<LifeEvent>,
    /// The oldest event of it that the engine remembers, whatever it was: of what was before, nothing can be missed.
    pub remembers_from: Option<Timestamp>,
    /// The last lines that it wrote; before its last start, if the engine started it again. They may hold secrets.
    pub last_lines: Vec<LastLine>,
    /// Texts that everybody who may inspect the container or its image can read.
    pub exposed: Vec<Exposed>,
}

/// A line that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastLine {
    /// When.
    pub at: Option<Timestamp>,
    /// What.
    pub text: String,
}

/// What state a container is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The engine's word: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub status: String,
    /// The code of the last end; none while it runs for the first time.
    pub exit_code: Option<i64>,
    /// Whether the engine saw the kernel kill it for memory. `false` proves nothing: the machine as a whole may have run out.
    pub oom_killed: bool,
    /// Why the engine could not start it, if it said so.
    pub start_fault: Option<StartFault>,
    /// The main process, in the engine's view.
    pub pid: Option<u32>,
    /// How often the engine started it again.
    pub restarts: u64,
    /// The restart policy's name: `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart_policy: String,
    /// When it was started last; RFC 3339.
    pub started_at: Option<String>,
    /// When it ended last; RFC 3339.
    pub finished_at: Option<String>,
}

impl State {
    /// When it was started or ended last.
    fn changed_at(&self) -> Option<Timestamp> {
        time(&self.started_at).max(time(&self.finished_at))
    }

    /// A moment between the life before and the present one, if the engine started it again. A process may write before its start is noted,
    /// and its last lines may be noted after its end.
    fn between_lives(&self) -> Option<Timestamp> {
        let (finished, started) = (time(&self.finished_at)?, time(&self.started_at)?);
        let is_again = self.restarts > 0 && matches!(self.status.as_str(), "running" | "paused");
        finished.checked_add(started.duration_since(finished) / 2).ok().filter(|_| is_again && finished < started)
    }
}

fn time(text: &Option<String>) -> Option<Timestamp> {
    text.as_ref()?.parse().ok()
}

/// What a container's healthcheck says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthFacts {
    /// The engine's word: `starting`, `healthy`, `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing: u64,
    /// What is run: the first word is `CMD` or `CMD-SHELL`.
    pub test: Vec<String>,
    /// The last probes, oldest first.
    pub probes: Vec<ProbeFacts>,
}

/// One run of a healthcheck.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeFacts {
    /// Its exit code; -1 if it could not be run at all, or took too long.
    pub exit_code: i64,
    /// What it wrote. It may hold secrets.
    pub output: String,
}

impl ProbeFacts {
    /// Whether the probe itself could not be run, which says nothing about the service.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let cannot = ["executable file not found", "no such file or directory", "permission denied", "not found"];
        let said = self.output.to_lowercase();
        match self.exit_code {
            -1 => !said.contains("exceeded timeout"),
            126 | 127 => cannot.iter().any(|words| said.contains(words)),
            _ => false,
        }
    }
}

/// What a container may use of memory, and used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryFacts {
    /// Its limit in bytes; none if it may use all of the machine's.
    pub limit: Option<u64>,
    /// The most that it used since its start, where the kernel counts that.
    pub peak: Option<u64>,
    /// What it uses now, page cache included; none if it doesn't run.
    pub usage: Option<u64>,
    /// How often it came to its limit, where the kernel counts that.
    pub at_limit: Option<u64>,
}

/// A port of the host that shall lead into a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortFacts {
    /// The container's port, such as `8188/tcp`.
    pub container: String,
    /// The host's address, as it was asked for; empty for all.
    pub address: String,
    /// The host's port, as it was asked for; empty or `0` if the engine chose.
    pub host: String,
    /// Where it leads from now, as `ADDRESS:PORT`; empty if it leads from nowhere.
    pub bound: Vec<String>,
    /// The running container that has the host's port, if another one has.
    pub taken_by: Option<String>,
}

/// What a container runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFacts {
    /// The name that it was made from.
    pub reference: String,
    /// The image's id.
    pub id: String,
    /// Whether the engine still has that image.
    pub is_present: bool,
    /// The id that the name means now.
    pub named_now: Option<String>,
    /// The operating system that it is for, such as `linux`.
    pub os: Option<String>,
    /// The processor that it is for, in Go's words, such as `amd64`.
    pub architecture: Option<String>,
}

/// Which cards were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpuRequest {
    /// The requests of the engine's own kind, as `DRIVER COUNT IDS`, for people.
    pub requests: Vec<String>,
    /// How many cards they come to, at least: who asks for all says no number.
    pub least: usize,
    /// The runtime's name, if one was chosen.
    pub runtime: Option<String>,
    /// What the variable `NVIDIA_VISIBLE_DEVICES` says.
    pub visible_devices: Option<String>,
    /// Devices of the host that were mapped one by one and look like cards.
    pub devices: Vec<String>,
}

impl GpuRequest {
    /// Whether any card was asked for. The variable alone asks for none: images bring it along, and it needs the runtime.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !self.requests.is_empty() || !self.devices.is_empty() || self.runtime.as_deref() == Some("nvidia")
    }
}

impl Autopsy {
    /// Who its processes are: as was seen while it runs, else as container or image say in numbers.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.mounts.iter().find_map(|mount| mount.seen_by.clone()).or_else(|| self.user.clone())
    }

    /// Where ComfyUI's `custom_nodes` is in the container: what is mounted there, else beside what is mounted as `login`.
    #[must_use]
    pub fn custom_nodes(&self) -> Option<String> {
        let mounted = |name: &str| self.mounts.iter().map(|mount| Path::new(&mount.target)).find(|target| target.ends_with(name));
        let beside = || Some(mounted("login")?.with_file_name("custom_nodes"));
        Some(mounted("custom_nodes").map(Path::to_owned).or_else(beside)?.display().to_string())
    }
}

impl Engine {
    /// What a container's state is, and nothing more: cheap enough to be asked again and again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the engine doesn't answer, or refuses.
    pub async fn glance(&self, container: &str) -> Result<Autopsy, Error> {
        let inspect = ask::json(self, &format!("/containers/{}/json", ask::escaped(container)), container).await?;
        Ok(inspect::read(&inspect))
    }

    /// Everything that is known about a container. Only what the container itself is must be known; the rest is left unknown where it
    /// can't be asked. What is asked one after the other is of one life: a container that ends or starts meanwhile is looked at anew.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; the engine doesn't answer, or refuses.
    pub async fn autopsy(&self, container: &str, machine: &Machine) -> Result<Autopsy, Error> {
        let mut autopsy = self.look(container, machine).await?;
        let mut asked = machine.time;
        for _ in 1..LOOKS {
            let state = self.glance(&autopsy.id).await?.state;
            // Events are asked up to the machine's time.
            if state == autopsy.state && asked.is_none_or(|asked| state.changed_at().is_none_or(|changed| changed <= asked)) {
                break;
            }
            let machine = self.machine().await?;
            (autopsy, asked) = (self.look(container, &machine).await?, machine.time);
        }
        Ok(autopsy)
    }

    async fn look(&self, container: &str, machine: &Machine) -> Result<Autopsy, Error> {
        let inspect = ask::json(self, &format!("/containers/{}/json", ask::escaped(container)), container).await?;
        let mut autopsy = inspect::read(&inspect);
        let id = autopsy.id.clone();
        if id.is_empty() {
            return Err(Error::new(ErrorKind::Protocol, format!("the engine says nothing of `{container}`")));
        }
        self.image_of(&mut autopsy, &inspect).await;
        if let Ok(stats) = ask::json(self, &format!("/containers/{id}/stats?stream=false&one-shot=true"), container).await {
            inspect::read_memory(&mut autopsy.memory, &stats["memory_stats"]);
        }
        for port in &mut autopsy.ports {
            port.taken_by = self.other_with(port, &id).await;
        }
        let query = LogQuery { tail: Some(LINES), until: autopsy.state.between_lives(), ..LogQuery::default() };
        let lines = self.last_timed_lines(&id, query).await.unwrap_or_default();
        autopsy.last_lines = lines.into_iter().map(|(at, text)| LastLine { at, text }).collect();
        (autopsy.events, autopsy.remembers_from) = events::of(self, &id, machine).await.unwrap_or_default();
        mounts::look(&mut autopsy.mounts, &id, autopsy.state.pid, machine);
        Ok(autopsy)
    }

    async fn image_of(&self, autopsy: &mut Autopsy, inspect: &Value) {
        let path = |name: &str, what: &str| format!("/images/{}/{what}", ask::escaped(name));
        let image = &mut autopsy.image;
        if let Ok(answer) = ask::json(self, &path(&image.id, "json"), &image.id).await {
            let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            (image.is_present, image.os, image.architecture) = (true, text("Os"), text("Architecture"));
            autopsy.user = inspect::user(inspect, &answer);
            autopsy.exposed.extend(exposed::of_image(&answer));
        }
        if let Ok(answer) = ask::json(self, &path(&image.reference, "json"), &image.reference).await {
            image.named_now = answer["Id"].as_str().map(str::to_owned);
        }
        if let Ok(history) = ask::json(self, &path(&image.id, "history"), &image.id).await {
            autopsy.exposed.extend(exposed::of_history(&history));
        }
    }

    /// The other container that publishes this port.
    async fn other_with(&self, port: &PortFacts, id: &str) -> Option<String> {
        let number: u16 = port.host.parse().ok().filter(|number| *number > 0)?;
        let list = ask::json(self, "/containers/json", "containers").await.ok()?;
        let publishes =
            |one: &&Value| one["Ports"].as_array().into_iter().flatten().any(|port| port["PublicPort"] == json!(number));
        let other = list.as_array()?.iter().filter(|one| one["Id"] != json!(id)).find(publishes)?;
        Some(other["Names"][0].as_str()?.trim_start_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::engine::tests::stand_in::{StandIn, json};

    #[tokio::test]
    async fn what_ends_under_the_look_is_looked_at_anew() {
        let inspected = |state: &str| {
            format!(
                r#"{{"Id":"c","State":{{{state},"StartedAt":"2026-01-01T00:00:01Z"}},"Config":{{"Tty":false}},"HostConfig":{{"LogConfig":{{"Type":"none"}}}}}}"#
            )
        };
        let runs = inspected(r#""Status":"running","Running":true,"Restarting":false,"Pid":7"#);
        let dead = inspected(
            r#""Status":"exited","Running":false,"Restarting":false,"Pid":0,"ExitCode":137,"FinishedAt":"2026-01-01T00:00:09Z""#,
        );
        let is_dead = AtomicBool::new(false);
        let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
            line if line.ends_with("/containers/c/json") && is_dead.load(Ordering::SeqCst) => json("200 OK", &dead),
            line if line.ends_with("/containers/c/json") => json("200 OK", &runs),
            line if line.ends_with("/info") => json("200 OK", r#"{"SystemTime":"2026-01-01T00:00:10Z"}"#),
            line if line.contains("/events") => json("200 OK", r#"{"Action":"die","timeNano":1767225609000000000}"#),
            line => {
                is_dead.fetch_or(line.contains("/stats"), Ordering::SeqCst);
                json("404 Not Found", r#"{"message":"not there"}"#)
            }
        });
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let machine = Machine { time: "2026-01-01T00:00:05Z".parse().ok(), ..Machine::default() };
        let seen = engine.autopsy("c", &machine).await.unwrap();
        assert_eq!((seen.state.status.as_str(), seen.state.exit_code), ("exited", Some(137)));
        let until = |line: &String| Some(line.split_once("until=")?.1.split_once('.')?.0.to_owned());
        let asked: Vec<_> = stand_in.seen().iter().filter_map(until).collect();
        assert_eq!(asked, ["1767225605", "1767225610"], "its end is among the events");
    }

    #[test]
    fn lines_of_the_life_before_end_between_the_two() {
        let time = |text: &str| Some(format!("2026-01-01T00:00:{text}Z"));
        let again =
            State { status: "running".into(), restarts: 1, finished_at: time("10"), started_at: time("12"), ..State::default() };
        assert_eq!(again.between_lives(), "2026-01-01T00:00:11Z".parse().ok());
        assert_eq!(State { restarts: 0, ..again.clone() }.between_lives(), None, "a person started it");
        assert_eq!(State { status: "exited".into(), ..again }.between_lives(), None);
    }
}
