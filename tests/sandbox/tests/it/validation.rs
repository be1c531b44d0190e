use flowlix_sandbox::{Dialect, Sandbox};
use serde_json::{Map, Value, json};

use crate::client::{BOTH, Client, GOOD, direct, error, hosted, refund, send};

use Dialect::{SnakeCase, Uppercase};

const DIRECT: &str = "/v1/payments";
const HOSTED: &str = "/v1/payments/hpp";

/// The good request with one member (a dotted path) removed or replaced.
fn spoiled(mut body: Value, path: &str, value: Option<Value>) -> Value {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer = if parent.is_empty() {
        String::new()
    } else {
        format!("/{}", parent.replace('.', "/"))
    };
    let object = body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
    match value {
        None => {
            object.remove(name).unwrap();
        }
        Some(value) => {
            object.insert(name.to_owned(), value);
        }
    }
    body
}

async fn refused(client: &Client, path: &str, body: &Value, code: &str, param: &str) {
    let reply = client.post(path, body).await;
    assert!(reply.status >= 400, "{path} took a bad {param}: {body}");
    let expected = error(400, "invalid_request_error", Some(code), Some(param));
    assert_eq!(reply.error(), expected, "{path} {body}");
}

fn good(dialect: Dialect, path: &str) -> Value {
    match path {
        DIRECT => direct(dialect, GOOD),
        _ => hosted(dialect),
    }
}

#[tokio::test]
async fn required_members_are_required() {
    let sandbox = Sandbox::start().await.unwrap();
    let customer = [
        "customer.email",
        "customer.first_name",
        "customer.last_name",
        "customer.country",
        "customer.phone",
        "customer.address",
        "customer.city",
        "customer.zip",
    ];
    let snake_direct = [
        "amount",
        "currency",
        "card",
        "card.number",
        "card.exp_month",
        "card.exp_year",
        "card.cvc",
        "card.holder_name",
    ];
    let upper_direct = [
        "amount",
        "currency",
        "payment_method_data",
        "payment_method_data.card",
        "payment_method_data.card.number",
        "payment_method_data.card.exp_month",
        "payment_method_data.card.exp_year",
        "payment_method_data.card.cvc",
        "payment_method_data.card.holder_name",
    ];
    for (dialect, path, members) in [
        (SnakeCase, DIRECT, &snake_direct[..]),
        (SnakeCase, DIRECT, &customer),
        (SnakeCase, HOSTED, &["amount", "currency", "redirect_url"]),
        (SnakeCase, HOSTED, &customer),
        (Uppercase, DIRECT, &upper_direct),
        (Uppercase, HOSTED, &["amount", "currency", "return_url"]),
    ] {
        let client = Client::new(&sandbox, dialect);
        for member in members {
            for value in [None, Some(Value::Null)] {
                let body = spoiled(good(dialect, path), member, value);
                refused(&client, path, &body, "parameter_missing", member).await;
            }
        }
    }
    assert!(sandbox.ledger().payments().is_empty());
}

#[tokio::test]
async fn documented_limits_hold() {
    let sandbox = Sandbox::start().await.unwrap();
    let long = |length: usize| json!("ä".repeat(length));
    let keys = |count: usize| {
        let keys = (0..count).map(|key| (key.to_string(), json!("x")));
        Value::Object(keys.collect::<Map<_, _>>())
    };
    let both = vec![
        ("amount", json!(0)),
        ("amount", json!(-1)),
        ("amount", json!(49.99)),
        ("amount", json!("4999")),
        ("amount", json!(9_223_372_036_854_775_808_u64)),
        ("currency", json!("chf")),
        ("description", long(501)),
        ("metadata", json!("text")),
        ("mystery", json!(1)),
    ];
    let card = vec![
        ("card.number", json!("4111 1111 1111 1111")),
        ("card.number", json!(4_111_111_111_111_111_u64)),
        ("card.exp_month", json!(0)),
        ("card.exp_month", json!(13)),
        ("card.exp_month", json!("12")),
        ("card.exp_year", json!(27)),
        ("card.exp_year", json!(20270)),
        ("card.cvc", json!("31")),
        ("card.cvc", json!("3144")),
        ("card.cvc", json!("31a")),
        ("card.mystery", json!("x")),
    ];
    let urls = [
        "http://shop.example.com",
        "ftp://shop.example.com",
        "http://localhost.example.com",
        "shop.example.com",
        "https://",
        "https:// x",
    ];
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        for path in [DIRECT, HOSTED] {
            for (member, value) in &both {
                let body = spoiled(good(dialect, path), member, Some(value.clone()));
                refused(&client, path, &body, "parameter_invalid", member).await;
            }
            let url = match (dialect, path) {
                (SnakeCase, HOSTED) => "redirect_url",
                _ => "return_url",
            };
            for value in urls {
                let body = spoiled(good(dialect, path), url, Some(json!(value)));
                refused(&client, path, &body, "parameter_invalid", url).await;
            }
        }
        let prefix = match dialect {
            SnakeCase => "",
            Uppercase => "payment_method_data.",
        };
        for (member, value) in &card {
            let member = format!("{prefix}{member}");
            let body = spoiled(direct(dialect, GOOD), &member, Some(value.clone()));
            refused(&client, DIRECT, &body, "parameter_invalid", &member).await;
        }
    }
    for path in [DIRECT, HOSTED] {
        let client = Client::new(&sandbox, SnakeCase);
        for (member, value, param) in [
            ("currency", json!("EUR"), "currency"),
            ("metadata", keys(51), "metadata"),
            (
                "metadata",
                json!({ "note": "x".repeat(501) }),
                "metadata.note",
            ),
            ("metadata", json!({ "count": 1 }), "metadata.count"),
            ("customer.country", json!("Germany"), "customer.country"),
            ("customer.country", json!("de"), "customer.country"),
            ("customer.phone", json!("0170 1234567"), "customer.phone"),
            ("customer.line1", json!("x"), "customer.line1"),
            (
                "merchant_reference",
                json!("ord_1234"),
                "merchant_reference",
            ),
        ] {
            let body = spoiled(good(SnakeCase, path), member, Some(value));
            refused(&client, path, &body, "parameter_invalid", param).await;
        }
        let client = Client::new(&sandbox, Uppercase);
        for (member, value) in [
            ("currency", json!("eur")),
            ("currency", json!("USD")),
            ("merchant_reference", long(256)),
            ("billing_details.address.country", json!("Germany")),
            ("billing_details.city", json!("Berlin")),
            ("customer", json!({})),
        ] {
            let body = spoiled(good(Uppercase, path), member, Some(value));
            refused(&client, path, &body, "parameter_invalid", member).await;
        }
    }
    assert!(sandbox.ledger().payments().is_empty());

    // And what is just within the limits is taken.
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let mut body = direct(dialect, GOOD);
        body["amount"] = json!(1);
        body["description"] = long(500);
        body["metadata"] = keys(50);
        body["metadata"]["0"] = long(500);
        body["return_url"] = json!("http://localhost:3000/back");
        if dialect == Uppercase {
            body["merchant_reference"] = long(255);
        }
        assert_eq!(client.post(DIRECT, &body).await.status, 201);
    }
}

