//! `nearest-exact`: each pixel is the one under its centre.

use super::{CHANNELS, Size, fused};

pub(super) fn scale(from: &[f32], old: Size, to: &mut [f32], new: Size) {
    let columns: Vec<usize> = sources(old.1, new.1).collect();
    for (row, line) in sources(old.0, new.0).zip(to.chunks_exact_mut(new.1 * CHANNELS)) {
        let source = &from[row * old.1 * CHANNELS..][..old.1 * CHANNELS];
        for (column, pixel) in columns.iter().zip(line.chunks_exact_mut(CHANNELS)) {
            pixel.copy_from_slice(&source[column * CHANNELS..][..CHANNELS]);
        }
    }
}

/// The source of each place along one side.
fn sources(old: usize, new: usize) -> impl Iterator<Item = usize> {
    let scale = old as f32 / new as f32;
    // The half that torch takes away and adds again does not always cancel.
    (0..new).map(move |at| ((fused(scale, at as f32 + 0.5, -0.5) + 0.5) as usize).min(old - 1))
}
