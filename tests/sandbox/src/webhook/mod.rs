//! Webhooks: events posted to a service over a real socket, when and how a test says.

mod fault;
mod post;
mod signature;

use std::fmt;
use std::sync::Arc;

pub use self::fault::DeliveryFault;
pub(crate) use self::fault::DeliveryFaults;
use self::post::Endpoint;
pub(crate) use self::signature::SECRET;
use self::signature::sign;
use crate::clock::TestClock;
use crate::event::Event;
use crate::sandbox::SandboxError;
use crate::server::Core;

/// Stands in for every secret that is not the endpoint's.
const FOREIGN_SECRET: &str = "whsec_foreign0123456789";

/// Posts events to a service; clones and further handles share what is pending.
///
/// Nothing is posted by itself. A call posts one event after the other and returns once each has
/// been answered; it has no timeout of its own. Each delivery is signed anew, at the sandbox's
/// time, with [`Sandbox::webhook_secret`](crate::Sandbox::webhook_secret).
///
/// An event is pending until an endpoint answers a genuine delivery of it with 2xx. The documents
/// do not say when Flowlix gives up, or when it tries again: here the next call does.
///
/// Calls at the same time do not wait for each other, so two workers of a service can get one
/// event at once.
#[derive(Clone, Debug)]
pub struct Webhooks {
    core: Arc<Core>,
    clock: TestClock,
}

/// What came of one attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    event_id: String,
    kind: String,
    outcome: DeliveryOutcome,
}

/// How an attempt to deliver an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryOutcome {
    /// The endpoint answered with this 2xx.
    Accepted(u16),
    /// The endpoint answered with this other status; redirects are not followed.
    Refused(u16),
    /// Posted, and no answer came: the endpoint may have handled the event.
    NoAnswer {
        /// What happened to the connection.
        reason: String,
    },
    /// Not posted: there was no connection.
    Unreachable {
        /// Why not.
        reason: String,
    },
    /// Not posted, and no longer pending: [`DeliveryFault::Lose`].
    Lost,
    /// Not posted yet, and still pending: [`DeliveryFault::Delay`].
    Delayed,
}

impl Webhooks {
    pub(crate) fn new(core: Arc<Core>, clock: TestClock) -> Self {
        Self { core, clock }
    }

    /// The events that wait to be delivered, oldest first.
    #[must_use]
    pub fn pending(&self) -> Vec<Event> {
        let mut api = self.core.api();
        let events = api.events().iter();
        events.filter(|event| event.is_pending()).cloned().collect()
    }

    /// Posts each pending event to `url`, oldest first. Those that are not accepted stay pending
    /// for the next call, and so do events that come about meanwhile.
    ///
    /// # Errors
    /// [`SandboxError::NotAnEndpoint`] when `url` is none. What an endpoint answers, or that there
    /// is nobody, is no error but a [`DeliveryOutcome`].
    pub async fn deliver_pending(&self, url: &str) -> Result<Vec<Delivery>, SandboxError> {
        let endpoint = Endpoint::parse(url)?;
        let mut deliveries = Vec::new();
        for event in self.pending() {
            // Another call may have delivered it while this one waited for an answer.
            if self.is_pending(event.id()) {
                deliveries.push(self.attempt(&event, &endpoint).await);
            }
        }
        Ok(deliveries)
    }

