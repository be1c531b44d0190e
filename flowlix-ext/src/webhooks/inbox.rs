//! Each event handed out once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::WebhookError;
use super::event::Event;
use super::store::{Claim, ClaimToken, Completion, EventStore, EventStoreError};
use super::verifier::WebhookVerifier;

/// How long a claimed event is kept from others, unless [`Inbox::lease`] says otherwise.
const DEFAULT_LEASE: Duration = Duration::from_secs(5 * 60);

/// Verifies deliveries and hands each event out to one worker. Clones share the store.
///
/// ```
/// use flowlix_ext::webhooks::{InMemoryEvents, Inbox, Received, WebhookVerifier};
/// # use flowlix_ext::webhooks::{WebhookSecret, testing};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// # let body = br#"{"id":"evt_1","type":"payment.succeeded","data":{}}"#;
/// # let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
/// # let header = testing::sign(&secret, now, body);
/// # let signature = Some(header.as_bytes());
/// # let verifier = WebhookVerifier::new(secret);
/// let inbox = Inbox::new(verifier, InMemoryEvents::default());
///
/// match inbox.receive(body, signature).await? {
///     Received::New(claimed) => {
///         // … handle claimed.event(); when that fails: claimed.release().await? and answer 500
///         claimed.complete().await?;
///     }
///     Received::Duplicate(_) => {}         // answer 200
///     Received::InProgress { .. } => {}    // answer 503: the other worker may still fail
/// }
/// assert!(matches!(inbox.receive(body, signature).await?, Received::Duplicate(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Inbox {
    verifier: WebhookVerifier,
    store: Arc<dyn EventStore>,
    lease: Duration,
}

impl Inbox {
    /// An inbox that remembers events in `store`. Its clock is the verifier's.
    #[must_use]
    pub fn new(verifier: WebhookVerifier, store: impl EventStore + 'static) -> Self {
        Self {
            verifier,
            store: Arc::new(store),
            lease: DEFAULT_LEASE,
        }
    }

    /// How long a worker has an event to itself. Default: five minutes. Longer than handling ever takes: a
    /// worker that is slower does not have the event to itself any more.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Verifies a delivery and claims its event.
    ///
    /// # Errors
    /// [`InboxError::Refused`] when the delivery is not genuine, [`InboxError::Store`] when the store did not
    /// answer; then the event must not be handled.
    pub async fn receive(
        &self,
        body: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<Received, InboxError> {
        let event = self
            .verifier
            .verify(body, signature)
            .map_err(InboxError::Refused)?;
        self.admit(event).await.map_err(InboxError::Store)
    }

    /// Claims an event that was verified already, by an extractor for example.
    ///
    /// # Errors
    /// When the store did not answer; then the event must not be handled.
    pub async fn admit(&self, event: Event) -> Result<Received, EventStoreError> {
        let claim = self
            .store
            .claim(event.id(), self.verifier.now(), self.lease)
            .await?;
        Ok(match claim {
            Claim::Granted { token, abandoned } => Received::New(Claimed {
                event,
                token,
                abandoned,
                store: Arc::clone(&self.store),
            }),
            Claim::Held { until } => Received::InProgress { event, until },
            Claim::Done => Received::Duplicate(event),
        })
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("verifier", &self.verifier)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// A genuine event, and whether it is to be handled.
#[derive(Debug)]
#[must_use = "an event that is dropped stays claimed until its lease runs out"]
pub enum Received {
    /// Handle it, then end the claim.
    New(Claimed),
    /// It was handled before. Answer with success, do nothing.
    Duplicate(Event),
    /// Another worker is at it and may still fail. Do nothing, and do not answer with success: that would
    /// tell Flowlix that the event is settled.
    InProgress {
        /// The event.
        event: Event,
        /// When the other worker's claim runs out.
        until: SystemTime,
    },
}

/// An event that is this worker's to handle.
///
/// End it with [`complete`](Self::complete) or [`release`](Self::release). Dropped without either, as by a
/// crash, it stays claimed until the lease runs out, because nothing is known of how far its handling came.
#[must_use = "handle the event, then complete or release it"]
pub struct Claimed {
    event: Event,
    token: ClaimToken,
    abandoned: bool,
    store: Arc<dyn EventStore>,
}

impl Claimed {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// An earlier worker claimed the event and never said what became of it: it may have been handled, in
    /// part or wholly. Look before you act.
    #[must_use]
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// The event was handled, for good. May be repeated when it fails.
    ///
    /// # Errors
    /// When the store did not answer. The event was handled all the same, and without a completion it will
    /// be handed out again once the lease has run out.
    pub async fn complete(&self) -> Result<Completion, EventStoreError> {
        self.store.complete(self.event.id(), self.token).await
    }

    /// The event was not handled; the next delivery gets it.
    ///
    /// # Errors
    /// When the store did not answer. The event is then free once the lease has run out.
    pub async fn release(self) -> Result<(), EventStoreError> {
        self.store.release(self.event.id(), self.token).await
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed")
            .field("event", &self.event)
            .field("token", &self.token)
            .field("abandoned", &self.abandoned)
            .finish_non_exhaustive()
    }
}

/// Why an inbox handed nothing out.
#[derive(Debug)]
#[non_exhaustive]
pub enum InboxError {
    /// The delivery is not genuine, or not an event. Answer with a 4xx.
    Refused(WebhookError),
    /// The store did not answer. Answer with a 5xx.
    Store(EventStoreError),
}

impl fmt::Display for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InboxError {
    // Display shows the error itself; the chain goes on below it, so that no text comes twice.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => error.source(),
            Self::Store(error) => error.source(),
        }
    }
}
