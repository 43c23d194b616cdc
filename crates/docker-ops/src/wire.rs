//! The bytes to and from the engine: one pool of kept connections, whatever carries them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::{TcpStream, UnixStream};
use tower_service::Service;

use crate::Endpoint;

/// A client of one engine.
pub(crate) type Pool<B> = Client<Dial, B>;

/// Keeps idle connections to the endpoint.
pub(crate) fn pool<B>(endpoint: Endpoint) -> Pool<B>
where
    B: http_body_util::BodyExt + Send + 'static,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build(Dial { endpoint })
}

/// Opens connections to the endpoint; the URI's host plays no part.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    endpoint: Endpoint,
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let endpoint = self.endpoint.clone();
        Box::pin(async move {
            Ok(match endpoint {
                Endpoint::Unix(path) => Stream::Unix(TokioIo::new(UnixStream::connect(path).await?)),
                Endpoint::Tcp(address) => Stream::Tcp(TokioIo::new(TcpStream::connect(address).await?)),
            })
        })
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A socket in the file system.
    Unix(TokioIo<UnixStream>),
    /// Plain TCP.
    Tcp(TokioIo<TcpStream>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
