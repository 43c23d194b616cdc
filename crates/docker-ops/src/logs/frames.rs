//! Takes apart what a container's outputs were packed into, in pieces of any size.

use crate::{Error, ErrorKind};

/// Where a container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Standard output; a terminal too, which has no other.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A part of one frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// None: the engine itself speaks, of a failure in the middle.
    pub(crate) channel: Option<Channel>,
    pub(crate) bytes: &'a [u8],
    /// Whether the frame ends with it.
    pub(crate) ends: bool,
}

const HEAD: usize = 8;

/// Frames of a stream: eight bytes (channel, three zeros, length), then so many bytes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; HEAD],
    /// So many bytes of the head are known.
    known: usize,
    /// So many bytes of the frame are still to come.
    left: usize,
}

impl Frames {
    /// Gives every part that is complete with `bytes`. Nothing is kept but a head that is not whole.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut part: impl FnMut(Part<'_>)) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.known < HEAD {
                let (more, rest) = bytes.split_at(bytes.len().min(HEAD - self.known));
                self.head[self.known..self.known + more.len()].copy_from_slice(more);
                self.known += more.len();
                bytes = rest;
                if self.known < HEAD {
                    break;
                }
                let [_, zeros @ .., a, b, c, d] = self.head;
                if zeros != [0; 3] || self.head[0] > 3 {
                    return Err(Error::new(ErrorKind::Protocol, "the stream is not made of the engine's frames"));
                }
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= now.len();
            bytes = rest;
            if self.left == 0 {
                self.known = 0;
            }
            let channel = match self.head[0] {
                0 | 1 => Some(Channel::Stdout),
                2 => Some(Channel::Stderr),
                _ => None,
            };
            part(Part { channel, bytes: now, ends: self.left == 0 });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(channel: u8, text: &[u8]) -> Vec<u8> {
        [&[channel, 0, 0, 0][..], &(text.len() as u32).to_be_bytes(), text].concat()
    }

    type Whole = (Option<Channel>, Vec<u8>);

    /// Whole frames, put together from parts.
    fn whole<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Whole>, Error> {
        let (mut frames, mut all, mut open) = (Frames::default(), Vec::new(), Vec::new());
        for piece in pieces {
            frames.push(piece, |part| {
                open.extend_from_slice(part.bytes);
                if part.ends {
                    all.push((part.channel, std::mem::take(&mut open)));
                }
            })?;
        }
        assert_eq!(frames.known, 0, "nothing is left over");
        Ok(all)
    }

    proptest! {
        #[test]
        fn frames_are_the_same_wherever_the_stream_is_cut(
            sent in prop::collection::vec((1_u8..3, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            size in 1_usize..60,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|(channel, text)| frame(*channel, text)).collect();
            let channel = |number: u8| Some(if number == 1 { Channel::Stdout } else { Channel::Stderr });
            let expected: Vec<_> = sent.iter().map(|(number, text)| (channel(*number), text.clone())).collect();
            prop_assert_eq!(whole(bytes.chunks(size)).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_and_the_engines_own_word_is_told_apart() {
        for bad in [&b"plain text"[..], &[1, 0, 1, 0, 0, 0, 0, 1, b'x'], &[4, 0, 0, 0, 0, 0, 0, 1, b'x']] {
            assert_eq!(whole([bad].into_iter()).unwrap_err().kind(), ErrorKind::Protocol);
        }
        let said = frame(3, b"Error grabbing logs");
        assert_eq!(whole([&said[..]].into_iter()).unwrap(), [(None, b"Error grabbing logs".to_vec())]);
    }
}
