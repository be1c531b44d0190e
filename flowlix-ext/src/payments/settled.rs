//! How a wait ends.

use std::ops::Deref;

use flowlix_api::model::{Payment, PaymentStatus};

use crate::decline::Decline;

/// What became of a payment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Settled {
    /// The card was charged: fulfil the order.
    Succeeded(Payment),
    /// The customer has to do something first: send them to
    /// [`redirect_url`](RequiredAction::redirect_url), and wait again when they are back.
    RequiresAction(RequiredAction),
    /// The payment was declined or failed; it cannot be used again.
    Failed(FailedPayment),
    /// The customer did not act in time; the payment cannot be used again.
    Expired(Payment),
    /// The payment was canceled.
    Canceled(Payment),
    /// The payment was charged, and fully refunded since (`snake_case` dialect).
    Refunded(Payment),
}

impl Settled {
    /// The payment, however it ended.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        match self {
            Self::Succeeded(payment)
            | Self::Expired(payment)
            | Self::Canceled(payment)
            | Self::Refunded(payment) => payment,
            Self::RequiresAction(action) => &action.payment,
            Self::Failed(failed) => failed,
        }
    }

    /// The outcome that a payment shows, or the payment back while it has none. A status that this SDK does
    /// not know is no outcome: taking it for one would be a guess.
    pub(super) fn of(payment: Payment) -> Result<Self, Box<Payment>> {
        match payment.status {
            PaymentStatus::Succeeded => Ok(Self::Succeeded(payment)),
            PaymentStatus::RequiresAction => Ok(Self::RequiresAction(RequiredAction { payment })),
            PaymentStatus::Failed => Ok(Self::Failed(FailedPayment { payment })),
            PaymentStatus::Expired => Ok(Self::Expired(payment)),
            PaymentStatus::Canceled => Ok(Self::Canceled(payment)),
            PaymentStatus::Refunded => Ok(Self::Refunded(payment)),
            _ => Err(Box::new(payment)),
        }
    }
}

/// A payment that waits for its customer, usually for 3-D Secure.
#[derive(Debug, Clone)]
pub struct RequiredAction {
    payment: Payment,
}

impl RequiredAction {
    /// Where to send the customer. `None` when Flowlix named no address; waiting again may show one.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.payment.next_action.as_ref()?.redirect_url.as_deref()
    }

    /// The payment as it was seen.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        &self.payment
    }
}

/// A payment that failed; use it like the [`Payment`] itself.
#[derive(Debug, Clone)]
pub struct FailedPayment {
    payment: Payment,
}

impl FailedPayment {
    /// Why, and what to tell the customer.
    #[must_use]
    pub fn decline(&self) -> Decline {
        Decline::of_payment(&self.payment)
    }

    /// The payment alone.
    #[must_use]
    pub fn into_payment(self) -> Payment {
        self.payment
    }
}

impl Deref for FailedPayment {
    type Target = Payment;

    fn deref(&self) -> &Payment {
        &self.payment
    }
}
