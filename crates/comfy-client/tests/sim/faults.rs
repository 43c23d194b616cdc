//! Every fault of the embedded ComfyUI, and how it ends for this client: with a name, never with silence.

use std::path::Path;
use std::time::Duration;

use comfy_client::{
    Client, Config, ErrorKind, Event, FileKind, Outcome, Place, StallCause, Standing, StoredFile, Submission, Workflow,
};
use comfy_sim::{Builder, Fault, Planned, Refusal, Server};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const LONG: Duration = Duration::from_secs(60);

async fn site(folder: &Path, set: impl FnOnce(Builder) -> Builder) -> (Server, Client) {
    let server = set(Server::builder().comfy_dir(folder)).spawn().await.unwrap();
    let client = client(&server);
    (server, client)
}

fn client(server: &Server) -> Client {
    Client::new(Config::new(&server.url()).unwrap().request_timeout(Duration::from_secs(2))).unwrap()
}

/// A picture that no run made before, kept by so many output nodes.
fn workflow(color: u32, outputs: usize) -> Workflow {
    let mut nodes =
        json!({"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": color}}});
    for id in 2..2 + outputs {
        nodes[id.to_string()] =
            json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": id.to_string()}});
    }
    Workflow::from_value(nodes).unwrap()
}

/// Submits and waits; a wait that hangs fails the test by its own deadline.
async fn end(client: &Client, workflow: &Workflow) -> Outcome {
    let job = client.submit(workflow).await.unwrap();
    tokio::time::timeout(LONG * 2, job.wait(LONG)).await.expect("a wait keeps its deadline").unwrap()
}

async fn end_with(fault: impl Into<Planned>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(fault)).await;
    let outcome = end(&client, &workflow(1, 1)).await;
    server.shutdown().await;
    outcome
}

fn succeeded(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded(run) if run.outputs.len() == 1)
}

fn route(text: &str) -> comfy_sim::Route {
    text.parse().unwrap()
}

/// How many runs the server remembers.
fn saved(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("output")).unwrap().count()
}

#[test]
fn every_fault_has_its_test_here() {
    let vocabulary = include_str!("../../../comfy-sim/src/faults/vocabulary.rs");
    let list = vocabulary.split_once("pub enum Fault {").unwrap().1.split_once("\n}\n").unwrap().0;
    let names = list.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    let names: Vec<&str> = names.map(|line| line.trim_end_matches([' ', '{', ','])).collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        assert!(include_str!("faults.rs").contains(&format!("Fault::{name}")), "`{name}` has no test");
    }
}

#[tokio::test]
async fn refuse_each_refusal_has_its_kind_and_what_may_heal_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder).await;
    for (status, expected) in [
        (Refusal::LoginPage, Some(ErrorKind::Refused)),
        (Refusal::Unauthorized, Some(ErrorKind::Refused)),
        (Refusal::Forbidden, Some(ErrorKind::Refused)),
        (Refusal::TooLarge, Some(ErrorKind::TooLarge)),
        (Refusal::TooManyRequests, Some(ErrorKind::Server)),
        (Refusal::Broken, Some(ErrorKind::Server)),
        (Refusal::BadGateway, None),
        (Refusal::Unavailable, None),
        (Refusal::GatewayTimeout, None),
    ] {
        server.faults().set(Fault::Refuse { route: route("POST /prompt"), status }.times(1));
        match (client.submit(&workflow(1, 1)).await, expected) {
            (Ok(job), None) => assert!(succeeded(&job.wait(LONG).await.unwrap())),
            (Err(error), Some(kind)) => assert_eq!(error.kind(), kind, "{status:?}"),
            (other, _) => panic!("{status:?}: {other:?}"),
        }
        server.faults().clear();
    }
    // A gateway that trips over the questions of a wait only delays it.
    server.faults().set(Fault::Refuse { route: route("GET *"), status: Refusal::BadGateway }.after(1).times(3));
    assert!(succeeded(&end(&client, &workflow(2, 1)).await));
    server.shutdown().await;
}

#[tokio::test]
async fn delay_an_answer_that_comes_too_late_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = site(folder.path(), |builder| builder).await;
    let hasty = Client::new(Config::new(&server.url()).unwrap().request_timeout(Duration::from_millis(300))).unwrap();
    server.faults().set(Fault::Delay { route: route("POST /prompt"), millis: 1_500 }.times(1));
    assert!(succeeded(&end(&hasty, &workflow(1, 1)).await));
    assert_eq!(saved(folder.path()), 1);
    server.shutdown().await;
}

