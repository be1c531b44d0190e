//! Every type of flowlix-api: the model, both dialects, what they are made of, and their errors.

use std::sync::Arc;

use flowlix_api::{
    CardCvc, CardNumber, Dialect, Direct, ErrorResponse, Problem, Session, Transport,
    TransportError, convert, http_client_builder, model, open, read_bounded, snake_case, uppercase,
};
use flowlix_sandbox::{Fault, Operation, Sandbox};
use serde_json::{Value, json};

use crate::common::secrets::{AMEX, AMEX_CVC, VISA};
use crate::shown::{Probe, Shown, Silent as _, show};

/// A payment with every member of either dialect and of the model.
fn payment() -> Value {
    json!({
        "id": "pay_abc123", "object": "payment", "amount": 4999, "currency": "eur", "status": "failed",
        "integration_type": "DIRECT", "amount_refunded": 1, "amount_refundable": 2, "refunded_amount": 1,
        "created": 1, "created_at": 1, "failed_at": 1, "succeeded_at": 1, "refunded_at": 1, "livemode": false,
        "merchant_reference": "order", "description": "text", "metadata": { "order": "1" },
        "card": { "brand": "visa", "country": "DE", "last4": "1111", "exp_month": 12, "exp_year": 2027 },
        "customer": { "name": "Jenny Rosen", "email": "jenny@example.com" },
        "billing_details": billing_details(),
        "decline_code": "do_not_honor", "decline_message": "no", "failure_code": "do_not_honor",
        "failure_message": "no", "redirect_url": "https://pay.example.com",
        "hosted_payment_url": "https://pay.example.com", "provider_transaction_id": "tx_1",
        "next_action": { "redirect_url": "https://pay.example.com", "type": "redirect" },
        "status_transitions": {
            "canceled_at": 1, "expired_at": 1, "failed_at": 1, "processing_at": 1, "requires_action_at": 1,
            "succeeded_at": 1,
        },
        "refunds": [refund()],
    })
}

fn refund() -> Value {
    json!({
        "id": "ref_abc123", "payment_id": "pay_abc123", "amount": 1, "currency": "EUR", "status": "PENDING",
        "reason": "late", "metadata": { "order": "1" }, "livemode": false, "created_at": 1, "updated_at": 1,
        "completed_at": 1, "decline_code": "refund_failed", "decline_message": "no", "provider_refund_id": "r_1",
    })
}

fn billing_details() -> Value {
    json!({
        "first_name": "Jenny", "last_name": "Rosen", "email": "jenny@example.com", "phone": "1",
        "address": {
            "line1": "1 Main Street", "line2": "B", "city": "Berlin", "state": "BE", "postal_code": "1",
            "country": "DE",
        },
    })
}

fn event() -> Value {
    json!({
        "id": "evt_1", "type": "payment.failed", "created_at": 1, "livemode": false,
        "data": { "payment": payment(), "refund": refund() },
    })
}

fn detail() -> Value {
    json!({
        "type": "card_error", "code": "card_declined", "decline_code": "do_not_honor", "message": "no",
        "param": "card", "doc_url": "https://docs.example.com", "request_id": "req_1",
    })
}

