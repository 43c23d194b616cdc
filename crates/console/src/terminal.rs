//! The person's own terminal, lent to a command that runs elsewhere; and bytes that are a command's own.

use std::io::{self, Write};

use rustix::termios::{self, OptionalActions, Termios};

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

/// Writes what a command wrote, byte by byte, to standard output or standard error. False when nobody reads any more.
pub fn pass_on(bytes: &[u8], to_error: bool) -> bool {
    let written = if to_error {
        io::stderr().write_all(bytes)
    } else {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    };
    written.is_ok()
}
