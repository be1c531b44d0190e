//! What a recovery found out.

use std::fmt;
use std::time::SystemTime;

use flowlix_api::model::{Payment, PaymentId, PaymentStatus, Refund, RefundId, RefundStatus};

use crate::failure::text::{date, one_line, printable};
use crate::journal::error::JournalError;
use crate::journal::fingerprint::STAMP;
use crate::journal::record::{Record, UnreadableRecord};

/// What [`Flowlix::recover`](crate::Flowlix::recover) found out about every write that was not settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovery {
    /// One entry for each write, in the order of their keys.
    pub writes: Vec<Recovered>,
    /// The records that the journal has and cannot read. What became of their writes is to be found out by hand.
    ///
    /// Under a [merchant's name](crate::FlowlixBuilder::journal_account) those without any name come first: whose they
    /// are cannot be read, so they may be another merchant's.
    pub unreadable: Vec<UnreadableRecord>,
}

impl Recovery {
    /// Whether the truth about every write is known: none is still unknown, and no record is unreadable.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable.is_empty() && self.still_unknown().next().is_none()
    }

    /// The writes about which nothing is certain yet. Recover again later: most doubts end with time. That of an
    /// [unreadable](Self::unreadable) record does not, and is not among them.
    pub fn still_unknown(&self) -> impl Iterator<Item = &Recovered> {
        let writes = self.writes.iter();
        writes.filter(|write| matches!(write.truth, Truth::StillUnknown(_)))
    }
}

/// One write, and the truth about it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// What was recorded before it was sent: operation, key, amount, your reference.
    pub record: Record,
    /// What became of it.
    pub truth: Truth,
    /// Why the journal does not have the truth, though it was found.
    pub journal_error: Option<JournalError>,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { operation, id, .. } = &self.record;
        write!(f, "{operation} with key {}: {}", id.key, self.truth)
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Truth {
    /// The customer was charged.
    Charged(Payment),
    /// The customer was not charged and will not be: the payment failed, expired or was canceled, or, with
    /// `None`, there is none.
    NotCharged(Option<Payment>),
    /// The money went back.
    Refunded(Refund),
    /// The money did not go back and will not: the refund failed or, with `None`, there is none.
    NotRefunded(Option<Refund>),
    /// The payment exists, and has not come to its end: [wait](crate::payments::Payments::wait) for it.
    PaymentInProgress(Payment),
    /// The refund exists, and has not come to its end: [wait](crate::refunds::Refunds::wait) for it.
    RefundInProgress(Refund),
    /// Nothing is certain. Do not start it anew.
    StillUnknown(Doubt),
}

/// Why nothing is certain about a write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// Somebody is sending it, or died doing so: nobody else touches it before this moment.
    StillSending {
        /// When that ends.
        until: SystemTime,
    },
    /// Nothing was found; but somebody has begun to send it again meanwhile.
    BegunAnew,
    /// Nothing was found, and a request may still be on its way before this moment.
    TooEarly {
        /// When it will be certain.
        certain_from: SystemTime,
    },
    /// Nothing was found; but our clock is not Flowlix's, and what it was when the write was sent is not known. So
    /// it may have been looked for at the wrong time.
    ClocksDiffer {
        /// By how many seconds ours is ahead now; negative when it is behind.
        seconds_ahead: i64,
    },
    /// Nothing carries the stamp; but the key may have been used without this journal, by a call that leaves none.
    UsedElsewhere,
    /// Flowlix could not be asked.
    CouldNotAsk {
        /// The error, as it reads.
        why: String,
    },
    /// The payment exists, and this SDK cannot read it.
    Unreadable {
        /// Its id, where that can be read.
        payment: Option<PaymentId>,
    },
    /// Nothing was found; but a payment of that time cannot be read, and may be it.
    ListIncomplete,
    /// Nothing was found; but more was refunded than the payment shows refunds for.
    RefundsNotShown,
    /// Nothing carries the stamp; but these, without any stamp, may be it: same time and amount, and the same
    /// merchant reference or no metadata at all.
    PaymentsLookTheSame {
        /// Their ids.
        payments: Vec<PaymentId>,
    },
    /// These refunds show no stamp (those of the `snake_case` dialect never do) and look as asked for: same amount,
    /// at that time. Repeat the refund with its key while that is young (the card is not needed) to be certain.
    RefundsLookTheSame {
        /// Their ids.
        refunds: Vec<RefundId>,
    },
    /// Several payments carry the stamp: the request was carried out more than once.
    Several {
        /// Their ids.
        payments: Vec<PaymentId>,
    },
    /// Several refunds carry the stamp: the request was carried out more than once.
    SeveralRefunds {
        /// Their ids.
        refunds: Vec<RefundId>,
    },
    /// Nothing was found with this API key, and the write was sent with another; see
    /// [`journal_account`](crate::FlowlixBuilder::journal_account).
    OtherApiKey,
    /// Nothing was found in this dialect, and the write was sent in the other.
    OtherDialect,
}

impl Truth {
    pub(super) fn of_payment(payment: Payment) -> Self {
        match payment.status {
            PaymentStatus::Succeeded | PaymentStatus::Refunded => Self::Charged(payment),
            PaymentStatus::Failed | PaymentStatus::Canceled | PaymentStatus::Expired => {
                Self::NotCharged(Some(payment))
            }
            _ => Self::PaymentInProgress(payment),
        }
    }

