//! Errors that a journal brings about.

use std::time::Duration;

use bytes::Bytes;

use super::Error;
use crate::call::history::StopReason;
use crate::call::operation::Operation;
use crate::failure::ErrorKind;
use crate::idempotency::IdempotencyKey;
use crate::journal::error::JournalError;

impl Error {
    /// The journal failed, or forbids the write; nothing was sent.
    pub(crate) fn journal(operation: Operation, key: IdempotencyKey, error: JournalError) -> Self {
        let made = Self::new(ErrorKind::Journal, Some(operation), error.to_string());
        made.with_key(key).with_journal_error(error)
    }

    /// The journal cannot be read.
    pub(crate) fn journal_unread(error: JournalError) -> Self {
        Self::new(ErrorKind::Journal, None, error.to_string()).with_journal_error(error)
    }

    /// The journal has a reason to forbid the write that repeating it will not change; nothing was sent.
    pub(crate) fn journal_forbids(
        operation: Operation,
        key: IdempotencyKey,
        reason: impl Into<String>,
    ) -> Self {
        let mut error = Self::journal(operation, key, JournalError::new(reason));
        error.0.stop = Some(StopReason::Final);
        error
    }

    /// The journal knows the key from another request; nothing was sent.
    pub(crate) fn key_reused(operation: Operation, key: IdempotencyKey, known_from: &str) -> Self {
        let cause = format!("the journal knows the key from {known_from}; nothing was sent");
        Self::new(ErrorKind::KeyReused, Some(operation), cause).with_key(key)
    }

    /// Another caller sent this request while this one waited, and was refused for that reason. Nothing was sent again.
    pub(crate) fn refused_with_twin(operation: Operation, key: IdempotencyKey, why: &str) -> Self {
        let kind = ErrorKind::of_refusal(why).unwrap_or(ErrorKind::NotSent);
        let cause = "another caller with this key sent it meanwhile, and this is what came of it";
        Self::new(kind, Some(operation), cause).with_key(key.doubted(false))
    }

    /// Somebody else was sending this request for as long as this call had time.
    pub(crate) fn held_elsewhere(
        operation: Operation,
        key: IdempotencyKey,
        elapsed: Duration,
    ) -> Self {
        let cause = "another caller is sending this request, and was not done in time";
        let mut error = Self::new(ErrorKind::OutcomeUnknown, Some(operation), cause).with_key(key);
        error.0.elapsed = elapsed;
        error
    }

    /// Flowlix accepted the write earlier, and what the journal stored of it cannot be read.
    pub(crate) fn stored_undecodable(
        operation: Operation,
        key: IdempotencyKey,
        raw: String,
        path: String,
    ) -> Self {
        let cause = "the answer that the journal stored cannot be read";
        let mut error =
            Self::new(ErrorKind::AcceptedButUndecodable, Some(operation), cause).with_key(key);
        error.0.raw_body = Some(Bytes::from(raw));
        error.0.path = Some(path);
        error
    }

    /// The same error of a call that sent nothing, when an earlier call may have carried the write out.
    pub(crate) fn after_call_in_doubt(mut self, in_doubt: bool) -> Self {
        if in_doubt && self.0.kind == ErrorKind::KeyTooOld {
            self.0
                .cause
                .push_str(", and what came of that is not known");
        }
        self.0.earlier_effect |= in_doubt;
        self.with_doubtful_key()
    }

    /// The same error, of a write that may be carried out by somebody else.
    pub(crate) fn in_doubt(mut self) -> Self {
        self.0.kind = ErrorKind::OutcomeUnknown;
        self.with_doubtful_key()
    }

    /// The same error, with what went wrong with the journal. The error's line holds its words if that is why it
    /// failed.
    pub(crate) fn with_journal_error(mut self, error: JournalError) -> Self {
        self.0.journal = Some(error);
        self
    }

    /// What went wrong with the [journal](crate::journal). With [`ErrorKind::Journal`] it is why nothing was sent;
    /// with any other kind it is why the journal does not have this outcome, which
    /// [`recover`](crate::Flowlix::recover) or a repeat with the same key finds out.
    #[must_use]
    pub fn journal_error(&self) -> Option<&JournalError> {
        self.0.journal.as_ref()
    }
}
