//! What a successful call returns: the result, and the receipt of how it came about.

use std::ops::Deref;
use std::time::Duration;

use crate::call::history::AttemptReport;
use crate::call::operation::Operation;
use crate::idempotency::IdempotencyKey;
use crate::journal::error::JournalError;

/// A result with its [`Receipt`]; use it like the result itself.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    value: T,
    receipt: Receipt,
}

impl<T> Reply<T> {
    pub(crate) fn new(value: T, receipt: Receipt) -> Self {
        Self { value, receipt }
    }

    /// The result alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// How the call went.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    pub(crate) fn with_journal_error(mut self, error: JournalError) -> Self {
        self.receipt.journal_error = Some(error);
        self
    }

    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Reply<U> {
        Reply {
            value: with(self.value),
            receipt: self.receipt,
        }
    }
}

impl<T> Deref for Reply<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// How a successful call went.
#[derive(Debug, Clone)]
pub struct Receipt {
    operation: Operation,
    request_id: Option<String>,
    key: Option<IdempotencyKey>,
    attempts: Vec<AttemptReport>,
    elapsed: Duration,
    from_journal: bool,
    journal_error: Option<JournalError>,
}

impl Receipt {
    pub(crate) fn answered(
        operation: Operation,
        key: Option<IdempotencyKey>,
        request_id: Option<String>,
        attempts: Vec<AttemptReport>,
        elapsed: Duration,
    ) -> Self {
        Self {
            operation,
            request_id,
            key,
            attempts,
            elapsed,
            from_journal: false,
            journal_error: None,
        }
    }

    /// For an answer that was stored earlier.
    pub(crate) fn from_journal(
        operation: Operation,
        key: IdempotencyKey,
        request_id: Option<String>,
    ) -> Self {
        Self {
            operation,
            request_id,
            key: Some(key.doubted(true)),
            attempts: Vec::new(),
            elapsed: Duration::ZERO,
            from_journal: true,
            journal_error: None,
        }
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Flowlix's id of the request that was answered.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The idempotency key of a write.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// Each attempt and what followed it; the last one succeeded.
    #[must_use]
    pub fn history(&self) -> &[AttemptReport] {
        &self.attempts
    }

    /// How long the call took, with all attempts and pauses.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the [journal](crate::journal) knew the answer and nothing was sent. It shows the result as it was
    /// when it was accepted: a payment may have gone on since.
    #[must_use]
    pub fn is_from_journal(&self) -> bool {
        self.from_journal
    }

    /// Why the [journal](crate::journal) does not have this answer. The call itself succeeded; store the result
    /// yourself, or let [`recover`](crate::Flowlix::recover) find it.
    #[must_use]
    pub fn journal_error(&self) -> Option<&JournalError> {
        self.journal_error.as_ref()
    }
}
