//! `lanczos`: Pillow's, on bytes, with weights in fixed point.

use std::f64::consts::PI;
use std::ops::Range;

use super::{CHANNELS, Size};
use crate::tensor::byte;

/// How far the filter reaches in pixels of the smaller picture.
const REACH: f64 = 3.0;
/// The bits behind the point of a weight.
const BITS: u32 = 22;
/// What rounds a sum when its bits behind the point are cut.
const HALF: i32 = 1 << (BITS - 1);

pub(super) fn scale(from: &[f32], old: Size, to: &mut [f32], new: Size) {
    let bytes: Vec<u8> = from.iter().copied().map(byte).collect();
    let scaled = if rows_first(old, new) {
        along(across(bytes, old.0, new.0, old.1), old.1, new.1)
    } else {
        across(along(bytes, old.1, new.1), old.0, new.0, new.1)
    };
    for (value, byte) in to.iter_mut().zip(scaled) {
        *value = f32::from(byte) / 255.0;
    }
}

/// Whether the number of rows changes before that of the columns; each pass rounds to bytes, so the order shows. Read
/// off Pillow 13; up to 12 the columns always came first.
fn rows_first(old: Size, new: Size) -> bool {
    let lost = |old: usize, new: usize| old as i64 - new as i64;
    let rows = lost(old.0, new.0);
    rows > 0 && rows > 2 * lost(old.1, new.1)
}

fn along(from: Vec<u8>, old: usize, new: usize) -> Vec<u8> {
    if old == new {
        return from;
    }
    let taps = taps(old, new);
    let mut to = Vec::with_capacity(from.len() / old * new);
    for row in from.chunks_exact(old * CHANNELS) {
        for Taps { range, weights } in &taps {
            let pixels = row[range.start * CHANNELS..range.end * CHANNELS].chunks_exact(CHANNELS);
            let mut sum = [HALF; CHANNELS];
            for (pixel, weight) in pixels.zip(weights) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            to.extend(sum.map(rounded));
        }
    }
    to
}

fn across(from: Vec<u8>, old: usize, new: usize, width: usize) -> Vec<u8> {
    if old == new {
        return from;
    }
    let width = width * CHANNELS;
    let mut to = Vec::with_capacity(new * width);
    let mut sums = vec![HALF; width];
    for Taps { range, weights } in taps(old, new) {
        sums.fill(HALF);
        for (row, weight) in from[range.start * width..range.end * width].chunks_exact(width).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        to.extend(sums.iter().copied().map(rounded));
    }
    to
}

fn rounded(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// The neighbours of one place along a side, and their weights.
struct Taps {
    range: Range<usize>,
    weights: Vec<i32>,
}

fn taps(old: usize, new: usize) -> Vec<Taps> {
    let scale = old as f64 / new as f64;
    // A smaller picture takes in all of the larger one; a larger one does not look beyond the neighbours.
    let spread = scale.max(1.0);
    let reach = REACH * spread;
    let tap = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(old);
        let inverse = 1.0 / spread;
        let weights: Vec<f64> = (start..end).map(|x| filter((x as f64 - centre + 0.5) * inverse)).collect();
        let total: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let weight = if total == 0.0 { weight } else { weight / total };
            (weight * f64::from(1 << BITS)).round() as i32
        };
        Taps { range: start..end, weights: weights.into_iter().map(fixed).collect() }
    };
    (0..new).map(tap).collect()
}

fn filter(x: f64) -> f64 {
    if (-REACH..REACH).contains(&x) { sinc(x) * sinc(x / REACH) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}
