//! All five operations as bytes, in both dialects, from one and the same values of the model.

use std::sync::Arc;

use flowlix_api::model::{
    Address, BillingDetailsInput, CardInput, CreateDirectPayment, CreateHostedPayment,
    CreateRefund, Currency, ListPayments, PaymentId, PaymentMethodData, PaymentStatus,
};
use flowlix_api::{CardCvc, CardNumber, convert};
use flowlix_tests::recorder::{Recorder, Sent};
use serde_json::json;

use crate::client::{HOST, answer, in_snake_case, in_uppercase};

const NUMBER: &str = "4111111111111111";
const CVC: &str = "314";
const PAYMENT: &str = r#"{ "id": "pay_1", "amount": 1, "currency": "eur", "status": "pending" }"#;
const PAGE: &str = r#"{ "data": [], "has_more": false }"#;
const REFUND: &str = r#"{ "id": "ref_1", "amount": 1, "currency": "eur", "status": "pending" }"#;

/// A payer with all that both dialects have.
fn payer() -> BillingDetailsInput {
    let mut address = Address::default();
    address.line1 = Some("the street".to_owned());
    address.city = Some("the city".to_owned());
    address.state = Some("the state".to_owned());
    address.postal_code = Some("the postal code".to_owned());
    address.country = Some("DE".to_owned());
    let mut payer = BillingDetailsInput::default();
    payer.email = Some("the e-mail address".to_owned());
    payer.first_name = Some("the first name".to_owned());
    payer.last_name = Some("the last name".to_owned());
    payer.phone = Some("the phone number".to_owned());
    payer.address = Some(address);
    payer
}

/// A payer with the one member that only snake_case has.
fn payer_in_snake_case() -> BillingDetailsInput {
    let mut payer = payer();
    payer.ip = Some("203.0.113.7".to_owned());
    payer
}

/// A payer with the one member that only uppercase has.
fn payer_in_uppercase() -> BillingDetailsInput {
    let mut payer = payer();
    if let Some(address) = &mut payer.address {
        address.line2 = Some("the second line".to_owned());
    }
    payer
}

fn direct() -> CreateDirectPayment {
    let card = CardInput::new(
        CardNumber::new(NUMBER),
        12,
        2027,
        CardCvc::new(CVC),
        "the card's holder".to_owned(),
    );
    let mut payment = CreateDirectPayment::new(4999, Currency::Eur, PaymentMethodData::new(card));
    payment.description = Some("the description".to_owned());
    payment.return_url = Some("https://shop.example.com/return?a=b&c=d".to_owned());
    payment
        .metadata
        .insert("order".to_owned(), json!("ord_1234"));
    payment
}

fn hosted() -> CreateHostedPayment {
    let back = "https://shop.example.com/complete".to_owned();
    let mut payment = CreateHostedPayment::new(2500, Currency::Eur, back);
    payment.description = Some("the description".to_owned());
    payment
        .metadata
        .insert("order".to_owned(), json!("ord_5678"));
    payment
}

fn refund(payment: &PaymentId) -> CreateRefund {
    let mut refund = CreateRefund::new(payment.clone());
    refund.amount = Some(1200);
    refund.reason = Some("requested_by_customer".to_owned());
    refund
}

fn list(payment: &PaymentId) -> ListPayments {
    let mut list = ListPayments::default();
    list.limit = Some(25);
    list.starting_after = Some(payment.clone());
    list.status = Some(PaymentStatus::RequiresAction);
    list.created_gte = Some(1_719_792_000);
    list.created_lt = Some(1_719_878_400);
    list
}

/// An id that would change the path if it were not encoded.
fn strange_id() -> PaymentId {
    PaymentId::received("pay_a/b?c#d ü").unwrap()
}

fn recording(status: u16, body: &str) -> Arc<Recorder> {
    Arc::new(Recorder::answering(answer(status, body)))
}

/// The one request that was sent, after what holds for each of them.
#[track_caller]
fn only(recorder: &Recorder, key: Option<&str>) -> String {
    let sent: [Sent; 1] = recorder.sent().try_into().expect("one request");
    let [sent] = sent;
    let headers = &sent.headers;
    assert_eq!(headers.get("api-version"), None);
    assert_eq!(headers.get_all("authorization").iter().count(), 1);
    let authorization = &headers["authorization"];
    assert!(authorization.is_sensitive());
    assert!(authorization.as_bytes().starts_with(b"Bearer "));
    assert!(authorization.as_bytes().ends_with(b"_test_sk_canary"));
    assert_eq!(
        headers
            .get("idempotency-key")
            .map(|key| key.to_str().unwrap()),
        key
    );
    masked(&sent.text())
}

