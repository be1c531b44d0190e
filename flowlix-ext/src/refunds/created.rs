//! What comes back from creating a refund.

use flowlix_api::model::{Payment, PaymentId, Refund, RefundStatus};

/// An accepted refund.
///
/// The uppercase dialect answers the refund. The `snake_case` dialect answers the whole payment, and which of
/// its refunds is the new one has to be found: by amount, reason and time, and by what the payment held before,
/// where that is known ([`Refunds::of`](super::Refunds::of), [`check_first`](super::CreateRefund::check_first)).
/// Where two could be meant all the same, `refund` is `None` rather than a guess, and the payment's `refunds`
/// hold the candidates.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct RefundCreated {
    /// The payment that is refunded.
    pub payment_id: PaymentId,
    /// The refund; always there in the uppercase dialect.
    pub refund: Option<Refund>,
    /// The whole payment; always there in the `snake_case` dialect, never in the other.
    pub payment: Option<Payment>,
}

/// Refunds that Flowlix created this many seconds apart were not created by calls that ran at the same time.
const SAME_TIME: i64 = 300;

impl RefundCreated {
    pub(crate) fn answered(mut refund: Refund, payment_id: PaymentId) -> Self {
        refund.payment_id.get_or_insert_with(|| payment_id.clone());
        Self {
            payment_id,
            refund: Some(refund),
            payment: None,
        }
    }

    pub(crate) fn found_in(payment: Payment, payment_id: PaymentId, sought: &Sought<'_>) -> Self {
        let found = new_since(&payment, sought).or_else(|| {
            // What was there before is ours only if the answer is that of an earlier call.
            let may_be_ours = |one: &&Refund| sought.key_may_be_used || !sought.was_there(one);
            newest(&payment, sought).filter(may_be_ours)
        });
        let refund = found.cloned().map(|mut refund| {
            refund.payment_id.get_or_insert_with(|| payment_id.clone());
            refund
        });
        Self {
            payment_id,
            refund,
            payment: Some(payment),
        }
    }
}

/// The refund that a request created, as far as it can be described.
pub(crate) struct Sought<'a> {
    pub(crate) amount: Option<i64>,
    pub(crate) reason: &'a str,
    /// The payment before this call sent anything, however long before.
    pub(crate) known: Option<&'a Payment>,
    /// Another call may have sent the key, and that before the payment was read. As everywhere, a key that was
    /// given without a doubt counts as never used.
    pub(crate) key_may_be_used: bool,
}

impl Sought<'_> {
    fn was_there(&self, refund: &Refund) -> bool {
        let known = self.known.iter().flat_map(|payment| &payment.refunds);
        known.into_iter().any(|known| known.id == refund.id)
    }

    fn looks_like(&self, refund: &Refund) -> bool {
        refund
            .reason
            .as_deref()
            .is_none_or(|given| given == self.reason)
            && self.amount.is_none_or(|amount| refund.amount == amount)
    }
}

/// The refund that a request created, told by what the payment held before: the one that looks like the request
/// and is new.
///
/// Ours is in the answer, so if it was not there before, it is among the new ones, and a single one is it. Several
/// are new when others refunded meanwhile, or when the payment was read long ago: then being new tells nothing. None
/// is new in the stored answer of an earlier call with the key, if the payment was read after that. Ours was there
/// before, and yet another's is new, in one case alone: that earlier call was still running when the payment was
/// read, with its refund made and its answer not. For that the key has to be one that may have been used, and what
/// was there before has to be as recent as that.
fn new_since<'a>(payment: &'a Payment, sought: &Sought<'_>) -> Option<&'a Refund> {
    sought.known?;
    let alike = payment.refunds.iter().filter(|one| sought.looks_like(one));
    let (before, new): (Vec<&Refund>, Vec<&Refund>) = alike.partition(|one| sought.was_there(one));
    let [new] = new[..] else {
        return None;
    };
    let may_be_ours = |one: &&Refund| sought.key_may_be_used && !long_before(one, new);
    (!before.iter().any(may_be_ours)).then_some(new)
}

/// The refund that a request created. Refunds are listed oldest first, so it is the last one, provided that
/// it looks like the request and that no twin was created by somebody else at the same time.
fn newest<'a>(payment: &'a Payment, sought: &Sought<'_>) -> Option<&'a Refund> {
    let (last, earlier) = payment.refunds.split_last()?;
    if !sought.looks_like(last) {
        return None;
    }
    match sought.amount {
        // The rest was asked for: nothing can have been refunded after it, so the last one is it.
        None => (active_total(&payment.refunds) == payment.amount.into()).then_some(last),
        Some(_) => {
            let twin = |refund: &&Refund| sought.looks_like(refund) && !long_before(refund, last);
            earlier.iter().find(twin).is_none().then_some(last)
        }
    }
}

// i128: the sum of what a server sends must not overflow.
fn active_total(refunds: &[Refund]) -> i128 {
    refunds
        .iter()
        .filter(|refund| refund.status != RefundStatus::Failed)
        .map(|refund| i128::from(refund.amount))
        .sum()
}

