//! The numbers of a tensor, counted: what all tensors of the process take together has a limit.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::py::Raised;

/// The most bytes of all tensors together; whoever asks for more gets the exception that torch raises where memory runs
/// out. ComfyUI itself asks the system, and may end there.
pub(crate) const LIMIT: u64 = 4 << 30;

/// The bytes in use. Memory belongs to the process, so the count does too.
static USED: AtomicU64 = AtomicU64::new(0);

/// Numbers that count for as long as they live.
#[derive(Debug, PartialEq)]
pub(crate) struct Values(Vec<f32>);

impl Values {
    /// Zeros for a tensor of this shape.
    pub(crate) fn zeros(shape: &[usize]) -> Result<Self, Raised> {
        let bytes = shape.iter().try_fold(4_u64, |bytes, side| bytes.checked_mul(u64::try_from(*side).ok()?));
        let bytes = bytes.ok_or_else(|| too_much(u64::MAX))?;
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= LIMIT);
        USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| too_much(bytes))?;
        Ok(Self(vec![0.0; shape.iter().product()]))
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        USED.fetch_sub(4 * self.0.len() as u64, Ordering::Relaxed);
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

/// What torch says where the system has no memory left.
pub(crate) fn too_much(bytes: u64) -> Raised {
    Raised::new(
        "RuntimeError",
        format!(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
             allocate {bytes} bytes. Error code 12 (Cannot allocate memory)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_no_more_than_the_limit_is_given() {
        let quarter = usize::try_from(LIMIT / 16).expect("fits");
        for _ in 0..9 {
            // Nobody writes to them, so the system never hands the pages out.
            Values::zeros(&[1, quarter]).expect("fits, since the one before is gone");
        }
        for (shape, bytes) in [(vec![5, quarter], 5 * LIMIT / 4), (vec![1 << 32, 1 << 32], u64::MAX)] {
            assert_eq!(Values::zeros(&shape), Err(too_much(bytes)));
        }
    }
}
