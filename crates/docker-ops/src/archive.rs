//! Files out of a container, whether it runs or not.

use bytes::Bytes;
use http::Method;
use url::form_urlencoded::Serializer;

use crate::{Engine, Error, ErrorKind, ask::whole, standing::named};

impl Engine {
    /// What lies at `path` in `container`, its mounts included, as a tape archive whose names begin with the last part of `path`; `None`
    /// if nothing does. A link is not followed. More than 64 MiB are refused.
    ///
    /// # Errors
    /// What befalls a connection; the engine refuses.
    pub async fn archive(&self, container: &str, path: &str) -> Result<Option<Bytes>, Error> {
        let query = Serializer::new(String::new()).append_pair("path", path).finish();
        let asked = format!("/containers/{}/archive?{query}", named(container)?);
        match self.ask(Method::GET, &asked, Bytes::new(), path).await {
            Ok(answer) => whole(answer, path).await.map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
