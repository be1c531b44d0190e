use flowlix_sandbox::{Dialect, Sandbox};

use crate::client::{BOTH, Client, GOOD, error, plain, send};

const REFUSED: &str = "authentication_error";

#[tokio::test]
async fn strangers_get_401() {
    let sandbox = Sandbox::start().await.unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let good = client.key.clone();
        for authorization in [
            None,
            Some(good.clone()),
            Some(format!("Basic {good}")),
            Some("Bearer ".to_owned()),
            Some("Bearer fl_test_sk_unknown".to_owned()),
            Some(format!("Bearer {good}x")),
            Some(format!("Bearer {}", sandbox.live_key(dialect))),
        ] {
            let url = format!("{}/v1/payments", sandbox.base_url());
            let mut request = plain().build().unwrap().get(url);
            if let Some(value) = &authorization {
                request = request.header("Authorization", value);
            }
            let reply = send(request).await.unwrap();
            let expected = error(401, REFUSED, Some("invalid_api_key"), None);
            assert_eq!(reply.error(), expected, "{authorization:?}");
            assert_eq!(reply.header("x-ratelimit-limit"), None);
        }
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let sandbox = Sandbox::start().await.unwrap();
    let key = sandbox.key(Dialect::SnakeCase);
    let request = plain()
        .build()
        .unwrap()
        .get(format!("{}/v1/payments", sandbox.base_url()))
        .header("Authorization", format!("bearer {key}"));
    assert_eq!(send(request).await.unwrap().status, 200);
}

#[tokio::test]
async fn each_dialect_names_the_request_id_its_own_way() {
    let sandbox = Sandbox::start().await.unwrap();
    for (dialect, name, other) in [
        (Dialect::SnakeCase, "flowlix-request-id", "request-id"),
        (Dialect::Uppercase, "request-id", "flowlix-request-id"),
    ] {
        let client = Client::new(&sandbox, dialect);
        let first = client.get("/v1/payments").await;
        let second = client.get("/v1/payments/pay_unknown").await;
        assert!(first.header(name).unwrap().starts_with("req_"));
        assert_ne!(first.header(name), second.header(name));
        assert_eq!(
            second.json()["error"]["request_id"],
            second.header(name).unwrap()
        );
        assert_eq!(first.header(other), None);
    }
}

#[tokio::test]
async fn the_other_modes_payment_is_403_and_not_listed() {
    let sandbox = Sandbox::builder()
        .accept_live_keys(true)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let test = Client::new(&sandbox, dialect);
        let mut live = Client::new(&sandbox, dialect);
        live.key = sandbox.live_key(dialect).to_owned();
        let id = test.create(GOOD).await;
        let reply = live.get(&format!("/v1/payments/{id}")).await;
        assert_eq!(reply.error(), error(403, REFUSED, None, None));
        assert_eq!(
            live.refund(&id, Some(1)).await.error(),
            error(403, REFUSED, None, None)
        );
        assert_eq!(
            live.get("/v1/payments").await.json()["data"],
            serde_json::json!([])
        );

        let id = live.create(GOOD).await;
        assert_eq!(live.payment(&id).await["livemode"], true);
        assert_eq!(test.get(&format!("/v1/payments/{id}")).await.status, 403);
    }
}

#[tokio::test]
async fn the_other_dialects_payment_does_not_exist() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, Dialect::SnakeCase);
    let upper = Client::new(&sandbox, Dialect::Uppercase);
    let id = snake.create(GOOD).await;
    let reply = upper.get(&format!("/v1/payments/{id}")).await;
    assert_eq!(
        reply.error(),
        error(404, "invalid_request_error", None, None)
    );
}

#[tokio::test]
async fn each_dialect_has_its_own_refund_path() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, Dialect::SnakeCase);
    let upper = Client::new(&sandbox, Dialect::Uppercase);
    let body = serde_json::json!({});
    let missing = error(404, "invalid_request_error", None, None);
    assert_eq!(snake.post("/v1/refunds", &body).await.error(), missing);
    assert_eq!(
        upper.post("/v1/payments/pay_x/refund", &body).await.error(),
        missing
    );
    assert_eq!(snake.get("/v1/nothing").await.error(), missing);
}
