//! Webhooks: verify, read, and handle each event once. Only the uppercase dialect has them.
//!
//! Flowlix posts an event when a payment succeeded, failed, was canceled or expired, and when a refund
//! succeeded or failed. It signs each delivery; [`WebhookVerifier`] tells its deliveries from everybody
//! else's, on the bytes of the body as they came in.
//!
//! ```
//! use flowlix_ext::webhooks::{EventObject, WebhookError, WebhookVerifier};
//!
//! /// `body` as received, byte for byte; JSON that was parsed and written anew does not verify.
//! fn on_delivery(
//!     verifier: &WebhookVerifier,
//!     headers: &http::HeaderMap,
//!     body: &[u8],
//! ) -> Result<(), WebhookError> {
//!     let event = verifier.verify_request(body, headers)?;
//!     match event.object() {
//!         Ok(EventObject::Payment(payment)) => println!("{}: {}", payment.id, payment.status),
//!         Ok(EventObject::Refund(refund)) => println!("{}: {}", refund.id, refund.status),
//!         Ok(_) => println!("{}: something new, {}", event.id(), event.kind()),
//!         Err(error) => println!("{}: {error}", event.id()), // genuine: keep event.raw_body()
//!     }
//!     Ok(())
//! }
//! # use flowlix_ext::webhooks::{WebhookSecret, testing::TestEvent};
//! # let secret = WebhookSecret::parse("whsec_abc123def456")?;
//! # let event = TestEvent::sample("evt_1", flowlix_ext::model::WebhookEventType::PaymentSucceeded);
//! # let request = event.deliver(&secret, std::time::SystemTime::now()).request("/")?;
//! # on_delivery(&WebhookVerifier::new(secret), request.headers(), request.body())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Repeats
//! One event can be delivered several times, each time with a signature of its own. [`Inbox`] hands an event
//! out once and survives a crash between handing out and handling; where it remembers that is an
//! [`EventStore`]:
//!
//! | store | for | feature |
//! |---|---|---|
//! | [`InMemoryEvents`] | tests, and one process whose effects may be repeated after a restart | – |
//! | `journal::SqliteJournal` | one machine: the journal's file | `journal-sqlite` |
//! | `journal::PostgresJournal` | several machines: the journal's database | `journal-postgres` |
//! | a store of your own | implement [`EventStore`] and hold it against the [`conformance`] suite | – |
//!
//! The two of the journal hold of an event its id, its lease and when it was done, nothing of what it says.
//! They forget nothing by themselves; [`Inbox::prune`] removes what is done and old, and says how old is old
//! enough.
//!
//! # Order
//! Events arrive in any order, and their ids say nothing about it. Take an event as a hint and ask Flowlix
//! how the payment stands ([`EventObject::retrieve`]), or compare with what you have ([`is_outdated`]).
//!
//! # What to answer
//! Answer with success only once the event is handled, or stored where it cannot be lost. Flowlix's pages do
//! not say after which answers it delivers again, nor for how long: a service that must not miss an outcome
//! also asks for payments that it has not heard of for a while.
//!
//! # In tests
//! [`testing`] makes events and delivers them as Flowlix does, genuine or tampered with. Give the verifier a
//! [`ManualTime`](crate::testing::ManualTime) for a clock; it starts when the clock of `flowlix-sandbox` does.
//!
//! The sandbox posts the events of its payments to your endpoint, repeated, reordered, lost, late or forged as
//! the test says; its program does so as they happen (`--webhook-url`).
//! ```
//! use flowlix_ext::testing::ManualTime;
//! use flowlix_ext::webhooks::{WebhookSecret, WebhookVerifier};
//! use flowlix_sandbox::Sandbox;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! let secret = WebhookSecret::parse(sandbox.webhook_secret())?;
//! let verifier = WebhookVerifier::new(secret).runtime(ManualTime::automatic());
//! # let _ = verifier;
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/webhooks", listener.local_addr()?);
//! // Your endpoint verifies with it and listens at `url`.
//! for delivery in sandbox.webhooks().deliver_pending(&url).await? {
//!     println!("{delivery}"); // accepted with 200, refused with 500, no connection, …
//! }
//! # Ok(())
//! # }
//! ```

pub mod conformance;
mod error;
mod event;
#[cfg(feature = "axum")]
mod extract;
mod inbox;
mod object;
mod order;
mod secret;
mod signature;
mod store;
pub mod testing;
mod verifier;

use std::time::Duration;

pub use error::{UnreadableEvent, WebhookError};
pub use event::Event;
#[cfg(feature = "axum")]
pub use extract::{VerifiedEvent, WebhookRejection};
pub use inbox::{Claimed, Inbox, InboxError, Received};
pub use object::{EventObject, UnreadableObject};
pub use order::is_outdated;
pub use secret::{InvalidWebhookSecret, WebhookSecret};
pub use signature::HeaderFault;
pub use store::{
    Claim, ClaimToken, Completion, EventStore, EventStoreError, InMemoryEvents, StoreFuture,
};
pub use verifier::WebhookVerifier;

/// The header that carries the signature: `t=<unix seconds>,v1=<hex>`.
pub const SIGNATURE_HEADER: &str = "Flowlix-Signature";

/// How far a timestamp may lie from now, 5 minutes, unless [`WebhookVerifier::tolerance`] says otherwise.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(5 * 60);
