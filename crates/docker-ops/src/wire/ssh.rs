//! An engine behind ssh: `ssh HOST docker system dial-stdio`, as Docker's command line does it.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    process::Stdio,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

use crate::endpoint::Ssh;

/// How much of ssh's complaint is kept.
const COMPLAINT: u64 = 4096;

/// How long ssh may take to say why it ended. A master connection that it left behind may hold its standard error open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The standard streams of an ssh process. It ends with them.
pub(crate) struct Piped {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What ssh says on standard error. Kept open to the end, but of interest only until the far side has answered.
    complaint: Pin<Box<dyn Future<Output = String> + Send>>,
    answered: bool,
}

/// ssh ended before the engine said a word.
#[derive(Debug)]
pub(crate) struct SshEnded(String);

/// Starts ssh. It asks no question (nobody might hear it), and a Ctrl-C at the terminal reaches us alone, who may still need the engine.
pub(super) fn connect(target: &Ssh) -> io::Result<Piped> {
    let mut child = Command::new(&target.program)
        .args(arguments(target))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::other(SshEnded(format!("can't start `{}`: {error}", target.program.display()))))?;
    let (Some(input), Some(output), Some(error)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("a child without standard streams"));
    };
    Ok(Piped { _child: child, input, output, complaint: Box::pin(complaint(error)), answered: false })
}

fn arguments(target: &Ssh) -> Vec<String> {
    let mut arguments = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-T"].map(str::to_owned).to_vec();
    arguments.extend(target.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
    arguments.extend(target.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    arguments.extend(["--".to_owned(), target.host.clone(), "docker".to_owned()]);
    // The far shell reads this line: the path's grammar has no blank and no sign that means anything to a shell.
    arguments.extend(target.socket.iter().map(|socket| format!("--host=unix://{socket}")));
    arguments.extend(["system".to_owned(), "dial-stdio".to_owned()]);
    arguments
}

async fn complaint(error: ChildStderr) -> String {
    let mut kept = Vec::new();
    let _ = tokio::time::timeout(LAST_WORDS, error.take(COMPLAINT).read_to_end(&mut kept)).await;
    String::from_utf8_lossy(&kept).trim().to_owned()
}

impl AsyncRead for Piped {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(context, buffer))?;
        if buffer.filled().len() == before && !self.answered {
            let said = ready!(self.complaint.as_mut().poll(context));
            self.answered = true;
            return Poll::Ready(Err(io::Error::other(SshEnded(said))));
        }
        self.answered = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Piped {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.input).poll_write(context, bytes)) {
            // An ssh that is gone already says why on its other streams, which are read next.
            Err(_) if !self.answered => Poll::Ready(Ok(bytes.len())),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(context)
    }
}

impl fmt::Debug for Piped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Piped")
    }
}

impl fmt::Display for SshEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("ssh ended before the engine answered"),
            said => write!(f, "ssh ended before the engine answered: {said}"),
        }
    }
}

impl std::error::Error for SshEnded {}
