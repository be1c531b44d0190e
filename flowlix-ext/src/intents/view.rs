//! What the protocol needs to know of a payment that Flowlix showed.

use flowlix_api::model::{IntegrationType, Payment, PaymentStatus, Refund, RefundStatus};

use super::correlation::{Names, action_digest};
use super::protocol::record::{Method, Payment as Seen, Phase};
use super::protocol::refund::{RefundPhase, RefundView};
use crate::key::Mode;
use crate::refunds::check;

/// The protocol's view of a payment; `None` when the payment belongs to the other mode.
pub(super) fn payment_view(payment: &Payment, names: &Names, mode: Mode) -> Option<Seen> {
    let is_live = mode == Mode::Live;
    if payment.livemode.is_some_and(|live| live != is_live) {
        return None;
    }
    let method = method(payment);
    let phase = phase(payment, method);
    let waits = phase == Phase::ActionRequired;
    Some(Seen {
        id: payment.id.as_str().to_owned(),
        attempt: names.attempt_of(payment).unwrap_or_default(),
        method,
        phase,
        amount: payment.amount,
        currency: payment.currency.as_str().to_ascii_uppercase(),
        refunded: refunded(payment),
        refundable: check::refundable(payment),
        last4: payment.card.as_ref().and_then(|card| card.last4.clone()),
        decline_code: payment
            .decline_code
            .as_ref()
            .map(|code| code.as_str().to_owned()),
        // An action without an address is one from which the customer can come back, too.
        action: waits.then(|| action_digest(action_address(payment).unwrap_or("no address"))),
        returned_from: None,
        created_at: payment.created_at,
    })
}

/// Where the customer has to go, if they have to go anywhere.
pub(super) fn action_address(payment: &Payment) -> Option<&str> {
    let action = payment
        .next_action
        .as_ref()
        .and_then(|action| action.redirect_url.as_deref());
    action.or(payment.hosted_payment_url.as_deref())
}

fn method(payment: &Payment) -> Method {
    let says_hosted = payment.integration_type == Some(IntegrationType::HostedPaymentPage);
    if says_hosted || payment.hosted_payment_url.is_some() {
        Method::HostedPage
    } else {
        Method::Card
    }
}

fn phase(payment: &Payment, method: Method) -> Phase {
    // Until the customer has entered a card, a hosted payment waits for the customer.
    let is_untouched =
        method == Method::HostedPage && payment.card.is_none() && payment.next_action.is_none();
    match payment.status {
        PaymentStatus::Succeeded | PaymentStatus::Refunded => Phase::Charged,
        PaymentStatus::Failed => Phase::Failed,
        PaymentStatus::Expired => Phase::Expired,
        PaymentStatus::Canceled => Phase::Canceled,
        PaymentStatus::RequiresAction => Phase::ActionRequired,
        PaymentStatus::Pending if is_untouched => Phase::ActionRequired,
        _ => Phase::Open,
    }
}

/// Minor units that went back. The printed answers disagree about whether the total counts pending refunds, so the
/// refunds themselves count where they are shown.
fn refunded(payment: &Payment) -> i64 {
    if payment.status == PaymentStatus::Refunded {
        return payment.amount;
    }
    if payment.refunds.is_empty() {
        return payment.amount_refunded.unwrap_or_default();
    }
    let succeeded = payment
        .refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Succeeded);
    succeeded.fold(0, |sum, refund| i64::saturating_add(sum, refund.amount))
}

/// The protocol's view of a refund.
pub(super) fn refund_view(refund: &Refund) -> RefundView {
    RefundView {
        id: refund.id.as_str().to_owned(),
        phase: match refund.status {
            RefundStatus::Succeeded => RefundPhase::Succeeded,
            RefundStatus::Failed => RefundPhase::Failed,
            _ => RefundPhase::Pending,
        },
        decline_code: refund
            .decline_code
            .as_ref()
            .map(|code| code.as_str().to_owned()),
    }
}
