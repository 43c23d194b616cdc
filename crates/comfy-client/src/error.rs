//! The one error of this crate: its kind, what to do next, and what lies under it.

mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::rejection::NodeError;

/// What went wrong, in one word.
///
/// ```
/// use comfy_client::{Config, ErrorKind};
///
/// assert_eq!(Config::new("no address").unwrap_err().kind(), ErrorKind::InvalidUrl);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address cannot be used. Nothing was sent.
    InvalidUrl,
    /// Another part of the configuration, or an argument, cannot be used. Nothing was sent.
    InvalidConfig,
    /// The workflow cannot be used. Nothing was sent.
    InvalidWorkflow,
    /// No connection, or one that broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The server, or what stands before it, wants another credential or another origin.
    Refused,
    /// Something answers, but not as ComfyUI does.
    NotComfy,
    /// The server is too old for this. Nothing was changed.
    Unsupported,
    /// ComfyUI read the request and declined it; see [`Error::node_errors`].
    Rejected,
    /// The request is longer than the server takes.
    TooLarge,
    /// There is no such file.
    NotFound,
    /// The server failed. ComfyUI answers so to some malformed requests too.
    Server,
    /// The answer is broken: cut short, or not in the shape that it claims.
    Protocol,
    /// The file system, or the system's randomness, failed.
    Io,
}

/// What of [`Config`](crate::Config) a hint names: a program whose users set it otherwise has its own words for each.
///
/// ```no_run
/// # fn example(error: comfy_client::Error) {
/// use comfy_client::Setting;
///
/// let ours = error.setting().map(|setting| match setting {
///     Setting::RootCertificates => "name your authority with --ca-file",
///     Setting::AllowPlainHttp => "allow it with --allow-plain-http",
///     Setting::ProxyLogin => "set PROXY_USER and PROXY_PASSWORD",
///     other => other.hint(),
/// });
/// # let _ = ours;
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// [`Config::root_certificates`](crate::Config::root_certificates)
    RootCertificates,
    /// [`Config::allow_plain_http`](crate::Config::allow_plain_http)
    AllowPlainHttp,
    /// [`Config::proxy_login`](crate::Config::proxy_login)
    ProxyLogin,
}

impl Setting {
    /// The hint that names it.
    ///
    /// ```
    /// assert_eq!(comfy_client::Setting::ProxyLogin.hint(), "who we are at the proxy is said with `proxy_login`");
    /// ```
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::RootCertificates => "an authority of your own is named with `root_certificates`",
            Self::AllowPlainHttp => "on a network that you trust, allow it with `allow_plain_http(true)`",
            Self::ProxyLogin => "who we are at the proxy is said with `proxy_login`",
        }
    }
}

