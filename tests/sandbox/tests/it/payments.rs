use std::time::Duration;

use flowlix_sandbox::{DEFAULT_START, Dialect, Progress, Sandbox, Status};
use serde_json::{Value, json};

use crate::client::{BOTH, Client, GOOD, direct};

#[tokio::test]
async fn a_created_payment_is_pending_and_says_nothing_about_the_card_yet() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, Dialect::SnakeCase);
    let reply = snake
        .post("/v1/payments", &direct(Dialect::SnakeCase, GOOD))
        .await;
    assert_eq!(reply.status, 201);
    let mut created = reply.json();
    let id = created["id"].take();
    assert!(has_shape(id.as_str().unwrap(), &[8, 4, 4, 4, 12]));
    assert_eq!(
        created,
        json!({
            "id": null, "object": "payment", "amount": 4999, "currency": "eur",
            "status": "pending", "description": "Order #1234",
            "card": {
                "brand": null, "last4": "1111", "exp_month": null, "exp_year": null,
                "country": null
            },
            "customer": { "email": "jenny@example.com", "name": "Jenny Rosen" },
            "metadata": { "order_id": "ord_1234" }, "decline_code": null,
            "decline_message": null, "redirect_url": null, "refunded_at": null,
            "succeeded_at": null, "failed_at": null, "created": DEFAULT_START,
            "livemode": false, "refunded_amount": 0, "provider_transaction_id": null,
            "refunds": [], "next_action": null
        })
    );

    let upper = Client::new(&sandbox, Dialect::Uppercase);
    let request = direct(Dialect::Uppercase, GOOD);
    let reply = upper.post("/v1/payments", &request).await;
    assert_eq!(reply.status, 201);
    let mut created = reply.json();
    let id = created["id"].take();
    assert!(has_shape(id.as_str().unwrap(), &[24]));
    assert_eq!(
        created,
        json!({
            "id": null, "amount": 4999, "currency": "EUR", "status": "PENDING",
            "integration_type": "DIRECT", "amount_refunded": 0, "amount_refundable": 0,
            "created_at": DEFAULT_START, "livemode": false, "merchant_reference": "ord_1234",
            "description": "Order #1234", "card": null,
            "billing_details": request["billing_details"], "metadata": request["metadata"],
            "decline_code": null, "decline_message": null, "hosted_payment_url": null,
            "refunds": [],
            "status_transitions": {
                "requires_action_at": null, "processing_at": null, "succeeded_at": null,
                "failed_at": null, "canceled_at": null, "expired_at": null
            },
            "next_action": null
        })
    );
}

fn has_shape(id: &str, groups: &[usize]) -> bool {
    let rest = id.strip_prefix("pay_").unwrap();
    rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && rest.split('-').map(str::len).eq(groups.iter().copied())
}

#[tokio::test]
async fn reads_move_a_payment_to_its_documented_end() {
    for (number, last4, end, decline) in [
        ("4111111111111111", "1111", "succeeded", None),
        ("4000000000000002", "0002", "failed", Some("do_not_honor")),
        (
            "4000000000009995",
            "9995",
            "failed",
            Some("insufficient_funds"),
        ),
        ("4000000000000069", "0069", "failed", Some("expired_card")),
        ("5555555555554444", "4444", "succeeded", None),
        ("4111111111111112", "1112", "failed", Some("invalid_number")),
    ] {
        let sandbox = Sandbox::start().await.unwrap();
        for dialect in BOTH {
            let client = Client::new(&sandbox, dialect);
            let id = client.create(number).await;
            let (seen, payment) = client.poll(&id).await;
            let end = client.spell(end);
            match dialect {
                Dialect::Uppercase if decline != Some("invalid_number") => {
                    assert_eq!(seen, ["PROCESSING".to_owned(), end]);
                }
                _ => assert_eq!(seen, [end]),
            }
            assert_eq!(payment["decline_code"], json!(decline));
            assert_eq!(payment["decline_message"].is_string(), decline.is_some());
            assert_eq!(payment["card"]["last4"], last4);
            assert_eq!(payment["card"]["exp_month"], 12);
            assert_eq!(payment["card"]["exp_year"], 2027);
            assert!(payment["card"]["brand"].is_string());
            let record = sandbox.ledger().payment(&id).unwrap().clone();
            assert_eq!(record.charged, decline.is_none());
            assert_eq!(record.decline_code.as_deref(), decline);
        }
    }
}

