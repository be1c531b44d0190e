//! Remembering which events were handled, over crashes too.

#[cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
mod column;
mod memory;
#[cfg(feature = "journal-postgres")]
mod postgres;
#[cfg(feature = "journal-sqlite")]
mod sqlite;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowlix_api::model::EventId;

pub use memory::InMemoryEvents;

/// What every method of [`EventStore`] returns; boxed, so that a store can be chosen at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, EventStoreError>> + Send + 'a>>;

/// Where it is written down which events are being handled and which are done.
///
/// Noting an event as *seen* and handling it are two steps, and a process can die in between. So an event
/// is first **claimed** for a time (the lease). The claim ends in one of three ways:
/// - **complete**: it was handled, for good. No later claim is granted.
/// - **release**: it was not handled. The next delivery gets it.
/// - neither, because the worker died: when the lease has run out, the next delivery gets it, and is told
///   that the event may have been handled in part or wholly ([`Claim::Granted::abandoned`](Claim::Granted)).
///
/// Where the effect lives in the same database, write it and the completion in one transaction; that is the
/// only way to be sure of exactly once.
///
/// No method is named like one of [`Journal`](crate::journal::Journal): a database may be both, and both traits in
/// scope.
///
/// Implementations decide each method in one atomic step: of two concurrent claims one is granted. Hold one of
/// your own against [`conformance::check`](super::conformance::check).
pub trait EventStore: Send + Sync {
    /// Claims an event until `now + lease`.
    ///
    /// # Errors
    /// When the store cannot answer, or the lease has no end that it can keep; nothing is handled then.
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim>;

    /// The event was handled. Done is final, and is noted whoever holds the claim now, because it is true;
    /// the answer says whether the claim was still this one's. `now` is kept for [`forget`](Self::forget); a
    /// repeat does not change it.
    ///
    /// # Errors
    /// When the store cannot do it, or cannot say whether it did.
    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion>;

    /// The event was not handled. Does nothing when the claim is no longer this token's, so that a slow
    /// worker cannot take the event from the one that came after it.
    ///
    /// # Errors
    /// When the store cannot do it, or cannot say whether it did.
    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()>;

    /// Deletes the events that were completed before this moment, and says how many. An event that is not
    /// done is never deleted, however old: neither one that is claimed nor one that was abandoned.
    ///
    /// A deleted event is new again should it be delivered once more; [`Inbox::prune`](super::Inbox::prune)
    /// says how long to keep them.
    ///
    /// # Errors
    /// When the store cannot do it, or cannot say whether it did.
    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64>;
}

impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim> {
        (**self).claim(id, now, lease)
    }

    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        (**self).complete(id, token, now)
    }

    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()> {
        (**self).release(id, token)
    }

    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64> {
        (**self).forget(completed_before)
    }
}

/// Tells the claims on one event apart. A store never gives one out twice for the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimToken(u64);

impl ClaimToken {
    /// A token; for those who write a store.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A store's answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The event is the caller's to handle.
    Granted {
        /// Ends the claim.
        token: ClaimToken,
        /// An earlier claim ran out without an end: the event may have been handled, in part or wholly.
        abandoned: bool,
    },
    /// Somebody else is at it.
    Held {
        /// When the other claim runs out.
        until: SystemTime,
    },
    /// It was handled before.
    Done,
}

/// A store's answer to a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The claim was still held: nobody else handled the event meanwhile.
    InTime,
    /// The claim had been taken over or forgotten: somebody else may have handled the event too.
    LeaseLost,
}

/// The store could not answer. Whether the step took place is not known; each may be repeated, but a repeated
/// claim may meet the first one's lease.
#[derive(Debug)]
pub struct EventStoreError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl EventStoreError {
    /// Wraps the error of what the store is built on.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

impl fmt::Display for EventStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the store of webhook events failed; answer the delivery with a 5xx, and handle no event that it \
             did not grant",
        )
    }
}

impl std::error::Error for EventStoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
