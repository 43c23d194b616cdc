//! The figures of `docker-ops`, beside the docker command line on the same engine, in turns.

mod up;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use report::{CheckId, Event, Failure, FailureKind, Sink, Unit};
use settings::{Flags, Settings, World};

use super::{Bar, Measured};
use crate::{
    programs::{capture, memory_over, release},
    stand_in,
};

/// The label of all that a run makes, images too; its value is the run's process id.
const LABEL: &str = "genai.bench";
const CONTAINERS: usize = 10;
/// So many of them are of the project that is listed: a stack has one or two services.
const OF_PROJECT: usize = 2;
const ROUNDS: usize = 101;
const STATS_ROUNDS: usize = 5;
const MIB: f64 = 1_048_576.0;

pub(super) async fn run(world: &World, flags: &Flags, minutes: u32, sink: &Sink) -> Result<Vec<Measured>, Failure> {
    let (settings, program) = (Settings::load(flags, world)?, release("genai-stack")?);
    let run = std::process::id().to_string();
    let folder = tempfile::tempdir().map_err(|error| unexpected(format!("can't make a folder: {error}")))?;
    let (project, stopped) = (format!("genai-bench-{run}"), AtomicBool::new(false));
    let bench = Arc::new(Bench { world: world.clone(), settings, folder, project, run, stopped });
    if cfg!(debug_assertions) {
        sink.send(Event::Note("ours is not optimised here: quote `cargo run --release -p xtask -- bench docker`".to_owned()));
    }
    // A thread of its own, since this one has a runtime already and hears the wish to stop.
    let (measuring, sink) = (bench.clone(), sink.clone());
    let mut measured = tokio::task::spawn_blocking(move || measuring.all(&program, minutes, &sink));
    let ended = console::interruptible(&mut measured).await;
    if ended.is_err() {
        bench.stopped.store(true, Ordering::Relaxed);
        drop(measured.await);
    }
    bench.clear();
    ended?.unwrap_or_else(|_| Err(unexpected("the measuring broke off".to_owned())))
}

struct Bench {
    world: World,
    /// They say which engine is measured, as they do for `genai-stack`.
    settings: Settings,
    folder: tempfile::TempDir,
    project: String,
    run: String,
    /// The user wished to stop: nothing new is begun.
    stopped: AtomicBool,
}

impl Bench {
    fn all(&self, program: &str, minutes: u32, sink: &Sink) -> Result<Vec<Measured>, Failure> {
        let versions = self.docker(&["version", "--format", "docker {{.Client.Version}}, engine {{.Server.Version}}"])?;
        self.make_image()?;
        let ids = (0..CONTAINERS).map(|nth| self.start(nth)).collect::<Result<Vec<_>, _>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unexpected(format!("can't start the runtime: {error}")))?;
        let engine = runtime.block_on(flows::stack::connect(&self.settings, sink))?;
        let failed = |error: docker_ops::Error| flows::stack::failure(&error);

