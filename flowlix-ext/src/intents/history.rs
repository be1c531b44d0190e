//! What has happened to an intent, for people.

use std::fmt;
use std::time::SystemTime;

use flowlix_api::model::PaymentId;

use super::protocol::record::{Method, Phase, Record};
use super::protocol::status::Summary;
use crate::runtime::moment;

/// One attempt of an intent: one idempotency key, and at most one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptInfo {
    /// 1 for the first.
    pub number: u32,
    /// How the customer pays.
    pub method: AttemptMethod,
    /// When the attempt was started.
    pub started_at: SystemTime,
    /// The payment, once it is known.
    pub payment_id: Option<PaymentId>,
    /// How far the attempt is.
    pub state: AttemptState,
    /// Whether another attempt was started although this one may still be charged.
    pub is_superseded: bool,
}

/// How the customer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptMethod {
    /// By a card that the shop's own page collected.
    Card,
    /// On Flowlix's hosted page.
    HostedPage,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptState {
    /// No payment, and no request whose outcome is unknown.
    NoPayment,
    /// A request was sent, and whether it was carried out is not known.
    OutcomeUnknown,
    /// The payment is on its way.
    Processing,
    /// The payment waits for the customer.
    ActionRequired,
    /// The payment was declined or failed.
    Failed,
    /// The customer did not act in time.
    Expired,
    /// The payment was canceled.
    Canceled,
    /// The payment was charged.
    Charged,
}

impl AttemptInfo {
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let attempts = record.attempts.iter();
        attempts
            .map(|attempt| {
                let payment = record.payments_of(attempt.number).last();
                Self {
                    number: attempt.number,
                    method: match attempt.method {
                        Method::Card => AttemptMethod::Card,
                        Method::HostedPage => AttemptMethod::HostedPage,
                    },
                    started_at: moment(attempt.started_at),
                    payment_id: payment.and_then(|payment| PaymentId::received(&payment.id).ok()),
                    state: match payment.map(|payment| payment.phase) {
                        None if attempt.sends.is_unknown() => AttemptState::OutcomeUnknown,
                        None => AttemptState::NoPayment,
                        Some(Phase::Open) => AttemptState::Processing,
                        Some(Phase::ActionRequired) => AttemptState::ActionRequired,
                        Some(Phase::Failed) => AttemptState::Failed,
                        Some(Phase::Expired) => AttemptState::Expired,
                        Some(Phase::Canceled) => AttemptState::Canceled,
                        Some(Phase::Charged) => AttemptState::Charged,
                    },
                    is_superseded: attempt.superseded,
                }
            })
            .collect()
    }
}

/// One change of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Rises with each change of the intent, by one or more.
    pub sequence: u64,
    /// When the change was seen.
    pub at: SystemTime,
    /// Where the intent stood from then on: `unpaid`, `action_required`, `processing`, `outcome_unknown`, `paid`,
    /// `overcharged` or `paid_after_close`. The words never change.
    pub state: &'static str,
    /// The payment that the change is about, where it is about one.
    pub payment_id: Option<PaymentId>,
    /// What a person wrote who [resolved](super::Intent::resolve_by_hand) it.
    pub note: Option<String>,
}

impl HistoryEntry {
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let changes = record.changes.iter();
        changes
            .map(|change| {
                let payment = match &change.what {
                    Summary::ActionRequired { payment, .. } | Summary::Paid { payment, .. } => {
                        Some(payment)
                    }
                    Summary::Processing { payment } => payment.as_ref(),
                    Summary::Overcharged { refund, .. } => refund.last(),
                    Summary::PaidAfterClose { payments } => payments.last(),
                    Summary::Unpaid(_) | Summary::OutcomeUnknown { .. } => None,
                };
                Self {
                    sequence: change.sequence,
                    at: moment(change.at),
                    state: change.what.name(),
                    payment_id: payment.and_then(|id| PaymentId::received(id).ok()),
                    note: change.note.clone(),
                }
            })
            .collect()
    }
}

impl fmt::Display for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.sequence, self.state)?;
        match &self.payment_id {
            Some(id) => write!(f, " ({})", crate::failure::text::one_line(id.as_str())),
            None => Ok(()),
        }
    }
}
