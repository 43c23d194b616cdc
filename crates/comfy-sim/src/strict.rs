//! A connection that refuses what aiohttp's parser refuses, in its words, before any handler hears of it. hyper takes
//! some of that, and refuses the rest with other answers.

mod head;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Clock, http_date};
use head::{Body, Head, Refused};

/// The most that is read at once, as in the real server.
const CHUNK: usize = 64 * 1024;

/// What comes next on the connection.
#[derive(Debug)]
enum Next {
    Head,
    /// So many bytes of a body.
    Sized(u64),
    Chunks,
    /// The end of a chunked body.
    Trailers,
    /// Whatever it is, it is no request of HTTP any more, or none that is looked at.
    Anything,
}

/// The stream of a connection, whose requests are read as aiohttp reads them.
#[derive(Debug)]
pub(crate) struct Strict<S> {
    stream: S,
    clock: Clock,
    next: Next,
    /// What came and is not judged yet: part of a head, or of a line between chunks.
    held: BytesMut,
    /// What is judged and not delivered yet.
    good: BytesMut,
    /// The interim answer or the refusal that goes out now.
    answer: BytesMut,
    refused: bool,
    /// Whether the request says that it is the last.
    last: bool,
}

impl<S> Strict<S> {
    pub(crate) fn new(stream: S, clock: Clock) -> Self {
        let [held, good, answer] = [(); 3].map(|()| BytesMut::new());
        Self { stream, clock, next: Next::Head, held, good, answer, refused: false, last: false }
    }

    /// Judges what is held, as far as it is there.
    fn judge(&mut self) -> Result<(), Refused> {
        while !self.held.is_empty() {
            let taken = match self.next {
                Next::Anything => self.held.len(),
                Next::Sized(left) => {
                    let taken = self.held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.next = if taken as u64 == left { Next::Head } else { Next::Sized(left - taken as u64) };
                    taken
                }
                Next::Head if self.last => return Err(Refused::after_the_last(&self.held)),
                Next::Head => match head::read(&self.held)? {
                    None => return Ok(()),
                    Some(head) => self.begin(head),
                },
                Next::Chunks => match head::chunk(&self.held)? {
                    None => return Ok(()),
                    Some((taken, last)) => {
                        self.next = if last { Next::Trailers } else { Next::Chunks };
                        taken
                    }
                },
                Next::Trailers => match self.held.windows(2).position(|two| two == b"\r\n") {
                    None => return Ok(()),
                    Some(end) => {
                        self.next = if end == 0 { Next::Head } else { Next::Trailers };
                        end + 2
                    }
                },
            };
            self.good.unsplit(self.held.split_to(taken));
        }
        Ok(())
    }

    /// Notes what follows a head, and gives its length.
    fn begin(&mut self, head: Head) -> usize {
        self.last = head.last;
        self.next = match head.body {
            _ if head.upgrades => Next::Anything,
            Body::Sized(0) => Next::Head,
            Body::Sized(length) => Next::Sized(length),
            Body::Chunked => Next::Chunks,
        };
        if let Some(expect) = head.expects {
            // It is answered here, where hyper would wait until the body is asked for. It never hears of it.
            self.answer.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.held[expect].fill(b'x');
        }
        match head.line {
            None => head.length,
            Some((line, instead)) => {
                self.good.extend_from_slice(line.as_bytes());
                self.held.advance(instead);
                head.length - instead
            }
        }
    }

    fn refuse(&mut self, why: &Refused) {
        let seconds = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (length, date) = (why.text.len(), http_date(seconds));
        let head = format!(
            "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Date: {date}\r\nServer: {}\r\n\r\n",
            crate::front::NAME
        );
        self.good.clear();
        self.answer.extend_from_slice(head.as_bytes());
        self.answer.extend_from_slice(why.text.as_bytes());
        self.refused = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Strict<S> {
    /// Writes what this connection says for itself.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answer.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            ready!(this.poll_answer(cx))?;
            if this.refused {
                // What still comes would reset the connection, and the client would never read the refusal.
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                let mut nowhere = [0; 4096];
                let mut rest = ReadBuf::new(&mut nowhere);
                while let Poll::Ready(Ok(())) = Pin::new(&mut this.stream).poll_read(cx, &mut rest) {
                    if rest.filled().is_empty() {
                        break;
                    }
                    rest.clear();
                }
                return Poll::Ready(Ok(()));
            }
            if !this.good.is_empty() {
                let some = this.good.len().min(buf.remaining());
                buf.put_slice(&this.good.split_to(some));
                return Poll::Ready(Ok(()));
            }
            if matches!(this.next, Next::Anything) {
                return Pin::new(&mut this.stream).poll_read(cx, buf);
            }
            let before = this.held.len();
            this.held.resize(before + CHUNK, 0);
            let mut room = ReadBuf::new(&mut this.held[before..]);
            let read = Pin::new(&mut this.stream).poll_read(cx, &mut room);
            let filled = room.filled().len();
            this.held.truncate(before + filled);
            ready!(read)?;
            if filled == 0 {
                // The end: what is not whole is hyper's to judge.
                let rest = this.held.split();
                let some = rest.len().min(buf.remaining());
                buf.put_slice(&rest[..some]);
                return Poll::Ready(Ok(()));
            }
            if let Err(why) = this.judge() {
                this.refuse(&why);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
