//! Events remembered in memory, up to a bound.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use flowlix_api::model::EventId;

use super::{Claim, ClaimToken, Completion, EventStore, EventStoreError, StoreFuture};

/// How many events are remembered by default.
const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99_999);

/// Events remembered in this process's memory: for tests, and for a service of one process whose effects
/// may be repeated after a restart. It forgets everything with the process.
///
/// At most `capacity` events are kept, 100 000 by default. Beyond it the event that was done first is forgotten,
/// and a repeat of it would be handled again; then claims that ran out, which would no longer be told as
/// abandoned. A running claim is never forgotten: when only such are left, a further claim fails.
pub struct InMemoryEvents {
    capacity: NonZeroUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: HashMap<EventId, Entry>,
    /// With the moment of completion, in the order of completion; each id once, since done is final.
    done: VecDeque<(SystemTime, EventId)>,
    tokens: u64,
}

enum Entry {
    Claimed {
        token: ClaimToken,
        until: SystemTime,
    },
    Done,
}

impl InMemoryEvents {
    /// An empty store for at most `capacity` events. An event takes about a hundred bytes.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        // Every step leaves the state whole, also when another thread panicked.
        step(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for InMemoryEvents {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl State {
    fn claim(
        &mut self,
        id: &EventId,
        now: SystemTime,
        lease: Duration,
        capacity: usize,
    ) -> Result<Claim, EventStoreError> {
        let abandoned = match self.events.get(id) {
            Some(Entry::Done) => return Ok(Claim::Done),
            Some(Entry::Claimed { until, .. }) if now < *until => {
                return Ok(Claim::Held { until: *until });
            }
            Some(Entry::Claimed { .. }) => true,
            None => false,
        };
        let until = now
            .checked_add(lease)
            .ok_or_else(|| EventStoreError::new("the lease ends after the end of time"))?;
        if !abandoned {
            self.make_room(now, capacity)?;
        }
        self.tokens = self.tokens.wrapping_add(1);
        let token = ClaimToken::new(self.tokens);
        self.events
            .insert(id.clone(), Entry::Claimed { token, until });
        Ok(Claim::Granted { token, abandoned })
    }

    fn make_room(&mut self, now: SystemTime, capacity: usize) -> Result<(), EventStoreError> {
        while self.events.len() >= capacity {
            match self.done.pop_front() {
                Some((_, oldest)) => {
                    self.events.remove(&oldest);
                }
                None => return self.forget_abandoned(now, capacity),
            }
        }
        Ok(())
    }

    fn forget_abandoned(
        &mut self,
        now: SystemTime,
        capacity: usize,
    ) -> Result<(), EventStoreError> {
        self.events.retain(|_, entry| match entry {
            Entry::Claimed { until, .. } => now < *until,
            Entry::Done => true,
        });
        if self.events.len() >= capacity {
            return Err(EventStoreError::new(
                "as many events are being handled as this store may hold",
            ));
        }
        Ok(())
    }

    fn complete(&mut self, id: &EventId, token: ClaimToken, now: SystemTime) -> Completion {
        let completion = match self.events.get(id) {
            Some(Entry::Claimed { token: held, .. }) if *held == token => Completion::InTime,
            _ => Completion::LeaseLost,
        };
        if !matches!(
            self.events.insert(id.clone(), Entry::Done),
            Some(Entry::Done)
        ) {
            self.done.push_back((now, id.clone()));
        }
        completion
    }

    fn release(&mut self, id: &EventId, token: ClaimToken) {
        if matches!(self.events.get(id), Some(Entry::Claimed { token: held, .. }) if *held == token)
        {
            self.events.remove(id);
        }
    }

    fn forget(&mut self, completed_before: SystemTime) -> usize {
        let (events, done) = (&mut self.events, &mut self.done);
        let before = done.len();
        // All of them: clocks step back, so the order of completion need not be that of the moments.
        done.retain(|(completed_at, id)| {
            let stays = *completed_at >= completed_before;
            if !stays {
                events.remove(id);
            }
            stays
        });
        before.saturating_sub(done.len())
    }
}

impl EventStore for InMemoryEvents {
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim> {
        let capacity = self.capacity.get();
        Box::pin(async move { self.with(|state| state.claim(id, now, lease, capacity)) })
    }

    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async move { Ok(self.with(|state| state.complete(id, token, now))) })
    }

    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.with(|state| state.release(id, token));
            Ok(())
        })
    }

    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let gone = self.with(|state| state.forget(completed_before));
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
    }
}

impl fmt::Debug for InMemoryEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryEvents")
            .field("capacity", &self.capacity)
            .field("events", &self.with(|state| state.events.len()))
            .finish_non_exhaustive()
    }
}
