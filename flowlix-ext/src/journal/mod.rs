//! The journal: no write is sent before it is recorded, and none is ever lost.
//!
//! Without a journal a crash between sending and storing the answer leaves a payment that your books do not
//! know. With one, each write is recorded right before it is sent and again when its outcome is known:
//!
//! - A key that is used again for another request, or another operation, is caught here, and nothing is sent.
//! - A finished write is not sent again: the same call with the same key returns the stored answer, and its
//!   [receipt](crate::Receipt::is_from_journal) says so.
//! - Of several callers with one key one sends; the others wait and get the same answer, a refusal too.
//! - After a crash [`Flowlix::recover`](crate::Flowlix::recover) finds out what became of every write whose
//!   outcome was not stored, without needing the card again.
//! - When a record cannot be stored, nothing is sent ([`ErrorKind::Journal`](crate::ErrorKind::Journal)). When
//!   an outcome cannot be stored, you get the answer all the same, and
//!   [`Receipt::journal_error`](crate::Receipt::journal_error) or
//!   [`Error::journal_error`](crate::Error::journal_error) says that the journal does not have it. A journal of your
//!   own that panics counts as one that failed, and so does any that does not answer: before sending within the call's
//!   time (5 s at least), after it within 5 s.
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
//!     let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//!     let key = IdempotencyKey::derive("payment", ["order-1234", "1"])?;
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
//! | `SqliteJournal` | one machine: a file | `journal-sqlite` (rusqlite 0.32 to 0.43, with its own SQLite) |
//! | `PostgresJournal` | several machines: a database | `journal-postgres` (tokio-postgres 0.7) |
//! | a store of your own | implement [`Journal`] and hold it against the [`conformance`] suite | – |
//!
//! # Recover in a service
//! Asking once at the start is not enough: right after a crash a request may still be on its way, and all that can be
//! said is that nothing is certain. So let it run beside the service. It only reads, and when nothing is in doubt it
//! asks Flowlix nothing.
//! ```
//! use std::time::Duration;
//! use flowlix_ext::{Flowlix, journal::Truth};
//!
//! async fn recover(flowlix: Flowlix, orders: Orders) {
//!     loop {
//!         match flowlix.recover().await {
//!             Ok(recovery) => {
//!                 for write in &recovery.writes {
//!                     orders.tell(&write.record.id.key, &write.truth);
//!                 }
//!                 for record in &recovery.unreadable {
//!                     eprintln!("{record}"); // the others are told all the same
//!                 }
//!             }
//!             Err(error) => eprintln!("{error}"), // the journal cannot be read: nothing is lost, ask again
//!         }
//!         tokio::time::sleep(Duration::from_secs(60)).await;
//!     }
//! }
//! # struct Orders;
//!
//! impl Orders {
//!     /// The order that `key` was stored with: `snake_case` payments have no merchant reference to find it by.
//!     fn tell(&self, key: &str, truth: &Truth) {
//!         match truth {
//!             Truth::Charged(payment) => println!("{key}: fulfil, {}", payment.id),
//!             Truth::NotCharged(Some(payment)) => println!("{key}: {}, start the next attempt", payment.status),
//!             Truth::NotCharged(None) => println!("{key}: there is no payment, the same key may be used"),
//!             Truth::PaymentInProgress(payment) => println!("{key}: wait for {}", payment.id),
//!             Truth::Refunded(refund) => println!("{key}: {} went back", refund.amount),
//!             Truth::NotRefunded(_) => println!("{key}: nothing went back"),
//!             Truth::RefundInProgress(refund) => println!("{key}: wait for {}", refund.id),
//!             Truth::StillUnknown(doubt) => println!("{key}: start nothing new, {doubt}"),
//!             other => println!("{key}: look at it by hand, {other}"),
//!         }
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).journal(flowlix_ext::journal::MemoryJournal::new()).build()?;
//! # let running = tokio::spawn(recover(flowlix, Orders));
//! # tokio::task::yield_now().await;
//! # assert!(!running.is_finished());
//! # Ok(())
//! # }
//! ```
//! A truth is told once; from then on the journal has it. A service that died between hearing it and storing it with
//! the order finds it again under the order's key, with [`journal_record`](crate::Flowlix::journal_record): in
//! [`State::Accepted`] stands Flowlix's answer, [`State::NotDone`] says that there is none. The same call with the same key returns it too.
//!
//! # One key, one write
//! Flowlix keeps keys apart by API key and, in the uppercase dialect alone, by operation type. With a journal a key
//! is for one write in either dialect, whatever its operation: a payment page that is made under the key of a card
//! payment in doubt could charge the customer a second time, so it is refused
//! ([`KeyReused`](crate::ErrorKind::KeyReused)) before anything is sent.
//!
//! A key whose write was certainly not carried out ([`State::NotDone`]) may go out again, with another request too. A
//! card that was declined at once is such a write: the next card goes out under the same key.
//!
//! Give each call the bare key, [derived](crate::IdempotencyKey::derive) or [custom](crate::IdempotencyKey::custom): the
//! journal knows since when it is in use. A key that brings a moment of its own, a
//! [restored](crate::IdempotencyKey::restored) one, says that it may have been used without the journal. If there is no
//! record of it, a refusal then leaves it in doubt, and [`recover`](crate::Flowlix::recover) takes finding nothing for no
//! proof ([`UsedElsewhere`](Doubt::UsedElsewhere)).
//!
//! # What stands in it
//! Never a card number or security code, nor anything from which one could be guessed: of the card, the
//! [fingerprint](Record::fingerprint) of a request covers the last four digits, expiry and holder. So a request
//! that differs in nothing but the security code counts as the same. Accepted writes are kept with
//! Flowlix's answer, which may hold the customer's name and address: treat the file or database as personal data.
//! Nothing is ever deleted by itself: once a day,
//! [`prune_journal`](crate::Flowlix::prune_journal) removes what is settled and old, and with it the protection of
//! its key.
//! ```
//! # async fn daily(flowlix: flowlix_ext::Flowlix) -> Result<(), flowlix_ext::Error> {
//! let a_month = std::time::Duration::from_secs(30 * 24 * 60 * 60);
//! let deleted = flowlix.prune_journal(a_month).await?;
//! # let _ = deleted;
//! # Ok(())
//! # }
//! ```
//!
//! # What it changes on the wire
//! Payments, and refunds in the uppercase dialect, carry one more entry of metadata, [`STAMP`]: it is how
//! [`recover`](crate::Flowlix::recover) finds them. So switch a journal on when no key that was used without
//! one is to be repeated: Flowlix would refuse it as another request
//! ([`KeyReused`](crate::ErrorKind::KeyReused)), for as long as it keeps the key.
//!
//! # One journal, several clients
//! A journal may serve any number of processes of one merchant, in test and live mode. Several merchants need
//! one name each ([`journal_account`](crate::FlowlixBuilder::journal_account)), and one whose API key may change
//! gives a name before that: what the API key recorded without a name counts under the name too, and is carried over
//! when its idempotency key is used again or recovered. Where it stood, it stays until a client without a name prunes
//! it. A record that another API key made is not repeated under this one, because Flowlix keeps idempotency keys apart by API key.
//! Under a name, finished writes are answered from the journal and those in doubt have to be
//! [recovered](crate::Flowlix::recover) first; without one the call is refused.
//!
//! Never run one process without the journal that the others use: it does not know what was sent without it. Nor does a
//! journal that was put back from a backup know what was sent since: for a day, give it keys that bring their
//! [time](crate::IdempotencyKey::restored).

