//! Spans and events for `tracing`, under the names of OpenTelemetry's HTTP client conventions.
//!
//! One span `flowlix.call` for each call, in it one span `flowlix.attempt` for each request on the wire. No
//! body, no query, and no header but the request id and the idempotency key is in any of them. `error` is the level of a bug alone: a
//! declined card is business, told at `info`; an unknown outcome is told at `warn`.

use flowlix_api::Dialect;
use reqwest::Url;
use tracing::Span;
use tracing::field::Empty;

use super::answer::{Answer, Fault};
use super::decision::Situation;
use super::history::{AttemptReport, Next, Seconds, StopReason};
use super::operation::Operation;
use crate::failure::text::printable;
use crate::idempotency::IdempotencyKey;
use crate::key::Mode;

pub(crate) fn call_span(
    operation: Operation,
    dialect: Dialect,
    mode: Mode,
    key: Option<&IdempotencyKey>,
) -> Span {
    tracing::info_span!(
        "flowlix.call",
        otel.name = operation.name(),
        otel.kind = "internal",
        otel.status_code = Empty,
        flowlix.operation = operation.name(),
        flowlix.dialect = %dialect,
        flowlix.livemode = (mode == Mode::Live),
        flowlix.idempotency_key = key.map(IdempotencyKey::as_str),
        flowlix.attempts = Empty,
        "error.type" = Empty,
    )
}

/// `resent` is 0 for the first attempt, which leaves its field out.
pub(crate) fn attempt_span(method: &str, path: &'static str, url: &Url, resent: u32) -> Span {
    let span = tracing::info_span!(
        "flowlix.attempt",
        otel.name = format_args!("{method} {path}"),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        url.full = %without_query(url),
        url.template = path,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        flowlix.request_id = Empty,
        "error.type" = Empty,
    );
    if resent > 0 {
        span.record("http.request.resend_count", resent);
    }
    span
}

/// What the attempt brought, in its span.
pub(crate) fn answered(span: &Span, situation: Situation, answer: &Answer) {
    if let Some(status) = answer.status {
        span.record("http.response.status_code", status.as_u16());
    }
    if let Some(id) = &answer.request_id {
        span.record("flowlix.request_id", id);
    }
    match (situation, answer.status) {
        (Situation::Accepted, _) => {}
        (_, Some(status)) if status.as_u16() >= 400 && answer.fault.is_none() => {
            span.record("error.type", status.as_str());
        }
        _ if matches!(answer.fault, Some(Fault::AttemptTimeout(_))) => {
            span.record("error.type", "timeout");
        }
        _ => {
            span.record("error.type", situation.name());
        }
    }
    if !matches!(situation, Situation::Accepted | Situation::CardRefused) {
        span.record("otel.status_code", "ERROR");
    }
}

/// What follows the attempt.
pub(crate) fn decided(report: &AttemptReport) {
    let situation = report.situation.name();
    match report.next {
        Next::Again { pause } => tracing::info!(
            situation,
            attempt = report.number,
            pause = %Seconds(pause),
            time_left = %Seconds(report.time_left),
            why = report.why(),
            "sending again"
        ),
        Next::Done | Next::Stop(_) => tracing::debug!(
            situation,
            attempt = report.number,
            took = %Seconds(report.took),
            why = report.why(),
            "attempt ended"
        ),
    }
}

/// How a call ended.
pub(crate) struct Ending {
    pub(crate) attempts: usize,
    pub(crate) situation: Option<Situation>,
    pub(crate) in_doubt: bool,
    pub(crate) stop: Option<StopReason>,
}

/// How the call ended, in its span and as one event.
pub(crate) fn ended(span: &Span, ending: &Ending) {
    let attempts = ending.attempts;
    span.record("flowlix.attempts", attempts);
    let situation = ending.situation.map_or("not_sent", Situation::name);
    let stop = ending.stop.map(tracing::field::display);
    if ending.in_doubt {
        span.record("error.type", "outcome_unknown");
        span.record("otel.status_code", "ERROR");
        tracing::warn!(
            situation,
            attempts,
            stop,
            "outcome unknown: repeat the call with the same key to settle it"
        );
        return;
    }
    match ending.situation {
        Some(Situation::Accepted) => tracing::debug!(attempts, "accepted"),
        Some(Situation::CardRefused) => {
            span.record("error.type", situation);
            tracing::info!(attempts, "the card was refused");
        }
        _ => {
            span.record("error.type", situation);
            span.record("otel.status_code", "ERROR");
            tracing::warn!(situation, attempts, stop, "the call failed");
        }
    }
}

/// The future of a write was dropped before its outcome was known.
pub(crate) fn abandoned(attempts: usize) {
    tracing::warn!(
        attempts,
        "dropped while under way: the outcome is unknown, and nobody was told"
    );
}

pub(crate) fn held_back(wait: std::time::Duration) {
    tracing::debug!(wait = %Seconds(wait), "held back to stay below the rate limit");
}

pub(crate) fn undecodable(path: &str) {
    tracing::warn!(
        path = printable(path),
        "the answer was accepted and cannot be read"
    );
}

pub(crate) fn mismatched(member: &str) {
    tracing::warn!(
        member,
        "the answer was accepted and is about something else than was asked for"
    );
}

pub(crate) fn unknown_value(field: &'static str, value: &str) {
    tracing::warn!(
        field,
        value = printable(value),
        "a value that this version of the SDK has no name for"
    );
}

/// A query may hold what is nobody's business, such as references of customers.
fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}
