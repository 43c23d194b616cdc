//! A connection that is the engine's HTTP at first, and the command's input and output then.

use bytes::Bytes;
use hyper::upgrade::Upgraded;

use crate::{Engine, Error, ErrorKind};

impl Engine {
    /// Asks for the connection itself.
    pub(super) async fn upgraded(&self, path: &str, body: Bytes, what: &str) -> Result<Upgraded, Error> {
        let answer = self.send_to_upgrade(path, body).await?;
        hyper::upgrade::on(answer)
            .await
            .map_err(|error| Error::new(ErrorKind::Protocol, format!("the engine gave no connection to `{what}`")).because(error))
    }
}
