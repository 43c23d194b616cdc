//! Moments as people write them.

use jiff::{SignedDuration, Timestamp};
use report::{Failure, FailureKind};

/// So long before `now` (`10m`), or a time (`2026-01-02T03:04:05Z`).
///
/// # Errors
/// What is neither.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = || text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative()).and_then(|ago| now.checked_sub(ago).ok());
    text.parse().ok().or_else(ago).ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("`{}` is no moment", text.escape_debug()))
            .hint("write how long ago, such as `10m` or `1h 30m`, or a time, such as `2026-01-02T03:04:05Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now = Timestamp::from_second(1_767_225_600).unwrap();
        for (text, expected) in [
            ("10m", Some("2025-12-31T23:50:00Z")),
            ("1h 30m", Some("2025-12-31T22:30:00Z")),
            ("2026-01-02T03:04:05.000000006+01:00", Some("2026-01-02T02:04:05.000000006Z")),
            ("soon", None),
            ("", None),
            ("-5m", None),
            ("10", None),
        ] {
            assert_eq!(moment(text, now).ok().map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
