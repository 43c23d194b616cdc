//! One connection, whatever carries it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::ssh::Piped;

/// One connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// A socket in the file system.
    Unix(TokioIo<UnixStream>),
    /// Plain TCP.
    Tcp(TokioIo<TcpStream>),
    /// TLS over TCP.
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
    /// The standard streams of an ssh process.
    Ssh(Box<TokioIo<Piped>>),
}

/// The same call on whatever carries the stream.
macro_rules! each {
    ($stream:expr, $carrier:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Unix($carrier) => $call,
            Stream::Tcp($carrier) => $call,
            Stream::Tls($carrier) => $call,
            Stream::Ssh($carrier) => $call,
        }
    };
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        each!(self, carrier => Pin::new(carrier).poll_read(context, buffer))
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, carrier => Pin::new(carrier).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, carrier => Pin::new(carrier).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, carrier => Pin::new(carrier).poll_shutdown(context))
    }
}