#[tokio::test]
async fn the_end_is_dated_by_the_clock() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let good = client.create(GOOD).await;
        let bad = client.create("4000000000000002").await;
        sandbox.clock().advance(Duration::from_secs(3));
        let now = sandbox.clock().now();
        let (_, good) = client.poll(&good).await;
        let (_, bad) = client.poll(&bad).await;
        let times = |payment: &Value| match dialect {
            Dialect::SnakeCase => [
                payment["succeeded_at"].clone(),
                payment["failed_at"].clone(),
            ],
            Dialect::Uppercase => {
                let times = &payment["status_transitions"];
                [times["succeeded_at"].clone(), times["failed_at"].clone()]
            }
        };
        assert_eq!(times(&good), [json!(now), Value::Null]);
        assert_eq!(times(&bad), [Value::Null, json!(now)]);
    }
}

#[tokio::test]
async fn an_expiry_in_the_past_fails() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let mut body = direct(Dialect::SnakeCase, GOOD);
    body["card"]["exp_month"] = json!(6);
    body["card"]["exp_year"] = json!(2024); // The clock stands at 1 July 2024.
    let id = client.post("/v1/payments", &body).await.id();
    let (_, payment) = client.poll(&id).await;
    assert_eq!(payment["decline_code"], "expired_card");
}

#[tokio::test]
async fn a_step_can_take_several_reads() {
    let sandbox = Sandbox::builder()
        .progress(Progress::ByReads { reads_per_step: 2 })
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let id = client.create(GOOD).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(client.payment(&id).await["status"].clone());
    }
    assert_eq!(
        seen,
        [
            "PENDING",
            "PROCESSING",
            "PROCESSING",
            "SUCCEEDED",
            "SUCCEEDED"
        ]
    );
}

#[tokio::test]
async fn progress_by_the_clock_ignores_reads() {
    let sandbox = Sandbox::builder()
        .progress(Progress::ByClock {
            step: Duration::from_secs(2),
        })
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let id = client.create(GOOD).await;
    let (seen, _) = client.poll(&id).await;
    assert_eq!(seen, ["PENDING"]);
    sandbox.clock().advance(Duration::from_secs(2));
    assert_eq!(client.payment(&id).await["status"], "PROCESSING");
    sandbox.clock().advance(Duration::from_secs(100));
    let payment = client.payment(&id).await;
    assert_eq!(payment["status"], "SUCCEEDED");
    let times = &payment["status_transitions"];
    assert_eq!(times["processing_at"], DEFAULT_START + 2);
    assert_eq!(times["succeeded_at"], DEFAULT_START + 4);

    let refund = client.refund(&id, Some(99)).await.json();
    assert_eq!(refund["status"], "PENDING");
    sandbox.clock().advance(Duration::from_secs(2));
    assert_eq!(
        client.payment(&id).await["refunds"][0]["status"],
        "SUCCEEDED"
    );
}

#[tokio::test]
async fn lists_move_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    client.create(GOOD).await;
    for _ in 0..3 {
        let list = client.get("/v1/payments").await.json();
        assert_eq!(list["data"][0]["status"], "pending");
    }
}

#[tokio::test]
async fn settling_shows_what_unread_payments_come_to() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        Client::new(&sandbox, dialect).create(GOOD).await;
    }
    assert_eq!(sandbox.ledger().charges(), 0);
    sandbox.settle();
    let ledger = sandbox.ledger();
    assert_eq!(ledger.charges(), 2);
    assert_eq!(ledger.amount_charged(), 2 * 4999);
    assert!(
        ledger
            .payments()
            .iter()
            .all(|payment| payment.status == Status::Succeeded)
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let ids = async |seed| {
        let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
        let client = Client::new(&sandbox, Dialect::SnakeCase);
        let first = client.create(GOOD).await;
        // Another request in between: it must not change the ids of payments.
        client.get("/v1/payments").await;
        vec![first, client.create(GOOD).await]
    };
    let first = ids(7).await;
    assert_eq!(first, ids(7).await);
    assert_ne!(first, ids(8).await);
    assert_ne!(first[0], first[1]);
}

#[tokio::test]
async fn an_unknown_payment_is_404() {
    let sandbox = Sandbox::start().await.unwrap();
    for (dialect, id) in [
        (
            Dialect::SnakeCase,
            "pay_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        ),
        (Dialect::SnakeCase, "pay_abc123"),
        (Dialect::Uppercase, "pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E"),
        (Dialect::Uppercase, "nonsense"),
    ] {
        let client = Client::new(&sandbox, dialect);
        let reply = client.get(&format!("/v1/payments/{id}")).await;
        assert_eq!(reply.error().0, 404);
        assert_eq!(reply.error().1, "invalid_request_error");
    }
}
