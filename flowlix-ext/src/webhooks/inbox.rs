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
/// # use flowlix_ext::webhooks::{WebhookSecret, testing::TestEvent};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// # let event = TestEvent::sample("evt_1", flowlix_ext::model::WebhookEventType::PaymentSucceeded);
/// # let delivery = event.deliver(&secret, std::time::SystemTime::now());
/// # let (body, signature) = (delivery.body(), delivery.signature());
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

    /// How long a worker has an event to itself. Default: five minutes. Longer than handling ever takes, and
    /// than the clocks of the machines that share the store are apart: a worker that is slower does not have
    /// the event to itself any more.
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
                inbox: self.clone(),
            }),
            Claim::Held { until } => Received::InProgress { event, until },
            Claim::Done => Received::Duplicate(event),
        })
    }

    /// Forgets the events that were completed longer ago than `age`, and says how many they were. Events that
    /// are not done stay, however old. Nothing is ever forgotten by itself in a database: call this once a day,
    /// say, from any one of the machines.
    ///
    /// **How old is old enough?** A forgotten event that is delivered once more is new, so `age` has to be
    /// longer than Flowlix goes on delivering an event. Flowlix's pages do not say how long that is: ask
    /// Flowlix, and until you know keep events for as long as handling one twice would do harm. A row takes
    /// about a hundred bytes. Whatever the age, an event that says it was [created](Event::created_at) longer
    /// ago than that may be a forgotten one: look before you act.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use flowlix_ext::webhooks::{InMemoryEvents, Inbox, WebhookSecret, WebhookVerifier};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = WebhookVerifier::new(WebhookSecret::parse("whsec_abc123def456")?);
    /// # let inbox = Inbox::new(verifier, InMemoryEvents::default());
    /// let forgotten = inbox.prune(Duration::from_secs(90 * 24 * 60 * 60)).await?;
    /// # assert_eq!(forgotten, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the store did not answer. Repeat it whenever you like.
    pub async fn prune(&self, age: Duration) -> Result<u64, EventStoreError> {
        match self.verifier.now().checked_sub(age) {
            Some(completed_before) => self.store.forget(completed_before).await,
            // Nothing is older than time itself.
            None => Ok(0),
        }
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
    inbox: Inbox,
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
        let Inbox {
            store, verifier, ..
        } = &self.inbox;
        store
            .complete(self.event.id(), self.token, verifier.now())
            .await
    }

    /// The event was not handled; the next delivery gets it.
    ///
    /// # Errors
    /// When the store did not answer. The event is then free once the lease has run out.
    pub async fn release(self) -> Result<(), EventStoreError> {
        self.inbox.store.release(self.event.id(), self.token).await
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