#[tokio::test]
async fn lose_request_and_lose_answer_run_the_prompt_once() {
    for fault in [Fault::LoseRequest { route: route("POST /prompt") }, Fault::LoseAnswer { route: route("POST /prompt") }] {
        let folder = tempfile::tempdir().unwrap();
        let (server, client) = site(folder.path(), |builder| builder.fault(fault.clone().times(1))).await;
        assert!(succeeded(&end(&client, &workflow(1, 1)).await), "{fault:?}");
        assert_eq!(saved(folder.path()), 1, "{fault:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn cut_body_delays_a_run_and_a_file_comes_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder).await;
    for (color, cut) in ["POST /prompt", "GET /history/*"].into_iter().enumerate() {
        server.faults().set(Fault::CutBody { route: route(cut), after_bytes: 7 }.times(1));
        assert!(succeeded(&end(&client, &workflow(color as u32, 1)).await), "{cut}");
        assert_eq!(saved(folder.path()), color + 1, "{cut}");
    }
    server.faults().clear();
    server.faults().set(Fault::SparseFile { filename: "a.bin".into(), bytes: 1 << 20 });
    let (file, dir) = (StoredFile::new(FileKind::Output, "", "a.bin"), tempfile::tempdir().unwrap());
    let cut = || Fault::CutBody { route: route("GET /view"), after_bytes: 64 << 10 };

    server.faults().set(cut());
    let error = client.view(&file).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unreachable, true));
    assert!(error.to_string().ends_with("was cut short"), "{error}");
    assert_eq!(client.download(&file, dir.path()).await.unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    server.faults().clear();
    server.faults().set(cut().times(3));
    let got = client.download(&file, dir.path()).await.unwrap();
    assert_eq!(got.bytes, 1 << 20);
    assert_eq!(std::fs::read(&got.path).unwrap(), client.view(&file).await.unwrap());
    server.shutdown().await;
}

#[tokio::test]
async fn partial_prompt_is_an_error_unless_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(Fault::PartialPrompt)).await;
    let error = client.submit(&workflow(1, 2)).await.unwrap_err();
    assert_eq!((error.kind(), error.node_errors().len()), (ErrorKind::Rejected, 1));
    let job = client.submit(&workflow(2, 2).allow_partial(true)).await.unwrap();
    assert_eq!(job.dropped().len(), 1);
    let outcome = job.wait(LONG).await.unwrap();
    assert!(succeeded(&outcome), "{outcome:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn blocked_ends_nothing() {
    let outcome = end_with(Fault::Blocked { message: "no".into() }).await;
    assert!(matches!(&outcome, Outcome::Succeeded(run) if run.outputs.is_empty()), "{outcome:?}");
}

#[tokio::test]
async fn history_lag_is_waited_for() {
    for millis in [7, 600] {
        assert!(succeeded(&end_with(Fault::HistoryLag { millis }).await), "{millis}");
    }
}

#[tokio::test]
async fn dead_worker_is_a_stall_at_the_deadline_and_a_new_worker_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(Fault::DeadWorker)).await;
    let (runs, waits) = (client.submit(&workflow(1, 1)).await.unwrap(), client.submit(&workflow(2, 1)).await.unwrap());
    let mut events = runs.events();
    while events.next().await != Some(Event::Started) {}
    let outcome = runs.wait(Duration::from_millis(50)).await.unwrap();
    let Outcome::Stalled(stall) = &outcome else { panic!("{outcome:?}") };
    assert_eq!((stall.cause, &stall.last), (StallCause::Deadline, &Standing::Running { node: None }));
    assert_eq!(client.queue().await.unwrap().place(waits.prompt_id()), Place::Pending { position: 0 });
    assert!(waits.cancel().await.unwrap());
    assert!(matches!(waits.wait(LONG).await.unwrap(), Outcome::Cancelled(_)));
    server.faults().clear();
    assert!(succeeded(&end(&client, &workflow(3, 1)).await));
    server.shutdown().await;
}

#[tokio::test]
async fn restart_loses_the_prompt_and_the_client_goes_on() {
    for down_millis in [0, 400] {
        let folder = tempfile::tempdir().unwrap();
        let (server, client) = site(folder.path(), |builder| builder.fault(Fault::Restart { down_millis }.times(1))).await;
        let outcome = end(&client, &workflow(1, 1)).await;
        assert!(matches!(&outcome, Outcome::Lost(loss) if loss.connection_broke), "{outcome:?}");
        assert!(succeeded(&end(&client, &workflow(2, 1)).await));
        server.shutdown().await;
    }
}

#[tokio::test]
async fn cut_socket_and_deaf_socket_only_delay() {
    for frames in 0..6 {
        let faults = [Fault::CutSocket { after_frames: frames }.times(2), Fault::DeafSocket { after_frames: frames }.times(2)];
        for fault in faults {
            let shown = format!("{fault:?}");
            assert!(succeeded(&end_with(fault).await), "{shown}");
        }
    }
}

