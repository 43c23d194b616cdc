//! Work that makes more work, shared by several threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Tasks that wait, last in first out, and how many threads are at one.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: Vec<T>,
    busy: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(first: T) -> Self {
        Self { state: Mutex::new(State { waiting: vec![first], busy: 0 }), changed: Condvar::new() }
    }

    /// Adds tasks, from inside of one.
    pub(super) fn push(&self, tasks: Vec<T>) {
        if !tasks.is_empty() {
            self.lock().waiting.extend(tasks);
            self.changed.notify_all();
        }
    }

    /// Does tasks until none waits and no thread can make another.
    pub(super) fn work(&self, mut each: impl FnMut(T)) {
        while let Some(task) = self.next() {
            let busy = Busy(self);
            each(task);
            drop(busy);
        }
    }

    fn next(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.waiting.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread at a task; also one that panics stops being busy, or the others would wait for ever.
struct Busy<'a, T>(&'a Queue<T>);

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn every_task_is_done_once_by_several_threads() {
        let queue = Queue::new(12_u32);
        let done = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    queue.work(|depth| {
                        done.fetch_add(1, Ordering::Relaxed);
                        if depth > 0 {
                            queue.push(vec![depth - 1, depth - 1]);
                        }
                    });
                });
            }
        });
        assert_eq!(done.into_inner(), (1 << 13) - 1);
    }

    #[test]
    fn a_panic_does_not_leave_the_others_waiting() {
        let queue = Queue::new(0);
        let panicked = std::thread::scope(|scope| scope.spawn(|| queue.work(|_| panic!("on purpose"))).join().is_err());
        assert!(panicked && queue.next().is_none());
    }
}
