//! Several keys of one merchant, and the key of another.

use std::collections::HashSet;

use flowlix_sandbox::{Dialect, Sandbox};
use serde_json::json;

use crate::client::{BOTH, Client, GOOD, direct, error};

fn rotated(sandbox: &Sandbox, dialect: Dialect, n: u8) -> Client {
    Client::new(sandbox, dialect).with_key(&sandbox.rotated_key(dialect, n))
}

fn foreign(sandbox: &Sandbox, dialect: Dialect) -> Client {
    Client::new(sandbox, dialect).with_key(sandbox.foreign_key(dialect))
}

#[tokio::test]
async fn each_key_is_another_one_with_its_dialects_prefix() {
    let sandbox = Sandbox::start().await.unwrap();
    for (dialect, prefix) in [
        (Dialect::SnakeCase, "fl_test_sk_"),
        (Dialect::Uppercase, "api_test_sk_"),
    ] {
        let mut keys: HashSet<String> = (0..=u8::MAX)
            .map(|n| sandbox.rotated_key(dialect, n))
            .collect();
        keys.insert(sandbox.key(dialect).to_owned());
        keys.insert(sandbox.foreign_key(dialect).to_owned());
        assert_eq!(keys.len(), 258);
        assert!(keys.iter().all(|key| key.starts_with(prefix)));
    }
}

#[tokio::test]
async fn a_rotated_key_in_another_spelling_gets_401() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let key = sandbox.rotated_key(dialect, 7);
        for (spelling, status) in [
            (key.clone(), 200),
            (key.replace("rotated7", "rotated07"), 401),
            (key.replace("rotated7", "rotated+7"), 401),
            (key.replace("rotated7", "rotated256"), 401),
            (key.replace("_test_", "_live_"), 401),
            (format!("{key}0"), 401),
        ] {
            let client = Client::new(&sandbox, dialect).with_key(&spelling);
            let reply = client.get("/v1/payments").await;
            assert_eq!(reply.status, status, "{spelling}");
        }
    }
}

#[tokio::test]
async fn the_keys_of_a_dialect_share_its_payments() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let old = Client::new(&sandbox, dialect);
        let new = rotated(&sandbox, dialect, 1);
        let id = old.succeeded().await;
        assert_eq!(new.payment(&id).await["id"], json!(id));
        let list = new.get("/v1/payments").await.json();
        assert_eq!(list["data"][0]["id"], json!(id));
        assert_eq!(new.refund(&id, Some(999)).await.status, 201);
        let id = new.create(GOOD).await;
        assert_eq!(old.payment(&id).await["id"], json!(id));
        assert!(!sandbox.ledger().payment(&id).unwrap().foreign);
    }
}

#[tokio::test]
async fn a_rotated_key_begins_a_namespace_of_its_own() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let body = direct(dialect, GOOD);
        let old = Client::new(&sandbox, dialect);
        let new = rotated(&sandbox, dialect, 1);
        let newer = rotated(&sandbox, dialect, 2);
        let mut ids = HashSet::new();
        for client in [&old, &new, &newer] {
            let first = client.post_with_key("/v1/payments", "key", &body).await;
            let again = client.post_with_key("/v1/payments", "key", &body).await;
            assert_eq!(first.text, again.text);
            ids.insert(first.id());
        }
        assert_eq!(ids.len(), 3);
    }
    sandbox.settle();
    assert_eq!(sandbox.ledger().charges(), 6);
}

#[tokio::test]
async fn a_rotated_key_has_a_rate_window_of_its_own() {
    let sandbox = Sandbox::builder().rate_limit(1).start().await.unwrap();
    for dialect in BOTH {
        for client in [
            Client::new(&sandbox, dialect),
            rotated(&sandbox, dialect, 1),
            rotated(&sandbox, dialect, 2),
            foreign(&sandbox, dialect),
        ] {
            assert_eq!(client.get("/v1/payments").await.status, 200);
            assert_eq!(client.get("/v1/payments").await.status, 429);
        }
    }
}

#[tokio::test]
async fn another_merchants_payment_does_not_exist() {
    let sandbox = Sandbox::start().await.unwrap();
    let missing = error(404, "invalid_request_error", None, None);
    for dialect in BOTH {
        let own = Client::new(&sandbox, dialect);
        let other = foreign(&sandbox, dialect);
        for (mine, theirs) in [(&own, &other), (&other, &own)] {
            let id = mine.succeeded().await;
            let path = format!("/v1/payments/{id}");
            assert_eq!(theirs.get(&path).await.error(), missing);
            assert_eq!(theirs.refund(&id, Some(1)).await.error(), missing);
            let path = format!("/v1/payments?starting_after={id}");
            assert_eq!(theirs.get(&path).await.status, 400);
        }
        let listed = own.get("/v1/payments").await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn another_merchant_begins_with_an_empty_list() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        Client::new(&sandbox, dialect).succeeded().await;
        let other = foreign(&sandbox, dialect);
        assert_eq!(other.get("/v1/payments").await.json()["data"], json!([]));
        let id = other.succeeded().await;
        let list = other.get("/v1/payments").await.json();
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        assert_eq!(list["data"][0]["id"], json!(id));
        assert_eq!(other.refund(&id, Some(1)).await.status, 201);
        assert!(sandbox.ledger().payment(&id).unwrap().foreign);
    }
}

#[tokio::test]
async fn another_merchant_has_idempotency_keys_of_its_own() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let body = direct(dialect, GOOD);
        let own = Client::new(&sandbox, dialect);
        let other = foreign(&sandbox, dialect);
        let first = own.post_with_key("/v1/payments", "key", &body).await;
        let second = other.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!((first.status, second.status), (201, 201));
        assert_ne!(first.id(), second.id());
    }
}

#[tokio::test]
async fn another_merchants_payments_make_no_events() {
    let sandbox = Sandbox::start().await.unwrap();
    foreign(&sandbox, Dialect::Uppercase).succeeded().await;
    assert!(sandbox.events().is_empty());
}