pub(crate) mod book;
pub mod conformance;
pub(crate) mod draft;
pub(crate) mod error;
pub(crate) mod fingerprint;
mod gate;
mod guarded;
mod memory;
#[cfg(feature = "journal-postgres")]
mod postgres;
pub(crate) mod record;
mod recover;
#[cfg(feature = "journal-sqlite")]
mod sqlite;
pub(crate) mod store;
mod upkeep;
pub(crate) mod write;

pub use error::JournalError;
pub use fingerprint::STAMP;
pub use memory::{DEFAULT_CAPACITY, MemoryJournal};
#[cfg(feature = "journal-postgres")]
pub use postgres::PostgresJournal;
pub use record::{Record, RecordId, Scope, State, UnreadableRecord, Unsettled};
pub use recover::{CERTAIN_AFTER, Doubt, Recover, Recovered, Recovery, Truth};
/// The library of [`SqliteJournal`], whose errors are a [`cause`](JournalError::cause): 0.32 to 0.43, whichever version
/// cargo chose for the whole program.
#[cfg(feature = "journal-sqlite")]
pub use rusqlite;
#[cfg(feature = "journal-sqlite")]
pub use sqlite::SqliteJournal;
pub use store::{Journal, JournalFuture, SECRET_LENGTH};
/// The client library of [`PostgresJournal`], 0.7, in the version that it takes.
#[cfg(feature = "journal-postgres")]
pub use tokio_postgres;
pub use upkeep::KEPT_AT_LEAST;
