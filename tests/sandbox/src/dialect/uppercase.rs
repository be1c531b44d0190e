//! The dialect of `api_` keys, after the Payments API pages.

use serde_json::{Value, json};

use super::members::Members;
use super::{Dialect, NewPayment, NewRefund, Urls};
use crate::api::error::ApiError;
use crate::api::list::{ListQuery, Page, QueryParameters};
use crate::payment::{Kind, Payment, Refund, Status};

const DIALECT: Dialect = Dialect::Uppercase;

pub(crate) const STATUSES: &[Status] = &[
    Status::Pending,
    Status::RequiresAction,
    Status::Processing,
    Status::Succeeded,
    Status::Failed,
    Status::Canceled,
    Status::Expired,
];

pub(crate) fn read_direct(body: &Value, strict: bool) -> Result<NewPayment, ApiError> {
    let mut members = Members::of_body(body)?;
    let amount = members.required_amount()?;
    let currency = members.currency(DIALECT)?;
    let mut method = members.required_object("payment_method_data")?;
    let card = method.required_object("card")?.card(strict)?;
    method.end(strict)?;
    let request = NewPayment {
        kind: Kind::Direct,
        amount,
        currency,
        card: Some(card),
        payer: read_billing_details(&mut members, strict)?,
        return_url: members.url("return_url")?,
        merchant_reference: members.text("merchant_reference", Some(255))?,
        description: members.description()?,
        metadata: members.any_metadata()?,
    };
    members.end(strict)?;
    Ok(request)
}

pub(crate) fn read_hosted(body: &Value, strict: bool) -> Result<NewPayment, ApiError> {
    let mut members = Members::of_body(body)?;
    let request = NewPayment {
        kind: Kind::Hosted,
        amount: members.required_amount()?,
        currency: members.currency(DIALECT)?,
        card: None,
        payer: read_billing_details(&mut members, strict)?,
        return_url: Some(members.required_url("return_url")?),
        merchant_reference: members.text("merchant_reference", Some(255))?,
        description: members.description()?,
        metadata: members.any_metadata()?,
    };
    members.end(strict)?;
    Ok(request)
}

fn read_billing_details(members: &mut Members<'_>, strict: bool) -> Result<Value, ApiError> {
    let Some(mut details) = members.object("billing_details")? else {
        return Ok(Value::Null);
    };
    let address = match details.object("address")? {
        None => Value::Null,
        Some(mut address) => {
            let shown = json!({
                "line1": address.text("line1", None)?,
                "line2": address.text("line2", None)?,
                "city": address.text("city", None)?,
                "state": address.text("state", None)?,
                "postal_code": address.text("postal_code", None)?,
                "country": address.country("country")?,
            });
            address.end(strict)?;
            shown
        }
    };
    let shown = json!({
        "email": details.text("email", None)?,
        "first_name": details.text("first_name", None)?,
        "last_name": details.text("last_name", None)?,
        "phone": details.text("phone", None)?,
        "address": address,
    });
    details.end(strict)?;
    Ok(shown)
}

/// The payment to refund, and the refund.
pub(crate) fn read_refund(body: &Value, strict: bool) -> Result<(String, NewRefund), ApiError> {
    let mut members = Members::of_body(body)?;
    let payment_id = members.required_text("payment_id", None)?;
    if !DIALECT.is_payment_id(&payment_id) {
        let why = "payment_id is not a payment id.";
        return Err(ApiError::invalid(Some("payment_id"), why));
    }
    let request = NewRefund {
        amount: Some(members.required_amount()?),
        reason: members.text("reason", None)?,
        metadata: members.any_metadata()?,
    };
    members.end(strict)?;
    Ok((payment_id, request))
}

pub(crate) fn read_list(query: &str, strict: bool) -> Result<ListQuery, ApiError> {
    let mut parameters = QueryParameters::new(query)?;
    let list = ListQuery {
        limit: parameters.limit()?,
        starting_after: parameters.cursor("starting_after", DIALECT)?,
        ending_before: parameters.cursor("ending_before", DIALECT)?,
        status: parameters.status(DIALECT)?,
        created_from: parameters.seconds("created_gte")?,
        created_before: parameters.seconds("created_lt")?,
    };
    parameters.end(strict)?;
    if list.starting_after.is_some() && list.ending_before.is_some() {
        let why = "starting_after and ending_before are mutually exclusive.";
        return Err(ApiError::invalid(Some("ending_before"), why));
    }
    Ok(list)
}

pub(crate) fn payment(payment: &Payment, urls: &Urls) -> Value {
    let status = payment.status();
    let times = payment.transitions();
    let card = payment
        .card()
        .filter(|_| payment.card_is_resolved())
        .map(|card| {
            json!({
                "brand": card.brand().name(),
                "last4": card.last4(),
                "exp_month": card.exp_month(),
                "exp_year": card.exp_year(),
                "country": card.country(),
            })
        });
    json!({
        "id": payment.id(),
        "amount": payment.amount(),
        "currency": DIALECT.spell_currency(payment.currency()),
        "status": DIALECT.spell(status.name()),
        "integration_type": match payment.kind() {
            Kind::Direct => "DIRECT",
            Kind::Hosted => "HOSTED_PAYMENT_PAGE",
        },
        "amount_refunded": payment.amount_refunded(),
        "amount_refundable": payment.amount_refundable(),
        "created_at": payment.created_at(),
        "livemode": payment.livemode(),
        "merchant_reference": payment.merchant_reference(),
        "description": payment.description(),
        "card": card,
        "billing_details": payment.payer(),
        "metadata": payment.metadata(),
        "decline_code": payment.decline().map(|decline| decline.code()),
        "decline_message": payment.decline().map(|decline| decline.message()),
        "hosted_payment_url": (payment.kind() == Kind::Hosted)
            .then(|| urls.hosted_page(payment.id())),
        "refunds": payment
            .refunds()
            .iter()
            .map(|entry| refund(payment, entry))
            .collect::<Vec<_>>(),
        "status_transitions": {
            "requires_action_at": times.requires_action_at,
            "processing_at": times.processing_at,
            "succeeded_at": times.succeeded_at,
            "failed_at": times.failed_at,
            "canceled_at": times.canceled_at,
            "expired_at": times.expired_at,
        },
        "next_action": (status == Status::RequiresAction)
            .then(|| json!({ "redirect_url": urls.challenge(payment.id()) })),
    })
}

pub(crate) fn refund(payment: &Payment, refund: &Refund) -> Value {
    json!({
        "id": refund.id(),
        "payment_id": payment.id(),
        "amount": refund.amount(),
        "currency": DIALECT.spell_currency(refund.currency()),
        "reason": refund.reason(),
        "status": DIALECT.spell(refund.status().name()),
        "created_at": refund.created_at(),
        "updated_at": refund.updated_at(),
        "completed_at": refund.completed_at(),
        "livemode": payment.livemode(),
        "metadata": refund.metadata(),
        "decline_code": refund.decline().map(|decline| decline.code()),
        "decline_message": refund.decline().map(|decline| decline.message()),
    })
}

pub(crate) fn page(page: &Page<'_>, urls: &Urls) -> Value {
    json!({
        "data": page.payments.iter().map(|entry| payment(entry, urls)).collect::<Vec<_>>(),
        "has_more": page.has_more,
    })
}
