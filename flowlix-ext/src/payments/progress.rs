//! How far a wait came: what errors and watches tell of it.

use std::time::Duration;

use flowlix_api::model::{Payment, PaymentId, PaymentStatus, Refund, RefundId};

use super::state::ImpossibleJump;
use crate::failure::text::{one_line, printable};

/// How far a wait came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WaitProgress {
    /// The payment that was waited for, or whose refund was.
    pub payment_id: PaymentId,
    /// The payment as last seen; `None` when no look succeeded.
    pub last_payment: Option<Payment>,
    /// The payment's status as last seen, before a restart too.
    pub last_status: Option<PaymentStatus>,
    /// The refund that was waited for.
    pub refund_id: Option<RefundId>,
    /// How often the payment was looked at, failed looks included; after a restart counted anew.
    pub polls: u32,
    /// How many looks failed.
    pub failed_polls: u32,
    /// How long the wait took, the time before a restart included.
    pub elapsed: Duration,
    /// The deadline that was set, counted from the beginning of the wait.
    pub deadline: Duration,
    /// Changes of status that the [state machine](super::state) rules out, each once.
    pub impossible_jumps: Vec<ImpossibleJump>,
}

impl WaitProgress {
    /// The refund that was waited for, as last seen.
    #[must_use]
    pub fn last_refund(&self) -> Option<&Refund> {
        let id = self.refund_id.as_ref()?;
        let refunds = &self.last_payment.as_ref()?.refunds;
        refunds.iter().find(|refund| refund.id == *id)
    }

    /// What an error says of it.
    pub(crate) fn summary(&self) -> String {
        let (id, polls) = (one_line(self.payment_id.as_str()), self.polls);
        let plural = if polls == 1 { "" } else { "s" };
        let what = match &self.refund_id {
            Some(refund) => format!("refund {} of payment {id}", one_line(refund.as_str())),
            None => format!("payment {id}"),
        };
        let state = match (&self.last_payment, &self.refund_id) {
            (Some(_), Some(_)) => self.last_refund().map_or_else(
                || "is not among the payment's refunds after".to_owned(),
                |refund| format!("is still {} after", printable(refund.status.as_str())),
            ),
            (Some(payment), None) => {
                format!("is still {} after", printable(payment.status.as_str()))
            }
            (None, _) => match &self.last_status {
                Some(status) => {
                    let status = printable(status.as_str());
                    format!("was never read since the restart, and {status} before it, in")
                }
                None => "was never read in".to_owned(),
            },
        };
        format!("{what} {state} {polls} look{plural}")
    }
}
