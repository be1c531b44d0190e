use std::time::Duration;

use flowlix_sandbox::{Dialect, Sandbox, SandboxError, Status};
use serde_json::{Value, json};

use crate::client::{BOTH, CHALLENGED, Client, GOOD, direct, error, plain, send};

async fn challenged(client: &Client) -> (String, Value) {
    let id = client.create(CHALLENGED).await;
    let (seen, payment) = client.poll(&id).await;
    assert_eq!(seen, [client.spell("requires_action")]);
    (id, payment)
}

#[tokio::test]
async fn a_challenge_waits_for_the_customer_and_then_succeeds() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, payment) = challenged(&client).await;
        let page = payment["next_action"]["redirect_url"].as_str().unwrap();
        assert!(page.starts_with(&sandbox.base_url()));
        assert!(!sandbox.ledger().payment(&id).unwrap().charged);

        sandbox.approve(&id).unwrap();
        let (seen, payment) = client.poll(&id).await;
        assert_eq!(seen, [client.spell("succeeded")]);
        assert_eq!(payment["next_action"], Value::Null);
        assert!(sandbox.ledger().payment(&id).unwrap().charged);
        let again = SandboxError::WrongState {
            id: id.clone(),
            action: "approve",
        };
        assert_eq!(sandbox.approve(&id), Err(again));
    }
}

#[tokio::test]
async fn a_failed_challenge_fails_the_payment() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, _) = challenged(&client).await;
        sandbox.decline(&id).unwrap();
        let payment = client.payment(&id).await;
        assert_eq!(payment["status"], client.spell("failed"));
        assert_eq!(payment["decline_code"], "three_d_secure_failed");
        assert!(!sandbox.ledger().payment(&id).unwrap().charged);
    }
}

#[tokio::test]
async fn an_ignored_challenge_expires() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (by_hand, _) = challenged(&client).await;
        let (by_clock, _) = challenged(&client).await;
        sandbox.expire(&by_hand).unwrap();
        assert_eq!(
            client.payment(&by_hand).await["status"],
            client.spell("expired")
        );
        sandbox.clock().advance(Duration::from_secs(15 * 60 - 1));
        assert_eq!(
            client.payment(&by_clock).await["status"],
            client.spell("requires_action")
        );
        sandbox.clock().advance(Duration::from_secs(1));
        let payment = client.payment(&by_clock).await;
        assert_eq!(payment["status"], client.spell("expired"));
        assert_eq!(payment["next_action"], Value::Null);
        assert!(sandbox.approve(&by_clock).is_err());
    }
}

#[tokio::test]
async fn the_page_can_be_used_like_a_browser_does() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        for (link, end) in [("approve", "succeeded"), ("decline", "failed")] {
            let (id, payment) = challenged(&client).await;
            let page = payment["next_action"]["redirect_url"].as_str().unwrap();
            let html = send(plain().build().unwrap().get(page)).await.unwrap();
            assert_eq!(html.status, 200);
            assert!(html.text.contains(&format!("/sandbox/3ds/{id}/{link}\"")));

            let reply = client.get(&format!("/sandbox/3ds/{id}/{link}")).await;
            assert_eq!(reply.status, 303);
            assert_eq!(
                reply.header("location"),
                Some("https://shop.example.com/3ds")
            );
            let (seen, _) = client.poll(&id).await;
            assert_eq!(seen.last().unwrap(), &client.spell(end));
            assert_eq!(
                client
                    .get(&format!("/sandbox/3ds/{id}/{link}"))
                    .await
                    .status,
                409
            );
        }
    }
}

#[tokio::test]
async fn a_challenge_needs_somewhere_to_come_back_to() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let mut body = direct(dialect, CHALLENGED);
        body.as_object_mut().unwrap().remove("return_url");
        let expected = error(
            400,
            "invalid_request_error",
            Some("parameter_missing"),
            Some("return_url"),
        );
        assert_eq!(client.post("/v1/payments", &body).await.error(), expected);
        let mut body = direct(dialect, GOOD);
        body.as_object_mut().unwrap().remove("return_url");
        assert_eq!(client.post("/v1/payments", &body).await.status, 201);
    }
    assert_eq!(sandbox.ledger().payments().len(), 2);
}

#[tokio::test]
async fn a_canceled_payment_is_never_charged() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let id = client.create(GOOD).await;
        sandbox.cancel(&id).unwrap();
        let (seen, payment) = client.poll(&id).await;
        assert_eq!(seen, [client.spell("canceled")]);
        if dialect == Dialect::Uppercase {
            assert_eq!(
                payment["status_transitions"]["canceled_at"],
                json!(sandbox.clock().now())
            );
        }
        assert_eq!(
            sandbox.ledger().payment(&id).unwrap().status,
            Status::Canceled
        );
        assert!(sandbox.cancel(&id).is_err());
    }
    assert_eq!(sandbox.ledger().charges(), 0);
}
