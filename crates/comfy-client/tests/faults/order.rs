//! Whoever waits for a job drives it; it goes on all the same when nobody does.

use std::time::Duration;

use comfy_client::{Ending, Event, Outcome};
use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt};

use crate::server::{Faults, Server};
use crate::{client, eventually, submit};

const LONG: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_file_is_asked_for_before_the_history() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    let mut events = job.events();
    let view = async {
        let mut told = (&mut events).filter_map(|event| ready(event.outputs().pop()));
        client.view(&told.next().await.unwrap().file).await.unwrap_err();
    };
    tokio::join!(view, server.finish());
    assert_eq!(events.collect::<Vec<_>>().await, [Event::Finished { how: Ending::Succeeded }]);
    assert!(server.when("GET /view") < server.when(&format!("GET /history/{}", job.prompt_id())));
}

#[tokio::test]
async fn a_job_ends_though_nobody_waits_for_it() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.finish().await;
    eventually(|| server.asked("GET /history") > 0).await;
    assert_eq!(job.events().collect::<Vec<_>>().await.pop(), Some(Event::Finished { how: Ending::Succeeded }));
}

#[tokio::test]
async fn a_job_ends_though_they_who_waited_for_it_do_not_go_on() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    let mut events = job.events();
    let mut wait = Box::pin(job.wait(LONG));
    while events.next().now_or_never().is_some() {}
    assert!(wait.as_mut().now_or_never().is_none());
    server.run_next();
    server.finish().await;
    eventually(|| server.asked("GET /history") > 0).await;
    assert!(matches!(wait.await.unwrap(), Outcome::Succeeded(_)));
}

#[tokio::test]
async fn whoever_waits_no_longer_leaves_the_job_to_the_others() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let job = job.clone();
            tokio::spawn(async move { job.wait(LONG).await })
        })
        .collect();
    tokio::task::yield_now().await;
    server.run_next();
    waits[2].abort();
    server.finish().await;
    waits[0].abort();
    assert!(matches!(job.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    for wait in waits {
        assert!(wait.await.map_or_else(|error| error.is_cancelled(), |end| end.is_ok()));
    }
}

#[test]
fn a_job_whose_runtime_is_gone_is_looked_at_once_more() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (servers, clients) = (runtime(), runtime());
    let server = servers.block_on(Server::start(Faults::default()));
    let client = clients.block_on(async { client(&server) });
    let job = clients.block_on(submit(&client));
    drop(clients);
    servers.block_on(async {
        server.run_next();
        server.finish().await;
        assert!(matches!(job.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
        assert_eq!(job.events().collect::<Vec<_>>().await, [Event::Queued { position: None }], "nobody tells the rest");
    });
}
