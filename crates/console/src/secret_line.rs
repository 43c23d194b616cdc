//! Reads a secret from standard input, since an argument can be seen by everybody on the machine.

use std::io::{self, BufRead, IsTerminal};

use report::{Failure, FailureKind};

/// The first line of standard input, without its line end.
///
/// # Errors
/// No line came, or it is not UTF-8; on a terminal, where typing would show it.
pub fn read_secret_line() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new(FailureKind::Usage, "standard input is a terminal, which would show the secret")
            .hint("pipe it in: `genai-auth … < FILE`"));
    }
    first_line(stdin.lock())
}

fn first_line(mut input: impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(0) => Err(Failure::new(FailureKind::Usage, "standard input is empty").hint("pipe the secret in as its first line")),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Err(Failure::new(FailureKind::Usage, format!("can't read a line from standard input: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_no_more() {
        assert_eq!(first_line(&b"pass word\r\nrest\n"[..]).unwrap(), "pass word");
        assert_eq!(first_line(&b"no end"[..]).unwrap(), "no end");
        assert_eq!(first_line(&b""[..]).unwrap_err().kind, FailureKind::Usage);
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }
}
