//! The facade without `async`, against the embedded ComfyUI on a thread of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use comfy_client::blocking::{Client, Fleet};
use comfy_client::{Batch, BatchItem, Config, Ending, ErrorKind, Event, Outcome, Place, Probe, Workflow};
use comfy_sim::Server;

const LONG: Duration = Duration::from_secs(60);

/// Runs `use_it` with the URL of a server that lives as long.
fn with_server(use_it: impl FnOnce(&str)) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::builder().comfy_dir(folder.path()).spawn()).unwrap();
    use_it(&server.url());
    runtime.block_on(server.shutdown());
}

fn workflow(color: u32) -> Workflow {
    let mut workflow = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#,
    )
    .unwrap();
    workflow.set("1", "color", color).unwrap();
    workflow
}

#[test]
fn a_picture_is_made_and_brought_home() {
    with_server(|url| {
        let client = Client::new(Config::new(url).unwrap()).unwrap();
        assert_eq!(client.dry_run(&workflow(1)).unwrap(), []);
        assert!(client.connect());
        let job = client.submit(&workflow(1)).unwrap();
        let events: Vec<Event> = job.events().collect();
        assert_eq!(events.last(), Some(&Event::Finished { how: Ending::Succeeded }));
        let Outcome::Succeeded(run) = job.wait(LONG).unwrap() else { panic!("it fails") };
        let dir = tempfile::tempdir().unwrap();
        let got = client.download(&run.outputs[0].file, dir.path()).unwrap();
        assert_eq!(client.view(&run.outputs[0].file).unwrap(), std::fs::read(&got.path).unwrap());
        assert!(!client.cancel(job.prompt_id()).unwrap());
        assert!(matches!(client.job(job.prompt_id()).unwrap().wait(LONG).unwrap(), Outcome::Succeeded(_)));
        assert_eq!(client.queue().unwrap().place(job.prompt_id()), Place::Absent);
        assert!(client.object_info_class("SaveImage").unwrap().is_some_and(|class| class.output_node));
        assert_eq!(client.histories(10, None).unwrap()[0].0, job.prompt_id());
        client.delete_history([job.prompt_id()]).unwrap();
        assert!(client.history(job.prompt_id()).unwrap().is_none());
        assert!(client.model_folders().unwrap().contains(&"checkpoints".to_owned()));
        assert_eq!(client.models("no such folder").unwrap(), None);
        assert_eq!(client.probe(&Probe::get("/queue")).unwrap().status, 200);
        assert!(!client.interrupt(job.prompt_id()).unwrap());
        client.delete_queued([job.prompt_id()]).unwrap();
        client.clear_queue().unwrap();
        client.free(true, true).unwrap();
    });
    let gone = Client::new(Config::new("http://127.0.0.1:1").unwrap()).unwrap();
    assert_eq!(gone.health().unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn clones_serve_many_threads_and_a_job_outlives_its_client() {
    with_server(|url| {
        let client = Client::new(Config::new(url).unwrap()).unwrap();
        let (done, all) = mpsc::channel();
        for color in 0..4 {
            let (client, done) = (client.clone(), done.clone());
            std::thread::spawn(move || {
                let job = client.submit(&workflow(color)).unwrap();
                drop(client);
                done.send(job.wait(LONG).unwrap().ending()).unwrap();
            });
        }
        drop((client, done));
        assert_eq!(all.iter().collect::<Vec<_>>(), [Ending::Succeeded; 4]);
    });
}

#[test]
fn a_fleet_brings_a_batch_home() {
    with_server(|url| {
        let client = comfy_client::Client::new(Config::new(url).unwrap()).unwrap();
        let fleet = Fleet::new(comfy_client::Fleet::builder().server("one", client, 2).build().unwrap()).unwrap();
        let (dir, ids) = (tempfile::tempdir().unwrap(), ["a", "b", "c"]);
        let items = ids.into_iter().zip(1..).map(|(id, color)| BatchItem::new(id, workflow(color)).unwrap());
        let mut done: Vec<String> = Vec::new();
        for row in fleet.run(Batch::new(fleet.inner().clone()).download_to(dir.path()), items) {
            assert!(row.is_success() && row.files[0].saved.as_ref().unwrap().path.starts_with(dir.path().join(&row.id)));
            done.push(row.id);
        }
        done.sort();
        assert_eq!(done, ids);
        let job = fleet.submit("d", &workflow(4), LONG);
        drop(fleet);
        assert_eq!(job.wait().end.word(), "succeeded");
    });
}

#[test]
fn within_a_runtime_a_call_panics_and_the_last_clone_goes_anywhere() {
    with_server(|url| {
        let client = Client::new(Config::new(url).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let called = runtime.block_on(async { catch_unwind(AssertUnwindSafe(|| client.health())) });
        assert!(called.is_err());
        assert_eq!(client.health().unwrap().queue_remaining, 0, "it can be used all the same");
        runtime.block_on(async { drop(client) });

        // On the client's own thread, which can't wait for itself.
        let client = Client::new(Config::new(url).unwrap()).unwrap();
        let (last, (go, gone), (done, ended)) = (client.clone(), mpsc::channel(), mpsc::channel());
        client.block_on(async {
            let _task = tokio::spawn(async move {
                gone.recv().unwrap();
                done.send(catch_unwind(AssertUnwindSafe(|| drop(last))).is_ok()).unwrap();
            });
        });
        drop(client);
        go.send(()).unwrap();
        assert_eq!(ended.recv_timeout(LONG), Ok(true));
    });
}
