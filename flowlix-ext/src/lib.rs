//! Card payments through Flowlix, for backends that must not charge twice.
//!
//! The API key decides which of Flowlix's two dialects is spoken and whether money moves; the code is the
//! same for all. Every write carries an idempotency key that is fixed before anything is sent, every repeat
//! sends the same bytes, and an error says whether money may have moved.
//!
//! Coming from the Python example of Flowlix's Direct API guide? [`guide`] sets it beside this SDK, part by
//! part.
//!
//! # Take a payment
//! ```
//! use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, Money, Settled};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let time = flowlix_ext::testing::ManualTime::automatic();
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(time).build()?;
//! # #[cfg(any())]
//! let flowlix = Flowlix::from_env()?; // FLOWLIX_API_KEY
//!
//! let card = CardDetails::new("4111111111111111", 12, 2027, "314", "Jenny Rosen");
//! let payment = flowlix
//!     .payments()
//!     .create_direct(Money::eur(49_99), card)
//!     .merchant_reference("ord_1234")
//!     .return_url("https://shop.example.com/3ds")
//!     .idempotency_key(IdempotencyKey::derive("payment", ["order-1234"])?)
//!     .send()
//!     .await?;
//!
//! match flowlix.payments().wait(&payment.id).await? {
//!     Settled::Succeeded(payment) => println!("charged: {}", payment.id),
//!     Settled::RequiresAction(action) => println!("send the customer to {:?}", action.redirect_url()),
//!     Settled::Failed(payment) => println!("{}", payment.decline().customer_message()),
//!     other => println!("{:?}", other.payment().status),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Let Flowlix take the card
//! On the hosted page no card data touches your servers. The customer comes back with a query that names the
//! payment; [`HostedReturn`](payments::HostedReturn) reads it, and only asking Flowlix tells what happened.
//! ```
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
//!     .idempotency_key(IdempotencyKey::derive("hosted", ["order-1234"])?)
//!     .await?;
//! let send_customer_to = created.hosted_payment_url.as_deref();
//! # assert!(send_customer_to.is_some());
//!
//! // In the handler of https://shop.example.com/back, with the query that came in:
//! # sandbox.complete_hosted(created.id.as_str(), "4111111111111111")?;
//! # let query = sandbox.return_address(created.id.as_str())?.unwrap_or_default();
//! let returned = HostedReturn::parse(&query)?;
//! assert!(returned.is_for(&created.id)); // the payment of this order, not just any
//! let settled = returned.confirm(&flowlix).await?;
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
//! # let card = CardDetails::new("4111111111111111", 12, 2027, "314", "Jenny Rosen");
//! # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
//! # flowlix.payments().wait(&payment.id).await?;
//! let created = flowlix
//!     .refunds()
//!     .create(&payment.id)
//!     .amount(10_00)
//!     .reason("requested_by_customer")
//!     .idempotency_key(IdempotencyKey::derive("refund", ["order-1234", "first"])?)
//!     .await?;
//! assert_eq!(created.refund.as_ref().map(|refund| refund.amount), Some(10_00));
//! # Ok(())
//! # }
//! ```
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
//! use flowlix_ext::{CardDetails, Flowlix, Money, PaymentExt, model::PaymentStatus};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
//! # flowlix.payments().wait(&payment.id).await?;
//! let mut charged = Money::eur(0); // another currency is an error, not a wrong sum
//! let mut items = flowlix.payments().list().status(PaymentStatus::Succeeded).items();
//! while let Some(item) = items.next().await? {
//!     match item {
//!         Ok(payment) => charged = charged.checked_add(&payment.money())?,
//!         Err(unreadable) => eprintln!("look at {:?} by hand: {unreadable}", unreadable.id()),
//!     }
//! }
//! assert_eq!(charged, Money::eur(49_99));
//! assert!(items.is_complete()); // otherwise the sum is not the whole sum
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
//! With a [`journal`] every write is recorded before it is sent. After a crash [`Flowlix::recover`] finds out what
//! became of those whose outcome was never stored, and needs no card for it.
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
//! assert!(recovery.is_complete());
//! for write in &recovery.writes {
//!     println!("{write}"); // which write, and the truth about it
//! }
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
//! Ask [`Error::may_have_taken_effect`] first. If it is `true`, do not start a new payment: repeat the same
//! call with the same [key](Error::idempotency_key), and Flowlix tells what became of it. The whole table of
//! what is retried and what is not stands in [`call::decision`].
//!
//! # Defaults
//! | what | default | change it with |
//! |---|---|---|
//! | address | `https://api.flowlix.dev` | [`FlowlixBuilder::base_url`], or `FLOWLIX_BASE_URL` with [`Flowlix::from_env`] |
//! | connecting | 5 s | [`FlowlixBuilder::connect_timeout`] |
//! | one attempt | 20 s | [`FlowlixBuilder::attempt_timeout`], or on a call |
//! | a whole call | 60 s | [`FlowlixBuilder::operation_timeout`], or on a call |
//! | attempts | 4 | [`FlowlixBuilder::max_attempts`], or on a call |
//! | pause between attempts | up to 250 ms, doubling to 8 s, full jitter; `Retry-After` wins | [`FlowlixBuilder::backoff`] |
//! | retry budget | 500 tokens; a retry takes 5, a success gives 1 | [`FlowlixBuilder::retry_budget`] |
//! | idempotency key | random UUIDv4 per call | `idempotency_key` on a call, [`FlowlixBuilder::key_provider`] |
//! | age at which a key is no longer used | 23 h | – |
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
//! # What this SDK does not do
//! - It does not decide that a payment failed because an answer was lost.
//! - It does not undo a payment when a future is dropped; [refund](refunds::Refunds::create) it.
//! - Without a [`journal`] it remembers nothing across restarts: keep the payment's id and the key with your order.
//! - It does not validate card data that Flowlix sends, or refuse values that it does not know.
#![deny(missing_docs)]

mod asked;
mod base_url;
#[cfg(feature = "blocking")]
pub mod blocking;
pub mod call;
mod card;
mod client;
pub mod decline;
mod error;
mod failure;
pub mod guide;
mod idempotency;
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
