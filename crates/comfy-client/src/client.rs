//! The handle that callers hold.

use std::fmt;
use std::sync::Arc;

use crate::cancel::Ways;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::error::Error;
use crate::looks::Looks;
use crate::socket::Socket;
use crate::transport::Transport;

/// A ComfyUI server, spoken to in types. Clones are cheap and share everything: connections, and the one WebSocket.
///
/// The WebSocket is opened by [`Client::connect`] or the first [`Client::submit`], and closed when the last clone and the last
/// [`Job`](crate::Job) are gone.
///
/// ```no_run
/// # async fn example() -> Result<(), comfy_client::Error> {
/// use comfy_client::{Client, Config};
///
/// let client = Client::new(Config::new("http://127.0.0.1:8188")?)?;
/// let same = client.clone(); // for another task
/// println!("{} waits for {}", same.url(), client.health().await?.queue_remaining);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    socket: Arc<Socket>,
    ways: Ways,
    looks: Looks,
    catalogue: Catalogue,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    ///
    /// ```
    /// use comfy_client::{Client, Config, ErrorKind};
    ///
    /// let client = Client::new(Config::new("http://127.0.0.1:8188")?)?;
    /// let exposed = Config::new("http://gpu.example.org")?.credential(comfy_client::Credential::Bearer("made-up".into()));
    /// assert_eq!(Client::new(exposed).unwrap_err().kind(), ErrorKind::InvalidConfig);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) for a credential that would go over plain http to
    /// another machine, or that no header can carry, and where TLS cannot be set up.
    pub fn new(config: Config) -> Result<Self, Error> {
        let transport = Transport::new(config)?;
        let socket = Arc::new(Socket::new(transport.clone())?);
        let (ways, looks, catalogue) = (Ways::default(), Looks::default(), Catalogue::default());
        Ok(Self(Arc::new(Inner { transport, socket, ways, looks, catalogue })))
    }

    /// The server's address as messages name it: never with a secret.
    ///
    /// ```
    /// let client = comfy_client::Client::new(comfy_client::Config::new("https://gpu.example.org/comfy/")?)?;
    /// assert_eq!(client.url(), "https://gpu.example.org/comfy");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.transport.base()
    }

    /// Whether the server is on this machine, by its address alone: `localhost`, 127.0.0.0/8 or `[::1]`.
    ///
    /// ```
    /// use comfy_client::{Client, Config};
    ///
    /// assert!(Client::new(Config::new("http://localhost:8188")?)?.is_loopback());
    /// assert!(!Client::new(Config::new("http://comfyui:8188")?)?.is_loopback());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.transport.config().address.is_loopback()
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(crate) fn ways(&self) -> &Ways {
        &self.0.ways
    }

    pub(crate) fn looks(&self) -> &Looks {
        &self.0.looks
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.0.socket
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).finish_non_exhaustive()
    }
}
