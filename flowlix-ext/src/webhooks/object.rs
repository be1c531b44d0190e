//! What an event is about.

use std::fmt;

use flowlix_api::model::{Payment, PaymentId, Refund, WebhookEventType};
use flowlix_api::uppercase::types;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::shown_path;
use crate::client::Flowlix;
use crate::payments::Retrieve;

/// What an event is about, as it was when the event was made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventObject {
    /// A payment.
    Payment(Box<Payment>),
    /// A refund.
    Refund(Box<Refund>),
    /// The event has a type that this SDK does not know, and is not clearly about a payment or a refund.
    /// [`Event::raw_body`](super::Event::raw_body) has all of it.
    Unknown,
}

impl EventObject {
    pub(super) fn read(kind: &WebhookEventType, body: &[u8]) -> Result<Self, UnreadableObject> {
        match kind {
            WebhookEventType::PaymentSucceeded
            | WebhookEventType::PaymentFailed
            | WebhookEventType::PaymentCanceled
            | WebhookEventType::PaymentExpired => payment(body),
            WebhookEventType::RefundSucceeded | WebhookEventType::RefundFailed => refund(body),
            // Of an unknown type we know only what its data say themselves.
            _ => match serde_json::from_slice::<Carrier<Either>>(body) {
                Ok(Carrier {
                    data:
                        Either {
                            payment: Some(_),
                            refund: None,
                        },
                }) => payment(body),
                Ok(Carrier {
                    data:
                        Either {
                            payment: None,
                            refund: Some(_),
                        },
                }) => refund(body),
                _ => Ok(Self::Unknown),
            },
        }
    }

    /// The payment that the event concerns; of a refund, the payment that it belongs to.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        match self {
            Self::Payment(payment) => Some(&payment.id),
            Self::Refund(refund) => refund.payment_id.as_ref(),
            Self::Unknown => None,
        }
    }

    /// Asks Flowlix how the payment stands now, with its refunds. That is the surest way to take an event:
    /// as a hint to look, in whatever order the hints come. `None` when the object names no payment.
    pub fn retrieve(&self, flowlix: &Flowlix) -> Option<Retrieve> {
        self.payment_id().map(|id| flowlix.payments().retrieve(id))
    }
}

#[derive(Deserialize)]
struct Carrier<D> {
    data: D,
}

#[derive(Deserialize)]
struct OfPayment {
    payment: types::Payment,
}

#[derive(Deserialize)]
struct OfRefund {
    refund: types::Refund,
}

/// Which of the two is there, without reading it.
#[derive(Deserialize)]
struct Either {
    payment: Option<IgnoredAny>,
    refund: Option<IgnoredAny>,
}

fn payment(body: &[u8]) -> Result<EventObject, UnreadableObject> {
    let carrier: Carrier<OfPayment> = read(body)?;
    Ok(EventObject::Payment(Box::new(carrier.data.payment.into())))
}

fn refund(body: &[u8]) -> Result<EventObject, UnreadableObject> {
    let carrier: Carrier<OfRefund> = read(body)?;
    Ok(EventObject::Refund(Box::new(carrier.data.refund.into())))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, UnreadableObject> {
    let mut json = serde_json::Deserializer::from_slice(body);
    // The text of serde's error quotes the body; the path does not.
    serde_path_to_error::deserialize(&mut json).map_err(|error| UnreadableObject {
        path: shown_path(error.path()),
    })
}

/// The object of a genuine event cannot be read. Of the body it holds only the names of members on the way to
/// the place, cut and masked where they are long or look like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableObject {
    path: String,
}

impl UnreadableObject {
    /// Where in the JSON the object stopped making sense, such as `data.payment.amount`.
    #[must_use]
    pub fn json_path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for UnreadableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the event is genuine, but its object cannot be read (at {}); keep the raw body and retrieve \
             the payment",
            self.path
        )
    }
}

impl std::error::Error for UnreadableObject {}
