//! Refunds of an intent: the same rules as for payments, with attempts and keys of their own.

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::rules::{Millis, Rules};
use super::sends::{CannotSend, Sends};

/// One refund, under the shop's own reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Refund {
    /// The shop's name for it.
    pub(crate) reference: String,
    /// The payment that is refunded.
    pub(crate) payment: String,
    /// Minor units; fixed before the first send, because a repeat has to send the same bytes.
    pub(crate) amount: i64,
    pub(crate) reason: Option<String>,
    pub(crate) started_at: Millis,
    /// In the order of their numbers, which count from 1; the last one is current.
    pub(crate) attempts: Vec<RefundAttempt>,
}

/// One idempotency key, and at most one refund.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct RefundAttempt {
    /// 1 for the first.
    pub(crate) number: u32,
    pub(crate) started_at: Millis,
    pub(crate) sends: Sends,
    /// The refund, once it is known which one it is.
    pub(crate) refund: Option<RefundView>,
    /// Flowlix rejected the last send.
    pub(crate) rejected: bool,
    /// The refunds that the payment had before the first send.
    pub(crate) before: Vec<String>,
    /// Refunds that may be this one, where the payment does not tell which it is.
    pub(crate) candidates: Vec<String>,
}

/// A refund as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct RefundView {
    pub(crate) id: String,
    pub(crate) phase: RefundPhase,
    pub(crate) decline_code: Option<String>,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundPhase {
    /// Pending, or a status that this version does not know.
    Pending,
    Succeeded,
    Failed,
}

/// Where a refund stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum RefundSummary {
    /// Flowlix did not accept it, and nothing can still come of it.
    NotAccepted {
        rejected: bool,
    },
    /// Accepted; its id is `None` where the payment does not tell which of its refunds it is.
    Pending {
        refund: Option<String>,
    },
    Succeeded {
        refund: String,
    },
    Failed {
        refund: String,
        decline_code: Option<String>,
    },
    OutcomeUnknown {
        candidates: Vec<String>,
        needs_person: bool,
    },
}

/// What one request for a refund has come to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RefundAnswer {
    /// 2xx, and the refund in it where that can be told.
    Accepted {
        refund: Option<RefundView>,
        candidates: Vec<String>,
    },
    /// 2xx that cannot be read.
    AcceptedUnread,
    Rejected,
    NotCarriedOut,
    Conflict,
    Unknown,
}

/// What a payment shows of a refund's attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Shown {
    /// The refund of the attempt, told by its id or its correlation id.
    pub(crate) refund: Option<RefundView>,
    /// Refunds that look the same and belong to no other refund of the intent.
    pub(crate) candidates: Vec<String>,
}

/// What a refund call does next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum DoRefund {
    /// Retrieve the payment, after a pause if `again`.
    Look {
        again: bool,
    },
    /// Record a send under this attempt's key, then send.
    Send {
        attempt: u32,
    },
    Wait,
    Report,
    Refuse(RefundRefusal),
}

/// Why a refund is refused before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RefundRefusal {
    /// Another amount, reason or payment stands under this reference, and may have been refunded.
    Differs,
    /// The outcome of another refund of the same payment is unknown.
    Busy { reference: String },
}

/// A refund call on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RefundCall {
    pub(crate) reference: String,
    pub(crate) payment: String,
    /// Minor units; what is left where the caller named none, once the payment was read.
    pub(crate) amount: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) namespace: String,
    pub(crate) give_up_at: Millis,
    looked: bool,
    failed_before: Option<bool>,
    answered: Option<super::pay::Answered>,
}

impl RefundCall {
    pub(crate) fn new(
        reference: String,
        payment: String,
        amount: Option<i64>,
        reason: Option<String>,
        namespace: String,
        give_up_at: Millis,
    ) -> Self {
        Self {
            reference,
            payment,
            amount,
            reason,
            namespace,
            give_up_at,
            looked: false,
            failed_before: None,
            answered: None,
        }
    }

    pub(crate) fn looked(&mut self) {
        self.looked = true;
    }

    pub(crate) fn answered(&mut self, answered: Option<super::pay::Answered>) {
        self.answered = answered;
    }

