use std::time::Duration;

use flowlix_sandbox::{DEFAULT_START, Dialect, Sandbox};

use crate::client::{BOTH, Client, GOOD, direct, error};

#[tokio::test]
async fn headers_count_down_within_a_fixed_window() {
    let sandbox = Sandbox::builder()
        .clock_start(DEFAULT_START + 20)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        for remaining in ["499", "498"] {
            let reply = client.get("/v1/payments").await;
            assert_eq!(reply.header("x-ratelimit-limit"), Some("500"));
            assert_eq!(reply.header("x-ratelimit-remaining"), Some(remaining));
            let reset = (DEFAULT_START + 60).to_string();
            assert_eq!(reply.header("x-ratelimit-reset"), Some(reset.as_str()));
        }
        // Errors are counted like everything else.
        let reply = client.get("/v1/payments/pay_unknown").await;
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("497"));
    }
}

#[tokio::test]
async fn too_many_requests_wait_for_the_next_window() {
    let sandbox = Sandbox::builder()
        .rate_limit(2)
        .clock_start(DEFAULT_START + 45)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
        for _ in 0..2 {
            assert_eq!(client.get("/v1/payments").await.status, 200);
        }
        let reply = client.post_with_key("/v1/payments", "key", &body).await;
        assert_eq!(
            reply.error(),
            error(429, "rate_limit_error", Some("rate_limit_exceeded"), None)
        );
        assert_eq!(reply.header("retry-after"), Some("15"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    }
    assert!(sandbox.ledger().payments().is_empty());

    sandbox.clock().advance(Duration::from_secs(15));
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = direct(dialect, GOOD);
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
async fn each_key_has_its_own_window() {
    let sandbox = Sandbox::builder().rate_limit(1).start().await.unwrap();
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        assert_eq!(
            Client::new(&sandbox, dialect)
                .get("/v1/payments")
                .await
                .status,
            200
        );
    }
}
