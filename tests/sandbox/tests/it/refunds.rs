use std::collections::HashSet;
use std::time::Duration;

use flowlix_sandbox::{
    Dialect, Fault, Kind, Operation, RefundStatus, Sandbox, SandboxError, Status,
};
use serde_json::{Value, json};

use crate::client::{BOTH, Client, GOOD, error, refund};

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_partial_refund_and_the_rest() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let id = client.succeeded().await;
    let answer = client.refund(&id, Some(999)).await;
    assert_eq!(answer.status, 201);
    let payment = answer.json();
    assert_eq!(payment["object"], "payment");
    assert_eq!(payment["refunded_amount"], 0);
    let mut entry = payment["refunds"][0].clone();
    assert_eq!(entry["id"].take().as_str().unwrap().len(), 26);
    let now = sandbox.clock().now();
    assert_eq!(
        entry,
        json!({
            "id": null, "amount": 999, "currency": "eur", "reason": "requested by customer",
            "status": "pending", "decline_code": null, "decline_message": null,
            "created_at": now, "updated_at": now, "completed_at": null,
            "provider_refund_id": null
        })
    );

    let payment = client.payment(&id).await;
    assert_eq!(payment["refunds"][0]["status"], "succeeded");
    assert_eq!(payment["refunded_amount"], 999);
    assert_eq!(payment["status"], "succeeded");
    assert_eq!(payment["refunded_at"], Value::Null);

    sandbox.clock().advance(Duration::from_secs(60));
    client.refund(&id, None).await;
    let payment = client.payment(&id).await;
    assert_eq!(payment["refunds"][1]["amount"], 4000);
    assert_eq!(payment["refunded_amount"], 4999);
    assert_eq!(payment["status"], "refunded");
    assert_eq!(payment["refunded_at"], sandbox.clock().now());
    let ledger = sandbox.ledger();
    assert_eq!((ledger.charges(), ledger.amount_refunded()), (1, 4999));
    assert_eq!(ledger.payment(&id).unwrap().status, Status::Refunded);
}

#[tokio::test]
async fn a_full_refund_may_leave_the_status_as_the_reference_has_it() {
    let sandbox = Sandbox::builder()
        .refunded_status(false)
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let id = client.succeeded().await;
    client.refund(&id, None).await;
    let payment = client.payment(&id).await;
    assert_eq!(payment["status"], "succeeded");
    assert_eq!(payment["refunded_amount"], 4999);
    assert_eq!(payment["refunded_at"], sandbox.clock().now());
}

#[tokio::test]
async fn uppercase_answers_the_refund_and_keeps_the_status() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let id = client.succeeded().await;
    let (path, mut body) = refund(Dialect::Uppercase, &id, Some(999));
    body["metadata"] = json!({ "ticket": 7 });
    let answer = client.post(&path, &body).await;
    assert_eq!(answer.status, 201);
    let mut entry = answer.json();
    let refund_id = entry["id"].take();
    assert!(refund_id.as_str().unwrap().starts_with("ref_"));
    assert_eq!(refund_id.as_str().unwrap().len(), 28);
    let now = sandbox.clock().now();
    assert_eq!(
        entry,
        json!({
            "id": null, "payment_id": id, "amount": 999, "currency": "EUR",
            "reason": "requested_by_customer", "status": "PENDING", "created_at": now,
            "updated_at": now, "completed_at": null, "livemode": false,
            "metadata": { "ticket": 7 }, "decline_code": null, "decline_message": null
        })
    );
    let record = sandbox.ledger().payment(&id).unwrap().refunds[0].clone();
    assert_eq!(record.metadata["ticket"], 7);
    let amounts = async || {
        let payment = client.payment(&id).await;
        (
            payment["amount_refunded"].clone(),
            payment["amount_refundable"].clone(),
        )
    };
    assert_eq!(amounts().await, (json!(999), json!(4000)));
    client.refund(&id, Some(4000)).await;
    assert_eq!(amounts().await, (json!(4999), json!(0)));
    let payment = client.payment(&id).await;
    assert_eq!(payment["status"], "SUCCEEDED");
    assert_eq!(payment["refunds"][0]["id"], refund_id);
    assert_eq!(payment["refunds"][1]["amount"], 4000);
}

#[tokio::test]
async fn nobody_gets_more_back_than_was_paid() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        let too_large = error(
            422,
            "invalid_request_error",
            Some("parameter_invalid"),
            Some("amount"),
        );
        assert_eq!(client.refund(&id, Some(5000)).await.error(), too_large);
        // A pending refund holds its amount back.
        assert_eq!(client.refund(&id, Some(4000)).await.status, 201);
        assert_eq!(client.refund(&id, Some(1000)).await.error(), too_large);
        assert_eq!(client.refund(&id, Some(999)).await.status, 201);
        let nothing_left = error(
            422,
            "invalid_request_error",
            Some("payment_already_refunded"),
            None,
        );
        assert_eq!(client.refund(&id, Some(1)).await.error(), nothing_left);
        client.payment(&id).await;
        assert_eq!(client.refund(&id, Some(1)).await.error(), nothing_left);
    }
    assert_eq!(
        sandbox.ledger().amount_refunded(),
        sandbox.ledger().amount_charged()
    );
}

