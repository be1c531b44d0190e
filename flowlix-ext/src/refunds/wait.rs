//! Waiting for a refund: it is a part of its payment, so the payment is what is looked at.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use flowlix_api::model::{Payment, PaymentId, Refund, RefundId, RefundStatus};

use crate::call::options::{CallOptions, call_setters, into_future};
use crate::client::Flowlix;
use crate::decline::Decline;
use crate::error::Error;
use crate::payments::looks::{Looks, Plan};
use crate::polling::Polling;

/// A wait for a refund about to begin; see [`Refunds::wait`](super::Refunds::wait).
///
/// It ends when the refund has succeeded or failed. Reads that fail for a passing reason do not end it, nor
/// does a payment that does not show the refund yet. Dropping the future stops looking, nothing else.
#[must_use = "nothing is asked before `send` or `await`"]
pub struct RefundWait {
    plan: Plan,
    options: CallOptions,
    refund_id: RefundId,
}

impl RefundWait {
    pub(super) fn new(client: Flowlix, payment_id: PaymentId, refund_id: RefundId) -> Self {
        Self {
            options: client.options(),
            plan: Plan::new(client, payment_id),
            refund_id,
        }
    }

    /// How long to wait at most. Default: 120 s. A wait looks at least once: with a deadline that leaves no
    /// time for that, for up to 5 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.plan.deadline = deadline;
        self
    }

    /// The pace of this wait. Default: the client's.
    pub fn polling(mut self, polling: impl Polling + 'static) -> Self {
        self.plan.polling = Arc::new(polling);
        self
    }

    call_setters!(each "look");

    /// Waits.
    ///
    /// # Errors
    /// [`WaitTimeout`](crate::ErrorKind::WaitTimeout) at the deadline, with
    /// [`WaitProgress`](crate::payments::WaitProgress); the refund goes on by itself, so wait again or ask
    /// later. Errors that waiting cannot mend (the key is refused, there is no such payment) end it at once.
    pub async fn send(self) -> Result<RefundSettled, Error> {
        let mut looks = Looks::new(self.plan, self.options);
        looks.waits_for_refund(self.refund_id.clone());
        loop {
            let look = looks.look().await?;
            let settled = look
                .payment
                .and_then(|payment| RefundSettled::in_payment(payment, &self.refund_id));
            if let Some(settled) = settled {
                return Ok(settled);
            }
            if look.is_last {
                return Err(looks.time_out());
            }
        }
    }
}

impl std::fmt::Debug for RefundWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefundWait")
            .field("payment_id", &self.plan.id)
            .field("refund_id", &self.refund_id)
            .field("deadline", &self.plan.deadline)
            .finish_non_exhaustive()
    }
}

into_future!(RefundWait => RefundSettled);

/// What became of a refund.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RefundSettled {
    /// The money went back.
    Succeeded(Refund),
    /// Nothing went back; the amount can be refunded again, with a new key.
    Failed(FailedRefund),
}

impl RefundSettled {
    /// The refund, however it ended.
    #[must_use]
    pub fn refund(&self) -> &Refund {
        match self {
            Self::Succeeded(refund) => refund,
            Self::Failed(failed) => failed,
        }
    }

    /// The outcome that a payment shows of one of its refunds. A status that this SDK does not know is none.
    fn in_payment(payment: Payment, id: &RefundId) -> Option<Self> {
        let mut refunds = payment.refunds.into_iter();
        let mut refund = refunds.find(|refund| refund.id == *id)?;
        refund.payment_id.get_or_insert(payment.id);
        match refund.status {
            RefundStatus::Succeeded => Some(Self::Succeeded(refund)),
            RefundStatus::Failed => Some(Self::Failed(FailedRefund { refund })),
            _ => None,
        }
    }
}

/// A refund that failed; use it like the [`Refund`] itself.
#[derive(Debug, Clone)]
pub struct FailedRefund {
    refund: Refund,
}

impl FailedRefund {
    /// Why.
    #[must_use]
    pub fn decline(&self) -> Decline {
        Decline::of_refund(&self.refund)
    }

    /// The refund alone.
    #[must_use]
    pub fn into_refund(self) -> Refund {
        self.refund
    }
}

impl Deref for FailedRefund {
    type Target = Refund;

    fn deref(&self) -> &Refund {
        &self.refund
    }
}
