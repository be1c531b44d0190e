//! Watching a payment: the looks at it, and what they come to.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flowlix_api::model::{Payment, PaymentStatus};
use futures_core::Stream;

use super::action::{ActionMark, Returned};
use super::looks::Looks;
use super::{Settled, Wait, WaitHandle, WaitProgress, stream};
use crate::error::Error;

/// A payment being watched; see [`Payments::watch`](super::Payments::watch) and [`Wait::watch`].
///
/// Use it through [`next`](Self::next), or as a [`Stream`]. As a stream it ends after the first error, as
/// streams do; `next` may be called again.
///
/// Its deadline counts from its creation. Dropping it stops looking, nothing else. Dropping the future of
/// [`next`](Self::next) loses nothing: the pause or the look that it was at goes on with the next call.
pub struct Watch {
    looks: Looks,
    returned: Returned,
    shown: Option<Shown>,
    settled: Option<Settled>,
    failed: bool,
}

/// What a change is told by: the status, and what the customer has to do.
#[derive(Debug, PartialEq)]
struct Shown {
    status: PaymentStatus,
    action: Option<ActionMark>,
}

impl Watch {
    pub(super) fn new(wait: Wait) -> Self {
        let (action, status) = (wait.last_action, wait.plan.last_status.clone());
        Self {
            looks: Looks::new(wait.plan, wait.options),
            returned: wait.returned,
            shown: status.map(|status| Shown { status, action }),
            settled: None,
            failed: false,
        }
    }

    /// The payment as soon as its status, or the action asked of the customer, is another than before;
    /// `None` once [`settled`](Self::settled) has the outcome. Statuses that come and go between two looks
    /// are not seen.
    ///
    /// # Errors
    /// As [`Wait::send`].
    pub async fn next(&mut self) -> Result<Option<Payment>, Error> {
        std::future::poll_fn(|context| self.poll_change(context)).await
    }

    /// Goes on to the outcome; at once where [`next`](Self::next) has come to it.
    ///
    /// # Errors
    /// As [`Wait::send`].
    pub async fn settled(mut self) -> Result<Settled, Error> {
        loop {
            if let Some(settled) = self.settled {
                return Ok(settled);
            }
            std::future::poll_fn(|context| self.poll_look(context)).await?;
        }
    }

    /// How far the watch came.
    #[must_use]
    pub fn progress(&self) -> &WaitProgress {
        self.looks.progress()
    }

    /// What is needed to go on from here after a restart: give it to
    /// [`Payments::resume`](super::Payments::resume).
    #[must_use]
    pub fn handle(&self) -> WaitHandle {
        let progress = self.looks.progress();
        WaitHandle {
            payment_id: progress.payment_id.clone(),
            started_at: self.looks.started_at(),
            deadline: progress.deadline,
            last_status: progress.last_status.clone(),
            last_action: self.shown.as_ref().and_then(|shown| shown.action.clone()),
            returned: self.returned.clone(),
        }
    }

    fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Payment>, Error>> {
        while self.settled.is_none() {
            let Some(payment) = ready!(self.poll_look(context))? else {
                continue;
            };
            let shown = Shown {
                status: payment.status.clone(),
                action: ActionMark::in_payment(&payment),
            };
            if self.shown.as_ref() != Some(&shown) {
                self.shown = Some(shown);
                return Poll::Ready(Ok(Some(payment)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// One pause and one look. `None` when the look failed for a passing reason.
    fn poll_look(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Payment>, Error>> {
        let look = ready!(self.looks.poll_look(context))?;
        if let Some(payment) = &look.payment {
            self.settled = self.settles(payment.clone());
        }
        if look.is_last && self.settled.is_none() {
            return Poll::Ready(Err(self.looks.time_out()));
        }
        Poll::Ready(Ok(look.payment))
    }

    /// The outcome that the payment shows, if it shows one that this watch is for.
    fn settles(&mut self, payment: Payment) -> Option<Settled> {
        match Settled::of(payment) {
            Ok(Settled::RequiresAction(action)) if self.returned.covers(action.redirect_url()) => {
                None
            }
            settled => settled.ok(),
        }
    }
}

stream!(Watch => Payment, poll_change);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("progress", self.looks.progress())
            .field("returned", &self.returned)
            .field("settled", &self.settled)
            .finish_non_exhaustive()
    }
}
