//! Answers to an intent's requests that are hostile, damaged or not Flowlix's: each call ends, and tells the truth.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/intents_adverse.rs"]
mod intents_adverse;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{CVC, DECLINED, DIALECTS, Stage, THREE_D_SECURE, VISA};
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{
    CORRELATION_ID, Intent, IntentError, IntentErrorKind, IntentStatus, RefundStatus, UnpaidReason,
};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Matcher, Operation, Sandbox};
use intents_adverse::{
    client, intents, intents_of, keys, minutes, order, order_of, pay, paying, stage, stage_on,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const CREATE: Operation = Operation::CreateDirectPayment;

fn an_order(stage: &Stage) -> Intent {
    order(stage, MemoryStore::new())
}

/// An answer of Flowlix's with an error that says this.
fn error_answer(status: u16, kind: &str, message: &str) -> Fault {
    let body = json!({ "error": { "type": kind, "message": message } });
    Fault::raw(status, JSON, body.to_string())
}

/// Changes every payment of an answer, that of a list as well.
fn every_payment(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Fault {
    Fault::alter(
        move |body| match body.get_mut("data").and_then(Value::as_array_mut) {
            Some(payments) => payments.iter_mut().for_each(&change),
            None => change(body),
        },
    )
}

fn spelled(dialect: Dialect, status: &str) -> String {
    match dialect {
        Dialect::SnakeCase => status.to_owned(),
        Dialect::Uppercase => status.to_uppercase(),
    }
}

fn unknown(status: &IntentStatus) -> bool {
    matches!(status, IntentStatus::OutcomeUnknown(_))
}

/// How many requests a piece of work sends.
async fn requests<T>(stage: &Stage, work: impl Future<Output = T>) -> (T, usize) {
    let before = stage.sandbox.requests().len();
    let done = work.await;
    (done, stage.sandbox.requests().len() - before)
}

/// Fault 8: whatever a 409 says, it is no state.
#[tokio::test]
async fn a_conflict_in_any_words_ends_paid_once() {
    for dialect in DIALECTS {
        for words in [
            "A request with this idempotency key is currently being processed.",
            "A request with this idempotency key is currently in flight.",
            "The idempotency key was already used with a different request body.",
            "The key is being processed or was used with a different request body.",
            "Conflict.",
            "",
        ] {
            let stage = stage(dialect).await;
            let conflict = error_answer(409, "idempotency_error", words);
            stage.sandbox.inject_at(CREATE, conflict, 2);
            let (status, sent) = requests(&stage, pay(&an_order(&stage), VISA)).await;
            assert!(status.is_paid(), "{words:?}: {status}");
            assert_eq!(stage.payments_and_charges(), (1, 1));
            assert!(sent < 30, "{words:?}: {sent} requests");
            let mut keys = keys(&stage);
            keys.dedup();
            assert_eq!(keys.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_terse_conflict_finds_the_payment() {
    for dialect in DIALECTS {
        let sandbox = Sandbox::builder().terse_conflicts(true).start().await;
        let stage = stage_on(sandbox.unwrap(), dialect);
        let intent = an_order(&stage);
        stage.sandbox.set_list_lag(60);
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 99);
        assert!(unknown(&pay(&intent, VISA).await));
        stage.sandbox.clear_faults();
        let other = "5555555555554444";
        let (status, sent) = requests(&stage, pay(&intent, other)).await;
        assert!(unknown(&status) && sent < 60, "{status}, {sent} requests");
        stage.time.advance(minutes(2));
        let status = pay(&intent, other).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn conflicts_for_ever_end_with_a_person() {
    for dialect in DIALECTS {
        for words in ["currently being processed", "Conflict."] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            let conflict = error_answer(409, "idempotency_error", words);
            stage.sandbox.inject_at(CREATE, conflict, 99_999);
            for _ in 0..3 {
                let (status, sent) = requests(&stage, pay(&intent, VISA)).await;
                assert!(unknown(&status), "{words}: {status}");
                assert!(sent < 60, "{words}: {sent} requests");
                stage.time.advance(minutes(10));
            }
            let status = intent.status().await.unwrap();
            assert!(unknown(&status), "an empty list is no proof: {status}");
            stage.time.advance(minutes(26 * 60));
            let IntentStatus::OutcomeUnknown(end) = intent.status().await.unwrap() else {
                panic!("a guess")
            };
            assert!(end.needs_person() && !end.can_pay_again());
            let (end, sent) = requests(&stage, pay(&intent, VISA)).await;
            assert!(unknown(&end) && sent < 10, "{end}, {sent} requests");
            assert_eq!(stage.payments_and_charges(), (0, 0));
        }
    }
}

/// Fault 9: the page of a firewall proves nothing.
#[tokio::test]
async fn a_page_in_place_of_an_answer_proves_nothing() {
    for dialect in DIALECTS {
        let html = [("content-type", "text/html")];
        for page in [
            Fault::html(200),
            Fault::raw(200, html, ""),
            Fault::raw(200, JSON, "<html>Blocked.</html>"),
            Fault::raw(201, JSON, ""),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage.sandbox.inject_at(CREATE, page.clone(), 99);
            let status = pay(&intent, VISA).await;
            assert!(unknown(&status), "{page:?}: {status}");
            stage.sandbox.clear_faults();
            let again = pay(&intent, VISA).await;
            assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_page_and_nothing_in_the_lists_is_unpaid() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.inject_at(CREATE, Fault::html(200), 99);
        assert!(unknown(&pay(&intent, VISA).await));
        stage.time.advance(minutes(31));
        let IntentStatus::Unpaid(unpaid) = intent.status().await.unwrap() else {
            panic!("{}", intent.status().await.unwrap())
        };
        assert_eq!(unpaid.reason(), UnpaidReason::ProvedAbsent);
    }
}

#[tokio::test]
async fn an_accepted_answer_that_cannot_be_read_is_found() {
    for dialect in DIALECTS {
        for fault in [
            Fault::Garbage,
            Fault::html(200).after_commit(),
            Fault::raw(201, JSON, r#"{"object":"payment"}"#).after_commit(),
            Fault::raw(201, JSON, "[]").after_commit(),
            Fault::patch(json!({ "id": null })),
            Fault::patch(json!({ "status": 7 })),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage.sandbox.inject_at(CREATE, fault.clone(), 1);
            let status = pay(&intent, VISA).await;
            assert!(
                matches!(status, IntentStatus::Paid(_)),
                "{fault:?}: {status}"
            );
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn an_accepted_answer_not_yet_listed_is_processing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.set_list_lag(600);
        let fault = Fault::raw(201, JSON, r#"{"object":"payment"}"#).after_commit();
        stage.sandbox.inject_at(CREATE, fault, 1);
        let status = pay(&intent, VISA).await;
        let IntentStatus::Processing(processing) = &status else {
            panic!("{status}")
        };
        assert!(processing.payment_id().is_none());
        stage.time.advance(minutes(11));
        assert!(intent.status().await.unwrap().not_recorded().is_none());
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// Faults 2 and 9: Flowlix said 2xx, and its lists never show a payment.
#[tokio::test]
async fn an_answer_without_a_payment_needs_a_person() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let fault = Fault::raw(201, JSON, r#"{"object":"payment"}"#);
        stage.sandbox.inject_at(CREATE, fault, 1);
        assert!(matches!(
            pay(&intent, VISA).await,
            IntentStatus::Processing(_)
        ));
        stage.time.advance(minutes(12 * 60));
        assert!(matches!(
            intent.status().await.unwrap(),
            IntentStatus::Processing(_)
        ));
        stage.time.advance(minutes(15 * 60));
        let IntentStatus::OutcomeUnknown(end) = intent.status().await.unwrap() else {
            panic!("a guess")
        };
        assert!(end.needs_person());
    }
}

#[tokio::test]
async fn an_answer_about_something_else_is_not_believed() {
    for dialect in DIALECTS {
        let mark = json!({ CORRELATION_ID: "00112233445566778899aabbccddeeff/1" });
        for patch in [
            json!({ "amount": 49_98 }),
            json!({ "currency": "usd" }),
            json!({ "metadata": mark }),
            json!({ "livemode": true }),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage
                .sandbox
                .inject_at(CREATE, Fault::patch(patch.clone()), 1);
            let status = pay(&intent, VISA).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{patch}: {status}");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_payment_of_the_other_mode_is_never_paid() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let live = every_payment(|payment| payment["livemode"] = true.into());
        stage.sandbox.inject_at(Matcher::any(), live, 9999);
        let (status, sent) = requests(&stage, pay(&intent, VISA)).await;
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        assert!(sent < 30, "{sent} requests");
        let status = intent.status().await.unwrap();
        assert!(!status.is_paid(), "{status}");
    }
}

/// Fault 11: what cannot be read matters only where it may be ours.
#[tokio::test]
async fn an_unreadable_payment_of_others_is_no_obstacle() {
    for dialect in DIALECTS {
        for (patch, amount, may_be_ours) in [
            (json!({ "status": null }), 49_99, false),
            (json!({ "id": 7 }), 49_99, false),
            (json!({ "amount": null }), 49_99, false),
            (json!({ "status": null, "metadata": null }), 49_98, false),
            (json!({ "status": null, "metadata": null }), 49_99, true),
            (json!({ "amount": null, "metadata": [] }), 49_98, true),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage
                .sandbox
                .inject_at(CREATE, Fault::ResetBeforeReading, 4);
            assert!(unknown(&pay(&intent, VISA).await));
            stage.sandbox.clear_faults();
            let others = stage.flowlix.payments();
            let other = others
                .create_direct(Money::eur(amount), common::card(VISA))
                .return_url("https://shop.example.com/3ds")
                .metadata("shop", "another")
                .idempotency_key(IdempotencyKey::custom("another-payment").unwrap());
            other.await.unwrap();
            stage.time.advance(minutes(31));
            let fault = {
                let patch = patch.clone();
                every_payment(move |payment| {
                    for (name, value) in patch.as_object().unwrap() {
                        payment[name] = value.clone();
                    }
                })
            };
            stage.sandbox.inject_at(Operation::ListPayments, fault, 99);
            let status = intent.status().await.unwrap();
            assert_eq!(unknown(&status), may_be_ours, "{patch}: {status}");
            stage.sandbox.clear_faults();
            let status = intent.status().await.unwrap();
            assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
        }
    }
}

#[tokio::test]
async fn an_unreadable_payment_of_ours_proves_nothing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 99);
        let damaged = every_payment(|payment| payment["status"] = Value::Null);
        stage
            .sandbox
            .inject_at(Operation::ListPayments, damaged, 99);
        assert!(unknown(&pay(&intent, VISA).await));
        stage.time.advance(minutes(31));
        let status = intent.status().await.unwrap();
        assert!(unknown(&status), "{status}");
        stage.sandbox.clear_faults();
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// Fault 10: the payment exists, and nobody can read how it stands.
#[tokio::test]
async fn a_payment_that_cannot_be_read_is_on_its_way() {
    for dialect in DIALECTS {
        for patch in [
            json!({ "status": null }),
            json!({ "amount": "much" }),
            json!([]),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage
                .sandbox
                .inject_at(Matcher::method("GET"), Fault::patch(patch.clone()), 9999);
            let (status, sent) = requests(&stage, pay(&intent, VISA)).await;
            assert!(
                matches!(status, IntentStatus::Processing(_)),
                "{patch}: {status}"
            );
            assert!(sent < 30, "{patch}: {sent} requests");
            let again = pay(&intent, "5555555555554444").await;
            assert!(matches!(again, IntentStatus::Processing(_)), "{again}");
            stage.sandbox.clear_faults();
            assert!(pay(&intent, VISA).await.is_paid());
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// Answers each POST with 503, and each list with a page of other people's payments, for ever.
async fn endless_lists(repeats: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = Arc::<AtomicUsize>::default();
    let count = served.clone();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let mut head = [0; 16 * 1024];
            let read = peer.read(&mut head).await.unwrap_or_default();
            let payments = || {
                let id = |index: usize| match repeats {
                    true => format!("pay_{index:024x}"),
                    false => format!("pay_{:024x}", number * 2 + index),
                };
                let payment = |index| json!({ "id": id(index), "amount": 1, "currency": "eur", "status": "succeeded" });
                json!({ "object": "list", "data": [payment(0), payment(1)], "has_more": true })
                    .to_string()
            };
            let (status, body) = match head[..read].starts_with(b"GET") {
                true => ("200 OK", payments()),
                false => ("503 Unavailable", String::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _gone = peer.write_all(answer.as_bytes()).await;
        }
    });
    (address, served)
}

#[tokio::test]
async fn a_list_without_end_ends_the_search() {
    common::watch::everything();
    for key in ["fl_test_sk_canary123", "api_test_sk_canary123"] {
        for (repeats, most) in [(true, 20), (false, 1100)] {
            let (address, served) = endless_lists(repeats).await;
            let time = ManualTime::automatic();
            let flowlix = Flowlix::builder(key)
                .base_url(address)
                .runtime(time.clone());
            let intent = order_of(&intents_of(flowlix.build().unwrap(), MemoryStore::new()));
            let status = pay(&intent, VISA).await;
            assert!(unknown(&status), "{status}");
            time.advance(minutes(31));
            let status = intent.status().await.unwrap();
            assert!(unknown(&status), "nothing is proved: {status}");
            let served = served.load(Ordering::SeqCst);
            assert!(served < most, "{served} requests");
        }
    }
}

#[tokio::test]
async fn server_errors_for_ever_leave_the_outcome_unknown() {
    for dialect in DIALECTS {
        for status in [500, 503] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            stage
                .sandbox
                .inject_at(Matcher::any(), Fault::status(status), 9999);
            let (first, sent) = requests(&stage, pay(&intent, VISA)).await;
            assert!(unknown(&first), "{first}");
            assert!(sent <= 16, "{sent} requests");
            let (second, sent) = requests(&stage, pay(&intent, VISA)).await;
            assert!(unknown(&second), "{second}");
            assert!(sent <= 16, "{sent} requests");
            stage.time.advance(minutes(31));
            let (third, sent) = requests(&stage, intent.status()).await;
            assert!(unknown(&third.unwrap()) && sent <= 8, "{sent} requests");
            stage.sandbox.clear_faults();
            assert!(pay(&intent, VISA).await.is_paid());
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// The payment is accepted, and then nobody tells how it stands.
#[tokio::test]
async fn server_errors_to_reads_leave_it_processing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage
            .sandbox
            .inject_at(Matcher::method("GET"), Fault::status(503), 9999);
        let (status, sent) = requests(&stage, pay(&intent, VISA)).await;
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        assert!(sent < 40, "{sent} requests");
        let again = pay(&intent, "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Processing(_)), "{again}");
        stage.sandbox.clear_faults();
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_for() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        stage
            .sandbox
            .inject_at(CREATE, Fault::status_retry_after(429, "2"), 2);
        let status = pay(&an_order(&stage), VISA).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// Fault 3: what did nothing leaves nothing unknown.
#[tokio::test]
async fn a_rate_limit_for_ever_charges_nothing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.inject_at(CREATE, Fault::status(429), 9999);
        let (error, sent) = requests(&stage, paying(&intent, VISA).send()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::NotCarriedOut, "{error}");
        assert!(error.is_retryable() && sent < 30, "{sent} requests");
        assert!(matches!(error.status(), Some(IntentStatus::Unpaid(_))));
        assert!(error.to_string().contains("429"), "{error}");
        let status = intent.status().await.unwrap();
        assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
        stage.sandbox.clear_faults();
        assert!(pay(&intent, VISA).await.is_paid());
    }
}

fn is_about_the_api_key(error: &IntentError) {
    assert_eq!(error.kind(), IntentErrorKind::NotCarriedOut, "{error}");
    assert!(error.request_error().unwrap().is_authentication());
    assert!(error.to_string().contains("401"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_api_key_that_is_not_accepted_is_told() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.inject(Fault::status(401));
        let error = paying(&intent, VISA).await.unwrap_err();
        is_about_the_api_key(&error);
        assert!(matches!(error.status(), Some(IntentStatus::Unpaid(_))));
        assert!(pay(&intent, VISA).await.is_paid());
    }
}

#[tokio::test]
async fn a_rejected_api_key_hides_no_unknown_outcome() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 1);
        stage
            .sandbox
            .inject_at(Matcher::any(), Fault::status(401), 9999);
        let errors = [
            paying(&intent, VISA).await.unwrap_err(),
            paying(&intent, VISA).await.unwrap_err(),
            intent.status().await.unwrap_err(),
            intent.returned(None).await.unwrap_err(),
        ];
        for (number, error) in errors.into_iter().enumerate() {
            // The first call has lost an answer itself, which says more than the 401.
            if number > 0 {
                is_about_the_api_key(&error);
            }
            assert!(error.to_string().contains("401"), "{error}");
            assert!(error.status().is_some_and(unknown), "{error:?}");
        }
        stage.sandbox.clear_faults();
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_rejected_api_key_hides_no_waiting_payment() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        pay(&intent, THREE_D_SECURE).await;
        stage
            .sandbox
            .inject_at(Matcher::any(), Fault::status(401), 9999);
        for error in [
            paying(&intent, VISA).await.unwrap_err(),
            intent.status().await.unwrap_err(),
        ] {
            is_about_the_api_key(&error);
            let waits = matches!(error.status(), Some(IntentStatus::ActionRequired(_)));
            assert!(waits, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_hostile_attempt_number_breaks_nothing() {
    for dialect in DIALECTS {
        for number in [
            "4294967295",
            "4294967296",
            "1000000",
            "-1",
            "",
            "1/1",
            "\u{0661}",
        ] {
            for card in [VISA, DECLINED] {
                let stage = stage(dialect).await;
                let intent = an_order(&stage);
                let hostile = every_payment(move |payment| {
                    let mark = payment["metadata"][CORRELATION_ID]
                        .as_str()
                        .unwrap_or_default();
                    let id = mark.split('/').next().unwrap_or_default();
                    payment["metadata"][CORRELATION_ID] = format!("{id}/{number}").into();
                });
                stage.sandbox.inject_at(Matcher::any(), hostile, 9999);
                let (first, sent) = requests(&stage, paying(&intent, card).send()).await;
                let first = first.unwrap();
                assert!(sent < 60, "{number}: {sent} requests");
                assert_eq!(first.is_paid(), card == VISA, "{number}: {first}");
                let second = pay(&intent, VISA).await;
                assert!(second.is_paid() || card == DECLINED, "{number}: {second}");
                stage.sandbox.clear_faults();
                assert!(stage.payments_and_charges().1 <= 1, "{number}");
                intent.status().await.unwrap();
                assert!(intent.attempts().await.unwrap().len() <= 4);
            }
        }
    }
}

#[tokio::test]
async fn a_status_without_a_name_is_on_its_way() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let new = every_payment(|payment| payment["status"] = "settling".into());
        stage.sandbox.inject_at(Matcher::any(), new, 9999);
        let (status, sent) = requests(&stage, pay(&intent, VISA)).await;
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        assert!(sent < 30, "{sent} requests");
        let again = pay(&intent, "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Processing(_)), "{again}");
        stage.sandbox.clear_faults();
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_paid_payment_never_becomes_unpaid() {
    for dialect in DIALECTS {
        for back in ["pending", "failed", "canceled", "settling"] {
            let stage = stage(dialect).await;
            let store = MemoryStore::new();
            let intent = order(&stage, store.clone());
            assert!(pay(&intent, VISA).await.is_paid());
            let spelled = spelled(dialect, back);
            let changed = every_payment(move |payment| payment["status"] = spelled.clone().into());
            stage
                .sandbox
                .inject_at(Matcher::method("GET"), changed, 9999);
            let id = stage.sandbox.ledger().payments()[0].id.clone();
            let query = format!("payment_id={id}&status=failed");
            // A refund reads the payment first; what it makes of the new status is its own affair.
            let _refused = intent.refund("return-77").amount(1).await;
            for status in [
                intent.status().await.unwrap(),
                intent.returned(Some(&query)).await.unwrap(),
                pay(&order(&stage, store.clone()), "5555555555554444").await,
            ] {
                assert!(matches!(status, IntentStatus::Paid(_)), "{back}: {status}");
            }
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_failed_payment_charged_after_all_is_told() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let status = pay(&intent, DECLINED).await;
        assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        let (pending, charged) = (spelled(dialect, "pending"), spelled(dialect, "succeeded"));
        let query = format!("payment_id={id}&status=succeeded");
        let set = |status: String| {
            every_payment(move |payment| payment["status"] = status.clone().into())
        };
        stage
            .sandbox
            .inject_at(Matcher::method("GET"), set(pending), 1);
        let status = intent.returned(Some(&query)).await.unwrap();
        assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
        stage.sandbox.clear_faults();
        stage
            .sandbox
            .inject_at(Matcher::method("GET"), set(charged), 1);
        let status = intent.returned(Some(&query)).await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        let posts = stage.posts().len();
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.posts().len(), posts, "no second charge");
    }
}

#[tokio::test]
async fn a_query_about_another_payment_is_not_believed() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intents = intents(&stage, MemoryStore::new());
        let other = intents.intent("order-1235", Money::eur(1_00));
        assert!(pay(&other, VISA).await.is_paid());
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        let intent = order_of(&intents);
        let query = format!("payment_id={id}&status=succeeded");
        let error = intent.returned(Some(&query)).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::OtherIntent, "{error}");
        for query in [
            "payment_id=../../pay_1",
            "payment_id=pay_1&payment_id=pay_2",
            "payment_id=%00",
        ] {
            let error = intent.returned(Some(query)).await.unwrap_err();
            assert_eq!(
                error.kind(),
                IntentErrorKind::InvalidRequest,
                "{query}: {error}"
            );
        }
        let status = intent.status().await.unwrap();
        assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
    }
}

/// A machine on the way answers in Flowlix's place.
#[tokio::test]
async fn a_refusal_that_is_not_flowlixs_leaves_it_unknown() {
    for dialect in DIALECTS {
        for status in [400, 403, 404, 409, 422, 429] {
            for committed in [false, true] {
                let stage = stage(dialect).await;
                let intent = an_order(&stage);
                let fault = match committed {
                    false => Fault::html(status),
                    true => Fault::html(status).after_commit(),
                };
                stage.sandbox.inject_at(CREATE, fault, 9999);
                stage.sandbox.set_list_lag(60);
                let (first, sent) = requests(&stage, pay(&intent, VISA)).await;
                assert!(unknown(&first), "{status}: {first}");
                assert!(sent < 20, "{status}: {sent} requests");
                stage.sandbox.clear_faults();
                stage.sandbox.set_list_lag(0);
                let again = pay(&intent, VISA).await;
                assert!(matches!(again, IntentStatus::Paid(_)), "{status}: {again}");
                assert_eq!(stage.payments_and_charges(), (1, 1));
            }
        }
    }
}

/// Fault 4: a rejected request did nothing; what an earlier one did is another question.
#[tokio::test]
async fn a_rejection_tells_of_an_earlier_unknown_request() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let rejection = || error_answer(422, "invalid_request_error", "No such thing.");
        stage.sandbox.inject_at(CREATE, rejection(), 1);
        let error = paying(&intent, VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Rejected, "{error}");
        assert!(matches!(error.status(), Some(IntentStatus::Unpaid(_))));

        stage
            .sandbox
            .inject_at(CREATE, Fault::ResetBeforeReading, 1);
        stage.sandbox.inject_at(CREATE, rejection(), 1);
        let error = paying(&intent, VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Rejected, "{error}");
        assert!(error.status().is_some_and(unknown), "{error:?}");
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn an_unreadable_refund_is_found() {
    for dialect in DIALECTS {
        let garbage = || Fault::raw(201, JSON, r#"{"object":"refund"}"#).after_commit();
        for fault in [Fault::Garbage, garbage(), Fault::html(200).after_commit()] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            assert!(pay(&intent, VISA).await.is_paid());
            stage.sandbox.inject_at(Operation::Refund, fault.clone(), 1);
            let refund = || intent.refund("return-77").amount(10_00);
            let first = refund().await.unwrap();
            assert!(
                !matches!(first, RefundStatus::Failed(_) | RefundStatus::NotMade(_)),
                "{first}"
            );
            let again = refund().await.unwrap();
            assert!(
                matches!(again, RefundStatus::Succeeded(_)),
                "{fault:?}: {again}"
            );
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        }
    }
}

#[tokio::test]
async fn a_conflict_about_a_refund_is_waited_out() {
    for dialect in DIALECTS {
        for words in [
            "currently being processed",
            "Conflict.",
            "used with a different request body",
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            assert!(pay(&intent, VISA).await.is_paid());
            let conflict = || error_answer(409, "idempotency_error", words);
            stage.sandbox.inject_at(Operation::Refund, conflict(), 2);
            let status = intent.refund("a").amount(1_00).await.unwrap();
            assert!(
                matches!(status, RefundStatus::Succeeded(_)),
                "{words}: {status}"
            );
            stage.sandbox.inject_at(Operation::Refund, conflict(), 9999);
            let refund = intent.refund("b").amount(1_00).send();
            let (status, sent) = requests(&stage, refund).await;
            let status = status.unwrap();
            assert!(
                matches!(status, RefundStatus::OutcomeUnknown(_)),
                "{words}: {status}"
            );
            assert!(sent < 40, "{words}: {sent} requests");
            stage.time.advance(minutes(26 * 60));
            let status = intent.refund("b").amount(1_00).await.unwrap();
            assert!(status.info().needs_person(), "{words}: {status}");
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        }
    }
}

#[tokio::test]
async fn a_refund_is_honest_about_the_api_key() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = MemoryStore::new();
        let intent = order(&stage, store.clone());
        assert!(pay(&intent, VISA).await.is_paid());
        stage
            .sandbox
            .inject_at(Matcher::any(), Fault::status(401), 1);
        let error = intent.refund("return-77").amount(10_00).await.unwrap_err();
        is_about_the_api_key(&error);
        assert!(error.status().unwrap().is_paid());
        let foreign = client(&stage, stage.sandbox.foreign_key(dialect));
        let foreign = order_of(&intents_of(foreign, store));
        let error = foreign.refund("return-77").amount(10_00).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::NotCarriedOut, "{error}");
        assert_eq!(stage.sandbox.ledger().refunds().count(), 0);
    }
}

#[tokio::test]
async fn texts_hold_no_secret_that_an_answer_holds() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let key = stage.sandbox.key(dialect);
        let message = format!("Card {VISA} with cvc: {CVC} and key {key}\nis\u{1b}[31m wrong.");
        for (kind, status) in [
            ("invalid_request_error", 400),
            ("api_error", 401),
            ("card_error", 422),
            ("x", 429),
            ("y", 503),
            ("idempotency_error", 409),
        ] {
            let intent = an_order(&stage);
            stage
                .sandbox
                .inject_at(CREATE, error_answer(status, kind, &message), 999);
            let texts = match paying(&intent, VISA).await {
                Ok(status) => [status.to_string(), format!("{status:?}"), String::new()],
                Err(error) => [error.to_string(), format!("{error:?}"), error.explain()],
            };
            stage.sandbox.clear_faults();
            for text in &texts {
                assert_eq!(common::secrets::leak(text), None, "{status}: {text}");
                assert!(!text.contains('\u{1b}'), "{status}: {text:?}");
            }
            assert!(!texts[0].contains('\n'), "{status}: {}", texts[0]);
            stage.time.advance(Duration::from_secs(120));
        }
        let waiting = pay(&stage_order(&stage, "order-3ds"), THREE_D_SECURE).await;
        let IntentStatus::ActionRequired(action) = &waiting else {
            panic!("{waiting}")
        };
        let address = action.redirect_url().unwrap();
        assert!(!waiting.to_string().contains(address), "{waiting}");
    }
}

fn stage_order(stage: &Stage, reference: &str) -> Intent {
    intents(stage, MemoryStore::new()).intent(reference, Money::eur(49_99))
}

#[tokio::test]
async fn absurd_refunds_in_an_answer_break_nothing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        assert!(pay(&intent, VISA).await.is_paid());
        let absurd = Fault::alter(move |body| {
            let refund = |amount: i64| json!({ "id": "ref_1", "amount": amount, "currency": "eur", "status": "succeeded" });
            let max = i64::MAX;
            body["refunds"] = json!([refund(max), refund(max), refund(i64::MIN), refund(-1)]);
            body["amount_refunded"] = max.into();
            body["amount_refundable"] = i64::MIN.into();
        });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, absurd, 99);
        let error = intent.refund("return-77").amount(1).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::InvalidRequest, "{error}");
        assert!(intent.status().await.unwrap().is_paid());
        stage.sandbox.clear_faults();
        let status = intent.refund("return-77").amount(1).await.unwrap();
        assert!(matches!(status, RefundStatus::Succeeded(_)), "{status}");
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn a_refund_that_never_ends_is_pending() {
    for dialect in DIALECTS {
        for status in ["reviewing", "", "pending"] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            assert!(pay(&intent, VISA).await.is_paid());
            let endless = Fault::alter(move |body| {
                if let Some(refund) = body["refunds"].get_mut(0) {
                    refund["status"] = status.into();
                }
            });
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, endless, 9999);
            let refund = intent.refund("return-77").amount(1_00).send();
            let (refund, sent) = requests(&stage, refund).await;
            let refund = refund.unwrap();
            assert!(
                matches!(refund, RefundStatus::Pending(_)),
                "{status}: {refund}"
            );
            assert!(sent < 20, "{status}: {sent} requests");
        }
    }
}

/// Fault 14: one answer with a wrong `Date` stops nothing.
#[tokio::test]
async fn a_wrong_date_stops_no_payment() {
    for dialect in DIALECTS {
        for date in [
            "Thu, 01 Jan 2099 00:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "yesterday",
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            let headers = [
                ("date", date),
                ("x-request-id", "req_abcdef"),
                ("content-type", "application/json"),
            ];
            let body = json!({ "error": { "type": "api_error", "message": "No.", "request_id": "req_abcdef" } });
            let wrong = Fault::raw(503, headers, body.to_string());
            stage.sandbox.inject_at(Matcher::any(), wrong.clone(), 4);
            let first = pay(&intent, VISA).await;
            let again = pay(&intent, VISA).await;
            assert!(again.is_paid(), "{date}: {first}, then {again}");
            stage.sandbox.inject_at(Matcher::any(), wrong, 1);
            let refund = intent.refund("return-77").amount(1_00).await.unwrap();
            assert!(
                matches!(refund, RefundStatus::Succeeded(_)),
                "{date}: {refund}"
            );
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_hosted_page_is_found_after_a_damaged_answer() {
    for dialect in DIALECTS {
        for fault in [
            Fault::Garbage,
            Fault::LoseAnswer,
            Fault::html(200).after_commit(),
            Fault::patch(json!({ "amount": 1 })),
            Fault::patch(json!({ "livemode": true })),
            Fault::patch(json!({ "id": null })),
        ] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            let create = Operation::CreateHostedPayment;
            stage.sandbox.inject_at(create, fault.clone(), 1);
            let hosted = intent.pay_hosted("https://shop.example.com/back");
            let status = hosted.await.unwrap();
            let IntentStatus::ActionRequired(action) = &status else {
                panic!("{fault:?}: {status}")
            };
            assert!(action.redirect_url().is_some(), "{fault:?}");
            let again = intent.pay_hosted("https://shop.example.com/back");
            let again = again.await.unwrap();
            assert!(matches!(again, IntentStatus::ActionRequired(_)), "{again}");
            assert_eq!(stage.payments_and_charges(), (1, 0), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn an_action_without_an_address_is_waited_for() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = an_order(&stage);
        let waiting = spelled(dialect, "requires_action");
        let no_address = move |payment: &mut Value| {
            payment["status"] = waiting.clone().into();
            payment["next_action"] = json!({ "type": "redirect" });
        };
        let fault = every_payment(no_address);
        stage.sandbox.inject_at(Matcher::any(), fault.clone(), 99);
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!("no action")
        };
        assert!(action.redirect_url().is_none());
        stage.sandbox.clear_faults();
        let id = action.payment_id().unwrap().as_str();
        stage.sandbox.settle();
        stage.sandbox.approve(id).unwrap();
        // Flowlix still shows the action for a moment.
        stage.sandbox.inject_at(Matcher::method("GET"), fault, 2);
        let status = intent.returned(None).await.unwrap();
        assert!(status.is_paid(), "{status}");
    }
}

/// A payment is for the amount that it was created for, whatever one answer says.
#[tokio::test]
async fn another_amount_in_one_answer_changes_nothing() {
    for dialect in DIALECTS {
        for within in [Duration::ZERO, Duration::from_secs(10)] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            let other = Fault::alter(|payment| payment["amount"] = json!(1));
            let retrieve = Operation::RetrievePayment;
            stage.sandbox.inject_at(retrieve, other, 1);
            paying(&intent, VISA).within(within).await.unwrap();
            for _ in 0..2 {
                let status = pay(&intent, VISA).await;
                assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
                assert_eq!(status.amount(), &Money::eur(49_99));
            }
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// An answer that names a payment which Flowlix does not have: the lists show the one that it made.
#[tokio::test]
async fn create_answer_with_a_wrong_id_is_found_by_its_mark() {
    for dialect in DIALECTS {
        for number in [VISA, DECLINED] {
            let stage = stage(dialect).await;
            let intent = an_order(&stage);
            let id = match dialect {
                Dialect::SnakeCase => "pay_00000000000000000000000000000000",
                Dialect::Uppercase => "00000000-0000-4000-8000-000000000000",
            };
            let wrong = Fault::alter(move |payment| payment["id"] = json!(id));
            stage.sandbox.inject_at(CREATE, wrong, 1);
            let status = pay(&intent, number).await;
            assert_eq!(status.is_paid(), number == VISA, "{status}");
            if number == DECLINED {
                // What became of the other one is not known, and the reason is told.
                assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
                let said = status.not_read().unwrap();
                assert_eq!(said.kind(), flowlix_ext::ErrorKind::NotFound);
                assert!(status.to_string().contains("not found"), "{status}");
            }
            assert_eq!(stage.payments_and_charges().0, 1);
        }
    }
}

/// The API key of another merchant sees nothing: the status says so.
#[tokio::test]
async fn key_that_does_not_see_the_payment_is_told() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = MemoryStore::new();
        let status = pay(&order(&stage, store.clone()), THREE_D_SECURE).await;
        assert!(status.not_read().is_none(), "{status}");
        let flowlix = client(&stage, stage.sandbox.foreign_key(dialect));
        let status = order_of(&intents_of(flowlix, store))
            .status()
            .await
            .unwrap();
        let IntentStatus::ActionRequired(action) = &status else {
            panic!("{status}")
        };
        assert_eq!(action.redirect_url(), None);
        assert!(status.to_string().contains("not found"), "{status}");
    }
}
