//! The life of one call: one request, its attempts, one honest outcome.
//!
//! [`decision`] is the table that says what a failure means, [`plan`] adds what is left of attempts, time, budget
//! and the key's life, and the engine carries it out.
//!
//! # Looking on
//! [`hook`] is for code of yours around every attempt, [`metrics`] for counters. Each call is a span of
//! `tracing`, and each attempt a span in it with the names of OpenTelemetry's HTTP client conventions:
//! `http.request.method`, `url.template`, `url.full` (without its query), `server.address`, `server.port`,
//! `http.response.status_code`, `http.request.resend_count`, `error.type`. No body, no query and no API key is in any
//! of them, and no header but the request id and the idempotency key. A declined card is told at `info`, an unknown outcome at `warn`; `error`
//! is kept for bugs.

pub(crate) mod answer;
pub mod backoff;
pub mod budget;
pub(crate) mod clock;
pub mod decision;
pub(crate) mod engine;
pub mod headers;
pub mod history;
pub mod hook;
pub mod metrics;
pub(crate) mod observers;
pub(crate) mod open_values;
pub(crate) mod operation;
pub(crate) mod options;
pub mod plan;
pub mod rate;
mod retry_after;
mod secrets;
pub(crate) mod send_log;
pub(crate) mod telemetry;

pub use operation::Operation;
