//! What stands for a model's latents: a description of a picture, which is painted at whatever size is asked for.
//!
//! Nothing here knows what a text means. The pattern (bands and rings in three colours) is drawn from a digest of all
//! that the sampler was given, so that the same inputs give the same picture and any other input another one, on every
//! machine: the arithmetic is the one that IEEE 754 fixes, without the functions that differ between systems.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::py::Raised;
use crate::tensor::Images;

/// How many pixels a latent's pixel stands for, along each side.
pub(crate) const SCALE: usize = 8;

/// What an empty latent decodes to.
const GREY: [f32; 3] = [0.5; 3];

/// A digest of what made a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark([u8; 32]);

impl Mark {
    /// The parts in their order, each told from the next.
    pub(crate) fn of<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            let part = part.as_ref();
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// A number from 0 to 1 out of one byte.
    fn unit(&self, at: usize) -> f32 {
        f32::from(self.0[at % 32]) / 255.0
    }

    /// Three of them: a colour.
    fn colour(&self, at: usize) -> [f32; 3] {
        [self.unit(at), self.unit(at + 1), self.unit(at + 2)]
    }
}

impl AsRef<[u8]> for Mark {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A batch of latents.
#[derive(Debug)]
pub(crate) struct Latent {
    pub(crate) batch: u64,
    pub(crate) channels: usize,
    pub(crate) height: u64,
    pub(crate) width: u64,
    pub(crate) paint: Paint,
}

/// What a latent shows.
#[derive(Debug)]
pub(crate) enum Paint {
    Empty,
    /// An encoded picture.
    Picture(Arc<Images>),
    /// The pattern of this mark over another latent, as strong as the sampler's `denoise`.
    Sampled {
        mark: Mark,
        over: Arc<Latent>,
        strength: f32,
    },
}

impl Latent {
    pub(crate) fn shape(&self) -> [u64; 4] {
        [self.batch, u64::try_from(self.channels).unwrap_or_default(), self.height, self.width]
    }

    /// The whole batch, decoded.
    pub(crate) fn decode(&self) -> Result<Images, Raised> {
        let scale = SCALE as u64;
        let mut images = Images::filled(self.batch, self.height * scale, self.width * scale, GREY)?;
        let (height, width) = (images.height, images.width);
        let pixels = images.values.chunks_exact_mut(3).enumerate();
        for (at, pixel) in pixels {
            let (index, y, x) = (at / (height * width), at / width % height, at % width);
            pixel.copy_from_slice(&self.colour(index, Place { x, y, width, height }));
        }
        Ok(images)
    }

    /// The first of the batch at its own size as a sampler's preview shows it: noise that clears up from 0 to 1.
    pub(crate) fn preview(&self, clear: f32) -> image::RgbImage {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (width, height) = (size(self.width), size(self.height));
        let side = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        image::RgbImage::from_fn(side(self.width), side(self.height), |x, y| {
            let place = Place { x: x as usize, y: y as usize, width, height };
            let noise = noise(x, y);
            image::Rgb(mix(noise, self.colour(0, place), clear).map(|part| (255.0 * part) as u8))
        })
    }

    fn colour(&self, index: usize, place: Place) -> [f32; 3] {
        match &self.paint {
            Paint::Empty => GREY,
            Paint::Picture(images) => {
                let y = place.y * images.height / place.height;
                let x = place.x * images.width / place.width;
                let at = ((index % images.batch * images.height + y) * images.width + x) * 3;
                [images.values[at], images.values[at + 1], images.values[at + 2]]
            }
            Paint::Sampled { mark, over, strength } => mix(over.colour(index, place), pattern(mark, index, place), *strength),
        }
    }
}

/// A pixel of a picture of this size.
#[derive(Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Bands and rings, shifted by the place in the batch.
fn pattern(mark: &Mark, index: usize, place: Place) -> [f32; 3] {
    // The longer side is 1, so that rings are round.
    let side = place.width.max(place.height) as f32;
    let (x, y) = ((place.x as f32 + 0.5) / side, (place.y as f32 + 0.5) / side);
    let shift = index as f32 * 0.37;
    let bend = wave(2.0 * mark.unit(0) * y - mark.unit(1) * x + mark.unit(2));
    let bands = wave((1.0 + 2.0 * mark.unit(3)) * x + 2.0 * mark.unit(4) * y + 0.5 * bend + shift);
    let (dx, dy) = (x - mark.unit(5), y - mark.unit(6));
    let rings = wave((2.0 + 4.0 * mark.unit(7)) * (dx * dx + dy * dy) + mark.unit(8) + shift);
    mix(mix(mark.colour(9), mark.colour(12), bands), mark.colour(15), 0.6 * rings)
}

/// A smooth wave from 0 to 1 with the period 1.
fn wave(at: f32) -> f32 {
    let slope = 1.0 - (2.0 * (at - at.floor()) - 1.0).abs();
    slope * slope * (3.0 - 2.0 * slope)
}

fn mix(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|at| (from[at] * (1.0 - share) + to[at] * share).clamp(0.0, 1.0))
}

/// Grains that depend on the place alone.
fn noise(x: u32, y: u32) -> [f32; 3] {
    let mut bits = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ 0x27D4_EB2F;
    std::array::from_fn(|_| {
        bits ^= bits << 13;
        bits ^= bits >> 17;
        bits ^= bits << 5;
        f32::from(bits.to_be_bytes()[0]) / 255.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(word: &str, over: Paint, strength: f32) -> Latent {
        let latent = |paint| Latent { batch: 2, channels: 4, height: 2, width: 3, paint };
        latent(Paint::Sampled { mark: Mark::of([word]), over: Arc::new(latent(over)), strength })
    }

    #[test]
    fn a_mark_is_one_picture_and_another_mark_another() {
        let decoded = |word| sampled(word, Paint::Empty, 1.0).decode().expect("fits");
        assert_eq!(decoded("a lake").shape(), [2, 16, 24, 3]);
        assert!(decoded("a lake") == decoded("a lake") && decoded("a lake") != decoded("a hill"));
        let both: Vec<_> = decoded("a lake").rgb8().collect();
        assert!(both[0] != both[1]);
        // The same on every machine.
        assert_eq!(both[0][..6], [82, 127, 195, 93, 163, 196]);
        assert_ne!(Mark::of(["a", "bc"]), Mark::of(["ab", "c"]));
    }

    #[test]
    fn strength_leads_from_what_was_there_to_the_pattern() {
        let before = Arc::new(Images::filled(2, 16, 24, [1.0, 0.0, 0.25]).expect("fits"));
        let under = || Paint::Picture(before.clone());
        assert!(&sampled("x", under(), 0.0).decode().expect("fits") == before.as_ref());
        let [half, whole] = [0.5, 1.0].map(|strength| sampled("x", under(), strength).decode().expect("fits"));
        assert!(whole == sampled("x", Paint::Empty, 1.0).decode().expect("fits"));
        assert_eq!(half.values[0], 0.5 * whole.values[0] + 0.5);
    }

    #[test]
    fn a_preview_has_the_size_of_the_latent_and_clears_up() {
        let latent = sampled("x", Paint::Empty, 1.0);
        let [first, last] = [0.0, 1.0].map(|clear| latent.preview(clear));
        assert_eq!(first.dimensions(), (3, 2));
        assert!(first != last);
        assert_eq!(
            last.get_pixel(0, 0).0,
            latent.colour(0, Place { x: 0, y: 0, width: 3, height: 2 }).map(|part| (255.0 * part) as u8)
        );
    }
}
