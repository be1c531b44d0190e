//! Plausible rules that are wrong. Each must be caught.

use super::super::apply::Answer;
use super::super::pay::Do;
use super::super::record::{Method, Record};
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
    TwoLiveAttempts,
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
            // The mark with which these mutants retire a key.
            (Self::RetireKeyOnDecline | Self::RetireKeyOnEmptySearch, Do::Send { .. })
                if current.superseded && !has_payment =>
            {
                next
            }
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
        match self {
            Self::RetireKeyOnDecline => attempt.superseded = true,
            Self::CountSendsPerCall => attempt.sends.resolved(|_| true),
            _ => {}
        }
    }

    pub(super) fn after_search(self, record: &mut Record, begun_at: i64, rules: &Rules) {
        let Some(attempt) = record.attempts.last_mut() else {
            return;
        };
        let is_unknown = attempt.sends.is_unknown();
        match self {
            Self::RetireKeyOnEmptySearch if is_unknown => attempt.superseded = true,
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

    pub(super) fn hands_out_early(self, answer: &Answer) -> bool {
        let is_page =
            matches!(answer, Answer::Accepted(payment) if payment.method == Method::HostedPage);
        self == Self::HostedAddressBeforeSwap && is_page
    }
}
