//! Taking a wait up again after a restart.

use std::fmt;
use std::time::Duration;

use flowlix_api::model::{PaymentId, PaymentStatus};
use serde::{Deserialize, Serialize};

use super::Wait;
use super::action::{ActionMark, Returned};
use super::looks::Plan;
use crate::client::Flowlix;

/// The version of stored handles that this SDK writes and reads.
const VERSION: u32 = 1;

/// All that is needed to go on waiting for a payment after a restart, in another process or on another
/// machine; see [`Payments::resume`](super::Payments::resume).
///
/// It is small (below 300 bytes of JSON for the ids and statuses that Flowlix documents), serialisable with
/// serde, and holds neither a secret nor the address that the customer was sent to.
///
/// The deadline is counted on the wall clock, so that the time between two processes counts, too. A handle
/// whose deadline has passed is still good for one last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct WaitHandle {
    pub(super) payment_id: PaymentId,
    /// Unix seconds.
    pub(super) started_at: u64,
    pub(super) deadline: Duration,
    pub(super) last_status: Option<PaymentStatus>,
    pub(super) last_action: Option<ActionMark>,
    pub(super) returned: Returned,
}

impl WaitHandle {
    /// Reads a stored handle.
    ///
    /// # Errors
    /// [`InvalidWaitHandle::Version`] when another version of this SDK wrote it in a form that this one does
    /// not know; begin a new wait for the payment then. [`InvalidWaitHandle::Malformed`] when it is no handle.
    pub fn from_json(text: &str) -> Result<Self, InvalidWaitHandle> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        // First the version alone: what another version means by the other members is not known.
        let found = serde_json::from_str::<Versioned>(text);
        match found.map_err(|_| InvalidWaitHandle::Malformed)?.version {
            VERSION => serde_json::from_str(text).map_err(|_| InvalidWaitHandle::Malformed),
            found => Err(InvalidWaitHandle::version(found)),
        }
    }

    /// The payment that is waited for.
    #[must_use]
    pub fn payment_id(&self) -> &PaymentId {
        &self.payment_id
    }

    /// When the wait began, Unix seconds.
    #[must_use]
    pub fn started_at(&self) -> u64 {
        self.started_at
    }

    /// How long the wait may take, counted from its beginning.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The payment's status as it was last seen.
    #[must_use]
    pub fn last_status(&self) -> Option<&PaymentStatus> {
        self.last_status.as_ref()
    }

    /// The wait, in this process.
    pub(super) fn resume(self, client: Flowlix) -> Wait {
        Wait {
            options: client.options(),
            plan: Plan {
                deadline: self.deadline,
                // The pause before the next look has passed while nobody was looking.
                at_once: true,
                started_at: Some(self.started_at),
                last_status: self.last_status,
                ..Plan::new(client, self.payment_id)
            },
            returned: self.returned,
            last_action: self.last_action,
        }
    }
}

/// Why a stored handle cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidWaitHandle {
    /// Another version of the SDK wrote it in another form.
    #[non_exhaustive]
    Version {
        /// The version that the handle names.
        found: u32,
        /// The version that this SDK reads.
        supported: u32,
    },
    /// It is no handle, or a damaged one.
    Malformed,
}

impl InvalidWaitHandle {
    fn version(found: u32) -> Self {
        Self::Version {
            found,
            supported: VERSION,
        }
    }
}

impl fmt::Display for InvalidWaitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found, supported } => write!(
                f,
                "the wait handle has version {found}, this SDK reads version {supported}; \
                 begin a new wait for the payment"
            ),
            Self::Malformed => f.write_str("the text is no wait handle; store handles unchanged"),
        }
    }
}

impl std::error::Error for InvalidWaitHandle {}

/// A handle as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    payment_id: PaymentId,
    started_at: u64,
    /// Seconds; a part of a second counts as a whole one.
    deadline: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_status: Option<PaymentStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_action: Option<ActionMark>,
    #[serde(default)]
    returned_from: Returned,
}

impl From<WaitHandle> for Stored {
    fn from(handle: WaitHandle) -> Self {
        let seconds = handle.deadline.as_secs();
        let part = u64::from(handle.deadline.subsec_nanos() > 0);
        Self {
            version: VERSION,
            payment_id: handle.payment_id,
            started_at: handle.started_at,
            deadline: seconds.saturating_add(part),
            last_status: handle.last_status,
            last_action: handle.last_action,
            returned_from: handle.returned,
        }
    }
}

impl TryFrom<Stored> for WaitHandle {
    type Error = InvalidWaitHandle;

    fn try_from(stored: Stored) -> Result<Self, InvalidWaitHandle> {
        if stored.version != VERSION {
            return Err(InvalidWaitHandle::version(stored.version));
        }
        Ok(Self {
            payment_id: stored.payment_id,
            started_at: stored.started_at,
            deadline: Duration::from_secs(stored.deadline),
            last_status: stored.last_status,
            last_action: stored.last_action,
            returned: stored.returned_from,
        })
    }
}
