//! What stays of an intent when its record is erased: enough that its reference is never charged again.

use super::record::{Attempt, Payment, Phase, Record, Unpaid};
use super::rules::Millis;
use super::status::Summary;

impl Record {
    /// Forgets everything but how the intent ended. Returns `false`, and changes nothing, while something can still become
    /// of it or a change is unreported.
    pub(crate) fn erase(&mut self, now: Millis) -> bool {
        if self.is_open() || self.unreported().next().is_some() {
            return false;
        }
        let last = self.current().map(|attempt| attempt.number);
        self.attempts = self
            .attempts
            .last()
            .into_iter()
            .map(erased_attempt)
            .collect();
        self.payments.retain(|payment| {
            let is_last = Some(payment.attempt) == last;
            payment.phase == Phase::Charged || is_last
        });
        self.payments.iter_mut().for_each(erase_payment);
        self.refunds.clear();
        self.reference.clear();
        if let Unpaid::Declined { code } = &mut self.unpaid {
            *code = None;
        }
        let what = Summary::of(self);
        self.changes.drain(..self.changes.len().saturating_sub(1));
        if let Some(change) = self.changes.last_mut() {
            (change.what, change.note) = (what, None);
        }
        self.erased_at = Some(now);
        true
    }

    /// An erased intent that was not charged is paid again: it has a reference again, and its changes are reported.
    pub(crate) fn revive(&mut self, reference: &str) {
        if self.erased_at.take().is_some() {
            reference.clone_into(&mut self.reference);
        }
    }

    /// Whether only the end of the intent is known.
    pub(crate) fn is_erased(&self) -> bool {
        self.erased_at.is_some()
    }
}

fn erased_attempt(attempt: &Attempt) -> Attempt {
    Attempt::new(attempt.number, attempt.method, attempt.started_at)
}

fn erase_payment(payment: &mut Payment) {
    payment.id.clear();
    payment.refundable = None;
    payment.last4 = None;
    payment.decline_code = None;
    payment.action = None;
    payment.returned_from = None;
    payment.created_at = None;
}
