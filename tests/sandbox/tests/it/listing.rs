use std::time::Duration;

use flowlix_sandbox::{DEFAULT_START, Dialect, Sandbox};
use serde_json::{Value, json};

use crate::client::{BOTH, Client, GOOD, error};

fn ids(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|payment| payment["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Ids, newest first.
async fn several(sandbox: &Sandbox, client: &Client, count: usize) -> Vec<String> {
    let mut created = Vec::new();
    for _ in 0..count {
        created.insert(0, client.create(GOOD).await);
        sandbox.clock().advance(Duration::from_secs(10));
    }
    created
}

#[tokio::test]
async fn the_envelope_is_the_dialects_own() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, Dialect::SnakeCase)
        .get("/v1/payments")
        .await;
    assert_eq!(snake.status, 200);
    assert_eq!(
        snake.json(),
        json!({ "object": "list", "url": "/v1/payments", "data": [], "has_more": false })
    );
    let upper = Client::new(&sandbox, Dialect::Uppercase)
        .get("/v1/payments")
        .await;
    assert_eq!(upper.json(), json!({ "data": [], "has_more": false }));
}

#[tokio::test]
async fn pages_go_from_new_to_old() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let newest_first = several(&sandbox, &client, 12).await;
        let first = client.get("/v1/payments").await.json();
        assert_eq!(ids(&first), newest_first[..10]);
        assert_eq!(first["has_more"], true);
        assert_eq!(
            first["data"][3],
            client.get("/v1/payments?limit=4").await.json()["data"][3]
        );
        let cursor = &newest_first[9];
        let path = format!("/v1/payments?limit=5&starting_after={cursor}");
        let second = client.get(&path).await.json();
        assert_eq!(ids(&second), newest_first[10..]);
        assert_eq!(second["has_more"], false);
        let all = client.get("/v1/payments?limit=100").await.json();
        assert_eq!(ids(&all), newest_first);
    }
}

#[tokio::test]
async fn uppercase_pages_go_back_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let newest_first = several(&sandbox, &client, 6).await;
    let before = async |cursor: &str| {
        client
            .get(&format!("/v1/payments?limit=2&ending_before={cursor}"))
            .await
            .json()
    };
    let page = before(&newest_first[4]).await;
    assert_eq!(ids(&page), newest_first[2..4]);
    assert_eq!(page["has_more"], true);
    let page = before(&newest_first[2]).await;
    assert_eq!(ids(&page), newest_first[..2]);
    assert_eq!(page["has_more"], false);
    let both = format!(
        "/v1/payments?starting_after={}&ending_before={}",
        newest_first[4], newest_first[2]
    );
    let expected = error(
        400,
        "invalid_request_error",
        Some("parameter_invalid"),
        Some("ending_before"),
    );
    assert_eq!(client.get(&both).await.error(), expected);
}

#[tokio::test]
async fn filters_narrow_every_page() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let start = sandbox.clock().now();
        let newest_first = several(&sandbox, &client, 4).await;
        client.poll(&newest_first[1]).await;
        let status = client.spell("succeeded");
        let done = client
            .get(&format!("/v1/payments?status={status}"))
            .await
            .json();
        assert_eq!(ids(&done), newest_first[1..2]);
        assert_eq!(done["has_more"], false);

        let (from, before) = (start + 10, start + 30);
        let spellings: &[[&str; 2]] = match dialect {
            Dialect::SnakeCase => &[
                ["created%5Bgte%5D", "created%5Blt%5D"],
                ["created[gte]", "created[lt]"],
            ],
            Dialect::Uppercase => &[["created_gte", "created_lt"]],
        };
        for [gte, lt] in spellings {
            let path = format!("/v1/payments?{gte}={from}&{lt}={before}&limit=1");
            let page = client.get(&path).await.json();
            assert_eq!(ids(&page), newest_first[1..2]);
            assert_eq!(page["has_more"], true);
            let path = format!("{path}&starting_after={}", newest_first[1]);
            let page = client.get(&path).await.json();
            assert_eq!(ids(&page), newest_first[2..3]);
            assert_eq!(page["has_more"], false);
        }
    }
    assert!(sandbox.clock().now() > DEFAULT_START);
}