    /// What to do next about this record.
    pub(crate) fn next(&mut self, record: &Record, now: Millis, rules: &Rules) -> DoRefund {
        use super::pay::Answered;

        let refund = record.refund(&self.reference);
        let has_failed = refund.is_some_and(|refund| refund.has_failed());
        let failed_before = *self.failed_before.get_or_insert(has_failed);
        if self.answered == Some(Answered::Refused) {
            return DoRefund::Report;
        }
        if let Some(refund) = refund.filter(|refund| refund.is_binding()) {
            let differs = refund.payment != self.payment
                || self.amount.is_some_and(|amount| amount != refund.amount)
                || self.reason.is_some() && self.reason != refund.reason;
            if differs {
                return DoRefund::Refuse(RefundRefusal::Differs);
            }
        }
        if !self.looked {
            return DoRefund::Look { again: false };
        }
        if let Some(accepted) = refund.and_then(Refund::accepted) {
            let is_pending = accepted.phase == RefundPhase::Pending;
            if accepted.phase == RefundPhase::Failed && failed_before {
                return self.send(record, refund, now, rules);
            }
            return if is_pending && now < self.give_up_at {
                DoRefund::Look { again: true }
            } else {
                DoRefund::Report
            };
        }
        self.send(record, refund, now, rules)
    }

    fn send(
        &self,
        record: &Record,
        refund: Option<&Refund>,
        now: Millis,
        rules: &Rules,
    ) -> DoRefund {
        use super::pay::Answered;

        let others = record
            .refunds
            .iter()
            .filter(|other| other.reference != self.reference);
        let mut busy = others.filter(|other| {
            other.payment.eq_ignore_ascii_case(&self.payment) && other.is_unknown()
        });
        if let Some(busy) = busy.next() {
            let reference = busy.reference.clone();
            return DoRefund::Refuse(RefundRefusal::Busy { reference });
        }
        let number = self.attempt_number(refund);
        let attempt = refund.and_then(|refund| refund.attempt(number));
        match self.answered {
            Some(Answered::Unknown) => return DoRefund::Report,
            Some(Answered::Conflict) if now >= self.give_up_at => return DoRefund::Report,
            Some(Answered::Conflict) => return DoRefund::Wait,
            Some(Answered::Refused) | None => {}
        }
        let check = attempt.map_or(Ok(()), |attempt| {
            attempt.sends.check(&self.namespace, now, rules)
        });
        match check {
            Ok(()) => DoRefund::Send { attempt: number },
            Err(
                CannotSend::KeyTooOld
                | CannotSend::OtherNamespace
                | CannotSend::TooManyOpen
                | CannotSend::Contradiction,
            ) => DoRefund::Report,
        }
    }

    fn attempt_number(&self, refund: Option<&Refund>) -> u32 {
        match refund.and_then(|refund| refund.attempts.last()) {
            None => 1,
            Some(last) if last.phase() == Some(RefundPhase::Failed) => {
                last.number.saturating_add(1)
            }
            Some(last) => last.number,
        }
    }

    /// Records a send; [`next`](Self::next) has asked for it on this very record, and the amount is known. Returns the
    /// moment by which the request has to leave.
    pub(crate) fn begin(
        &self,
        record: &mut Record,
        number: u32,
        (amount, before): (i64, Vec<String>),
        token: String,
        (now, deadline): (Millis, Millis),
        rules: &Rules,
    ) -> Millis {
        if record.refund(&self.reference).is_none() {
            record.refunds.push(Refund {
                reference: self.reference.clone(),
                payment: self.payment.clone(),
                amount,
                reason: self.reason.clone(),
                started_at: now,
                attempts: Vec::new(),
            });
        }
        let Some(refund) = record.refund_mut(&self.reference) else {
            return now;
        };
        if !refund.is_binding() {
            refund.payment.clone_from(&self.payment);
            refund.amount = amount;
            refund.reason.clone_from(&self.reason);
        }
        if refund.attempt(number).is_none() {
            refund.attempts.push(RefundAttempt::new(number, now));
        }
        let Some(attempt) = refund.attempt_mut(number) else {
            return now;
        };
        if !attempt.sends.is_unknown() {
            attempt.before = before;
        }
        attempt.rejected = false;
        attempt
            .sends
            .begin(token, self.namespace.clone(), now, deadline, rules)
    }

    /// Whether a send may still be recorded that [`next`](Self::next) has asked for.
    pub(crate) fn may_begin(
        &self,
        record: &Record,
        number: u32,
        now: Millis,
        rules: &Rules,
    ) -> bool {
        let refund = record.refund(&self.reference);
        refund
            .and_then(|refund| refund.attempt(number))
            .is_none_or(|attempt| attempt.sends.check(&self.namespace, now, rules).is_ok())
    }

