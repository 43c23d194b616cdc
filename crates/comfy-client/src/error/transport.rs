//! From the HTTP library's errors to ours, without the address, which may hold a token.

use super::{Error, ErrorKind};

impl Error {
    /// An error of the HTTP library while asking `base`.
    pub(crate) fn transport(base: &str, cause: reqwest::Error) -> Self {
        let cause = cause.without_url();
        if let Some(ours) = ours(&cause) {
            return ours;
        }
        let (kind, message) = if cause.is_timeout() {
            (ErrorKind::Timeout, format!("no answer from `{base}` in time"))
        } else if cause.is_connect() {
            (ErrorKind::Unreachable, format!("cannot connect to `{base}`"))
        } else if cause.is_builder() {
            (ErrorKind::InvalidConfig, "the request cannot be built".to_owned())
        } else {
            (ErrorKind::Unreachable, format!("the connection to `{base}` broke"))
        };
        let sent = !(cause.is_connect() || cause.is_builder());
        let error = Self::new(kind, message).sent(sent).because(cause);
        match kind {
            ErrorKind::Unreachable if !sent => error.hint("is ComfyUI running, and is this its address and port?"),
            _ => error,
        }
    }

    /// Our own clock ran out while asking `base`.
    pub(crate) fn out_of_time(base: &str, limit: std::time::Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no answer from `{base}` within {limit:?}")).sent(true)
    }
}

/// Our own error inside of theirs: a file that could not be sent as it was measured.
fn ours(cause: &reqwest::Error) -> Option<Error> {
    let mut next = std::error::Error::source(cause);
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        next = cause.source();
    }
    None
}
