//! What a call learns from Flowlix and adds to the record, as `intents/refunds.rs` and `intents/session.rs` do.

use super::setup::{PAYMENT, Setup};
use super::world::{Snapshot, World};
use crate::intents::protocol::record::Record;
use crate::intents::protocol::refund::{Refund, RefundAnswer, RefundView};
use crate::intents::refund_seen::shown;

/// Something that a call has learnt, and that the record has to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// The payment shows a refund that the record does not know.
    Found(Refund, u32, RefundView),
    /// The payment was read.
    Read { shown: Snapshot, read_at: i64 },
    Answered {
        attempt: u32,
        token: u8,
        answer: RefundAnswer,
        at: i64,
    },
}

impl Fact {
    /// Adds the fact to a record, for a call about this reference.
    pub(super) fn apply(&self, record: &mut Record, reference: u8, world: &World, setup: &Setup) {
        let reference = Setup::reference(reference);
        match self {
            Self::Found(refund, number, view) => {
                record.refund_found(refund.clone(), *number, view.clone());
            }
            Self::Read { shown, read_at } => {
                read(record, &reference, (shown, *read_at), world, setup);
            }
            Self::Answered {
                attempt,
                token,
                answer,
                at,
            } => {
                let token = token.to_string();
                record.refund_answered(&reference, *attempt, &token, answer.clone(), *at);
                setup
                    .mutant
                    .after_answer(record, &reference, *attempt, answer);
            }
        }
        forget_what_decides_nothing(record);
    }
}

/// The payment shows how all its refunds stand, and which of them may be the one that the call is about.
fn read(
    record: &mut Record,
    reference: &str,
    (snapshot, read_at): (&Snapshot, i64),
    world: &World,
    setup: &Setup,
) {
    let payment = setup.payment(world, snapshot);
    let references: Vec<String> = record
        .refunds
        .iter()
        .filter(|refund| refund.payment == PAYMENT)
        .map(|refund| refund.reference.clone())
        .collect();
    for reference in references {
        let told = shown(record, &payment, setup.names(), &reference, false);
        if told.refund.is_some() {
            record.refund_seen(&reference, told, read_at, &setup.rules);
        }
    }
    let is_snake_case = setup.habits.is_snake_case;
    let told = shown(record, &payment, setup.names(), reference, is_snake_case);
    let told = setup.mutant.shown(told, &payment);
    record.refund_seen(reference, told, read_at, &setup.rules);
}

/// Times that no rule looks at would only multiply the states.
pub(super) fn forget_what_decides_nothing(record: &mut Record) {
    for refund in &mut record.refunds {
        refund.started_at = 0;
        for attempt in &mut refund.attempts {
            attempt.started_at = 0;
        }
    }
}
