//! Runs a command to its end, or to the user's wish to stop.

use std::{future::Future, pin::pin, process, time::Duration};

use report::{Failure, FailureKind, Report};

use crate::{ExitCode, Format, Screen, wishes::interrupted};

/// Runs `command` on a runtime of its own and returns its exit code as the process's.
pub fn run<C: Into<process::ExitCode>>(screen: &Screen, command: impl Future<Output = C>) -> process::ExitCode {
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

/// `work`'s result; or, when the user stops it first, `work` is dropped, which undoes what it had only begun. Work that doesn't
/// pause within three seconds ends with the process: what it had begun to write, the next command ends by the journal.
///
/// # Errors
/// The interruption, as a failure to show.
pub async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::select! {
        biased; // the wish is heard from before the work begins
        () = interrupted() => Err(by_the_user()),
        result = work => Ok(result),
    }
}

/// The report of `work`; when the user stops it first, `stop` tells it to come to its end, and its report says so. Stopped twice, or not
/// at its end within `grace`, `work` is dropped.
///
/// # Errors
/// The interruption of work that did not end by itself.
pub async fn stoppable(work: impl Future<Output = Report>, grace: Duration, stop: impl FnOnce()) -> Result<Report, Failure> {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        () = interrupted() => stop(),
        report = &mut work => return Ok(report),
    }
    tokio::select! {
        report = work => Ok(Report { stopped: Some(report.stopped.unwrap_or_else(by_the_user)), ..report }),
        () = interrupted() => Err(by_the_user()),
        () = tokio::time::sleep(grace) => Err(by_the_user()),
    }
}

/// Runs a watch, until the user or the reader of its output wants no more; `last` is told why, whether anybody reads it or not.
pub async fn watched(screen: &Screen, watch: impl Future<Output = Result<(), Failure>>, last: impl FnOnce(Failure)) -> ExitCode {
    if screen.format() == Format::Sarif {
        return screen.fail(
            &Failure::new(FailureKind::Usage, "a watch has no end, so it can't be SARIF")
                .hint("choose `--format json`: an object a line"),
        );
    }
    match watch.await {
        Ok(()) => screen.unread(),
        Err(failure) => {
            let code = ExitCode::for_kind(failure.kind);
            last(failure);
            code
        }
    }
}

fn by_the_user() -> Failure {
    Failure::new(FailureKind::Interrupted, "stopped by the user")
        .hint("nothing is half-written; run the same command again to go on")
}
