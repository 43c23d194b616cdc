//! How a server is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::error::Error;
use crate::faults::{Faults, Planned};
use crate::scenario::Scenario;
use crate::server::Server;

/// Whether the ComfyUI-Login plugin is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Login {
    /// Bare ComfyUI: whoever reaches the server may use it.
    #[default]
    Off,
    /// As with the plugin: `<comfy_dir>/login/PASSWORD` holds the token, and whoever comes first sets it if it is
    /// missing.
    Plugin,
}

/// The settings of a [`Server`], each with a default but the folder.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    pub(crate) comfy_dir: Option<PathBuf>,
    pub(crate) login: Login,
    pub(crate) listen: SocketAddr,
    pub(crate) clock: Option<Clock>,
    pub(crate) chance: Option<Chance>,
    pub(crate) cors: Option<String>,
    pub(crate) models: Vec<(String, String)>,
    pub(crate) sampling: Sampling,
    pub(crate) faults: Faults,
    pub(crate) multi_user: bool,
}

/// How samplers run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sampling {
    pub(crate) step_time: Duration,
    pub(crate) previews: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            comfy_dir: None,
            login: Login::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: None,
            chance: None,
            cors: None,
            models: Vec::new(),
            sampling: Sampling::default(),
            faults: Faults::default(),
            multi_user: false,
        }
    }

    /// The ComfyUI folder: `input`, `output`, `temp`, `user` and `login` are made in it where they are missing.
    pub fn comfy_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.comfy_dir = Some(path.into());
        self
    }

    /// Whether the login plugin is there; by default it is not.
    pub fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// Where to listen; by default on a free port of 127.0.0.1.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// The time of message stamps, file names and `Date` headers. By default the server starts on 1 January 2025 and
    /// follows tokio's time; the system's clock is never read.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Clock::new(now));
        self
    }

    /// Fills bytes with entropy, for prompt ids, password salts and the session key. By default every server has the
    /// same sequence, which suits tests, and which anybody can guess: a server with [`Login::Plugin`] that other machines
    /// can reach does not start without entropy of its caller's.
    pub fn entropy(mut self, fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        self.chance = Some(Chance::new(fill));
        self
    }

    /// ComfyUI's `--enable-cors-header`: an origin, or `*`. With it answers carry the CORS headers, the check of
    /// `Origin` is off, and the plugin honours tokens only from that origin, or from all with `*`.
    pub fn cors(mut self, origin: impl Into<String>) -> Self {
        self.cors = Some(origin.into());
        self
    }

    /// A checkpoint that the server lists and loads though there is no such file; further ones by further calls.
    pub fn checkpoint(self, name: impl Into<String>) -> Self {
        self.model("checkpoints", name)
    }

    /// A model file that the server lists though it is not there, in a folder as `GET /models` names it: `loras`,
    /// `vae`, `text_encoders`, `diffusion_models`.
    pub fn model(mut self, folder: impl Into<String>, name: impl Into<String>) -> Self {
        self.models.push((folder.into(), name.into()));
        self
    }

    /// How long one step of a sampler takes, in tokio's time; by default nothing. An interruption comes between steps.
    pub fn step_time(mut self, time: Duration) -> Self {
        self.sampling.step_time = time;
        self
    }

    /// ComfyUI's `--preview-method`: whether samplers show a picture at every step; by default they do not.
    pub fn previews(mut self, on: bool) -> Self {
        self.sampling.previews = on;
        self
    }

    /// What goes wrong from the start; [`Server::faults`] changes it later.
    pub fn fault(self, fault: impl Into<Planned>) -> Self {
        self.faults.set(fault);
        self
    }

    /// All faults of a scenario, as [`Builder::fault`] takes them.
    pub fn scenario(self, scenario: &Scenario) -> Self {
        scenario.faults().iter().cloned().fold(self, Self::fault)
    }

    /// ComfyUI's `--multi-user`: the header `comfy-user` says whose files and settings a request means.
    pub fn multi_user(mut self, multi_user: bool) -> Self {
        self.multi_user = multi_user;
        self
    }

    /// Starts the server on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// If the folder is missing or cannot be made, if the address cannot be listened on, if a model was named in a folder
    /// that is none, or if a login that others can reach would have a key that they can guess.
    pub async fn spawn(self) -> Result<Server, Error> {
        Server::spawn(self).await
    }
}