/// The card's secrets are sent, but kept out of the snapshot.
#[track_caller]
fn masked(text: &str) -> String {
    let mut masked = text.to_owned();
    if text.starts_with("# create_direct_payment") {
        for (secret, name) in [(NUMBER, "number"), (CVC, "cvc")] {
            let member = format!("\"{name}\": \"{secret}\"");
            assert_eq!(masked.matches(&member).count(), 1, "{name}");
            masked = masked.replace(&member, &format!("\"{name}\": \"[secret]\""));
        }
    }
    assert!(!masked.contains(NUMBER));
    masked
}

#[tokio::test]
async fn create_direct_payment() {
    let recorder = recording(201, PAYMENT);
    let mut payment = direct();
    payment.billing_details = Some(payer_in_snake_case());
    let client = in_snake_case(HOST, recorder.clone());
    let body = payment.try_into().unwrap();
    client
        .create_direct_payment(Some("key-1"), &body)
        .await
        .unwrap();
    insta::assert_snapshot!(
        "create_direct_payment.snake_case",
        only(&recorder, Some("key-1"))
    );

    let recorder = recording(201, PAYMENT);
    let mut payment = direct();
    payment.billing_details = Some(payer_in_uppercase());
    payment.merchant_reference = Some("the reference".to_owned());
    let client = in_uppercase(HOST, recorder.clone());
    let body = payment.try_into().unwrap();
    client.create_direct_payment("key-2", &body).await.unwrap();
    insta::assert_snapshot!(
        "create_direct_payment.uppercase",
        only(&recorder, Some("key-2"))
    );
}

#[tokio::test]
async fn create_hosted_payment() {
    let recorder = recording(201, PAYMENT);
    let mut payment = hosted();
    payment.billing_details = Some(payer_in_snake_case());
    let client = in_snake_case(HOST, recorder.clone());
    let body = payment.try_into().unwrap();
    client.create_hosted_payment(None, &body).await.unwrap();
    insta::assert_snapshot!("create_hosted_payment.snake_case", only(&recorder, None));

    let recorder = recording(201, PAYMENT);
    let mut payment = hosted();
    payment.billing_details = Some(payer_in_uppercase());
    payment.merchant_reference = Some("the reference".to_owned());
    let client = in_uppercase(HOST, recorder.clone());
    let body = payment.try_into().unwrap();
    client.create_hosted_payment("key-3", &body).await.unwrap();
    insta::assert_snapshot!(
        "create_hosted_payment.uppercase",
        only(&recorder, Some("key-3"))
    );
}

#[tokio::test]
async fn retrieve_payment() {
    let recorder = recording(200, PAYMENT);
    let client = in_snake_case(HOST, recorder.clone());
    client.retrieve_payment(&strange_id()).await.unwrap();
    insta::assert_snapshot!("retrieve_payment.snake_case", only(&recorder, None));

    let recorder = recording(200, PAYMENT);
    let client = in_uppercase(HOST, recorder.clone());
    client.retrieve_payment(&strange_id()).await.unwrap();
    insta::assert_snapshot!("retrieve_payment.uppercase", only(&recorder, None));
}

#[tokio::test]
async fn refund_payment() {
    let id = strange_id();
    let recorder = recording(201, PAYMENT);
    let client = in_snake_case(HOST, recorder.clone());
    let body = refund(&id).try_into().unwrap();
    client
        .refund_payment(&id, Some("key-4"), &body)
        .await
        .unwrap();
    insta::assert_snapshot!("refund_payment.snake_case", only(&recorder, Some("key-4")));

    let recorder = recording(201, REFUND);
    let client = in_uppercase(HOST, recorder.clone());
    let mut body = refund(&id);
    body.metadata
        .insert("ticket".to_owned(), json!([1, { "a": null }]));
    let body = body.try_into().unwrap();
    client.create_refund("key-5", &body).await.unwrap();
    insta::assert_snapshot!("create_refund.uppercase", only(&recorder, Some("key-5")));
}

#[tokio::test]
async fn list_payments() {
    let cursor = strange_id();
    let recorder = recording(200, PAGE);
    let client = in_snake_case(HOST, recorder.clone());
    let query: convert::snake_case::ListPaymentsQuery = list(&cursor).try_into().unwrap();
    client
        .list_payments(
            query.created_gte,
            query.created_lt,
            query.limit,
            query.starting_after.as_ref(),
            query.status.as_ref(),
        )
        .await
        .unwrap();
    insta::assert_snapshot!("list_payments.snake_case", only(&recorder, None));

    let recorder = recording(200, PAGE);
    let client = in_uppercase(HOST, recorder.clone());
    let mut list = list(&cursor);
    list.ending_before = PaymentId::received("pay_before").ok();
    let query: convert::uppercase::ListPaymentsQuery = list.try_into().unwrap();
    client
        .list_payments(
            query.created_gte,
            query.created_lt,
            query.ending_before.as_ref(),
            query.limit,
            query.starting_after.as_ref(),
            query.status.as_ref(),
        )
        .await
        .unwrap();
    insta::assert_snapshot!("list_payments.uppercase", only(&recorder, None));
}
