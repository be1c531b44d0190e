//! What an error is made of.

use std::time::Duration;

use bytes::Bytes;
use flowlix_api::model;

use super::Error;
use crate::call::history::{AttemptReport, StopReason};
use crate::call::operation::Operation;
use crate::failure::{ErrorKind, Violation};
use crate::idempotency::IdempotencyKey;
use crate::journal::error::JournalError;
use crate::payments::progress::WaitProgress;

/// What an [`Error`] is made of, each part where it applies; who makes an error sets what it knows.
pub(crate) struct Parts {
    pub(crate) kind: ErrorKind,
    pub(crate) operation: Option<Operation>,
    pub(crate) cause: String,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) attempts: Vec<AttemptReport>,
    pub(crate) elapsed: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
    pub(crate) detail: Option<model::ErrorDetail>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) timed_out: bool,
    pub(crate) raw_body: Option<Bytes>,
    pub(crate) path: Option<String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) wait: Option<Box<WaitProgress>>,
    pub(crate) refund_amount: Option<i64>,
    pub(crate) journal: Option<JournalError>,
    pub(crate) earlier_effect: bool,
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Parts {
    pub(crate) fn new(
        kind: ErrorKind,
        operation: Option<Operation>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            cause: cause.into(),
            key: None,
            attempts: Vec::new(),
            elapsed: Duration::ZERO,
            status: None,
            request_id: None,
            detail: None,
            retry_after: None,
            stop: None,
            timed_out: false,
            raw_body: None,
            path: None,
            violations: Vec::new(),
            wait: None,
            refund_amount: None,
            journal: None,
            earlier_effect: false,
            source: None,
        }
    }
}

impl From<Parts> for Error {
    fn from(parts: Parts) -> Self {
        Self(Box::new(parts)).with_doubtful_key()
    }
}
