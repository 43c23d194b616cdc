//! Standard output, written by a thread of its own: who works never waits for whoever reads, or doesn't.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

/// So many texts may wait to be written before those who wait for room do so.
const ROOM: usize = 256;
/// So many may wait at all: then the next one waits too.
const MOST: usize = 4096;
/// How long a text is waited for that nothing is before: a terminal's two streams stay in order.
const SOON: Duration = Duration::from_millis(100);

/// Where texts are put to be written.
#[derive(Clone)]
pub(super) struct Outlet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    room: Notify,
}

struct State {
    texts: VecDeque<String>,
    /// Where to; the writer takes it along, who begins with the first text.
    sink: Option<Box<dyn Write + Send>>,
    writing: bool,
    end: Option<io::Error>,
}

impl State {
    fn is_idle(&self) -> bool {
        self.texts.is_empty() && !self.writing
    }
}

impl Outlet {
    /// One that writes to `sink`.
    pub(super) fn new(sink: impl Write + Send + 'static) -> Self {
        let state = State { texts: VecDeque::new(), sink: Some(Box::new(sink)), writing: false, end: None };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), room: Notify::new() }))
    }

    /// Has `text` written.
    pub(super) fn print(&self, text: &str) {
        let mut state = self.0.wait_while(self.0.lock(), |state| state.texts.len() >= MOST);
        let was_idle = state.is_idle();
        if let Some(mut sink) = state.sink.take() {
            let shared = self.0.clone();
            let begun = thread::Builder::new().name("output".to_owned()).spawn(move || shared.write(&mut sink));
            state.end = begun.err();
        }
        if state.end.is_some() {
            return;
        }
        state.texts.push_back(text.to_owned());
        self.0.changed.notify_all();
        if was_idle {
            drop(self.0.changed.wait_timeout_while(state, SOON, |state| !state.is_idle()));
        }
    }

    /// Waits until most of it is written.
    pub(super) async fn room(&self) {
        loop {
            let room = self.0.room.notified();
            if self.0.lock().texts.len() < ROOM {
                return;
            }
            room.await;
        }
    }

    /// Waits until all is written, at most so long.
    pub(super) fn drain(&self, limit: Option<Duration>) {
        let state = self.0.lock();
        match limit {
            Some(limit) => drop(self.0.changed.wait_timeout_while(state, limit, |state| !state.is_idle())),
            None => drop(self.0.wait_while(state, |state| !state.is_idle())),
        }
    }

    /// Whether nothing is written any more.
    pub(super) fn has_ended(&self) -> bool {
        self.0.lock().end.is_some()
    }

    /// Why nothing is written any more. A closed pipe is no error of ours: who stopped reading has seen enough.
    pub(super) fn error(&self) -> Option<String> {
        let state = self.0.lock();
        state.end.as_ref().filter(|error| error.kind() != io::ErrorKind::BrokenPipe).map(ToString::to_string)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(&self, state: MutexGuard<'a, State>, busy: impl FnMut(&mut State) -> bool) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, busy).unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until something can't be written.
    fn write(&self, sink: &mut impl Write) {
        loop {
            let mut state = self.wait_while(self.lock(), |state| state.texts.is_empty());
            let Some(text) = state.texts.pop_front() else { continue };
            state.writing = true;
            drop(state);
            let written = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
            let mut state = self.lock();
            state.writing = false;
            state.end = written.err();
            let ended = state.end.is_some();
            if ended {
                state.texts.clear();
            }
            self.changed.notify_all();
            self.room.notify_waiters();
            if ended {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes when it is told to, and says what.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<String>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            let _ = self.1.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn who_prints_does_not_wait_for_who_reads_and_nothing_is_lost_or_swapped() {
        let (go, wait) = mpsc::channel();
        let (said, heard) = mpsc::channel();
        let outlet = Outlet::new(Slow(wait, said));
        (0..=ROOM).for_each(|nth| outlet.print(&nth.to_string()));
        assert!(tokio::time::timeout(Duration::ZERO, outlet.room()).await.is_err());
        (0..2).for_each(|_| go.send(()).unwrap());
        outlet.room().await;
        (2..=ROOM).for_each(|_| go.send(()).unwrap());
        outlet.drain(None);
        assert!(heard.try_iter().eq((0..=ROOM).map(|nth| nth.to_string())));
        drop(go);
        outlet.print("nobody hears");
        outlet.drain(None);
        assert!(outlet.has_ended() && outlet.error().is_none());
    }
}
