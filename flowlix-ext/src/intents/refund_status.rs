//! Where a refund stands, as callers see it.

use std::fmt;

use flowlix_api::model::{DeclineCode, PaymentId, RefundId};

use super::protocol::record::Record;
use super::protocol::refund::{Refund, RefundSummary};
use super::session::Session;
use super::store::StoreError;
use crate::decline::Decline;
use crate::money::Money;

/// Where a refund stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RefundStatus {
    /// Flowlix has accepted it; the money is not back yet.
    Pending(RefundInfo),
    /// The money went back.
    Succeeded(RefundInfo),
    /// Nothing went back. The next call with the same reference starts another attempt.
    Failed(RefundInfo),
    /// No request was carried out, and none can be any more. The same call may be made again. A request that Flowlix
    /// rejected is an [error](super::IntentErrorKind::Rejected).
    NotMade(RefundInfo),
    /// A request was sent, and whether it was carried out is not known yet: call again later.
    OutcomeUnknown(RefundInfo),
}

/// What is known of a refund.
#[derive(Debug, Clone)]
pub struct RefundInfo {
    reference: String,
    payment_id: Option<PaymentId>,
    money: Money,
    refund_id: Option<RefundId>,
    decline: Option<Decline>,
    candidates: Vec<RefundId>,
    needs_person: bool,
    not_recorded: Option<StoreError>,
}

impl RefundStatus {
    /// Where a refund stands after a call.
    pub(super) fn of(session: &Session, reference: &str) -> Self {
        let refund = session.record().refund(reference);
        let summary = refund.map(Refund::summary);
        let mut info = RefundInfo {
            reference: reference.to_owned(),
            payment_id: refund.and_then(|refund| PaymentId::received(&refund.payment).ok()),
            money: money(session.record(), refund),
            refund_id: None,
            decline: None,
            candidates: Vec::new(),
            needs_person: false,
            not_recorded: session.not_recorded.clone(),
        };
        let id = |text: &str| RefundId::received(text).ok();
        match summary.unwrap_or(RefundSummary::NotAccepted { rejected: false }) {
            RefundSummary::NotAccepted { .. } => Self::NotMade(info),
            RefundSummary::Pending { refund } => {
                info.refund_id = refund.as_deref().and_then(id);
                Self::Pending(info)
            }
            RefundSummary::Succeeded { refund } => {
                info.refund_id = id(&refund);
                Self::Succeeded(info)
            }
            RefundSummary::Failed {
                refund,
                decline_code,
            } => {
                info.refund_id = id(&refund);
                info.decline = Some(Decline::of_refund_code(
                    decline_code.as_deref().map(DeclineCode::from),
                ));
                Self::Failed(info)
            }
            RefundSummary::OutcomeUnknown {
                candidates,
                needs_person,
            } => {
                info.candidates = candidates.iter().filter_map(|text| id(text)).collect();
                info.needs_person = needs_person;
                Self::OutcomeUnknown(info)
            }
        }
    }

    /// What is known of the refund, wherever it stands.
    #[must_use]
    pub fn info(&self) -> &RefundInfo {
        match self {
            Self::Pending(info)
            | Self::Succeeded(info)
            | Self::Failed(info)
            | Self::NotMade(info)
            | Self::OutcomeUnknown(info) => info,
        }
    }
}

impl RefundInfo {
    /// The shop's reference of the refund.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The payment that is refunded.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        self.payment_id.as_ref()
    }

    /// What goes back, minor units.
    #[must_use]
    pub fn amount(&self) -> i64 {
        self.money.minor_units()
    }

    /// Flowlix's refund, once it is known which one it is.
    #[must_use]
    pub fn refund_id(&self) -> Option<&RefundId> {
        self.refund_id.as_ref()
    }

    /// Why the refund failed.
    #[must_use]
    pub fn decline(&self) -> Option<&Decline> {
        self.decline.as_ref()
    }

    /// Refunds of the payment that may be this one, while that is not known: in the `snake_case` dialect refunds carry
    /// no mark, and a refund that was made elsewhere may look the same.
    #[must_use]
    pub fn candidates(&self) -> &[RefundId] {
        &self.candidates
    }

    /// Whether only a person can decide what became of the refund.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        self.needs_person
    }

    /// Why the store does not have what this call has learnt.
    #[must_use]
    pub fn not_recorded(&self) -> Option<&StoreError> {
        self.not_recorded.as_ref()
    }
}

/// What goes back, in the currency of the payment.
fn money(record: &Record, refund: Option<&Refund>) -> Money {
    let payment = refund.and_then(|refund| record.payment(&refund.payment));
    let currency = payment.map_or(&record.currency, |payment| &payment.currency);
    let amount = refund.map_or(0, |refund| refund.amount);
    Money::new(amount, currency.as_str().into())
}

impl fmt::Display for RefundStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        let reference = crate::failure::text::one_line(&info.reference);
        let state = match self {
            Self::Pending(_) => "accepted, not back yet",
            Self::Succeeded(_) => "the money went back",
            Self::Failed(_) => "failed, nothing went back",
            Self::NotMade(_) => "not made",
            Self::OutcomeUnknown(_) if info.needs_person => "not known, and a person has to decide",
            Self::OutcomeUnknown(_) => "not known yet whether it was made",
        };
        write!(f, "refund {reference} of {}: {state}", info.money)
    }
}
