//! From the HTTP library's errors to ours, without the address, which may hold a token.

use std::error::Error as StdError;
use std::iter::successors;

use super::{Error, ErrorKind, Setting};

/// What the HTTP library says where a proxy answers 407 to CONNECT. Its type for that is not public.
const TUNNEL_REFUSED: &str = "tunnel error: proxy authorization required";

impl Error {
    /// An error of the HTTP library while asking `base`.
    pub(crate) fn transport(base: &str, cause: reqwest::Error) -> Self {
        let cause = cause.without_url();
        if let Some(ours) = inside::<Self>(&cause) {
            return ours.clone();
        }
        if causes(&cause).any(|cause| cause.to_string() == TUNNEL_REFUSED) {
            return Self::proxy_login(base).sent(false).because(cause);
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = inside(&cause) {
            return Self::new(ErrorKind::InvalidConfig, format!("the certificate of `{base}` is not trusted"))
                .because(cause)
                .hint_at(Setting::RootCertificates);
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

    /// The proxy before `base` answers 407.
    pub(crate) fn proxy_login(base: &str) -> Self {
        Self::new(ErrorKind::Refused, format!("the proxy on the way to `{base}` wants a login"))
            .with_status(407)
            .hint_at(Setting::ProxyLogin)
    }

    /// Whether the other end's system says that no program listens there.
    pub(crate) fn nobody_listens(&self) -> bool {
        let refused = |cause: &(dyn StdError + 'static)| {
            cause.downcast_ref().is_some_and(|system: &std::io::Error| system.kind() == std::io::ErrorKind::ConnectionRefused)
        };
        causes(self).any(refused)
    }

    /// Our own clock ran out while asking `base`.
    pub(crate) fn out_of_time(base: &str, limit: std::time::Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no answer from `{base}` within {limit:?}")).sent(true)
    }
}

/// An error of this type among the causes of theirs: our own, of a file that could not be sent as it was measured, or one
/// of TLS.
fn inside<E: StdError + 'static>(cause: &reqwest::Error) -> Option<&E> {
    causes(cause).find_map(|cause| cause.downcast_ref())
}

fn causes(error: &impl StdError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    successors(error.source(), |&cause| match cause.downcast_ref::<std::io::Error>() {
        // The system's errors pass over what they wrap.
        Some(system) => system.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static)),
        None => cause.source(),
    })
}
