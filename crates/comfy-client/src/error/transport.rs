//! From the HTTP library's errors to ours, without the address, which may hold a token.

use super::{Error, ErrorKind};

impl Error {
    /// An error of the HTTP library while asking `base`.
    pub(crate) fn transport(base: &str, cause: reqwest::Error) -> Self {
        let cause = cause.without_url();
        if let Some(ours) = inside::<Self>(&cause) {
            return ours.clone();
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = inside(&cause) {
            return Self::new(ErrorKind::InvalidConfig, format!("the certificate of `{base}` is not trusted"))
                .because(cause)
                .hint("an authority of your own is named with `root_certificates`");
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

/// An error of this type among the causes of theirs: our own, of a file that could not be sent as it was measured, or one
/// of TLS.
fn inside<E: std::error::Error + 'static>(cause: &reqwest::Error) -> Option<&E> {
    let mut next = std::error::Error::source(cause);
    while let Some(cause) = next {
        if let found @ Some(_) = cause.downcast_ref() {
            return found;
        }
        // The system's errors pass over what they wrap.
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(system) => system.get_ref().map(|wrapped| wrapped as &(dyn std::error::Error + 'static)),
            None => cause.source(),
        };
    }
    None
}
