//! Finds any of thousands of long needles by looking at 8 bytes in every 16.
//!
//! Whatever holds 23 bytes of a needle in a row holds, at one of the sampled places, 8 bytes that stand in the table. Most
//! samples are dismissed by one look into a bitmap that fits the first cache, so the number of secrets costs nothing.

use zeroize::Zeroize;

use super::needle::{Form, LONG, Needle};

const GRAM: usize = 8;
const STEP: usize = 16;
const _: () = assert!(GRAM + STEP - 1 == LONG);

/// The 8-byte pieces of the needles that are long enough.
pub(super) struct Grams {
    /// Sorted by the piece.
    pieces: Vec<Piece>,
    bitmap: Vec<u64>,
    shift: u32,
}

struct Piece {
    gram: u64,
    needle: usize,
    offset: usize,
}

impl Grams {
    /// The table of all `needles` that have at least [`LONG`] bytes.
    pub(super) fn new(needles: &[Needle]) -> Self {
        let mut pieces = Vec::new();
        for (number, needle) in needles.iter().enumerate().filter(|(_, needle)| needle.literal.len() >= LONG) {
            // Text stands in one piece. What is encoded may be wrapped anywhere, so all of it goes into the table.
            let some = if matches!(needle.form, Form::Core { .. }) { STEP } else { usize::MAX };
            let windows = needle.literal.windows(GRAM).enumerate().take(some);
            pieces.extend(windows.map(|(offset, bytes)| Piece { gram: gram(bytes), needle: number, offset }));
        }
        pieces.sort_by_key(|piece| (piece.gram, piece.needle, piece.offset));
        let bits = (pieces.len() * 32).next_power_of_two().clamp(1 << 12, 1 << 22);
        let mut table = Self { bitmap: vec![0; bits / 64], shift: 64 - bits.trailing_zeros(), pieces };
        for at in 0..table.pieces.len() {
            let bit = table.bit(table.pieces[at].gram);
            table.bitmap[bit / 64] |= 1 << (bit % 64);
        }
        table
    }

    /// Gives each place in `hay` where a needle may be: the place, the needle's number, and its byte that stands there.
    pub(super) fn search(&self, hay: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        if self.pieces.is_empty() {
            return;
        }
        let mut steps = hay.chunks_exact(STEP);
        let mut at = 0;
        for step in &mut steps {
            self.sample(&step[..GRAM], at, &mut found);
            at += STEP;
        }
        if let Some(last) = steps.remainder().get(..GRAM) {
            self.sample(last, at, &mut found);
        }
    }

    #[inline(always)]
    fn sample(&self, bytes: &[u8], at: usize, found: &mut impl FnMut(usize, usize, usize)) {
        let gram = gram(bytes);
        let bit = self.bit(gram);
        if self.bitmap[bit / 64] >> (bit % 64) & 1 == 1 {
            self.look_up(gram, at, found);
        }
    }

    #[cold]
    fn look_up(&self, gram: u64, at: usize, found: &mut impl FnMut(usize, usize, usize)) {
        let first = self.pieces.partition_point(|piece| piece.gram < gram);
        for piece in self.pieces[first..].iter().take_while(|piece| piece.gram == gram) {
            found(at, piece.needle, piece.offset);
        }
    }

    #[inline(always)]
    fn bit(&self, gram: u64) -> usize {
        // The shift leaves at most 22 bits.
        (gram.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

impl Drop for Grams {
    fn drop(&mut self) {
        self.pieces.iter_mut().for_each(|piece| piece.gram.zeroize());
    }
}

#[inline(always)]
fn gram(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::needle;

    #[test]
    fn a_needle_is_seen_at_every_place() {
        let token: Vec<u8> = (b'A'..=b'z').filter(u8::is_ascii_alphabetic).collect();
        let needles = needle::of_token(0, &token);
        let table = Grams::new(&needles);
        for before in 0..64 {
            for after in 0..20 {
                let hay = [vec![b'-'; before], token.clone(), vec![b'-'; after]].concat();
                let mut places = Vec::new();
                table.search(&hay, |at, _, offset| places.push(at - offset));
                assert!(places.contains(&before), "{before} {after}");
            }
        }
    }
}
