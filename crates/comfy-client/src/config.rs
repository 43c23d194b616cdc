//! What a client needs to know before it speaks.

mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::CertificateDer;

use crate::address::Address;
use crate::error::{Error, ErrorKind, Setting};
use crate::ids::Ids;
use crate::secret::Credential;
use way::Proxy;

const MIB: usize = 1 << 20;

/// The settings of a [`Client`](crate::Client): an address, and what differs from the defaults.
///
/// The system's proxies are not read: a token goes to this address or nowhere, and through a proxy only if one is set here.
///
/// ```
/// use std::time::Duration;
/// use comfy_client::{Client, Config, Credential};
///
/// let config = Config::new("https://gpu.example.org/comfy")?
///     .credential(Credential::Bearer("made-up".into()))
///     .origin("https://app.example.org")
///     .connect_timeout(Duration::from_secs(2))
///     .request_timeout(Duration::from_secs(60));
/// assert_eq!(Client::new(config)?.url(), "https://gpu.example.org/comfy");
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) address: Address,
    pub(crate) credential: Credential,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) origin: Option<String>,
    pub(crate) allow_plain_http: bool,
    pub(crate) frame_limit: usize,
    pub(crate) body_limit: usize,
    pub(crate) ids: Ids,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) unix_socket: Option<PathBuf>,
}

