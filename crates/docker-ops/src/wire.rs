//! The bytes to and from the engine: one pool of kept connections, whatever carries them.

mod ssh;
mod stream;
mod tls;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::rustls;
use tower_service::Service;

use crate::{Endpoint, Error};

pub(crate) use ssh::SshEnded;
pub(crate) use stream::Stream;

/// How long a connection may take to come to be.
const DIAL: Duration = Duration::from_secs(30);

/// What a request carries: our own bytes, or whatever bollard streams.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A client of one engine.
pub(crate) type Pool = Client<Dial, Body>;

/// Keeps idle connections to the endpoint.
///
/// # Errors
/// Certificates that can't be read.
pub(crate) fn pool(endpoint: &Endpoint) -> Result<Pool, Error> {
    let tls = match endpoint {
        Endpoint::Tls { certificates, .. } => Some(Arc::new(tls::config(certificates)?)),
        _ => None,
    };
    let dial = Dial { endpoint: Arc::new(endpoint.clone()), tls };
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(dial))
}

/// Opens connections to the endpoint; the URI's host plays no part.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    endpoint: Arc<Endpoint>,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Dial {
    async fn open(&self) -> io::Result<Stream> {
        Ok(match (&*self.endpoint, &self.tls) {
            (Endpoint::Unix(path), _) => Stream::Unix(TokioIo::new(UnixStream::connect(path).await?)),
            (Endpoint::Tls { address, .. }, Some(config)) => {
                Stream::Tls(Box::new(TokioIo::new(tls::connect(address, config).await?)))
            }
            (Endpoint::Tcp(address) | Endpoint::Tls { address, .. }, _) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(TokioIo::new(stream))
            }
            (Endpoint::Ssh(target), _) => Stream::Ssh(Box::new(TokioIo::new(ssh::connect(target)?))),
        })
    }
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move {
            let opened = match tokio::time::timeout(DIAL, dial.open()).await {
                Ok(opened) => opened,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            };
            opened.map_err(|error| match error.get_ref() {
                Some(_) => error,
                None => io::Error::new(error.kind(), format!("can't connect to `{}`: {error}", dial.endpoint)),
            })
        })
    }
}
