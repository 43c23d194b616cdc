//! Many workflows through a fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use comfy_client::{Batch, BatchItem, BatchRow, End};
use comfy_sim::{Fault, Refusal};
use futures_util::{StreamExt, stream};

use crate::{fleet, picture, plain, sampled, sampling};

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

#[test]
fn an_id_that_could_leave_the_folder_is_refused() {
    for id in ["", "..", "a/b", "nul", "a."] {
        assert!(BatchItem::new(id, picture(1)).is_err(), "{id}");
    }
}