impl Config {
    /// The settings for the server at `url`, which is http or https and may have a path (a server behind a proxy).
    ///
    /// ```
    /// use comfy_client::{Config, ErrorKind};
    ///
    /// assert_eq!(Config::new("https://gpu.example.org/comfy/")?.url(), "https://gpu.example.org/comfy");
    /// assert_eq!(Config::new("gpu.example.org").unwrap_err().kind(), ErrorKind::InvalidUrl);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`] for anything else: another scheme, a user name, a query, a fragment.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            address: Address::parse(url)?,
            credential: Credential::None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            origin: None,
            allow_plain_http: false,
            frame_limit: 256 * MIB,
            body_limit: 512 * MIB,
            ids: Ids::System,
            roots: Vec::new(),
            proxy: None,
            unix_socket: None,
        })
    }

    /// What to show to the server (default: nothing).
    ///
    /// ```no_run
    /// # fn example(token: String) -> Result<(), comfy_client::Error> {
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.credential(comfy_client::Credential::Bearer(token.into()));
    /// # let _ = config;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// How long a connection may take to come about (default: 5 s).
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.connect_timeout(std::time::Duration::from_secs(1));
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one request may take, and in a download the wait for the next piece (default: 30 s). An upload gets
    /// one more second for each 64 KiB.
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.request_timeout(std::time::Duration::from_secs(120));
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// The `Origin` header, on HTTP and WebSocket alike (default: none). ComfyUI started with
    /// `--enable-cors-header ORIGIN` takes a token only together with exactly that origin.
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.origin("https://app.example.org");
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// Lets a credential go over plain http to another machine, where everyone on the way can read it (default: no).
    ///
    /// ```
    /// // A network of containers, where nobody else can listen.
    /// let config = comfy_client::Config::new("http://comfyui:8188")?.allow_plain_http(true);
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// The longest WebSocket frame and message that is taken, in bytes (default: 256 MiB). A node may send whole
    /// pictures this way.
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.frame_limit(16 << 20);
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes;
        self
    }

    /// The longest answer that is held in memory, in bytes (default: 512 MiB). Downloads to disk have no limit.
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.body_limit(64 << 20);
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Where 16 random bytes come from (default: the operating system). A repeated or guessable value lets one
    /// client take another's events.
    ///
    /// ```no_run
    /// # fn example(draw: fn() -> [u8; 16]) -> Result<(), comfy_client::Error> {
    /// let config = comfy_client::Config::new("http://127.0.0.1:8188")?.ids(draw);
    /// # let _ = config;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ids(mut self, source: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        self.ids = Ids::Given(Arc::new(source));
        self
    }

    /// The server's address as it is shown in messages: never with a secret.
    ///
    /// ```
    /// assert_eq!(comfy_client::Config::new("http://127.0.0.1:8188/")?.url(), "http://127.0.0.1:8188");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        self.address.as_str()
    }

    /// Whether `credential` may be shown to this server at all.
    pub(crate) fn admits(&self, credential: &Credential) -> Result<(), Error> {
        if credential.is_some() { self.admits_secret("a credential") } else { Ok(()) }
    }

    /// Whether anything secret may be sent to this server at all.
    pub(crate) fn admits_secret(&self, what: &str) -> Result<(), Error> {
        if !self.is_exposed() || self.allow_plain_http {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidConfig, format!("{what} would go over plain http to `{}`", self.url()))
            .hint("use https, or a tunnel to this machine's loopback address")
            .hint_at(Setting::AllowPlainHttp))
    }

    /// Finds now what would fail at the first request.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.admits(&self.credential)?;
        self.check_way()?;
        self.credential.check()?;
        crate::request::authorization(&self.credential)?;
        if let Some(origin) = &self.origin {
            HeaderValue::from_str(origin).map_err(|cause| {
                Error::new(ErrorKind::InvalidConfig, format!("`{}` is not an origin", origin.escape_debug())).because(cause)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::new(url).unwrap()
    }

    #[test]
    fn a_credential_goes_over_plain_http_to_this_machine_only_unless_allowed() {
        let token = || Credential::Bearer("t0ken".into());
        for fine in [
            config("http://127.0.0.1:8188").credential(token()),
            config("http://localhost:8188").credential(Credential::Query("t0ken".into())),
            config("https://gpu.example.org").credential(token()),
            config("http://gpu.example.org"),
            config("http://gpu.example.org").credential(token()).allow_plain_http(true),
        ] {
            fine.check().unwrap();
        }
        for credential in [token(), Credential::Query("t0ken".into()), Credential::RawAuthorization("t0ken".into())] {
            let error = config("http://gpu.example.org:8188").credential(credential).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert_eq!(error.to_string(), "a credential would go over plain http to `http://gpu.example.org:8188`");
            assert_eq!(error.hints().len(), 2);
        }
    }

    #[test]
    fn what_no_header_can_hold_is_found_before_the_first_request() {
        let token = config("http://127.0.0.1").credential(Credential::Bearer("a\nb".into())).check().unwrap_err();
        assert_eq!(token.kind(), ErrorKind::InvalidConfig);
        assert!(!format!("{token:?}").contains("a\\nb"), "{token:?}");
        config("http://127.0.0.1").origin("http://a\n").check().unwrap_err();
        config("http://127.0.0.1").origin("http://app.example.org").check().unwrap();
    }

    #[test]
    fn a_credential_that_is_none_is_found_before_the_first_request() {
        let login = |user: &str, password: &str| Credential::Login { user: user.into(), password: password.into() };
        let cases = [
            (Credential::Bearer("".into()), "the token is blank"),
            (Credential::Bearer(" \n".into()), "the token is blank"),
            (Credential::Query("\t".into()), "the token is blank"),
            (Credential::Bearer("Bearer t0ken".into()), "the Bearer token has blanks in it"),
            (Credential::Bearer("t0ken\n".into()), "the Bearer token has blanks in it"),
            (login("", "secret"), "the login has no user or no password"),
            (login("ali", ""), "the login has no user or no password"),
        ];
        for (credential, said) in cases {
            let error = config("http://127.0.0.1").credential(credential).check().unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidConfig, said));
            assert!(!error.hints().is_empty() && !format!("{error:?}").contains("t0ken"));
        }
        config("http://127.0.0.1").credential(Credential::RawAuthorization("Bearer".into())).check().unwrap();
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", config("http://127.0.0.1").credential(Credential::Bearer("t0ken".into())));
        assert!(!shown.contains("t0ken"), "{shown}");
    }
}
