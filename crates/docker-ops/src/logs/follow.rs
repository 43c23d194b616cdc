//! Reads the logs of one container, and does not take the engine's stream on trust.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
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

pub(super) struct Reader<'a> {
    engine: &'a Engine,
    standing: &'a Standing,
    query: LogQuery,
    lines: &'a mpsc::Sender<LogLine>,
    /// Of each output, what was given last.
    seen: [Seen; 2],
    /// Where only the last lines were wanted: when the first of them was written. Nothing older is read again.
    floor: Option<Timestamp>,
}

/// Where the lines of one output that were given end. Within one output they are in the order of their times.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    at: Option<Timestamp>,
    /// So many lines have just that time.
    lines: usize,
    /// Of those, so many were met again in the read that goes on.
    met: usize,
    /// Whether what comes may have been given already.
    again: bool,
}

/// How a read ended.
enum Ended {
    /// The engine ended it.
    Whole,
    /// Silence, though there is more to read.
    Deaf,
    /// Nobody reads any more.
    Unread,
}

/// What one request asks for.
#[derive(Default, Clone, Copy)]
struct Ask {
    follow: bool,
    tail: Option<u32>,
    since: Option<Timestamp>,
    only: Option<Channel>,
}

impl Ask {
    fn query(&self, until: Option<Timestamp>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("timestamps", "1");
        for (channel, name) in [(Channel::Stdout, "stdout"), (Channel::Stderr, "stderr")] {
            if self.only.is_none_or(|only| only == channel) {
                query.append_pair(name, "1");
            }
        }
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
        Self { engine, standing, query, lines, seen: [Seen::default(); 2], floor: None }
    }

    /// Reads to the end, and says up to when.
    pub(super) async fn run(mut self) -> Result<Option<Timestamp>, Error> {
        let LogQuery { follow, tail, since, .. } = self.query;
        let mut ask = Ask { follow, tail, since, only: None };
        let mut wait = WAIT;
        loop {
            let before = self.seen.map(|seen| seen.at);
            match self.read(ask).await? {
                Ended::Unread => return Ok(self.upto()),
                Ended::Whole if !follow => return Ok(self.upto()),
                Ended::Whole | Ended::Deaf => {}
            }
            self.read_rest().await?;
            if self.query.until.is_some() || self.lines.is_closed() {
                return Ok(self.upto());
            }
            match self.engine.standing(&self.standing.id).await {
                Ok(standing) if standing.alive => {}
                // Only now all is written that ever will be.
                Ok(_) => {
                    self.read_rest().await?;
                    return Ok(self.upto());
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self.upto()),
                Err(error) => return Err(error),
            }
            wait = if before == self.seen.map(|seen| seen.at) { (2 * wait).min(MOST_WAIT) } else { WAIT };
            time::sleep(wait).await;
            let last = self.last();
            ask = Ask { follow, since: last.map(|last| last - OVERLAP).max(since), ..Ask::default() };
        }
    }

    /// When the last line was written that was given.
    fn last(&self) -> Option<Timestamp> {
        self.seen.iter().filter_map(|seen| seen.at).max()
    }

    /// Nothing older than this is to be read again.
    fn upto(&self) -> Option<Timestamp> {
        self.last().or(self.floor)
    }

    /// Reads what came after the lines that were given, of each output by itself.
    async fn read_rest(&mut self) -> Result<(), Error> {
        let channels = if self.standing.tty { &[Channel::Stdout][..] } else { &[Channel::Stdout, Channel::Stderr] };
        for channel in channels {
            let since = self.seen[*channel as usize].at.or(self.floor).max(self.query.since);
            let ask = Ask { since, only: Some(*channel), ..Ask::default() };
            self.read(ask).await?;
        }
        Ok(())
    }

