//! What can be asked of a payment beside reading its fields.

use flowlix_api::model::{Payment, PaymentStatus};

use super::state;
use crate::decline::Decline;
use crate::money::Money;
use crate::refunds::check;

/// Questions to a [`Payment`].
pub trait PaymentExt {
    /// The amount with its currency.
    fn money(&self) -> Money;

    /// What can still be refunded, in either dialect, as the payment stood when it was read.
    ///
    /// In the uppercase dialect it is what Flowlix calls `amount_refundable`; in the `snake_case` dialect, where
    /// Flowlix does not say it, the amount without all refunds that did not fail, pending ones included. It is 0
    /// until the payment has succeeded. `None` means not known: the status has no name in this SDK, or nothing is
    /// said about refunds. Whether 180 days have passed is not looked at
    /// ([`Refunds::of`](crate::refunds::Refunds::of) does).
    fn refundable(&self) -> Option<Money>;

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

    fn refundable(&self) -> Option<Money> {
        let left = check::refundable(self)?;
        Some(Money::new(left, self.currency.clone()))
    }

    fn decline(&self) -> Option<Decline> {
        (self.status == PaymentStatus::Failed).then(|| Decline::of_payment(self))
    }

    fn is_final(&self) -> bool {
        state::is_final(&self.status)
    }
}
