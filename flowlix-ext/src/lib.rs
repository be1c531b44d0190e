//! Card payments through Flowlix, for backends that must not charge twice.
//!
//! The API key decides which of Flowlix's two dialects is spoken and whether money moves; the code is the
//! same for all. Every write carries an idempotency key that is fixed before anything is sent, every repeat
//! sends the same bytes, and an error says whether money may have moved.
//!
//! Coming from the Python example of Flowlix's Direct API guide? [`guide`] sets it beside this SDK, part by
//! part.
//!
//! # Be paid for an order, once
//! [`intents`] knows orders: it owns idempotency keys, attempts and storage, so that your code has none of them. Begin
//! there. The rest of this page is the level below: single requests.
//!
//! # Take a payment
//! Make one client for the whole service and share it: clones have connections, retry budget and rate limit in
//! common. `start` and `finish` are two functions because the payment's id has to be stored in between: whoever has it
//! can find out how the payment ended, at any time and without the card.
//! ```
//! use std::time::Duration;
//! use flowlix_ext::{CardDetails, Error, Flowlix, IdempotencyKey, Money, Settled, model::PaymentId};
//!
//! /// Accepted, not charged yet: store the id with the order.
//! async fn start(flowlix: &Flowlix, card: CardDetails, key: IdempotencyKey) -> Result<PaymentId, Error> {
//!     let create = flowlix.payments().create_direct(Money::eur(49_99), card);
//!     let payment = create
//!         .metadata("order_id", "order-1234")
//!         .return_url("https://shop.example.com/3ds")
//!         .operation_timeout(Duration::from_secs(15)) // a customer waits: 60 s are too many
//!         .idempotency_key(key)
//!         .await?;
//!     Ok(payment.id.clone())
//! }
//!
//! /// What became of it, if that shows within 10 s.
//! async fn finish(flowlix: &Flowlix, id: &PaymentId) -> Result<Settled, Error> {
//!     flowlix.payments().wait(id).deadline(Duration::from_secs(10)).await
//! }
//!
//! fn outcome(result: Result<Settled, Error>) -> String {
//!     match result {
//!         Ok(Settled::Succeeded(payment)) => format!("charged by {}: fulfil the order", payment.id),
//!         Ok(Settled::Refunded(payment)) => format!("charged by {}, and all of it given back", payment.id),
//!         Ok(Settled::RequiresAction(action)) => match action.redirect_url() {
//!             Some(url) => format!("send the customer to {url}"),
//!             None => "wait again: there is no address yet".to_owned(),
//!         },
//!         // These three end the attempt, and only these: the next attempt gets a new key.
//!         Ok(Settled::Failed(payment)) => payment.decline().customer_message().to_owned(),
//!         Ok(Settled::Expired(payment)) => format!("not charged, {} has expired", payment.id),
//!         Ok(Settled::Canceled(payment)) => format!("not charged, {} was canceled", payment.id),
//!         // New in a later version: not for us to guess what it means for the money.
//!         Ok(other) => format!("look at {}, it is {}", other.payment().id, other.payment().status),
//!         Err(error) => match error.decline() {
//!             // Declined at once: the next card goes out under the same key.
//!             Some(decline) => decline.customer_message().to_owned(),
//!             None if error.may_have_taken_effect() => format!("not known, start nothing new: {error}"),
//!             None => format!("not charged: {error}"),
//!         },
//!     }
//! }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let card = |number| CardDetails::new(number, 12, 2030, "314", "Jenny Rosen");
//! # let key = |number| IdempotencyKey::derive("payment", ["order-1234", number]);
//! # let id = start(&flowlix, card("4000000000009995"), key("1")?).await?;
//! # assert!(outcome(finish(&flowlix, &id).await).contains("insufficient funds"));
//! # let id = start(&flowlix, card("4111111111111111"), key("2")?).await?;
//! # assert!(outcome(finish(&flowlix, &id).await).starts_with("charged by pay_"));
//! # assert_eq!(sandbox.ledger().charges(), 1);
//! # Ok(())
//! # }
//! ```
//! Back from 3-D Secure, go on with [`customer_returned`](payments::Wait::customer_returned).
//!
//! # One key for one payment attempt
//! Flowlix creates at most one payment per [`IdempotencyKey`], and forgets the key after 24 hours. So every payment
//! attempt of an order has one key, which is stored with the order, together with the time, *before* its first use. A
//! double click, a second worker and a restart then find it there and use the same one. A key that is
//! [restored](IdempotencyKey::restored) brings its age along, and the doubt about what became of it: no error under it
//! says "not charged" of a payment that another process may have made.
//! ```
//! use std::time::SystemTime;
//! use flowlix_ext::{IdempotencyKey, InvalidIdempotencyKey};
//!
//! /// The key of an order's attempt; `stored` is what the order's row has of it already.
//! fn key(
//!     order: &str,
//!     attempt: u32,
//!     stored: Option<(String, SystemTime)>,
//! ) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
//!     match stored {
//!         Some((text, since)) => IdempotencyKey::restored(text, since),
//!         // Store `as_str()` and the time in the row, and only then use it.
//!         None => IdempotencyKey::derive("payment", [order, &attempt.to_string()]),
//!     }
//! }
//! # let first = key("order-1234", 1, None)?;
//! # let again = key("order-1234", 1, Some((first.as_str().to_owned(), SystemTime::now())))?;
//! # assert_eq!(first, again);
//! # assert_ne!(first, key("order-1234", 2, None)?);
//! # Ok::<(), InvalidIdempotencyKey>(())
//! ```
//! - Start the next attempt (a new key) only when the payment of the current one failed, expired or was canceled. Under
//!   the old key its next card would be rejected as another request ([`KeyReused`](ErrorKind::KeyReused)).
//! - A card that was declined at once ([`Error::is_declined`]) has created no payment: the next card goes out under the
//!   same key. A new key would let a second click, which still has the old one, add a charge.
//! - A new key while the outcome of the old one is unknown may charge twice. A decline under a key in doubt leaves the
//!   outcome unknown: [`Error::decline`] has the text for the customer, and says when the next card may go out.
//! - A key that knows its age is refused at 23 hours ([`KeyTooOld`](ErrorKind::KeyTooOld)): then look the payment up. A
//!   derived key without its age looks new in every process, and a day later Flowlix takes it for new as well.
//! - Without a key of yours each call makes a random one, which protects the repeats inside that call alone.
//! - With a [`journal`] that outlives the process a derived key is enough: the journal keeps its age, and what came of
//!   it, until it is pruned.
//!
//! # Let Flowlix take the card
//! On the hosted page no card data touches your servers. The customer comes back with a query that names the
//! payment; [`HostedReturn`](payments::HostedReturn) reads it, and only asking Flowlix tells what happened.
//! ```
//! use std::time::Duration;
//! use flowlix_ext::payments::HostedReturn;
//! use flowlix_ext::{Flowlix, IdempotencyKey, Money, Settled};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! let created = flowlix
//!     .payments()
//!     .create_hosted(Money::eur(25_00), "https://shop.example.com/back")
//!     .idempotency_key(IdempotencyKey::derive("hosted", ["order-1234", "1"])?)
//!     .await?;
//! let send_customer_to = created.hosted_payment_url.as_deref();
//! # assert!(send_customer_to.is_some());
//!
//! // In the handler of https://shop.example.com/back, with the query that came in:
//! # sandbox.complete_hosted(created.id.as_str(), "4111111111111111")?;
//! # let query = sandbox.return_address(created.id.as_str())?.unwrap_or_default();
//! let returned = HostedReturn::parse(&query)?;
//! assert!(returned.is_for(&created.id)); // the payment of this order, not just any
//! // Who comes back without having paid keeps the payment pending: do not wait the full 120 s for it.
//! let settled = returned.confirm(&flowlix).deadline(Duration::from_secs(10)).await?;
//! assert!(matches!(settled, Settled::Succeeded(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # Give money back
//! ```
//! # use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, Money};
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let time = flowlix_ext::testing::ManualTime::automatic();
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(time).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
//! # flowlix.payments().wait(&payment.id).await?;
//! let created = flowlix
//!     .refunds()
//!     .create(&payment.id)
//!     .amount(10_00) // minor units; without it, all that is left
//!     .reason("return-77")
//!     .idempotency_key(IdempotencyKey::derive("refund", [payment.id.as_str(), "return-77"])?)
//!     .await?;
//! assert_eq!(created.refund.as_ref().map(|refund| refund.amount), Some(10_00)); // accepted, not back yet
//! # Ok(())
//! # }
//! ```
//! [`refunds`] tells how to name a refund, and how to wait for its end.
//!
//! # Go on waiting after a restart
//! A wait is given up without harm by dropping it. Its [`WaitHandle`](payments::WaitHandle) can be stored, and any
//! process takes the wait up again with the deadline that was set; [`Wait::handle`](payments::Wait::handle) and
//! [`Watch::handle`](payments::Watch::handle) give one.
//! ```
//! use flowlix_ext::payments::WaitHandle;
//! use flowlix_ext::{CardDetails, Flowlix, Money, Settled};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
//! let wait = flowlix.payments().wait(&payment.id);
//! let stored = serde_json::to_string(&wait.handle())?;
//! drop(wait); // this process ends; later another one goes on:
//! let settled = flowlix.payments().resume(WaitHandle::from_json(&stored)?).await?;
//! assert!(matches!(settled, Settled::Succeeded(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # Read many payments
//! [`list`](payments::Payments::list) follows the pages with the same filters on each. A payment that cannot be
//! read does not lose the others, and [`Items::cursor`](payments::Items::cursor) can be stored to go on from.
//! ```
//! use std::collections::BTreeMap;
//! use flowlix_ext::{CardDetails, Flowlix, Money, model::PaymentStatus};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
//! # flowlix.payments().wait(&payment.id).await?;
//! let mut charged = BTreeMap::new(); // minor units of each currency
//! let mut unreadable = Vec::new();
//! let mut items = flowlix.payments().list().created_gte(1_719_792_000).items();
//! while let Some(item) = items.next().await? {
//!     match item {
//!         // In `snake_case` a payment that was charged and given back since may be `Refunded`.
//!         Ok(payment) if matches!(payment.status, PaymentStatus::Succeeded | PaymentStatus::Refunded) => {
//!             *charged.entry(payment.currency).or_insert(0) += payment.amount;
//!         }
//!         Ok(_) => {}
//!         Err(payment) => unreadable.push(payment), // look at these by hand
//!     }
//! }
//! let is_whole_sum = unreadable.is_empty() && items.is_complete();
//! # assert!(is_whole_sum && charged.into_iter().eq([(flowlix_ext::model::Currency::Eur, 49_99)]));
//! # Ok(())
//! # }
//! ```
//!
//! # Receive webhooks
//! Only the uppercase dialect has them. [`WebhookVerifier`] takes the body as it came in;
//! [`webhooks::Inbox`] hands each event out once; [`EventObject::retrieve`](webhooks::EventObject::retrieve) asks
//! how things stand now, since events come in any order. With the feature `axum`, `webhooks::VerifiedEvent` is an
//! argument of a handler. [`webhooks::testing`] makes deliveries for your tests, and `flowlix-sandbox` posts those
//! of its payments to your endpoint ([how](webhooks#in-tests)).
//! ```
//! use flowlix_ext::webhooks::{InMemoryEvents, Inbox, Received, WebhookSecret, WebhookVerifier};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = WebhookSecret::parse("whsec_abc123def456")?;
//! # use flowlix_ext::{model::WebhookEventType, webhooks::testing::TestEvent};
//! # let event = TestEvent::sample("evt_1", WebhookEventType::PaymentSucceeded);
//! # let delivery = event.deliver(&secret, std::time::SystemTime::now());
//! # let (body, signature) = (delivery.body(), delivery.signature());
//! let verifier = WebhookVerifier::new(secret);
//! let inbox = Inbox::new(verifier, InMemoryEvents::default());
//! match inbox.receive(body, signature).await? {
//!     Received::New(claimed) => {
//!         println!("{}", claimed.event().kind()); // handle it, then:
//!         claimed.complete().await?; // answer 200
//!     }
//!     Received::Duplicate(_) => {}      // answer 200
//!     Received::InProgress { .. } => {} // answer 503: the other worker may still fail
//! }
//! # assert!(matches!(inbox.receive(body, signature).await?, Received::Duplicate(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # Survive a crash
//! With a [`journal`] every write is recorded before it is sent. [`Flowlix::recover`] finds out what became of those
//! whose outcome was never stored, and needs no card for it; [`journal`] shows how a service does that.
//! ```
//! use flowlix_ext::journal::MemoryJournal;
//! use flowlix_ext::{CardDetails, Flowlix, Money};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let settings = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic());
//! # #[cfg(any())]
//! let settings = Flowlix::builder(&api_key);
//! // A real one outlives the process: features `journal-sqlite` and `journal-postgres`.
//! let flowlix = settings.journal(MemoryJournal::new()).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # sandbox.inject_at(flowlix_sandbox::Matcher::any(), flowlix_sandbox::Fault::LoseAnswer, 4);
//! let lost = flowlix.payments().create_direct(Money::eur(49_99), card).await;
//! assert!(lost.is_err_and(|error| error.outcome_unknown()));
//!
//! let recovery = flowlix.recover().await?;
//! for write in &recovery.writes {
//!     println!("{write}"); // which write, and the truth about it
//! }
//! assert!(recovery.is_complete()); // right after a crash it is not: ask again later
//! # assert_eq!(recovery.writes.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Without async
//! The feature `blocking` adds the module `blocking`: its `Flowlix::run` takes any builder of this crate, and
//! `Flowlix::iter` any list, so there is nothing else to learn.
//!
//! # See what happens
//! Spans and events go to `tracing`, under OpenTelemetry's names. A [hook](call::hook::Hook) sees every attempt
//! and may add headers; [metrics](call::metrics::Metrics) are counters for your own system. None of them sees a
//! card, an API key or a body.
//! ```
//! use flowlix_ext::call::metrics::{Counter, Counts};
//! use flowlix_ext::{CardDetails, Flowlix, Money};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let settings = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic());
//! # #[cfg(any())]
//! let settings = Flowlix::builder(&api_key);
//! let counts = Counts::default();
//! let flowlix = settings.metrics(counts.clone()).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # sandbox.inject(flowlix_sandbox::Fault::LoseAnswer);
//! flowlix.payments().create_direct(Money::eur(49_99), card).await?; // the first answer is lost
//! assert_eq!(counts.get(Counter::Retries), 1);
//! assert_eq!(counts.get(Counter::UnknownOutcomes), 0);
//! # Ok(())
//! # }
//! ```
//!
//! # When something fails
//! Ask [`Error::may_have_taken_effect`] of every write and every wait first. If it is `false`, the next request goes out
//! under the same key. If it is `true`, do not start the next attempt: [wait](payments::Wait) for the payment whose id
//! you have, or repeat the same call with the [key of the error](Error::idempotency_key), and Flowlix tells what became
//! of it. Where neither can be done, because the card is gone, a [`journal`] finds out, or you do:
//! look through the [list](payments::Payments::list) of that time for your order's id in the payments' metadata.
//! Where Flowlix has accepted a write and its answer cannot be read
//! ([`AcceptedButUndecodable`](ErrorKind::AcceptedButUndecodable)), or is about another payment, amount or currency than
//! was asked for ([`AcceptedButMismatched`](ErrorKind::AcceptedButMismatched)), [`Error::raw_body`] keeps the answer.
//! The whole table of what is retried and what is not stands in [`call::decision`].
//!
//! # Defaults
//! | what | default | change it with |
//! |---|---|---|
//! | address | `https://api.flowlix.dev` | [`FlowlixBuilder::base_url`], or `FLOWLIX_BASE_URL` with [`Flowlix::from_env`] |
//! | connecting | 5 s | [`FlowlixBuilder::connect_timeout`]; a call's attempt timeout bounds it |
//! | one attempt | 20 s | [`FlowlixBuilder::attempt_timeout`], or on a call |
//! | a whole call | 60 s | [`FlowlixBuilder::operation_timeout`], or on a call |
//! | attempts | 4; repeats that wait for a request with the same key to end (409) are bounded by time alone | [`FlowlixBuilder::max_attempts`], or on a call |
//! | pause between attempts | up to 250 ms, doubling to 8 s, full jitter; `Retry-After` wins | [`FlowlixBuilder::backoff`] |
//! | retry budget | 500 tokens; a retry takes 5, a success gives 1 | [`FlowlixBuilder::retry_budget`] |
//! | idempotency key | random UUIDv4 per call | `idempotency_key` on a call, [`FlowlixBuilder::key_provider`] |
//! | age at which a key is used no more | 23 h ([`KEY_LIFETIME`]), where the age is known: of random keys, of those that were [stored](IdempotencyKey::restored) or that this client has used, and of all in a [`journal`] | – |
//! | keys that a client without a journal remembers to have used | the last 100 000, of those that its callers gave | – |
//! | wait for a payment or a refund | 120 s; looks after 2 s, then every 2–5 s, after 120 s up to every 30 s | [`payments::Wait::deadline`], [`refunds::RefundWait::deadline`], [`FlowlixBuilder::polling`] |
//! | payments on a page of a list | 100, the most there is | [`payments::List::limit`] |
//! | rate limit | what `X-RateLimit-*` says is kept to; the last tenth of a window is for writes; after a 429 nobody sends before `Retry-After` | [`FlowlixBuilder::rate_limit`] |
//! | hooks, counters | none; spans and events go to `tracing` | [`FlowlixBuilder::hook`], [`FlowlixBuilder::metrics`] |
//! | journal | none | [`FlowlixBuilder::journal`] |
//! | recovery: finding nothing means that nothing was done | 10 min after the last moment of sending, and 15 more because clocks differ | [`journal::Recover::certain_after`] |
//! | largest answer | 8 MiB | – |
//! | redirects | never followed | – |
//! | age of a webhook's signature | 5 min, old or from the future | [`WebhookVerifier::tolerance`] |
//! | lease of an event that is being handled | 5 min | [`webhooks::Inbox::lease`] |
//! | events that the in-memory store remembers | 100 000 | [`webhooks::InMemoryEvents::new`] |
//! | largest body that `webhooks::VerifiedEvent` reads (axum) | 1 MiB, or axum's `DefaultBodyLimit` if smaller | – |
//! | records that the in-memory journal remembers | 10 000 | [`journal::MemoryJournal::with_capacity`] |
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `rustls-ring` (default) | TLS by rustls with the ring provider; quick to build |
//! | `rustls-aws-lc` | TLS by rustls with the aws-lc provider, instead: with `default-features = false` |
//! | `sqlite` | `intents::store::SqliteStore`: a store of payment intents in a file; SQLite is built in |
//! | `test-util` | `intents::store::conformance`: the suite that a store of your own must pass |
//! | `journal-sqlite` | `journal::SqliteJournal`: a journal, and a store of webhook events, in a file; SQLite is built in |
//! | `journal-postgres` | `journal::PostgresJournal`: the same in a PostgreSQL database, for several machines |
//! | `blocking` | the module `blocking`: every call for code that is not async |
//! | `axum` | `webhooks::VerifiedEvent`: a webhook as an argument of a handler of axum 0.8 |
//!
//! # What this SDK does not do
//! - It does not decide that a payment failed because an answer was lost.
//! - It does not undo a payment when a future is dropped; [refund](refunds::Refunds::create) it.
//! - Without a [`journal`] it remembers nothing across restarts or between processes: keep the payment's id and the key with your order.
//! - It does not validate card data that Flowlix sends, or refuse values that it does not know.
#![deny(missing_docs)]

