//! What containers write, line by line: nothing lost, nothing twice.
//!
//! How the stream is framed is taken from the container's own settings, never guessed. A line that the engine cut into pieces is whole
//! again. While it is followed the engine's stream is not taken on trust: while files are changed it leaves some out, gives some twice, or
//! falls silent; it may end while the container lives, or last when it ended; and it drops what a process wrote last without a line end. So
//! it only says when to read what is kept; silence is looked into, and the end is read once the container ended.

mod follow;
mod frames;
mod lines;
mod project;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

pub use frames::Channel;
pub(crate) use frames::{Frames, Part};
pub use lines::LineEnd;
pub use project::LogsEvent;

use crate::{Engine, Error, ErrorKind};

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Go on until the container is gone for good, or nobody reads.
    pub follow: bool,
    /// So many lines that are there already; all if `None`.
    pub tail: Option<u32>,
    /// None from before this, to the nanosecond.
    pub since: Option<Timestamp>,
    /// None from after this, to the nanosecond.
    pub until: Option<Timestamp>,
}

/// A line that a container wrote, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The container's id.
    pub container: Arc<str>,
    /// Which of its outputs.
    pub channel: Channel,
    /// When the engine got it. The two outputs of a container are not ordered with each other.
    pub at: Option<Timestamp>,
    /// What was written: any bytes.
    pub text: Vec<u8>,
    /// How it ends.
    pub end: LineEnd,
}

impl LogLine {
    /// What a terminal would show in the end: of a progress bar, which begins its line again and again, the last state.
    #[must_use]
    pub fn settled(&self) -> &[u8] {
        let mut states = self.text.rsplit(|byte| *byte == b'\r');
        states.find(|state| !state.is_empty()).unwrap_or_default()
    }
}

impl Engine {
    /// Gives every line that `query` wants to `lines`, until there is none left or the receiver is closed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unsupported`] where the engine keeps no output, or can't read it back; and what stops any
    /// request.
    pub async fn logs(&self, container: &str, query: LogQuery, lines: &mpsc::Sender<LogLine>) -> Result<(), Error> {
        self.logs_until(container, query, lines).await.map(drop)
    }

    /// The same, and up to when they were read.
    async fn logs_until(
        &self,
        container: &str,
        query: LogQuery,
        lines: &mpsc::Sender<LogLine>,
    ) -> Result<Option<Timestamp>, Error> {
        let standing = self.standing(container).await?;
        if standing.log_driver == "none" {
            let message = format!("the engine keeps nothing of what `{container}` writes: its log driver is `none`");
            return Err(Error::new(ErrorKind::Unsupported, message).hint("run it with another log driver, such as `json-file`"));
        }
        follow::Reader::new(self, &standing, query, lines).run().await
    }

    /// The last lines that the container wrote, each as a terminal would show it in the end; empty ones are left out. They may hold
    /// secrets.
    ///
    /// # Errors
    /// Those of [`Engine::logs`].
    pub async fn last_lines(&self, container: &str, most: u32) -> Result<Vec<String>, Error> {
        let lines = self.last_timed_lines(container, LogQuery { tail: Some(most), ..LogQuery::default() }).await?;
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    /// The same, of what `query` wants, and when each was written.
    pub(crate) async fn last_timed_lines(
        &self,
        container: &str,
        query: LogQuery,
    ) -> Result<Vec<(Option<Timestamp>, String)>, Error> {
        let (sender, mut lines) = mpsc::channel(16);
        let read = async move { self.logs(container, query, &sender).await };
        let collect = async {
            let mut shown = Vec::new();
            while let Some(line) = lines.recv().await {
                shown.push((line.at, String::from_utf8_lossy(line.settled()).trim_end().to_owned()));
            }
            shown.retain(|(_, line)| !line.is_empty());
            shown
        };
        let (read, shown) = tokio::join!(read, collect);
        read.map(|()| shown)
    }
}

/// For fuzzing: reads `bytes` as a container's log in pieces of `size`, and gives how many lines it holds.
///
/// # Errors
/// Bytes that no engine sends.
#[doc(hidden)]
pub fn fuzz_lines(bytes: &[u8], tty: bool, size: usize) -> Result<Vec<(Channel, Vec<u8>)>, Error> {
    let (mut lines, mut all) = (lines::Lines::new(tty), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        lines.push(piece, &mut |line| all.push((line.channel, line.text)))?;
    }
    lines.finish(&mut |line| all.push((line.channel, line.text)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_progress_bar_the_last_state_is_left() {
        let settled = |text: &str| {
            let line =
                LogLine { container: "c".into(), channel: Channel::Stdout, at: None, text: text.into(), end: LineEnd::Newline };
            String::from_utf8(line.settled().to_vec()).unwrap()
        };
        assert_eq!(settled("plain"), "plain");
        assert_eq!(settled("  0%\r 50%\r100%"), "100%");
        assert_eq!(settled("from a terminal\r"), "from a terminal");
        assert_eq!(settled("\r\r"), "");
    }
}
