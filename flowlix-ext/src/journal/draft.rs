//! What a write is about, for its record: made from the request without what is secret in it.

use flowlix_api::model::{CreateDirectPayment, CreateHostedPayment, CreateRefund, PaymentId};
use serde_json::{Value, json};

use crate::card::CardDetails;
use crate::wire::Wire;

/// What will stand in the record.
#[derive(Default)]
pub(crate) struct Draft {
    /// All that is sent, the card as its outline. `None` when the dialect cannot say it.
    pub(super) outline: Option<Value>,
    pub(crate) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) payment_id: Option<PaymentId>,
    pub(super) merchant_reference: Option<String>,
    pub(super) reason: Option<String>,
}

impl Draft {
    pub(crate) fn direct(wire: &Wire, request: &CreateDirectPayment, card: &CardDetails) -> Self {
        let mut outline = request.clone();
        outline.payment_method_data = card.outline();
        Self {
            outline: wire
                .say_direct(outline)
                .ok()
                .and_then(|said| said.to_json()),
            amount: Some(request.amount),
            currency: Some(request.currency.as_str().to_owned()),
            merchant_reference: request.merchant_reference.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn hosted(wire: &Wire, request: &CreateHostedPayment) -> Self {
        Self {
            outline: wire
                .say_hosted(request.clone())
                .ok()
                .and_then(|said| said.to_json()),
            amount: Some(request.amount),
            currency: Some(request.currency.as_str().to_owned()),
            merchant_reference: request.merchant_reference.clone(),
            ..Self::default()
        }
    }

    /// A refund as it was asked for: an amount that was left out stays left out, whatever is sent for it.
    pub(crate) fn refund(request: &CreateRefund) -> Self {
        Self {
            outline: Some(json!({
                "payment_id": request.payment_id.as_str(),
                "amount": request.amount,
                "reason": request.reason,
                "metadata": request.metadata,
            })),
            amount: request.amount,
            payment_id: Some(request.payment_id.clone()),
            reason: request.reason.clone(),
            ..Self::default()
        }
    }
}
