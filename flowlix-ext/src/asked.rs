//! What was asked for, as far as the answer has to say the same: an answer about something else must not pass
//! for the outcome of this call.

use std::collections::BTreeMap;

use flowlix_api::model::{Currency, Payment, PaymentId, Refund};
use serde_json::Value;

use crate::call::engine::Call;
use crate::error::Error;
use crate::journal::fingerprint::STAMP;
use crate::reply::Reply;

/// The metadata entry that carries the correlation id of an intent, then `/` and the number of the attempt.
///
/// Reserved: a request whose own metadata has this entry is rejected before it is sent. It counts against the 50
/// entries that the `snake_case` dialect takes.
pub const CORRELATION_ID: &str = "flowlix_correlation_id";

/// The metadata entries by which a request and what it creates are told from others.
const MARKS: [&str; 2] = [CORRELATION_ID, STAMP];

/// What a request, or what it created, is marked with: the first of our entries that its metadata has.
pub(crate) fn mark<'a, V>(entry: impl Fn(&str) -> Option<&'a V>) -> Option<&'a V> {
    MARKS.iter().find_map(|name| entry(name))
}

#[derive(Default)]
pub(crate) struct Asked<'a> {
    payment: Option<&'a PaymentId>,
    amount: Option<i64>,
    currency: Option<&'a Currency>,
    stamp: Option<&'a str>,
}

/// What is about a payment, or about money.
pub(crate) trait Answers {
    /// The member that speaks of something else than was asked for.
    fn stray(&self, asked: &Asked<'_>) -> Option<&'static str>;
}

impl<'a> Asked<'a> {
    pub(crate) fn to_charge(amount: i64, currency: &'a Currency) -> Self {
        Self {
            amount: Some(amount),
            currency: Some(currency),
            ..Self::default()
        }
    }

    /// By what the journal put into the metadata: another stamp is another request's.
    pub(crate) fn stamped(self, stamp: Option<&'a str>) -> Self {
        Self { stamp, ..self }
    }

    pub(crate) fn to_refund(payment: &'a PaymentId, amount: i64) -> Self {
        Self {
            payment: Some(payment),
            amount: Some(amount),
            ..Self::default()
        }
    }

    pub(crate) fn about(payment: &'a PaymentId) -> Self {
        Self {
            payment: Some(payment),
            ..Self::default()
        }
    }

    /// The answer, if it is one to this.
    ///
    /// # Errors
    /// Accepted or answered, and about something else: what is there has to be looked up.
    pub(crate) fn check<T: Answers>(
        &self,
        call: &Call,
        reply: Reply<T>,
    ) -> Result<Reply<T>, Error> {
        match reply.stray(self) {
            None => Ok(reply),
            Some(member) => Err(Error::mismatched(call, member)),
        }
    }

    fn is_stamped_otherwise(&self, metadata: &BTreeMap<String, Value>) -> bool {
        let shown = mark(|name| metadata.get(name)).and_then(Value::as_str);
        shown
            .zip(self.stamp)
            .is_some_and(|(shown, sent)| shown != sent)
    }

    /// Ids are hexadecimal in one dialect, so another letter case is no other payment.
    fn is_about(&self, id: &PaymentId) -> bool {
        self.payment
            .is_none_or(|asked| asked.as_str().eq_ignore_ascii_case(id.as_str()))
    }
}

impl Answers for Payment {
    fn stray(&self, asked: &Asked<'_>) -> Option<&'static str> {
        if !asked.is_about(&self.id) {
            Some("id")
        } else if asked.amount.is_some_and(|amount| amount != self.amount) {
            Some("amount")
        } else if asked
            .currency
            .is_some_and(|currency| *currency != self.currency)
        {
            Some("currency")
        } else if asked.is_stamped_otherwise(&self.metadata) {
            Some("metadata")
        } else {
            None
        }
    }
}

impl Answers for Refund {
    fn stray(&self, asked: &Asked<'_>) -> Option<&'static str> {
        let is_about = self.payment_id.as_ref().is_none_or(|id| asked.is_about(id));
        if !is_about {
            Some("payment_id")
        } else if asked.amount.is_some_and(|amount| amount != self.amount) {
            Some("amount")
        } else if asked.is_stamped_otherwise(&self.metadata) {
            Some("metadata")
        } else {
            None
        }
    }
}
