//! Plausible rules that are wrong. Each must be caught.

use flowlix_api::model::Payment;

use crate::intents::protocol::record::Record;
use crate::intents::protocol::refund::{DoRefund, RefundAnswer, RefundCall, RefundRefusal, Shown};
use crate::intents::protocol::rules::Rules;
use crate::intents::view::refund_view;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutant {
    None,
    /// A 4xx is final while another send is outstanding.
    RejectionIsFinal,
    /// A repeat is sent whatever the age of its key is.
    NoAgeLimit,
    NewKeyAfterUnknown,
    GuessCandidate,
    /// A repeat asks for what is left now, not for what the first send asked for.
    AmountComputedAnew,
    /// Another refund of the payment is sent while the outcome of one is unknown.
    TwoAtATime,
}

impl Mutant {
    pub(super) fn rules(self, rules: &Rules) -> Rules {
        let mut rules = *rules;
        if self == Self::NoAgeLimit {
            rules.oldest_key = i64::MAX;
        }
        rules
    }

    pub(super) fn decide(
        self,
        decided: DoRefund,
        call: &mut RefundCall,
        record: &Record,
        now: i64,
        rules: &Rules,
    ) -> DoRefund {
        match (self, decided) {
            (Self::NewKeyAfterUnknown, DoRefund::Send { attempt }) => {
                let refund = record.refund(&call.reference);
                let is_unknown = refund.is_some_and(|refund| refund.is_unknown());
                DoRefund::Send {
                    attempt: attempt + u32::from(is_unknown),
                }
            }
            (Self::TwoAtATime, DoRefund::Refuse(RefundRefusal::Busy { .. })) => {
                let mut alone = record.clone();
                alone
                    .refunds
                    .retain(|refund| refund.reference == call.reference);
                call.next(&alone, now, rules)
            }
            (_, decided) => decided,
        }
    }

    pub(super) fn after_answer(
        self,
        record: &mut Record,
        reference: &str,
        attempt: u32,
        answer: &RefundAnswer,
    ) {
        if self != Self::RejectionIsFinal || *answer != RefundAnswer::Rejected {
            return;
        }
        let mut refunds = record.refunds.iter_mut();
        let refund = refunds.find(|refund| refund.reference == reference);
        let attempts = refund.map(|refund| refund.attempts.iter_mut());
        if let Some(attempt) = attempts
            .into_iter()
            .flatten()
            .find(|one| one.number == attempt)
        {
            attempt.sends.resolved(|_| true);
        }
    }

    pub(super) fn shown(self, shown: Shown, payment: &Payment) -> Shown {
        let guess = shown.candidates.first();
        let mut refunds = payment.refunds.iter();
        match refunds.find(|refund| guess.is_some_and(|guess| guess == refund.id.as_str())) {
            Some(guess) if self == Self::GuessCandidate => Shown {
                refund: Some(refund_view(guess)),
                candidates: Vec::new(),
            },
            _ => shown,
        }
    }
}