    /// Whether the same request may be sent once more, after an answer that did not settle it.
    pub(crate) fn may_repeat(
        &self,
        record: &Record,
        number: u32,
        now: Millis,
        rules: &Rules,
    ) -> bool {
        let refund = record.refund(&self.reference);
        let refund = refund.filter(|refund| self.amount.is_none_or(|asked| asked == refund.amount));
        let attempt = refund.and_then(|refund| refund.attempt(number));
        attempt.is_some_and(|attempt| {
            attempt.refund.is_none() && attempt.sends.check(&self.namespace, now, rules).is_ok()
        })
    }
}

impl Record {
    pub(crate) fn refund(&self, reference: &str) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.reference == reference)
    }

    fn refund_mut(&mut self, reference: &str) -> Option<&mut Refund> {
        self.refunds
            .iter_mut()
            .find(|refund| refund.reference == reference)
    }

    /// The payment shows a refund under this reference that the record does not know.
    pub(crate) fn refund_found(&mut self, refund: Refund, number: u32, view: RefundView) {
        if self.knows_refund(&refund.reference) {
            return;
        }
        let reference = refund.reference.clone();
        let started_at = refund.started_at;
        match self.refund_mut(&reference) {
            Some(known) => {
                let attempts = std::mem::take(&mut known.attempts);
                *known = Refund { attempts, ..refund };
            }
            None => self.refunds.push(refund),
        }
        let Some(known) = self.refund_mut(&reference) else {
            return;
        };
        if known.attempt(number).is_none() {
            known.attempts.push(RefundAttempt::new(number, started_at));
        }
        if let Some(attempt) = known.attempt_mut(number) {
            attempt.found(view);
        }
    }

    /// Whether the record has anything to say of a refund: it was accepted, or may have been.
    pub(crate) fn knows_refund(&self, reference: &str) -> bool {
        let attempt = self
            .refund(reference)
            .and_then(|refund| refund.attempts.last());
        attempt.is_some_and(|attempt| attempt.refund.is_some() || attempt.sends.is_unknown())
    }

    /// Flowlix told how this refund stands, without its payment. What the payment's total says then is told by its
    /// refunds.
    pub(crate) fn refund_told(&mut self, reference: &str, view: RefundView, now: Millis) {
        let Some(refund) = self.refund_mut(reference) else {
            return;
        };
        let payment = refund.payment.clone();
        if let Some(attempt) = refund.attempts.last_mut() {
            attempt.found(view);
        }
        let of_payment = self
            .refunds
            .iter()
            .filter(|refund| refund.payment.eq_ignore_ascii_case(&payment));
        let succeeded = of_payment.filter(|refund| {
            let accepted = refund.accepted();
            accepted.is_some_and(|accepted| accepted.phase == RefundPhase::Succeeded)
        });
        let total = succeeded.fold(0, |sum: i64, refund| sum.saturating_add(refund.amount));
        let known = self.payments.iter_mut().find(|known| known.is(&payment));
        if let Some(known) = known.filter(|known| known.refunded < total) {
            let more = total.saturating_sub(known.refunded);
            known.refunded = total.min(known.amount);
            known.refundable = known
                .refundable
                .map(|left| left.saturating_sub(more).max(0));
        }
        self.note_change(now);
    }

    /// A request for a refund has come to this.
    pub(crate) fn refund_answered(
        &mut self,
        reference: &str,
        number: u32,
        token: &str,
        answer: RefundAnswer,
        now: Millis,
    ) {
        let attempt = self
            .refund_mut(reference)
            .and_then(|refund| refund.attempt_mut(number));
        let Some(attempt) = attempt else {
            return;
        };
        match answer {
            RefundAnswer::Accepted {
                refund: Some(refund),
                ..
            } => attempt.found(refund),
            // Accepted, and which of the payment's refunds it is cannot be told.
            RefundAnswer::Accepted {
                refund: None,
                candidates,
            } => {
                attempt.candidates = candidates;
                attempt.sends.accepted_unread(token, now);
            }
            RefundAnswer::AcceptedUnread => attempt.sends.accepted_unread(token, now),
            RefundAnswer::Rejected => {
                let is_last_word = attempt.sends.is_alone(token);
                attempt.sends.refused(token);
                attempt.rejected = true;
                // Rejected, no other request can still arrive, and yet the payment shows a refund that may be it.
                if is_last_word && attempt.sends.is_unknown() && !attempt.candidates.is_empty() {
                    attempt.sends.contradicted();
                }
            }
            RefundAnswer::NotCarriedOut => attempt.sends.refused(token),
            RefundAnswer::Conflict => attempt.sends.conflict(token, now),
            RefundAnswer::Unknown => {}
        }
    }

    /// The payment was read at this moment, and showed this of the refund's current attempt.
    pub(crate) fn refund_seen(
        &mut self,
        reference: &str,
        shown: Shown,
        read_at: Millis,
        rules: &Rules,
    ) {
        let attempt = self
            .refund_mut(reference)
            .and_then(|refund| refund.attempts.last_mut());
        let Some(attempt) = attempt else {
            return;
        };
        match shown.refund {
            Some(refund) => attempt.found(refund),
            None => {
                attempt.candidates = shown.candidates;
                if attempt.refund.is_some() {
                    return;
                }
                if attempt.candidates.is_empty() {
                    attempt.sends.found_nothing(read_at, rules);
                } else if attempt.sends.is_too_old(read_at, rules) {
                    // No repeat can tell any more whether one of them is it.
                    attempt.sends.contradicted();
                }
            }
        }
    }
}

