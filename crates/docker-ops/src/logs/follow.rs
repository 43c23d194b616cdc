//! Reads the logs of one container, and does not take the engine's stream on trust.
//!
//! While the engine changes files, its stream leaves out whole files, or gives one twice. What it keeps, asked for without following, is
//! whole and in order. So the stream only says when there is something new to read; what is given is read from what is kept.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use tokio::{sync::mpsc, time};
use url::form_urlencoded::Serializer;

use super::{
    Channel, LogLine, LogQuery,
    lines::{Line, Lines},
};
use crate::{Engine, Error, ErrorKind, standing::Standing};

/// After so long a silence it is asked whether the stream is still alive, then after twice as long, up to [`MOST_SILENCE`].
const SILENCE: Duration = Duration::from_secs(10);
const MOST_SILENCE: Duration = Duration::from_secs(80);
/// A stream that ends while its container lives is opened again after this, then after twice as long, up to [`MOST_WAIT`].
const WAIT: Duration = Duration::from_millis(50);
const MOST_WAIT: Duration = Duration::from_secs(1);
/// The engine stamps the outputs one by one, so that one may be behind the other by this much.
const OVERLAP: SignedDuration = SignedDuration::from_secs(1);
/// Where to look for the last line that was given: among so many more entries than were heard, and than twice those.
const MORE: u32 = 100;
/// So many pieces of the stream may be heard before what is kept is read.
const PIECES: usize = 1000;

pub(super) struct Reader<'a> {
    engine: &'a Engine,
    standing: &'a Standing,
    query: LogQuery,
    lines: &'a mpsc::Sender<LogLine>,
    mark: Option<Mark>,
    /// Of each output, when the line was written that was given last.
    given: [Option<Timestamp>; 2],
    /// Up to when lines were given, or not wanted.
    upto: Option<Timestamp>,
    /// The engine's clock, in whole seconds, when it was asked last.
    asked_at: Option<Timestamp>,
}

/// The line that was given last. In the order of what is kept, all before it was given, and nothing after it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    channel: Channel,
    at: Option<Timestamp>,
    /// So many lines have just that time.
    lines: u32,
    /// When the one before it was written.
    before: Option<Timestamp>,
}

/// What the stream said.
#[derive(Default, Clone, Copy)]
struct Heard {
    lines: u32,
    oldest: Option<Timestamp>,
}

/// How a read ended.
struct Read {
    /// Whether the mark that it was to begin after was there.
    met: bool,
    /// What was begun.
    open: Lines,
}

/// What one request asks for.
#[derive(Default, Clone, Copy)]
struct Ask {
    follow: bool,
    tail: Option<u32>,
    since: Option<Timestamp>,
    /// What comes is noted as if it had been given.
    unwanted: bool,
}

