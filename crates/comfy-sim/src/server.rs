//! The server: it listens, hands requests on, restarts on demand, and ends in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::{App, Site};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{Builder, Login};
use crate::error::{Cause, Error};
use crate::faults::{self, Faults};
use crate::folders::Folders;
use crate::lent::lend;
use crate::login::Guard;
use crate::models;
use crate::router::Router;
use crate::strict::Strict;
use crate::worker;

/// How long a shutdown waits for answers that are still on their way.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than the longest head that passes: 128 headers and a first line of 8190 bytes each.
const MOST_HEAD: usize = 2 * 1024 * 1024;

/// A running server. Dropping it ends all its tasks at once; [`Server::shutdown`] ends them in order.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    faults: Faults,
    closing: CancellationToken,
    /// How often the server started.
    lives: watch::Receiver<u64>,
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
        if let Some((folder, _)) = builder.models.iter().find(|(folder, _)| !models::names().contains(&folder.as_str())) {
            return Err(Cause::NoModelFolder(folder.clone()).into());
        }
        let site = Site {
            folders: Folders::make(&folder)?.listing(builder.models),
            clock: builder.clock.unwrap_or_else(Clock::since_start),
            chance: builder.chance.unwrap_or_else(Chance::sequence),
            login: builder.login,
            multi_user: builder.multi_user,
            cors: builder.cors,
            sampling: builder.sampling,
            faults: builder.faults,
            closing: CancellationToken::new(),
        };
        let life = site.life()?;
        let listener = listen(builder.listen).await?;
        let addr = listener.local_addr().map_err(|e| Error::listen(builder.listen, e))?;
        let (faults, closing) = (site.faults.clone(), site.closing.clone());
        let (started, lives) = watch::channel(1);
        tracing::debug!(%addr, "comfy-sim listens");
        let task = tokio::spawn(async move {
            // Only a restart can fail from here on, as the start of a real server can.
            if let Err(error) = run(site, life, listener, addr, started).await {
                tracing::warn!(%error, "comfy-sim did not restart");
            }
        });
        Ok(Self { addr, faults, closing, lives, task: Some(task) })
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

    /// What goes wrong; it can be changed while the server runs.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Ends the server as if it were killed, and starts it anew after a while: connections are cut, queue and history
    /// are lost, files stay, the login reads its files again. With a time of zero the port never refuses a connection.
    /// Returns when the server listens again.
    pub async fn restart(&self, down: Duration) {
        let mut lives = self.lives.clone();
        lives.mark_unchanged();
        self.faults.restart(down);
        // An error means that the server has ended.
        let _ = lives.changed().await;
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

async fn listen(addr: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(addr).await.map_err(|e| Error::listen(addr, e))
}

/// What a restart makes anew, and the tasks that the app hands out.
struct Life {
    app: Arc<App>,
    incoming: UnboundedReceiver<BoxFuture<'static, ()>>,
}

impl Site {
    fn life(&self) -> Result<Life, Error> {
        let guard = match self.login {
            Login::Off => None,
            Login::Plugin => Some(Guard::start(&self.folders, &self.clock, &self.chance, self.cors.clone())?),
        };
        let (tasks, incoming) = unbounded_channel();
        Ok(Life { app: Arc::new(App::new(self, guard, tasks)), incoming })
    }
}

/// Owns every task of the server, so that they end with it.
async fn run(
    site: Site,
    mut life: Life,
    mut listener: TcpListener,
    addr: SocketAddr,
    started: watch::Sender<u64>,
) -> Result<(), Error> {
    loop {
        let mut tasks = JoinSet::new();
        let Some(down) = live(&life.app, &mut life.incoming, &listener, &mut tasks).await else {
            drop(listener);
            let ended = async { while tasks.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(PATIENCE, ended).await;
            return Ok(());
        };
        tasks.shutdown().await;
        if !down.is_zero() {
            drop(listener);
            tokio::select! {
                () = tokio::time::sleep(down) => {}
                () = site.closing.cancelled() => return Ok(()),
            }
            listener = listen(addr).await?;
        }
        life = site.life()?;
        started.send_modify(|lives| *lives += 1);
    }
}

/// One life of the server; the time that it is down afterwards, or nothing if it ends for good.
async fn live(
    app: &Arc<App>,
    incoming: &mut UnboundedReceiver<BoxFuture<'static, ()>>,
    listener: &TcpListener,
    tasks: &mut JoinSet<()>,
) -> Option<Duration> {
    let router = Arc::new(api::router(app.guard.is_some()));
    let mut background = JoinSet::new();
    background.spawn(worker::work(app.clone()));
    let down = loop {
        tokio::select! {
            () = app.closing.cancelled() => break None,
            down = app.faults.restart_wanted() => break Some(down),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Frames are small and follow each other; without this the second waits for the answer to the first.
                    let _ = stream.set_nodelay(true);
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
    };
    background.shutdown().await;
    down
}

/// Serves one connection to its end.
pub(crate) async fn connection<S>(app: Arc<App>, router: Arc<Router>, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = Strict::new(stream, app.clock.clone());
    let (closing, turn) = (app.closing.clone(), stream.turn());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, router, turn) = (app.clone(), router.clone(), turn.clone());
        async move {
            let (mut request, rest) = lend(request);
            *request.version_mut() = turn.version(request.version());
            let response = faults::serve(app.clone(), router, request).await;
            if let Some(task) = rest.linger() {
                // A server that is closing reads no more.
                let _ = app.tasks.send(task);
            }
            response.map(|response| turn.watch(response))
        }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .max_headers(128)
        .max_buf_size(MOST_HEAD)
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
