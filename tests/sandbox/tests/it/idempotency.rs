use std::time::Duration;

use flowlix_sandbox::{Dialect, Fault, Sandbox};
use serde_json::json;

use crate::client::{BOTH, Client, GOOD, direct, error, hosted, refund, send};

const IN_USE: Option<&str> = Some("idempotency_key_in_use");

#[tokio::test]
async fn the_same_bytes_replay_the_answer_with_fresh_headers() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        let first = client.post_with_key("/v1/payments", "key", &body).await;
        // The payment moves on; the stored answer does not.
        client.poll(&first.id()).await;
        let second = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!((first.status, second.status), (201, 201));
        assert_eq!(first.text, second.text);
        let name = match dialect {
            Dialect::SnakeCase => "flowlix-request-id",
            Dialect::Uppercase => "request-id",
        };
        assert_ne!(first.header(name), second.header(name));
        let left = |header: Option<&str>| header.unwrap().parse::<u32>().unwrap();
        let name = "x-ratelimit-remaining";
        assert!(left(second.header(name)) < left(first.header(name)));
        let ledger = sandbox.ledger();
        let mine: Vec<_> = ledger
            .payments()
            .iter()
            .filter(|payment| payment.dialect == dialect)
            .collect();
        assert_eq!(mine.len(), 1);
        assert_eq!(mine[0].idempotency_key.as_deref(), Some("key"));
    }
}

#[tokio::test]
async fn other_bytes_conflict_even_when_they_mean_the_same() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        client.post_with_key("/v1/payments", "key", &body).await;
        let request = client
            .builder("POST", "/v1/payments")
            .header("Idempotency-Key", "key")
            .body(serde_json::to_string_pretty(&body).unwrap());
        let reply = send(request).await.unwrap();
        assert_eq!(reply.error(), error(409, "idempotency_error", IN_USE, None));
        assert!(!reply.text.contains("currently being processed"));
    }
    assert_eq!(sandbox.ledger().payments().len(), 2);
}

#[tokio::test]
async fn a_twin_is_told_that_the_first_is_being_processed() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        sandbox.inject(Fault::Stall);
        let first = client.post_with_key("/v1/payments", "key", &body);
        let meanwhile = async {
            sandbox.wait_for_stalled(1).await;
            assert!(sandbox.ledger().payments().is_empty());
            let twin = client.post_with_key("/v1/payments", "key", &body).await;
            let stranger = client
                .post_with_key("/v1/payments", "key", &json!({}))
                .await;
            sandbox.release_stalled();
            (twin, stranger)
        };
        let (first, (twin, stranger)) = tokio::join!(first, meanwhile);
        assert_eq!(twin.error(), error(409, "idempotency_error", IN_USE, None));
        assert!(twin.text.contains("currently being processed"));
        assert!(!stranger.text.contains("currently being processed"));
        assert_eq!(first.status, 201);
        let later = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(later.text, first.text);
        assert_eq!(sandbox.ledger().payments().len(), 1);
    }
}

#[tokio::test]
async fn a_terse_conflict_names_neither_of_its_meanings() {
    for dialect in BOTH {
        let sandbox = Sandbox::builder()
            .terse_conflicts(true)
            .start()
            .await
            .unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        sandbox.inject(Fault::Stall);
        let first = client.post_with_key("/v1/payments", "key", &body);
        let meanwhile = async {
            sandbox.wait_for_stalled(1).await;
            let in_flight = client.post_with_key("/v1/payments", "key", &body).await;
            sandbox.release_stalled();
            in_flight
        };
        let (first, in_flight) = tokio::join!(first, meanwhile);
        assert_eq!(first.status, 201);
        let other_body = client
            .post_with_key("/v1/payments", "key", &json!({}))
            .await;
        for conflict in [in_flight, other_body] {
            let expected = error(409, "idempotency_error", IN_USE, None);
            assert_eq!(conflict.error(), expected);
            assert_eq!(conflict.json()["error"]["message"], "Conflict.");
        }
    }
}

#[tokio::test]
async fn only_success_is_stored() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        sandbox.inject(Fault::status(500));
        assert_eq!(
            client
                .post_with_key("/v1/payments", "key", &body)
                .await
                .status,
            500
        );
        let bad = client
            .post_with_key("/v1/payments", "key", &json!({ "amount": 0 }))
            .await;
        assert_eq!(bad.status, 400);
        // Neither a replay nor a conflict.
        assert_eq!(
            client
                .post_with_key("/v1/payments", "key", &body)
                .await
                .status,
            201
        );
    }
}

#[tokio::test]
async fn a_stored_refusal_is_replayed_and_conflicts() {
    let sandbox = Sandbox::builder()
        .store_refusals(true)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let good = direct(dialect, GOOD);
        let bad = json!({ "amount": 0 });
        let first = client.post_with_key("/v1/payments", "bad", &bad).await;
        let again = client.post_with_key("/v1/payments", "bad", &bad).await;
        let other = client.post_with_key("/v1/payments", "bad", &good).await;
        assert_eq!((first.status, again.status), (400, 400));
        assert_eq!(first.text, again.text);
        assert_eq!(other.error(), error(409, "idempotency_error", IN_USE, None));

        sandbox.inject(Fault::declined("lost_card"));
        let first = client.post_with_key("/v1/payments", "lost", &good).await;
        let again = client.post_with_key("/v1/payments", "lost", &good).await;
        assert_eq!((first.status, again.status), (422, 422));
        assert_eq!(first.text, again.text);

        sandbox.clock().advance(Duration::from_secs(24 * 60 * 60));
        let new = client.post_with_key("/v1/payments", "lost", &good).await;
        assert_eq!(new.status, 201);
    }
    assert_eq!(sandbox.ledger().payments().len(), 2);
}