/// An error of this crate. Cheap to clone; never holds a secret.
///
/// `Display` says what failed at this level, `source()` what lies under it, [`Error::hints`] what to do next.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) {
/// if let Err(error) = client.submit(&workflow).await {
///     eprintln!("{error}");
///     for node in error.node_errors() {
///         eprintln!("  {node}"); // node `4` "Load Checkpoint" (CheckpointLoaderSimple): `ckpt_name` is …; nearest: …
///     }
///     if error.is_retryable() && !error.was_sent() {
///         // Nothing has happened yet: to send it again is safe.
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    setting: Option<Setting>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    sent: bool,
    declined: bool,
    prompt_id: Option<String>,
    node_errors: Vec<NodeError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            hints: Vec::new(),
            setting: None,
            source: None,
            status: None,
            retry_after: None,
            sent: false,
            declined: false,
            prompt_id: None,
            node_errors: Vec::new(),
        }))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        self.change(|inner| inner.hints.push(hint.into()))
    }

    /// The hint that names this setting.
    pub(crate) fn hint_at(self, setting: Setting) -> Self {
        self.hint(setting.hint()).change(|inner| inner.setting = Some(setting))
    }

    pub(crate) fn because(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(cause)))
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        self.change(|inner| {
            inner.status = Some(status);
            inner.sent = true;
        })
    }

    pub(crate) fn with_retry_after(self, pause: Option<Duration>) -> Self {
        self.change(|inner| inner.retry_after = pause)
    }

    pub(crate) fn sent(self, sent: bool) -> Self {
        self.change(|inner| inner.sent = sent)
    }

    /// The server itself says that it did nothing with the request.
    pub(crate) fn declined(self, declined: bool) -> Self {
        self.change(|inner| inner.declined = declined)
    }

    /// The prompt may be in the queue in spite of this error.
    pub(crate) fn in_doubt(self, prompt_id: &str) -> Self {
        // Also where the last of several tries did not reach the server: an earlier one may have.
        self.sent(true)
            .hint(format!("the prompt may be in the queue all the same, as `{prompt_id}`"))
            .change(|inner| inner.prompt_id = Some(prompt_id.to_owned()))
    }

    /// Whether it is certain that the server did nothing: the request never came there, or was refused.
    pub(crate) fn is_final(&self) -> bool {
        let refused = matches!(self.0.kind, ErrorKind::Refused | ErrorKind::Rejected | ErrorKind::TooLarge);
        !self.0.sent || self.0.declined || refused || matches!(self.0.status, Some(300..=399 | 404 | 405 | 429))
    }

    /// Whether a connection was there, and broke.
    pub(crate) fn is_break(&self) -> bool {
        self.0.kind == ErrorKind::Unreachable && self.0.sent
    }

    /// Each becomes the first of the hints, in place of earlier ones about nodes.
    pub(crate) fn with_node_errors(self, errors: Vec<NodeError>) -> Self {
        self.change(|inner| {
            let earlier = inner.node_errors.len();
            inner.hints.splice(..earlier, errors.iter().map(ToString::to_string));
            inner.node_errors = errors;
        })
    }

    /// What went wrong, in one word.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, file: comfy_client::StoredFile) -> Result<(), comfy_client::Error> {
    /// use comfy_client::ErrorKind;
    ///
    /// let text = match client.view(&file).await {
    ///     Ok(bytes) => format!("{} bytes", bytes.len()),
    ///     Err(error) if error.kind() == ErrorKind::NotFound => "gone".to_owned(),
    ///     Err(error) => return Err(error),
    /// };
    /// # let _ = text;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a person could do next, one step a line; may be empty.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) {
    /// if let Err(error) = client.health().await {
    ///     eprintln!("{error}");
    ///     error.hints().iter().for_each(|hint| eprintln!("  next: {hint}")); // is ComfyUI running, and is this its …
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// The setting that one of the hints names, with [`Setting::hint`].
    ///
    /// ```
    /// use comfy_client::{Client, Config, Credential, Setting};
    ///
    /// let exposed = Config::new("http://gpu.example.org")?.credential(Credential::Bearer("made-up".into()));
    /// let error = Client::new(exposed).unwrap_err();
    /// assert_eq!(error.setting(), Some(Setting::AllowPlainHttp));
    /// assert_eq!(error.hints()[1], Setting::AllowPlainHttp.hint());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn setting(&self) -> Option<Setting> {
        self.0.setting
    }

    /// The HTTP status that the server answered with, if it answered.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) {
    /// if let Err(error) = client.health().await {
    ///     match error.status() {
    ///         Some(status) => eprintln!("HTTP {status}: {error}"),
    ///         None => eprintln!("nobody answered: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the server asks to wait before the next try (`Retry-After`, in either of its shapes).
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// while let Err(error) = client.health().await {
    ///     if !error.is_retryable() {
    ///         return Err(error);
    ///     }
    ///     tokio::time::sleep(error.retry_after().unwrap_or(std::time::Duration::from_secs(1))).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What ComfyUI says is wrong with single nodes; empty unless the kind is [`ErrorKind::Rejected`].
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) {
    /// if let Err(error) = client.submit(&workflow).await {
    ///     let nodes: Vec<&str> = error.node_errors().iter().map(|node| node.node.as_str()).collect();
    ///     eprintln!("look at the nodes {}", nodes.join(", "));
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn node_errors(&self) -> &[NodeError] {
        &self.0.node_errors
    }

    /// Whether the server wants another credential.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) {
    /// if client.health().await.is_err_and(|error| error.is_refused()) {
    ///     eprintln!("log in first");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// The prompt that may be in the queue in spite of this error: its answer was lost, and the server could not be asked, or
    /// does not show it yet. To send the workflow again without a look for it may run it twice.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = match client.submit(&workflow).await {
    ///     Err(error) => match error.prompt_id() {
    ///         Some(id) => client.job(id)?, // It may be there: follow it, and learn.
    ///         None => return Err(error),
    ///     },
    ///     job => job?,
    /// };
    /// # let _ = job;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn prompt_id(&self) -> Option<&str> {
        self.0.prompt_id.as_deref()
    }

    /// Whether the same request may succeed later without any change: no connection, no answer in time, a gateway that
    /// got no answer from behind it (502 to 504, at Cloudflare 520 to 524), or one that asks for patience (429). A plain 500
    /// is not among them: ComfyUI answers so to malformed requests.
    ///
    /// ```
    /// // A wrong address does not heal.
    /// assert!(!comfy_client::Config::new("no address").unwrap_err().is_retryable());
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Unreachable | ErrorKind::Timeout => true,
            ErrorKind::Server => matches!(self.0.status, Some(429 | 502..=504 | 520..=524)),
            _ => false,
        }
    }

    /// Whether the request may have reached the server. False is certain: it did not.
    ///
    /// ```
    /// use comfy_client::{Client, Config};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), comfy_client::Error> {
    /// // Nobody listens at this port.
    /// let client = Client::new(Config::new("http://127.0.0.1:1")?)?;
    /// let error = client.health().await.unwrap_err();
    /// assert!(error.is_retryable() && !error.was_sent());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(status) = self.0.status {
            shown.field("status", &status);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_heal_by_itself_is_retryable() {
        let with = |kind, status: Option<u16>| {
            let error = Error::new(kind, "x");
            status.map_or(error.clone(), |status| error.with_status(status)).is_retryable()
        };
        assert!(with(ErrorKind::Unreachable, None));
        assert!(with(ErrorKind::Timeout, None));
        for status in [429, 502, 503, 504, 520, 524] {
            assert!(with(ErrorKind::Server, Some(status)), "{status}");
        }
        assert!(!with(ErrorKind::Server, Some(500)));
        assert!(!with(ErrorKind::Refused, Some(401)));
        assert!(!with(ErrorKind::Rejected, Some(400)));
        assert!(!with(ErrorKind::Io, None));
    }

    #[test]
    fn this_layer_speaks_in_display_and_the_cause_in_source() {
        let error = Error::new(ErrorKind::Io, "cannot write `x.png`").because(std::io::Error::other("disk full"));
        assert_eq!(error.to_string(), "cannot write `x.png`");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk full");
    }
}
