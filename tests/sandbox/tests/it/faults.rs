use std::io::{Read, Write};
use std::net::TcpStream;

use flowlix_sandbox::{Answer, Dialect, Fault, Matcher, Operation, Sandbox};
use serde_json::{Value, json};

use crate::client::{BOTH, Client, GOOD, direct, error};

/// Sends a create that meets the fault, then the same again: whatever the first came to, there
/// is one payment in the end, and a committed first is replayed.
async fn one_payment_all_the_same(fault: Fault, committed: bool) -> Vec<FirstTry> {
    let mut tries = Vec::new();
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        sandbox.inject(fault.clone());
        let first = client.try_post("/v1/payments", "key", &body).await;
        assert_eq!(sandbox.pending_faults(), 0);
        let before = sandbox.ledger();
        assert_eq!(before.payments().len(), usize::from(committed));
        let answer = sandbox.requests()[0].answer();
        let second = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(second.status, 201);
        if committed {
            assert_eq!(second.id(), before.payments()[0].id);
        }
        sandbox.settle();
        assert_eq!(sandbox.ledger().charges(), 1);
        tries.push(FirstTry {
            dialect,
            first,
            answer,
        });
    }
    tries
}

struct FirstTry {
    dialect: Dialect,
    first: Result<crate::client::Reply, reqwest::Error>,
    answer: Answer,
}

#[tokio::test]
async fn a_lost_answer_is_committed() {
    for attempt in one_payment_all_the_same(Fault::LoseAnswer, true).await {
        let error = attempt.first.unwrap_err();
        assert!(error.is_request() && !error.is_connect());
        assert_eq!(attempt.answer, Answer::Lost);
    }
}

#[tokio::test]
async fn a_reset_before_reading_is_not_committed() {
    for attempt in one_payment_all_the_same(Fault::ResetBeforeReading, false).await {
        assert!(attempt.first.is_err());
        assert_eq!(attempt.answer, Answer::Reset);
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.inject(Fault::ResetBeforeReading);
    let address = sandbox
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"POST /v1/payments HTTP/1.1\r\nContent-Le")
            .unwrap();
        stream.read(&mut [0; 1])
    });
    let error = read.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_cut_body_is_committed() {
    for attempt in one_payment_all_the_same(Fault::CutBody, true).await {
        let error = attempt.first.unwrap_err();
        assert!(error.is_body() || error.is_decode());
        assert_eq!(attempt.answer, Answer::Cut(201));
    }
}

#[tokio::test]
async fn garbage_is_committed() {
    for attempt in one_payment_all_the_same(Fault::Garbage, true).await {
        let first = attempt.first.unwrap();
        assert_eq!(first.status, 201);
        assert!(serde_json::from_str::<Value>(&first.text).is_err());
    }
}

#[tokio::test]
async fn documented_errors_can_be_scripted() {
    for (status, kind, code) in [
        (429, "rate_limit_error", Some("rate_limit_exceeded")),
        (500, "api_error", None),
        (503, "api_error", None),
        (409, "idempotency_error", Some("idempotency_key_in_use")),
        (401, "authentication_error", Some("invalid_api_key")),
        (402, "card_error", None),
    ] {
        for committed in [false, true] {
            let fault = Fault::status_retry_after(status, "7");
            let fault = if committed {
                fault.after_commit()
            } else {
                fault
            };
            for attempt in one_payment_all_the_same(fault, committed).await {
                let first = attempt.first.unwrap();
                assert_eq!(first.error(), error(status, kind, code, None));
                assert_eq!(first.header("retry-after"), Some("7"));
                assert!(first.header("x-ratelimit-remaining").is_some());
                let name = match attempt.dialect {
                    Dialect::SnakeCase => "flowlix-request-id",
                    Dialect::Uppercase => "request-id",
                };
                assert!(first.header(name).is_some());
                assert_eq!(attempt.answer, Answer::Status(status));
            }
        }
    }
}

#[tokio::test]
async fn a_synchronous_decline_leaves_no_payment_and_no_key() {
    for attempt in one_payment_all_the_same(Fault::declined("stolen_card"), false).await {
        let first = attempt.first.unwrap();
        assert_eq!(first.error(), error(422, "card_error", None, None));
        assert_eq!(first.json()["error"]["decline_code"], "stolen_card");
        assert_eq!(first.header("x-ratelimit-remaining"), Some("499"));
        assert_eq!(attempt.answer, Answer::Status(422));
    }
}

#[tokio::test]
async fn a_synchronous_decline_does_not_undo_a_payment() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        let first = client.post_with_key("/v1/payments", "key", &body).await;
        sandbox.inject(Fault::declined("do_not_honor"));
        let replay = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(replay.text, first.text);
        assert_eq!(sandbox.pending_faults(), 0);
    }
}

