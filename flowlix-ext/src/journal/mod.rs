//! The journal: no write is sent before it is recorded, and none is ever lost.
//!
//! Without a journal a crash between sending and storing the answer leaves a payment that your books do not
//! know. With one, each write is recorded right before it is sent and again when its outcome is known:
//!
//! - A key that is used again for another request is caught here, and nothing is sent.
//! - A finished write is not sent again: the same call with the same key returns the stored answer, and its
//!   [receipt](crate::Receipt::is_from_journal) says so.
//! - Of several callers with one key one sends; the others wait and get the same answer.
//! - After a crash [`Flowlix::recover`](crate::Flowlix::recover) finds out what became of every write whose
//!   outcome was not stored, without needing the card again.
//! - When a record cannot be stored, nothing is sent ([`ErrorKind::Journal`](crate::ErrorKind::Journal)). When
//!   an outcome cannot be stored, you get the answer all the same, and
//!   [`Receipt::journal_error`](crate::Receipt::journal_error) or
//!   [`Error::journal_error`](crate::Error::journal_error) says that the journal does not have it.
//!
//! # Use one
//! ```
//! use flowlix_ext::journal::MemoryJournal;
//! use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, Money};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//!     .base_url(sandbox.base_url())
//! #   .runtime(flowlix_ext::testing::ManualTime::automatic())
//!     .journal(MemoryJournal::new())
//!     .build()?;
//! let pay = || -> Result<_, flowlix_ext::InvalidIdempotencyKey> {
//!     let card = CardDetails::new("4111111111111111", 12, 2027, "314", "Jenny Rosen");
//!     let key = IdempotencyKey::derive("payment", ["order-1234"])?;
//!     Ok(flowlix.payments().create_direct(Money::eur(49_99), card).idempotency_key(key))
//! };
//! let first = pay()?.await?;
//! let again = pay()?.await?;
//! assert_eq!(first.id, again.id);
//! assert!(again.receipt().is_from_journal());
//! # Ok(())
//! # }
//! ```
//! | journal | for | feature |
//! |---|---|---|
//! | [`MemoryJournal`] | tests, and services without a disk: it forgets when the process ends | – |
//! | `SqliteJournal` | one machine: a file | `journal-sqlite` |
//! | `PostgresJournal` | several machines: a database | `journal-postgres` |
//! | a store of your own | implement [`Journal`] and hold it against the [`conformance`] suite | – |
//!
//! # What stands in it
//! Never a card number or security code, nor anything from which one could be guessed: of the card, the
//! [fingerprint](Record::fingerprint) of a request covers the last four digits, expiry and holder. So a request
//! that differs in nothing but the security code counts as the same. Accepted writes are kept with
//! Flowlix's answer, which may hold the customer's name and address. Nothing is ever deleted by itself:
//! [`Journal::prune`] removes what is settled and old.
//!
//! # What it changes on the wire
//! Payments, and refunds in the uppercase dialect, carry one more entry of metadata, [`STAMP`]: it is how
//! [`recover`](crate::Flowlix::recover) finds them. So switch a journal on when no key that was used without
//! one is to be repeated: Flowlix would refuse it as another request
//! ([`KeyReused`](crate::ErrorKind::KeyReused)), for as long as it keeps the key.
//!
//! # One journal, several clients
//! A journal may serve any number of processes of one merchant, in test and live mode. Several merchants need
//! one name each ([`journal_account`](crate::FlowlixBuilder::journal_account)). A record that another API key
//! made is not repeated under this one, because Flowlix keeps idempotency keys apart by API key: unless the
//! account is named the call is refused; once it is, finished writes are answered from the journal and those in
//! doubt have to be [recovered](crate::Flowlix::recover) first.

pub mod conformance;
mod draft;
mod fingerprint;
mod gate;
mod memory;
#[cfg(feature = "journal-postgres")]
mod postgres;
mod record;
mod recover;
#[cfg(feature = "journal-sqlite")]
mod sqlite;
mod write;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

pub use fingerprint::STAMP;
pub use memory::{DEFAULT_CAPACITY, MemoryJournal};
#[cfg(feature = "journal-postgres")]
pub use postgres::PostgresJournal;
pub use record::{Record, RecordId, Scope, State};
pub use recover::{CERTAIN_AFTER, Doubt, Recover, Recovered, Recovery, Truth};
#[cfg(feature = "journal-sqlite")]
pub use sqlite::SqliteJournal;
/// The client library of [`PostgresJournal`], in the version that it takes.
#[cfg(feature = "journal-postgres")]
pub use tokio_postgres;

pub(crate) use draft::Draft;
pub(crate) use write::{Book, Write};

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
/// Object-safe; shared by all clones of a client. Hold an implementation against [`conformance::check`].
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

    /// The records of a scope that are not [settled](State::is_settled), in the order of their names, at most
    /// `limit`, beginning behind `after`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Record>>;

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
    ) -> JournalFuture<'a, Vec<Record>> {
        (**self).unsettled(scope, after, limit)
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        (**self).prune(scope, changed_before)
    }
}

/// Why a journal could not do what it was asked.
#[derive(Debug, Clone)]
pub struct JournalError {
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl JournalError {
    /// A failure in words; they must not hold what the record holds.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// A failure that something else caused.
    #[must_use]
    pub fn caused_by(
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(Arc::new(source)),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
