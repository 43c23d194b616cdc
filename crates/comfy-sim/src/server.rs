//! The server: it listens, hands requests on, and ends in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::App;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{Builder, Login};
use crate::error::{Cause, Error};
use crate::folders::Folders;
use crate::front;
use crate::login::Guard;
use crate::router::Router;
use crate::users::Users;
use crate::worker;

/// How long a shutdown waits for answers that are still on their way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running server. Dropping it ends all its tasks at once; [`Server::shutdown`] ends them in order.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    closing: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// The settings of a new server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) async fn spawn(builder: Builder) -> Result<Self, Error> {
        let folder = builder.comfy_dir.ok_or(Cause::NoFolder)?;
        if builder.login == Login::Plugin && builder.chance.is_none() && !builder.listen.ip().is_loopback() {
            return Err(Cause::NoEntropy(builder.listen).into());
        }
        let chance = builder.chance.unwrap_or_else(Chance::sequence);
        let folders = Folders::make(&folder)?;
        let users = Users::load(folders.user(), builder.multi_user);
        let clock = builder.clock.unwrap_or_else(Clock::since_start);
        let guard = match builder.login {
            Login::Off => None,
            Login::Plugin => Some(Guard::start(&folders, &clock, &chance, builder.cors.clone())?),
        };
        let listener = TcpListener::bind(builder.listen).await.map_err(|e| Error::listen(builder.listen, e))?;
        let addr = listener.local_addr().map_err(|e| Error::listen(builder.listen, e))?;
        let (tasks, incoming) = unbounded_channel();
        let app = Arc::new(App::new(folders, users, clock, chance, guard, builder.cors, tasks));
        let closing = app.closing.clone();
        tracing::debug!(%addr, "comfy-sim listens");
        Ok(Self { addr, closing, task: Some(tokio::spawn(run(app, listener, incoming))) })
    }

    /// `http://` and the address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address that the server listens on, with the port that it got.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections, closes the sockets, lets answers that are under way go out, and waits for the end.
    pub async fn shutdown(mut self) {
        self.closing.cancel();
        if let Some(task) = self.task.take() {
            // The task neither panics nor is it aborted before this.
            let _ = task.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Owns every task of the server, so that they end with it.
async fn run(app: Arc<App>, listener: TcpListener, mut incoming: UnboundedReceiver<BoxFuture<'static, ()>>) {
    let router = Arc::new(api::router(app.guard.is_some()));
    let mut background = JoinSet::new();
    background.spawn(worker::work(app.clone()));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = app.closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(connection(app.clone(), router.clone(), stream));
                }
                // Out of file descriptors, most likely: some will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(task) = incoming.recv() => {
                tasks.spawn(task);
            }
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    background.shutdown().await;
    let ended = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(PATIENCE, ended).await;
    tasks.shutdown().await;
}

async fn connection(app: Arc<App>, router: Arc<Router>, stream: TcpStream) {
    // Frames are small and follow each other; without this the second waits for the answer to the first.
    let _ = stream.set_nodelay(true);
    let closing = app.closing.clone();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = front::serve(app.clone(), router.clone(), request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
