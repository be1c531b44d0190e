//! For your own tests: events, and their deliveries as Flowlix makes them.
//!
//! ```
//! use std::time::Duration;
//!
//! use flowlix_ext::WebhookSecret;
//! use flowlix_ext::model::WebhookEventType;
//! use flowlix_ext::testing::ManualTime;
//! use flowlix_ext::webhooks::testing::TestEvent;
//! use flowlix_ext::webhooks::{EventObject, WebhookError, WebhookVerifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = WebhookSecret::parse("whsec_abc123def456")?;
//! let time = ManualTime::automatic();
//! let verifier = WebhookVerifier::new(secret.clone()).runtime(time.clone());
//!
//! let paid = TestEvent::sample("evt_1", WebhookEventType::PaymentSucceeded)
//!     .with("merchant_reference", "ord_77")
//!     .with("amount", 12_00);
//! let delivery = paid.deliver(&secret, time.now());
//! let event = verifier.verify(delivery.body(), delivery.signature())?;
//! let EventObject::Payment(payment) = event.object()? else { panic!("{event:?}") };
//! assert_eq!(payment.merchant_reference.as_deref(), Some("ord_77"));
//!
//! // What a service has to refuse:
//! let refusal = |delivery: &flowlix_ext::webhooks::testing::TestDelivery| {
//!     verifier.verify(delivery.body(), delivery.signature()).unwrap_err()
//! };
//! let forger = WebhookSecret::parse("whsec_guessed")?;
//! assert_eq!(refusal(&paid.deliver(&forger, time.now())), WebhookError::NoMatch);
//! assert_eq!(refusal(&delivery.clone().with_body("{}")), WebhookError::NoMatch);
//! assert_eq!(refusal(&delivery.clone().without_signature()), WebhookError::MissingHeader);
//! time.advance(Duration::from_secs(301));
//! assert!(matches!(refusal(&delivery), WebhookError::TooOld { .. }));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flowlix_api::ConversionError;
use flowlix_api::model::{Payment, Refund, WebhookEventType};
use flowlix_api::uppercase::types;
use hmac::Mac;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::SIGNATURE_HEADER;
use super::secret::WebhookSecret;
use super::signature::hex;

/// The value of the `Flowlix-Signature` header for a body that is sent at this moment.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use flowlix_ext::webhooks::{WebhookSecret, testing};
///
/// let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// let at = UNIX_EPOCH + Duration::from_secs(1_719_792_000);
/// let header = testing::sign(&secret, at, b"{}");
/// assert!(header.starts_with("t=1719792000,v1="));
/// # Ok::<(), flowlix_ext::webhooks::InvalidWebhookSecret>(())
/// ```
#[must_use]
pub fn sign(secret: &WebhookSecret, at: SystemTime, body: &[u8]) -> String {
    let timestamp = unix_seconds(at).to_string();
    let signature = secret.signature(&timestamp, body).finalize().into_bytes();
    format!("t={timestamp},v1={}", hex(&signature))
}

/// Whole seconds since 1970, negative before it; rounded down, as the clock shows them.
fn unix_seconds(at: SystemTime) -> i64 {
    let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => {
            let before = before.duration();
            -seconds(before).saturating_add(i64::from(before.subsec_nanos() > 0))
        }
    }
}

/// An event to be delivered to your own endpoint.
///
/// It has the payments and refunds of this crate, those of the sandbox for example, or a
/// [`sample`](Self::sample). `Debug` does not show the object: it may hold personal data.
#[derive(Clone)]
pub struct TestEvent {
    id: String,
    kind: WebhookEventType,
    created_at: Option<i64>,
    livemode: bool,
    data: Value,
}

