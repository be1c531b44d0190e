//! Servers and machines in between that do what no document says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/raw_server.rs"]
mod raw_server;

use std::time::Duration;

use common::{DIALECTS, Stage};
use flowlix_ext::call::decision::Situation;
use flowlix_ext::call::history::StopReason;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, Flowlix, FlowlixBuilder, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation};
use raw_server::{RawServer, Then};
use serde_json::{Value, json};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const KEYS: [&str; 2] = ["fl_test_sk_canary123", "api_test_sk_canary123"];

fn client(server: &RawServer, key: &str, time: &ManualTime) -> FlowlixBuilder {
    Flowlix::builder(key)
        .base_url(server.base_url())
        .runtime(time.clone())
}

fn create(flowlix: &Flowlix) -> flowlix_ext::payments::CreateDirect {
    let card = common::card(common::VISA);
    flowlix
        .payments()
        .create_direct(Money::eur(49_99), card)
        .return_url("https://shop.example.com/3ds")
}

/// No such stream of bytes ends by itself: only the limits of the call end it.
#[tokio::test]
async fn no_endless_answer_outlasts_the_call() {
    common::watch::everything();
    let head = "HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n";
    for (begin, again, situation) in [
        (head, " ", Situation::AnswerCutShort),
        ("", "HTTP/1.1 102 Processing\r\n\r\n", Situation::NoAnswer),
        ("HTTP/1.1 201 Created\r\nx: ", "x", Situation::NoAnswer),
    ] {
        for key in KEYS {
            let server = RawServer::start(begin, Then::Repeat(again)).await;
            let time = ManualTime::automatic();
            let builder = client(&server, key, &time).operation_timeout(Duration::from_secs(30));
            let call = tokio::spawn(create(&builder.build().unwrap()).send());
            for attempt in 1..=2 {
                server.wait_until_under_way(attempt).await;
                time.advance(Duration::from_secs(20));
            }
            let error = call.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            assert!(error.is_timeout(), "{error}");
            let seen: Vec<_> = error
                .history()
                .iter()
                .map(|report| report.situation)
                .collect();
            assert_eq!(seen, [situation; 2]);
            assert!(matches!(
                error.stop_reason(),
                Some(StopReason::Deadline { .. })
            ));
        }
    }
}

#[tokio::test]
async fn what_is_no_http_leaves_the_outcome_unknown() {
    common::watch::everything();
    let many_headers = format!("HTTP/1.1 201 Created\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for answer in [
        "",
        "\0\u{1}\u{2}",
        "HTTP/1.1",
        "HTTP/9.9 201 Created\r\n\r\n",
        "HTTP/1.1 2o1 Created\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        many_headers.as_str(),
    ] {
        for key in KEYS {
            let server = RawServer::start(answer, Then::Close).await;
            let time = ManualTime::automatic();
            let flowlix = client(&server, key, &time).build().unwrap();
            let error = create(&flowlix).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::OutcomeUnknown,
                "{answer:?}: {error}"
            );
            assert_eq!(error.attempts(), 4);
            assert_eq!(error.history()[0].situation, Situation::NoAnswer);
            let bodies = server.bodies();
            assert_eq!(bodies.len(), 4, "{answer:?}");
            assert!(bodies.iter().all(|body| body == &bodies[0]));
        }
    }
}

#[tokio::test]
async fn no_limit_is_too_long() {
    for dialect in DIALECTS {
        let stage = Stage::with(dialect, |builder| {
            builder
                .connect_timeout(Duration::MAX)
                .attempt_timeout(Duration::MAX)
                .operation_timeout(Duration::MAX)
        })
        .await;
        stage.sandbox.inject(Fault::status(503));
        stage.create().await.unwrap();
        let real_time = Flowlix::builder(stage.sandbox.key(dialect))
            .base_url(stage.sandbox.base_url())
            .build()
            .unwrap();
        create(&real_time)
            .attempt_timeout(Duration::MAX)
            .operation_timeout(Duration::MAX)
            .await
            .unwrap();
    }
}

fn about_something_else(error: &Error, kind: ErrorKind, member: &str) {
    assert_eq!(
        (error.kind(), error.json_path()),
        (kind, Some(member)),
        "{error}"
    );
    let is_write = kind == ErrorKind::AcceptedButMismatched;
    assert_eq!(error.may_have_taken_effect(), is_write, "{error}");
    let text = error.to_string();
    assert!(text.contains("not about what was asked for"), "{text}");
    assert_eq!(text.contains("do not start a new one"), is_write, "{text}");
    assert!(text.contains("json_path()"), "{text}");
    let answer: Value = serde_json::from_slice(error.raw_body().unwrap()).unwrap();
    assert!(answer.get(member).is_some(), "{answer}");
    assert!(!error.is_retryable());
    assert_eq!(error.attempts(), 1, "nothing is sent again");
}

