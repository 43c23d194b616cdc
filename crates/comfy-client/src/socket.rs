//! The one WebSocket of a client: opened when first needed, shared by all its prompts, dialled again when it is lost.

mod keeper;
mod registry;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::error::Error;
use crate::transport::Transport;
use keeper::{Command, Link};

pub(crate) use registry::{Notice, Registry, Subscription};

/// The handle of the WebSocket. It is closed, with a close frame, when the handle goes.
pub(crate) struct Socket {
    transport: Transport,
    registry: Arc<Registry>,
    keeper: Mutex<Option<Keeper>>,
    /// Somebody waited for it in vain, and it did not open since.
    vain: AtomicBool,
}

#[derive(Clone)]
struct Keeper {
    commands: mpsc::UnboundedSender<Command>,
    link: watch::Sender<Link>,
}

impl Socket {
    pub(crate) fn new(transport: Transport) -> Result<Self, Error> {
        let registry = Arc::new(Registry::new(transport.config().ids.client_id()?));
        Ok(Self { transport, registry, keeper: Mutex::new(None), vain: AtomicBool::new(false) })
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Opens it, or waits until it is open, but no longer than `limit`, not past a failed try, and not again after a wait in
    /// vain: what it brings are hints, and everything goes on without. Where it brings what is `wanted`, one more try is waited
    /// for if it broke or failed before, and one that may be deaf is none. Says whether it is open.
    pub(crate) async fn open(&self, limit: Duration, wanted: bool) -> bool {
        let keeper = self.keeper();
        let mut link = keeper.link.subscribe();
        let is_open = |link: &Link| *link == Link::Open || (*link == Link::Doubted && !wanted);
        if is_open(&link.borrow()) {
            self.vain.store(false, Ordering::Relaxed);
            return true;
        }
        // A keeper that is gone answers nothing; there is nothing to wait for then.
        if keeper.commands.send(Command::Need).is_ok() && !self.vain.load(Ordering::Relaxed) {
            let settled = async {
                if wanted {
                    link.wait_for(|link| *link != Link::Down).await.ok();
                }
                let is_settled = |link: &Link| is_open(link) || *link == Link::Down || (*link == Link::Broken && !wanted);
                link.wait_for(is_settled).await.ok();
            };
            let in_vain = timeout(limit, settled).await.is_err();
            self.vain.store(in_vain, Ordering::Relaxed);
        }
        is_open(&link.borrow())
    }

    /// Says that the connection seems open, but brings nothing any more.
    pub(crate) fn is_deaf(&self) {
        let keeper = self.keeper();
        // At once: whoever submits next may do so before the keeper hears of it.
        keeper.link.send_if_modified(|link| {
            let was_open = *link == Link::Open;
            if was_open {
                *link = Link::Doubted;
            }
            was_open
        });
        keeper.commands.send(Command::Deaf).ok();
    }

    /// The task that keeps the connection, started anew where the runtime that it lived in is gone.
    fn keeper(&self) -> Keeper {
        let mut slot = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = slot.as_ref().filter(|keeper| !keeper.commands.is_closed()) {
            return keeper.clone();
        }
        let (commands, orders) = mpsc::unbounded_channel();
        let link = watch::Sender::new(Link::Idle);
        tokio::spawn(keeper::keep(self.transport.clone(), self.registry.clone(), link.clone(), orders));
        slot.insert(Keeper { commands, link }).clone()
    }
}
