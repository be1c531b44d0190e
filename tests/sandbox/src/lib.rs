//! A local Flowlix server for tests: both dialects, the five operations, signed webhooks, a clock
//! to drive, faults to script, a ledger to read.
//!
//! It is written from Flowlix's documentation and depends on neither SDK crate, so that a mistake
//! in the SDK cannot hide behind the same mistake in the server.
//!
//! | to | use |
//! |---|---|
//! | start it | [`Sandbox::start`], or [`Sandbox::builder`] with choices |
//! | point a client at it | [`Sandbox::base_url`], [`Sandbox::key`] |
//! | rotate the key, be another merchant | [`Sandbox::rotated_key`], [`Sandbox::foreign_key`] |
//! | play the customer | [`Sandbox::approve`], [`Sandbox::decline`], [`Sandbox::complete_hosted`], [`Sandbox::cancel`] |
//! | refund outside the SDK, make a refund fail | [`Sandbox::refund`], [`Sandbox::fail_refund`] |
//! | let time pass | [`Sandbox::clock`], [`Sandbox::settle`] |
//! | let lists lag behind | [`Builder::list_lag`], [`Sandbox::set_list_lag`] |
//! | make a request go wrong | [`Sandbox::inject`] with a [`Fault`] |
//! | hold a request, before or after it arrives | [`Fault::Late`], [`Fault::Stall`], [`Fault::StallAnswer`] |
//! | deliver webhooks | [`Sandbox::webhooks`] |
//! | make a delivery go wrong | [`Webhooks::inject`] with a [`DeliveryFault`] |
//! | see what was sent, and what is true | [`Sandbox::requests`], [`Sandbox::events`], [`Sandbox::ledger`] |
//!
//! # What moves a payment
//! Payments are processed asynchronously, but nothing waits for real time: by default each
//! `GET /v1/payments/{id}` moves the payment one step before it answers
//! ([`Progress::ByReads`]). A plain card goes `pending` → `succeeded` or `failed`
//! (uppercase: `PENDING` → `PROCESSING` → …). The 3-D Secure card goes to `requires_action` and
//! stays there until [`Sandbox::approve`], [`Sandbox::decline`], [`Sandbox::expire`], the links on
//! the page behind `next_action.redirect_url`, or the clock ends it. A hosted payment stays
//! `pending` until [`Sandbox::complete_hosted`] or its page.
//!
//! # Test cards
//! With any expiry in the future and any security code of the right length:
//!
//! | number | outcome |
//! |---|---|
//! | 4111111111111111 | succeeds |
//! | 4000000000000002 | fails: do_not_honor |
//! | 4000000000009995 | fails: insufficient_funds |
//! | 4000000000000069 | fails: expired_card |
//! | 4635440000002223 | asks for 3-D Secure |
//!
//! [`Sandbox::test_cards`] has them for programs. On the hosted page they are links.
//!
//! # Deliver webhooks
//! When an uppercase payment succeeds, fails, is canceled or expires, and when a refund succeeds or
//! fails, there is an [`Event`] with the object as a read shows it at that moment. Nothing is
//! posted by itself: a call delivers what is pending to your service's address, signed with
//! [`Sandbox::webhook_secret`], and tells what the service answered.
//!
//! ```
//! use flowlix_sandbox::{DeliveryFault, DeliveryOutcome, Dialect, Sandbox};
//!
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # fn is_whole(request: &[u8]) -> bool {
//! #     let request = String::from_utf8_lossy(request).to_ascii_lowercase();
//! #     request.split_once("\r\n\r\n").is_some_and(|(head, body)| {
//! #         let mut lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
//! #         lengths.any(|length| length.parse() == Ok(body.len()))
//! #     })
//! # }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let service = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/webhooks", service.local_addr()?);
//! # tokio::spawn(async move {
//! #     while let Ok((mut stream, _)) = service.accept().await {
//! #         let mut request = Vec::new();
//! #         while !is_whole(&request) && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
//! #         let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
//! #     }
//! # });
//! let sandbox = Sandbox::start().await?;
//! let webhooks = sandbox.webhooks();
//! // Your service verifies with `sandbox.webhook_secret()` and listens at `url`; a payment succeeds.
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! # let payment = r#"{"amount":4999,"currency":"EUR","payment_method_data":{"card":{
//! #     "number":"4111111111111111","exp_month":12,"exp_year":2030,"cvc":"314","holder_name":"Jenny Rosen"}}}"#;
//! # reqwest::Client::new()
//! #     .post(format!("{}/v1/payments", sandbox.base_url()))
//! #     .header("Authorization", format!("Bearer {}", sandbox.key(Dialect::Uppercase)))
//! #     .header("Idempotency-Key", "order-1234")
//! #     .body(payment)
//! #     .send()
//! #     .await?;
//! # sandbox.settle();
//!
//! // Your service handles the event, and its answer gets lost: the event stays pending.
//! webhooks.inject(DeliveryFault::LoseAnswer);
//! let deliveries = webhooks.deliver_pending(&url).await?;
//! assert!(matches!(deliveries[0].outcome(), DeliveryOutcome::NoAnswer { .. }));
//!
//! // So it comes again.
//! let deliveries = webhooks.deliver_pending(&url).await?;
//! assert_eq!(deliveries[0].outcome(), &DeliveryOutcome::Accepted(200));
//! assert!(webhooks.pending().is_empty());
//!
//! // Any event can be delivered again, several in any order.
//! let events = sandbox.events();
//! webhooks.deliver(events.iter().rev(), &url).await?;
//!
//! // Somebody changes the amount on the way.
//! webhooks.inject(DeliveryFault::alter(|body| body["data"]["payment"]["amount"] = 1.into()));
//! webhooks.deliver(&events, &url).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | wanted | do |
//! |---|---|
//! | the same event twice | [`Webhooks::deliver`] with it given twice, or [`DeliveryFault::LoseAnswer`] |
//! | another order | [`Webhooks::deliver`] in that order, or [`DeliveryFault::Delay`] |
//! | an event that never comes | [`DeliveryFault::Lose`] |
//! | one that comes late | deliver it later; the clock may have moved |
//! | a forgery | [`DeliveryFault::WrongSecret`], [`DeliveryFault::Unsigned`], [`DeliveryFault::Signature`], [`DeliveryFault::alter`] |
//! | a replay, a wrong clock | [`DeliveryFault::SignedAt`] |
//!
//! # Choices where the documents are silent
//! - Refunds answer 201. Members and parameters that the documents do not name are refused
//!   ([`Builder::refuse_unknown_members`]); JSON null counts as absent.
//! - The URL rule (https, or http on localhost) is documented for `return_url` in snake_case; it
//!   holds for every URL here. A card's CVC has 4 digits for Amex and 3 for all others.
//! - A 3-D Secure card without `return_url` is refused with 400 `parameter_missing`.
//! - A customer has 15 minutes; then the payment is expired, without a decline code. An abandoned
//!   hosted page cancels its payment.
//! - A synchronous decline ([`Fault::declined`]) has no `code`, only a `decline_code`.
//! - A refund that the payment's state forbids is answered with 422; ids of the wrong shape with
//!   404 in a path and 400 in a body or query. An unknown path is 404.
//! - A stored idempotent answer is forgotten after exactly 24 hours. In snake_case the key's scope
//!   is the API key alone, so the same key and bytes on another path replay the first answer.
//! - Only 2xx answers are stored, as documented. [`Builder::store_refusals`] stores 4xx answers as
//!   well, against the documents.
//! - The messages of 409 tell its two meanings apart, in words that the documents use;
//!   [`Builder::terse_conflicts`] takes the words away.
//! - One merchant has any number of test keys, as after a rotation ([`Sandbox::rotated_key`]): the
//!   keys of a dialect share its payments; idempotency keys and the rate limit count for each API
//!   key. To another merchant ([`Sandbox::foreign_key`]) these payments do not exist: 404, and a
//!   list without them. Its own payments make no events.
//! - Pending refunds hold their amount back from `amount_refundable`.
//! - A list shows a new payment at once, unless [`Builder::list_lag`] lets lists lag behind.
//! - With `ending_before`, `has_more` tells whether newer payments remain.
//! - A webhook is delivered once an endpoint answers it with 2xx. When it is tried again is up to
//!   the test; the program tries again every 2 s. Each delivery has a fresh signature over the same
//!   bytes. There is one webhook secret for test and live payments.
//! - All sandbox cards come from DE. Other card numbers that pass the Luhn check succeed; those
//!   that do not fail with `invalid_number`; an expiry in the past fails with `expired_card`.

#![deny(missing_docs)]

mod account;
mod api;
mod builder;
mod clock;
mod dialect;
mod event;
mod fault;
mod ids;
mod journal;
mod ledger;
mod pages;
mod payment;
mod queue;
mod sandbox;
mod server;
mod webhook;

pub use api::route::Operation;
pub use builder::Builder;
pub use clock::{DEFAULT_START, TestClock};
pub use dialect::Dialect;
pub use event::Event;
pub use fault::{Alteration, Fault, Matcher, Reply};
pub use journal::{Answer, RecordedRequest};
pub use ledger::{Ledger, PaymentRecord, RefundRecord};
pub use payment::{Kind, Progress, RefundStatus, Status};
pub use sandbox::{Sandbox, SandboxError};
pub use webhook::{Delivery, DeliveryFault, DeliveryOutcome, Webhooks};
