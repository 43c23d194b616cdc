//! A way to a server that is cut, and whole again.

use std::net::SocketAddr;
use std::time::Duration;

use comfy_client::{Client, Config, Fleet};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Heard, LONG, end, sampled, sampling, succeeded};

/// Forwards connections, until it is aborted: then they break, and nobody listens any more.
async fn way(from: SocketAddr, to: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(from).await.unwrap();
    let at = listener.local_addr().unwrap();
    let forward = async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut far = TcpStream::connect(to).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    };
    (at, tokio::spawn(forward))
}

#[tokio::test]
async fn what_a_server_has_stays_there_if_the_way_to_it_was_cut_for_less_than_patience() {
    let (a, b) = (sampling().await, sampling().await);
    let (at, forward) = way(([127, 0, 0, 1], 0).into(), a.server.addr()).await;
    let heard = Heard::default();
    let tell = heard.clone();
    let fleet = Fleet::builder()
        .server("a", Client::new(Config::new(&format!("http://{at}")).unwrap()).unwrap(), 1)
        .server("b", b.client(), 1)
        .patience(Duration::from_secs(2))
        .observe(move |event| tell.0.lock().unwrap().push(event))
        .build()
        .unwrap();
    let job = fleet.submit("x", &sampled(1, 500), LONG);
    heard.until("a took x").await;
    forward.abort();
    // Its pauses grow, and the end of patience lies in one of them.
    while heard.count("a opened") < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, forward) = way(at, a.server.addr()).await;
    let delivery = end(&job).await;
    assert!(succeeded(&delivery), "{delivery:?}");
    assert_eq!((delivery.backend.as_deref(), delivery.reroutes, b.ran().await), (Some("a"), 0, 0), "{:?}", heard.words());
    forward.abort();
}