#[tokio::test]
async fn shared_delivery_a_slow_reader_holds_up_the_messages_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(Fault::SharedDelivery)).await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(4096).unwrap();
    let stream = tcp.connect(server.addr()).await.unwrap();
    let url = format!("ws://{}/ws?clientId=slow", server.addr());
    let (slow, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    // Without an owner its progress goes to everyone; so long a node id fills the buffers of who does not read.
    let long = "x".repeat(1 << 19);
    let nodes = json!({long.as_str(): {"class_type": "EmptyImage", "inputs": {"width": 4, "height": 4, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": [long, 0]}}});
    let body = json!({ "prompt": nodes }).to_string();
    let mut raw = TcpStream::connect(server.addr()).await.unwrap();
    let head = format!("POST /prompt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    raw.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    raw.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(succeeded(&end(&client, &workflow(1, 1)).await));
    drop(slow);
    server.shutdown().await;
}

#[tokio::test]
async fn compress_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(Fault::Compress)).await;
    assert!(client.object_info().await.unwrap().class("SaveImage").is_some());
    assert!(succeeded(&end(&client, &workflow(1, 1)).await));
    server.shutdown().await;
}

#[tokio::test]
async fn sparse_file_is_too_long_for_the_memory_and_not_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::SparseFile { filename: "large.bin".into(), bytes: 20 << 20 };
    let (server, _) = site(folder.path(), |builder| builder.fault(fault)).await;
    let small = Client::new(Config::new(&server.url()).unwrap().body_limit(1 << 20)).unwrap();
    let file = StoredFile::new(FileKind::Output, "", "large.bin");
    assert_eq!(small.view(&file).await.unwrap_err().kind(), ErrorKind::Protocol);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(small.download(&file, dir.path()).await.unwrap().bytes, 20 << 20);
    server.shutdown().await;
}

#[tokio::test]
async fn falling_vram_is_read_as_it_falls() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::FallingVram { total: 100, free: 50, step: 30 };
    let (server, client) = site(folder.path(), |builder| builder.fault(fault)).await;
    let mut free = Vec::new();
    for _ in 0..3 {
        free.push(client.system_stats().await.unwrap().devices[0].vram_free.unwrap());
    }
    assert_eq!(free, [50, 20, 0]);
    server.shutdown().await;
}

#[tokio::test]
async fn a_prompt_written_down_before_a_lost_answer_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = site(folder.path(), |builder| builder.fault(Fault::DeadWorker)).await;
    let workflow = workflow(1, 1);
    let submission = Submission::new(&workflow).prompt_id("0b5b1f7e-8b5e-4c3a-9d56-0123456789ab");
    drop(client.submit_with(&submission).await.unwrap());
    let again = client.submit_with(&submission).await.unwrap();
    let queue = client.queue().await.unwrap();
    assert_eq!(queue.running.len() + queue.pending.len(), 1);
    server.faults().clear();
    server.restart(Duration::ZERO).await;
    assert!(matches!(again.wait(LONG).await.unwrap(), Outcome::Lost(_)));
    server.shutdown().await;
}

#[tokio::test]
async fn a_socket_lost_in_mid_run_does_not_make_the_end_late() {
    let faults = [Fault::CutSocket { after_frames: 4 }.times(1), Fault::DeafSocket { after_frames: 4 }.times(1)];
    for fault in faults {
        let folder = tempfile::tempdir().unwrap();
        let set =
            |builder: Builder| builder.step_time(Duration::from_millis(100)).checkpoint("sd15.safetensors").fault(fault.clone());
        let (server, client) = site(folder.path(), set).await;
        let Outcome::Succeeded(run) = end(&client, &crate::sampling(30)).await else { panic!("{fault:?}") };
        let late = run.timing.waited.saturating_sub(run.timing.ran_for.unwrap());
        // Generous: what it must not be is the next rare look, or a limit of a request.
        assert!(late < Duration::from_secs(8), "{fault:?}: {late:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn what_was_taken_out_is_cancelled_though_the_next_look_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) =
        site(folder.path(), |builder| builder.checkpoint("sd15.safetensors").step_time(Duration::from_millis(10))).await;
    let runs = client.submit(&crate::sampling(3000)).await.unwrap().prompt_id().to_owned();
    let waits = client.submit(&workflow(1, 1)).await.unwrap().prompt_id().to_owned();
    while client.queue().await.unwrap().place(&runs) != Place::Running {
        tokio::task::yield_now().await;
    }
    let fault = Fault::Refuse { route: route("GET /queue"), status: Refusal::BadGateway };
    server.faults().set(fault.after(1).times(1));
    assert!(client.cancel(&waits).await.unwrap());
    assert_eq!(client.queue().await.unwrap().place(&waits), Place::Absent);
    assert!(client.cancel(&runs).await.unwrap());
    server.shutdown().await;
}
