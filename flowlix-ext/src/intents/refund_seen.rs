//! Which of a payment's refunds is the one that was asked for.

use flowlix_api::model::Payment;

use super::protocol::record::Record;
use super::protocol::refund::Shown;
use super::view::refund_view;

/// What a payment shows of the refund's current attempt.
pub(super) fn shown(
    record: &Record,
    payment: &Payment,
    names: &super::correlation::Names,
    reference: &str,
    is_snake_case: bool,
) -> Shown {
    let Some(refund) = record.refund(reference) else {
        return Shown::default();
    };
    let Some(attempt) = refund.attempts.last() else {
        return Shown::default();
    };
    let by_id = attempt.refund.as_ref().map(|known| known.id.as_str());
    let is_it = |one: &&flowlix_api::model::Refund| {
        by_id == Some(one.id.as_str()) || names.marks_refund(one, reference, attempt.number)
    };
    if let Some(found) = payment.refunds.iter().find(is_it) {
        return Shown {
            refund: Some(refund_view(found)),
            candidates: Vec::new(),
        };
    }
    // In snake_case refunds have no mark: those that look the same may be this one.
    let claimed: Vec<&str> = record
        .refunds
        .iter()
        .flat_map(|other| &other.attempts)
        .filter_map(|other| other.refund.as_ref())
        .map(|known| known.id.as_str())
        .collect();
    let looks_the_same = |one: &&flowlix_api::model::Refund| {
        let same_reason = one.reason.is_none() || one.reason == refund.reason;
        let is_new = !attempt.before.iter().any(|id| id == one.id.as_str());
        is_snake_case
            && is_new
            && one.amount == refund.amount
            && same_reason
            && !claimed.contains(&one.id.as_str())
    };
    let candidates = payment.refunds.iter().filter(looks_the_same);
    Shown {
        refund: None,
        candidates: candidates.map(|one| one.id.as_str().to_owned()).collect(),
    }
}
