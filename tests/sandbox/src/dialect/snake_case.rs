//! The dialect of `fl_` keys, after the Flowlix API reference and the Direct API guide.

use serde_json::{Value, json};

use super::members::Members;
use super::{Dialect, NewPayment, NewRefund, Urls};
use crate::api::error::ApiError;
use crate::api::list::{ListQuery, Page, QueryParameters};
use crate::payment::{Kind, Payment, Refund, Status};

const DIALECT: Dialect = Dialect::SnakeCase;

pub(crate) const STATUSES: &[Status] = &[
    Status::Pending,
    Status::Succeeded,
    Status::Failed,
    Status::RequiresAction,
    Status::Expired,
    Status::Canceled,
    Status::Refunded,
];

pub(crate) fn read_direct(body: &Value, strict: bool) -> Result<NewPayment, ApiError> {
    let mut members = Members::of_body(body)?;
    let request = NewPayment {
        kind: Kind::Direct,
        amount: members.required_amount()?,
        currency: members.currency(DIALECT)?,
        card: Some(members.required_object("card")?.card(strict)?),
        payer: read_customer(&mut members, strict)?,
        return_url: members.url("return_url")?,
        merchant_reference: None,
        description: members.description()?,
        metadata: members.limited_metadata()?,
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
        payer: read_customer(&mut members, strict)?,
        return_url: Some(members.required_url("redirect_url")?),
        merchant_reference: None,
        description: members.description()?,
        metadata: members.limited_metadata()?,
    };
    members.end(strict)?;
    Ok(request)
}

/// Optional as a whole; once given, all but `state` and `ip` are required.
fn read_customer(members: &mut Members<'_>, strict: bool) -> Result<Value, ApiError> {
    let Some(mut customer) = members.object("customer")? else {
        return Ok(Value::Null);
    };
    let email = customer.required_text("email", None)?;
    let first_name = customer.required_text("first_name", None)?;
    let last_name = customer.required_text("last_name", None)?;
    if customer.country("country")?.is_none() {
        return Err(ApiError::missing(&customer.path_of("country")));
    }
    let phone = customer.required_text("phone", None)?;
    let digits = phone.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        let path = customer.path_of("phone");
        let why = format!("{path} must be in international format.");
        return Err(ApiError::invalid(Some(&path), &why));
    }
    for required in ["address", "city", "zip"] {
        customer.required_text(required, None)?;
    }
    for optional in ["state", "ip"] {
        customer.text(optional, None)?;
    }
    customer.end(strict)?;
    Ok(json!({ "email": email, "name": format!("{first_name} {last_name}") }))
}

pub(crate) fn read_refund(body: &Value, strict: bool) -> Result<NewRefund, ApiError> {
    let mut members = Members::of_body(body)?;
    let request = NewRefund {
        amount: members.amount()?,
        reason: Some(members.required_text("reason", Some(50))?),
        metadata: serde_json::Map::new(),
    };
    members.end(strict)?;
    Ok(request)
}

pub(crate) fn read_list(query: &str, strict: bool) -> Result<ListQuery, ApiError> {
    let mut parameters = QueryParameters::new(query)?;
    let list = ListQuery {
        limit: parameters.limit()?,
        starting_after: parameters.cursor("starting_after", DIALECT)?,
        ending_before: None,
        status: parameters.status(DIALECT)?,
        created_from: parameters.seconds("created[gte]")?,
        created_before: parameters.seconds("created[lt]")?,
    };
    parameters.end(strict)?;
    Ok(list)
}

pub(crate) fn payment(payment: &Payment, urls: &Urls) -> Value {
    let status = payment.status();
    let times = payment.transitions();
    let card = payment.card().map_or(Value::Null, |card| {
        let shown = payment.card_is_resolved();
        json!({
            "brand": shown.then(|| card.brand().name()),
            "last4": card.last4(),
            "exp_month": shown.then(|| card.exp_month()),
            "exp_year": shown.then(|| card.exp_year()),
            "country": shown.then(|| card.country()),
        })
    });
    json!({
        "id": payment.id(),
        "object": "payment",
        "amount": payment.amount(),
        "currency": DIALECT.spell_currency(payment.currency()),
        "status": DIALECT.spell(status.name()),
        "description": payment.description(),
        "card": card,
        "customer": payment.payer(),
        "metadata": payment.metadata(),
        "decline_code": payment.decline().map(|decline| decline.code()),
        "decline_message": payment.decline().map(|decline| decline.message()),
        "redirect_url": (payment.kind() == Kind::Hosted).then(|| urls.hosted_page(payment.id())),
        "refunded_at": times.refunded_at,
        "succeeded_at": times.succeeded_at,
        "failed_at": times.failed_at,
        "created": payment.created_at(),
        "livemode": payment.livemode(),
        "refunded_amount": payment.amount_refunded(),
        "provider_transaction_id": payment.provider_reference(),
        "refunds": payment.refunds().iter().map(refund).collect::<Vec<_>>(),
        "next_action": (status == Status::RequiresAction)
            .then(|| json!({ "redirect_url": urls.challenge(payment.id()) })),
    })
}

fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id(),
        "amount": refund.amount(),
        "currency": DIALECT.spell_currency(refund.currency()),
        "reason": refund.reason(),
        "status": DIALECT.spell(refund.status().name()),
        "decline_code": refund.decline().map(|decline| decline.code()),
        "decline_message": refund.decline().map(|decline| decline.message()),
        "created_at": refund.created_at(),
        "updated_at": refund.updated_at(),
        "completed_at": refund.completed_at(),
        "provider_refund_id": refund.provider_reference(),
    })
}

pub(crate) fn page(page: &Page<'_>, urls: &Urls) -> Value {
    json!({
        "object": "list",
        "url": "/v1/payments",
        "data": page.payments.iter().map(|entry| payment(entry, urls)).collect::<Vec<_>>(),
        "has_more": page.has_more,
    })
}
