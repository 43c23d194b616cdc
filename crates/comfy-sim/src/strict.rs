//! A connection that refuses what aiohttp's parser refuses, in its words, before any handler hears of it. hyper takes
//! some of that, and refuses the rest with other answers.

mod chunks;
mod cursor;
mod head;
mod headers;
mod line;
mod refused;
mod turn;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Clock, http_date};
use head::{Body, Head, Reader, Upgrade};
use refused::Refused;
use turn::Stage;
pub(crate) use turn::Turn;

/// The most that is read at once, as in the real server.
const CHUNK: usize = 64 * 1024;

/// What comes next on the connection.
#[derive(Debug)]
enum Next {
    Head,
    /// So many bytes of a body or of one of its chunks.
    Data(u64),
    Size,
    ChunkEnd,
    /// The end of a chunked body.
    Trailers,
    /// Nobody knows before the request is answered that asked for another protocol.
    Answer,
}

/// A request that is judged.
#[derive(Debug)]
struct Start {
    /// Where it begins, counted from the first byte that hyper ever got.
    at: u64,
    expects: bool,
    lifted: bool,
}

/// The stream of a connection, whose requests are read as aiohttp reads them. hyper gets them one by one, so that what is
/// said here comes between two answers, never into one.
#[derive(Debug)]
pub(crate) struct Strict<S> {
    stream: S,
    clock: Clock,
    turn: Turn,
    next: Next,
    reader: Reader,
    chunked: bool,
    upgrade: Upgrade,
    /// Whether the request says that it is the last.
    last: bool,
    /// The same, and hyper does not know.
    ends: bool,
    /// What came and is not judged yet: part of a head, or of a line between chunks.
    held: BytesMut,
    /// What is judged and not delivered yet.
    good: BytesMut,
    starts: VecDeque<Start>,
    /// How many bytes hyper got.
    delivered: u64,
    /// Whether something of the present answer is written.
    wrote: bool,
    /// The interim answer or the refusal that goes out now.
    answer: BytesMut,
    refusal: Option<Refused>,
    refused: bool,
}

impl<S> Strict<S> {
    pub(crate) fn new(stream: S, clock: Clock) -> Self {
        let [held, good, answer] = [(); 3].map(|()| BytesMut::new());
        Self {
            stream,
            clock,
            turn: Turn::default(),
            next: Next::Head,
            reader: Reader::default(),
            chunked: false,
            upgrade: Upgrade::No,
            last: false,
            ends: false,
            held,
            good,
            starts: VecDeque::new(),
            delivered: 0,
            wrote: false,
            answer,
            refusal: None,
            refused: false,
        }
    }

    pub(crate) fn turn(&self) -> Turn {
        self.turn.clone()
    }

    /// Judges what is held, as far as it is there.
    fn judge(&mut self) -> Result<(), Refused> {
        while !self.held.is_empty() {
            match self.next {
                Next::Answer => break,
                Next::Head => {
                    if self.reader.is_new() {
                        let blank = self.held.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                        self.held.advance(blank);
                    }
                    if self.last && !self.held.is_empty() {
                        return Err(Refused::after_the_last(&self.held));
                    }
                    let Some(head) = self.reader.read(&self.held)? else { break };
                    self.begin(&head);
                }
                Next::Data(left) => {
                    let taken = self.held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.good.unsplit(self.held.split_to(taken));
                    self.data(left - taken as u64);
                }
                Next::Size => {
                    let Some((length, size)) = chunks::size(&self.held)? else { break };
                    self.held.advance(length);
                    if size == 0 {
                        self.next = Next::Trailers;
                    } else {
                        self.good.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                        self.next = Next::Data(size);
                    }
                }
                Next::ChunkEnd => match self.held.get(..2) {
                    None => break,
                    Some(b"\r\n") => {
                        self.good.unsplit(self.held.split_to(2));
                        self.next = Next::Size;
                    }
                    Some(_) => {
                        let shown = [&self.good[..], &self.held].concat();
                        return Err(Refused::at(&shown, self.good.len(), "Expected LF after chunk data"));
                    }
                },
                Next::Trailers => {
                    let Some(length) = self.reader.trailers(&self.held)? else { break };
                    self.held.advance(length);
                    self.good.extend_from_slice(b"0\r\n\r\n");
                    self.end();
                }
            }
        }
        Ok(())
    }

