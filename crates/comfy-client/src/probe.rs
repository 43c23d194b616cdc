//! One request, its answer as it came, and no opinion about it: facts for whoever judges a server's doors.

use std::time::Duration;

use futures_util::StreamExt;
use http::Method;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::judge::Reply;
use crate::request::Request;
use crate::secret::Credential;
use crate::transport::{Pulse, Upgrade};

/// How much of an answer's body is kept, in bytes.
const KEPT: usize = 64 << 10;

/// How long the server may take to answer our close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// A path as given, with only what no address can hold escaped: `%2F` stays `%2F`.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// One request whose answer is wanted as it is, whatever its status.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// use comfy_client::{Credential, Probe};
///
/// let page = Probe::get("/").accept("text/html").credential(Credential::None);
/// println!("{:?}", client.probe(&page).await?.location);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Probe {
    method: String,
    path: String,
    accept: String,
    credential: Option<Credential>,
}

impl Probe {
    /// A GET of `path`, which begins with a slash and follows the configured address.
    ///
    /// ```
    /// let probe = comfy_client::Probe::get("/queue");
    /// # let _ = probe;
    /// ```
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { method: "GET".to_owned(), path: path.to_owned(), accept: "application/json".to_owned(), credential: None }
    }

    /// Another method, such as `POST`; one that HTTP cannot carry makes the probe fail.
    ///
    /// ```
    /// let probe = comfy_client::Probe::get("/interrupt").method("OPTIONS");
    /// # let _ = probe;
    /// ```
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The `Accept` header (default: `application/json`). ComfyUI-Login answers `text/html` with a redirect to its login.
    ///
    /// ```
    /// let probe = comfy_client::Probe::get("/").accept("text/html");
    /// # let _ = probe;
    /// ```
    #[must_use]
    pub fn accept(mut self, accept: &str) -> Self {
        accept.clone_into(&mut self.accept);
        self
    }

    /// A credential in place of the configured one; [`Credential::None`] shows nothing.
    ///
    /// ```
    /// let probe = comfy_client::Probe::get("/queue").credential(comfy_client::Credential::None);
    /// # let _ = probe;
    /// ```
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }
}

/// What a server answered.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// let answer = client.probe(&comfy_client::Probe::get("/queue").credential(comfy_client::Credential::None)).await?;
/// println!("without a credential: {}", if answer.status == 200 { "open" } else { "guarded" });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status; 101 for a WebSocket that opened.
    pub status: u16,
    /// The `Location` header; a secret that the server repeats in it is replaced by `…`.
    pub location: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
    /// From sending to the end of what was read.
    pub elapsed: Duration,
}

impl Answer {
    /// An answer of that status and nothing else: for tests of code that judges answers.
    ///
    /// ```
    /// assert_eq!(comfy_client::Answer::of_status(401).location, None);
    /// ```
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        Self { status, location: None, content_type: None, body: Vec::new(), elapsed: Duration::ZERO }
    }
}

impl Probe {
    fn request(&self) -> Result<Request, Error> {
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|cause| {
            let message = format!("`{}` is not an HTTP method", self.method.escape_debug());
            Error::new(ErrorKind::InvalidConfig, message).because(cause)
        })?;
        if !self.path.starts_with('/') {
            let message = format!("the path `{}` does not begin with a slash", self.path.escape_debug());
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        if path.split(['/', '\\']).any(is_resolved) {
            let message = format!("the path `{}` would be sent as another, without its dots", path.escape_debug());
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let mut request = Request::new(method, utf8_percent_encode(path, PATH).to_string()).accept(self.accept.as_str());
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            request.query.push((key.into_owned().into(), value.into_owned()));
        }
        request.credential.clone_from(&self.credential);
        Ok(request)
    }
}

