//! Pictures as ComfyUI holds them: 32-bit floats from 0 to 1, laid out as batch, height, width, channel.

use crate::py::Raised;

/// The most bytes of one tensor; a larger one fails as it does where memory runs out.
const MAX_BYTES: u64 = 2 << 30;

/// A batch of RGB pictures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Images {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `batch * height * width * 3` values.
    pub(crate) values: Vec<f32>,
}

/// One value per pixel: 1 where a picture is transparent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mask {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
}

impl Images {
    /// Every pixel the same.
    pub(crate) fn filled(batch: u64, height: u64, width: u64, rgb: [f32; 3]) -> Result<Self, Raised> {
        let pixels = [batch, height, width].into_iter().try_fold(1, u64::checked_mul);
        let bytes = pixels.and_then(|n| n.checked_mul(12)).unwrap_or(u64::MAX);
        let Some(pixels) = pixels.filter(|_| bytes <= MAX_BYTES).and_then(|n| usize::try_from(n).ok()) else {
            return Err(Raised::new(
                "RuntimeError",
                format!(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes} bytes. \
                     Error code 12 (Cannot allocate memory)"
                ),
            ));
        };
        // Each factor of a product that fits fits too.
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let values = std::iter::repeat_n(rgb, pixels).flatten().collect();
        Ok(Self { batch: size(batch), height: size(height), width: size(width), values })
    }

    /// One picture from its bytes.
    pub(crate) fn from_rgb8(width: usize, height: usize, bytes: &[u8]) -> Self {
        Self { batch: 1, height, width, values: bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect() }
    }

    /// The pictures of the batch as bytes: scaled in 32 bits, clipped, and cut, not rounded.
    pub(crate) fn rgb8(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let size = self.height * self.width * 3;
        self.values
            .chunks_exact(size.max(1))
            .map(|picture| picture.iter().map(|value| (255.0 * value).clamp(0.0, 255.0) as u8).collect())
    }

    pub(crate) fn shape(&self) -> [usize; 4] {
        [self.batch, self.height, self.width, 3]
    }
}

impl Mask {
    /// The mask of a picture without transparency.
    pub(crate) fn none() -> Self {
        Self { height: 64, width: 64, values: vec![0.0; 64 * 64] }
    }

    pub(crate) fn from_alpha(width: usize, height: usize, alpha: impl Iterator<Item = u8>) -> Self {
        Self { height, width, values: alpha.map(|byte| 1.0 - f32::from(byte) / 255.0).collect() }
    }

    pub(crate) fn shape(&self) -> [usize; 3] {
        [1, self.height, self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        let bytes: Vec<u8> = (0..=255).flat_map(|b| [b, b, b]).collect();
        let images = Images::from_rgb8(16, 16, &bytes);
        let back: Vec<u8> = images.rgb8().flatten().collect();
        // x / 255 * 255 in 32 bits falls below x for none of the 256 bytes.
        assert_eq!(back, bytes);
    }

    #[test]
    fn values_are_clipped_and_cut() {
        let images = Images { batch: 1, height: 1, width: 1, values: vec![-0.5, 0.999, 7.0] };
        assert_eq!(images.rgb8().next(), Some(vec![0, 254, 255]));
    }

    #[test]
    fn what_no_memory_holds_fails() {
        assert!(Images::filled(4096, 16_384, 16_384, [0.0; 3]).is_err());
        assert!(Images::filled(u64::MAX, 2, 2, [0.0; 3]).is_err());
        assert_eq!(Images::filled(2, 3, 4, [0.5; 3]).map(|i| i.values.len()), Ok(72));
    }
}
