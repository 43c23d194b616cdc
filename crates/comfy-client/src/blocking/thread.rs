//! The thread on which the connections of a blocking client live.

use std::future::Future;
use std::thread::{JoinHandle, current};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::error::{Error, ErrorKind};

/// How long what is under way may take to end: the farewell of the WebSocket.
const FAREWELL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Thread {
    handle: Handle,
    /// The thread ends when this goes.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |cause| Error::new(ErrorKind::Io, "the client's thread cannot be started").because(cause);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                stopped.await.ok();
                let begun = Instant::now();
                while Handle::current().metrics().num_alive_tasks() > 0 && begun.elapsed() < FAREWELL {
                    sleep(Duration::from_millis(1)).await;
                }
            });
        };
        let thread = std::thread::Builder::new().name("comfy-client".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        self.handle.block_on(call)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Where a task of its own drops the last of us, the thread ends after that. A panic of it was told by the call that it broke.
        self.thread.take().filter(|thread| thread.thread().id() != current().id()).map(JoinHandle::join);
    }
}
