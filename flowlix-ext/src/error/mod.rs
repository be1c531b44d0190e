//! The one error type: what happened, what it means for the money, and what to do.

mod display;
mod invalid_request;
mod journal;
mod parts;

use std::time::Duration;

use flowlix_api::model;

use crate::call::decision::Situation;
use crate::call::history::{AttemptReport, StopReason};
use crate::call::operation::Operation;
use crate::decline::Decline;
use crate::failure::{ErrorKind, Violation};
use crate::idempotency::IdempotencyKey;
use crate::payments::progress::WaitProgress;
use crate::reply::Receipt;

pub(crate) use parts::Parts;

/// What every call returns when it has no result to show.
///
/// The first question after a write is [`may_have_taken_effect`](Self::may_have_taken_effect): when it is `false`, the
/// next request goes out under the same key. The error's text is one line, begins with operation and request
/// id, and holds no body, no header and no secret; [`explain`](Self::explain) tells the whole story.
pub struct Error(Box<Parts>);

impl Error {
    fn new(kind: ErrorKind, operation: Option<Operation>, cause: impl Into<String>) -> Self {
        Parts::new(kind, operation, cause).into()
    }

    /// The client cannot be built.
    pub(crate) fn configuration(
        cause: impl Into<String>,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Configuration, None, cause);
        error.0.source = source;
        error
    }

    /// The request breaks documented rules; nothing was sent.
    pub(crate) fn invalid_request(operation: Operation, violations: Vec<Violation>) -> Self {
        let mut error = Self::new(ErrorKind::InvalidRequest, Some(operation), String::new());
        error.0.violations = violations;
        error
    }

    /// The caller's key protects no longer; nothing was sent.
    pub(crate) fn key_too_old(operation: Operation, key: IdempotencyKey) -> Self {
        let cause = "the idempotency key was first used 23 hours ago or more";
        Self::new(ErrorKind::KeyTooOld, Some(operation), cause).with_key(key)
    }

    /// The same error, of a write with this key. If an earlier call with it may have been carried out, the error
    /// says so.
    pub(crate) fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.0.earlier_effect |= key.is_in_doubt();
        self.0.key = Some(key);
        self.with_doubtful_key()
    }

    /// Whoever repeats a call with the key of its error takes the doubt along.
    fn with_doubtful_key(mut self) -> Self {
        let in_doubt = self.may_have_taken_effect();
        self.0.key = self.0.key.take().map(|key| key.doubted(in_doubt));
        self
    }

    /// A blocking call where blocking would stop everything else; nothing was sent.
    #[cfg(feature = "blocking")]
    pub(crate) fn blocking_in_async() -> Self {
        Self::new(ErrorKind::BlockingInAsync, None, String::new())
    }

    /// A wait that ended without an outcome.
    pub(crate) fn wait_timeout(progress: WaitProgress, last_error: Option<Error>) -> Self {
        let operation = Some(Operation::RetrievePayment);
        let mut error = Self::new(ErrorKind::WaitTimeout, operation, progress.summary());
        error.0.elapsed = progress.elapsed;
        error.0.wait = Some(Box::new(progress));
        error.0.request_id = last_error
            .as_ref()
            .and_then(|last| last.0.request_id.clone());
        error.0.source = last_error.map(Into::into);
        error
    }

    /// The same error, with how far the wait came that it ended.
    pub(crate) fn during_wait(mut self, progress: WaitProgress) -> Self {
        self.0.wait = Some(Box::new(progress));
        self
    }

    /// The same error, with the amount that a refund asked for.
    pub(crate) fn with_refund_amount(mut self, minor_units: Option<i64>) -> Self {
        self.0.refund_amount = minor_units;
        self
    }

    /// A list that cannot go on, though the page was answered.
    pub(crate) fn list_stuck(receipt: &Receipt, cause: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::ListStuck, Some(receipt.operation()), cause);
        error.0.request_id = receipt.request_id().map(str::to_owned);
        error.0.attempts = receipt.history().to_vec();
        error.0.elapsed = receipt.elapsed();
        error
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed; `None` when the client could not be built.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// Flowlix's id of the last answered request: quote it to Flowlix's support. At most 128 characters.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How often the request was sent, or at least begun.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.0.attempts.len()).unwrap_or(u32::MAX)
    }

    /// Each attempt and the decision that followed it.
    #[must_use]
    pub fn history(&self) -> &[AttemptReport] {
        &self.0.attempts
    }

    /// How long the call took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// The key of a write. Repeat the same call with it to settle an unknown outcome.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.0.key.as_ref()
    }

    /// HTTP status of the last answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What Flowlix said, when the last answer was its error envelope. Its `message` may be logged, and is
    /// not meant for customers.
    ///
    /// Servers do echo what they were sent. So the API key, card number and security code of this call read
    /// masked in all of it, and so does whatever looks like a card number, an API key or a webhook secret. What
    /// is left is what nobody can tell from other words, such as the security code of another call. Texts are cut
    /// at 4,096 characters.
    #[must_use]
    pub fn api_error(&self) -> Option<&model::ErrorDetail> {
        self.0.detail.as_ref()
    }

    /// How long Flowlix asked to wait, counted from its last answer.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why the call was not tried again.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.0.stop
    }

    /// Everything that was wrong with a request that was refused before it was sent.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The answer that could not be read, or was about something else than was asked for, as it came. It may hold
    /// personal data: do not log it. `None` when it was too large.
    #[must_use]
    pub fn raw_body(&self) -> Option<&[u8]> {
        self.0.raw_body.as_deref()
    }

    /// Where in the JSON an answer stopped making sense, such as `refunds[0].amount`; `.` is the whole. Of an answer
    /// about something else than was asked for, the member that says so, such as `amount`.
    #[must_use]
    pub fn json_path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The amount that a failed refund asked for, in minor units: what was left of the payment when the call
    /// named no amount and the SDK read it. Give it when you repeat the call with the same key.
    #[must_use]
    pub fn refund_amount(&self) -> Option<i64> {
        self.0.refund_amount
    }

    /// How far a wait came that this error ended, whether time ran out or waiting could not mend it.
    #[must_use]
    pub fn wait_progress(&self) -> Option<&WaitProgress> {
        self.0.wait.as_deref()
    }

    /// Whether money may have moved, or something may have been created, **under this key or for this payment**:
    /// by this call, or by an earlier one that it knows of. After `false` the next request, with another card too, goes
    /// out under the same key: another worker may still send a request with that key, and Flowlix creates at most one
    /// payment per key.
    ///
    /// It is `true` for
    /// - [`OutcomeUnknown`](ErrorKind::OutcomeUnknown),
    ///   [`AcceptedButUndecodable`](ErrorKind::AcceptedButUndecodable) and
    ///   [`AcceptedButMismatched`](ErrorKind::AcceptedButMismatched): this call may have done it;
    /// - [`KeyReused`](ErrorKind::KeyReused): another request holds the key, and Flowlix keeps only those that
    ///   it accepted or is working on;
    /// - [`KeyTooOld`](ErrorKind::KeyTooOld): an earlier call may have used the key;
    /// - any error of a wait: the payment or refund that was waited for goes on by itself;
    /// - any error under a key that may have been used before: one that the [journal](crate::journal) knows, or
    ///   cannot look up; one that this client, or a clone of it, has used; one that came out of a receipt, or of an
    ///   error for which this was `true`; one [with an age](IdempotencyKey::with_created_at).
    ///
    /// Of a call by another process, or before a restart, under a key that was derived anew, only a journal or the
    /// key's age can tell. An error of a read says nothing about the payment that was to be read.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        let is_about_the_key = matches!(self.0.kind, ErrorKind::KeyReused | ErrorKind::KeyTooOld);
        self.this_call_may_have_acted()
            || is_about_the_key
            || self.0.wait.is_some()
            || self.0.earlier_effect
    }

    /// Whether what this very call asked for may have been carried out.
    pub(crate) fn this_call_may_have_acted(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::OutcomeUnknown
                | ErrorKind::AcceptedButUndecodable
                | ErrorKind::AcceptedButMismatched
        )
    }

    /// The request was sent, and whether it was carried out is not known. Settle it: repeat the same call
    /// with [`idempotency_key`](Self::idempotency_key), within 23 hours of the key's first use.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.0.kind == ErrorKind::OutcomeUnknown
    }

    /// Whether the same call, with the same key, may succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let kind = matches!(
            self.0.kind,
            ErrorKind::NotSent
                | ErrorKind::RateLimited
                | ErrorKind::Unavailable
                | ErrorKind::OutcomeUnknown
                | ErrorKind::Journal
                | ErrorKind::WaitTimeout
        );
        let forbidden = self.0.kind == ErrorKind::Journal && self.0.stop == Some(StopReason::Final);
        kind && !forbidden && !self.found_key_reused() && self.0.stop != Some(StopReason::KeyAge)
    }

    /// Whether the key was found to belong to another request, whatever earlier attempts left in doubt.
    fn found_key_reused(&self) -> bool {
        self.ended_with(Situation::KeyReused)
    }

    /// What the last attempt came to.
    fn ended_with(&self, situation: Situation) -> bool {
        let last = self.0.attempts.last();
        last.is_some_and(|attempt| attempt.situation == situation)
    }

    /// The card was declined at once, and no payment was created: the next card goes out under the same key. Do not
    /// start the next attempt (a new key) for that.
    ///
    /// Most declines are not errors: they show on the payment. `false` under a key that is in doubt, whatever was
    /// declined last: see [`decline`](Self::decline).
    #[must_use]
    pub fn is_declined(&self) -> bool {
        self.0.kind == ErrorKind::Declined
    }

    /// What to tell the customer, and what helps, when the last request ended in a card that was declined at once
    /// (`card_error`). That request created no payment: the next card goes out under the same key.
    ///
    /// A request before it may have created one. A key is in doubt when it was [stored](IdempotencyKey::restored), or
    /// when an earlier request has an unknown outcome. Then [`is_declined`](Self::is_declined) is `false`, and
    /// [`may_have_taken_effect`](Self::may_have_taken_effect) is `true`:
    /// - Show the text, and start no attempt under a new key.
    /// - Send the next card under the same key. If an earlier request created a payment, Flowlix rejects the next card
    ///   with 409 and charges nothing.
    /// - With a [journal](crate::journal) another card under a key in doubt is rejected and not sent
    ///   ([`KeyReused`](ErrorKind::KeyReused)) until [`recover`](crate::Flowlix::recover) has found that there is no
    ///   payment.
    ///
    /// Another decline does not resolve the unknown outcome. `recover` does with a journal. Without one a repeat of the
    /// same call that is accepted does, or a look through the [list](crate::payments::Payments::list) of that time.
    #[must_use]
    pub fn decline(&self) -> Option<Decline> {
        let is_declined = self.ended_with(Situation::CardRefused);
        let detail = self.0.detail.as_ref().filter(|_| is_declined)?;
        Some(Decline::of_error(self.0.operation, detail))
    }

    /// Nothing was sent, because the request breaks a documented rule.
    #[must_use]
    pub fn is_invalid_request(&self) -> bool {
        self.0.kind == ErrorKind::InvalidRequest
    }

    /// The API key is wrong, revoked, or of the other mode.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        self.0.kind == ErrorKind::Authentication
    }

    /// There is no such payment for this API key.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// Flowlix refused the call because there were too many.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.0.kind == ErrorKind::RateLimited
    }

    /// The idempotency key belongs to a request with another body. Where it is not known what came of that, or of
    /// an earlier attempt, the kind is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) all the same.
    #[must_use]
    pub fn is_key_reused(&self) -> bool {
        self.0.kind == ErrorKind::KeyReused || self.found_key_reused()
    }

    /// No connection to Flowlix was made, at last; what an earlier attempt reached did nothing.
    #[must_use]
    pub fn is_not_sent(&self) -> bool {
        self.0.kind == ErrorKind::NotSent
    }

    /// The last attempt, or a wait, ran out of time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.timed_out || self.0.kind == ErrorKind::WaitTimeout
    }

    /// The whole story in several lines, fit for a support ticket: the error, then each attempt with what
    /// followed and why. Holds no body and no secret.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        for attempt in &self.0.attempts {
            text.push_str(&format!("\n  {attempt}"));
        }
        text
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
