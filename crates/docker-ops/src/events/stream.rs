//! The stream: it asks, is cut off, asks again, and leaves nothing out.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Action, Event,
    ledger::{Found, Ledger, SLACK},
    look,
};
use crate::{Engine, Error, ErrorKind};

/// How long after a new connection what was missed may still come by itself.
const SETTLE: Duration = Duration::from_secs(1);

/// The pause before a new try: doubled each time, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// No line of an engine is longer: labels are bounded by the size of a request.
const LONGEST_LINE: usize = 8 << 20;

/// Which events are wanted. Those of health probes are left out: they are most of all.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Labels that a container must have, each `KEY=VALUE` or `KEY`.
    pub labels: Vec<String>,
    /// From when on, by the engine's clock; from now on if `None`. The engine remembers its last 256 events, and none from before its start.
    pub since: Option<Timestamp>,
    /// Until when; without end if `None`.
    pub until: Option<Timestamp>,
}

/// What the stream tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told {
    /// Something happened.
    Event(Event),
    /// The connection is lost, and is tried again until it is there.
    Lost(Error),
    /// It is there again; what was missed follows.
    Resumed,
}

/// Events as they come. Made by [`Engine::events`].
#[derive(Debug)]
pub struct Events {
    engine: Engine,
    query: EventQuery,
    link: Link,
    ledger: Ledger,
    /// Nothing before it is asked for.
    floor: Timestamp,
    /// What began or ended after it, and was not told, was missed.
    cut: Timestamp,
    /// What is to be told next.
    out: VecDeque<Told>,
}

#[derive(Debug)]
enum Link {
    Up(Box<Up>),
    /// Lost, after so many tries. `ended`: the engine itself ended the stream, as it does when `until` has come.
    Down {
        tries: u32,
        ended: bool,
    },
}

#[derive(Debug)]
struct Up {
    body: Incoming,
    line: Vec<u8>,
    /// What was there when the connection began, and when it is to be compared.
    unsettled: Option<(Vec<Found>, Instant)>,
    /// It was opened after the engine itself had ended the one before, and has brought nothing new.
    confirms_end: bool,
}

impl Engine {
    /// What happens to containers from now on, or since a moment that the engine still remembers.
    ///
    /// # Errors
    /// As any request. Once the stream is there, a lost connection is [told](Told::Lost) and no error.
    pub async fn events(&self, query: EventQuery) -> Result<Events, Error> {
        let now = look::now(self).await?;
        let floor = query.since.unwrap_or(now);
        let mut ledger = Ledger::default();
        ledger.saw(floor);
        let mut events = Events {
            engine: self.clone(),
            floor,
            query,
            link: Link::Down { tries: 0, ended: false },
            ledger,
            cut: now,
            out: VecDeque::new(),
        };
        let mut up = events.open(events.floor, false).await?;
        // What is there at the beginning is taken as it is.
        events.ledger.adopt(&up.unsettled.take().map(|(found, _)| found).unwrap_or_default());
        events.link = Link::Up(up);
        Ok(events)
    }
}

impl Events {
    /// The next that is to be told; none when `until` has come. May be dropped and called again: nothing is lost by it.
    ///
    /// # Errors
    /// What no new try can heal: the engine refuses, or sends what no engine sends.
    pub async fn next(&mut self) -> Result<Option<Told>, Error> {
        loop {
            if let Some(told) = self.out.pop_front() {
                return Ok(Some(told));
            }
            match &mut self.link {
                Link::Down { tries, ended } => {
                    let (tries, ended) = (*tries, *ended);
                    self.reopen(tries, ended).await?;
                }
                Link::Up(up) => {
                    let settles = up.unsettled.as_ref().map(|(_, at)| *at);
                    tokio::select! {
                        biased; // what comes by itself is not inferred
                        frame = up.body.frame() => {
                            let frame = frame.map(|frame| frame.map_err(|error| Error::cut("the events", error))).transpose();
                            if let Read::End = self.read(frame)? {
                                return Ok(None);
                            }
                        }
                        () = tokio::time::sleep_until(settles.unwrap_or_else(Instant::now)), if settles.is_some() => self.settle(),
                    }
                }
            }
        }
    }

