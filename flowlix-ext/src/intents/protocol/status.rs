//! Where an intent stands, read off its record.

use serde::{Deserialize, Serialize};

use super::record::{Payment, Phase, Record, Unpaid};

/// Where an intent stands: what is stored with a change, and what the public status is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum Summary {
    /// Nothing is charged and nothing can still charge: paying is safe.
    Unpaid(Unpaid),
    /// The customer has to act on this payment.
    ActionRequired {
        payment: String,
        action: Option<String>,
    },
    /// A payment is on its way; its id is `None` while Flowlix has accepted a payment that nobody has seen yet.
    Processing { payment: Option<String> },
    /// A request was sent, and whether it was carried out is not known.
    OutcomeUnknown {
        /// Its card was declined, while an earlier request may still be carried out.
        declined: bool,
        /// Only a person can decide.
        needs_person: bool,
    },
    /// Charged once.
    Paid { payment: String, refunded: i64 },
    /// Charged more than once.
    Overcharged { keep: String, refund: Vec<String> },
    /// Charged although the intent was closed.
    PaidAfterClose { payments: Vec<String> },
}

impl Summary {
    /// Where a record stands.
    pub(crate) fn of(record: &Record) -> Self {
        if let Some(charged) = charged(record) {
            return charged;
        }
        // What the caller has given up for another attempt comes last: it may still charge.
        live(record, |payment| !is_superseded(record, payment))
            .or_else(|| unknown(record))
            .or_else(|| live(record, |_| true))
            .unwrap_or_else(|| Self::Unpaid(record.unpaid.clone()))
    }

    /// The word that stores search by; never changed once released.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unpaid(_) => "unpaid",
            Self::ActionRequired { .. } => "action_required",
            Self::Processing { .. } => "processing",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Paid { .. } => "paid",
            Self::Overcharged { .. } => "overcharged",
            Self::PaidAfterClose { .. } => "paid_after_close",
        }
    }
}

fn charged(record: &Record) -> Option<Summary> {
    let charged: Vec<&Payment> = record.charged_payments().collect();
    let first = charged.first()?;
    let ids = |payments: &[&Payment]| payments.iter().map(|payment| payment.id.clone()).collect();
    let mut kept: Vec<&Payment> = charged
        .iter()
        .filter(|payment| payment.net() > 0)
        .copied()
        .collect();
    // What the intent was told to be paid by stays, whichever attempt it is of.
    kept.sort_by_key(|payment| Some(&payment.id) != told(record));
    if record.closed_at.is_some() {
        let payments = ids(&kept);
        return Some(Summary::PaidAfterClose { payments });
    }
    Some(match kept.split_first() {
        Some((keep, [])) => paid(keep),
        Some((keep, rest)) => Summary::Overcharged {
            keep: keep.id.clone(),
            refund: ids(rest),
        },
        None => paid(first),
    })
}

/// The payment by which the last change says that the intent is paid.
fn told(record: &Record) -> Option<&String> {
    match &record.changes.last()?.what {
        Summary::Paid { payment, .. } => Some(payment),
        Summary::Overcharged { keep, .. } => Some(keep),
        _ => None,
    }
}

fn paid(payment: &Payment) -> Summary {
    Summary::Paid {
        payment: payment.id.clone(),
        refunded: payment.refunded,
    }
}

/// Whether the customer has something to do that they have not just done.
pub(crate) fn waits_for_customer(payment: &Payment) -> bool {
    let is_back = payment.returned_from.is_some() && payment.returned_from == payment.action;
    payment.phase == Phase::ActionRequired && !is_back
}

/// Whether the caller has started another attempt although this payment may still be charged.
pub(crate) fn is_superseded(record: &Record, payment: &Payment) -> bool {
    record
        .attempt(payment.attempt)
        .is_some_and(|attempt| attempt.superseded)
}

/// The newest live payment, the customer's turn before Flowlix's.
fn live(record: &Record, counts: impl Fn(&Payment) -> bool) -> Option<Summary> {
    let newest = |payments: &mut dyn Iterator<Item = &Payment>| {
        payments.max_by_key(|payment| payment.attempt).cloned()
    };
    let counting = || record.live_payments().filter(|payment| counts(payment));
    // Nobody is sent to pay for a closed intent, though the payment may still be charged.
    let is_open = record.closed_at.is_none();
    if let Some(payment) =
        newest(&mut counting().filter(|payment| is_open && waits_for_customer(payment)))
    {
        let (payment, action) = (payment.id, payment.action);
        return Some(Summary::ActionRequired { payment, action });
    }
    let payment = newest(&mut counting())?;
    Some(Summary::Processing {
        payment: Some(payment.id),
    })
}

fn unknown(record: &Record) -> Option<Summary> {
    let unknown = || record.unknown_attempts();
    unknown().next()?;
    if unknown().any(|attempt| attempt.sends.is_contradictory()) {
        return Some(Summary::OutcomeUnknown {
            declined: false,
            needs_person: true,
        });
    }
    if unknown().any(|attempt| attempt.sends.is_accepted()) {
        return Some(Summary::Processing { payment: None });
    }
    let declined = record.current().is_some_and(|attempt| attempt.declined);
    Some(Summary::OutcomeUnknown {
        declined,
        needs_person: false,
    })
}
