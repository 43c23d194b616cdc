//! The journey against an embedded server, with wishes that come at a certain step.

use std::collections::{BTreeMap, BTreeSet};

use comfy_client::{Config, Ending};
use comfy_sim::{Builder, Fault, Server};
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;

/// Two pictures as files, and one over the WebSocket.
fn pictures() -> Value {
    json!({
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "cats/b"}},
        "4": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    })
}

/// One that is met at work.
fn long() -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 9000, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 16, "height": 16, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "fox"}},
    })
}

/// A server, and a folder that the files go to.
struct Stage {
    folder: tempfile::TempDir,
    server: Server,
    client: Client,
}

impl Stage {
    async fn new(build: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = Server::builder().comfy_dir(folder.path().join("ComfyUI")).checkpoint("m.safetensors");
        let server = build(builder.step_time(Duration::from_millis(20))).spawn().await.unwrap();
        let client = Client::new(Config::new(&server.url()).unwrap()).unwrap();
        Self { folder, server, client }
    }

    /// Runs it; the user wishes to stop at the first step of each of these names, or as it begins.
    async fn run(&self, workflow: Value, wishes: &[&str], order: impl FnOnce(&mut Order<'_>)) -> (End, Vec<String>) {
        let workflow = Workflow::from_value(workflow).unwrap();
        let world = World::for_tests(self.folder.path());
        let (uttered, mut steps) = (Semaphore::new(usize::from(wishes.contains(&"begin"))), Vec::new());
        let mut run = Order {
            client: &self.client,
            workflow: &workflow,
            front: false,
            deadline: None,
            out: Some(Path::new("out")),
            world: &world,
        };
        order(&mut run);
        let wish = async || uttered.acquire().await.unwrap().forget();
        let tell = async |step: Step| {
            let name = name(&step);
            match name {
                // The server is done with it, and tells of it only after the wish.
                "picture" if wishes.contains(&name) => while !self.client.queue().await.unwrap().running.is_empty() {},
                "stopping" if wishes.contains(&"picture") => self.server.faults().clear(),
                _ => {}
            }
            uttered.add_permits(usize::from(wishes.contains(&name) && !steps.iter().any(|told| told == name)));
            steps.push(name.to_owned());
        };
        let end = super::run(&run, wish, tell).await;
        (end, steps)
    }

    /// The files that came home, by name, with their lengths.
    fn home(&self) -> BTreeMap<String, u64> {
        let list = |folder: &str| {
            let entries = std::fs::read_dir(self.folder.path().join(folder)).into_iter().flatten().map(Result::unwrap);
            let files = entries.filter(|entry| entry.path().is_file());
            files.map(|entry| (format!("{folder}/{}", entry.file_name().display()), entry.metadata().unwrap().len())).collect()
        };
        ["out", "out/cats"].map(list).into_iter().flat_map(|files: Vec<_>| files).collect()
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Submitted(_) => "submitted",
        Step::Warning(_) => "warning",
        Step::Told(Event::Progress { .. }) => "progress",
        Step::Told(Event::Preview { .. }) => "picture",
        Step::Told(Event::Finished { .. }) => "finished",
        Step::Told(_) => "told",
        Step::Stopping => "stopping",
        Step::Saved(_) => "saved",
    }
}

fn failure_of(end: &End) -> String {
    let failure = end.failure.as_ref().unwrap();
    format!("{:?}: {failure}: {}", failure.kind, failure.hints.join("; "))
}

#[tokio::test]
async fn what_a_run_made_is_at_home_in_the_end() {
    let stage = Stage::new(|builder| builder).await;
    let (end, steps) = stage.run(pictures(), &[], |_| ()).await;
    assert_eq!((end.how, &*end.words, end.failure), (How::Ended(Ending::Succeeded), "succeeded with 3 files", None));
    assert_eq!((&*steps[0], &steps[steps.len() - 3..]), ("submitted", &["saved".to_owned(), "saved".into(), "saved".into()][..]));
    let id = end.prompt_id.unwrap();
    assert_eq!(end.files[0].file, "websocket/4", "what can't be had again comes first");
    let told: BTreeMap<_, _> = end.files.into_iter().map(|file| (file.path, file.bytes)).collect();
    assert_eq!(told, stage.home());
    let names: BTreeSet<_> = told.keys().map(|path| path.replace(&id, "ID")).collect();
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        ["out/ID-0.png", "out/a_00001_.png", "out/cats/b_00001_.png"]
    );
    stage.server.shutdown().await;
}

#[tokio::test]
async fn a_wish_stops_the_run_and_the_next_leaves_it() {
    let stage = Stage::new(|builder| builder).await;
    let (end, steps) = stage.run(long(), &["progress"], |_| ()).await;
    assert_eq!((end.how, &*steps[steps.len() - 1]), (How::Ended(Ending::Interrupted), "stopping"));
    assert_eq!(failure_of(&end), "Interrupted: stopped by the user: interrupted in node `3` KSampler: ");

    stage.server.faults().set(Fault::Delay { route: "POST /interrupt".parse().unwrap(), millis: 600_000 });
    let (end, _) = stage.run(long(), &["progress", "stopping"], |_| ()).await;
    let id = end.prompt_id.as_deref().unwrap();
    assert_eq!((end.how, &*end.words), (How::Stopped, "left before the server had stopped it"));
    assert!(failure_of(&end).ends_with(&format!("; `genai-comfy cancel {id}` stops it")), "{end:?}");
    stage.server.shutdown().await;
}

