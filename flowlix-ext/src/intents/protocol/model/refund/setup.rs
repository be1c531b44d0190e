//! One model: who takes part, how Flowlix behaves, and how far the search goes.

use flowlix_api::model::{Payment, PaymentId, Refund, RefundId};

use super::mutant::Mutant;
use super::world::{CHARGED, Habits, Snapshot, World};
use crate::intents::correlation::{CORRELATION_ID, Names};
use crate::intents::protocol::refund::RefundPhase;
use crate::intents::protocol::rules::Rules;
use crate::intents::store::Scope;
use crate::key::Mode;

/// The payment that is refunded.
pub(super) const PAYMENT: &str = "pay_1";
/// The reason of refunds whose reason does not tell them apart.
const ALIKE: &str = "returned";
/// A tick lasts so long that refunds of two ticks do not count as made at the same time.
const SECONDS_OF_A_TICK: i64 = 900;

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) reference: u8,
    /// Without one, all that is left.
    pub(super) amount: Option<i64>,
    pub(super) api_key: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) tasks: Vec<Task>,
    pub(super) habits: Habits,
    pub(super) rules: Rules,
    /// How long after it was recorded a request may leave.
    pub(super) timeout: i64,
    /// A call sends its request again when no answer came.
    pub(super) retries: bool,
    /// Requests of one call.
    pub(super) most_sends: u8,
    pub(super) crashes: u8,
    /// Refunds of 1 that are made outside the SDK.
    pub(super) outsiders: u8,
    /// Whether those have the reason of ours.
    pub(super) outsiders_look_alike: bool,
    /// The reason of a refund is its reference.
    pub(super) is_named: bool,
    /// The store is replaced once by an older copy.
    pub(super) restores: bool,
    /// The last moment.
    pub(super) end: i64,
    /// Whether a person may have to decide at the end.
    pub(super) may_need_person: bool,
    pub(super) mutant: Mutant,
    names: Names,
    payment: Payment,
    refund: Refund,
}

impl Setup {
    /// On a Flowlix that does what its documents say.
    pub(super) fn new(tasks: Vec<Task>) -> Self {
        let refund = serde_json::json!({
            "id": "ref_0", "amount": 0, "currency": "eur", "status": "pending",
        });
        let payment = serde_json::json!({
            "id": PAYMENT, "amount": CHARGED, "currency": "eur", "status": "succeeded",
            "amount_refunded": 0,
        });
        Self {
            tasks,
            habits: Habits {
                key_life: 8,
                lag: 1,
                transit: 1,
                is_snake_case: false,
                loses_answers: true,
                pends: false,
                fails: false,
                rejects: false,
                is_unreadable: false,
            },
            // From its deadline a request is on its way for one tick, and its refund not shown for another one.
            rules: Rules {
                quiet: 2,
                oldest_key: 5,
                key_end: 9,
                skew: 0,
            },
            timeout: 1,
            retries: false,
            most_sends: 2,
            crashes: 0,
            outsiders: 0,
            outsiders_look_alike: true,
            is_named: false,
            restores: false,
            end: 4,
            may_need_person: false,
            mutant: Mutant::None,
            names: Names::new(&Scope::new("shop", Mode::Test), "order"),
            payment: serde_json::from_value(payment).unwrap(),
            refund: serde_json::from_value(refund).unwrap(),
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Keys that end within the model.
    pub(super) fn with_short_keys(self) -> Self {
        self.with(|setup| {
            setup.habits.key_life = 4;
            setup.habits.lag = 0;
            setup.rules.oldest_key = 1;
            setup.rules.key_end = 5;
            setup.end = 5;
        })
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The shop's reference of this number.
    pub(super) fn reference(number: u8) -> String {
        number.to_string()
    }

    pub(super) fn reason(&self, reference: u8) -> String {
        if self.is_named {
            Self::reference(reference)
        } else {
            ALIKE.to_owned()
        }
    }

    /// The payment as Flowlix shows it.
    pub(super) fn payment(&self, world: &World, shown: &Snapshot) -> Payment {
        let mut payment = self.payment.clone();
        payment.refunds = shown
            .iter()
            .map(|(id, phase)| self.refund(world, *id, *phase))
            .collect();
        payment
    }

    /// A refund as Flowlix shows it.
    pub(super) fn refund(&self, world: &World, id: u8, phase: RefundPhase) -> Refund {
        use flowlix_api::model::RefundStatus;

        let made = &world.refunds[usize::from(id)];
        let mut refund = self.refund.clone();
        refund.id = RefundId::received(id.to_string()).unwrap();
        refund.payment_id = PaymentId::received(PAYMENT).ok();
        refund.amount = made.amount;
        refund.created_at = Some(made.at * SECONDS_OF_A_TICK);
        refund.status = match phase {
            RefundPhase::Pending => RefundStatus::Pending,
            RefundPhase::Succeeded => RefundStatus::Succeeded,
            RefundPhase::Failed => RefundStatus::Failed,
        };
        refund.reason = Some(match made.of {
            Some((reference, _)) => self.reason(reference),
            None if self.outsiders_look_alike => self.reason(0),
            None => "another".to_owned(),
        });
        if let Some((reference, attempt)) = made.of.filter(|_| !self.habits.is_snake_case) {
            let mark = self.names.refund_mark(&Self::reference(reference), attempt);
            refund
                .metadata
                .insert(CORRELATION_ID.to_owned(), mark.into());
        }
        refund
    }
}
