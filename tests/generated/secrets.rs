//! A card number, a CVC and a key are in the request, and nowhere else.

use std::fmt::Debug;

use flowlix_api::{Dialect, Session, http_client_builder, model, snake_case, uppercase};
use flowlix_tests::document::Document;
use flowlix_tests::sample::Sample;
use serde_json::Value;

const NUMBER: &str = "4929000000006";
const CVC: &str = "8642";
const KEY: &str = "fl_live_sk_canary";

#[track_caller]
fn assert_silent(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in [NUMBER, CVC, KEY] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

fn card_in(body: &mut Value) {
    body["number"] = NUMBER.into();
    body["cvc"] = CVC.into();
}

fn decode<T: serde::de::DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).unwrap()
}

#[test]
fn no_request_shows_its_card() {
    let document = Document::of(Dialect::SnakeCase);
    let mut body = Sample::of(&document, "CreateDirectPayment").value;
    card_in(&mut body["card"]);
    let payment: snake_case::types::CreateDirectPayment = decode(&body);
    assert_silent(&payment);
    assert_silent(&payment.card);
    assert_silent(&model::CardInput::from(payment.card.clone()));
    let written = serde_json::to_string(&payment).unwrap();
    assert!(
        written.contains(NUMBER) && written.contains(CVC),
        "the request needs its card"
    );
    assert_silent(&model::CreateDirectPayment::from(payment));

    let document = Document::of(Dialect::Uppercase);
    let mut body = Sample::of(&document, "CreateDirectPayment").value;
    card_in(&mut body["payment_method_data"]["card"]);
    let payment: uppercase::types::CreateDirectPayment = decode(&body);
    assert_silent(&payment);
    assert_silent(&payment.payment_method_data);
    assert_silent(&payment.payment_method_data.card);
    assert_silent(&model::PaymentMethodData::from(
        payment.payment_method_data.clone(),
    ));
    let written = serde_json::to_string(&payment).unwrap();
    assert!(
        written.contains(NUMBER) && written.contains(CVC),
        "the request needs its card"
    );
    assert_silent(&model::CreateDirectPayment::from(payment));
}

#[test]
fn a_card_that_cannot_be_sent_is_not_shown_either() {
    let document = Document::of(Dialect::Uppercase);
    let mut body = Sample::of(&document, "CardInput").value;
    body["number"] = format!("{NUMBER} ").into();
    body["cvc"] = format!("{CVC}{CVC}").into();
    let card = model::CardInput::from(decode::<uppercase::types::CardInput>(&body));
    let error = uppercase::types::CardInput::try_from(card).unwrap_err();
    assert_eq!(error.violations().len(), 2);
    assert_silent(&error);
    assert!(!error.to_string().contains(CVC) && !error.to_string().contains(NUMBER));

    let mut short = body.clone();
    short["exp_month"] = Value::Null;
    let error = serde_json::from_value::<uppercase::types::CardInput>(short).unwrap_err();
    assert_silent(&error);
}

#[test]
fn no_client_shows_its_key() {
    let session = Session::new(KEY).unwrap();
    assert_silent(&session);
    let http = http_client_builder().unwrap().build().unwrap();
    assert_silent(&snake_case::Client::new_with_client(
        "http://[::1]",
        http.clone(),
        session.clone(),
    ));
    assert_silent(&uppercase::Client::new_with_client(
        "http://[::1]",
        http,
        session,
    ));
    let refused = Session::new("fl_live_sk_canary\n").unwrap_err();
    assert_silent(&refused);
    assert!(!refused.to_string().contains(KEY));
}
