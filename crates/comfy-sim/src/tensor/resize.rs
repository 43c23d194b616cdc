//! New sizes for pictures, by the five methods of `ImageScale`, to the bit.
//!
//! `torch.nn.functional.interpolate` works in 32-bit floats and fuses each multiplication with the addition behind it
//! where the processor can (any x86 server of the last ten years); Pillow's Lanczos works in 8-bit integers.

mod area;
mod lanczos;
mod nearest;
mod taps;

/// How a picture is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    NearestExact,
    Bilinear,
    Area,
    Bicubic,
    Lanczos,
}

/// Height and width.
pub(crate) type Size = (usize, usize);

/// The colours of one pixel lie side by side.
pub(crate) const CHANNELS: usize = 3;

impl Method {
    /// The method of this name, as prompts call it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "nearest-exact" => Self::NearestExact,
            "bilinear" => Self::Bilinear,
            "area" => Self::Area,
            "bicubic" => Self::Bicubic,
            "lanczos" => Self::Lanczos,
            _ => return None,
        })
    }

    /// Fills `to` with the picture `from`. No side of either is zero.
    pub(crate) fn scale(self, from: &[f32], old: Size, to: &mut [f32], new: Size) {
        match self {
            Self::NearestExact => nearest::scale(from, old, to, new),
            Self::Bilinear => taps::bilinear(from, old, to, new),
            Self::Area => area::scale(from, old, to, new),
            Self::Bicubic => taps::bicubic(from, old, to, new),
            Self::Lanczos => lanczos::scale(from, old, to, new),
        }
    }
}

/// `a * b + c`, rounded once. In 64 bits the product is exact, so that one rounding is all but always the only one; and
/// unlike `mul_add` it needs no instruction that the target may lack.
#[inline]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    (f64::from(a) * f64::from(b) + f64::from(c)) as f32
}