    pub(super) fn of_refund(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Succeeded => Self::Refunded(refund),
            RefundStatus::Failed => Self::NotRefunded(Some(refund)),
            _ => Self::RefundInProgress(refund),
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charged(payment) => write!(f, "charged, {}", name(&payment.id)),
            Self::NotCharged(Some(payment)) => {
                write!(f, "not charged, {}", payment_as_it_is(payment))
            }
            Self::NotCharged(None) => f.write_str("not charged, there is no payment"),
            Self::Refunded(refund) => write!(f, "refunded, {}", name(&refund.id)),
            Self::NotRefunded(Some(refund)) => {
                write!(f, "not refunded, {}", refund_as_it_is(refund))
            }
            Self::NotRefunded(None) => f.write_str("not refunded, there is no refund"),
            Self::PaymentInProgress(payment) => {
                write!(f, "in progress, {}", payment_as_it_is(payment))
            }
            Self::RefundInProgress(refund) => {
                write!(f, "in progress, {}", refund_as_it_is(refund))
            }
            Self::StillUnknown(doubt) => write!(f, "still unknown: {doubt}"),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StillSending { until } => {
                write!(f, "it may be being sent right now, until {}", date(*until))
            }
            Self::BegunAnew => f.write_str("somebody has begun to send it again"),
            Self::TooEarly { certain_from } => write!(
                f,
                "nothing was found, and a request may still be on its way until {}",
                date(*certain_from)
            ),
            Self::UsedElsewhere => f.write_str(
                "nothing was found, and the key may have been used without this journal; look for it by hand",
            ),
            Self::ClocksDiffer { seconds_ahead } => write!(
                f,
                "nothing was found, and our clock and Flowlix's are {} s apart; repeat it with its key to be certain",
                seconds_ahead.unsigned_abs()
            ),
            Self::CouldNotAsk { why } => write!(f, "Flowlix could not be asked: {why}"),
            Self::Unreadable { payment } => match payment {
                Some(id) => write!(f, "{} is it, and cannot be read", name(id)),
                None => f.write_str("its payment exists, and cannot be read"),
            },
            Self::ListIncomplete => {
                f.write_str("nothing was found, and a payment of that time cannot be read")
            }
            Self::RefundsNotShown => {
                f.write_str("nothing was found, and the payment does not show all of its refunds")
            }
            Self::PaymentsLookTheSame { payments } => {
                write!(f, "without a {STAMP}, but alike: {}", joined(payments))
            }
            Self::RefundsLookTheSame { refunds } => write!(
                f,
                "alike: {}; repeat it with its key to be certain",
                joined(refunds)
            ),
            Self::Several { payments } => {
                write!(f, "carried out more than once: {}", joined(payments))
            }
            Self::SeveralRefunds { refunds } => {
                write!(f, "carried out more than once: {}", joined(refunds))
            }
            Self::OtherApiKey => {
                f.write_str("nothing was found, and it was sent with another API key")
            }
            Self::OtherDialect => {
                f.write_str("nothing was found, and it was sent in the other dialect")
            }
        }
    }
}

/// What Flowlix calls it, and the line is ours.
fn name(id: &impl AsRef<str>) -> String {
    one_line(id.as_ref())
}

fn payment_as_it_is(payment: &Payment) -> String {
    let status = printable(payment.status.as_str());
    format!("{} is {status}", name(&payment.id))
}

fn refund_as_it_is(refund: &Refund) -> String {
    let status = printable(refund.status.as_str());
    format!("{} is {status}", name(&refund.id))
}

fn joined<T: AsRef<str>>(ids: &[T]) -> String {
    let ids: Vec<String> = ids.iter().map(name).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_that_no_calendar_of_http_has_is_told_as_its_second() {
        let after = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(after(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(after(253_402_300_800), "Unix second 253402300800");
        assert_eq!(
            date(UNIX_EPOCH - Duration::from_millis(1)),
            "Unix second -1"
        );
    }

    #[test]
    fn whatever_flowlix_calls_it_a_truth_is_one_line() {
        let payment: Payment = serde_json::from_value(json!({
            "id": "pay_\u{2028}a",
            "amount": 49_99,
            "currency": "EUR",
            "status": "4111111111111111\nSETTLING",
        }))
        .unwrap();
        let ids = vec![payment.id.clone(), payment.id.clone()];
        assert_eq!(
            Truth::StillUnknown(Doubt::Several { payments: ids }).to_string(),
            "still unknown: carried out more than once: pay_ a, pay_ a"
        );
        assert_eq!(
            Truth::PaymentInProgress(payment).to_string(),
            "in progress, pay_ a is [digits masked] SETTLING"
        );
        let refund: Refund = serde_json::from_value(json!({
            "id": "ref_a", "amount": 10_00, "currency": "EUR", "status": "\u{202e}ODD"
        }))
        .unwrap();
        assert_eq!(
            Truth::RefundInProgress(refund).to_string(),
            "in progress, ref_a is  ODD"
        );
    }
}
