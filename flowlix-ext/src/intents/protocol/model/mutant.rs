//! Plausible rules that are wrong. Each must be caught.

use super::super::apply::Answer;
use super::super::pay::{Do, Refusal};
use super::super::record::{Phase, Record};
use super::super::rules::Rules;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutant {
    None,
    RetireKeyOnDecline,
    RetireKeyOnEmptySearch,
    RetireKeyAtDeadline,
    CountSendsPerCall,
    CountSendsOnly,
    QuietTimeFromFirstSend,
    ConflictIsAcceptance,
    SendWithoutDeadlineCheck,
    HostedAddressBeforeSwap,
    AcknowledgeBeforeHandler,
    TellNewestFirst,
    TwoLiveAttempts,
    ForgetAssumption,
    IgnoreAmount,
    KeepKeyOfEndedPayment,
    /// Found by the model: the process stands still between the decision and the record. The deadline ignores the age of
    /// the key as well.
    KeyAgeBeforeRecording,
}

impl Mutant {
    pub(super) fn decide(self, decided: Do, record: &Record) -> Do {
        let Some(current) = record.current() else {
            return decided;
        };
        let next = Do::Send {
            attempt: current.number + 1,
        };
        let has_payment = record.payments_of(current.number).next().is_some();
        match (self, &decided) {
            (Self::RetireKeyOnDecline, Do::Send { .. }) if current.declined && !has_payment => next,
            (Self::RetireKeyOnEmptySearch, Do::Send { .. })
                if current.assumed_absent.is_some() && !has_payment =>
            {
                next
            }
            (Self::KeepKeyOfEndedPayment, Do::Send { .. }) if has_payment => Do::Send {
                attempt: current.number,
            },
            (Self::IgnoreAmount, Do::Refuse(Refusal::AmountDiffers)) => Do::Send {
                attempt: current.number,
            },
            (Self::RetireKeyAtDeadline, Do::Send { .. })
                if current.sends.is_unknown() && !has_payment =>
            {
                next
            }
            (Self::TwoLiveAttempts, Do::Report) if record.live_payments().next().is_some() => next,
            _ => decided,
        }
    }

    pub(super) fn answer(self, answer: Answer) -> Answer {
        match (self, answer) {
            (Self::ConflictIsAcceptance, Answer::Conflict) => Answer::AcceptedUnread,
            (_, answer) => answer,
        }
    }

    /// Before a send is recorded.
    pub(super) fn before_send(self, record: &mut Record, attempt: u32) {
        if self == Self::CountSendsOnly
            && let Some(attempt) = record.attempt_mut(attempt)
        {
            attempt.sends.resolved(|_| true);
        }
    }

    pub(super) fn after_answer(self, record: &mut Record, attempt: u32, answer: &Answer) {
        let is_declined = matches!(answer, Answer::Declined { .. });
        let Some(attempt) = record.attempt_mut(attempt).filter(|_| is_declined) else {
            return;
        };
        if self == Self::CountSendsPerCall {
            attempt.sends.resolved(|_| true);
        }
    }

    pub(super) fn after_search(self, record: &mut Record, begun_at: i64, rules: &Rules) {
        let Some(attempt) = record.attempts.last_mut() else {
            return;
        };
        let is_unknown = attempt.sends.is_unknown();
        match self {
            Self::ForgetAssumption => attempt.assumed_absent = None,
            Self::QuietTimeFromFirstSend if is_unknown => {
                let first = attempt.sends.window(rules).map_or(0, |window| window.0);
                if begun_at > first + rules.quiet {
                    attempt.sends.resolved(|_| true);
                    record.note_change(begun_at);
                }
            }
            _ => {}
        }
    }

    /// The page whose address is handed out before its payment is in the record.
    pub(super) fn hands_out_early(self, answer: &Answer) -> Option<usize> {
        match answer {
            Answer::Accepted(payment)
                if self == Self::HostedAddressBeforeSwap
                    && payment.phase == Phase::ActionRequired =>
            {
                payment.id.parse().ok()
            }
            _ => None,
        }
    }

    /// The change that the handler takes next.
    pub(super) fn change_to_tell(self, next: u64, last: u64) -> u64 {
        if self == Self::TellNewestFirst {
            last
        } else {
            next
        }
    }
}
