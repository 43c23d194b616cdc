//! Looks at one server again and again while there is work: does it answer, how much has it to do, what does it have?

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::state::{Seen, Shared};
use crate::client::Client;
use crate::error::Error;

/// A server that takes longer to say how it is does not answer.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn keep(shared: Arc<Shared>, index: usize) {
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        let next = shared.next_look(index);
        if next.is_some_and(|at| at <= Instant::now()) {
            let (client, catalogue) = shared.begin_look(index);
            shared.looked(index, look(&client, catalogue).await);
            continue;
        }
        let wait = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            // The sender lives in `shared`, which this task holds.
            _ = changes.changed() => {}
        }
    }
}

async fn look(client: &Client, catalogue: bool) -> Result<Seen, Error> {
    let health = timeout(LOOK_LIMIT, client.health()).await;
    let queue_remaining = health.unwrap_or_else(|_| Err(Error::out_of_time(client.url(), LOOK_LIMIT)))?.queue_remaining;
    let info = if catalogue { Some(client.refresh_object_info().await?) } else { None };
    Ok(Seen { queue_remaining, info })
}
