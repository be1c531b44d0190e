use std::time::Duration;

use flowlix_sandbox::{Answer, DEFAULT_START, Dialect, Kind, PaymentRecord, Sandbox, Status};
use serde_json::json;

use crate::client::{BOTH, CHALLENGED, Client, GOOD, direct, hosted, send};

#[test]
fn the_documentation_has_every_test_card() {
    let documentation = include_str!("../../src/lib.rs");
    for (number, outcome) in Sandbox::test_cards() {
        let row = format!("//! | {number} | {outcome} |\n");
        assert!(documentation.contains(&row), "{row}");
    }
}

#[tokio::test]
async fn requests_are_recorded_without_their_secrets() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        client
            .post_with_key("/v1/payments", "order-1234", &body)
            .await;
        client.get("/v1/payments?limit=3").await;
        let requests = sandbox.requests();
        let [.., create, list] = requests.as_slice() else {
            panic!()
        };

        assert_eq!(
            (create.method(), create.path(), create.query()),
            ("POST", "/v1/payments", "")
        );
        assert_eq!(create.header("Idempotency-Key"), Some("order-1234"));
        let prefix = client.key.split("sandbox").next().unwrap();
        let expected = format!("Bearer {prefix}[redacted]");
        assert_eq!(create.header("authorization"), Some(expected.as_str()));
        let card = match dialect {
            Dialect::SnakeCase => "/card",
            Dialect::Uppercase => "/payment_method_data/card",
        };
        let shown = create.body().unwrap().pointer(card).unwrap();
        assert_eq!(shown["number"], "[redacted]");
        assert_eq!(shown["cvc"], "[redacted]");
        assert_eq!(shown["exp_year"], 2027);
        assert_eq!(create.raw_body_with_secrets(), body.to_string().as_bytes());
        assert_eq!(create.answer(), Answer::Status(201));

        assert_eq!((list.method(), list.query()), ("GET", "limit=3"));
        assert_eq!(list.body(), None);

        let shown = format!("{requests:?} {sandbox:?} {:?}", sandbox.ledger());
        assert!(shown.contains("order-1234"));
        for secret in [GOOD, "\"314\"", client.key.as_str()] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[tokio::test]
async fn the_ledger_tells_what_each_order_came_to() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let (started, page) = (sandbox.clock().now(), hosted(dialect));
        let id = client.succeeded().await;
        client.post("/v1/payments/hpp", &page).await;
        sandbox.clock().advance(Duration::from_secs(60));
        client.refund(&id, Some(999)).await;
        client.create("4000000000000002").await;
        sandbox.settle();

        let ledger = sandbox.ledger();
        let order = |name: &str| -> Vec<PaymentRecord> {
            let of_order = |record: &&PaymentRecord| {
                record.dialect == dialect && record.metadata["order_id"] == name
            };
            ledger.payments().iter().filter(of_order).cloned().collect()
        };
        let first = order("ord_1234");
        let seen: Vec<_> = first
            .iter()
            .map(|payment| {
                (
                    payment.kind,
                    payment.amount,
                    payment.status,
                    payment.charged,
                )
            })
            .collect();
        let expected = [
            (Kind::Direct, 4999, Status::Succeeded, true),
            (Kind::Direct, 4999, Status::Failed, false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(
            (first[0].created_at, first[1].created_at),
            (started, started + 60)
        );
        let refund = &first[0].refunds[0];
        assert_eq!((refund.amount, refund.created_at), (999, started + 60));

        let second = order("ord_5678");
        assert_eq!(second.len(), 1);
        assert_eq!(
            (second[0].kind, second[0].status),
            (Kind::Hosted, Status::Pending)
        );
        let reference = (dialect == Dialect::Uppercase).then_some("ord_5678");
        assert_eq!(second[0].merchant_reference.as_deref(), reference);
    }
}

#[tokio::test]
async fn uppercase_payments_leave_the_events_that_flowlix_would_send() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, Dialect::SnakeCase);
    snake.succeeded().await;
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let id = client.succeeded().await;
    client.refund(&id, Some(999)).await;
    client.refund(&id, Some(1)).await;
    let refused = sandbox.ledger().payment(&id).unwrap().refunds[1].id.clone();
    sandbox.fail_refund(&refused).unwrap();
    let payment = client.payment(&id).await;
    let failed = client.create("4000000000000002").await;
    client.poll(&failed).await;
    let expired = client.create(CHALLENGED).await;
    client.poll(&expired).await;
    sandbox.expire(&expired).unwrap();
    let canceled = client.create(GOOD).await;
    sandbox.cancel(&canceled).unwrap();

    let events = sandbox.events();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        [
            "payment.succeeded",
            "refund.failed",
            "refund.succeeded",
            "payment.failed",
            "payment.expired",
            "payment.canceled"
        ]
    );
    let first = events[0].body();
    assert!(first["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(first["created_at"], DEFAULT_START);
    assert_eq!(first["livemode"], false);
    assert_eq!(first["data"]["payment"]["status"], "SUCCEEDED");
    assert_eq!(
        events[2].body()["data"],
        json!({ "refund": payment["refunds"][0] })
    );
    assert_eq!(
        events[3].body()["data"],
        json!({ "payment": client.payment(&failed).await })
    );
}

#[tokio::test]
async fn dropping_the_sandbox_ends_the_server() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    assert_eq!(client.get("/v1/payments").await.status, 200);
    drop(sandbox);
    // The server's task ends when the runtime next runs it.
    tokio::task::yield_now().await;
    assert!(send(client.builder("GET", "/v1/payments")).await.is_err());
}

#[tokio::test]
async fn the_real_clock_runs_by_itself_and_can_be_moved() {
    let sandbox = Sandbox::builder().real_clock().start().await.unwrap();
    let clock = sandbox.clock();
    assert!(clock.now() > DEFAULT_START);
    clock.set(DEFAULT_START);
    assert!((DEFAULT_START..DEFAULT_START + 60).contains(&clock.now()));
}
