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
    /// [`ErrorKind::NotFound`] without such a container; what befalls a connection; the engine refuses.
    pub async fn archive(&self, container: &str, path: &str) -> Result<Option<Bytes>, Error> {
        let query = Serializer::new(String::new()).append_pair("path", path).finish();
        let asked = format!("/containers/{}/archive?{query}", named(container)?);
        match self.ask(Method::GET, &asked, Bytes::new(), path).await {
            Ok(answer) => whole(answer, path).await.map(Some),
            // So it says of both: of the path, and of the container.
            Err(error) if error.kind() == ErrorKind::NotFound => self.standing(container).await.map(|_| None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::stand_in::{StandIn, json};

    #[tokio::test]
    async fn no_such_path_is_told_from_no_such_container() {
        const INSPECTED: &str = r#"{"Id":"here","State":{"Running":true,"Restarting":false,"Pid":1,"StartedAt":""},"Config":{"Tty":false},"HostConfig":{"LogConfig":{"Type":"none"}}}"#;
        let stand_in = StandIn::engine("1.41", "1.12", |line| match line {
            line if line.ends_with("/here/json") => json("200 OK", INSPECTED),
            _ => json("404 Not Found", r#"{"message":"not there"}"#),
        });
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        assert_eq!(engine.archive("here", "/x").await.unwrap(), None);
        assert_eq!(engine.archive("gone", "/x").await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