    /// Hands a head on, and notes what follows it.
    fn begin(&mut self, head: &Head) {
        let at = self.delivered + self.good.len() as u64;
        self.starts.push_back(Start { at, expects: head.expects.is_some(), lifted: head.lifted });
        self.reader = Reader::default();
        (self.last, self.upgrade, self.chunked) = (head.last, head.upgrade, head.body == Body::Chunked);
        self.ends = head.last && head.lifted;
        let bytes = self.held.split_to(head.length);
        let mut from = 0;
        if let Some((line, instead)) = &head.line {
            self.good.extend_from_slice(line.as_bytes());
            from = *instead;
        }
        // It is met here, where hyper would wait until the body is asked for. It never hears of it.
        let met = head.expects.clone().unwrap_or(from..from);
        self.good.extend_from_slice(&bytes[from..met.start]);
        self.good.extend_from_slice(&bytes[met.end..]);
        match head.body {
            Body::Chunked => self.next = Next::Size,
            Body::Sized(length) => self.data(length),
        }
    }

    /// Notes that so many bytes of a body, or of a chunk, are still to come.
    fn data(&mut self, left: u64) {
        match left {
            0 if self.chunked => self.next = Next::ChunkEnd,
            0 => self.end(),
            _ => self.next = Next::Data(left),
        }
    }

