//! Pictures and masks as ComfyUI holds them: 32-bit floats from 0 to 1, laid out as batch, height, width, channel.

pub(crate) mod resize;
mod values;

use crate::py::Raised;
pub(crate) use resize::CHANNELS;
use resize::{Method, Size};
pub(crate) use values::{LIMIT, Values, too_much};

/// A batch of RGB pictures.
#[derive(Debug, PartialEq)]
pub(crate) struct Images {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `batch * height * width * 3` values.
    pub(crate) values: Values,
}

/// A batch of one value per pixel; a picture's own mask is 1 where it is transparent.
#[derive(Debug, PartialEq)]
pub(crate) struct Mask {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `batch * height * width` values.
    pub(crate) values: Values,
}

impl Images {
    /// Black pictures.
    pub(crate) fn zeros(batch: usize, height: usize, width: usize) -> Result<Self, Raised> {
        Ok(Self { batch, height, width, values: Values::zeros(&[batch, height, width, CHANNELS])? })
    }

    /// Every pixel the same.
    pub(crate) fn filled(batch: u64, height: u64, width: u64, rgb: [f32; 3]) -> Result<Self, Raised> {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let mut images = Self::zeros(size(batch), size(height), size(width))?;
        images.values.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.copy_from_slice(&rgb));
        Ok(images)
    }

    /// One picture from its bytes.
    #[cfg(test)]
    pub(crate) fn from_rgb8(width: usize, height: usize, bytes: &[u8]) -> Result<Self, Raised> {
        let mut images = Self::zeros(1, height, width)?;
        floats(bytes, &mut images.values);
        Ok(images)
    }

    /// The pictures one by one, as their values.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact((self.height * self.width * CHANNELS).max(1))
    }

    /// The pictures of the batch as bytes.
    pub(crate) fn rgb8(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.pictures().map(bytes)
    }

    /// One picture of the batch as bytes, without a look at the others.
    pub(crate) fn rgb8_at(&self, at: usize) -> Option<Vec<u8>> {
        self.pictures().nth(at).map(bytes)
    }

    /// One minus every value.
    pub(crate) fn inverted(&self) -> Result<Self, Raised> {
        let mut to = Self::zeros(self.batch, self.height, self.width)?;
        invert(&self.values, &mut to.values);
        Ok(to)
    }

    /// What lies from `left` and `top` on, at most so wide and high.
    pub(crate) fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> Result<Self, Raised> {
        let (left, top) = (left.min(self.width), top.min(self.height));
        let (width, height) = (width.min(self.width - left), height.min(self.height - top));
        let mut to = Self::zeros(self.batch, height, width)?;
        let rows = self.pictures().flat_map(|picture| {
            let rows = picture.chunks_exact((self.width * CHANNELS).max(1)).skip(top).take(height);
            rows.map(|row| &row[left * CHANNELS..(left + width) * CHANNELS])
        });
        for (row, line) in rows.zip(to.values.chunks_exact_mut((width * CHANNELS).max(1))) {
            line.copy_from_slice(row);
        }
        Ok(to)
    }

    /// The pictures in another size; no side of either size is zero.
    pub(crate) fn scaled(&self, method: Method, (height, width): Size) -> Result<Self, Raised> {
        let mut to = Self::zeros(self.batch, height, width)?;
        for (from, to) in self.pictures().zip(to.values.chunks_exact_mut(height * width * CHANNELS)) {
            method.scale(from, (self.height, self.width), to, (height, width));
        }
        Ok(to)
    }

    /// These pictures and then the others, which have the same size.
    pub(crate) fn followed_by(&self, other: &Self) -> Result<Self, Raised> {
        let mut to = Self::zeros(self.batch + other.batch, self.height, self.width)?;
        let (first, second) = to.values.split_at_mut(self.values.len());
        first.copy_from_slice(&self.values);
        second.copy_from_slice(&other.values);
        Ok(to)
    }

    /// One channel as masks.
    pub(crate) fn channel(&self, channel: usize) -> Result<Mask, Raised> {
        let mut mask = Mask::zeros(self.batch, self.height, self.width)?;
        for (value, pixel) in mask.values.iter_mut().zip(self.values.chunks_exact(CHANNELS)) {
            *value = pixel[channel];
        }
        Ok(mask)
    }

    pub(crate) fn size(&self) -> Size {
        (self.height, self.width)
    }

    pub(crate) fn shape(&self) -> [usize; 4] {
        [self.batch, self.height, self.width, CHANNELS]
    }
}

impl Mask {
    pub(crate) fn zeros(batch: usize, height: usize, width: usize) -> Result<Self, Raised> {
        Ok(Self { batch, height, width, values: Values::zeros(&[batch, height, width])? })
    }

    /// One minus every value.
    pub(crate) fn inverted(&self) -> Result<Self, Raised> {
        let mut to = Self::zeros(self.batch, self.height, self.width)?;
        invert(&self.values, &mut to.values);
        Ok(to)
    }

    /// Grey pictures of the masks.
    pub(crate) fn pictures(&self) -> Result<Images, Raised> {
        let mut images = Images::zeros(self.batch, self.height, self.width)?;
        for (pixel, value) in images.values.chunks_exact_mut(CHANNELS).zip(self.values.iter()) {
            pixel.fill(*value);
        }
        Ok(images)
    }

    pub(crate) fn shape(&self) -> [usize; 3] {
        [self.batch, self.height, self.width]
    }
}

/// A value as a byte: scaled in 32 bits, clipped, and cut, not rounded. The way over `i32` is one that compilers do for many
/// values at once.
pub(crate) fn byte(value: f32) -> u8 {
    (255.0 * value).clamp(0.0, 255.0) as i32 as u8
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().copied().map(byte).collect()
}

/// Bytes as values.
pub(crate) fn floats(bytes: &[u8], to: &mut [f32]) {
    for (value, byte) in to.iter_mut().zip(bytes) {
        *value = f32::from(*byte) / 255.0;
    }
}

fn invert(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = 1.0 - from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        let bytes: Vec<u8> = (0..=255).flat_map(|b| [b, b, b]).collect();
        let images = Images::from_rgb8(16, 16, &bytes).expect("fits");
        let back: Vec<u8> = images.rgb8().flatten().collect();
        assert_eq!((images.rgb8_at(0).as_ref(), images.rgb8_at(1)), (Some(&back), None));
        // x / 255 * 255 in 32 bits falls below x for none of the 256 bytes.
        assert_eq!(back, bytes);
    }

    #[test]
    fn values_are_clipped_and_cut() {
        assert_eq!([-0.5, 0.999, 7.0].map(byte), [0, 254, 255]);
    }

    #[test]
    fn what_no_memory_holds_fails() {
        assert!(Images::filled(4096, 16_384, 16_384, [0.0; 3]).is_err());
        assert!(Images::filled(u64::MAX, 2, 2, [0.0; 3]).is_err());
        assert_eq!(Images::filled(2, 3, 4, [0.5; 3]).map(|i| i.values.len()), Ok(72));
    }

    #[test]
    fn a_crop_ends_where_the_picture_ends() {
        let bytes: Vec<u8> = (0..24).collect();
        let images = Images::from_rgb8(4, 2, &bytes).expect("fits");
        let part = images.cropped(2, 1, 9, 9).expect("fits");
        assert_eq!(part.shape(), [1, 1, 2, 3]);
        assert_eq!(part.rgb8().next(), Some((18..24).collect()));
    }
}
