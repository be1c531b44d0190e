//! Faults that wait for their turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Faults in the order in which they were injected, each with what it is to hit.
#[derive(Debug)]
pub(crate) struct Queue<M, F> {
    waiting: Mutex<Vec<Waiting<M, F>>>,
}

#[derive(Debug)]
struct Waiting<M, F> {
    matcher: M,
    fault: F,
    times: usize,
}

impl<M, F> Default for Queue<M, F> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
        }
    }
}

impl<M, F: Clone> Queue<M, F> {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<M, F>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, matcher: M, fault: F, times: usize) {
        if times > 0 {
            self.lock().push(Waiting {
                matcher,
                fault,
                times,
            });
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// How many faults are still to come.
    pub(crate) fn pending(&self) -> usize {
        self.lock()
            .iter()
            .fold(0, |sum, waiting| sum.saturating_add(waiting.times))
    }

    /// Uses up the first fault whose matcher says yes.
    pub(crate) fn take_where(&self, matches: impl Fn(&M) -> bool) -> Option<F> {
        let mut waiting = self.lock();
        let entry = waiting.iter_mut().find(|entry| matches(&entry.matcher))?;
        entry.times = entry.times.saturating_sub(1);
        let fault = entry.fault.clone();
        waiting.retain(|entry| entry.times > 0);
        Some(fault)
    }
}
