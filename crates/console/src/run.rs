//! Runs a command to its end, or to the user's wish to stop.

use std::{future::Future, process, time::Duration};

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

/// How long work may go on without a pause after the user has stopped it.
const GRACE: Duration = Duration::from_secs(3);

/// `work`'s result; or, when the user stops it first, `work` is dropped, which undoes what it had only begun. Work that doesn't
/// pause within three seconds ends with the process: what it had begun to write, the next command ends by the journal.
///
/// # Errors
/// The interruption, as a failure to show.
pub async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let last_resort = tokio::spawn(async {
        interrupted().await;
        tokio::time::sleep(GRACE).await;
        end_now();
    });
    let ended = tokio::select! {
        result = work => Ok(result),
        () = interrupted() => Err(Failure::new(FailureKind::Interrupted, "stopped by the user").hint("nothing is half-written; run the same command again to go on")),
    };
    last_resort.abort();
    ended
}

#[expect(clippy::exit, reason = "work that doesn't pause can't be dropped")]
fn end_now() {
    process::exit(i32::from(ExitCode::Interrupted as u8))
}

/// Waits for Ctrl-C, or for the system's wish to end the process.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