mod asked;
mod base_url;
#[cfg(feature = "blocking")]
pub mod blocking;
pub mod call;
mod card;
mod client;
mod conformance;
pub mod decline;
mod defaults;
mod error;
mod failure;
pub mod guide;
mod idempotency;
pub mod intents;
pub mod journal;
mod key;
mod money;
mod outcome;
pub mod payments;
pub mod polling;
pub mod refunds;
mod reply;
pub mod runtime;
pub mod testing;
pub mod webhooks;
mod wire;

pub use flowlix_api::{Dialect, model};

pub use crate::base_url::InvalidBaseUrl;
pub use crate::card::{CardBrand, CardDetails};
pub use crate::client::{Flowlix, FlowlixBuilder};
pub use crate::error::Error;
pub use crate::failure::{ErrorKind, Violation};
pub use crate::idempotency::{
    IdempotencyKey, InvalidIdempotencyKey, KEY_LIFETIME, KeyProvider, MAX_KEY_LENGTH, RandomKeys,
};
pub use crate::key::{ApiKey, InvalidApiKey, Mode};
pub use crate::money::{Money, MoneyError};
pub use crate::payments::{PaymentExt, Settled};
pub use crate::reply::{Receipt, Reply};
pub use crate::webhooks::{WebhookSecret, WebhookVerifier};
