//! Which of two sights of a payment is the older one.

use flowlix_api::model::{Payment, RefundStatus};

use crate::payments::PaymentExt;

/// Whether `delivered`, the payment of an event, is certainly older than `known`, what you have stored of
/// the same payment. Then the event brings nothing new.
///
/// Event ids and the order of arrival say nothing about age, and `created_at` has whole seconds only. So
/// this compares what never goes back: a final status, and refunds. `false` does not mean newer: while a
/// payment is not final its statuses may alternate, and two sights can be equally old. When in doubt,
/// [`retrieve`](super::EventObject::retrieve) tells.
///
/// Two different payments are never older than one another.
///
/// ```
/// # use flowlix_ext::model::Payment;
/// # let read = |status: &str| serde_json::from_value::<Payment>(serde_json::json!({
/// #     "id": "pay_1", "amount": 4999, "currency": "EUR", "status": status
/// # }));
/// # let (delivered, known) = (read("PROCESSING")?, read("SUCCEEDED")?);
/// use flowlix_ext::webhooks::is_outdated;
///
/// // `known` has SUCCEEDED; an event that left earlier, with PROCESSING, arrives late.
/// assert!(is_outdated(&delivered, &known));
/// assert!(!is_outdated(&known, &delivered));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn is_outdated(delivered: &Payment, known: &Payment) -> bool {
    delivered.id == known.id
        && (is_earlier_status(delivered, known) || has_earlier_refunds(delivered, known))
}

fn is_earlier_status(delivered: &Payment, known: &Payment) -> bool {
    // A status without a name may be a later one. SUCCEEDED and REFUNDED are not compared: wholly refunded
    // payments are seen with either.
    known.is_final() && !delivered.is_final() && !delivered.status.is_unknown()
}

fn has_earlier_refunds(delivered: &Payment, known: &Payment) -> bool {
    let refunded_less = matches!(
        (delivered.amount_refunded, known.amount_refunded),
        (Some(delivered), Some(known)) if delivered < known
    );
    // No refunds at all may also be a list that was left out.
    let lists_fewer =
        !delivered.refunds.is_empty() && delivered.refunds.len() < known.refunds.len();
    let ended_since = delivered
        .refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Pending)
        .any(|pending| {
            known.refunds.iter().any(|refund| {
                refund.id == pending.id
                    && matches!(
                        refund.status,
                        RefundStatus::Succeeded | RefundStatus::Failed
                    )
            })
        });
    refunded_less || lists_fewer || ended_since
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn payment(status: &str) -> Payment {
        serde_json::from_value(json!({
            "id": "pay_1", "amount": 4999, "currency": "EUR", "status": status,
        }))
        .unwrap()
    }

    fn refunded(amount: i64, statuses: &[&str]) -> Payment {
        let refunds: Vec<_> = statuses
            .iter()
            .enumerate()
            .map(|(index, status)| {
                json!({ "id": format!("ref_{index}"), "amount": 1, "currency": "EUR", "status": status })
            })
            .collect();
        serde_json::from_value(json!({
            "id": "pay_1", "amount": 4999, "currency": "EUR", "status": "SUCCEEDED",
            "amount_refunded": amount, "refunds": refunds,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_never_goes_back_makes_a_sight_older() {
        for (delivered, known, older) in [
            ("PENDING", "SUCCEEDED", true),
            ("REQUIRES_ACTION", "EXPIRED", true),
            ("SUCCEEDED", "PROCESSING", false),
            ("PROCESSING", "REQUIRES_ACTION", false),
            ("REQUIRES_ACTION", "PROCESSING", false),
            ("SUCCEEDED", "SUCCEEDED", false),
            ("SUCCEEDED", "refunded", false),
            ("refunded", "SUCCEEDED", false),
            ("SETTLING", "SUCCEEDED", false),
            ("PENDING", "SETTLING", false),
        ] {
            assert_eq!(
                is_outdated(&payment(delivered), &payment(known)),
                older,
                "{delivered} when {known} is known"
            );
        }
    }

    #[test]
    fn refunds_only_grow() {
        let steps = [
            refunded(0, &["PENDING"]),
            refunded(1, &["SUCCEEDED"]),
            refunded(1, &["SUCCEEDED", "PENDING"]),
            refunded(1, &["SUCCEEDED", "FAILED"]),
        ];
        for (index, known) in steps.iter().enumerate() {
            for (other, delivered) in steps.iter().enumerate() {
                assert_eq!(
                    is_outdated(delivered, known),
                    other < index,
                    "{other} when {index} is known"
                );
            }
        }
    }

    #[test]
    fn what_is_left_out_or_has_no_name_proves_nothing() {
        let known = refunded(0, &["FAILED"]);
        assert!(!is_outdated(&refunded(0, &[]), &known));
        assert!(!is_outdated(&refunded(0, &["REVERSED"]), &known));
        assert!(is_outdated(&refunded(0, &[]), &refunded(1, &["SUCCEEDED"])));
    }

    #[test]
    fn another_payment_is_never_older() {
        let mut other = payment("PENDING");
        other.id = flowlix_api::model::PaymentId::received("pay_2").unwrap();
        assert!(!is_outdated(&other, &payment("SUCCEEDED")));
    }
}
