//! Faults that a test can script for deliveries.

use serde_json::Value;

use crate::fault::Alteration;
use crate::queue::Queue;

/// Something that goes wrong with one delivery of an event.
///
/// To deliver an event twice, or events in another order, give them to
/// [`Webhooks::deliver`](crate::Webhooks::deliver) like that.
///
/// What is signed or changed wrongly here is not the event: whatever the endpoint answers, the
/// event stays pending, and the next call delivers it as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// Nothing goes wrong; lets one delivery through before the next fault.
    Pass,
    /// Never posted; the event is no longer pending. A service that relies on webhooks alone
    /// waits for ever.
    Lose,
    /// Not posted now; the event stays pending, and those after it overtake it.
    Delay,
    /// Posted, and the endpoint's answer is lost if it was 2xx: the event stays pending, and the
    /// next call repeats what the service has handled.
    LoseAnswer,
    /// Posted without a signature.
    Unsigned,
    /// Posted with this text for a signature header.
    Signature(String),
    /// Signed with a secret that is not the endpoint's.
    WrongSecret,
    /// Signed with the right secret at another time, Unix seconds: an old delivery that somebody
    /// repeats, or a clock that is wrong.
    SignedAt(i64),
    /// Signed, then the body is changed on its way.
    Alter(Alteration),
}

impl DeliveryFault {
    /// Changes the body, after it was signed, by a merge patch (RFC 7396): members are added,
    /// replaced, or removed by null.
    #[must_use]
    pub fn patch(patch: Value) -> Self {
        Self::Alter(Alteration::patch(patch))
    }

    /// Changes the body, after it was signed, by a function.
    #[must_use]
    pub fn alter(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Alter(Alteration::new(change))
    }
}

/// The faults that wait for their delivery, each for one type of event or for any.
pub(crate) type DeliveryFaults = Queue<Option<String>, DeliveryFault>;

impl DeliveryFaults {
    /// Uses up the first fault for this type of event.
    pub(crate) fn take(&self, kind: &str) -> DeliveryFault {
        self.take_where(|wanted| wanted.as_deref().is_none_or(|wanted| wanted == kind))
            .unwrap_or(DeliveryFault::Pass)
    }
}
