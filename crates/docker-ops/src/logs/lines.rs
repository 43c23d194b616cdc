//! Makes lines of what the engine kept: stamped entries of at most 16 KiB, of which several may be one line.

use jiff::Timestamp;

use super::frames::{Channel, Frames, Part};
use crate::{Error, ErrorKind};

/// The engine cuts a line into entries of so many bytes, with one time for all of them and no line end before the last.
const ENTRY: usize = 16_384;
/// A longer line is given in parts, so that a program that never ends its line takes no more memory than this.
const LONGEST: usize = 1 << 20;
/// A stamp is never longer: `2026-11-22T18:00:24.123456789Z`, or with an offset in place of the `Z`.
const STAMP: usize = 40;

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// With a line end.
    Newline,
    /// Without one: what a process wrote last, before it ended.
    Missing,
    /// It goes on: it was cut here because it is too long.
    Cut,
}

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) channel: Channel,
    pub(crate) at: Option<Timestamp>,
    pub(crate) text: Vec<u8>,
    pub(crate) end: LineEnd,
}

/// The stream of one read of logs, asked for with stamps.
#[derive(Debug)]
pub(crate) struct Lines {
    /// None: a terminal's raw bytes.
    frames: Option<Frames>,
    open: [Open; 2],
    /// What the engine itself said.
    said: Vec<u8>,
}

/// A line that is being read.
#[derive(Debug, Default)]
struct Open {
    stamp: Vec<u8>,
    stamped: bool,
    /// Bytes of the entry that is being read.
    entry: usize,
    at: Option<Timestamp>,
    text: Vec<u8>,
    /// Whether the text is a line's, though it may be empty.
    begun: bool,
}

impl Lines {
    pub(crate) fn new(tty: bool) -> Self {
        Self { frames: (!tty).then(Frames::default), open: Default::default(), said: Vec::new() }
    }

    /// Gives every line that is complete with `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8], line: &mut impl FnMut(Line)) -> Result<(), Error> {
        let Self { frames, open, said } = self;
        let Some(frames) = frames else {
            open[0].push(Channel::Stdout, bytes, Some(ENTRY), line);
            return Ok(());
        };
        let mut failed = false;
        frames.push(bytes, |Part { channel, bytes, ends }| match channel {
            Some(channel) => {
                let open = &mut open[channel as usize];
                open.push(channel, bytes, None, line);
                if ends {
                    open.end_entry(channel, line);
                }
            }
            None => {
                said.extend(bytes.iter().take(1024_usize.saturating_sub(said.len())));
                failed |= ends;
            }
        })?;
        if failed {
            let said = String::from_utf8_lossy(said).trim().to_owned();
            return Err(Error::new(ErrorKind::Server, format!("the engine can't give the logs: {said}")));
        }
        Ok(())
    }

    /// The stream ended: gives what was begun.
    pub(crate) fn finish(&mut self, line: &mut impl FnMut(Line)) {
        for (open, channel) in self.open.iter_mut().zip([Channel::Stdout, Channel::Stderr]) {
            open.give(channel, LineEnd::Missing, line);
        }
    }
}

impl Open {
    /// `limit`: an entry that is so long ends there.
    fn push(&mut self, channel: Channel, mut bytes: &[u8], limit: Option<usize>, line: &mut impl FnMut(Line)) {
        while !bytes.is_empty() {
            if !self.stamped {
                bytes = self.read_stamp(channel, bytes, line);
                continue;
            }
            let room = (LONGEST - self.text.len()).min(limit.map_or(usize::MAX, |limit| limit - self.entry));
            let now = &bytes[..bytes.len().min(room)];
            let newline = now.iter().position(|byte| *byte == b'\n');
            let text = &now[..newline.unwrap_or(now.len())];
            self.begun = true;
            self.text.extend_from_slice(text);
            self.entry += text.len();
            bytes = &bytes[text.len() + usize::from(newline.is_some())..];
            if newline.is_some() {
                self.give(channel, LineEnd::Newline, line);
                self.entry = 0;
                // A terminal's next entry follows at once; a frame has one stamp, at its start.
                self.stamped = limit.is_none();
            } else if self.text.len() == LONGEST {
                self.give(channel, LineEnd::Cut, line);
                self.begun = false;
            }
            if limit == Some(self.entry) {
                self.next_entry();
            }
        }
    }