    async fn reopen(&mut self, tries: u32, ended: bool) -> Result<(), Error> {
        if tries > 0 {
            let pause = Duration::from_millis(50).saturating_mul(1 << tries.min(10));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
        let since = self.ledger.newest().unwrap_or(self.cut).checked_sub(SLACK).unwrap_or(self.floor).max(self.floor);
        match self.open(since, ended).await {
            Ok(up) => {
                self.ledger.reconnected(up.unsettled.as_ref().map_or(&[], |(found, _)| found));
                self.link = Link::Up(up);
                if !ended {
                    self.out.push_back(Told::Resumed);
                }
                Ok(())
            }
            Err(error) if error.is_retryable() || error.kind() == ErrorKind::Server => {
                self.lost(error, tries + 1);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// First the stream, then the look: what happens between them is in the stream.
    async fn open(&self, since: Timestamp, confirms_end: bool) -> Result<Box<Up>, Error> {
        let answer = self.engine.send(Method::GET, &path(&self.query, since), Bytes::new()).await?;
        let found = look::containers(&self.engine, &self.query.labels).await?;
        let unsettled = Some((found, Instant::now() + SETTLE));
        Ok(Box::new(Up { body: answer.into_body(), line: Vec::new(), unsettled, confirms_end }))
    }

    /// Takes what the connection brought: a frame, its end, or its break.
    fn read(&mut self, frame: Result<Option<hyper::body::Frame<Bytes>>, Error>) -> Result<Read, Error> {
        let Link::Up(up) = &mut self.link else { return Ok(Read::On) };
        match frame {
            Ok(Some(frame)) => {
                up.line.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
                let Some(end) = up.line.iter().rposition(|byte| *byte == b'\n') else {
                    return if up.line.len() > LONGEST_LINE { Err(odd("a line without end")) } else { Ok(Read::On) };
                };
                let rest = up.line.split_off(end + 1);
                let lines = std::mem::replace(&mut up.line, rest);
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                    let event = Event::read(line).map_err(odd)?;
                    let events = self.ledger.observe(event);
                    up.confirms_end &= events.is_empty();
                    self.out.extend(events.into_iter().map(Told::Event));
                }
                Ok(Read::On)
            }
            Ok(None) if self.query.until.is_some() && up.confirms_end => Ok(Read::End),
            Ok(None) if self.query.until.is_some() => {
                self.drop_link(0, true);
                Ok(Read::On)
            }
            Ok(None) => {
                self.lost(Error::cut("the events", "the engine ended the stream"), 0);
                Ok(Read::On)
            }
            Err(error) => {
                self.lost(error, 0);
                Ok(Read::On)
            }
        }
    }

    /// The connection is lost, or could not be made again.
    fn lost(&mut self, error: Error, tries: u32) {
        let told = matches!(self.link, Link::Down { ended: false, .. });
        self.drop_link(tries, false);
        if !told {
            self.out.push_back(Told::Lost(error));
        }
    }

    fn drop_link(&mut self, tries: u32, ended: bool) {
        if let Link::Up(up) = &self.link {
            // What a connection that never settled has seen says nothing of the time before it.
            if up.unsettled.is_none() {
                self.cut = self.ledger.newest().map_or(self.cut, |newest| newest.max(self.cut));
            }
        }
        self.link = Link::Down { tries, ended };
    }

    /// Compares what was there with what was told.
    fn settle(&mut self) {
        let Link::Up(up) = &mut self.link else { return };
        let Some((found, _)) = up.unsettled.take() else { return };
        self.out.extend(self.ledger.infer(&found, self.cut).into_iter().map(Told::Event));
        self.cut = found.iter().flat_map(|one| [one.started, one.finished]).flatten().fold(self.cut, Timestamp::max);
    }
}

/// Whether the stream goes on.
enum Read {
    On,
    End,
}

fn odd(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Protocol, "the events are not what an engine sends").because(what)
}

fn path(query: &EventQuery, since: Timestamp) -> String {
    let filters = serde_json::json!({"type": ["container"], "event": Action::ASKED, "label": query.labels});
    let moment = |at: Timestamp| format!("{}.{:09}", at.as_second(), at.subsec_nanosecond());
    let mut asked = url::form_urlencoded::Serializer::new(String::new());
    asked.append_pair("since", &moment(since)).append_pair("filters", &filters.to_string());
    if let Some(until) = query.until {
        asked.append_pair("until", &moment(until));
    }
    format!("/events?{}", asked.finish())
}