#[tokio::test]
async fn an_answer_about_another_payment_is_no_outcome() {
    for dialect in DIALECTS {
        for (patch, member) in [
            (json!({ "amount": 49_98 }), "amount"),
            (json!({ "currency": "gbp" }), "currency"),
            (json!({ "currency": "doubloon" }), "currency"),
        ] {
            let stage = Stage::new(dialect).await;
            stage.sandbox.inject(Fault::patch(patch.clone()));
            let error = stage.create().await.unwrap_err();
            let kind = ErrorKind::AcceptedButMismatched;
            about_something_else(&error, kind, member);
            assert_eq!(stage.payments_and_charges(), (1, 1));

            stage.sandbox.inject(Fault::patch(patch));
            let hosted = stage
                .flowlix
                .payments()
                .create_hosted(Money::eur(1), "https://shop.example.com/back");
            let error = hosted.await.unwrap_err();
            about_something_else(&error, kind, member);
            assert_eq!(stage.payments_and_charges(), (2, 1));
        }
    }
}

/// Of two payments alike the stamp tells which is which.
#[tokio::test]
async fn an_answer_with_another_requests_stamp_is_no_outcome() {
    for dialect in DIALECTS {
        let (stage, _journal) = common::journal::stage(dialect).await;
        let stamp = json!({ flowlix_ext::journal::STAMP: "00112233445566778899aabbccddeeff" });
        let foreign = || Fault::patch(json!({ "metadata": stamp }));
        let kind = ErrorKind::AcceptedButMismatched;
        stage.sandbox.inject(foreign());
        about_something_else(&stage.create().await.unwrap_err(), kind, "metadata");
        let repeat = stage.create().await.unwrap();
        stage.sandbox.inject(foreign());
        let payments = stage.flowlix.payments();
        let hosted = payments.create_hosted(Money::eur(1), "https://shop.example.com/back");
        about_something_else(&hosted.await.unwrap_err(), kind, "metadata");
        assert_eq!(stage.payments_and_charges(), (2, 1));
        if dialect == Dialect::Uppercase {
            stage.sandbox.inject(foreign());
            let refund = stage.flowlix.refunds().create(&repeat.id).amount(1).await;
            about_something_else(&refund.unwrap_err(), kind, "metadata");
        }
    }
}

#[tokio::test]
async fn the_payment_that_is_read_is_the_one_that_was_asked_for() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let asked = stage.create().await.unwrap();
        let other = stage.create().idempotency_key(key("other")).await.unwrap();
        let stray = Fault::patch(json!({ "id": other.id, "status": "succeeded" }));
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, stray.clone(), 1);
        let read = stage.flowlix.payments().retrieve(&asked.id);
        let error = read.await.unwrap_err();
        about_something_else(&error, ErrorKind::Mismatched, "id");

        // A cache that mixes things up for a while does not end a wait, and never settles it.
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, stray, 2);
        let settled = stage.flowlix.payments().wait(&asked.id).await.unwrap();
        assert_eq!(settled.payment().id, asked.id);
        assert_eq!(stage.sandbox.pending_faults(), 0);
    }
}

#[tokio::test]
async fn an_id_in_other_letters_is_the_same_id() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let payment = stage.create().await.unwrap();
    let shouted = payment.id.as_str().replacen("pay_", "", 1).to_uppercase();
    let shouted = json!({ "id": format!("pay_{shouted}") });
    stage
        .sandbox
        .inject_at(Operation::RetrievePayment, Fault::patch(shouted), 1);
    assert!(stage.flowlix.payments().retrieve(&payment.id).await.is_ok());
}

#[tokio::test]
async fn an_answer_about_another_refund_is_no_outcome() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let strays = match dialect {
            Dialect::SnakeCase => vec![(json!({ "id": "pay_another" }), "id")],
            Dialect::Uppercase => vec![
                (json!({ "payment_id": "pay_another" }), "payment_id"),
                (json!({ "amount": 2 }), "amount"),
            ],
        };
        for (made, (patch, member)) in (1..).zip(strays) {
            stage.sandbox.inject(Fault::patch(patch));
            let refund = stage.flowlix.refunds().create(&payment.id);
            let error = refund.amount(1).reason("broken").await.unwrap_err();
            about_something_else(&error, ErrorKind::AcceptedButMismatched, member);
            assert_eq!(stage.sandbox.ledger().refunds().count(), made);
            // The payment that is read before a refund is a read.
            let stray = Fault::patch(json!({ "id": "pay_another" }));
            stage.sandbox.inject(stray);
            let refund = stage.flowlix.refunds().create(&payment.id);
            let error = refund.amount(1).reason("broken").check_first().await;
            about_something_else(&error.unwrap_err(), ErrorKind::Mismatched, "id");
            assert_eq!(stage.sandbox.ledger().refunds().count(), made);
        }
        // A refund that does not say whose it is belongs to the payment that was named.
        if dialect == Dialect::Uppercase {
            stage
                .sandbox
                .inject(Fault::patch(json!({ "payment_id": null })));
            let refund = stage.flowlix.refunds().create(&payment.id);
            let created = refund.amount(1).reason("broken").await.unwrap();
            assert_eq!(created.payment_id, payment.id);
        }
    }
}

