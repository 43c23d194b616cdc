//! Runs a command to its end, or to the user's wish to stop.

use std::{future::Future, pin::pin, process, time::Duration};

use report::{Failure, FailureKind, Report};

use crate::{ExitCode, Screen};

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
        biased; // the wish is heard from before the work begins
        () = interrupted() => Err(by_the_user()),
        result = work => Ok(result),
    };
    last_resort.abort();
    ended
}

#[expect(clippy::exit, reason = "work that doesn't pause can't be dropped")]
fn end_now() {
    process::exit(i32::from(ExitCode::Interrupted as u8))
}

/// The report of `work`; when the user stops it first, `stop` tells it to come to its end, and its report says so. Stopped twice, or
/// deaf to it, `work` is dropped.
///
/// # Errors
/// The interruption of work that did not end by itself.
pub async fn stoppable(work: impl Future<Output = Report>, stop: impl FnOnce()) -> Result<Report, Failure> {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        () = interrupted() => stop(),
        report = &mut work => return Ok(report),
    }
    tokio::select! {
        report = work => Ok(Report { stopped: Some(report.stopped.unwrap_or_else(by_the_user)), ..report }),
        () = interrupted() => Err(by_the_user()),
        () = tokio::time::sleep(GRACE) => Err(by_the_user()),
    }
}

fn by_the_user() -> Failure {
    Failure::new(FailureKind::Interrupted, "stopped by the user")
        .hint("nothing is half-written; run the same command again to go on")
}

/// Waits for Ctrl-C, for the end of the terminal, or for the system's wish to end the process. What comes between this call and the waiting counts too.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    // Under `nohup` the end of the terminal is to be survived; to listen would undo that.
    let third = if hangup_is_ignored() { SignalKind::terminate() } else { SignalKind::hangup() };
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), third].map(signal);
    async move {
        // A system that lets nobody listen ends the process itself.
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Whether whoever started the process told it to ignore SIGHUP, as Linux tells; elsewhere it is taken for not so.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