impl Ask {
    fn query(&self, until: Option<Timestamp>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("timestamps", "1").append_pair("stdout", "1").append_pair("stderr", "1");
        if self.follow {
            query.append_pair("follow", "1");
        }
        for (name, at) in [("since", self.since), ("until", until)] {
            if let Some(at) = at {
                query.append_pair(name, &format!("{}.{:09}", at.as_second(), at.subsec_nanosecond()));
            }
        }
        if let Some(tail) = self.tail {
            query.append_pair("tail", &tail.to_string());
        }
        query.finish()
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(engine: &'a Engine, standing: &'a Standing, query: LogQuery, lines: &'a mpsc::Sender<LogLine>) -> Self {
        Self { engine, standing, query, lines, mark: None, given: [None; 2], upto: None, asked_at: None }
    }

    /// Reads to the end, and says up to when.
    pub(super) async fn run(mut self) -> Result<Option<Timestamp>, Error> {
        let open = self.begin().await?;
        if !self.query.follow {
            return self.end(open).await;
        }
        let mut wait = WAIT;
        loop {
            let before = self.mark;
            let ended = self.listen().await?;
            let open = self.catch_up(Heard::default()).await?;
            if self.lines.is_closed() || ended && self.query.until.is_some() {
                return self.end(open).await;
            }
            match self.lives().await? {
                Some(true) => {}
                // Only now all is written that ever will be.
                Some(false) => {
                    let open = self.catch_up(Heard::default()).await?;
                    return self.end(open).await;
                }
                None => return self.end(open).await,
            }
            wait = if before == self.mark { (2 * wait).min(MOST_WAIT) } else { WAIT };
            time::sleep(wait).await;
        }
    }

    /// Whether the container lives; none if there is none any more.
    async fn lives(&self) -> Result<Option<bool>, Error> {
        match self.engine.standing(&self.standing.id).await {
            Ok(standing) => Ok(Some(standing.alive)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what is there already. Who follows and wants none of it wants what comes after its last line.
    async fn begin(&mut self) -> Result<Lines, Error> {
        let LogQuery { follow, tail, since, .. } = self.query;
        let unwanted = follow && tail == Some(0);
        let Read { open, .. } =
            self.read(Ask { tail: if unwanted { Some(1) } else { tail }, since, unwanted, ..Ask::default() }, None).await?;
        if tail.is_some() && self.mark.is_none() {
            self.upto = self.asked_at;
        }
        Ok(open)
    }

    /// Reads on whenever the engine's stream says something. Whether the engine ended it; else it is dead, or nobody reads any more.
    async fn listen(&mut self) -> Result<bool, Error> {
        // The last line is asked for, so that the stream says when it has begun.
        let body = self.request(Ask { follow: true, tail: Some(1), ..Ask::default() }).await?.into_body();
        let mut pieces = body.into_data_stream().ready_chunks(PIECES);
        let mut lines = Lines::new(self.standing.tty);
        let (mut silence, mut last) = (SILENCE, self.given);
        loop {
            let said = tokio::select! {
                () = self.lines.closed() => return Ok(false),
                said = pieces.next() => said,
                () = time::sleep(silence) => {
                    let before = self.mark;
                    self.catch_up(Heard::default()).await?;
                    // An engine sees that the time is over when the next line comes, if ever.
                    if self.query.until.zip(self.asked_at).is_some_and(|(until, now)| now > until) {
                        return Ok(true);
                    }
                    if self.mark != before || self.lives().await? != Some(true) {
                        return Ok(false);
                    }
                    silence = (2 * silence).min(MOST_SILENCE);
                    continue;
                }
            };
            silence = SILENCE;
            let Some(said) = said else { return Ok(true) };
            let mut heard = Heard::default();
            for piece in said {
                let Ok(piece) = piece else { return Ok(false) };
                let read = lines.push(&piece, &mut |Line { channel, at, .. }| {
                    let before = std::mem::replace(&mut last[channel as usize], at);
                    // Nothing older is new, unless the stream goes back in time.
                    if at > self.given[channel as usize] || at < before {
                        heard.note(at);
                    }
                });
                // What the engine complains of in its stream may be over already: what it keeps tells.
                if read.is_err() {
                    return Ok(false);
                }
            }
            if heard.lines > 0 {
                self.catch_up(heard).await?;
            }
        }
    }

    /// Gives all that is kept after the mark, and what was begun there.
    async fn catch_up(&mut self, heard: Heard) -> Result<Lines, Error> {
        let Some(mark) = self.mark else {
            let since = self.upto.max(self.query.since);
            return Ok(self.read(Ask { since, ..Ask::default() }, None).await?.open);
        };
        // An engine that was set back in time says so in its stream.
        let oldest = [mark.before, heard.oldest].into_iter().flatten().fold(mark.at, |oldest, at| oldest.min(Some(at)));
        let since = oldest.map(|oldest| oldest - OVERLAP).max(self.query.since);
        let first = 2 * heard.lines + MORE;
        for tail in [Some(first), Some(10 * first), Some(100 * first), None] {
            let read = self.read(Ask { tail, since, ..Ask::default() }, Some(mark)).await?;
            if read.met {
                return Ok(read.open);
            }
        }
        // The engine threw it away since, and keeps only what came after it.
        Ok(self.read(Ask { since, ..Ask::default() }, None).await?.open)
    }

    /// Gives what is kept after `mark`, or all.
    async fn read(&mut self, ask: Ask, mut mark: Option<Mark>) -> Result<Read, Error> {
        let answer = self.request(ask).await?;
        let date = answer.headers().get(header::DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
        self.asked_at = date.map(|date| date.timestamp()).or(self.asked_at);
        let (mut body, mut open) = (answer.into_body(), Lines::new(self.standing.tty));
        let mut ready = Vec::new();
        let mut is_first = true;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Error::new(ErrorKind::Broken, format!("the logs of `{}` broke off", self.standing.id)).because(error)
            })?;
            open.push(frame.data_ref().map_or(&[], |data| data), &mut |line| ready.push(line))?;
            for line in ready.drain(..) {
                match &mut mark {
                    Some(mark) if !mark.is(&line) => {}
                    // Lines of its time, or its own beginning, may lie before what was asked for.
                    Some(Mark { before: Some(_), .. }) if is_first && ask.tail.is_some() => {
                        return Ok(Read { met: false, open });
                    }
                    Some(Mark { lines: 1, .. }) => mark = None,
                    Some(mark) => mark.lines -= 1,
                    None => {
                        self.note(&line);
                        if !ask.unwanted && !self.give(line).await {
                            return Ok(Read { met: true, open });
                        }
                    }
                }
                is_first = false;
            }
        }
        Ok(Read { met: mark.is_none(), open })
    }

    /// All is written that ever will be: what was begun is a line too.
    async fn end(mut self, mut open: Lines) -> Result<Option<Timestamp>, Error> {
        let mut last = Vec::new();
        open.finish(&mut |line| last.push(line));
        for line in last {
            self.note(&line);
            self.give(line).await;
        }
        Ok(self.upto)
    }

    fn note(&mut self, line: &Line) {
        self.mark = Some(match self.mark {
            Some(mark) if mark.is(line) => Mark { lines: mark.lines + 1, ..mark },
            mark => Mark { channel: line.channel, at: line.at, lines: 1, before: mark.and_then(|mark| mark.at) },
        });
        self.given[line.channel as usize] = line.at;
        self.upto = self.upto.max(line.at);
    }

    /// Whether anybody reads.
    async fn give(&self, line: Line) -> bool {
        let Line { channel, at, text, end } = line;
        let container = self.standing.id.clone();
        self.lines.send(LogLine { container, channel, at, text, end }).await.is_ok()
    }

    async fn request(&self, ask: Ask) -> Result<Response<Incoming>, Error> {
        let id = &self.standing.id;
        let path = format!("/containers/{id}/logs?{}", ask.query(self.query.until));
        self.engine.ask(Method::GET, &path, Bytes::new(), id).await
    }
}

impl Mark {
    /// Whether the line is of the same time and output.
    fn is(&self, line: &Line) -> bool {
        (self.channel, self.at) == (line.channel, line.at)
    }
}

impl Heard {
    fn note(&mut self, at: Option<Timestamp>) {
        self.lines += 1;
        self.oldest = self.oldest.min(at).or(at);
    }
}

#[cfg(test)]
mod tests;