impl TestEvent {
    /// An event about a payment or a refund that is made for it: EUR 49.99 of the order `ord_1234`, or EUR 10.00
    /// of it given back, in the status that the event's type names. Change its members by [`with`](Self::with).
    ///
    /// A type that is not documented is about a refund when it begins with `refund.`, otherwise about a payment.
    ///
    /// ```
    /// use flowlix_ext::WebhookSecret;
    /// use flowlix_ext::model::{RefundStatus, WebhookEventType};
    /// use flowlix_ext::webhooks::testing::TestEvent;
    /// use flowlix_ext::webhooks::{Event, EventObject};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let secret = WebhookSecret::parse("whsec_abc123def456")?;
    /// let delivery = TestEvent::sample("evt_1", WebhookEventType::RefundFailed)
    ///     .with("payment_id", "pay_abc123")
    ///     .deliver(&secret, std::time::SystemTime::now());
    /// // Code that takes events needs no signature:
    /// let event = Event::from_verified_body(delivery.body())?;
    /// let EventObject::Refund(refund) = event.object()? else { panic!("{event:?}") };
    /// assert_eq!(refund.status, RefundStatus::Failed);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sample(id: impl Into<String>, kind: WebhookEventType) -> Self {
        let (object, status) = kind.as_str().split_once('.').unwrap_or_default();
        let status = status.to_uppercase();
        let data = match object {
            "refund" => json!({ "refund": sample_refund(&status) }),
            _ => json!({ "payment": sample_payment(&status) }),
        };
        Self::new(id, kind, data)
    }

    /// An event about a payment.
    ///
    /// # Errors
    /// When the payment has something that the uppercase dialect cannot say; only that dialect has webhooks.
    pub fn payment(
        id: impl Into<String>,
        kind: WebhookEventType,
        payment: &Payment,
    ) -> Result<Self, InvalidTestEvent> {
        let payment = serde_json::to_value(types::Payment::try_from(payment.clone())?)?;
        Ok(Self::new(id, kind, json!({ "payment": payment })))
    }

    /// An event about a refund.
    ///
    /// # Errors
    /// As [`payment`](Self::payment).
    pub fn refund(
        id: impl Into<String>,
        kind: WebhookEventType,
        refund: &Refund,
    ) -> Result<Self, InvalidTestEvent> {
        let refund = serde_json::to_value(types::Refund::try_from(refund.clone())?)?;
        Ok(Self::new(id, kind, json!({ "refund": refund })))
    }

    /// An event with any `data`: of a type that does not exist yet, or with an object that cannot be read.
    #[must_use]
    pub fn other(id: impl Into<String>, kind: &str, data: Value) -> Self {
        Self::new(id, WebhookEventType::from(kind), data)
    }

    fn new(id: impl Into<String>, kind: WebhookEventType, data: Value) -> Self {
        Self {
            id: id.into(),
            kind,
            created_at: None,
            livemode: false,
            data,
        }
    }

    /// Sets a member of the payment or refund, in the words of the uppercase dialect, to any value. Nothing else
    /// changes with it. Does nothing to an event about neither.
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        if let Some(object) = self.object() {
            object.insert(member.into(), value.into());
        }
        self
    }

    fn object(&mut self) -> Option<&mut Map<String, Value>> {
        let data = self.data.as_object_mut()?;
        let name = ["payment", "refund"]
            .into_iter()
            .find(|name| data.contains_key(*name))?;
        data.get_mut(name)?.as_object_mut()
    }

    /// When the event was created, Unix seconds. Default: when it is [delivered](Self::deliver).
    #[must_use]
    pub fn created_at(mut self, unix_seconds: i64) -> Self {
        self.created_at = Some(unix_seconds);
        self
    }

    /// Live mode or test mode. Default: test.
    #[must_use]
    pub fn livemode(mut self, livemode: bool) -> Self {
        self.livemode = livemode;
        self
    }

    /// A delivery of the event, signed at this moment. Flowlix may deliver an event several times, each time
    /// with a signature of its own: deliver it again at a later moment.
    #[must_use]
    pub fn deliver(&self, secret: &WebhookSecret, at: SystemTime) -> TestDelivery {
        let body = json!({
            "id": self.id,
            "type": self.kind.as_str(),
            "created_at": self.created_at.unwrap_or_else(|| unix_seconds(at)),
            "livemode": self.livemode,
            "data": self.data,
        });
        TestDelivery::new(secret, at, body.to_string())
    }
}

impl fmt::Debug for TestEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestEvent")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("created_at", &self.created_at)
            .field("livemode", &self.livemode)
            .finish_non_exhaustive()
    }
}

fn sample_payment(status: &str) -> Value {
    let (created_at, ended_at) = (1_719_792_000, 1_719_792_042);
    let mut payment = json!({
        "id": "pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E",
        "amount": 4999,
        "currency": "EUR",
        "status": status,
        "integration_type": "DIRECT",
        "amount_refunded": 0,
        "amount_refundable": if status == "SUCCEEDED" { 4999 } else { 0 },
        "created_at": created_at,
        "livemode": false,
        "merchant_reference": "ord_1234",
        "refunds": [],
        "status_transitions": {
            "requires_action_at": null,
            "processing_at": created_at,
            "succeeded_at": (status == "SUCCEEDED").then_some(ended_at),
            "failed_at": (status == "FAILED").then_some(ended_at),
            "canceled_at": (status == "CANCELED").then_some(ended_at),
            "expired_at": (status == "EXPIRED").then_some(ended_at),
        },
        "next_action": null,
    });
    if let (true, Some(payment)) = (status == "FAILED", payment.as_object_mut()) {
        payment.insert("decline_code".into(), "insufficient_funds".into());
        payment.insert(
            "decline_message".into(),
            "The card has insufficient funds.".into(),
        );
    }
    payment
}