#[tokio::test]
async fn only_succeeded_payments_are_refunded() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let wrong_state = error(422, "invalid_request_error", None, None);
        let pending = client.create(GOOD).await;
        assert_eq!(client.refund(&pending, Some(1)).await.error(), wrong_state);
        let failed = client.create("4000000000000002").await;
        client.poll(&failed).await;
        assert_eq!(client.refund(&failed, Some(1)).await.error(), wrong_state);
        let unknown = match dialect {
            Dialect::SnakeCase => "pay_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
            Dialect::Uppercase => "pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E",
        };
        let reply = client.refund(unknown, Some(1)).await;
        assert_eq!(
            reply.error(),
            error(404, "invalid_request_error", None, None)
        );
    }
    assert_eq!(sandbox.ledger().refunds().count(), 0);
}

#[tokio::test]
async fn refunds_end_after_180_days() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        sandbox.clock().advance(Duration::from_secs(180 * DAY));
        assert_eq!(client.refund(&id, Some(1)).await.status, 201);
        sandbox.clock().advance(Duration::from_secs(1));
        let expected = error(422, "invalid_request_error", None, None);
        assert_eq!(client.refund(&id, Some(1)).await.error(), expected);
    }
}

#[tokio::test]
async fn a_failed_refund_frees_its_amount() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        client.refund(&id, Some(4999)).await;
        let refund_id = sandbox.ledger().payment(&id).unwrap().refunds[0].id.clone();
        sandbox.fail_refund(&refund_id).unwrap();
        let payment = client.payment(&id).await;
        assert_eq!(payment["status"], client.spell("succeeded"));
        assert_eq!(payment["refunds"][0]["status"], client.spell("failed"));
        assert_eq!(payment["refunds"][0]["decline_code"], "generic_decline");
        assert_eq!(payment["refunds"][0]["completed_at"], sandbox.clock().now());
        assert!(sandbox.fail_refund(&refund_id).is_err());
        assert_eq!(client.refund(&id, Some(4999)).await.status, 201);
    }
    assert!(sandbox.fail_refund("ref_unknown").is_err());
    assert_eq!(sandbox.ledger().amount_refunded(), 0);
}

#[tokio::test]
async fn hosted_payments_are_refunded_alike() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let body = crate::client::hosted(Dialect::SnakeCase);
    let id = client.post("/v1/payments/hpp", &body).await.id();
    sandbox.complete_hosted(&id, GOOD).unwrap();
    sandbox.settle();
    assert_eq!(client.refund(&id, None).await.status, 201);
    sandbox.settle();
    let record = sandbox.ledger().payment(&id).unwrap().clone();
    assert_eq!(
        (record.kind, record.status),
        (Kind::Hosted, Status::Refunded)
    );
    assert_eq!(record.refunds[0].status, RefundStatus::Succeeded);
    assert_eq!(record.refunds[0].amount, 2500);
}

#[tokio::test]
async fn a_refund_outside_the_sdk_is_like_any_other() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        let made = sandbox.refund(&id, 999, "by phone").unwrap();
        // The read moves the refund on.
        let shown = client.payment(&id).await["refunds"][0].clone();
        assert_eq!(shown["id"], json!(made));
        assert_eq!(shown["amount"], 999);
        assert_eq!(shown["reason"], "by phone");
        assert_eq!(shown["status"], client.spell("succeeded"));
        let record = sandbox.ledger().payment(&id).unwrap().refunds[0].clone();
        assert_eq!((record.id, record.idempotency_key), (made, None));
    }
}

#[tokio::test]
async fn identical_refunds_are_two_refunds() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        let (path, body) = refund(dialect, &id, Some(999));
        for key in ["one", "two"] {
            let reply = client.post_with_key(&path, key, &body).await;
            assert_eq!(reply.status, 201);
        }
        let reason = body["reason"].as_str().unwrap();
        sandbox.refund(&id, 999, reason).unwrap();
        let refunds = client.payment(&id).await["refunds"].clone();
        let ids: HashSet<_> = refunds
            .as_array()
            .unwrap()
            .iter()
            .map(|refund| refund["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 3);
        for refund in refunds.as_array().unwrap() {
            assert_eq!(
                (&refund["amount"], &refund["reason"]),
                (&json!(999), &json!(reason))
            );
        }
    }
}

#[tokio::test]
async fn a_refund_outside_the_sdk_obeys_the_rules() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let wrong_state = |id: &str| {
        let id = id.to_owned();
        let action = "refund";
        Err(SandboxError::WrongState { id, action })
    };
    let pending = client.create(GOOD).await;
    assert_eq!(sandbox.refund(&pending, 1, "no"), wrong_state(&pending));
    let charged = client.succeeded().await;
    for amount in [0, -1, 5000] {
        assert_eq!(
            sandbox.refund(&charged, amount, "no"),
            wrong_state(&charged)
        );
    }
    sandbox.refund(&charged, 4999, "all of it").unwrap();
    assert_eq!(sandbox.refund(&charged, 1, "more"), wrong_state(&charged));
    let id = "pay_unknown".to_owned();
    assert_eq!(
        sandbox.refund("pay_unknown", 1, "no"),
        Err(SandboxError::NotFound { id })
    );
}

#[tokio::test]
async fn a_refund_can_be_rejected_with_422() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.succeeded().await;
        sandbox.inject_at(Operation::Refund, Fault::status(422), 1);
        let expected = error(422, "invalid_request_error", None, None);
        assert_eq!(client.refund(&id, Some(1)).await.error(), expected);
        assert!(sandbox.ledger().payment(&id).unwrap().refunds.is_empty());
        assert_eq!(client.refund(&id, Some(1)).await.status, 201);
    }
}
