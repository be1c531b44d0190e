//! Requests that arrive after their client has given up.

use std::time::Duration;

use flowlix_sandbox::{Answer, DEFAULT_START, Dialect, Fault, Operation, Sandbox};
use serde_json::json;

use crate::client::{BOTH, Client, GOOD, direct, refund};

/// Sends a request that is under way when its client gives up.
async fn give_up(sandbox: &Sandbox, client: &Client, path: &str, body: &serde_json::Value) {
    sandbox.inject(Fault::Late);
    tokio::select! {
        _ = client.post_with_key(path, "key", body) => panic!("answered"),
        () = sandbox.wait_for_late(1) => {}
    }
}

#[tokio::test]
async fn a_late_request_does_nothing_until_it_arrives() {
    for dialect in BOTH {
        let sandbox = Sandbox::builder().rate_limit(1).start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        give_up(&sandbox, &client, "/v1/payments", &direct(dialect, GOOD)).await;
        assert!(sandbox.ledger().payments().is_empty());
        assert_eq!(sandbox.requests()[0].answer(), Answer::Pending);
        // The late request has not been counted.
        assert_eq!(client.get("/v1/payments").await.status, 200);

        sandbox.clock().advance(Duration::from_secs(90));
        assert_eq!(sandbox.release_late(), 1);
        let ledger = sandbox.ledger();
        assert_eq!(ledger.payments().len(), 1);
        assert_eq!(ledger.payments()[0].created_at, DEFAULT_START + 90);
        assert_eq!(sandbox.requests()[0].answer(), Answer::Status(201));
        assert_eq!(sandbox.release_late(), 0);
    }
}

#[tokio::test]
async fn a_late_request_meets_the_payment_of_its_retry() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        give_up(&sandbox, &client, "/v1/payments", &body).await;
        // The key is free: no 409.
        let retry = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(retry.status, 201);
        assert_eq!(sandbox.release_late(), 1);
        assert_eq!(sandbox.ledger().payments().len(), 1);
    }
}

#[tokio::test]
async fn a_late_request_charges_twice_once_its_key_is_gone() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        give_up(&sandbox, &client, "/v1/payments", &body).await;
        client.post_with_key("/v1/payments", "key", &body).await;
        sandbox.clock().advance(Duration::from_secs(24 * 60 * 60));
        sandbox.release_late();
        sandbox.settle();
        assert_eq!(sandbox.ledger().charges(), 2);
    }
}

#[tokio::test]
async fn a_late_refund_is_made_when_it_arrives() {
    for dialect in BOTH {
        let sandbox = Sandbox::start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        let (path, body) = refund(dialect, &id, Some(999));
        give_up(&sandbox, &client, &path, &body).await;
        assert_eq!(sandbox.ledger().refunds().count(), 0);
        sandbox.release_late();
        assert_eq!(sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn late_requests_arrive_in_order_and_are_answered() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let body = direct(Dialect::Uppercase, GOOD);
    sandbox.inject_at(Operation::CreateDirectPayment, Fault::Late, 2);
    let first = client.post_with_key("/v1/payments", "key", &body);
    let second = async {
        sandbox.wait_for_late(1).await;
        let other = json!({ "amount": 1 });
        client.post_with_key("/v1/payments", "key", &other).await
    };
    let release = async {
        sandbox.wait_for_late(2).await;
        assert!(!format!("{sandbox:?}").contains(GOOD));
        sandbox.release_late()
    };
    let (first, second, released) = tokio::join!(first, second, release);
    assert_eq!((first.status, second.status), (201, 409));
    assert_eq!(released, 2);
}