#[tokio::test]
async fn a_proxys_page_has_nothing_of_flowlix() {
    for committed in [false, true] {
        let fault = Fault::html(502);
        let fault = if committed {
            fault.after_commit()
        } else {
            fault
        };
        for attempt in one_payment_all_the_same(fault, committed).await {
            let first = attempt.first.unwrap();
            assert_eq!(first.status, 502);
            assert_eq!(first.header("content-type"), Some("text/html"));
            assert_eq!(first.header("request-id"), None);
            assert_eq!(first.header("flowlix-request-id"), None);
            assert!(first.text.starts_with("<html>"));
        }
    }
}

#[tokio::test]
async fn an_answer_can_be_given_to_the_byte() {
    let fault = Fault::raw(418, [("X-Strange", "yes")], "\u{0}short");
    for attempt in one_payment_all_the_same(fault, false).await {
        let first = attempt.first.unwrap();
        assert_eq!((first.status, first.text.as_str()), (418, "\u{0}short"));
        assert_eq!(first.header("x-strange"), Some("yes"));
        assert_eq!(first.header("content-type"), None);
    }
}

#[tokio::test]
async fn an_answer_can_gain_lose_and_change_members() {
    let patch = json!({
        "status": "on_holiday", "description": null,
        "card": { "network": { "name": "x" } }, "next_action": { "redirect_url": "y" }
    });
    for attempt in one_payment_all_the_same(Fault::patch(patch), true).await {
        let payment = attempt.first.unwrap().json();
        assert_eq!(payment["status"], "on_holiday");
        assert_eq!(payment.get("description"), None);
        assert_eq!(payment["card"]["network"], json!({ "name": "x" }));
        assert_eq!(payment["next_action"]["redirect_url"], "y");
        assert_eq!(payment["amount"], 4999);
    }
    let halve = Fault::alter(|body| body["amount"] = json!("many"));
    for attempt in one_payment_all_the_same(halve, true).await {
        assert_eq!(attempt.first.unwrap().json()["amount"], "many");
    }
}

#[tokio::test]
async fn in_flight_can_be_scripted_for_a_while() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let body = direct(Dialect::Uppercase, GOOD);
    sandbox.inject_at(Operation::CreateDirectPayment, Fault::in_flight(), 2);
    for expected in [409, 409, 201] {
        let reply = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(reply.status, expected);
        assert_eq!(
            reply.text.contains("currently being processed"),
            expected == 409
        );
    }
}

#[tokio::test]
async fn a_held_request_is_processed_when_it_is_let_go_even_if_nobody_waits() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let body = direct(Dialect::SnakeCase, GOOD);
    sandbox.inject(Fault::Stall);
    tokio::select! {
        _ = client.post_with_key("/v1/payments", "key", &body) => panic!("answered"),
        () = sandbox.wait_for_stalled(1) => {}
    }
    assert!(sandbox.ledger().payments().is_empty());
    assert_eq!(sandbox.requests()[0].answer(), Answer::Pending);
    sandbox.release_stalled();
    // The same key runs into the first request until that is done, and then gets its answer.
    let reply = loop {
        let reply = client.post_with_key("/v1/payments", "key", &body).await;
        if reply.status != 409 {
            break reply;
        }
    };
    assert_eq!(reply.status, 201);
    assert_eq!(sandbox.ledger().payments().len(), 1);
}

#[tokio::test]
async fn a_held_answer_belongs_to_a_committed_request() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        sandbox.inject(Fault::StallAnswer);
        let meanwhile = async {
            sandbox.wait_for_stalled(1).await;
            assert_eq!(sandbox.ledger().payments().len(), 1);
            let twin = client.post_with_key("/v1/payments", "key", &body).await;
            sandbox.release_stalled();
            twin
        };
        let held = client.post_with_key("/v1/payments", "key", &body);
        let (held, twin) = tokio::join!(held, meanwhile);
        assert_eq!(held.text, twin.text);
        assert_eq!(sandbox.ledger().payments().len(), 1);
    }
}

#[tokio::test]
async fn faults_hit_what_they_are_aimed_at_in_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let id = client.succeeded().await;
    sandbox.inject_at(Operation::Refund, Fault::status(503), 1);
    sandbox.inject_at(Operation::RetrievePayment, Fault::Pass, 1);
    sandbox.inject_at(Operation::RetrievePayment, Fault::status(500), 1);
    sandbox.inject_at(Matcher::path("/v1/payments"), Fault::status(429), 1);
    assert_eq!(sandbox.pending_faults(), 4);
    let get = async || client.get(&format!("/v1/payments/{id}")).await.status;
    assert_eq!([get().await, get().await, get().await], [200, 500, 200]);
    assert_eq!(client.get("/v1/payments?limit=1").await.status, 429);
    assert_eq!(client.refund(&id, None).await.status, 503);
    assert_eq!(client.refund(&id, None).await.status, 201);

    sandbox.inject_at(Matcher::method("POST"), Fault::status(500), 1);
    // The sandbox's own pages are never hit.
    sandbox.inject(Fault::status(500));
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(get().await, 500);
    sandbox.clear_faults();
    assert_eq!(client.refund(&id, Some(1)).await.status, 422);
}
