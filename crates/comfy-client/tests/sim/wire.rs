//! A wire to the server that can be cut.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use comfy_sim::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type OnCut = Box<dyn Fn() + Send>;

/// It carries bytes both ways, until it is cut.
pub(crate) struct Wire {
    pub(crate) url: String,
    plan: Arc<Plan>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Plan {
    /// How many bytes of answers a connection carries before it is cut.
    after: AtomicU64,
    /// How many connections are still to be cut.
    left: AtomicU64,
    cuts: AtomicU64,
    on_cut: Mutex<Option<OnCut>>,
}

impl Wire {
    pub(crate) async fn to(server: &Server) -> Self {
        let there = server.url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plan = Arc::new(Plan::default());
        let shared = plan.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&there).await.unwrap();
                tokio::spawn(carry(near, far, shared.clone()));
            }
        });
        Self { url, plan, task }
    }

    /// Cuts the next connections once they have carried so much of answers.
    pub(crate) fn cut_each_after(&self, bytes: u64, connections: u64) {
        self.plan.after.store(bytes, Ordering::SeqCst);
        self.plan.left.store(connections, Ordering::SeqCst);
    }

    /// What happens at each cut, before the client sees it.
    pub(crate) fn on_cut(&self, act: impl Fn() + Send + 'static) {
        *self.plan.on_cut.lock().unwrap() = Some(Box::new(act));
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.plan.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, far: TcpStream, plan: Arc<Plan>) {
    let (mut from_client, mut to_client) = near.into_split();
    let (mut from_server, mut to_server) = far.into_split();
    let up = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let (mut carried, mut piece) = (0, vec![0; 64 << 10]);
    while let Ok(read @ 1..) = from_server.read(&mut piece).await {
        carried += read as u64;
        if carried >= plan.after.load(Ordering::SeqCst) && plan.left.load(Ordering::SeqCst) > 0 {
            plan.left.fetch_sub(1, Ordering::SeqCst);
            plan.cuts.fetch_add(1, Ordering::SeqCst);
            if let Some(act) = &*plan.on_cut.lock().unwrap() {
                act();
            }
            break;
        }
        if to_client.write_all(&piece[..read]).await.is_err() {
            break;
        }
    }
    up.abort();
}
