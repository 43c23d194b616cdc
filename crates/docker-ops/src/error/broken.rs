//! What it means when no answer comes, or not a whole one.

use std::{error::Error as StdError, io};

use tokio_rustls::rustls;

use super::{Error, ErrorKind};
use crate::wire::SshEnded;

impl Error {
    /// What bollard says, about `operand`: what was asked for, in words, such as "container `x`".
    pub(crate) fn of(operand: impl AsRef<str>, error: bollard::errors::Error) -> Error {
        use bollard::errors::Error as Theirs;
        let operand = operand.as_ref();
        match error {
            Theirs::DockerResponseServerError { status_code, message } => Error::answered(operand, status_code, &message),
            Theirs::RequestTimeoutError => Error::late(operand),
            Theirs::HyperLegacyError { err } => Error::unsent(operand, err),
            Theirs::HyperResponseError { err } => Error::cut(operand, err),
            Theirs::IOError { err } => Error::cut(operand, err),
            Theirs::DockerStreamError { ref error } => {
                let error = error.clone();
                Error::new(ErrorKind::Server, format!("{operand}: the engine failed")).because(error)
            }
            error @ (Theirs::JsonDataError { .. } | Theirs::JsonSerdeError { .. } | Theirs::StrParseError { .. }) => {
                Error::new(ErrorKind::Protocol, format!("{operand}: the answer is not what an engine sends")).because(error)
            }
            error => Error::new(ErrorKind::InvalidConfig, format!("{operand}: it can't be asked for")).because(error),
        }
    }

    /// No answer in time.
    pub(crate) fn late(operand: &str) -> Error {
        Error::new(ErrorKind::Timeout, format!("{operand}: the engine did not answer in time"))
            .hint("see whether the engine is busy or hangs: its log says more (`journalctl --unit docker`)")
    }

    /// The answer began, and did not come to its end.
    pub(crate) fn cut(operand: &str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Broken, format!("{operand}: the connection to the engine broke")).because(error)
    }

    /// No answer began.
    pub(crate) fn unsent(operand: &str, error: hyper_util::client::legacy::Error) -> Error {
        let under = under(&error);
        // The other side looks at our certificate when the connection is up already.
        if !error.is_connect() && !matches!(under, Under::Ssh | Under::Tls) {
            return Error::cut(operand, error);
        }
        let (kind, message, hints): (_, _, &[&str]) = match under {
            Under::Ssh => (
                ErrorKind::NoEngine,
                "no engine answers through ssh",
                &["try `ssh HOST docker system dial-stdio`: it must log in without a question, and find `docker` there"],
            ),
            Under::Tls => (
                ErrorKind::Untrusted,
                "the engine's certificate, or ours, is not trusted",
                &[
                    "see that `ca.pem`, `cert.pem` and `key.pem` belong to this engine, and that its certificate names this address",
                ],
            ),
            Under::Io(io::ErrorKind::PermissionDenied) => (
                ErrorKind::NoPermission,
                "this user may not open the engine's socket",
                &[
                    "add the user to the group `docker` (`sudo usermod --append --groups docker USER`) and log in again; that group is as \
                     good as root",
                    "or run Docker in rootless mode",
                ],
            ),
            Under::Io(io::ErrorKind::TimedOut) => (ErrorKind::Timeout, "the engine's address does not answer", &[]),
            Under::Io(io::ErrorKind::NotFound) => (
                ErrorKind::NoEngine,
                "no engine is there",
                &["start Docker Engine (`sudo systemctl start docker`), or name another endpoint with `--host` or `DOCKER_HOST`"],
            ),
            Under::Io(io::ErrorKind::ConnectionRefused) => (
                ErrorKind::NoEngine,
                "nobody listens",
                &["the engine has stopped: start it (`sudo systemctl start docker`), and see its log if it does not stay"],
            ),
            Under::Io(_) => (ErrorKind::NoEngine, "the engine can't be reached", &[]),
        };
        // The dial's own words name the endpoint; hyper's, above them, say nothing more.
        let cause = causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(ToString::to_string);
        let failed = hints.iter().fold(Error::new(kind, format!("{operand}: {message}")), |error, hint| error.hint(*hint));
        match cause {
            Some(cause) => failed.because(cause),
            None => failed.because(error),
        }
    }
}

/// What lies under a connection that did not come to be.
enum Under {
    Ssh,
    Tls,
    Io(io::ErrorKind),
}

fn under(error: &(dyn StdError + 'static)) -> Under {
    let mut found = Under::Io(io::ErrorKind::Other);
    for cause in causes(error) {
        if cause.is::<SshEnded>() {
            return Under::Ssh;
        }
        if cause.is::<rustls::Error>() {
            return Under::Tls;
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            found = Under::Io(io.kind());
        }
    }
    found
}

/// The chain of causes. What an `io::Error` wraps is its `get_ref`: its `source` skips it.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| {
        match (*error).downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => (*error).source(),
        }
    })
}