    /// One request, to its end.
    async fn read(&mut self, ask: Ask) -> Result<Ended, Error> {
        self.seen.iter_mut().for_each(Seen::reread);
        let (asked_at, mut body) = self.request(ask).await?;
        if ask.tail == Some(0) {
            self.floor = asked_at;
        }
        let mut lines = Lines::new(self.standing.tty);
        let mut ready = Vec::new();
        let mut silence = SILENCE;
        loop {
            let frame = if ask.follow {
                tokio::select! {
                    frame = body.frame() => frame,
                    () = self.lines.closed() => return Ok(Ended::Unread),
                    () = time::sleep(silence) => {
                        if self.is_behind().await? {
                            return Ok(Ended::Deaf);
                        }
                        silence = (2 * silence).min(MOST_SILENCE);
                        continue;
                    }
                }
            } else {
                body.frame().await
            };
            silence = SILENCE;
            let ended = match frame {
                Some(Ok(frame)) => {
                    lines.push(frame.data_ref().map_or(&[], |data| data), &mut |line| ready.push(line))?;
                    false
                }
                // What was begun is read again, whole.
                Some(Err(_)) if ask.follow => return Ok(Ended::Whole),
                Some(Err(error)) => {
                    let message = format!("the logs of `{}` broke off", self.standing.id);
                    return Err(Error::new(ErrorKind::Broken, message).because(error));
                }
                None => {
                    if !ask.follow {
                        lines.finish(&mut |line| ready.push(line));
                    }
                    true
                }
            };
            for line in ready.drain(..) {
                let channel = line.channel;
                if ask.follow && self.seen[channel as usize].goes_back(line.at) && !self.is_further(channel, line.at).await? {
                    self.seen[channel as usize].reread();
                }
                if !self.seen[channel as usize].is_new(line.at) {
                    continue;
                }
                if self.query.tail.is_some() {
                    self.floor = self.floor.min(line.at).or(line.at);
                }
                if !self.give(line).await {
                    return Ok(Ended::Unread);
                }
            }
            if ended {
                return Ok(Ended::Whole);
            }
        }
    }

    async fn give(&self, line: Line) -> bool {
        let Line { channel, at, text, end } = line;
        let container = self.standing.id.clone();
        self.lines.send(LogLine { container, channel, at, text, end }).await.is_ok()
    }

    /// A stream that is followed goes back in time where the engine's clock was set back, and where the engine, while it changes files,
    /// reads one again: whether what it keeps has a line of this time after all that were given.
    async fn is_further(&self, channel: Channel, at: Option<Timestamp>) -> Result<bool, Error> {
        let (_, mut body) = self.request(Ask { since: at, only: Some(channel), ..Ask::default() }).await?;
        let (mut lines, mut found) = (Lines::new(self.standing.tty), false);
        let mut seen = self.seen[channel as usize];
        seen.reread();
        let mut look = |line: Line| found |= seen.is_new(line.at) && line.at == at;
        while let Some(Ok(frame)) = body.frame().await {
            lines.push(frame.data_ref().map_or(&[], |data| data), &mut look)?;
        }
        lines.finish(&mut look);
        Ok(found)
    }

    /// Whether the last line that the engine kept was not given.
    async fn is_behind(&self) -> Result<bool, Error> {
        let since = self.last().or(self.query.since);
        let (_, mut body) = self.request(Ask { tail: Some(1), since, ..Ask::default() }).await?;
        let (mut lines, mut behind) = (Lines::new(self.standing.tty), false);
        let mut look = |line: Line| behind |= line.at > self.seen[line.channel as usize].at;
        while let Some(Ok(frame)) = body.frame().await {
            lines.push(frame.data_ref().map_or(&[], |data| data), &mut look)?;
        }
        lines.finish(&mut look);
        Ok(behind)
    }

    /// The engine's clock when it was asked, in whole seconds, and what it sends.
    async fn request(&self, ask: Ask) -> Result<(Option<Timestamp>, Incoming), Error> {
        let id = &self.standing.id;
        let path = format!("/containers/{id}/logs?{}", ask.query(self.query.until));
        let answer = self.engine.ask(Method::GET, &path, Bytes::new(), id).await?;
        let date = answer.headers().get(header::DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
        Ok((date.map(|date| date.timestamp()), answer.into_body()))
    }
}

impl Seen {
    /// What comes next begins at or before what was given.
    fn reread(&mut self) {
        (self.met, self.again) = (0, self.at.is_some());
    }