impl Refund {
    pub(crate) fn attempt(&self, number: u32) -> Option<&RefundAttempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    }

    fn attempt_mut(&mut self, number: u32) -> Option<&mut RefundAttempt> {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.number == number)
    }

    /// The refund of the current attempt.
    pub(crate) fn accepted(&self) -> Option<&RefundView> {
        self.attempts.last()?.refund.as_ref()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.attempts.last().and_then(RefundAttempt::phase) == Some(RefundPhase::Failed)
    }

    /// Whether a request of its current attempt may have been, or may yet be, carried out.
    pub(crate) fn is_unknown(&self) -> bool {
        self.attempts
            .last()
            .is_some_and(|attempt| attempt.sends.is_unknown())
    }

    /// A person has found out that nothing was done under its current key. Returns whether that counts.
    pub(super) fn decided_absent(&mut self, now: Millis, rules: &Rules) -> bool {
        self.attempts.last_mut().is_some_and(|attempt| {
            let counts = attempt.sends.decided_absent(now, rules);
            if counts {
                attempt.candidates.clear();
            }
            counts
        })
    }

    /// Whether something can still become of it.
    pub(crate) fn is_open(&self) -> bool {
        let is_pending = self
            .accepted()
            .is_some_and(|refund| refund.phase == RefundPhase::Pending);
        is_pending || self.is_unknown()
    }

    /// Whether amount, reason and payment can no longer be changed.
    fn is_binding(&self) -> bool {
        let stands = self
            .accepted()
            .is_some_and(|refund| refund.phase != RefundPhase::Failed);
        stands || self.is_unknown()
    }

    /// Where the refund stands.
    pub(crate) fn summary(&self) -> RefundSummary {
        let Some(last) = self.attempts.last() else {
            return RefundSummary::NotAccepted { rejected: false };
        };
        if let Some(refund) = &last.refund {
            let id = refund.id.clone();
            return match refund.phase {
                RefundPhase::Pending => RefundSummary::Pending { refund: Some(id) },
                RefundPhase::Succeeded => RefundSummary::Succeeded { refund: id },
                RefundPhase::Failed => {
                    let decline_code = refund.decline_code.clone();
                    RefundSummary::Failed {
                        refund: id,
                        decline_code,
                    }
                }
            };
        }
        let needs_person = last.sends.is_contradictory();
        if last.sends.is_accepted() && last.candidates.is_empty() && !needs_person {
            RefundSummary::Pending { refund: None }
        } else if last.sends.is_unknown() {
            let candidates = last.candidates.clone();
            RefundSummary::OutcomeUnknown {
                candidates,
                needs_person,
            }
        } else {
            RefundSummary::NotAccepted {
                rejected: last.rejected,
            }
        }
    }
}

impl RefundAttempt {
    fn new(number: u32, started_at: Millis) -> Self {
        Self {
            number,
            started_at,
            sends: Sends::default(),
            refund: None,
            rejected: false,
            before: Vec::new(),
            candidates: Vec::new(),
        }
    }

    fn phase(&self) -> Option<RefundPhase> {
        self.refund.as_ref().map(|refund| refund.phase)
    }

    /// The attempt's refund is this one. A terminal status never changes back.
    fn found(&mut self, newer: RefundView) {
        let is_terminal = self
            .phase()
            .is_some_and(|phase| phase != RefundPhase::Pending);
        if !(is_terminal && newer.phase == RefundPhase::Pending) {
            self.refund = Some(newer);
        }
        self.candidates.clear();
        self.sends.resolved(|_| true);
    }
}
