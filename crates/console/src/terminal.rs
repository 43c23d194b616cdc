//! The person's own terminal, lent to a command that runs elsewhere; and bytes that are a command's own.

use std::io;

use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// While it lives, each key goes to the command, Ctrl-C too.
#[derive(Debug)]
pub struct Lent(Termios);

/// Lends the terminal on standard input, if there is one.
#[must_use]
pub fn lend_terminal() -> Option<Lent> {
    let before = termios::tcgetattr(io::stdin()).ok()?;
    let mut raw = before.clone();
    raw.make_raw();
    termios::tcsetattr(io::stdin(), OptionalActions::Flush, &raw).ok()?;
    Some(Lent(before))
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Columns and rows of the terminal on standard output; 80 and 24 if there is none.
#[must_use]
pub fn terminal_size() -> (u16, u16) {
    let size = termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or((80, 24), |size| (size.ws_col, size.ws_row))
}

/// Writes what a command wrote, byte by byte, to standard output or standard error. Who does not read it holds up nobody but this.
///
/// # Errors
/// As the system says; a broken pipe when nobody reads any more.
pub async fn pass_on(bytes: &[u8], to_error: bool) -> io::Result<()> {
    async fn written(mut to: impl AsyncWrite + Unpin, bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes).await?;
        to.flush().await
    }
    if to_error { written(tokio::io::stderr(), bytes).await } else { written(tokio::io::stdout(), bytes).await }
}
