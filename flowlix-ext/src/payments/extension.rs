//! What can be asked of a payment beside reading its fields.

use flowlix_api::model::{Payment, PaymentStatus};

use super::state;
use crate::decline::Decline;
use crate::money::Money;

/// Questions to a [`Payment`].
pub trait PaymentExt {
    /// The amount with its currency.
    fn money(&self) -> Money;

    /// Why the payment failed; `None` when it did not.
    fn decline(&self) -> Option<Decline>;

    /// Whether the status is final: succeeded, failed, expired, canceled or refunded. A payment that
    /// succeeded may still be refunded. A status that this SDK does not know counts as not final.
    fn is_final(&self) -> bool;
}

impl PaymentExt for Payment {
    fn money(&self) -> Money {
        Money::new(self.amount, self.currency.clone())
    }

    fn decline(&self) -> Option<Decline> {
        (self.status == PaymentStatus::Failed).then(|| Decline::of_payment(self))
    }

    fn is_final(&self) -> bool {
        state::is_final(&self.status)
    }
}
