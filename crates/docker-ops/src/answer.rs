//! An answer that may be "no such thing".

use bollard::errors::Error as Said;

use crate::Error;

/// `None` where the engine knows no `operand`, such as "container `x`".
pub(crate) fn known<T>(operand: impl AsRef<str>, answer: Result<T, Said>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Said::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(said) => Err(Error::of(operand, said)),
    }
}
