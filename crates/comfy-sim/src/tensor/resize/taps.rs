//! `bilinear` and `bicubic`: each pixel is a weighted sum of two by two, or four by four, neighbours.

use super::{CHANNELS, Size, fused};

/// The neighbours of one place along a side, and their weights.
struct Taps<const N: usize> {
    at: [usize; N],
    weight: [f32; N],
}

/// Up to this sum of height and width torch has a kernel of its own for `bilinear`, which rounds otherwise.
const SMALL: usize = 128;

pub(super) fn bilinear(from: &[f32], old: Size, to: &mut [f32], new: Size) {
    if new.0 + new.1 <= SMALL {
        let centre = |at, scale| fused(scale, at, -0.5);
        at_once(from, old.1, to, &linear(old.0, new.0, centre), &linear(old.1, new.1, centre));
    } else {
        let centre = |at, scale| scale * at - 0.5;
        separable(from, old.1, to, &linear(old.0, new.0, centre), &linear(old.1, new.1, centre));
    }
}

pub(super) fn bicubic(from: &[f32], old: Size, to: &mut [f32], new: Size) {
    separable(from, old.1, to, &cubic(old.0, new.0), &cubic(old.1, new.1));
}

/// Sums all four neighbours of a pixel together.
fn at_once(from: &[f32], width: usize, to: &mut [f32], rows: &[Taps<2>], columns: &[Taps<2>]) {
    for (row, line) in rows.iter().zip(to.chunks_exact_mut(columns.len() * CHANNELS)) {
        for (column, pixel) in columns.iter().zip(line.chunks_exact_mut(CHANNELS)) {
            let [top, bottom] = row.at.map(|y| column.at.map(|x| &from[(y * width + x) * CHANNELS..][..CHANNELS]));
            let [above, below] = row.weight.map(|y| column.weight.map(|x| y * x));
            let weight = [above[0], above[1], below[0], below[1]];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let values = [top[0][channel], top[1][channel], bottom[0][channel], bottom[1][channel]];
                *value = sum(|n| values[n], &weight);
            }
        }
    }
}

/// Sums along the rows first, each source row once, then across them: the order in which torch nests the two.
fn separable<const N: usize>(from: &[f32], old: usize, to: &mut [f32], rows: &[Taps<N>], columns: &[Taps<N>]) {
    let width = columns.len() * CHANNELS;
    // The rows that were summed last, each by its place in the source.
    let mut known: Vec<(usize, Vec<f32>)> = (0..N).map(|_| (usize::MAX, vec![0.0; width])).collect();
    for (taps, line) in rows.iter().zip(to.chunks_exact_mut(width)) {
        for at in taps.at {
            if known.iter().all(|(row, _)| *row != at) {
                let free = known.iter().position(|(row, _)| !taps.at.contains(row)).unwrap_or_default();
                known[free].0 = at;
                along(&from[at * old * CHANNELS..][..old * CHANNELS], columns, &mut known[free].1);
            }
        }
        let rows = taps.at.map(|at| known.iter().find(|(row, _)| *row == at).map_or(&[][..], |(_, values)| values));
        for (x, value) in line.iter_mut().enumerate() {
            *value = sum(|n| rows[n][x], &taps.weight);
        }
    }
}

fn along<const N: usize>(source: &[f32], columns: &[Taps<N>], to: &mut [f32]) {
    for (taps, pixel) in columns.iter().zip(to.chunks_exact_mut(CHANNELS)) {
        let pixels: [&[f32]; N] = taps.at.map(|at| &source[at * CHANNELS..][..CHANNELS]);
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = sum(|n| pixels[n][channel], &taps.weight);
        }
    }
}

/// The weighted sum, in the order and with the fusions of torch's compiler.
#[inline(always)]
fn sum<const N: usize>(value: impl Fn(usize) -> f32, weight: &[f32; N]) -> f32 {
    let two = fused(value(0), weight[0], value(1) * weight[1]);
    (2..N).fold(two, |sum, n| fused(value(n), weight[n], sum))
}

fn linear(old: usize, new: usize, centre: impl Fn(f32, f32) -> f32) -> Vec<Taps<2>> {
    let scale = old as f32 / new as f32;
    let tap = |at| {
        if old == new {
            return Taps { at: [at, at], weight: [1.0, 0.0] };
        }
        let centre = centre(at as f32 + 0.5, scale).max(0.0);
        let first = (centre as usize).min(old - 1);
        let part = (centre - first as f32).clamp(0.0, 1.0);
        Taps { at: [first, (first + 1).min(old - 1)], weight: [1.0 - part, part] }
    };
    (0..new).map(tap).collect()
}

fn cubic(old: usize, new: usize) -> Vec<Taps<4>> {
    let scale = old as f32 / new as f32;
    let tap = |at| {
        let centre = fused(scale, at as f32 + 0.5, -0.5);
        let first = centre.floor();
        let part = (centre - first).clamp(0.0, 1.0);
        let rest = 1.0 - part;
        let place = |offset: f32| ((first + offset).max(0.0) as usize).min(old - 1);
        Taps {
            at: [place(-1.0), place(0.0), place(1.0), place(2.0)],
            weight: [outer(part + 1.0), inner(part), inner(rest), outer(rest + 1.0)],
        }
    };
    (0..new).map(tap).collect()
}

/// The parameter of the cubic.
const A: f32 = -0.75;

/// The cubic up to distance 1.
fn inner(x: f32) -> f32 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// The cubic from distance 1 to 2.
fn outer(x: f32) -> f32 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}