#[tokio::test]
async fn a_refusal_before_the_key_is_never_stored() {
    let sandbox = Sandbox::builder()
        .store_refusals(true)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        for fault in [Fault::status(422), Fault::status(429), Fault::in_flight()] {
            sandbox.inject(fault);
            let reply = client.post_with_key("/v1/payments", "key", &body).await;
            assert!((400..500).contains(&reply.status));
        }
        let reply = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(reply.status, 201);
    }
}

#[tokio::test]
async fn a_key_is_new_again_after_24_hours_and_then_charges_twice() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        let first = client.post_with_key("/v1/payments", "key", &body).await;
        sandbox
            .clock()
            .advance(Duration::from_secs(24 * 60 * 60 - 1));
        let replay = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(replay.text, first.text);
        sandbox.clock().advance(Duration::from_secs(1));
        let new = client.post_with_key("/v1/payments", "key", &body).await;
        assert_ne!(new.id(), first.id());
    }
    sandbox.settle();
    assert_eq!(sandbox.ledger().charges(), 4);
}

#[tokio::test]
async fn the_scope_is_the_key_and_in_uppercase_also_the_operation() {
    let sandbox = Sandbox::builder()
        .accept_live_keys(true)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let mut live = Client::new(&sandbox, dialect);
        live.key = sandbox.live_key(dialect).to_owned();
        let body = direct(dialect, GOOD);
        let first = client.post_with_key("/v1/payments", "key", &body).await;
        let other = live.post_with_key("/v1/payments", "key", &body).await;
        assert_ne!(first.id(), other.id());

        let page = client
            .post_with_key("/v1/payments/hpp", "key", &hosted(dialect))
            .await;
        match dialect {
            Dialect::SnakeCase => assert_eq!(page.status, 409),
            Dialect::Uppercase => assert_eq!(page.status, 201),
        }
    }
}

#[tokio::test]
async fn refunds_are_made_once_too() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        let (path, body) = refund(dialect, &id, Some(1000));
        let first = client
            .post_with_key(&path, "refund-order-1234", &body)
            .await;
        let second = client
            .post_with_key(&path, "refund-order-1234", &body)
            .await;
        assert_eq!((first.status, &first.text), (second.status, &second.text));
        let record = sandbox.ledger().payment(&id).unwrap().clone();
        assert_eq!(record.refunds.len(), 1);
        assert_eq!(
            record.refunds[0].idempotency_key.as_deref(),
            Some("refund-order-1234")
        );
    }
}

/// What the documented scope of a snake_case key comes to: it does not hold the path.
#[tokio::test]
async fn a_snake_case_key_is_not_bound_to_the_payment() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let one = client.succeeded().await;
    let two = client.succeeded().await;
    let (path, body) = refund(Dialect::SnakeCase, &one, None);
    let first = client.post_with_key(&path, "refund", &body).await;
    let (path, body) = refund(Dialect::SnakeCase, &two, None);
    let second = client.post_with_key(&path, "refund", &body).await;
    assert_eq!(second.text, first.text);
    assert!(sandbox.ledger().payment(&two).unwrap().refunds.is_empty());
}

#[tokio::test]
async fn uppercase_requires_a_key_and_snake_case_does_not() {
    let sandbox = Sandbox::start().await.unwrap();
    let post = async |dialect, path: &str, body: serde_json::Value| {
        let client = Client::new(&sandbox, dialect);
        send(client.builder("POST", path).body(body.to_string()))
            .await
            .unwrap()
    };
    let expected = error(
        400,
        "invalid_request_error",
        Some("parameter_missing"),
        Some("Idempotency-Key"),
    );
    let upper = Dialect::Uppercase;
    for (path, body) in [
        ("/v1/payments", direct(upper, GOOD)),
        ("/v1/payments/hpp", hosted(upper)),
        ("/v1/refunds", json!({})),
    ] {
        assert_eq!(post(upper, path, body).await.error(), expected);
    }
    let snake = Dialect::SnakeCase;
    for _ in 0..2 {
        assert_eq!(
            post(snake, "/v1/payments", direct(snake, GOOD))
                .await
                .status,
            201
        );
    }
    // Without a key every send is another payment.
    assert_eq!(sandbox.ledger().payments().len(), 2);
}

#[tokio::test]
async fn a_key_has_at_most_255_characters() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        let reply = client
            .post_with_key("/v1/payments", &"k".repeat(256), &body)
            .await;
        let code = Some("parameter_invalid");
        let expected = error(400, "invalid_request_error", code, Some("Idempotency-Key"));
        assert_eq!(reply.error(), expected);
        let reply = client
            .post_with_key("/v1/payments", &"k".repeat(255), &body)
            .await;
        assert_eq!(reply.status, 201);
    }
}
