//! What comes back from creating a refund.

use flowlix_api::model::{Payment, PaymentId, Refund, RefundStatus};

/// An accepted refund.
///
/// The uppercase dialect answers the refund. The `snake_case` dialect answers the whole payment, and which of
/// its refunds is the new one has to be found; where two could be meant, `refund` is `None` rather than a
/// guess, and the payment's `refunds` hold the candidates.
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

    pub(crate) fn found_in(
        payment: Payment,
        payment_id: PaymentId,
        amount: Option<i64>,
        reason: &str,
    ) -> Self {
        let refund = newest(&payment, amount, reason).cloned().map(|mut refund| {
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

/// The refund that a request created. Refunds are listed oldest first, so it is the last one, provided that
/// it looks like the request and that no twin was created by somebody else at the same time.
fn newest<'a>(payment: &'a Payment, amount: Option<i64>, reason: &str) -> Option<&'a Refund> {
    let (last, earlier) = payment.refunds.split_last()?;
    let asked_for = |refund: &Refund| {
        refund.reason.as_deref().is_none_or(|given| given == reason)
            && amount.is_none_or(|amount| refund.amount == amount)
    };
    if !asked_for(last) {
        return None;
    }
    match amount {
        // The rest was asked for: nothing can have been refunded after it, so the last one is it.
        None => (active_total(&payment.refunds) == payment.amount.into()).then_some(last),
        Some(_) => {
            let twin = |refund: &&Refund| asked_for(refund) && !long_before(refund, last);
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

    fn found(rows: &[Row], amount: Option<i64>, reason: &str) -> Option<String> {
        let refunds: Vec<serde_json::Value> = rows
            .iter()
            .map(|(id, amount, reason, status, created_at)| {
                serde_json::json!({
                    "id": id, "amount": amount, "currency": "eur", "reason": reason,
                    "status": status, "created_at": created_at,
                })
            })
            .collect();
        let payment: Payment = serde_json::from_value(serde_json::json!({
            "id": "pay_abc123", "amount": 4999, "currency": "eur", "status": "succeeded", "refunds": refunds,
        }))
        .unwrap();
        let created = RefundCreated::found_in(payment.clone(), payment.id, amount, reason);
        created.refund.map(|refund| {
            assert_eq!(refund.payment_id.as_ref(), Some(&created.payment_id));
            refund.id.to_string()
        })
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
}
