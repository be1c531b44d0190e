//! The envelope of an event: always readable, whatever the event is about.

use std::fmt;

use bytes::Bytes;
use flowlix_api::model::{EventId, WebhookEventType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{UnreadableEvent, shown_path};
use super::object::{EventObject, UnreadableObject};

/// A webhook event that Flowlix signed. Its body is kept as it came.
///
/// `Debug` does not show the body: it holds personal data of the payer.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    id: EventId,
    kind: WebhookEventType,
    created_at: Option<i64>,
    livemode: Option<bool>,
    body: Bytes,
}

#[derive(Deserialize)]
struct Envelope {
    id: EventId,
    #[serde(rename = "type")]
    kind: WebhookEventType,
    #[serde(default, deserialize_with = "if_readable")]
    created_at: Option<i64>,
    #[serde(default, deserialize_with = "if_readable")]
    livemode: Option<bool>,
}

/// `created_at` and `livemode` never cost the envelope: whatever else stands there, however deep or large,
/// counts as nothing.
fn if_readable<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

impl Event {
    /// Reads the body of a delivery that was verified before: one that you stored, or that another process
    /// verified and handed on. It verifies nothing; for a delivery that just arrived use
    /// [`WebhookVerifier::verify`](super::WebhookVerifier::verify).
    ///
    /// # Errors
    /// [`UnreadableEvent`] when the body is not a JSON object with `id` and `type`.
    pub fn from_verified_body(body: &[u8]) -> Result<Self, UnreadableEvent> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let envelope: Envelope =
            serde_path_to_error::deserialize(&mut json).map_err(|error| UnreadableEvent {
                path: shown_path(error.path()),
            })?;
        json.end().map_err(|_| UnreadableEvent {
            path: ".".to_owned(),
        })?;
        Ok(Self {
            id: envelope.id,
            kind: envelope.kind,
            created_at: envelope.created_at,
            livemode: envelope.livemode,
            body: Bytes::copy_from_slice(body),
        })
    }

    /// The event's id. Each delivery of one event has the same, so it tells repeats apart; its order says
    /// nothing.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// What happened; types are added, so match with a default arm.
    #[must_use]
    pub fn kind(&self) -> &WebhookEventType {
        &self.kind
    }

    /// When the event was created, Unix seconds.
    #[must_use]
    pub fn created_at(&self) -> Option<i64> {
        self.created_at
    }

    /// `true` when real money is meant, `false` for test mode, `None` when the event does not say.
    #[must_use]
    pub fn livemode(&self) -> Option<bool> {
        self.livemode
    }

    /// What the event is about, as it was when the event was made. Deliveries arrive out of order: see
    /// [`is_outdated`](super::is_outdated) and [`EventObject::retrieve`].
    ///
    /// # Errors
    /// [`UnreadableObject`] when the object is missing or this SDK cannot read it. The event did happen: do
    /// not drop it, keep [`raw_body`](Self::raw_body) and ask the API.
    pub fn object(&self) -> Result<EventObject, UnreadableObject> {
        EventObject::read(&self.kind, &self.body)
    }

    /// The body as it was received. It may hold personal data: do not log it.
    #[must_use]
    pub fn raw_body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("created_at", &self.created_at)
            .field("livemode", &self.livemode)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .finish()
    }
}