    /// Whether a line of this time is no younger than the last that was given, though what comes should be.
    fn goes_back(&self, at: Option<Timestamp>) -> bool {
        !self.again && self.at.is_some() && at <= self.at
    }

    /// Notes a line of this time; whether it was not given before.
    fn is_new(&mut self, at: Option<Timestamp>) -> bool {
        if self.again {
            if at < self.at {
                return false;
            }
            if at == self.at {
                self.met += 1;
                self.again = self.met < self.lines;
                return false;
            }
            self.again = false;
        }
        self.lines = if at == self.at { self.lines + 1 } else { 1 };
        self.at = at;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::stand_in::{StandIn, json, say};

    /// A container of which the engine keeps the lines `kept`, as seconds, and which a stream that is followed gives as `streamed`.
    async fn followed(kept: &'static [i64], streamed: &'static [i64], tail: Option<u32>) -> Vec<String> {
        let frames = |seconds: &[i64]| {
            let entry = |at: &i64| format!("{} at {at}\n", Timestamp::from_second(*at).unwrap());
            let frame = |entry: String| format!("\u{1}\0\0\0\0\0\0{}{entry}", char::from(u8::try_from(entry.len()).unwrap()));
            seconds.iter().map(entry).map(frame).collect::<String>()
        };
        let since = |line: &str| line.split_once("since=")?.1.split_once('.')?.0.parse().ok();
        let stand_in = StandIn::engine("1.41", "1.12", move |line| {
            let body = match line {
                line if line.contains("/c/json") => return json("200 OK", ENDED),
                line if line.contains("follow=1") => frames(streamed),
                line if line.contains("stderr=1") => String::new(),
                line => frames(
                    &kept.iter().copied().filter(|at| since(line).is_none_or(|since: i64| *at >= since)).collect::<Vec<_>>(),
                ),
            };
            say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        });
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let (sender, mut lines) = mpsc::channel(100);
        engine.logs("c", LogQuery { follow: true, tail, ..LogQuery::default() }, &sender).await.unwrap();
        drop(sender);
        let mut texts = Vec::new();
        while let Some(line) = lines.recv().await {
            texts.push(String::from_utf8(line.text).unwrap());
        }
        texts
    }

    const ENDED: &str = r#"{"Id":"c","State":{"Running":false,"Restarting":false,"Pid":0,"StartedAt":"2026-01-01T00:00:00Z"},"Config":{"Tty":false},"HostConfig":{"LogConfig":{"Type":"json-file","Config":{}}}}"#;

    #[tokio::test]
    async fn a_file_that_the_engine_reads_again_is_given_once() {
        let all: &[i64] = &[1, 2, 3, 4, 5, 6];
        let given = |seconds: &[i64]| seconds.iter().map(|at| format!("at {at}")).collect::<Vec<_>>();
        assert_eq!(followed(all, &[1, 2, 3, 4, 2, 3, 4, 5, 6], None).await, given(all));
        assert_eq!(followed(all, &[1, 2, 3, 3, 4, 5, 6], None).await, given(all), "it begins with what was given last");
        assert_eq!(followed(all, &[5, 2, 3, 4, 5, 6], Some(2)).await, given(&[5, 6]), "what is older was not wanted");
        let set_back: &[i64] = &[4, 5, 6, 2, 3, 4, 4, 7];
        assert_eq!(followed(set_back, set_back, None).await, given(set_back), "a clock that was set back hides nothing");
    }

    #[test]
    fn what_is_read_again_is_given_once() {
        let at = |second: i64| Some(Timestamp::from_second(second).unwrap());
        let mut seen = Seen::default();
        let mut read = |times: &[i64]| {
            seen.reread();
            times.iter().filter(|second| seen.is_new(at(**second))).count()
        };
        assert_eq!(read(&[1, 2, 2]), 3);
        assert_eq!(read(&[2, 2]), 0, "both were given");
        assert_eq!(read(&[1, 2, 2, 2, 3]), 2, "a third one of the same time is new");
        assert_eq!(read(&[2, 2, 2, 3, 1, 1]), 2, "a clock that was set back hides nothing");
    }
}
