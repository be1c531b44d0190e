//! What services store and read with serde: keys with their age, amounts with their currency, cards never.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, SystemTime};

use common::{CVC, DIALECTS, Stage, VISA};
use flowlix_ext::{CardDetails, ErrorKind, IdempotencyKey, Money, model};
use flowlix_sandbox::{Fault, Operation};
use serde_json::{Value, json};

fn stored<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(&value.to_string())
}

#[tokio::test]
async fn a_key_read_back_is_as_old_as_it_was_and_in_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let derived = IdempotencyKey::derive("payment", ["order-1234"]).unwrap();
        let create = stage.create().idempotency_key(derived).max_attempts(1);
        let error = create.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        let kept = stored(error.idempotency_key().unwrap());

        // Another process reads it; a refusal tells nothing about the call before.
        let key: IdempotencyKey = read(&kept).unwrap();
        assert_eq!(Some(&key), error.idempotency_key());
        assert_eq!(
            key.created_at(),
            error.idempotency_key().unwrap().created_at()
        );
        assert_eq!(stored(&key), kept);
        stage.sandbox.inject_at(operation, Fault::status(401), 1);
        let refused = stage.create().idempotency_key(key.clone()).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        stage.create().idempotency_key(key.clone()).await.unwrap();
        assert_eq!(stage.payments_and_charges(), (1, 1));

        // And a day later it is not used.
        stage.time.advance(Duration::from_secs(24 * 60 * 60));
        let late = stage.create().idempotency_key(read(&kept).unwrap()).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::KeyTooOld);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[test]
fn a_key_is_never_stored_or_read_without_its_age() {
    let moment = SystemTime::UNIX_EPOCH + Duration::new(1_719_792_000, 123_456_789);
    let key = IdempotencyKey::custom("order-1234").unwrap();
    let refused = serde_json::to_string(&key).unwrap_err().to_string();
    assert!(refused.contains("with_created_at"), "{refused}");
    let kept = stored(&key.clone().with_created_at(moment));
    let again: IdempotencyKey = read(&kept).unwrap();
    assert_eq!((again.created_at(), &again), (Some(moment), &key));
    for (member, wrong) in [
        ("created_at", Value::Null),
        ("created_at", json!(1_719_792_000.5)),
        ("text", Value::Null),
        ("text", json!("")),
        ("text", json!("a\nb")),
        ("text", json!("k".repeat(256))),
    ] {
        let mut broken = kept.clone();
        broken[member] = wrong;
        assert!(read::<IdempotencyKey>(&broken).is_err(), "{broken}");
    }
    assert!(read::<IdempotencyKey>(&json!("order-1234")).is_err());
    assert!(read::<IdempotencyKey>(&json!({ "text": "order-1234" })).is_err());
}

#[test]
fn an_amount_has_one_form_in_minor_units() {
    for money in [
        Money::eur(49_99),
        Money::usd(-1),
        Money::gbp(i64::MAX),
        Money::eur(i64::MIN),
        Money::new(500, model::Currency::from("jpy")),
    ] {
        let kept = stored(&money);
        assert_eq!(kept["minor_units"], json!(money.minor_units()));
        assert_eq!(kept["currency"], json!(money.currency().as_str()));
        assert_eq!(read::<Money>(&kept).unwrap(), money);
    }
    for wrong in [
        json!({ "minor_units": 49.99, "currency": "EUR" }),
        json!({ "minor_units": 49.0, "currency": "EUR" }),
        json!({ "minor_units": "4999", "currency": "EUR" }),
        json!({ "minor_units": u64::MAX, "currency": "EUR" }),
        json!({ "minor_units": 4999 }),
        json!({ "currency": "EUR" }),
        json!({ "amount": 4999, "currency": "EUR" }),
        json!({ "minor_units": 4999, "currency": "EUR", "exponent": 3 }),
        json!("EUR 49.99"),
        json!(4999),
    ] {
        assert!(read::<Money>(&wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_card_is_read_out_of_a_request_and_pays() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let card: CardDetails = read(&json!({
            "number": VISA, "exp_month": 12, "exp_year": 2027, "cvc": CVC, "holder_name": "Jenny Rosen",
        }))
        .unwrap();
        assert!(card.check(stage.time.now()).is_empty());
        let shown = format!("{card:?}");
        assert!(!shown.contains(VISA) && !shown.contains(CVC), "{shown}");
        let payments = stage.flowlix.payments();
        payments.create_direct(Money::eur(1), card).await.unwrap();
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[test]
fn what_is_no_card_is_refused_without_a_word_of_it() {
    let number: u64 = VISA.parse().unwrap();
    let whole = json!({
        "number": VISA, "exp_month": 12, "exp_year": 2027, "cvc": CVC, "holder_name": "Jenny Rosen",
    });
    let mut wrong = vec![json!(VISA), json!(number), json!([VISA, CVC]), json!({})];
    for (member, value) in [
        ("number", json!(number)),
        ("number", json!(number as f64)),
        ("cvc", json!(314)),
        ("exp_month", json!(VISA)),
        ("exp_month", json!(number)),
        ("exp_year", json!(2027.5)),
        ("holder_name", json!(number)),
        ("holder_name", Value::Null),
    ] {
        let mut broken = whole.clone();
        broken[member] = value;
        wrong.push(broken);
    }
    for wrong in wrong {
        let error = read::<CardDetails>(&wrong).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("no card"), "{said}");
        assert!(!said.contains("4111") && !said.contains("314"), "{said}");
        let error = serde_json::from_value::<CardDetails>(wrong).unwrap_err();
        assert!(!error.to_string().contains("4111"), "{error}");
    }
}
