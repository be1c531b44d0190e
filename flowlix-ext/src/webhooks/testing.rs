//! For your own tests: events and signatures as Flowlix makes them.

use flowlix_api::ConversionError;
use flowlix_api::model::{Payment, Refund, WebhookEventType};
use flowlix_api::uppercase::types;
use hmac::Mac;
use serde::Serialize;
use serde_json::Value;

use super::secret::WebhookSecret;
use super::signature::hex;
use crate::testing::ManualTime;

/// The value of the `Flowlix-Signature` header for a body sent at `timestamp` (Unix seconds).
///
/// ```
/// use flowlix_ext::webhooks::{WebhookSecret, testing};
///
/// let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// let header = testing::sign(&secret, 1_719_792_000, b"{}");
/// assert!(header.starts_with("t=1719792000,v1="));
/// # Ok::<(), flowlix_ext::webhooks::InvalidWebhookSecret>(())
/// ```
#[must_use]
pub fn sign(secret: &WebhookSecret, timestamp: u64, body: &[u8]) -> String {
    let text = timestamp.to_string();
    let signature = secret.signature(&text, body).finalize().into_bytes();
    format!("t={text},v1={}", hex(&signature))
}

/// A webhook event to be sent to your own endpoint.
///
/// ```
/// use flowlix_ext::model::{Payment, WebhookEventType};
/// use flowlix_ext::testing::ManualTime;
/// use flowlix_ext::webhooks::testing::{TestEvent, sign};
/// use flowlix_ext::webhooks::{EventObject, WebhookSecret, WebhookVerifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let payment: Payment = serde_json::from_value(serde_json::json!({
///     "id": "pay_abc123", "amount": 4999, "currency": "EUR", "status": "SUCCEEDED",
/// }))?;
/// let body = TestEvent::payment("evt_1", WebhookEventType::PaymentSucceeded, &payment)?.body()?;
///
/// let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// let signature = sign(&secret, ManualTime::START, &body);
/// let verifier = WebhookVerifier::new(secret).runtime(ManualTime::automatic());
/// let event = verifier.verify(&body, Some(signature.as_bytes()))?;
/// assert_eq!(event.object()?, EventObject::Payment(Box::new(payment)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TestEvent {
    id: String,
    kind: WebhookEventType,
    created_at: i64,
    livemode: bool,
    data: Data,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Data {
    Payment(Box<types::Payment>),
    Refund(Box<types::Refund>),
    #[serde(untagged)]
    Other(Value),
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a WebhookEventType,
    created_at: i64,
    livemode: bool,
    data: &'a Data,
}

impl TestEvent {
    /// An event about a payment.
    ///
    /// # Errors
    /// When the payment has something that the uppercase dialect cannot say; only that dialect has webhooks.
    pub fn payment(
        id: impl Into<String>,
        kind: WebhookEventType,
        payment: &Payment,
    ) -> Result<Self, ConversionError> {
        let payment = types::Payment::try_from(payment.clone())?;
        Ok(Self::new(id, kind, Data::Payment(Box::new(payment))))
    }

    /// An event about a refund.
    ///
    /// # Errors
    /// As [`payment`](Self::payment).
    pub fn refund(
        id: impl Into<String>,
        kind: WebhookEventType,
        refund: &Refund,
    ) -> Result<Self, ConversionError> {
        let refund = types::Refund::try_from(refund.clone())?;
        Ok(Self::new(id, kind, Data::Refund(Box::new(refund))))
    }

    /// An event with any `data`: of a type that does not exist yet, or with an object that cannot be read.
    #[must_use]
    pub fn other(id: impl Into<String>, kind: &str, data: Value) -> Self {
        Self::new(id, WebhookEventType::from(kind), Data::Other(data))
    }

    fn new(id: impl Into<String>, kind: WebhookEventType, data: Data) -> Self {
        Self {
            id: id.into(),
            kind,
            created_at: i64::try_from(ManualTime::START).unwrap_or(i64::MAX),
            livemode: false,
            data,
        }
    }

    /// When the event was created, Unix seconds. Default: [`ManualTime::START`].
    #[must_use]
    pub fn created_at(mut self, unix_seconds: i64) -> Self {
        self.created_at = unix_seconds;
        self
    }

    /// Live mode or test mode. Default: test.
    #[must_use]
    pub fn livemode(mut self, livemode: bool) -> Self {
        self.livemode = livemode;
        self
    }

    /// The body of the delivery.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Body {
            id: &self.id,
            kind: &self.kind,
            created_at: self.created_at,
            livemode: self.livemode,
            data: &self.data,
        })
    }
}