#[tokio::test]
async fn fully_refunded_payments_are_found_by_their_status() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::SnakeCase);
    let id = client.succeeded().await;
    client.refund(&id, None).await;
    sandbox.settle();
    assert_eq!(
        ids(&client.get("/v1/payments?status=refunded").await.json()),
        [id]
    );
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let common = [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=unknown", "status"),
        ("starting_after=pay_abc123", "starting_after"),
        ("mystery=1", "mystery"),
    ];
    let snake = [
        ("status=SUCCEEDED", "status"),
        ("status=processing", "status"),
        (
            "starting_after=pay_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
            "starting_after",
        ),
        ("created%5Bgte%5D=yesterday", "created[gte]"),
        ("created_gte=1", "created_gte"),
        (
            "ending_before=pay_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
            "ending_before",
        ),
    ];
    let upper = [
        ("status=succeeded", "status"),
        ("status=REFUNDED", "status"),
        (
            "starting_after=pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E",
            "starting_after",
        ),
        (
            "ending_before=pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E",
            "ending_before",
        ),
        ("created_lt=1.5", "created_lt"),
        ("created%5Bgte%5D=1", "created[gte]"),
    ];
    for (dialect, own) in [(Dialect::SnakeCase, snake), (Dialect::Uppercase, upper)] {
        let client = Client::new(&sandbox, dialect);
        for (query, param) in common.into_iter().chain(own) {
            let reply = client.get(&format!("/v1/payments?{query}")).await;
            assert_eq!(reply.status, 400, "{query}");
            let expected = error(
                400,
                "invalid_request_error",
                Some("parameter_invalid"),
                Some(param),
            );
            assert_eq!(reply.error(), expected, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_can_be_shorter_than_asked_for() {
    let sandbox = Sandbox::builder().short_pages(2).start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let newest_first = several(&sandbox, &client, 3).await;
        let page = client.get("/v1/payments?limit=10").await.json();
        assert_eq!(ids(&page), newest_first[..2]);
        assert_eq!(page["has_more"], true);
        let path = format!("/v1/payments?limit=10&starting_after={}", newest_first[1]);
        let page = client.get(&path).await.json();
        assert_eq!(ids(&page), newest_first[2..]);
        assert_eq!(page["has_more"], false);
    }
}

#[tokio::test]
async fn a_new_payment_is_listed_after_the_lag() {
    for dialect in BOTH {
        let sandbox = Sandbox::builder().list_lag(15).start().await.unwrap();
        let client = Client::new(&sandbox, dialect);
        let newest_first = several(&sandbox, &client, 2).await;
        // 20 s and 10 s old.
        let page = client.get("/v1/payments").await.json();
        assert_eq!(ids(&page), newest_first[1..]);
        assert_eq!(page["has_more"], false);
        client.payment(&newest_first[0]).await;

        sandbox.clock().advance(Duration::from_secs(4));
        assert_eq!(ids(&client.get("/v1/payments").await.json()).len(), 1);
        sandbox.clock().advance(Duration::from_secs(1));
        let page = client.get("/v1/payments").await.json();
        assert_eq!(ids(&page), newest_first);
    }
}

#[tokio::test]
async fn the_lag_can_be_changed_and_hides_no_cursor() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        sandbox.set_list_lag(0);
        let client = Client::new(&sandbox, dialect);
        let newest_first = several(&sandbox, &client, 3).await;
        assert_eq!(ids(&client.get("/v1/payments").await.json()), newest_first);

        // 30, 20 and 10 s old.
        sandbox.set_list_lag(25);
        let path = format!("/v1/payments?starting_after={}", newest_first[0]);
        for path in ["/v1/payments", path.as_str()] {
            assert_eq!(ids(&client.get(path).await.json()), newest_first[2..]);
        }
    }
}
