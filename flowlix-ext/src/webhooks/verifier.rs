//! Telling Flowlix's deliveries from everybody else's.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hmac::Mac;
use http::HeaderMap;

use super::error::WebhookError;
use super::event::Event;
use super::secret::WebhookSecret;
use super::signature::{HeaderFault, SignatureHeader};
use super::{DEFAULT_TOLERANCE, SIGNATURE_HEADER};
use crate::runtime::{Runtime, SystemRuntime};

/// Verifies deliveries. Make one when the service starts; clones are cheap.
///
/// ```
/// use flowlix_ext::webhooks::{WebhookError, WebhookSecret, WebhookVerifier};
///
/// let secret = WebhookSecret::parse("whsec_abc123def456")?; // from your secret store
/// let verifier = WebhookVerifier::new(secret.clone());
///
/// # use flowlix_ext::webhooks::testing::TestEvent;
/// # let event = TestEvent::sample("evt_1", flowlix_ext::model::WebhookEventType::PaymentFailed);
/// # let delivery = event.deliver(&secret, std::time::SystemTime::now());
/// # let (body, signature) = (delivery.body(), delivery.signature());
/// // The body as received, byte for byte, and the Flowlix-Signature header.
/// let event = verifier.verify(body, signature)?;
/// assert_eq!(event.id().as_str(), "evt_1");
///
/// let error = verifier.verify(b"{}", signature).unwrap_err();
/// assert_eq!(error, WebhookError::NoMatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct WebhookVerifier {
    secrets: Arc<Vec<WebhookSecret>>,
    tolerance: Duration,
    runtime: Arc<dyn Runtime>,
}

impl WebhookVerifier {
    /// A verifier for one secret.
    #[must_use]
    pub fn new(secret: WebhookSecret) -> Self {
        Self {
            secrets: Arc::new(vec![secret]),
            tolerance: DEFAULT_TOLERANCE,
            runtime: Arc::new(SystemRuntime::new()),
        }
    }

    /// Accepts further secrets: the new one before Flowlix signs with it, the old one until it no longer
    /// does. Takes an array, a `Vec`, or an `Option` from the configuration.
    ///
    /// ```
    /// # use flowlix_ext::webhooks::{WebhookSecret, WebhookVerifier};
    /// # let current = WebhookSecret::parse("whsec_new")?;
    /// # let previous = Some(WebhookSecret::parse("whsec_old")?);
    /// let verifier = WebhookVerifier::new(current).also_accept(previous);
    /// # Ok::<(), flowlix_ext::webhooks::InvalidWebhookSecret>(())
    /// ```
    #[must_use]
    pub fn also_accept(mut self, secrets: impl IntoIterator<Item = WebhookSecret>) -> Self {
        Arc::make_mut(&mut self.secrets).extend(secrets);
        self
    }

    /// How far the timestamp may lie from now, in the past and in the future. Default: five minutes, which
    /// is what Flowlix asks for. A larger value gives a replay more time.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The clock. Default: [`SystemRuntime`].
    #[must_use]
    pub fn runtime(mut self, runtime: impl Runtime + 'static) -> Self {
        self.runtime = Arc::new(runtime);
        self
    }

    /// Verifies the bytes of a body against the `Flowlix-Signature` header and reads the event's envelope.
    ///
    /// What the event is about is read later, by [`Event::object`]: an event of a type that this SDK does
    /// not know, or about an object that it cannot read, is an event all the same.
    ///
    /// # Errors
    /// Every [`WebhookError`]. Never take such a delivery for an event.
    pub fn verify(&self, body: &[u8], signature: Option<&[u8]>) -> Result<Event, WebhookError> {
        let header = signature.ok_or(WebhookError::MissingHeader)?;
        let header = SignatureHeader::parse(header).map_err(WebhookError::MalformedHeader)?;
        // Authenticity first: the timestamp of a forgery says nothing.
        if !self.matches(&header, body) {
            return Err(WebhookError::NoMatch);
        }
        self.check_time(header.timestamp)?;
        Ok(Event::from_verified_body(body)?)
    }

    /// As [`verify`](Self::verify), with the header taken from the request's headers. A request that has it
    /// twice is refused.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_request(&self, body: &[u8], headers: &HeaderMap) -> Result<Event, WebhookError> {
        let mut values = headers.get_all(SIGNATURE_HEADER).into_iter();
        let signature = values.next().map(http::HeaderValue::as_bytes);
        if values.next().is_some() {
            return Err(WebhookError::MalformedHeader(HeaderFault::Repeated));
        }
        self.verify(body, signature)
    }

    pub(super) fn now(&self) -> SystemTime {
        self.runtime.now()
    }

    fn matches(&self, header: &SignatureHeader<'_>, body: &[u8]) -> bool {
        self.secrets.iter().any(|secret| {
            let expected = secret.signature(header.timestamp_text, body);
            header
                .signatures
                .iter()
                // `verify_slice` compares in constant time.
                .any(|signature| expected.clone().verify_slice(signature).is_ok())
        })
    }

    fn check_time(&self, timestamp: u64) -> Result<(), WebhookError> {
        let signed = Duration::from_secs(timestamp);
        // A clock before 1970 is broken, and every timestamp lies in its future.
        let now = self
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let (age, ahead) = (now.saturating_sub(signed), signed.saturating_sub(now));
        if age > self.tolerance {
            return Err(WebhookError::TooOld { age });
        }
        if ahead > self.tolerance {
            return Err(WebhookError::InTheFuture { ahead });
        }
        Ok(())
    }
}

impl fmt::Debug for WebhookVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookVerifier")
            .field("secrets", &self.secrets)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}
