//! What a payment says about a refund before it is sent.

use std::time::{Duration, SystemTime};

use flowlix_api::model::{Payment, PaymentStatus, Refund, RefundStatus};

use crate::failure::Violation;

/// How long after its creation a payment can be refunded ("Refund a payment (API reference)").
const WINDOW: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// Our clock may be ahead: what is over by less than this, Flowlix decides.
const CLOCK_MARGIN: Duration = Duration::from_secs(60 * 60);

const NOTHING_LEFT: &str = "was left out, and nothing of the payment is left to refund; if an earlier \
                            call may have refunded it, repeat that with its amount";

/// Everything that keeps a refund of this amount from succeeding, as the payment shows it. Without an amount
/// the rest is meant.
pub(crate) fn violations(
    payment: &Payment,
    amount: Option<i64>,
    now: SystemTime,
) -> Vec<Violation> {
    let mut found = Vec::new();
    if !may_be_refunded(&payment.status) {
        let problem = format!(
            "names a payment that is {}; only one that succeeded can be refunded",
            payment.status
        );
        found.push(Violation::new("payment_id", problem));
    }
    if is_too_old(payment, now) {
        let problem = "names a payment created more than 180 days ago; it cannot be refunded";
        found.push(Violation::new("payment_id", problem));
    }
    let left = most_that_is_left(payment);
    match amount {
        None if left == 0 => found.push(Violation::new("amount", NOTHING_LEFT)),
        Some(amount) if i128::from(amount) > left => {
            let problem = format!("is more than the {left} minor units left to refund");
            found.push(Violation::new("amount", problem));
        }
        _ => {}
    }
    found
}

/// Whether the payment holds a refund that a request like this one may have created: then a request with a
/// key of the caller's may be a repeat, and Flowlix has to say so, not we.
pub(super) fn may_be_a_repeat(payment: &Payment, amount: Option<i64>) -> bool {
    holding(payment).any(|refund| amount.is_none_or(|amount| refund.amount == amount))
}

/// A status that this SDK does not know is no reason to refuse.
fn may_be_refunded(status: &PaymentStatus) -> bool {
    match status {
        PaymentStatus::Succeeded | PaymentStatus::Refunded => true,
        other => other.is_unknown(),
    }
}

fn is_too_old(payment: &Payment, now: SystemTime) -> bool {
    let created = payment
        .created_at
        .map(|seconds| u64::try_from(seconds).unwrap_or_default())
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let age = created.and_then(|created| now.duration_since(created).ok());
    age.is_some_and(|age| age > WINDOW.saturating_add(CLOCK_MARGIN))
}

/// What Flowlix says is left, or the most that can be left. i128: what a server sends must not overflow.
fn most_that_is_left(payment: &Payment) -> i128 {
    let whole = i128::from(payment.amount);
    if payment.status == PaymentStatus::Refunded {
        return 0;
    }
    if !may_be_refunded(&payment.status) {
        // Named on its own; what Flowlix calls refundable is 0 here and would only repeat it.
        return whole;
    }
    what_is_left(payment)
}

fn what_is_left(payment: &Payment) -> i128 {
    let left = payment.amount_refundable.map_or_else(
        || {
            let held: i128 = holding(payment)
                .map(|refund| i128::from(refund.amount))
                .sum();
            i128::from(payment.amount)
                - held.max(payment.amount_refunded.unwrap_or_default().into())
        },
        i128::from,
    );
    left.max(0)
}

/// What can be refunded by what the payment shows, in minor units; `None` when it does not show it.
pub(crate) fn refundable(payment: &Payment) -> Option<i64> {
    let says_what_is_left = payment.amount_refundable.is_some();
    let says_what_is_gone = payment.amount_refunded.is_some() || !payment.refunds.is_empty();
    let is_told = match &payment.status {
        PaymentStatus::Succeeded => says_what_is_left || says_what_is_gone,
        PaymentStatus::Refunded => return Some(0),
        unknown if unknown.is_unknown() => says_what_is_left,
        _ => return Some(0),
    };
    is_told.then(|| i64::try_from(what_is_left(payment)).unwrap_or(i64::MAX))
}

