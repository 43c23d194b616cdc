//! Runs a command to its end, or to the user's wish to stop.

use std::{future::Future, process};

use report::{Failure, FailureKind};

use crate::{ExitCode, Screen};

/// Reads the command line; prints help, version and usage errors itself, as clap does.
pub fn parse<C: clap::Parser>() -> C {
    C::parse()
}

/// Runs `command` on a runtime of its own and returns its exit code as the process's.
pub fn run(screen: &Screen, command: impl Future<Output = ExitCode>) -> process::ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return screen.fail(&Failure::new(FailureKind::Unexpected, format!("can't start the runtime: {error}"))).into();
        }
    };
    let code = runtime.block_on(command);
    // What still computes (a password hash, say) is not waited for: nothing depends on it any more.
    runtime.shutdown_background();
    code.into()
}

/// `work`'s result; or, when the user stops it first, `work` is dropped, which undoes what it had only begun.
///
/// # Errors
/// The interruption, as a failure to show.
pub async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::select! {
        result = work => Ok(result),
        () = interrupted() => Err(Failure::new(FailureKind::Interrupted, "stopped by the user").hint("nothing is half-written; run the same command again to go on")),
    }
}

/// Waits for Ctrl-C, or for the system's wish to end the process. What comes between this call and the waiting counts too.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        // A system that lets nobody listen ends the process itself.
        let [Ok(mut interrupt), Ok(mut terminate)] = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
