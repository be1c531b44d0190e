//! Waiting for a payment: looking again and again, at a friendly pace, until a deadline.

use std::sync::Arc;
use std::time::Duration;

use flowlix_api::model::PaymentId;

use super::action::{ActionMark, Returned};
use super::looks::Plan;
use super::{Settled, WaitHandle, Watch};
use crate::call::options::{CallOptions, call_setters, into_future};
use crate::client::Flowlix;
use crate::error::Error;
use crate::polling::Polling;

/// A wait about to begin; see [`Payments::wait`](super::Payments::wait).
///
/// It ends with the payment's outcome, or as soon as the customer has to act. Reads that fail for a passing
/// reason do not end it. Dropping the future stops looking, nothing else; a wait can be begun again at any
/// time, by any process, and taken up again with its [`handle`](Self::handle).
#[must_use = "nothing is asked before `send` or `await`"]
pub struct Wait {
    pub(super) plan: Plan,
    pub(super) options: CallOptions,
    pub(super) returned: Returned,
    /// The action that a wait which is resumed saw last.
    pub(super) last_action: Option<ActionMark>,
}

impl Wait {
    pub(super) fn new(client: Flowlix, id: PaymentId) -> Self {
        Self {
            options: client.options(),
            plan: Plan::new(client, id),
            returned: Returned::No,
            last_action: None,
        }
    }

    /// How long to wait at most. Default: 120 s; a request handler wants less. A wait looks at least once: with a
    /// deadline that leaves no time for that, for up to 5 s. A wait that is resumed keeps its deadline and the
    /// time that has passed; a deadline set then counts from now.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.plan.deadline = deadline;
        self.plan.started_at = None;
        self
    }

    /// The pace of this wait. Default: the client's.
    pub fn polling(mut self, polling: impl Polling + 'static) -> Self {
        self.plan.polling = Arc::new(polling);
        self
    }

    /// The customer has come back from 3-D Secure. The wait looks at once, and `requires_action` no longer
    /// ends it, as Flowlix may need a moment to notice. It still ends when a second action appears, at
    /// another address.
    pub fn customer_returned(mut self) -> Self {
        self.returned = match &self.last_action {
            Some(action) => Returned::From(action.clone()),
            None => Returned::FromWhatIsSeenFirst,
        };
        self.plan.at_once = true;
        self
    }

    /// Like [`customer_returned`](Self::customer_returned), for those who kept the address they sent the
    /// customer to: another action is noticed even on the first look.
    pub fn customer_returned_from(mut self, redirect_url: impl Into<String>) -> Self {
        self.returned = Returned::From(ActionMark::of(Some(&redirect_url.into())));
        self.plan.at_once = true;
        self
    }

    call_setters!(each "look");

    /// What is needed to take the wait up again after a restart, as if it began now. Store it before you
    /// wait; [`Watch::handle`] gives the newest.
    #[must_use]
    pub fn handle(&self) -> WaitHandle {
        WaitHandle {
            payment_id: self.plan.id.clone(),
            started_at: self.plan.begins_at(),
            deadline: self.plan.deadline,
            last_status: self.plan.last_status.clone(),
            last_action: self.last_action.clone(),
            returned: self.returned.clone(),
        }
    }

    /// The same wait, step by step: each change of status as it is seen.
    #[must_use]
    pub fn watch(self) -> Watch {
        Watch::new(self)
    }

    /// Waits.
    ///
    /// # Errors
    /// [`WaitTimeout`](crate::ErrorKind::WaitTimeout) at the deadline, with
    /// [`WaitProgress`](super::WaitProgress); the payment goes on by itself, so wait again or ask later. Errors that
    /// waiting cannot mend (the key is refused, there is no such payment) end it at once.
    pub async fn send(self) -> Result<Settled, Error> {
        self.watch().settled().await
    }
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait")
            .field("id", &self.plan.id)
            .field("deadline", &self.plan.deadline)
            .field("returned", &self.returned)
            .finish_non_exhaustive()
    }
}

into_future!(Wait => Settled);
