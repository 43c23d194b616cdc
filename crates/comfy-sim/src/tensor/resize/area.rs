//! `area`: each pixel is the mean of those it covers, which may overlap with its neighbours'.

use super::{CHANNELS, Size};

pub(super) fn scale(from: &[f32], old: Size, to: &mut [f32], new: Size) {
    if new == (1, 1) {
        for (channel, value) in to.iter_mut().enumerate() {
            *value = cascade(from, channel) / (old.0 * old.1) as f32;
        }
        return;
    }
    for (row, line) in to.chunks_exact_mut(new.1 * CHANNELS).enumerate() {
        let (top, bottom) = window(row, old.0, new.0);
        for (column, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let (left, right) = window(column, old.1, new.1);
            let mut sum = [0.0; CHANNELS];
            for y in top..bottom {
                for source in from[(y * old.1 + left) * CHANNELS..(y * old.1 + right) * CHANNELS].chunks_exact(CHANNELS) {
                    for (sum, value) in sum.iter_mut().zip(source) {
                        *sum += value;
                    }
                }
            }
            // Two divisions round differently from one by the product.
            for (value, sum) in pixel.iter_mut().zip(sum) {
                *value = sum / (bottom - top) as f32 / (right - left) as f32;
            }
        }
    }
}

/// What the place `at` covers: from the first, to before the second.
fn window(at: usize, old: usize, new: usize) -> (usize, usize) {
    (at * old / new, ((at + 1) * old).div_ceil(new))
}

/// How many sums are kept side by side.
const LANES: usize = 4;

/// The sum of one channel in torch's order, which it takes for the mean of a whole picture: in lanes, each of which is a
/// cascade of sums of growing length, so that little is lost to rounding.
fn cascade(from: &[f32], channel: usize) -> f32 {
    let pixels = from.len() / CHANNELS;
    let value = |at: usize| from[at * CHANNELS + channel];
    let length = pixels / LANES;
    let power = (length.max(1).next_power_of_two().ilog2() / 4).max(4);
    let mut lanes = [0, 1, 2, 3].map(|lane| {
        let mut levels = [0.0_f32; 4];
        for at in 0..length {
            levels[0] += value(at * LANES + lane);
            // A level that is full goes into the next one.
            for level in 1..levels.len() {
                if (at + 1) % (1 << (power * level as u32)) != 0 {
                    break;
                }
                levels[level] += std::mem::take(&mut levels[level - 1]);
            }
        }
        levels[0] + levels[1] + levels[2] + levels[3]
    });
    for at in length * LANES..pixels {
        lanes[0] += value(at);
    }
    lanes[0] + lanes[1] + lanes[2] + lanes[3]
}
