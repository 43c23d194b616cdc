//! A login by form: the cookie that it gives, and a new one when the server forgets it.

use http::Method;
use tokio::sync::Mutex;

use super::Transport;
use crate::error::{Error, ErrorKind};
use crate::judge::{Due, Reply, not_comfy};
use crate::request::{Body, Request};
use crate::secret::{Credential, Secret};

/// How much of the login page is read.
const PAGE: usize = 64 << 10;

/// The session of one client; its requests and its WebSocket share it.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<Option<Secret>>);

impl Transport {
    /// The cookie that goes with this request, from a login if there was none yet; none where the credential is no login.
    pub(super) async fn session(&self, request: &Request) -> Result<Option<Secret>, Error> {
        let configured = &self.config().credential;
        let Credential::Login { user, password } = request.credential.as_ref().unwrap_or(configured) else {
            return Ok(None);
        };
        let own = matches!(configured, Credential::Login { user: own, password: secret }
            if own == user && secret.expose() == password.expose());
        if !own {
            return Err(Error::new(ErrorKind::InvalidConfig, "a single request cannot log in")
                .hint("make a client with this login of its own"));
        }
        let mut held = self.0.session.0.lock().await;
        if held.is_none() {
            *held = Some(self.log_in(user, password).await?);
        }
        Ok(held.clone())
    }

    /// Another cookie than this one, which the server does not take any more. Of many requests that find out, one logs in.
    pub(super) async fn another_session(&self, stale: &Secret) -> Result<Option<Secret>, Error> {
        let Credential::Login { user, password } = &self.config().credential else {
            return Ok(None);
        };
        let mut held = self.0.session.0.lock().await;
        if held.as_ref().is_none_or(|held| held.expose() == stale.expose()) {
            *held = None;
            *held = Some(self.log_in(user, password).await?);
        }
        Ok(held.clone())
    }

    async fn log_in(&self, user: &str, password: &Secret) -> Result<Secret, Error> {
        let ask = |method| Request::new(method, "/login").accept("text/html").credential(Credential::None);
        let page = Box::pin(self.fetch(&ask(Method::GET), PAGE, true)).await?;
        self.may_log_in(&page)?;
        let mut form = ask(Method::POST);
        let pairs = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("username", user)
            .append_pair("password", password.expose())
            .finish();
        form.body = Body::Form(pairs.into());
        let reply = Box::pin(self.fetch(&form, PAGE, true)).await?;
        tracing::debug!(user, status = reply.status, "logged in by form");
        self.cookie(reply)
    }

    /// Whether a login is only that. Where ComfyUI-Login has no password yet, or no user's name, the first login sets it.
    fn may_log_in(&self, page: &Reply) -> Result<(), Error> {
        if matches!(page.status, 404 | 405) {
            return Err(not_comfy(self.base(), "has no login page")
                .with_status(page.status)
                .hint("a server without ComfyUI-Login takes `Credential::None`"));
        }
        if page.status == 200 && String::from_utf8_lossy(&page.body).contains("name=\"username\"") {
            return Err(Error::new(ErrorKind::Refused, format!("`{}` has no user yet: this login would make one", self.base()))
                .with_status(200)
                .hint("set the server's user and password first, in a browser"));
        }
        Ok(())
    }

    fn cookie(&self, reply: Reply) -> Result<Secret, Error> {
        if reply.leads_to_login() {
            return Err(Error::new(ErrorKind::Refused, format!("`{}` does not know this user and password", self.base()))
                .with_status(reply.status));
        }
        match reply.cookies {
            Some(cookies) if matches!(reply.status, 200 | 302 | 303) => Ok(cookies),
            _ => {
                reply.judge(self.base(), "POST /login", Due::Json)?;
                Err(not_comfy(self.base(), "took the login without giving a cookie").with_status(reply.status))
            }
        }
    }
}
