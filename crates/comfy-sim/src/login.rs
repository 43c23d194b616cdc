//! The login of the ComfyUI-Login plugin, its holes included.
//!
//! Two things differ on purpose: bcrypt runs off the event loop, which the plugin blocks, and the token is never
//! logged. A session cookie is signed, not encrypted: it holds the username for all who can decode it.

mod page;
mod password;
mod routes;
mod session;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http::header::{ACCEPT, AUTHORIZATION, ORIGIN};
use http::{Method, StatusCode};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::error::Error;
use crate::folders::Folders;
use crate::py::Raised;
use crate::reply::{Fault, Response, json as json_reply};
use crate::request::Request;
use password::User;
pub(crate) use routes::routes;
use session::Key;

/// The paths that no login guards, for whatever method: by their end, and `/login` itself.
const EXEMPT: [&str; 4] = [".css", ".css.map", ".js", ".ico"];

/// Where a guest cookie may post to.
const GUEST_POSTS: [&str; 2] = ["/prompt", "/upload/image"];

/// The plugin of one server.
pub(crate) struct Guard {
    password: PathBuf,
    guests: PathBuf,
    key: Key,
    /// The one origin whose tokens count; `None` for every origin.
    origin: Option<String>,
    /// The first line of the password file: read at the start, and again only while it is empty.
    token: Mutex<String>,
    /// The password file as first used, then kept whatever the file says.
    user: Mutex<Option<User>>,
    /// One login after the other, as in the plugin, whose bcrypt lets nothing else run.
    logins: tokio::sync::Mutex<()>,
}

/// What the login says of a request.
pub(crate) enum Check {
    /// The handler may answer.
    Pass,
    /// The answer that takes the handler's place.
    Instead(Response),
}

impl Guard {
    /// Starts as the plugin is imported: an older file beside the server takes the place of the one in `login/`.
    pub(crate) fn start(folders: &Folders, clock: &Clock, chance: &Chance, cors: Option<String>) -> Result<Self, Error> {
        let password = folders.login().join("PASSWORD");
        let older = folders.base().join("PASSWORD");
        if older.exists() {
            std::fs::rename(&older, &password).map_err(|e| Error::io("move", &older, e))?;
        }
        let token = password::token(&password).map_err(|e| Error::io("read", &password, e))?;
        Ok(Self {
            key: Key::load(&folders.login().join(".session-key"), clock, chance)?,
            guests: folders.login().join("GUEST_MODE"),
            password,
            origin: cors.filter(|origin| origin != "*"),
            token: Mutex::new(token),
            user: Mutex::new(None),
            logins: tokio::sync::Mutex::new(()),
        })
    }

    /// Looks at a request before its handler does.
    pub(crate) fn check(&self, request: &Request) -> Result<Check, Fault> {
        if request.path == "/login" || EXEMPT.iter().any(|end| request.path.ends_with(end)) {
            return Ok(Check::Pass);
        }
        let token = self.token()?;
        let session = self.key.session(request);
        if session.has("logged_in") {
            return Ok(Check::Pass);
        }
        if session.has("guest_mode") {
            let posts = request.method == Method::POST && GUEST_POSTS.contains(&request.path.as_str());
            if request.method == Method::GET || posts {
                return Ok(Check::Pass);
            }
            return Ok(Check::Instead(json_reply(StatusCode::OK, &json!({}))));
        }
        if self.origin.is_none() || self.origin == request.header(ORIGIN) {
            let given = bearer(request)?;
            let mut given = given.as_deref().into_iter().chain(request.query("token"));
            if given.any(|given| same(given, &token)) {
                return Ok(Check::Pass);
            }
        }
        if request.header(ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
            return Err(Fault::Found("/login"));
        }
        Ok(Check::Instead(json_reply(StatusCode::UNAUTHORIZED, &json!({"error": "Authentication required."}))))
    }

    /// The token now.
    fn token(&self) -> Result<String, Raised> {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_empty() {
            *token = password::token(&self.password).map_err(|error| Raised::new("OSError", error.to_string()))?;
        }
        Ok(token.clone())
    }
}

/// The token of the `Authorization` header. Two words it must have, whatever they are.
fn bearer(request: &Request) -> Result<Option<String>, Raised> {
    let header = request.header(AUTHORIZATION).unwrap_or_default();
    if header.is_empty() {
        return Ok(None);
    }
    let words: Vec<&str> = header.split_whitespace().collect();
    match words.as_slice() {
        ["Bearer", given] => Ok(Some((*given).to_owned())),
        [_, _] => Ok(None),
        _ => Err(Raised::new("ValueError", "the header has not two words")),
    }
}

fn same(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}
