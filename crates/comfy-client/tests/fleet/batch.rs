//! Many workflows through a fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use comfy_client::{Batch, BatchItem, BatchRow, Client, Config, End, Fleet, Workflow};
use comfy_sim::{Fault, Refusal};
use futures_util::{StreamExt, stream};

use crate::{Backend, fleet, picture, plain, sampled, sampling};

fn item(nth: u32) -> BatchItem {
    BatchItem::new(format!("item {nth}"), picture(nth)).unwrap()
}

#[tokio::test]
async fn items_are_taken_only_as_there_is_room_and_every_file_comes_home() {
    let (a, b) = (plain().await, plain().await);
    let (fleet, _) = fleet(&[&a, &b], 2, |builder| builder);
    let home = tempfile::tempdir().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let items = stream::iter(0..60).map(move |nth| {
        counted.fetch_add(1, Relaxed);
        item(nth)
    });
    let batch = Batch::new(fleet).download_to(home.path()).skip(["item 7".to_owned()]);
    let mut rows = batch.run(items).boxed();
    let mut ended = 0;
    while let Some(row) = rows.next().await {
        ended += 1;
        assert!(row.is_success(), "{row:?}");
        let saved = row.files[0].saved.as_ref().unwrap();
        assert_eq!(saved.path.parent().unwrap(), home.path().join(&row.id));
        assert!(taken.load(Relaxed) <= ended + 4 + 1, "those under way, the one that was skipped, and no more");
    }
    assert_eq!((ended, a.ran().await + b.ran().await), (59, 59));
}

#[tokio::test]
async fn a_stopped_batch_cancels_its_own_prompts_and_gives_their_rows() {
    let a = sampling().await;
    let theirs = a.client().submit(&sampled(99, 1)).await.unwrap();
    let (fleet, heard) = fleet(&[&a], 3, |builder| builder);
    let batch = Batch::new(fleet);
    let stop = batch.stop();
    let items = stream::iter(0..10).map(|nth| BatchItem::new(nth.to_string(), sampled(nth, 3000)).unwrap());
    let rows = tokio::spawn(batch.run(items).collect::<Vec<BatchRow>>());
    heard.until("took 2").await;
    let after = a.client().submit(&sampled(98, 1)).await.unwrap();
    stop.stop();
    let words: Vec<_> = rows.await.unwrap().iter().map(BatchRow::word).collect();
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(words.iter().all(|word| matches!(*word, "cancelled" | "interrupted")), "{words:?}");
    for other in [theirs, after] {
        assert_eq!(other.wait(crate::LONG).await.unwrap().ending(), comfy_client::Ending::Succeeded);
    }
}

#[tokio::test]
async fn without_any_server_the_batch_ends_and_takes_no_more() {
    let a = plain().await;
    a.server.faults().set(Fault::Refuse { route: "*".parse().unwrap(), status: Refusal::Unauthorized });
    let (fleet, _) = fleet(&[&a], 2, |builder| builder);
    let rows: Vec<BatchRow> = Batch::new(fleet).run(stream::iter(0..100).map(item)).collect().await;
    assert!(rows.len() <= 4, "{}", rows.len());
    assert!(rows.iter().all(|row| matches!(row.delivery.end, End::Unserved(_))), "{rows:?}");
}

#[tokio::test]
async fn a_file_that_does_not_come_home_is_no_success() {
    let a = plain().await;
    a.server.faults().set(Fault::Refuse { route: "GET /view".parse().unwrap(), status: Refusal::Broken });
    let (fleet, _) = fleet(&[&a], 1, |builder| builder);
    let home = tempfile::tempdir().unwrap();
    let rows: Vec<BatchRow> = Batch::new(fleet).download_to(home.path()).run(stream::iter([item(1)])).collect().await;
    assert_eq!((rows[0].word(), rows[0].is_success()), ("unsaved", false));
    assert!(rows[0].unsaved.is_some() && rows[0].files[0].saved.is_none());
}

/// Of a picture each, all of one run.
fn pictures(id: &str, count: u32) -> BatchItem {
    let mut nodes = picture(1).to_value();
    for nth in 0..count {
        nodes[format!("save {nth}")] = nodes["2"].clone();
    }
    nodes.as_object_mut().unwrap().remove("2");
    BatchItem::new(id, Workflow::from_value(nodes).unwrap()).unwrap()
}

/// One whose files take far longer than any test waits.
async fn slow_to_give() -> Backend {
    let a = plain().await;
    a.server.faults().set(Fault::Delay { route: "GET /view".parse().unwrap(), millis: 600_000 });
    a
}

fn unsaved(row: &BatchRow) -> (&str, usize, String) {
    assert!(row.files.iter().all(|file| file.saved.is_none()));
    (row.word(), row.files.len(), row.unsaved.as_ref().unwrap().to_string())
}

#[tokio::test]
async fn files_that_do_not_come_are_waited_for_only_as_long_as_an_item_may_take() {
    let a = slow_to_give().await;
    let (fleet, _) = fleet(&[&a], 1, |builder| builder);
    let home = tempfile::tempdir().unwrap();
    let batch = Batch::new(fleet).download_to(home.path()).deadline(Duration::from_secs(2));
    let rows: Vec<BatchRow> = batch.run(stream::iter([pictures("x", 4)])).collect().await;
    assert_eq!(unsaved(&rows[0]), ("unsaved", 4, "the files did not come within 2s".to_owned()));
}

#[tokio::test]
async fn after_the_first_file_that_is_not_given_in_time_no_other_is_asked_for() {
    let a = plain().await;
    // The others would come at once.
    a.server.faults().set(Fault::Delay { route: "GET /view".parse().unwrap(), millis: 600_000 }.times(1));
    let client = Client::new(Config::new(&a.server.url()).unwrap().request_timeout(Duration::from_millis(500))).unwrap();
    let fleet = Fleet::builder().server("a", client, 1).build().unwrap();
    let home = tempfile::tempdir().unwrap();
    let rows: Vec<BatchRow> = Batch::new(fleet).download_to(home.path()).run(stream::iter([pictures("x", 4)])).collect().await;
    let (word, files, _) = unsaved(&rows[0]);
    assert_eq!((word, files), ("unsaved", 4));
}

#[tokio::test]
async fn a_stopped_batch_does_not_wait_for_files() {
    let a = slow_to_give().await;
    let (fleet, heard) = fleet(&[&a], 1, |builder| builder);
    let home = tempfile::tempdir().unwrap();
    let batch = Batch::new(fleet).download_to(home.path());
    let stop = batch.stop();
    let rows = tokio::spawn(batch.run(stream::iter([pictures("x", 4)])).collect::<Vec<BatchRow>>());
    heard.until("took x").await;
    while a.ran().await == 0 {
        tokio::task::yield_now().await;
    }
    stop.stop();
    assert_eq!(unsaved(&rows.await.unwrap()[0]), ("unsaved", 4, "the batch was stopped before the files had come".to_owned()));
}

#[test]
fn an_id_that_could_leave_the_folder_is_refused() {
    let (longest, too_long) = ("x".repeat(255), "ü".repeat(128));
    for id in ["", "..", "a/b", "nul", "a.", &too_long] {
        assert!(BatchItem::new(id, picture(1)).is_err(), "{id}");
    }
    assert!(BatchItem::new(longest, picture(1)).is_ok());
}
