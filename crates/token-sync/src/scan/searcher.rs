//! One thread's worth of searching: a buffer, and what was found so far.

use std::{
    collections::HashMap,
    io::{self, Read},
};

use super::{
    control::Meter,
    encoding::Rule,
    engine::Engine,
    found::{Match, Place, Scan, SkipReason, Skipped},
    secret::Owner,
    stream::Stream,
};

/// Searches one source after the other and keeps what it found.
pub(super) struct Searcher<'a> {
    engine: &'a Engine,
    meter: &'a Meter<'a>,
    stream: Stream,
    pub(super) scan: Scan,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(engine: &'a Engine, meter: &'a Meter<'a>) -> Self {
        Self { engine, meter, stream: Stream::new(engine), scan: Scan::default() }
    }

    /// Searches `source`; `place` names it if there is something to tell of it.
    pub(super) fn search(&mut self, source: &mut dyn Read, place: impl Fn() -> Place) {
        let mut occurrences: HashMap<(Rule, Owner), u32> = HashMap::new();
        let mut told = 0;
        let matches = &mut self.scan.matches;
        let before = matches.len();
        let go_on = |bytes| {
            told += bytes;
            self.meter.add(0, bytes, 0);
            !self.meter.stopped()
        };
        let end = self.stream.search(self.engine, source, go_on, |hit, region| {
            let rule = hit.rule();
            let count = occurrences.entry((rule, hit.owner.clone())).or_default();
            let occurrence = *count;
            *count += 1;
            matches.push(Match { place: place(), region, encoding: hit.encoding, owner: hit.owner.clone(), rule, occurrence });
        });
        let found = (matches.len() - before) as u64;
        self.scan.counts.files += 1;
        match end {
            Ok(end) => {
                self.scan.counts.bytes += end.bytes;
                self.scan.counts.further += end.further;
                self.scan.stopped |= !end.complete;
                self.meter.add(1, end.bytes - told, found + end.further);
            }
            Err(error) => {
                self.scan.counts.bytes += told;
                self.meter.add(1, 0, found);
                self.skip(place(), &error);
            }
        }
    }

    /// Whether the caller wants the scan to stop.
    pub(super) fn stopped(&self) -> bool {
        self.meter.stopped()
    }

    /// Notes that `place` could not be searched.
    pub(super) fn skip(&mut self, place: Place, error: &io::Error) {
        let reason = match error.kind() {
            io::ErrorKind::PermissionDenied => SkipReason::Permission,
            io::ErrorKind::NotFound => SkipReason::Vanished,
            _ => SkipReason::Unreadable,
        };
        self.skip_for(place, reason);
    }

    /// Notes that `place` was not searched, and why.
    pub(super) fn skip_for(&mut self, place: Place, reason: SkipReason) {
        self.scan.skipped.push(Skipped { place, reason });
    }
}
