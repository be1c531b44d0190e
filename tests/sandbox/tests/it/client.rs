//! A client that knows HTTP and nothing about Flowlix, and the request bodies that tests send.

use flowlix_sandbox::{Dialect, Sandbox};
use serde_json::{Value, json};

pub(crate) const BOTH: [Dialect; 2] = [Dialect::SnakeCase, Dialect::Uppercase];
pub(crate) const GOOD: &str = "4111111111111111";
pub(crate) const CHALLENGED: &str = "4635440000002223";

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    pub(crate) key: String,
    pub(crate) dialect: Dialect,
    keys_made: std::cell::Cell<u32>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    /// Status, type, code and param, after checking the shape.
    pub(crate) fn error(&self) -> (u16, String, Value, Value) {
        let error = self.json()["error"].clone();
        let mut members: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
        members.sort();
        let documented = [
            "code",
            "decline_code",
            "doc_url",
            "message",
            "param",
            "request_id",
            "type",
        ];
        assert_eq!(members, documented);
        assert!(!error["message"].as_str().unwrap().is_empty());
        let shown = [self.header("flowlix-request-id"), self.header("request-id")];
        assert!(shown.contains(&error["request_id"].as_str()));
        (
            self.status,
            error["type"].as_str().unwrap().to_owned(),
            error["code"].clone(),
            error["param"].clone(),
        )
    }
}

/// An expected error.
pub(crate) fn error(
    status: u16,
    kind: &str,
    code: Option<&str>,
    param: Option<&str>,
) -> (u16, String, Value, Value) {
    (status, kind.to_owned(), json!(code), json!(param))
}

/// An HTTP client with no settings of its own.
pub(crate) fn plain() -> reqwest::ClientBuilder {
    // A second call finds it installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

impl Client {
    pub(crate) fn new(sandbox: &Sandbox, dialect: Dialect) -> Self {
        Self {
            http: plain()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            base: sandbox.base_url(),
            key: sandbox.key(dialect).to_owned(),
            dialect,
            keys_made: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    pub(crate) fn builder(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.base);
        self.http
            .request(method, url)
            .header("Authorization", format!("Bearer {}", self.key))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.builder("GET", path)).await.unwrap()
    }

    /// A POST with a fresh idempotency key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        let key = format!("fresh-{}", self.keys_made.replace(self.keys_made.get() + 1));
        self.post_with_key(path, &key, body).await
    }

    pub(crate) async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.try_post(path, key, body).await.unwrap()
    }

    pub(crate) async fn try_post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Reply, reqwest::Error> {
        let request = self
            .builder("POST", path)
            .header("Idempotency-Key", key)
            .header("Content-Type", "application/json")
            .body(body.to_string());
        send(request).await
    }

    /// Creates a Direct API payment and gives its id.
    pub(crate) async fn create(&self, card: &str) -> String {
        let reply = self.post("/v1/payments", &direct(self.dialect, card)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.id()
    }

    pub(crate) async fn payment(&self, id: &str) -> Value {
        let reply = self.get(&format!("/v1/payments/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// Reads until the status stands still; gives the statuses seen and the last payment.
    pub(crate) async fn poll(&self, id: &str) -> (Vec<String>, Value) {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let payment = self.payment(id).await;
            let status = payment["status"].as_str().unwrap().to_owned();
            if seen.last() == Some(&status) {
                return (seen, payment);
            }
            seen.push(status);
        }
    }

    /// A payment that has succeeded.
    pub(crate) async fn succeeded(&self) -> String {
        let id = self.create(GOOD).await;
        let (seen, _) = self.poll(&id).await;
        assert_eq!(seen.last().unwrap(), &self.spell("succeeded"));
        id
    }

    pub(crate) async fn refund(&self, id: &str, amount: Option<i64>) -> Reply {
        let (path, body) = refund(self.dialect, id, amount);
        self.post(&path, &body).await
    }

    pub(crate) fn spell(&self, value: &str) -> String {
        match self.dialect {
            Dialect::SnakeCase => value.to_owned(),
            Dialect::Uppercase => value.to_ascii_uppercase(),
        }
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

pub(crate) fn card(number: &str) -> Value {
    json!({
        "number": number, "exp_month": 12, "exp_year": 2027, "cvc": "314",
        "holder_name": "Jenny Rosen"
    })
}

/// A complete Direct API request.
pub(crate) fn direct(dialect: Dialect, number: &str) -> Value {
    match dialect {
        Dialect::SnakeCase => json!({
            "amount": 4999, "currency": "eur", "card": card(number), "customer": customer(),
            "return_url": "https://shop.example.com/3ds", "description": "Order #1234",
            "metadata": { "order_id": "ord_1234" }
        }),
        Dialect::Uppercase => json!({
            "amount": 4999, "currency": "EUR", "payment_method_data": { "card": card(number) },
            "billing_details": billing_details(), "return_url": "https://shop.example.com/3ds",
            "merchant_reference": "ord_1234", "description": "Order #1234",
            "metadata": { "order_id": "ord_1234", "lines": [1, { "sku": null }] }
        }),
    }
}

/// A complete request for a hosted payment page.
pub(crate) fn hosted(dialect: Dialect) -> Value {
    match dialect {
        Dialect::SnakeCase => json!({
            "amount": 2500, "currency": "eur", "customer": customer(),
            "redirect_url": "https://shop.example.com/back", "description": "Order #5678",
            "metadata": { "order_id": "ord_5678" }
        }),
        Dialect::Uppercase => json!({
            "amount": 2500, "currency": "EUR", "billing_details": billing_details(),
            "return_url": "https://shop.example.com/back", "merchant_reference": "ord_5678",
            "description": "Order #5678", "metadata": { "order_id": "ord_5678" }
        }),
    }
}

/// Path and body of a refund.
pub(crate) fn refund(dialect: Dialect, id: &str, amount: Option<i64>) -> (String, Value) {
    let mut body = match dialect {
        Dialect::SnakeCase => json!({ "reason": "requested by customer" }),
        Dialect::Uppercase => json!({ "payment_id": id, "reason": "requested_by_customer" }),
    };
    if let Some(amount) = amount {
        body["amount"] = json!(amount);
    }
    let path = match dialect {
        Dialect::SnakeCase => format!("/v1/payments/{id}/refund"),
        Dialect::Uppercase => "/v1/refunds".to_owned(),
    };
    (path, body)
}

fn customer() -> Value {
    json!({
        "email": "jenny@example.com", "first_name": "Jenny", "last_name": "Rosen",
        "country": "DE", "phone": "+491701234567", "address": "Kurfuerstendamm 21",
        "city": "Berlin", "zip": "10719", "state": "Berlin", "ip": "203.0.113.7"
    })
}

fn billing_details() -> Value {
    json!({
        "email": "jenny@example.com", "first_name": "Jenny", "last_name": "Rosen",
        "phone": "+491701234567",
        "address": {
            "line1": "Kurfuerstendamm 21", "line2": "Apartment 4B", "city": "Berlin",
            "state": "Berlin", "postal_code": "10719", "country": "DE"
        }
    })
}