        let inspect = self
            .in_turns(ROUNDS, &["inspect", &ids[0]], || runtime.block_on(engine.standing(&ids[0])).map(drop).map_err(failed))?;
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let list = self.in_turns(ROUNDS, &["ps", "--all", "--filter", &filter, "--format", "{{.ID}}"], || {
            match runtime.block_on(engine.members(&docker_ops::ProjectScope::named(&self.project))).map_err(failed)?.len() {
                OF_PROJECT => Ok(()),
                found => Err(unexpected(format!("the project has {found} containers, not {OF_PROJECT}"))),
            }
        })?;
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let stats = self.in_turns(STATS_ROUNDS, &[&["stats", "--no-stream"][..], &all].concat(), || {
            match runtime.block_on(engine.stats(&ids)).map_err(failed)?.iter().all(Option::is_some) {
                true => Ok(()),
                false => Err(unexpected("a container has no figures, so their speed says nothing".to_owned())),
            }
        })?;
        let mut measured = vec![
            ratio("inspect-beside-docker", "inspect, times faster than `docker inspect`, medians of 101", inspect, &versions),
            ratio(
                "list-beside-docker",
                "list of a project's 2 of 10 containers, times faster than `docker ps --filter`",
                list,
                &versions,
            ),
            Measured {
                unit: Unit::Seconds,
                bar: Bar::AtMost(1.1),
                value: stats.ours,
                ..ratio(
                    "stats-of-10",
                    "figures of 10 containers, processor share included, median of 5, seconds",
                    stats,
                    &versions,
                )
            },
        ];
        measured.push(up::measure(self, program, &stand_in::make()?)?);
        measured.push(self.memory(program, minutes, sink)?);
        Ok(measured)
    }

    /// What `stats --watch` of the project holds more of at the end than at the beginning.
    fn memory(&self, program: &str, minutes: u32, sink: &Sink) -> Result<Measured, Failure> {
        sink.send(Event::Started(format!("watching the memory of `stats --watch` for {minutes} minutes")));
        let args = ["stats", "--watch", "--format", "json", "--project-name", &self.project];
        let held =
            memory_over(program, &args, self.folder.path(), Duration::from_secs(60 * u64::from(minutes)), &|| self.goes_on())?;
        // The first tenth is the start; then the first fifth is held against the last.
        let held = &held[held.len() / 10..];
        let part = held.len() / 5;
        let middle = |samples: &[u64]| median(samples.iter().map(|bytes| *bytes as f64 / MIB).collect());
        let (first, last) = (middle(&held[..part]), middle(&held[held.len() - part..]));
        let what = format!("memory that `stats --watch` gains in {minutes} minutes, MiB");
        let seen = vec![("at first".to_owned(), format!("{first:.2} MiB")), ("at last".to_owned(), format!("{last:.2} MiB"))];
        Ok(Measured {
            id: CheckId("stats-watch-memory"),
            what,
            value: last - first,
            bar: Bar::AtMost(1.0),
            unit: Unit::Count,
            seen,
        })
    }

    /// Median seconds of the command line and of ours, each in turn.
    fn in_turns(&self, rounds: usize, docker: &[&str], mut ours: impl FnMut() -> Result<(), Failure>) -> Result<Pair, Failure> {
        let timed = |work: &mut dyn FnMut() -> Result<(), Failure>| {
            let from = self.world.clock.now();
            work()?;
            Ok::<f64, Failure>(self.world.clock.now().duration_since(from).as_secs_f64())
        };
        let (mut theirs_took, mut ours_took) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs_took.push(timed(&mut || self.docker(docker).map(drop))?);
            ours_took.push(timed(&mut ours)?);
        }
        Ok(Pair { theirs: median(theirs_took), ours: median(ours_took) })
    }

    fn docker(&self, args: &[&str]) -> Result<String, Failure> {
        match self.program("docker", args, self.folder.path())? {
            (said, Some(0)) => Ok(said.trim_end().to_owned()),
            (_, code) => {
                let shown = args.first().copied().unwrap_or_default();
                Err(unexpected(format!("`docker {shown}` failed with {code:?}"))
                    .hint("this measure needs a Docker Engine on this machine"))
            }
        }
    }

    /// Runs a program, unless the user wished to stop.
    fn program(&self, program: &str, args: &[&str], folder: &Path) -> Result<(String, Option<i32>), Failure> {
        self.goes_on()?;
        capture(program, args, folder)
    }

    fn goes_on(&self) -> Result<(), Failure> {
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(Failure::new(FailureKind::Interrupted, "stopped by the user")),
            false => Ok(()),
        }
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.run)
    }

    fn image(&self) -> String {
        format!("genai-bench:busybox-{}", self.run)
    }

    /// A static busybox, since nothing is pulled.
    fn make_image(&self) -> Result<(), Failure> {
        let bin = self.folder.path().join("root/bin");
        let made = std::fs::create_dir_all(&bin).and_then(|()| std::fs::copy("/bin/busybox", bin.join("busybox")));
        made.map_err(|error| unexpected(format!("can't copy a static `/bin/busybox`: {error}")))?;
        capture("tar", &["-C", "root", "-cf", "root.tar", "."], self.folder.path())?;
        let (label, entrypoint) = (format!("LABEL {}", self.label()), "ENTRYPOINT [\"/bin/busybox\"]");
        self.docker(&["import", "--change", entrypoint, "--change", &label, "root.tar", &self.image()]).map(drop)
    }

    fn start(&self, nth: usize) -> Result<String, Failure> {
        let project = if nth < OF_PROJECT { &self.project } else { "genai-bench-other" };
        let labels = [("project", project), ("service", "comfyui"), ("oneoff", "False")];
        let labels = labels.map(|(name, value)| format!("--label=com.docker.compose.{name}={value}"));
        let own = format!("--label={}", self.label());
        let [one, two, three] = &labels;
        self.docker(&["run", "--detach", "--init", &own, one, two, three, &self.image(), "sleep", "86400"])
    }

    /// Removes all that carries the run's label, and the network of its stack, however the run ended.
    fn clear(&self) {
        let (label, of_stack) =
            (format!("label={}", self.label()), format!("label=com.docker.compose.project={}-up", self.project));
        for (list, filter, remove) in [
            (&["ps", "--all", "--quiet"][..], &label, &["rm", "--force", "--volumes"][..]),
            (&["network", "ls", "--quiet"], &of_stack, &["network", "rm"]),
            (&["image", "ls", "--quiet"], &label, &["image", "rm", "--force"]),
        ] {
            // Not by `docker`, which begins nothing new once the user wished to stop.
            let run = |args: &[&str]| capture("docker", args, self.folder.path()).map(|(said, _)| said).unwrap_or_default();
            let found = run(&[list, &["--filter", filter]].concat());
            let found: Vec<&str> = found.lines().collect();
            if !found.is_empty() {
                run(&[remove, &found].concat());
            }
        }
    }
}

/// Seconds.
#[derive(Clone, Copy)]
struct Pair {
    theirs: f64,
    ours: f64,
}

fn ratio(id: &'static str, what: &str, pair: Pair, versions: &str) -> Measured {
    let told = |seconds: f64| format!("{:.2} ms", seconds * 1e3);
    let seen = vec![("ours".to_owned(), told(pair.ours)), (versions.to_owned(), told(pair.theirs))];
    let (value, bar) = (pair.theirs / pair.ours, Bar::AtLeast(20.0));
    Measured { id: CheckId(id), what: what.to_owned(), value, bar, unit: Unit::Count, seen }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn unexpected(message: String) -> Failure {
    Failure::new(FailureKind::Unexpected, message)
}
