//! What the engine's refusals mean: by status, and by its words where the status leaves it open.

use super::{Answer, Error, ErrorKind};

impl Error {
    /// The engine answered with a failure. `body` is JSON with a `message`, or plain text, as it comes.
    pub(crate) fn answered(operand: &str, status: u16, body: &str) -> Error {
        let json = serde_json::from_str::<serde_json::Value>(body).ok();
        let words = json.as_ref().and_then(|json| json.get("message")?.as_str()).unwrap_or(body).trim();
        let kind = kind(status, words);
        let message = match kind {
            ErrorKind::NotFound => format!("{operand}: not found"),
            ErrorKind::Conflict => format!("{operand}: the name is taken, or its state does not allow this"),
            ErrorKind::InUse => format!("{operand}: in use"),
            ErrorKind::NoSwarm => "the engine is no manager of a Swarm".to_owned(),
            ErrorKind::NoPermission => format!("{operand}: the engine does not allow it"),
            ErrorKind::TooOld => format!("{operand}: the engine is too old for this API version"),
            ErrorKind::TooNew => format!("{operand}: the engine no longer speaks this API version"),
            ErrorKind::Server => format!("{operand}: the engine failed"),
            _ => format!("{operand}: the engine refused the request"),
        };
        let error = Error::new(kind, message).because(Answer { status, words: words.to_owned() });
        match kind {
            ErrorKind::NoSwarm if words.contains("Worker nodes") => error.hint("ask a manager of the Swarm: `--host`"),
            ErrorKind::NoSwarm => error.hint("make this machine a Swarm of one: `docker swarm init --advertise-addr 127.0.0.1`"),
            ErrorKind::TooOld | ErrorKind::TooNew => error.hint("connect again, so that both sides agree on a version"),
            _ => error,
        }
    }
}

fn kind(status: u16, words: &str) -> ErrorKind {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match status {
        400 if says(&["client version"]) && says(&["is too new"]) => ErrorKind::TooOld,
        400 if says(&["client version"]) && says(&["is too old"]) => ErrorKind::TooNew,
        400 if says(&["is in use by the following service"]) => ErrorKind::InUse,
        403 if says(&["active endpoints"]) => ErrorKind::InUse,
        409 if says(&["in use", "being used", "active endpoints"]) && !says(&["name", "Name"]) => ErrorKind::InUse,
        500 if says(&["update out of sequence"]) => ErrorKind::Conflict,
        500 if says(&["port is already allocated", "address already in use"]) => ErrorKind::InUse,
        501 => ErrorKind::Unsupported,
        503 if says(&["not a swarm manager"]) => ErrorKind::NoSwarm,
        401 | 403 | 407 => ErrorKind::NoPermission,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        400..=499 => ErrorKind::BadRequest,
        _ => ErrorKind::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are those of Docker Engine 20.10.24.
    #[test]
    fn every_refusal_by_its_kind() {
        let table = [
            (400, "client version 1.53 is too new. Maximum supported API version is 1.41", ErrorKind::TooOld),
            (400, "{\"message\":\"client version 1.41 is too old. Minimum supported API version is 1.44\"}", ErrorKind::TooNew),
            (400, "{\"message\":\"invalid reference format\"}", ErrorKind::BadRequest),
            (
                400,
                "{\"message\":\"rpc error: code = InvalidArgument desc = secret 'a' is in use by the following service: b\"}",
                ErrorKind::InUse,
            ),
            (500, "{\"message\":\"rpc error: code = Unknown desc = update out of sequence\"}", ErrorKind::Conflict),
            (501, "{\"message\":\"configured logging driver does not support reading\"}", ErrorKind::Unsupported),
            (503, "{\"message\":\"This node is not a swarm manager. Use \\\"docker swarm init\\\" or …\"}", ErrorKind::NoSwarm),
            (403, "{\"message\":\"error while removing network: network x id 1 has active endpoints\"}", ErrorKind::InUse),
            (403, "{\"message\":\"authorization denied by plugin opa\"}", ErrorKind::NoPermission),
            (404, "{\"message\":\"No such container: x\"}", ErrorKind::NotFound),
            (404, "page not found\n", ErrorKind::NotFound),
            (
                409,
                "{\"message\":\"Conflict. The container name \\\"/x\\\" is already in use by container \\\"1\\\".\"}",
                ErrorKind::Conflict,
            ),
            (409, "{\"message\":\"remove vol: volume is in use - [1f]\"}", ErrorKind::InUse),
            (
                409,
                "{\"message\":\"conflict: unable to remove repository reference \\\"x\\\" - container 1 is using its image\"}",
                ErrorKind::Conflict,
            ),
            (
                409,
                "{\"message\":\"conflict: unable to delete 1 - image is being used by running container 2\"}",
                ErrorKind::InUse,
            ),
            (409, "{\"message\":\"Container 1 is not running\"}", ErrorKind::Conflict),
            (500, "{\"message\":\"driver failed: Bind for 127.0.0.1:80 failed: port is already allocated\"}", ErrorKind::InUse),
            (500, "{\"message\":\"could not select device driver\"}", ErrorKind::Server),
        ];
        for (status, body, expected) in table {
            let error = Error::answered("container `x`", status, body);
            assert_eq!((error.kind(), error.status()), (expected, Some(status)), "{body}");
        }
    }

    #[test]
    fn as_a_person_reads_it() {
        let error = Error::answered("container `x`", 404, "{\"message\":\"No such container: x\"}");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap();
        insta::assert_snapshot!(format!("{error}\n{cause}"), @"
        container `x`: not found
        the engine answered 404: No such container: x
        ");
        assert_eq!(error.engine_said(), Some("No such container: x"));
        assert!(error.was_sent() && !error.is_retryable());
    }
}