fn sample_refund(status: &str) -> Value {
    let (created_at, completed_at) = (1_719_795_600, 1_719_795_660);
    let failed = status == "FAILED";
    json!({
        "id": "ref_s9Om4Pr0Xt6Zv8Ab1Cd5Ef7G",
        "payment_id": "pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E",
        "amount": 1000,
        "currency": "EUR",
        "reason": "requested_by_customer",
        "status": status,
        "created_at": created_at,
        "updated_at": completed_at,
        "completed_at": completed_at,
        "livemode": false,
        "metadata": {},
        "decline_code": failed.then_some("generic_decline"),
        "decline_message": failed.then_some("The refund was declined."),
    })
}

/// What your endpoint receives: a body, and the header that signs it. `Debug` shows neither.
///
/// ```
/// use flowlix_ext::WebhookSecret;
/// use flowlix_ext::model::WebhookEventType;
/// use flowlix_ext::webhooks::testing::TestEvent;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// let delivery = TestEvent::sample("evt_1", WebhookEventType::PaymentFailed)
///     .deliver(&secret, std::time::SystemTime::now());
/// // For a router of axum: `router.oneshot(request.map(Body::from))`.
/// let request = delivery.request("/webhooks/flowlix")?;
/// assert_eq!(request.method(), "POST");
/// assert!(request.headers().contains_key("flowlix-signature"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestDelivery {
    body: Bytes,
    signature: Option<String>,
}

impl TestDelivery {
    /// A delivery of these bytes, whatever they are, signed at this moment.
    #[must_use]
    pub fn new(secret: &WebhookSecret, at: SystemTime, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let signature = Some(sign(secret, at, &body));
        Self { body, signature }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The value of the `Flowlix-Signature` header, as [`verify`](super::WebhookVerifier::verify) takes it.
    #[must_use]
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref().map(str::as_bytes)
    }

    /// The same signature with another body: a delivery that was tampered with.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same body with this header, such as one that cannot be read.
    #[must_use]
    pub fn with_signature(mut self, header: impl Into<String>) -> Self {
        self.signature = Some(header.into());
        self
    }

    /// The same body without the header.
    #[must_use]
    pub fn without_signature(mut self) -> Self {
        self.signature = None;
        self
    }

    /// The delivery as a request to your endpoint, for the router of a test or an HTTP client.
    ///
    /// # Errors
    /// When the address is none, or [`with_signature`](Self::with_signature) was given what no header can hold.
    pub fn request(&self, uri: &str) -> Result<http::Request<Bytes>, http::Error> {
        let mut request = http::Request::post(uri).header(CONTENT_TYPE, "application/json");
        if let Some(signature) = &self.signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        request.body(self.body.clone())
    }
}

impl fmt::Debug for TestDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDelivery")
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .field("signed", &self.signature.is_some())
            .finish()
    }
}

/// A payment or refund that no event can be about.
#[derive(Debug)]
pub struct InvalidTestEvent {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for InvalidTestEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no event can be about this: only what the uppercase dialect can say has events",
        )
    }
}

impl std::error::Error for InvalidTestEvent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<ConversionError> for InvalidTestEvent {
    fn from(error: ConversionError) -> Self {
        Self {
            source: error.into(),
        }
    }
}

impl From<serde_json::Error> for InvalidTestEvent {
    fn from(error: serde_json::Error) -> Self {
        Self {
            source: error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_down_on_both_sides_of_1970() {
        let epoch = SystemTime::UNIX_EPOCH;
        let half = Duration::from_millis(500);
        for (at, seconds) in [
            (epoch, 0),
            (epoch + half, 0),
            (epoch + half * 3, 1),
            (epoch - half, -1),
            (epoch - half * 2, -1),
            (epoch - half * 3, -2),
        ] {
            assert_eq!(unix_seconds(at), seconds, "{at:?}");
        }
    }
}
