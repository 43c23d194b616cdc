//! `disk-sufficient`: there is room where images, models and pictures go.

use docker_ops::Space;
use report::{CheckId, Finding, Unit};

use super::{fail, pass, skipped, warn};

pub(super) const ID: CheckId = CheckId("disk-sufficient");

/// Less than this ends in half-written pictures and an engine that can't write its own files.
const LEAST: u64 = 1 << 30;
/// Less than this is soon used up.
const LITTLE: u64 = 10 << 30;

/// Judges the space of each place; empty where the places are on another machine.
pub(crate) fn judge(seen: &[(String, Space)]) -> Finding {
    let Some((tightest, space)) = seen.iter().min_by_key(|(_, space)| space.free) else {
        return skipped(ID, "not looked at", "the engine may be on another machine");
    };
    let left = format!("`{tightest}` has {:.1} GiB left", gib(space.free));
    let finding = match space.free {
        free if free < LEAST => fail(ID, left).hint("make room: `docker system df` shows what images and containers take"),
        free if free < LITTLE => warn(ID, left).hint("a model or an image can be larger than that"),
        _ => pass(ID, left),
    };
    seen.iter().fold(finding, |finding, (place, space)| finding.measure(place, space.free as f64, Unit::Bytes))
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_place_decides() {
        let space = |free| Space { free, total: 100 << 30 };
        let of = |free| judge(&[("/a".into(), space(50 << 30)), ("/b".into(), space(free))]);
        assert_eq!(of(20 << 30).outcome.name(), "pass");
        assert_eq!(of(5 << 30).outcome.name(), "warn");
        assert_eq!((of(1 << 29).outcome.name(), of(1 << 29).summary.as_str()), ("fail", "`/b` has 0.5 GiB left"));
        assert_eq!(judge(&[]).outcome.name(), "skipped");
    }
}