#[tokio::test]
async fn accepted_is_accepted_whatever_the_body() {
    for dialect in DIALECTS {
        let bodies: [(u16, Vec<u8>); 7] = [
            (204, Vec::new()),
            (201, Vec::new()),
            (200, b"null".to_vec()),
            (201, b"[]".to_vec()),
            (201, br#"{"error":{"message":"no"}}"#.to_vec()),
            (201, b"<html>welcome</html>".to_vec()),
            (201, vec![b' '; 9 * 1024 * 1024]),
        ];
        for (status, body) in bodies {
            let stage = Stage::new(dialect).await;
            let is_whole = body.len() < 9_000_000;
            let fault = Fault::raw(status, JSON, body.clone()).after_commit();
            stage.sandbox.inject(fault);
            let error = stage.create().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AcceptedButUndecodable, "{error}");
            assert_eq!((error.status(), error.attempts()), (Some(status), 1));
            assert_eq!(error.raw_body(), is_whole.then_some(&body[..]));
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn json_is_read_whatever_it_is_called() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let body = r#"{"id":"pay_1","amount":4999,"currency":"EUR","status":"pending"}"#;
        stage
            .sandbox
            .inject(Fault::raw(200, [("content-type", "text/html")], body));
        assert_eq!(stage.create().await.unwrap().id.as_str(), "pay_1");
    }
}

#[tokio::test]
async fn of_two_pieces_of_advice_the_longer_one_counts() {
    for dialect in DIALECTS {
        for (first, second, pause) in [
            ("3", "Mon, 01 Jul 2024 00:00:09 GMT", 9),
            ("soon", "7", 7),
            ("7", "Sun, 30 Jun 2024 00:00:00 GMT", 7),
        ] {
            let stage = Stage::new(dialect).await;
            let advice = [("retry-after", first), ("retry-after", second)];
            stage.sandbox.inject(Fault::raw(503, advice, ""));
            stage.create().await.unwrap();
            assert_eq!(stage.time.delays(), [Duration::from_secs(pause)]);
        }
    }
}

#[tokio::test]
async fn advice_that_makes_no_sense_is_none() {
    for dialect in DIALECTS {
        for advice in ["", "-1", "1.5", "soon", "\u{ff17}"] {
            let stage = Stage::new(dialect).await;
            stage.sandbox.inject(Fault::status_retry_after(503, advice));
            stage.create().await.unwrap();
            let delays = stage.time.delays();
            assert!(
                delays[0] <= Duration::from_millis(250),
                "{advice}: {delays:?}"
            );
        }
        let stage = Stage::new(dialect).await;
        let forever = "99999999999999999999999999";
        stage
            .sandbox
            .inject(Fault::status_retry_after(503, forever));
        let error = stage.create().await.unwrap_err();
        assert!(stage.time.delays().is_empty());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(86_400)));
    }
}

#[tokio::test]
async fn another_body_under_the_key_does_not_end_a_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let words = "The idempotency key was already used with a different request body.";
        let conflict = json!({ "error": { "type": "idempotency_error", "message": words } });
        let at = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(at, Fault::LoseAnswer, 1);
        let conflict = Fault::raw(409, JSON, conflict.to_string());
        stage.sandbox.inject_at(at, conflict, 1);
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert!(error.may_have_taken_effect() && !error.is_retryable());
        assert!(error.to_string().contains("look it up"), "{error}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_conflict_that_advises_another_key_is_not_taken_for_another_body() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let words = "This key is in use. Wait, or send your request with a different key.";
        let conflict = json!({ "error": { "type": "idempotency_error", "message": words } });
        stage
            .sandbox
            .inject(Fault::raw(409, JSON, conflict.to_string()));
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    }
}

#[tokio::test]
async fn a_read_is_never_of_unknown_outcome() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        for fault in [
            Fault::in_flight(),
            Fault::status(409),
            Fault::raw(307, JSON, ""),
            Fault::raw(999, JSON, ""),
        ] {
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 1);
            let read = stage.flowlix.payments().retrieve(&payment.id);
            let error = read.await.unwrap_err();
            assert!(!error.may_have_taken_effect(), "{error}");
        }
    }
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::custom(text).unwrap()
}