/// Whether a part of a path means another folder to every reader of addresses.
fn is_resolved(part: &str) -> bool {
    matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

impl Client {
    /// Sends one request and gives the answer as it came; every status is an answer, and redirects are not followed.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{Credential, Probe};
    ///
    /// let answer = client.probe(&Probe::get("/queue").credential(Credential::None)).await?;
    /// assert_eq!(answer.status, 401, "the door is open");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Only trouble on the way: [`ErrorKind::Unreachable`], [`ErrorKind::Timeout`]; and [`ErrorKind::InvalidConfig`] for a
    /// probe that cannot be sent.
    pub async fn probe(&self, probe: &Probe) -> Result<Answer, Error> {
        let request = probe.request()?;
        let begun = Instant::now();
        let reply = self.transport().fetch(&request, KEPT, true).await?;
        Ok(self.answer(reply, begun.elapsed(), probe.credential.as_ref()))
    }

    /// Asks for a WebSocket as a browser would, under a client id that nobody uses. Status 101 says that it opened; it is
    /// closed at once, with a close frame.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let answer = client.probe_socket(&comfy_client::Credential::None).await?;
    /// assert_ne!(answer.status, 101, "the door is open");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::probe`]; and [`ErrorKind::Protocol`] for a 101 that does not answer this very request.
    pub async fn probe_socket(&self, credential: &Credential) -> Result<Answer, Error> {
        let client_id = self.transport().config().ids.client_id()?;
        let begun = Instant::now();
        match self.transport().upgrade(&client_id, Some(credential.clone()), Pulse::new()).await? {
            Upgrade::Declined(reply) => Ok(self.answer(reply, begun.elapsed(), Some(credential))),
            Upgrade::Open(mut socket) => {
                let elapsed = begun.elapsed();
                // The question is answered; how the farewell goes changes nothing.
                let _ = timeout(FAREWELL, async {
                    socket.close(None).await.ok();
                    while let Some(Ok(_)) = socket.next().await {}
                })
                .await;
                let reply = Reply { status: 101, ..Reply::default() };
                Ok(self.answer(reply, elapsed, Some(credential)))
            }
        }
    }

    fn answer(&self, reply: Reply, elapsed: Duration, credential: Option<&Credential>) -> Answer {
        let credential = credential.unwrap_or(&self.transport().config().credential);
        let mut body = reply.body;
        body.truncate(KEPT);
        Answer {
            status: reply.status,
            location: reply.location.map(|location| without_secret(&location, credential)),
            content_type: reply.content_type,
            body: body.into(),
            elapsed,
        }
    }
}

/// A location in which the server may have repeated the token.
fn without_secret(location: &str, credential: &Credential) -> String {
    let Some(secret) = credential.secret().map(crate::secret::Secret::expose).filter(|secret| !secret.is_empty()) else {
        return location.to_owned();
    };
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    [secret, &form, &percent].iter().fold(location.to_owned(), |location, shape| location.replace(shape, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn a_probe_sends_the_path_as_it_was_given() {
        let config = Config::new("http://127.0.0.1:8188").unwrap();
        for (path, url) in [
            ("/queue", "http://127.0.0.1:8188/queue"),
            ("/queue%2Ejs", "http://127.0.0.1:8188/queue%2Ejs"),
            ("/userdata/workflows%2Fx.json", "http://127.0.0.1:8188/userdata/workflows%2Fx.json"),
            ("/queue?token=", "http://127.0.0.1:8188/queue?token="),
            ("/view?filename=a b&type=input", "http://127.0.0.1:8188/view?filename=a+b&type=input"),
        ] {
            assert_eq!(Probe::get(path).request().unwrap().head(&config).unwrap().url.as_str(), url);
        }
    }

    #[test]
    fn a_probe_that_cannot_be_sent_says_why() {
        assert_eq!(Probe::get("queue").request().unwrap_err().to_string(), "the path `queue` does not begin with a slash");
        assert_eq!(Probe::get("/").method("GE T").request().unwrap_err().to_string(), "`GE T` is not an HTTP method");
        assert_eq!(Probe::get("/").method("POST").request().unwrap().method, Method::POST);
    }

    #[test]
    fn a_repeated_token_is_cut_out_of_the_location() {
        let credential = Credential::Query("$to.ken/1".into());
        for location in ["https://h/queue?token=$to.ken/1", "https://h/queue?token=%24to.ken%2F1"] {
            assert_eq!(without_secret(location, &credential), "https://h/queue?token=…");
        }
        assert_eq!(without_secret("/login", &credential), "/login");
        assert_eq!(without_secret("/login", &Credential::Bearer("".into())), "/login");
    }
}