fn card_input() -> Value {
    json!({
        "number": AMEX, "cvc": AMEX_CVC, "exp_month": 12, "exp_year": 2027, "holder_name": "Jenny Rosen",
    })
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// What is read, and its parts.
fn answers(shown: &mut Shown) {
    let list =
        json!({ "data": [payment()], "has_more": false, "object": "list", "url": "/v1/payments" });
    let one: snake_case::types::Payment = read(payment());
    show!(
        shown,
        &one,
        one.card.as_ref().unwrap(),
        one.customer.as_ref().unwrap()
    );
    show!(
        shown,
        one.next_action.as_ref().unwrap(),
        &one.refunds.as_ref().unwrap()[0],
        &one.currency
    );
    show!(shown, &read::<snake_case::types::PaymentList>(list.clone()));
    show!(shown, &read::<snake_case::types::ErrorDetail>(detail()));
    let model = model::Payment::from(one);
    show!(
        shown,
        &model,
        model.card.as_ref().unwrap(),
        model.billing_details.as_ref().unwrap()
    );

    let one: uppercase::types::Payment = read(payment());
    show!(
        shown,
        &one,
        one.card.as_ref().unwrap(),
        one.billing_details.as_ref().unwrap()
    );
    let address = one.billing_details.as_ref().unwrap().address.as_ref();
    show!(shown, address.unwrap(), one.next_action.as_ref().unwrap());
    show!(
        shown,
        one.status_transitions.as_ref().unwrap(),
        &one.refunds.as_ref().unwrap()[0]
    );
    show!(shown, &read::<uppercase::types::PaymentList>(list.clone()));
    show!(shown, &read::<uppercase::types::ErrorDetail>(detail()));
    let happened: uppercase::types::WebhookEvent = read(event());
    show!(
        shown,
        &happened,
        &happened.data,
        &model::WebhookEvent::from(happened.clone()).data
    );
    show!(shown, &model::WebhookEvent::from(happened));

    let model = model::Payment::from(one);
    let address = model.billing_details.as_ref().unwrap().address.as_ref();
    show!(
        shown,
        &model,
        address.unwrap(),
        model.next_action.as_ref().unwrap()
    );
    show!(
        shown,
        model.status_transitions.as_ref().unwrap(),
        &model.refunds[0],
        &model.id
    );
    show!(
        shown,
        &model.refunds[0].id,
        &model.refunds[0].status,
        &model.status,
        &model.currency
    );
    show!(
        shown,
        model.decline_code.as_ref().unwrap(),
        model.integration_type.as_ref().unwrap()
    );
    let list: uppercase::types::PaymentList = read(list);
    show!(shown, &model::PaymentList::from(list));
    let detail: model::ErrorDetail = read(detail());
    show!(
        shown,
        &detail,
        detail.type_.as_ref().unwrap(),
        detail.code.as_ref().unwrap()
    );
    show!(
        shown,
        &model::EventId::received("evt_1").unwrap(),
        &model::WebhookEventType::from("new")
    );
    let asked = model::ListPayments::default();
    show!(shown, &asked);
    show!(
        shown,
        &convert::snake_case::ListPaymentsQuery::try_from(asked.clone()).unwrap()
    );
    show!(
        shown,
        &convert::uppercase::ListPaymentsQuery::try_from(asked).unwrap()
    );
}

/// What is sent, with a card in it.
fn requests(shown: &mut Shown) {
    let number = CardNumber::new(AMEX);
    let cvc = CardCvc::new(AMEX_CVC);
    show!(shown, &number, &cvc);
    let card = model::CardInput::new(number, 12, 2027, cvc, "Jenny Rosen".to_owned());
    let method = model::PaymentMethodData::new(card.clone());
    let mut request = model::CreateDirectPayment::new(4999, model::Currency::Eur, method.clone());
    show!(shown, &card, &method, &request);
    let said = snake_case::types::CreateDirectPayment::try_from(request.clone()).unwrap();
    show!(shown, &said, &said.card);
    let said = uppercase::types::CreateDirectPayment::try_from(request.clone()).unwrap();
    show!(
        shown,
        &said,
        &said.payment_method_data,
        &said.payment_method_data.card
    );

    let details: uppercase::types::BillingDetailsInput = read(billing_details());
    show!(
        shown,
        &details,
        &model::BillingDetailsInput::from(details.clone())
    );
    request.billing_details = Some(details.into());
    let customer = json!({
        "first_name": "Jenny", "last_name": "Rosen", "email": "jenny@example.com", "phone": "1",
        "address": "1 Main Street", "city": "Berlin", "zip": "1", "country": "DE",
    });
    show!(shown, &read::<snake_case::types::CustomerInput>(customer));

    let hosted = model::CreateHostedPayment::new(
        1,
        model::Currency::Eur,
        "https://shop.example.com/back".to_owned(),
    );
    show!(shown, &hosted);
    show!(
        shown,
        &snake_case::types::CreateHostedPayment::try_from(hosted.clone()).unwrap()
    );
    show!(
        shown,
        &uppercase::types::CreateHostedPayment::try_from(hosted).unwrap()
    );
    let id = model::PaymentId::received("pay_abc123").unwrap();
    let mut refund = model::CreateRefund::new(id);
    (refund.amount, refund.reason) = (Some(1), Some("late".to_owned()));
    show!(shown, &refund);
    show!(
        shown,
        &snake_case::types::CreateRefund::try_from(refund.clone()).unwrap()
    );
    show!(
        shown,
        &uppercase::types::CreateRefund::try_from(refund).unwrap()
    );

    // A card that breaks every rule at once.
    request.payment_method_data.card.number = CardNumber::new(format!("{VISA}{VISA}"));
    request.payment_method_data.card.cvc = CardCvc::new(format!("{AMEX_CVC}{AMEX_CVC}"));
    request.payment_method_data.card.exp_month = 13;
    request.merchant_reference = Some("r".repeat(999));
    request.metadata.insert("list".to_owned(), json!([1]));
    let refused = [
        snake_case::types::CreateDirectPayment::try_from(request.clone()).unwrap_err(),
        uppercase::types::CreateDirectPayment::try_from(request).unwrap_err(),
    ];
    for refused in refused {
        assert!(refused.violations().len() > 2, "{refused}");
        show!(shown, &refused);
        for violation in refused.violations() {
            show!(shown, violation, &violation.problem);
        }
    }
    for problem in [
        Problem::TooMany(1),
        Problem::TooShort(1),
        Problem::TooSmall(1),
        Problem::NoSuchValue { known: vec!["EUR"] },
    ] {
        show!(shown, &problem);
    }
    // What a card's text does to the error of reading it.
    for member in ["number", "cvc", "exp_month", "exp_year", "holder_name"] {
        for value in [
            json!([AMEX, AMEX_CVC]),
            json!(null),
            json!({ AMEX: AMEX_CVC }),
        ] {
            let mut card = card_input();
            card[member] = value;
            let error = serde_json::from_value::<uppercase::types::CardInput>(card.clone());
            show!(shown, &error.unwrap_err());
            let error = serde_json::from_str::<snake_case::types::CardInput>(&card.to_string());
            show!(shown, &error.unwrap_err());
        }
    }
}

fn parts(shown: &mut Shown) {
    show!(
        shown,
        &Dialect::Uppercase,
        &open::InSnakeCase,
        &open::InUppercase
    );
    let unknown: open::SnakeCase<model::PaymentStatus> = read(json!("settling"));
    show!(shown, &unknown);
    shown.other("flowlix_api::SnakeCase");
    let unknown: open::Uppercase<model::PaymentStatus> = read(json!("settling"));
    show!(shown, &unknown);
    shown.other("flowlix_api::Uppercase");
    use model::{
        Currency, DeclineCode, ErrorCode, ErrorType, IntegrationType, PaymentStatus, RefundStatus,
        WebhookEventType,
    };
    let PaymentStatus::Unknown(text) = PaymentStatus::from("settling") else {
        panic!("a value without a name");
    };
    show!(
        shown,
        &text,
        &PaymentStatus::from("new"),
        &RefundStatus::from("new")
    );
    show!(
        shown,
        &Currency::from("new"),
        &DeclineCode::from("new"),
        &ErrorCode::from("new")
    );
    show!(
        shown,
        &ErrorType::from("new"),
        &IntegrationType::from("new")
    );
    show!(shown, &WebhookEventType::from("new"));
    for text in [
        AMEX,
        "whsec_canaryWebhook4711",
        "fl_test_sk_canaryKey4711",
        "..",
    ] {
        if let Err(error) = model::PaymentId::parse(text) {
            show!(shown, &error);
        }
    }
    show!(shown, &Session::new("fl_test_sk_canaryKey4711").unwrap());
    show!(
        shown,
        &Session::new("fl_test_sk_canaryKey4711\n").unwrap_err()
    );
    show!(shown, &Direct);
    show!(
        shown,
        &snake_case::types::error::ConversionError::from("a fixed text")
    );
    show!(
        shown,
        &uppercase::types::error::ConversionError::from("a fixed text")
    );
    for body in [
        json!({ "error": detail() }).to_string(),
        "<html>502</html>".to_owned(),
    ] {
        show!(shown, &ErrorResponse::read(body.as_bytes()));
    }
    shown.silent(
        "flowlix_api::Sending",
        Probe(&None::<flowlix_api::Sending<'static>>)
            .debug()
            .is_none(),
    );
}

/// The generated clients against a real socket, with every error that they have.
async fn clients(shown: &mut Shown) {
    let sandbox = Sandbox::start().await.unwrap();
    let http = http_client_builder().unwrap().build().unwrap();
    let transport: Arc<dyn Transport> = Arc::new(Direct);
    let session = |dialect| {
        let session = Session::new(sandbox.key(dialect)).unwrap();
        session.with_transport(transport.clone())
    };
    let base = sandbox.base_url();
    let snake = snake_case::Client::new_with_client(
        &base,
        http.clone(),
        session(flowlix_sandbox::Dialect::SnakeCase),
    );
    let upper = uppercase::Client::new_with_client(
        &base,
        http.clone(),
        session(flowlix_sandbox::Dialect::Uppercase),
    );
    show!(shown, &snake, &upper);
    let card = serde_json::to_value(card_input()).unwrap();
    let direct = json!({ "amount": 4999, "currency": "eur", "card": card });
    let in_snake: snake_case::types::CreateDirectPayment = read(direct);
    let direct = json!({
        "amount": 4999, "currency": "EUR", "payment_method_data": { "card": card }, "return_url": "https://a.example",
    });
    let in_upper: uppercase::types::CreateDirectPayment = read(direct);
    let key = "order-1234";
    let accepted = snake.create_direct_payment(Some(key), &in_snake).await;
    show!(shown, &accepted.unwrap());
    let accepted = upper.create_direct_payment(key, &in_upper).await;
    show!(shown, &accepted.unwrap());
    shown.other("progenitor_client::ResponseValue");

    let at = Operation::CreateDirectPayment;
    for fault in [
        Fault::status(401),
        Fault::html(502),
        Fault::raw(302, [("location", "https://elsewhere.example")], ""),
        Fault::raw(200, [("content-type", "application/json")], "{}"),
        Fault::ResetBeforeReading,
        Fault::CutBody,
        Fault::Garbage,
    ] {
        sandbox.inject_at(at, fault, 2);
        let error = snake.create_direct_payment(None, &in_snake).await;
        show!(shown, &error.unwrap_err());
        let error = upper.create_direct_payment("order-5678", &in_upper).await;
        show!(shown, &error.unwrap_err());
        sandbox.clear_faults();
    }
    for reason in ["request", "config", "pre", "post"] {
        let error: flowlix_api::Error<ErrorResponse> = match reason {
            "request" => flowlix_api::Error::InvalidRequest("a fixed text".to_owned()),
            "config" => flowlix_api::Error::Custom("a fixed text".to_owned()),
            "pre" => flowlix_api::Error::InvalidUpgrade(refused_connection(&http).await),
            _ => flowlix_api::Error::ResponseBodyError(refused_connection(&http).await),
        };
        show!(shown, &error);
    }
    shown.other("progenitor_client::Error");

    show!(
        shown,
        &TransportError::Http(refused_connection(&http).await),
        &TransportError::Interrupted
    );
    sandbox.inject_at(Operation::ListPayments, Fault::CutBody, 1);
    for limit in [usize::MAX, 1] {
        let request = http.get(format!("{base}/v1/payments"));
        let request = request.bearer_auth(sandbox.key(flowlix_sandbox::Dialect::SnakeCase));
        let response = request.send().await.unwrap();
        show!(shown, &read_bounded(response, limit).await.unwrap_err());
    }
}

async fn refused_connection(http: &reqwest::Client) -> reqwest::Error {
    let (_nobody, address) = crate::common::nobody();
    http.get(address).send().await.unwrap_err()
}

pub(crate) async fn drive(shown: &mut Shown) {
    answers(shown);
    requests(shown);
    parts(shown);
    clients(shown).await;
    shown.silent(
        "progenitor_client::ByteStream",
        Probe(&None::<snake_case::ByteStream>).debug().is_none(),
    );
    // A trait, which shows nothing.
    shown.other("progenitor_client::ClientInfo");
}
