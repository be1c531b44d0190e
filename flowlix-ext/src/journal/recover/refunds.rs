//! Looking for what writes left behind: refunds, within the payment that they are for.

use flowlix_api::model::{Payment, PaymentStatus, Refund, RefundId, RefundStatus};
use serde_json::Value;

use super::search::Window;
use crate::journal::{Record, STAMP};

/// The refunds that carry the record's stamp.
pub(super) fn stamped<'a>(payment: &'a Payment, record: &Record) -> Vec<&'a Refund> {
    let Some(stamp) = record.stamp.as_deref() else {
        return Vec::new();
    };
    let refunds = payment.refunds.iter();
    refunds
        .filter(|refund| stamp_of(refund) == Some(stamp))
        .collect()
}

/// Refunds without a stamp that the record's request may have created: of its amount, at its time. The reason is
/// not compared, because no document says that it comes back to the letter.
pub(super) fn alike(payment: &Payment, record: &Record, window: Window) -> Vec<RefundId> {
    let alike = payment.refunds.iter().filter(|refund| {
        let may_hide_stamp = record.stamp.is_none() || refund.metadata.is_empty();
        may_hide_stamp
            && record.amount.is_none_or(|amount| refund.amount == amount)
            && refund.created_at.is_none_or(|at| window.holds(at))
    });
    alike.map(|refund| refund.id.clone()).collect()
}

/// Whether more was refunded than the payment shows refunds for.
pub(super) fn some_are_hidden(payment: &Payment) -> bool {
    let succeeded = payment
        .refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Succeeded);
    let shown: i128 = succeeded.map(|refund| i128::from(refund.amount)).sum();
    let whole = (payment.status == PaymentStatus::Refunded).then_some(payment.amount);
    let refunded = whole.max(payment.amount_refunded);
    refunded.is_some_and(|refunded| i128::from(refunded) > shown)
}

fn stamp_of(refund: &Refund) -> Option<&str> {
    refund.metadata.get(STAMP).and_then(Value::as_str)
}