/// The refunds that hold their amount back from others: all but those that failed.
fn holding(payment: &Payment) -> impl Iterator<Item = &Refund> {
    let refunds = payment.refunds.iter();
    refunds.filter(|refund| refund.status != RefundStatus::Failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    const CREATED: u64 = 1_719_792_000;
    const DAY: u64 = 24 * 60 * 60;

    fn payment(patch: Value) -> Payment {
        let mut payment = json!({
            "id": "pay_abc123", "amount": 4999, "currency": "eur", "status": "succeeded",
            "created_at": CREATED,
        });
        let members = payment.as_object_mut().unwrap();
        for (name, value) in patch.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        serde_json::from_value(payment).unwrap()
    }

    fn refund(amount: i64, status: &str) -> Value {
        json!({ "id": "ref_abc123", "amount": amount, "currency": "eur", "status": status })
    }

    fn found(patch: Value, amount: Option<i64>, age: u64) -> Vec<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(CREATED + age);
        let violations = violations(&payment(patch), amount, now);
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_can_succeed_is_let_through() {
        for (patch, amount) in [
            (json!({}), Some(4999)),
            (json!({}), None),
            (json!({ "amount_refundable": 1 }), Some(1)),
            (json!({ "refunds": [refund(4999, "failed")] }), Some(4999)),
            (json!({ "refunds": [refund(1000, "pending")] }), Some(3999)),
            (json!({ "status": "settling" }), None),
            (json!({ "created_at": null }), None),
        ] {
            assert_eq!(
                found(patch.clone(), amount, 180 * DAY),
                [""; 0],
                "{patch} {amount:?}"
            );
        }
    }

    #[test]
    fn more_than_is_left_is_refused() {
        for (patch, left) in [
            (json!({}), 4999),
            (json!({ "amount_refundable": 7 }), 7),
            (json!({ "amount_refundable": -7 }), 0),
            (json!({ "refunds": [refund(1000, "pending")] }), 3999),
            (json!({ "refunds": [refund(1000, "reviewing")] }), 3999),
            (
                json!({ "amount_refunded": 2000, "refunds": [refund(1000, "succeeded")] }),
                2999,
            ),
            (json!({ "status": "refunded" }), 0),
            (
                json!({ "refunds": [refund(i64::MAX, "pending"), refund(i64::MAX, "pending")] }),
                0,
            ),
        ] {
            let expected = format!("amount is more than the {left} minor units left to refund");
            assert_eq!(found(patch, Some(left + 1), 0), [expected]);
        }
        assert_eq!(
            found(json!({ "amount_refundable": 0 }), None, 0),
            [format!("amount {NOTHING_LEFT}")]
        );
    }

    #[test]
    fn what_can_be_refunded_is_told_or_not_known() {
        for (patch, left) in [
            (json!({ "amount_refunded": 0 }), Some(4999)),
            (json!({ "amount_refunded": 4000 }), Some(999)),
            (json!({ "refunds": [refund(1000, "pending")] }), Some(3999)),
            (json!({ "refunds": [refund(1000, "failed")] }), Some(4999)),
            (
                json!({ "refunds": [refund(1000, "reviewing")] }),
                Some(3999),
            ),
            (
                json!({ "amount_refunded": 5000, "refunds": [refund(1, "succeeded")] }),
                Some(0),
            ),
            (
                json!({ "amount_refundable": 7, "amount_refunded": 0 }),
                Some(7),
            ),
            (json!({ "amount_refundable": -7 }), Some(0)),
            (
                json!({ "amount": i64::MAX, "refunds": [refund(i64::MIN, "pending")] }),
                Some(i64::MAX),
            ),
            (json!({}), None),
            (json!({ "status": "settling", "amount_refunded": 0 }), None),
            (
                json!({ "status": "settling", "amount_refundable": 7 }),
                Some(7),
            ),
            (json!({ "status": "refunded" }), Some(0)),
            (json!({ "status": "pending" }), Some(0)),
            (
                json!({ "status": "failed", "amount_refundable": 9 }),
                Some(0),
            ),
        ] {
            assert_eq!(refundable(&payment(patch.clone())), left, "{patch}");
        }
    }

    #[test]
    fn the_window_closes_after_180_days_and_the_clocks_margin() {
        let margin = CLOCK_MARGIN.as_secs();
        assert!(found(json!({}), None, 180 * DAY + margin).is_empty());
        let over = found(json!({}), None, 180 * DAY + margin + 1);
        assert!(over.concat().contains("180 days"), "{over:?}");
        assert!(found(json!({ "created_at": i64::MAX }), None, 0).is_empty());
    }

    #[test]
    fn everything_is_named_at_once() {
        let patch = json!({ "status": "failed", "amount_refundable": 0 });
        let all = found(patch, Some(5000), 400 * DAY);
        let [state, age, amount] = all.as_slice() else {
            unreachable!("{all:?}");
        };
        assert!(state.contains("is FAILED"), "{state}");
        assert!(age.contains("180 days"), "{age}");
        assert!(amount.contains("4999 minor units"), "{amount}");
        for status in [
            "pending",
            "requires_action",
            "PROCESSING",
            "canceled",
            "expired",
        ] {
            let patch = json!({ "status": status, "amount_refundable": 0 });
            assert_eq!(found(patch, Some(1), 0).len(), 1, "{status}");
        }
    }

    #[test]
    fn a_repeat_is_left_to_flowlix() {
        let held = payment(json!({ "refunds": [refund(1000, "pending")] }));
        assert!(may_be_a_repeat(&held, Some(1000)) && may_be_a_repeat(&held, None));
        assert!(!may_be_a_repeat(&held, Some(999)));
        let failed = payment(json!({ "refunds": [refund(1000, "failed")] }));
        assert!(!may_be_a_repeat(&failed, Some(1000)) && !may_be_a_repeat(&failed, None));
    }
}
