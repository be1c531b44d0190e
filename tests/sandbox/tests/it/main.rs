//! The sandbox held against the documented rules, over real sockets and in both dialects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod auth;
mod challenge;
mod client;
mod endpoint;
mod faults;
mod hosted;
mod idempotency;
mod keys;
mod late;
mod listing;
mod observation;
mod payments;
mod program;
mod rate_limit;
mod refunds;
mod validation;
mod webhooks;
