//! A place in the bytes of a request.

use super::refused::Refused;

/// Why a part of a request has no end.
pub(super) enum Stop {
    More,
    Wrong(Refused),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Wrong(refused)
    }
}

/// What was read, or nothing if more must come.
pub(super) fn whole<T>(read: Result<T, Stop>) -> Result<Option<T>, Refused> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Wrong(refused)) => Err(refused),
    }
}

pub(super) struct Cursor<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::More)
    }

    /// Refuses the byte here.
    pub(super) fn wrong<T>(&self, reason: &str) -> Result<T, Stop> {
        Err(Refused::at(self.bytes, self.at, reason).into())
    }

    /// Refuses the byte here, with the mark behind it.
    pub(super) fn wrong_after<T>(&mut self, reason: &str) -> Result<T, Stop> {
        self.at += 1;
        self.wrong(reason)
    }

    /// Takes bytes as long as they are of a kind; the first one that is not must be there.
    pub(super) fn while_(&mut self, is: impl Fn(u8) -> bool) -> Result<&'b [u8], Stop> {
        let from = self.at;
        while is(self.peek()?) {
            self.at += 1;
        }
        Ok(&self.bytes[from..self.at])
    }

    /// The same, but no more than one over `room` of them.
    pub(super) fn within(&mut self, room: usize, is: impl Fn(u8) -> bool) -> Result<&'b [u8], Stop> {
        let from = self.at;
        while self.at - from <= room && is(self.peek()?) {
            self.at += 1;
        }
        Ok(&self.bytes[from..self.at])
    }
}

/// What a name may be made of.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
