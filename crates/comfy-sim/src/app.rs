//! What all parts of one server share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{Login, Sampling};
use crate::events::{Audience, Event, Owner};
use crate::faults::Faults;
use crate::folders::Folders;
use crate::hub::Hub;
use crate::login::Guard;
use crate::logs::Logs;
use crate::nodes::Registry;
use crate::queue::Queue;
use crate::users::Users;

/// What outlives a restart of the server.
pub(crate) struct Site {
    pub(crate) folders: Folders,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) login: Login,
    pub(crate) multi_user: bool,
    pub(crate) cors: Option<String>,
    pub(crate) sampling: Sampling,
    pub(crate) faults: Faults,
    /// Cancelled when the server shuts down.
    pub(crate) closing: CancellationToken,
}

pub(crate) struct App {
    pub(crate) registry: Registry,
    pub(crate) folders: Folders,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    /// When the server started.
    pub(crate) started: SystemTime,
    pub(crate) users: Users,
    pub(crate) logs: Logs,
    pub(crate) hub: Arc<Hub>,
    pub(crate) queue: Queue,
    /// Set by `/interrupt`, read before each node, cleared when a prompt starts.
    pub(crate) interrupt: AtomicBool,
    running: Mutex<Running>,
    /// `--enable-cors-header`.
    pub(crate) cors: Option<String>,
    pub(crate) sampling: Sampling,
    /// The login, if the plugin is there.
    pub(crate) guard: Option<Guard>,
    pub(crate) faults: Faults,
    /// Who changes files: one request after the other, in the order in which they came.
    pub(crate) files: tokio::sync::Mutex<()>,
    /// Takes tasks that outlive their request: the sockets.
    pub(crate) tasks: UnboundedSender<BoxFuture<'static, ()>>,
    /// Cancelled when the server shuts down.
    pub(crate) closing: CancellationToken,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Site {
    /// One without login and faults, whose time stands still.
    pub(crate) fn plain(folders: Folders) -> Self {
        Self {
            folders,
            clock: Clock::new(|| std::time::UNIX_EPOCH),
            chance: Chance::sequence(),
            login: Login::Off,
            multi_user: false,
            cors: None,
            sampling: Sampling::default(),
            faults: Faults::default(),
            closing: CancellationToken::new(),
        }
    }
}

/// Whose prompt runs, or ran last, and which node of it runs.
struct Running {
    owner: Owner,
    node: Option<String>,
}

impl App {
    pub(crate) fn new(site: &Site, guard: Option<Guard>, tasks: UnboundedSender<BoxFuture<'static, ()>>) -> Self {
        let hub = Arc::new(Hub::default());
        Self {
            registry: Registry::all(),
            started: site.clock.now(),
            users: Users::load(site.folders.user(), site.multi_user),
            logs: Logs::default(),
            folders: site.folders.clone(),
            clock: site.clock.clone(),
            chance: site.chance.clone(),
            queue: Queue::new(hub.clone()),
            hub,
            interrupt: AtomicBool::new(false),
            running: Mutex::new(Running { owner: Owner::Nobody, node: None }),
            guard,
            cors: site.cors.clone(),
            sampling: site.sampling,
            faults: site.faults.clone(),
            files: tokio::sync::Mutex::default(),
            tasks,
            closing: site.closing.clone(),
        }
    }

    /// Sends, where there is anybody to send to.
    pub(crate) fn send(&self, to: Option<Audience>, event: impl FnOnce() -> Event) {
        if let Some(to) = to {
            self.hub.send(&to, event);
        }
    }

    pub(crate) fn now_runs(&self, owner: Owner) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).owner = owner;
    }

    pub(crate) fn now_at(&self, node: Option<String>) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).node = node;
    }

    /// The node that runs in a prompt of this client.
    pub(crate) fn running_node(&self, sid: &str) -> Option<String> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.node.clone().filter(|_| running.owner == Owner::Client(sid.to_owned()))
    }
}
