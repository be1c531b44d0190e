//! Why a call on an intent has no status to return.

use std::fmt;

use super::status::IntentStatus;
use super::store::StoreError;
use crate::error::Error;
use crate::failure::text::one_line;
use crate::failure::{ErrorKind, Violation};
use crate::money::Money;

/// Why a call on an intent has no status to return.
///
/// An unknown outcome is no error but a [status](IntentStatus::OutcomeUnknown). An error never means that money may
/// have moved unless its [`status`](Self::status) says so. Repeating the same call is always safe.
///
/// Its text is one line and holds no secret; [`explain`](Self::explain) tells each attempt.
pub struct IntentError(Box<Parts>);

struct Parts {
    kind: IntentErrorKind,
    cause: String,
    violations: Vec<Violation>,
    status: Option<IntentStatus>,
    asked: Option<Money>,
    error: Option<Error>,
    store: Option<StoreError>,
}

/// What kind of failure an [`IntentError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntentErrorKind {
    /// [`Intents`](super::Intents) cannot be built.
    Configuration,
    /// The request breaks documented rules; nothing was sent.
    InvalidRequest,
    /// The intent has another amount or currency, and something may be charged already; nothing was sent.
    AmountMismatch,
    /// The intent is closed; nothing was sent.
    Closed,
    /// Flowlix rejected the request.
    Rejected,
    /// Flowlix did not take the request: no connection, rate limit, or the API key is not accepted.
    NotCarriedOut,
    /// The store failed, or its record cannot be read. Nothing was charged by the call: nothing was sent, or a payment
    /// waits for a customer who is not sent there.
    Store,
    /// The payment belongs to another intent.
    OtherIntent,
    /// The intent is not paid, so that there is nothing to refund.
    NotPaid,
    /// This refund was begun with another amount, reason or payment.
    RefundMismatch,
    /// The outcome of another refund of the same payment is unknown; make that call again first.
    RefundBusy,
    /// `snake_case`: the payment has a refund of the same amount and reason that the intent does not know, from Flowlix's
    /// dashboard or from before the store was restored. If it is another one, give this one another reason.
    RefundAmbiguous,
    /// Something can still become of the intent, so that it cannot be erased.
    NotFinished,
}

impl IntentError {
    pub(super) fn new(kind: IntentErrorKind, cause: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            cause: cause.into(),
            violations: Vec::new(),
            status: None,
            asked: None,
            error: None,
            store: None,
        }))
    }

    pub(super) fn invalid(violations: Vec<Violation>) -> Self {
        let mut error = Self::new(IntentErrorKind::InvalidRequest, String::new());
        error.0.violations = violations;
        error
    }

    pub(super) fn store(error: StoreError) -> Self {
        let mut made = Self::new(IntentErrorKind::Store, error.to_string());
        made.0.store = Some(error);
        made
    }

    /// A payment waits for the customer, and the record does not have it.
    pub(super) fn action_not_recorded(error: StoreError) -> Self {
        let mut made = Self::store(error);
        let cause = &mut made.0.cause;
        cause.insert_str(
            0,
            "the customer has to act on a payment that could not be recorded: ",
        );
        made
    }

    pub(super) fn closed(status: IntentStatus) -> Self {
        let cause = "no new attempt may be started";
        Self::new(IntentErrorKind::Closed, cause).with_status(status)
    }

    pub(super) fn amount_mismatch(asked: Money, status: IntentStatus) -> Self {
        let cause = format!(
            "the intent is for {}, and {asked} was asked for",
            status.amount()
        );
        let mut error = Self::new(IntentErrorKind::AmountMismatch, cause).with_status(status);
        error.0.asked = Some(asked);
        error
    }

    /// What Flowlix, or the way to Flowlix, said to a request that was not carried out.
    pub(super) fn call(kind: IntentErrorKind, error: Error) -> Self {
        let cause = cause_of(&error);
        let mut made = Self::new(kind, cause);
        made.0.violations = error.violations().to_vec();
        made.0.error = Some(error);
        made
    }

    pub(super) fn with_status(mut self, status: IntentStatus) -> Self {
        self.0.status = Some(status);
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> IntentErrorKind {
        self.0.kind
    }

    /// Where the intent stands, when the call knows. Ask it whether something may have been charged.
    #[must_use]
    pub fn status(&self) -> Option<&IntentStatus> {
        self.0.status.as_ref()
    }

    /// Everything that was wrong with a request that was not sent.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The amount that was asked for, when it is not the intent's.
    #[must_use]
    pub fn asked_amount(&self) -> Option<&Money> {
        self.0.asked.as_ref()
    }

    /// The request that failed, with all of its attempts. It speaks about that request alone: ask
    /// [`status`](Self::status) about the intent.
    #[must_use]
    pub fn request_error(&self) -> Option<&Error> {
        self.0.error.as_ref()
    }

    /// What the store said.
    #[must_use]
    pub fn store_error(&self) -> Option<&StoreError> {
        self.0.store.as_ref()
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            IntentErrorKind::Store | IntentErrorKind::RefundBusy => true,
            IntentErrorKind::NotCarriedOut => {
                self.0.error.as_ref().is_some_and(Error::is_retryable)
            }
            _ => false,
        }
    }

    /// The whole story in several lines, fit for a support ticket: the error, the status, then each attempt of the
    /// request and why it ended. Holds no body and no secret.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        if let Some(status) = &self.0.status {
            text.push_str(&format!("\n  {status}"));
        }
        for attempt in self.0.error.iter().flat_map(Error::history) {
            text.push_str(&format!("\n  {attempt}"));
        }
        text
    }
}

/// What an error of level 1 says, without its advice: that speaks about keys, which intents keep.
fn cause_of(error: &Error) -> String {
    if !error.violations().is_empty() {
        return String::new();
    }
    // That the outcome is unknown is for the status to say, and that it was rejected the kind has said.
    let is_told = matches!(
        error.kind(),
        ErrorKind::OutcomeUnknown | ErrorKind::Rejected
    );
    let kind = (!is_told).then(|| error.kind().to_string());
    let status = error.status().map(|status| format!("HTTP {status}"));
    let said = error.api_error().and_then(|said| said.message.clone());
    let parts = [kind, status, said.as_deref().map(one_line)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

impl fmt::Display for IntentErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "intents cannot be set up",
            Self::InvalidRequest => "the request breaks documented rules, and nothing was sent",
            Self::AmountMismatch => "the intent has another amount, and nothing was sent",
            Self::Closed => "the intent is closed, and nothing was sent",
            Self::Rejected => "Flowlix rejected the request",
            Self::NotCarriedOut => "Flowlix did not take the request",
            Self::Store => "the store failed",
            Self::OtherIntent => "the payment belongs to another intent",
            Self::NotPaid => "the intent is not paid, and nothing was sent",
            Self::RefundMismatch => {
                "the refund was begun with another amount, reason or payment, and nothing was sent"
            }
            Self::RefundBusy => {
                "another refund of the payment is not resolved, and nothing was sent"
            }
            Self::NotFinished => "the intent has not ended, and was not erased",
            Self::RefundAmbiguous => {
                "the payment has a refund that may be this one, and nothing was sent"
            }
        })
    }
}

impl fmt::Display for IntentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payment intent: {}", self.0.kind)?;
        if !self.0.cause.is_empty() {
            write!(f, ": {}", self.0.cause)?;
        }
        for (index, violation) in self.0.violations.iter().enumerate() {
            write!(f, "{} {violation}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// For people: a `main` that returns the error prints this.
impl fmt::Debug for IntentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}

// Its text tells what the request and the store said.
impl std::error::Error for IntentError {}
