//! Several embedded servers as one fleet, with the faults of real ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

mod batch;
mod breaking;
mod path;
mod routing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comfy_client::{Client, Config, Delivery, End, Fleet, FleetBuilder, FleetEvent, FleetJob, Outcome, Probe, Workflow};
use comfy_sim::{Builder, Server};
use serde_json::json;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

/// A server, and the folder that it lives in.
struct Backend {
    server: Server,
    folder: TempDir,
}

async fn backend(set_up: impl FnOnce(Builder) -> Builder) -> Backend {
    let folder = tempfile::tempdir().unwrap();
    let server = set_up(Server::builder().comfy_dir(folder.path())).spawn().await.unwrap();
    Backend { server, folder }
}

async fn plain() -> Backend {
    backend(|builder| builder).await
}

/// One whose sampler takes `steps` × 10 ms, and has a checkpoint.
async fn sampling() -> Backend {
    backend(|builder| builder.checkpoint("sd15.safetensors").step_time(Duration::from_millis(10))).await
}

impl Backend {
    fn client(&self) -> Client {
        Client::new(Config::new(&self.server.url()).unwrap().request_timeout(Duration::from_secs(5))).unwrap()
    }

    fn checkpoint(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join("models/checkpoints");
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    /// How many prompts it ran or queued, by its history.
    async fn ran(&self) -> usize {
        let history = Probe::get("/history");
        let answer = self.client().probe(&history).await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap().as_object().unwrap().len()
    }
}

/// The servers as a fleet, called `a`, `b` …, and what it says.
fn fleet(servers: &[&Backend], limit: usize, change: impl FnOnce(FleetBuilder) -> FleetBuilder) -> (Fleet, Heard) {
    let heard = Heard::default();
    let (tell, names) = (heard.clone(), "abc".chars());
    let builder = Fleet::builder().observe(move |event| tell.0.lock().unwrap().push(event));
    let builder = servers
        .iter()
        .zip(names)
        .fold(builder, |builder, (backend, name)| builder.server(&name.to_string(), backend.client(), limit));
    (change(builder).build().unwrap(), heard)
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<FleetEvent>>>);

impl Heard {
    /// The events in short, in order.
    fn words(&self) -> Vec<String> {
        let word = |event: &FleetEvent| match event {
            FleetEvent::Taken { item, backend, .. } => format!("{backend} took {item}"),
            FleetEvent::Rerouted { item, backend, .. } => format!("{item} left {backend}"),
            FleetEvent::Opened { backend, .. } => format!("{backend} opened"),
            FleetEvent::Probing { backend } => format!("{backend} probing"),
            FleetEvent::Closed { backend } => format!("{backend} closed"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().iter().map(word).collect()
    }

    fn count(&self, what: &str) -> usize {
        self.words().iter().filter(|word| word.contains(what)).count()
    }

    /// Waits for an event, at most as long as any test waits.
    async fn until(&self, what: &str) {
        for _ in 0..3000 {
            if self.count(what) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{what}` never happened: {:?}", self.words());
    }
}

/// A picture of one color.
fn picture(color: u32) -> Workflow {
    Workflow::from_value(json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": color}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}},
    }))
    .unwrap()
}

/// A picture that takes `steps` steps.
fn sampled(seed: u64, steps: u32) -> Workflow {
    Workflow::from_value(json!({
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}, "_meta": {"title": "Model"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": steps, "cfg": 1, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }))
    .unwrap()
}

async fn end(job: &FleetJob) -> Delivery {
    tokio::time::timeout(LONG * 2, job.wait()).await.expect("every prompt comes to its end")
}

fn succeeded(delivery: &Delivery) -> bool {
    matches!(&delivery.end, End::Outcome(Outcome::Succeeded(run)) if run.outputs.len() == 1)
}
