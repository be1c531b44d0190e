use std::time::Duration;

use flowlix_sandbox::{Dialect, Kind, Sandbox, SandboxError};
use serde_json::Value;

use crate::client::{BOTH, CHALLENGED, Client, GOOD, hosted, plain, send};

fn page_of(dialect: Dialect, payment: &Value) -> String {
    let member = match dialect {
        Dialect::SnakeCase => "redirect_url",
        Dialect::Uppercase => "hosted_payment_url",
    };
    payment[member].as_str().unwrap().to_owned()
}

async fn create(client: &Client) -> (String, Value) {
    let reply = client
        .post("/v1/payments/hpp", &hosted(client.dialect))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    (reply.id(), reply.json())
}

#[tokio::test]
async fn a_hosted_payment_waits_for_its_customer() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, created) = create(&client).await;
        assert_eq!(created["card"], Value::Null);
        assert!(page_of(dialect, &created).starts_with(&sandbox.base_url()));
        if dialect == Dialect::Uppercase {
            assert_eq!(created["integration_type"], "HOSTED_PAYMENT_PAGE");
        }
        let (seen, _) = client.poll(&id).await;
        assert_eq!(seen, [client.spell("pending")]);

        sandbox.complete_hosted(&id, GOOD).unwrap();
        let (seen, payment) = client.poll(&id).await;
        assert_eq!(seen.last().unwrap(), &client.spell("succeeded"));
        assert_eq!(payment["card"]["last4"], "1111");
        let record = sandbox.ledger().payment(&id).unwrap().clone();
        assert_eq!((record.kind, record.charged), (Kind::Hosted, true));
        assert!(sandbox.complete_hosted(&id, GOOD).is_err());
    }
}

#[tokio::test]
async fn the_card_decides_as_it_does_for_direct_payments() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, _) = create(&client).await;
        sandbox.complete_hosted(&id, "4000000000009995").unwrap();
        let (_, payment) = client.poll(&id).await;
        assert_eq!(payment["decline_code"], "insufficient_funds");

        let (id, _) = create(&client).await;
        sandbox.complete_hosted(&id, CHALLENGED).unwrap();
        let (seen, _) = client.poll(&id).await;
        assert_eq!(seen.last().unwrap(), &client.spell("requires_action"));
        sandbox.approve(&id).unwrap();
        let (seen, _) = client.poll(&id).await;
        assert_eq!(seen.last().unwrap(), &client.spell("succeeded"));
    }
    let not_a_number = sandbox.complete_hosted("pay_x", "4111 1111");
    assert_eq!(not_a_number, Err(SandboxError::NotACardNumber));
}

#[tokio::test]
async fn the_page_pays_and_sends_the_customer_back_with_a_hint() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, created) = create(&client).await;
        let html = send(plain().build().unwrap().get(page_of(dialect, &created)))
            .await
            .unwrap();
        assert_eq!(html.status, 200);
        let link = format!("/sandbox/hpp/{id}/pay/{GOOD}");
        assert!(html.text.contains(&format!("{link}\"")));
        let reply = client.get(&link).await;
        assert_eq!(reply.status, 303);
        let expected = format!(
            "https://shop.example.com/back?payment_id={id}&status={}",
            client.spell("pending")
        );
        assert_eq!(reply.header("location"), Some(expected.as_str()));
        assert_eq!(sandbox.return_address(&id).unwrap(), Some(expected));
        let (seen, _) = client.poll(&id).await;
        assert_eq!(seen.last().unwrap(), &client.spell("succeeded"));
        assert_eq!(client.get(&link).await.status, 409);
    }
}

#[tokio::test]
async fn an_abandoned_page_cancels_and_an_ignored_one_expires() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (id, _) = create(&client).await;
        let reply = client.get(&format!("/sandbox/hpp/{id}/abandon")).await;
        let location = reply.header("location").unwrap();
        assert!(location.ends_with(&format!("&status={}", client.spell("canceled"))));
        assert_eq!(
            client.payment(&id).await["status"],
            client.spell("canceled")
        );

        let (id, _) = create(&client).await;
        sandbox.clock().advance(Duration::from_secs(15 * 60));
        assert_eq!(client.payment(&id).await["status"], client.spell("expired"));
        assert!(sandbox.complete_hosted(&id, GOOD).is_err());
    }
}

#[tokio::test]
async fn pages_of_unknown_payments_do_not_exist() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    for path in [
        "/sandbox/3ds/pay_x",
        "/sandbox/3ds/pay_x/approve",
        "/sandbox/hpp/pay_x",
        "/sandbox/hpp/pay_x/pay/4111111111111111",
        "/elsewhere",
    ] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
}