    /// Posts these events to `url` in this order, pending or not: an event given twice is
    /// delivered twice, and the last can come first.
    ///
    /// # Errors
    /// [`SandboxError::NotAnEndpoint`] when `url` is none, [`SandboxError::NotFound`] when an event
    /// is another sandbox's. Nothing has been posted then.
    pub async fn deliver<'a>(
        &self,
        events: impl IntoIterator<Item = &'a Event>,
        url: &str,
    ) -> Result<Vec<Delivery>, SandboxError> {
        let endpoint = Endpoint::parse(url)?;
        let events: Vec<Event> = {
            let mut api = self.core.api();
            let mut known = |event: &Event| {
                api.event(event.id())
                    .cloned()
                    .ok_or_else(|| SandboxError::NotFound {
                        id: event.id().to_owned(),
                    })
            };
            events
                .into_iter()
                .map(&mut known)
                .collect::<Result<_, _>>()?
        };
        let mut deliveries = Vec::new();
        for event in events {
            deliveries.push(self.attempt(&event, &endpoint).await);
        }
        Ok(deliveries)
    }

    /// Makes the next delivery go wrong.
    pub fn inject(&self, fault: DeliveryFault) {
        self.core.delivery_faults.inject(None, fault, 1);
    }

    /// Makes the next `times` deliveries of events of this type (`payment.succeeded`) go wrong.
    /// Faults are used up in the order in which they were injected; a delivery takes the first
    /// that matches.
    pub fn inject_at(&self, kind: impl Into<String>, fault: DeliveryFault, times: usize) {
        let faults = &self.core.delivery_faults;
        faults.inject(Some(kind.into()), fault, times);
    }

    /// How many deliveries still have a fault waiting for them.
    #[must_use]
    pub fn pending_faults(&self) -> usize {
        self.core.delivery_faults.pending()
    }

    /// Forgets all faults that are still waiting.
    pub fn clear_faults(&self) {
        self.core.delivery_faults.clear();
    }

    fn is_pending(&self, event_id: &str) -> bool {
        self.core
            .api()
            .event(event_id)
            .is_some_and(Event::is_pending)
    }

    async fn attempt(&self, event: &Event, endpoint: &Endpoint) -> Delivery {
        let fault = self.core.delivery_faults.take(event.kind());
        let outcome = match &fault {
            DeliveryFault::Lose => DeliveryOutcome::Lost,
            DeliveryFault::Delay => DeliveryOutcome::Delayed,
            fault => {
                let (signature, body) = self.sealed(event, fault);
                endpoint.post(signature, body).await
            }
        };
        let outcome = match (fault, outcome) {
            (DeliveryFault::LoseAnswer, DeliveryOutcome::Accepted(_)) => {
                DeliveryOutcome::NoAnswer {
                    reason: "the answer was lost, as the test wished".to_owned(),
                }
            }
            (DeliveryFault::Pass, outcome @ DeliveryOutcome::Accepted(_))
            | (_, outcome @ DeliveryOutcome::Lost) => {
                self.core.api().settle_event(event.id());
                outcome
            }
            // Refused, or not the event itself but a forgery.
            (_, outcome) => outcome,
        };
        Delivery {
            event_id: event.id().to_owned(),
            kind: event.kind().to_owned(),
            outcome,
        }
    }

    /// The signature header, if there is to be one, and the body to post.
    fn sealed(&self, event: &Event, fault: &DeliveryFault) -> (Option<String>, Vec<u8>) {
        let now = self.clock.now();
        let body = event.body().to_string().into_bytes();
        match fault {
            DeliveryFault::Unsigned => (None, body),
            DeliveryFault::Signature(header) => (Some(header.clone()), body),
            DeliveryFault::WrongSecret => (Some(sign(FOREIGN_SECRET, now, &body)), body),
            DeliveryFault::SignedAt(then) => (Some(sign(SECRET, *then, &body)), body),
            DeliveryFault::Alter(change) => (Some(sign(SECRET, now, &body)), change.apply(&body)),
            _ => (Some(sign(SECRET, now, &body)), body),
        }
    }
}

impl Delivery {
    /// The event's id.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The event's type, for example `payment.succeeded`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> &DeliveryOutcome {
        &self.outcome
    }

    /// Whether the endpoint answered with 2xx.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome, DeliveryOutcome::Accepted(_))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.event_id, self.outcome)
    }
}

impl fmt::Display for DeliveryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(status) => write!(f, "accepted with {status}"),
            Self::Refused(status) => write!(f, "refused with {status}"),
            Self::NoAnswer { reason } => write!(f, "posted, no answer ({reason})"),
            Self::Unreachable { reason } => write!(f, "not posted, no connection ({reason})"),
            Self::Lost => f.write_str("lost on its way"),
            Self::Delayed => f.write_str("delayed"),
        }
    }
}
