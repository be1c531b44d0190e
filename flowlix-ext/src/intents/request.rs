//! What a `pay` sends: built anew for each attempt, because the attempt's number is in it.

use std::collections::BTreeMap;

use flowlix_api::Dialect;
use flowlix_api::model::{BillingDetailsInput, CreateDirectPayment, CreateHostedPayment};
use serde_json::Value;

use super::correlation::{CORRELATION_ID, MERCHANT_REFERENCE};
use super::intent::Intent;
use super::protocol::record::Method;
use crate::call::operation::Operation;
use crate::call::options::CallOptions;
use crate::card::CardDetails;
use crate::error::Error;
use crate::failure::Violation;
use crate::payments::rules;
use crate::wire::{DirectRequest, HostedRequest};

/// What a payment may carry, by whatever method.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) billing_details: Option<BillingDetailsInput>,
    pub(super) return_url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) metadata: BTreeMap<String, Value>,
}

/// How the customer pays.
#[derive(Debug, Clone)]
pub(super) enum Means {
    Card(CardDetails),
    HostedPage,
}

/// A request as the dialect says it.
pub(super) enum Request {
    Direct(DirectRequest),
    Hosted(HostedRequest),
}

impl Means {
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Card(_) => Method::Card,
            Self::HostedPage => Method::HostedPage,
        }
    }

    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Card(_) => Operation::CreateDirectPayment,
            Self::HostedPage => Operation::CreateHostedPayment,
        }
    }
}

/// The request of an attempt, or everything that is wrong with it.
pub(super) fn request(
    intent: &Intent,
    options: &CallOptions,
    means: &Means,
    details: &Details,
    attempt: u32,
) -> Result<Request, Error> {
    let flowlix = &intent.shared().flowlix;
    let operation = means.operation();
    let return_url = details.return_url.as_deref();
    let mut violations = rules::violations(
        flowlix,
        options,
        return_url,
        details.billing_details.as_ref(),
    );
    violations.extend(reserved(&details.metadata));
    let is_snake_case = flowlix.dialect() == Dialect::SnakeCase;
    let mut metadata = details.metadata.clone();
    metadata.insert(
        CORRELATION_ID.to_owned(),
        intent.names().payment_mark(attempt).into(),
    );
    if is_snake_case {
        metadata.insert(MERCHANT_REFERENCE.to_owned(), intent.reference().into());
    }
    let merchant_reference = (!is_snake_case).then(|| intent.reference().to_owned());
    let (amount, currency) = (
        intent.money().minor_units(),
        intent.money().currency().clone(),
    );
    let wire = flowlix.wire();
    match means {
        Means::Card(card) => {
            violations.extend(card.check(flowlix.now()));
            let mut request =
                CreateDirectPayment::new(amount, currency, card.clone().into_payment_method());
            request.return_url.clone_from(&details.return_url);
            request.billing_details.clone_from(&details.billing_details);
            request.description.clone_from(&details.description);
            request.merchant_reference = merchant_reference;
            request.metadata = metadata;
            Violation::join(operation, violations, wire.say_direct(request)).map(Request::Direct)
        }
        Means::HostedPage => {
            let return_url = details.return_url.clone().unwrap_or_default();
            let mut request = CreateHostedPayment::new(amount, currency, return_url);
            request.billing_details.clone_from(&details.billing_details);
            request.description.clone_from(&details.description);
            request.merchant_reference = merchant_reference;
            request.metadata = metadata;
            Violation::join(operation, violations, wire.say_hosted(request)).map(Request::Hosted)
        }
    }
}

fn reserved(metadata: &BTreeMap<String, Value>) -> Vec<Violation> {
    [CORRELATION_ID, MERCHANT_REFERENCE]
        .into_iter()
        .filter(|name| metadata.contains_key(*name))
        .map(|name| {
            Violation::new(
                format!("metadata.{name}"),
                "is reserved for payment intents",
            )
        })
        .collect()
}