#[tokio::test]
async fn a_wish_before_the_server_refuses_is_what_ended_the_run() {
    let refuse = Fault::Refuse { route: "POST /prompt".parse().unwrap(), status: comfy_sim::Refusal::TooLarge };
    let stage = Stage::new(|builder| builder.fault(refuse)).await;
    let (end, steps) = stage.run(pictures(), &["begin"], |_| ()).await;
    assert_eq!((end.how, steps.len()), (How::Stopped, 0));
    assert!(failure_of(&end).starts_with("Interrupted: stopped by the user while the workflow was sent: "), "{end:?}");
    let failure = end.failure.unwrap();
    assert!(failure.causes[0].contains("is longer than") && !failure.hints.is_empty(), "{failure:?}");
}

#[tokio::test]
async fn a_wish_while_files_come_home_leaves_the_rest_and_says_how_to_get_it() {
    let stage = Stage::new(|builder| builder).await;
    let mut pictures = pictures();
    pictures["1"]["inputs"]["batch_size"] = 2.into();
    let (end, _) = stage.run(pictures, &["saved"], |_| ()).await;
    let id = end.prompt_id.as_deref().unwrap();
    // What can't be had again is not left.
    assert_eq!((end.how, end.files.len(), stage.home().len()), (How::Ended(Ending::Succeeded), 2, 2));
    assert!(end.files.iter().all(|file| file.file.starts_with("websocket/")), "{end:?}");
    assert_eq!(failure_of(&end), format!("Interrupted: stopped by the user: `genai-comfy download {id}` tries again"));
    stage.server.shutdown().await;
}

#[tokio::test]
async fn a_wish_after_which_all_came_home_leaves_nothing_to_fetch() {
    let stage = Stage::new(|builder| builder).await;
    let mut pictures = pictures();
    pictures["1"]["inputs"]["batch_size"] = 2.into();
    pictures.as_object_mut().unwrap().retain(|id, _| ["1", "4"].contains(&&**id));
    let (end, _) = stage.run(pictures, &["saved"], |_| ()).await;
    assert_eq!((end.how, end.files.len(), end.failure), (How::Ended(Ending::Succeeded), 2, None));
    stage.server.shutdown().await;
}

#[tokio::test]
async fn a_wish_after_the_run_leaves_the_files_and_brings_home_what_cant_be_had_again() {
    let unread = Fault::Refuse { route: "GET /history/*".parse().unwrap(), status: comfy_sim::Refusal::BadGateway };
    let stage = Stage::new(|builder| builder.fault(unread)).await;
    let (end, steps) = stage.run(pictures(), &["picture"], |_| ()).await;
    let id = end.prompt_id.as_deref().unwrap();
    assert_eq!(
        (end.how, &steps[steps.len() - 2..]),
        (How::Ended(Ending::Succeeded), &["stopping".to_owned(), "saved".into()][..])
    );
    assert_eq!((end.files[0].file.as_str(), stage.home().len()), ("websocket/4", 1));
    let said = format!("Interrupted: stopped by the user: succeeded with 3 files: `genai-comfy download {id}` fetches its files");
    assert_eq!(failure_of(&end), said);
    stage.server.shutdown().await;
}

#[tokio::test]
async fn a_deadline_bounds_the_wait_for_a_picture_after_the_end_too() {
    let stage = Stage::new(|builder| builder.fault(Fault::DeafSocket { after_frames: 3 })).await;
    let (end, steps) = stage.run(pictures(), &[], |order| order.deadline = Some(Duration::from_secs(2))).await;
    assert_eq!((end.how, end.files.len()), (How::Ended(Ending::Succeeded), 2));
    assert!(failure_of(&end).contains("may be missing") && !steps.iter().any(|step| step == "finished"), "{end:?} {steps:?}");
    stage.server.shutdown().await;
}

#[tokio::test]
async fn files_that_stay_away_are_counted_and_the_gravest_reason_counts() {
    let lost = |nth| Failure::new(FailureKind::Unreachable, format!("no answer {nth}")).hint("is it running?");
    let refused = Failure::new(FailureKind::Refused, "the disk is full").hint("make room");
    assert_eq!(ending::not_home(Vec::new(), None, None), None);
    let one = |left| ending::not_home(vec![lost(1)], None, left).unwrap();
    assert_eq!((&*one(None).message, one(None).hints.len(), one(Some("p")).hints.len()), ("no answer 1", 1, 2));
    let all = ending::not_home(vec![lost(1), refused, lost(2)], Some(lost(3)), Some("p")).unwrap();
    assert_eq!((all.kind, &*all.message), (FailureKind::Refused, "3 of the files could not be brought home"));
    assert_eq!(all.causes.last().map(String::as_str), Some("no answer 3"));
    assert_eq!(all.hints, ["is it running?", "make room", "`genai-comfy download p` tries again"]);
}

#[tokio::test]
async fn a_run_is_left_to_itself_at_once_or_after_the_deadline() {
    let stage = Stage::new(|builder| builder).await;
    let (detached, steps) = stage.run(long(), &[], |order| order.out = None).await;
    assert_eq!((detached.how, detached.failure, &steps[..]), (How::Detached, None, &["submitted".to_owned()][..]));
    let (late, _) = stage.run(long(), &[], |order| order.deadline = Some(Duration::from_millis(1))).await;
    assert_eq!(late.how, How::Ended(Ending::Stalled));
    let queue = stage.client.queue().await.unwrap();
    for id in [detached.prompt_id, late.prompt_id] {
        assert_ne!(queue.place(&id.unwrap()), comfy_client::Place::Absent);
    }
    stage.server.shutdown().await;
}
