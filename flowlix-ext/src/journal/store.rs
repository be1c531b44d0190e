//! What a journal is: a store of records, and nothing else.

use std::pin::Pin;
use std::sync::Arc;

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, Unsettled};

/// Bytes of a journal's secret.
pub const SECRET_LENGTH: usize = 32;

/// What the methods of [`Journal`] return.
pub type JournalFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// A store of records.
///
/// It only has to keep them: what may be sent, who sends, and what an outcome means is decided by the SDK, on
/// top of [`store`](Self::store), which must be atomic. What is stored must be durable when the future is done:
/// a payment is sent right after.
///
/// A method that panics counts as one that failed (where panics abort, they abort).
///
/// Object-safe; shared by all clones of a client. Hold an implementation against
/// [`conformance::check`](super::conformance::check).
pub trait Journal: Send + Sync {
    /// The secret of the journal's fingerprints. The first proposal is kept for ever; every later one is
    /// ignored, and the kept one returned.
    ///
    /// # Errors
    /// When the store cannot answer; nothing is sent then.
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]>;

    /// The record of this name.
    ///
    /// # Errors
    /// When the store cannot answer; nothing is sent then.
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>>;

    /// Stores a record if nobody else was faster, and says whether it did: with version 1 there must be no record
    /// of its name, otherwise the stored one must have the version before.
    ///
    /// # Errors
    /// When the store cannot do it, or cannot say whether it did.
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool>;

    /// The records of a scope that are not [settled](super::State::is_settled), in the order of their names, at most
    /// `limit`, beginning behind `after`. One that cannot be read is an entry as well, in its place: it must not hide
    /// the others.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>>;

    /// Deletes the settled records of a scope that last changed before this moment (Unix milliseconds), and says
    /// how many. A deleted record protects no longer: keep them for as long as your service may repeat a call,
    /// and for two days at least, because Flowlix forgets a key after one.
    ///
    /// # Errors
    /// When the store cannot do it.
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64>;
}

impl<J: Journal + ?Sized> Journal for Arc<J> {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        (**self).secret(proposal)
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        (**self).load(id)
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        (**self).store(record)
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        (**self).unsettled(scope, after, limit)
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        (**self).prune(scope, changed_before)
    }
}