fn long_before(refund: &Refund, last: &Refund) -> bool {
    match (refund.created_at, last.created_at) {
        (Some(before), Some(after)) => after.saturating_sub(before) > SAME_TIME,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `(id, amount, reason, status, created_at)`
    type Row = (&'static str, i64, &'static str, &'static str, i64);

    fn payment(rows: &[Row]) -> Payment {
        let refunds: Vec<serde_json::Value> = rows
            .iter()
            .map(|(id, amount, reason, status, created_at)| {
                serde_json::json!({
                    "id": id, "amount": amount, "currency": "eur", "reason": reason,
                    "status": status, "created_at": created_at,
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "id": "pay_abc123", "amount": 4999, "currency": "eur", "status": "succeeded", "refunds": refunds,
        }))
        .unwrap()
    }

    fn sought(rows: &[Row], sought: &Sought<'_>) -> Option<String> {
        let payment = payment(rows);
        let created = RefundCreated::found_in(payment.clone(), payment.id, sought);
        created.refund.map(|refund| {
            assert_eq!(refund.payment_id.as_ref(), Some(&created.payment_id));
            refund.id.to_string()
        })
    }

    /// What is found where nothing was known before.
    fn found(rows: &[Row], amount: Option<i64>, reason: &str) -> Option<String> {
        let nothing = Sought {
            amount,
            reason,
            known: None,
            key_may_be_used: false,
        };
        sought(rows, &nothing)
    }

    /// What is found where these refunds were there before, with a key that is new and with one that may not be.
    fn found_since(
        known: &[Row],
        rows: &[Row],
        amount: impl Into<Option<i64>>,
    ) -> [Option<String>; 2] {
        let (known, amount) = (payment(known), amount.into());
        [false, true].map(|key_may_be_used| {
            let since = Sought {
                amount,
                reason: "late",
                known: Some(&known),
                key_may_be_used,
            };
            sought(rows, &since)
        })
    }

    fn both(id: &str) -> [Option<String>; 2] {
        [Some(id.to_owned()), Some(id.to_owned())]
    }

    #[test]
    fn the_only_refund_is_the_new_one() {
        assert_eq!(
            found(&[("a", 1000, "late", "pending", 0)], Some(1000), "late").as_deref(),
            Some("a")
        );
    }

    #[test]
    fn the_last_of_several_is_the_new_one() {
        let rows = [
            ("a", 500, "late", "succeeded", 0),
            ("b", 1000, "late", "pending", 0),
        ];
        assert_eq!(found(&rows, Some(1000), "late").as_deref(), Some("b"));
        let yesterday = [
            ("a", 1000, "late", "succeeded", 0),
            ("b", 1000, "late", "pending", 86_400),
        ];
        assert_eq!(found(&yesterday, Some(1000), "late").as_deref(), Some("b"));
    }

    #[test]
    fn the_rest_completes_the_amount() {
        let rows = [
            ("a", 1000, "late", "succeeded", 0),
            ("b", 3999, "late", "pending", 0),
        ];
        assert_eq!(found(&rows, None, "late").as_deref(), Some("b"));
        let failed = [
            ("a", 1000, "late", "failed", 0),
            ("b", 4999, "late", "pending", 0),
        ];
        assert_eq!(found(&failed, None, "late").as_deref(), Some("b"));
        let incomplete = [("a", 1000, "late", "succeeded", 0)];
        assert_eq!(found(&incomplete, None, "late"), None);
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        let twins = [
            ("a", 1000, "late", "pending", 7),
            ("b", 1000, "late", "pending", 9),
        ];
        assert_eq!(found(&twins, Some(1000), "late"), None);
        let other = [
            ("a", 1000, "late", "pending", 0),
            ("b", 500, "other", "pending", 9),
        ];
        assert_eq!(found(&other, Some(1000), "late"), None);
        assert_eq!(found(&[], Some(1000), "late"), None);
        let absurd = [
            ("a", i64::MAX, "late", "pending", i64::MIN),
            ("b", i64::MAX, "late", "pending", i64::MAX),
        ];
        assert_eq!(found(&absurd, None, "late"), None);
    }
    const A: Row = ("a", 1000, "late", "pending", 7);
    const B: Row = ("b", 1000, "late", "pending", 9);
    const LATER: Row = ("later", 1000, "late", "pending", 9 + SAME_TIME);
    const OTHER: Row = ("other", 500, "broken", "pending", 9);

    #[test]
    fn of_twins_the_new_one_is_it_unless_the_other_may_be_ours() {
        for rows in [&[A, B][..], &[OTHER, A, B], &[A, B, OTHER]] {
            let found = found_since(&[A], rows, 1000);
            assert_eq!(found, [Some("b".to_owned()), None], "{rows:?}");
        }
        // What was made so long before cannot have been under way still.
        assert_eq!(found_since(&[A], &[A, LATER, OTHER], 1000), both("later"));
        assert_eq!(found_since(&[OTHER], &[OTHER, B], 1000), both("b"));
        // A refund of the rest, and something that failed since.
        let failed = ("a", 1000, "late", "failed", 7);
        let rest = ("b", 3999, "late", "pending", 9);
        assert_eq!(found(&[failed, rest], None, "late"), None);
        let found = found_since(&[A], &[failed, rest], None);
        assert_eq!(found, [Some("b".to_owned()), None]);
    }

    #[test]
    fn what_came_after_ours_does_not_hide_it() {
        assert_eq!(found(&[A, OTHER], Some(1000), "late"), None);
        assert_eq!(found_since(&[], &[A, OTHER], 1000), both("a"));
    }

    #[test]
    fn where_several_are_new_or_none_is_it_is_as_if_nothing_had_been_known() {
        assert_eq!(found_since(&[], &[A, B], 1000), [None, None]);
        assert_eq!(found_since(&[OTHER], &[OTHER, A, B], 1000), [None, None]);
        assert_eq!(found_since(&[], &[A, LATER], 1000), both("later"));
        // An answer that was stored before the payment was read.
        assert_eq!(
            found_since(&[A, B], &[A], 1000),
            [None, Some("a".to_owned())]
        );
        assert_eq!(found_since(&[A, B], &[A, B], 1000), [None, None]);
        assert_eq!(found_since(&[A], &[A, OTHER], 1000), [None, None]);
    }
}