    /// Reads on in the stamp, and gives the rest. A line that waits for its next entry ends if that has another time.
    fn read_stamp<'a>(&mut self, channel: Channel, bytes: &'a [u8], line: &mut impl FnMut(Line)) -> &'a [u8] {
        let room = STAMP - self.stamp.len();
        let space = bytes.iter().take(room).position(|byte| *byte == b' ');
        let now = space.unwrap_or(bytes.len().min(room));
        self.stamp.extend_from_slice(&bytes[..now]);
        if space.is_none() && self.stamp.len() < STAMP {
            return &[];
        }
        let at = std::str::from_utf8(&self.stamp).ok().and_then(|stamp| stamp.parse().ok());
        if self.begun && at != self.at {
            self.give(channel, LineEnd::Missing, line);
        }
        self.stamped = true;
        let stamp = std::mem::take(&mut self.stamp);
        self.at = at;
        let rest = &bytes[now..];
        if at.is_some() {
            return rest.get(1..).unwrap_or_default();
        }
        // No stamp, so it is text.
        self.begun = true;
        self.entry = stamp.len();
        self.text.extend_from_slice(&stamp);
        rest
    }

    /// A frame ended. An entry that is shorter than the engine's cut, without a line end, is a line that will never have one.
    fn end_entry(&mut self, channel: Channel, line: &mut impl FnMut(Line)) {
        if self.entry != ENTRY {
            self.give(channel, LineEnd::Missing, line);
        }
        self.next_entry();
    }

    fn next_entry(&mut self) {
        self.stamped = false;
        self.entry = 0;
    }

    fn give(&mut self, channel: Channel, end: LineEnd, line: &mut impl FnMut(Line)) {
        if self.begun || !self.text.is_empty() {
            self.begun = false;
            line(Line { channel, at: self.at, text: std::mem::take(&mut self.text), end });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAMPS: [&str; 3] = ["2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.000000002Z", "2026-01-02T03:04:06.5+01:00"];

    /// An entry as the engine sends it.
    fn entry(tty: bool, channel: u8, stamp: &str, text: &[u8]) -> Vec<u8> {
        let stamped = [stamp.as_bytes(), b" ", text].concat();
        if tty {
            return stamped;
        }
        [&[channel, 0, 0, 0][..], &(stamped.len() as u32).to_be_bytes(), &stamped].concat()
    }

    fn read(tty: bool, bytes: &[u8], size: usize) -> Vec<(Channel, String, LineEnd)> {
        let (mut lines, mut all) = (Lines::new(tty), Vec::new());
        let mut keep = |line: Line| all.push((line.channel, String::from_utf8_lossy(&line.text).into_owned(), line.end));
        for piece in bytes.chunks(size) {
            lines.push(piece, &mut keep).unwrap();
        }
        lines.finish(&mut keep);
        all
    }

    #[test]
    fn entries_of_16_kib_are_one_line_if_they_have_one_time() {
        let full = "x".repeat(ENTRY);
        let [first, second, _] = STAMPS;
        for tty in [true, false] {
            let send = |stamp: &str, text: &str| entry(tty, 1, stamp, text.as_bytes());
            let bytes = [
                send(first, &full),
                send(first, &full),
                send(first, "end\n"),
                send(second, &full),
                send(second, "\n"),
                send(first, &full),
                send(second, &full),
            ];
            for size in [1, 7, 4096, 1 << 20] {
                let lengths: Vec<_> =
                    read(tty, &bytes.concat(), size).into_iter().map(|(_, text, end)| (text.len(), end)).collect();
                let (newline, missing) = (LineEnd::Newline, LineEnd::Missing);
                let expected = [(2 * ENTRY + 3, newline), (ENTRY, newline), (ENTRY, missing), (ENTRY, missing)];
                assert_eq!(lengths, expected, "tty: {tty}, in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_two_channels_do_not_mix_and_a_line_without_end_is_given_at_once() {
        let [first, second, _] = STAMPS;
        let bytes = [
            entry(false, 1, first, b"out"),
            entry(false, 2, first, b"err\n"),
            entry(false, 1, second, b"\n"),
            entry(false, 2, second, b"a\rb\nc\n"),
        ];
        let all = read(false, &bytes.concat(), 5);
        let told: Vec<_> = all.iter().map(|(channel, text, end)| (*channel, text.as_str(), *end)).collect();
        assert_eq!(
            told,
            [
                (Channel::Stdout, "out", LineEnd::Missing),
                (Channel::Stderr, "err", LineEnd::Newline),
                (Channel::Stdout, "", LineEnd::Newline),
                (Channel::Stderr, "a\rb", LineEnd::Newline),
                (Channel::Stderr, "c", LineEnd::Newline),
            ]
        );
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_its_bound() {
        let mut lines = Lines::new(false);
        let piece = entry(false, 1, STAMPS[0], &[b'x'; ENTRY]);
        let mut given = Vec::new();
        for _ in 0..200 {
            lines.push(&piece, &mut |line| given.push((line.text.len(), line.end))).unwrap();
            assert!(lines.open[0].text.capacity() <= 2 * LONGEST);
        }
        assert_eq!(given, [(LONGEST, LineEnd::Cut); 3]);
    }

    #[test]
    fn what_has_no_stamp_is_text() {
        let all = read(true, b"no stamp here\nnor-here-though-it-is-a-very-long-word-of-many-letters\n", 3);
        let texts: Vec<_> = all.iter().map(|(_, text, _)| text.as_str()).collect();
        assert_eq!(texts, ["no stamp here", "nor-here-though-it-is-a-very-long-word-of-many-letters"]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_wherever_the_stream_is_cut(
            tty in any::<bool>(),
            sent in prop::collection::vec((1_u8..3, 0_usize..3, "[a-z \\r]{0,30}", any::<bool>()), 0..12),
            size in 1_usize..100,
        ) {
            let bytes: Vec<u8> = sent
                .iter()
                .flat_map(|(channel, stamp, text, ends)| {
                    // A terminal's line without end is told from the next one by its length alone.
                    let end = if *ends || tty { "\n" } else { "" };
                    entry(tty, *channel, STAMPS[*stamp], format!("{text}{end}").as_bytes())
                })
                .collect();
            let all = read(tty, &bytes, size);
            prop_assert_eq!(&all, &read(tty, &bytes, usize::MAX));
            let texts: Vec<_> = all.iter().map(|(_, text, _)| text.as_str()).collect();
            let expected: Vec<_> =
                sent.iter().filter(|(_, _, text, ends)| *ends || tty || !text.is_empty()).map(|(_, _, text, _)| text.as_str()).collect();
            prop_assert_eq!(texts, expected);
        }
    }
}
