//! Which of a payment's refunds is the one that was asked for.

use flowlix_api::model::{Payment, Refund, RefundStatus};

use super::correlation::Names;
use super::protocol::record::Record;
use super::protocol::refund::Shown;
use super::view::refund_view;

/// What a payment shows of the refund's current attempt.
pub(super) fn shown(
    record: &Record,
    payment: &Payment,
    names: &Names,
    reference: &str,
    is_snake_case: bool,
) -> Shown {
    let attempt = record
        .refund(reference)
        .and_then(|refund| refund.attempts.last());
    let Some(attempt) = attempt else {
        return Shown::default();
    };
    let by_id = attempt.refund.as_ref().map(|known| known.id.as_str());
    let is_it = |one: &&Refund| {
        by_id == Some(one.id.as_str())
            || names.marked_attempt(one, reference) == Some(attempt.number)
    };
    if let Some(found) = payment.refunds.iter().find(is_it) {
        return Shown {
            refund: Some(refund_view(found)),
            candidates: Vec::new(),
        };
    }
    let candidates = if is_snake_case {
        candidates(record, payment, reference, attempt.sends.is_accepted())
    } else {
        Vec::new()
    };
    Shown {
        refund: None,
        candidates,
    }
}

/// In snake_case refunds have no mark: those that look the same may be this one. Where Flowlix has accepted the request
/// and no refund is new, it repeated an earlier answer, so that an older refund is the one.
pub(super) fn candidates(
    record: &Record,
    payment: &Payment,
    reference: &str,
    is_accepted: bool,
) -> Vec<String> {
    let Some(refund) = record.refund(reference) else {
        return Vec::new();
    };
    let before = refund.attempts.last().map(|attempt| &attempt.before);
    let looks_the_same = |one: &&Refund| {
        let same_reason = one.reason.is_none() || one.reason == refund.reason;
        one.amount == refund.amount && same_reason && !is_claimed(record, one)
    };
    let is_new =
        |one: &&Refund| before.is_none_or(|ids| !ids.iter().any(|id| id == one.id.as_str()));
    let same = || payment.refunds.iter().filter(looks_the_same);
    let ids = |refunds: &mut dyn Iterator<Item = &Refund>| -> Vec<String> {
        refunds.map(|one| one.id.as_str().to_owned()).collect()
    };
    let new = ids(&mut same().filter(is_new));
    if new.is_empty() && is_accepted {
        ids(&mut same())
    } else {
        new
    }
}

/// A refund of which the record knows nothing, because the store was restored from an older copy.
pub(super) enum Unrecorded<'a> {
    /// It is the one that is asked for, of this attempt.
    Same(u32, &'a Refund),
    /// It looks like the one that is asked for, and nothing tells.
    MayBe(&'a Refund),
}

/// What is asked for under a reference that the record does not know.
pub(super) struct Wanted<'a> {
    pub(super) reference: &'a str,
    pub(super) amount: Option<i64>,
    pub(super) reason: &'a str,
    /// Whether the reason tells the refund from others, because it is the reference.
    pub(super) is_named: bool,
}

/// Looks for the refund that is asked for among those that the record does not know.
pub(super) fn unrecorded<'a>(
    record: &Record,
    payment: &'a Payment,
    names: &Names,
    wanted: &Wanted<'_>,
    is_snake_case: bool,
) -> Option<Unrecorded<'a>> {
    if !is_snake_case {
        let marked = payment
            .refunds
            .iter()
            .filter_map(|one| Some((names.marked_attempt(one, wanted.reference)?, one)));
        let (attempt, refund) = marked.max_by_key(|(attempt, _)| *attempt)?;
        return Some(Unrecorded::Same(attempt, refund));
    }
    let looks_the_same = |one: &&Refund| {
        let same_amount = wanted.amount.is_none_or(|amount| amount == one.amount);
        same_amount && one.reason.as_deref() == Some(wanted.reason) && !is_claimed(record, one)
    };
    // An attempt that failed may have been followed by one that did not.
    let same = payment.refunds.iter().filter(looks_the_same);
    let refund = same.min_by_key(|one| one.status == RefundStatus::Failed)?;
    let known = record.refund(wanted.reference);
    let current = known.and_then(|known| known.attempts.last());
    Some(if wanted.is_named {
        Unrecorded::Same(current.map_or(1, |attempt| attempt.number), refund)
    } else {
        Unrecorded::MayBe(refund)
    })
}

/// Whether a refund is known to be another one of the intent.
pub(super) fn is_claimed(record: &Record, refund: &Refund) -> bool {
    let attempts = record.refunds.iter().flat_map(|other| &other.attempts);
    let mut known = attempts.filter_map(|attempt| attempt.refund.as_ref());
    known.any(|known| known.id == refund.id.as_str())
}
