//! A local Flowlix server for tests: both dialects, the five operations, a clock to drive, faults
//! to script, a ledger to read.
//!
//! It is written from Flowlix's documentation and depends on neither SDK crate, so that a mistake
//! in the SDK cannot hide behind the same mistake in the server.
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
//! # Choices where the documents are silent
//! - Refunds answer 201. Members and parameters that the documents do not name are refused
//!   ([`Builder::refuse_unknown_members`]); JSON null counts as absent.
//! - The URL rule (https, or http on localhost) is documented for `return_url` in snake_case; it
//!   holds for every URL here. A card's CVC has 4 digits for Amex and 3 for all others.
//! - A 3-D Secure card without `return_url` is refused with 400 `parameter_missing`.
//! - A customer has 15 minutes; then the payment is expired, without a decline code. An abandoned
//!   hosted page cancels its payment.
//! - A refund that the payment's state forbids is answered with 422; ids of the wrong shape with
//!   404 in a path and 400 in a body or query. An unknown path is 404.
//! - A stored idempotent answer is forgotten after exactly 24 hours. In snake_case the key's scope
//!   is the API key alone, so the same key and bytes on another path replay the first answer.
//! - Pending refunds hold their amount back from `amount_refundable`.
//! - With `ending_before`, `has_more` tells whether newer payments remain.
//! - All sandbox cards come from DE. Other card numbers that pass the Luhn check succeed; those
//!   that do not fail with `invalid_number`; an expiry in the past fails with `expired_card`.

#![deny(missing_docs)]

mod api;
mod clock;
mod dialect;
mod event;
mod fault;
mod ids;
mod journal;
mod ledger;
mod pages;
mod payment;
mod sandbox;
mod server;

pub use api::route::Operation;
pub use clock::{DEFAULT_START, TestClock};
pub use dialect::Dialect;
pub use event::Event;
pub use fault::{Alteration, Fault, Matcher, Reply};
pub use journal::{Answer, RecordedRequest};
pub use ledger::{Ledger, PaymentRecord, RefundRecord};
pub use payment::{Kind, Progress, RefundStatus, Status};
pub use sandbox::{Builder, Sandbox, SandboxError};
