//! What happens to the containers of a project, until nobody wants to hear more.

use std::ops::ControlFlow;

use docker_ops::{Engine, EventQuery, Told};
use jiff::{SignedDuration, Timestamp};
use report::{Failure, FailureKind};

use super::failure;

/// Which of the project's events are wanted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The project's name.
    pub project: String,
    /// From when on; from now on if `None`.
    pub since: Option<Timestamp>,
    /// Until when; without end if `None`.
    pub until: Option<Timestamp>,
}

/// Tells what happens until `until`, or until `tell` breaks.
///
/// # Errors
/// An engine that refuses. One that goes away is told, and waited for.
pub async fn run(engine: &Engine, options: &Options, tell: &mut dyn FnMut(Told) -> ControlFlow<()>) -> Result<(), Failure> {
    let labels = vec![format!("com.docker.compose.project={}", options.project)];
    let query = EventQuery { labels, since: options.since, until: options.until };
    let mut events = engine.events(query).await.map_err(|error| failure(&error))?;
    while let Some(told) = events.next().await.map_err(|error| failure(&error))? {
        if tell(told).is_break() {
            break;
        }
    }
    Ok(())
}

/// A moment as people write it: `10m` ago, or a time such as `2026-01-02T03:04:05Z`.
///
/// # Errors
/// What is neither.
pub fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = || now.checked_sub(text.parse::<SignedDuration>().ok()?).ok();
    text.parse().ok().or_else(ago).ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("`{}` is no moment", text.escape_debug()))
            .hint("write how long ago, such as `10m` or `1h 30m`, or a time, such as `2026-01-02T03:04:05Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let now = Timestamp::from_second(1_767_225_600).unwrap();
        for (text, expected) in [
            ("10m", Some(1_767_225_000)),
            ("1h 30m", Some(1_767_220_200)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(moment(text, now).ok().map(Timestamp::as_second), expected, "{text}");
        }
    }
}