#[tokio::test]
async fn an_amex_card_has_four_digits_of_cvc() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, SnakeCase);
    let mut body = direct(SnakeCase, "378282246310005");
    refused(&client, DIRECT, &body, "parameter_invalid", "card.cvc").await;
    body["card"]["cvc"] = json!("3141");
    assert_eq!(client.post(DIRECT, &body).await.status, 201);
}

#[tokio::test]
async fn snake_case_takes_three_currencies() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, SnakeCase);
    for currency in ["eur", "usd", "gbp"] {
        let mut body = direct(SnakeCase, GOOD);
        body["currency"] = json!(currency);
        let reply = client.post(DIRECT, &body).await;
        assert_eq!(reply.json()["currency"], currency);
    }
}

#[tokio::test]
async fn only_json_objects_are_bodies() {
    let sandbox = Sandbox::start().await.unwrap();
    let expected = error(
        400,
        "invalid_request_error",
        Some("parameter_invalid"),
        None,
    );
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        for body in ["", "{", "[]", "\"text\"", "null"] {
            let request = client
                .builder("POST", DIRECT)
                .header("Idempotency-Key", "key")
                .body(body);
            assert_eq!(send(request).await.unwrap().error(), expected, "{body}");
        }
    }
}

#[tokio::test]
async fn unknown_members_can_be_ignored() {
    let sandbox = Sandbox::builder()
        .refuse_unknown_members(false)
        .start()
        .await
        .unwrap();
    for dialect in BOTH {
        let client = Client::new(&sandbox, dialect);
        let body = spoiled(direct(dialect, GOOD), "mystery", Some(json!(1)));
        assert_eq!(client.post(DIRECT, &body).await.status, 201);
        assert_eq!(client.get("/v1/payments?mystery=1").await.status, 200);
    }
}

#[tokio::test]
async fn refund_requests_are_checked() {
    let sandbox = Sandbox::start().await.unwrap();
    let snake = Client::new(&sandbox, SnakeCase);
    let id = snake.succeeded().await;
    let (path, body) = refund(SnakeCase, &id, Some(100));
    for (member, value, code) in [
        ("reason", None, "parameter_missing"),
        ("reason", Some(json!("x".repeat(51))), "parameter_invalid"),
        ("amount", Some(json!(0)), "parameter_invalid"),
        ("payment_id", Some(json!(id)), "parameter_invalid"),
        ("metadata", Some(json!({})), "parameter_invalid"),
    ] {
        refused(
            &snake,
            &path,
            &spoiled(body.clone(), member, value),
            code,
            member,
        )
        .await;
    }
    let upper = Client::new(&sandbox, Uppercase);
    let id = upper.succeeded().await;
    let (path, body) = refund(Uppercase, &id, Some(100));
    for (member, value, code) in [
        ("payment_id", None, "parameter_missing"),
        ("payment_id", Some(json!("pay_abc123")), "parameter_invalid"),
        ("amount", None, "parameter_missing"),
        ("amount", Some(json!(1.5)), "parameter_invalid"),
        ("mystery", Some(json!(1)), "parameter_invalid"),
    ] {
        refused(
            &upper,
            &path,
            &spoiled(body.clone(), member, value),
            code,
            member,
        )
        .await;
    }
    assert_eq!(sandbox.ledger().refunds().count(), 0);
}