    /// Notes the end of a request.
    fn end(&mut self) {
        self.reader = Reader::default();
        self.next = if self.upgrade == Upgrade::Asked { Next::Answer } else { Next::Head };
        if self.upgrade == Upgrade::Foreign {
            self.held.clear();
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

    /// Ends the connection after a refusal. What still comes would reset it, and the client would never read why.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let mut nowhere = [0; 4096];
        let mut rest = ReadBuf::new(&mut nowhere);
        while let Poll::Ready(Ok(())) = Pin::new(&mut self.stream).poll_read(cx, &mut rest) {
            if rest.filled().is_empty() {
                break;
            }
            rest.clear();
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
                return this.poll_end(cx);
            }
            let stage = this.turn.stage(cx);
            if this.starts.front().is_some_and(|start| start.at == this.delivered) {
                if stage != Stage::Free {
                    return Poll::Pending;
                }
                if let Some(start) = this.starts.pop_front() {
                    this.turn.begin(start.lifted);
                    this.wrote = false;
                    if start.expects {
                        this.answer.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                }
                continue;
            }
            if !this.good.is_empty() {
                let whole = this.starts.front().map_or(u64::MAX, |start| start.at - this.delivered);
                let some = this.good.len().min(buf.remaining()).min(usize::try_from(whole).unwrap_or(usize::MAX));
                buf.put_slice(&this.good.split_to(some));
                this.delivered += some as u64;
                return Poll::Ready(Ok(()));
            }
            if this.refusal.is_some() && stage != Stage::Free && (stage != Stage::Busy || this.wrote) {
                return Poll::Pending;
            }
            if let Some(why) = this.refusal.take() {
                this.refuse(&why);
                continue;
            }
            match (&this.next, stage) {
                (Next::Answer, Stage::Upgraded) => {
                    if this.held.is_empty() {
                        return Pin::new(&mut this.stream).poll_read(cx, buf);
                    }
                    let some = this.held.len().min(buf.remaining());
                    buf.put_slice(&this.held.split_to(some));
                    return Poll::Ready(Ok(()));
                }
                // What follows is told by the answer.
                (Next::Answer, Stage::Free) => this.next = Next::Head,
                (Next::Head, Stage::Free) if this.ends => return Poll::Ready(Ok(())),
                (Next::Answer | Next::Head, Stage::Busy | Stage::Answered) => return Poll::Pending,
                _ => {
                    let before = this.held.len();
                    this.held.resize(before + CHUNK, 0);
                    let mut room = ReadBuf::new(&mut this.held[before..]);
                    let read = Pin::new(&mut this.stream).poll_read(cx, &mut room);
                    let filled = room.filled().len();
                    this.held.truncate(before + filled);
                    ready!(read)?;
                    if filled == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
            if let Err(why) = this.judge() {
                // As in the real server, what came together with it is lost.
                this.good.clear();
                this.starts.clear();
                this.refusal = Some(why);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wrote = true;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.wrote = true;
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that come in pieces, and what is written back.
    struct Pieces {
        pieces: VecDeque<Vec<u8>>,
        written: Vec<u8>,
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(piece) = self.pieces.pop_front() {
                buf.put_slice(&piece);
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Pieces {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.written.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What hyper gets of these pieces, and what is said for it, if each request is answered as soon as hyper has to wait.
    fn passed(pieces: impl IntoIterator<Item = Vec<u8>>) -> (String, String) {
        let stream = Pieces { pieces: pieces.into_iter().collect(), written: Vec::new() };
        let mut strict = Strict::new(stream, Clock::since_start());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut got, mut space) = (Vec::new(), [0; 512]);
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut strict).poll_read(&mut cx, &mut buf) {
                Poll::Pending => {
                    drop(strict.turn.watch(Default::default()));
                    assert!(Pin::new(&mut strict).poll_flush(&mut cx).is_ready());
                    assert_eq!(strict.turn.stage(&cx), Stage::Free, "nothing else is waited for");
                }
                Poll::Ready(read) if read.is_err() || buf.filled().is_empty() => break,
                Poll::Ready(_) => got.extend_from_slice(buf.filled()),
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&got), text(&strict.stream.written))
    }

    proptest::proptest! {
        #[test]
        fn requests_are_the_same_in_pieces_of_any_size(
            requests in proptest::collection::vec(0..REQUESTS.len(), 1..5),
            cuts in proptest::collection::vec(1..40_usize, 1..60),
        ) {
            let bytes: String = requests.iter().map(|index| REQUESTS[*index]).collect();
            let mut rest = bytes.as_bytes();
            let pieces = cuts.into_iter().cycle().map_while(|cut| {
                let piece = rest.split_off(..cut.min(rest.len()))?;
                (!piece.is_empty()).then(|| piece.to_vec())
            });
            assert_eq!(passed(pieces), passed([bytes.clone().into_bytes()]));
        }

        #[test]
        fn no_bytes_break_a_connection(pieces in proptest::collection::vec(proptest::collection::vec(0..255_u8, 1..99), 0..9)) {
            passed(pieces);
        }
    }

    const REQUESTS: [&str; 6] = [
        "GET /prompt HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPOST /a|b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\n{}\r\n003\r\n\r\n\r\r\n0\r\nX: y\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
    ];

    #[test]
    fn what_hyper_gets() {
        for (bytes, got, said) in [
            (REQUESTS[2], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 100 Continue\r\n\r\n"),
            (
                REQUESTS[3],
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n\r\n\r\r\n0\r\n\r\n",
                "",
            ),
        ] {
            assert_eq!(passed([bytes.as_bytes().to_vec()]), (got.to_owned(), said.to_owned()));
        }
    }

    #[test]
    fn what_has_no_end_is_refused_and_not_held() {
        for (head, shown) in [
            ("GET /", "bytearray(b'/aaaaaaa"),
            ("GET / HTTP/1.1\r\nHost: ", "b'aaaa"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "b'Hostaaaa"),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;", "b'2;aaaa"),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "b'aaaa"),
        ] {
            let endless = std::iter::once(head.as_bytes().to_vec()).chain(std::iter::repeat_n(vec![b'a'; 1000], 9));
            let (_, said) = passed(endless);
            assert!(said.contains(&format!("Got more than 8190 bytes when reading: {shown}")), "{head:?} {said}");
        }
    }

    #[test]
    fn a_chunk_of_any_size_is_handed_on_as_it_comes() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n";
        let stream = Pieces { pieces: [head.to_vec(), vec![0; 9000], vec![0; 9000]].into(), written: Vec::new() };
        let mut strict = Strict::new(stream, Clock::since_start());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut space = [0; CHUNK];
        for filled in [head.len(), 9000, 9000, 0] {
            let mut buf = ReadBuf::new(&mut space);
            assert!(Pin::new(&mut strict).poll_read(&mut cx, &mut buf).is_ready());
            assert_eq!(buf.filled().len(), filled);
        }
    }
}
