//! One call of `refund`, step by step, as `intents/refunds.rs` carries it out. Between any two steps the process may stop
//! for any time, or die.

use std::time::SystemTime;

use flowlix_api::model::{Payment, PaymentId};

use super::facts::{Fact, forget_what_decides_nothing};
use super::mutant::Mutant;
use super::setup::{PAYMENT, Setup, Task};
use super::system::{Store, System};
use super::world::{Name, Reply, Request, Snapshot};
use crate::intents::protocol::pay::Answered;
use crate::intents::protocol::refund::{DoRefund, Refund, RefundAnswer, RefundCall};
use crate::intents::refund_seen::{Unrecorded, Wanted, candidates, is_claimed, unrecorded};
use crate::intents::view::refund_view;
use crate::refunds::check;
use crate::refunds::created::{RefundCreated, Sought};

/// A request under an attempt's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Asking {
    attempt: u32,
    amount: i64,
}

/// How far a client is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Has not begun.
    Idle,
    /// Reads the payment.
    Looking { read_at: i64 },
    /// Is about to record a send.
    Claim { asking: Asking, is_repeat: bool },
    /// Has recorded a send, and not written it yet.
    Claimed {
        asking: Asking,
        token: u8,
        deadline: i64,
    },
    /// Waits for an answer.
    Awaiting { asking: Asking, token: u8 },
    /// Is about to write what it has learnt, and to report.
    Ending,
    /// Told something, or died.
    Done,
}

/// One process with one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) stage: Stage,
    task: u8,
    call: Option<RefundCall>,
    /// The record as it was read or written last, with what the call has learnt since.
    kept: Store,
    /// What the next write takes along.
    held: Vec<Fact>,
    /// The payment as the call has read it.
    known: Option<Snapshot>,
    /// The refunds that were known before the attempt's first send, once one is recorded.
    before: Option<Snapshot>,
    sends: u8,
    /// Whether what the record says was true at some moment since it said so.
    was_true: bool,
    pub(super) told_falsely: bool,
}

impl Client {
    pub(super) fn new(task: usize) -> Self {
        Self {
            stage: Stage::Idle,
            task: u8::try_from(task).unwrap(),
            call: None,
            kept: Store::default(),
            held: Vec::new(),
            known: None,
            before: None,
            sends: 0,
            was_true: false,
            told_falsely: false,
        }
    }

    fn task(&self, setup: &Setup) -> Task {
        setup.tasks[usize::from(self.task)]
    }

    /// One step of the process.
    pub(super) fn step(mut self, me: usize, system: &mut System, setup: &Setup) {
        self.was_true |= self.is_true(system, setup);
        match self.stage.clone() {
            Stage::Idle => self.begin(system, setup),
            Stage::Looking { read_at } => self.look(system, setup, read_at),
            Stage::Claim { asking, is_repeat } => self.claim(system, setup, asking, is_repeat),
            Stage::Claimed {
                asking,
                token,
                deadline,
            } => self.write_request(me, system, setup, (asking, token, deadline)),
            Stage::Awaiting { asking, token } => self.time_out(system, setup, asking, token),
            Stage::Ending => {
                self.write(system, setup);
                self.report(system, setup);
            }
            Stage::Done => {}
        }
        system.clients[me] = self;
    }

    fn begin(&mut self, system: &System, setup: &Setup) {
        let task = self.task(setup);
        self.kept = system.store.clone();
        self.was_true = self.is_true(system, setup);
        self.call = Some(RefundCall::new(
            Setup::reference(task.reference),
            PAYMENT.to_owned(),
            task.amount,
            Some(setup.reason(task.reference)),
            task.api_key.to_string(),
            system.world.now,
        ));
        self.decide(system, setup);
    }

    fn is_true(&self, system: &System, setup: &Setup) -> bool {
        let reference = self.task(setup).reference;
        system.is_true(reference, &self.kept.record)
    }

    /// Somebody else has changed the record: what the call has learnt is added to it.
    fn reload(&mut self, system: &System, setup: &Setup) {
        self.kept = system.store.clone();
        for fact in &self.held {
            let reference = self.task(setup).reference;
            fact.apply(&mut self.kept.record, reference, &system.world, setup);
        }
        self.was_true = self.is_true(system, setup);
    }

    /// The next write takes a fact along, if it says anything new.
    fn hold(&mut self, fact: Fact, system: &System, setup: &Setup) {
        let before = self.kept.record.clone();
        let reference = self.task(setup).reference;
        fact.apply(&mut self.kept.record, reference, &system.world, setup);
        if self.kept.record != before {
            self.held.push(fact);
            self.was_true = self.is_true(system, setup);
        }
    }

    /// Writes what the store does not have: first on top of the record in hand, to which it was added already.
    fn write(&mut self, system: &mut System, setup: &Setup) {
        if self.held.is_empty() {
            return;
        }
        if self.kept.version != system.store.version {
            self.kept = system.store.clone();
        }
        let reference = self.task(setup).reference;
        for fact in std::mem::take(&mut self.held) {
            fact.apply(&mut self.kept.record, reference, &system.world, setup);
        }
        self.kept.version = system.put(&self.kept.record);
        self.was_true = self.is_true(system, setup);
    }

    fn decide(&mut self, system: &System, setup: &Setup) {
        let now = system.world.now;
        let rules = setup.mutant.rules(&setup.rules);
        let call = self.call.as_mut().unwrap();
        let record = &self.kept.record;
        let decided = call.next(record, now, &rules);
        let decided = setup.mutant.decide(decided, call, record, now, &rules);
        let stage = match decided {
            DoRefund::Look { .. } => Stage::Looking { read_at: now },
            DoRefund::Send { attempt } if self.sends < setup.most_sends => {
                match self.amount_to_send(system, setup) {
                    Some(amount) => Stage::Claim {
                        asking: Asking { attempt, amount },
                        is_repeat: false,
                    },
                    None => Stage::Ending,
                }
            }
            DoRefund::Send { .. } | DoRefund::Wait | DoRefund::Report | DoRefund::Refuse(_) => {
                Stage::Ending
            }
        };
        self.go_to(stage, system, setup);
    }

    /// A call that has nothing to write is done as soon as it ends.
    fn go_to(&mut self, stage: Stage, system: &System, setup: &Setup) {
        if stage == Stage::Ending && self.held.is_empty() {
            self.report(system, setup);
        } else {
            self.stage = stage;
        }
    }

    /// The amount of the first send, or what is left; `None` where it cannot succeed.
    fn amount_to_send(&self, system: &System, setup: &Setup) -> Option<i64> {
        let call = self.call.as_ref().unwrap();
        let begun = self.kept.record.refund(&call.reference);
        let begun = begun.filter(|refund| refund.is_unknown());
        if let Some(begun) = begun.filter(|_| setup.mutant != Mutant::AmountComputedAnew) {
            return Some(begun.amount);
        }
        let payment = setup.payment(&system.world, self.known.as_ref()?);
        let violations = check::violations(&payment, call.amount, SystemTime::UNIX_EPOCH);
        if !violations.is_empty() {
            return None;
        }
        call.amount.or_else(|| check::refundable(&payment))
    }

    fn look(&mut self, system: &System, setup: &Setup, read_at: i64) {
        let shown = system.world.shows(setup.habits.lag);
        self.call.as_mut().unwrap().looked();
        self.known = Some(shown.clone());
        let payment = setup.payment(&system.world, &shown);
        let is_clear = self.find_unrecorded(&payment, system, setup);
        self.hold(Fact::Read { shown, read_at }, system, setup);
        if is_clear {
            self.decide(system, setup);
        } else {
            self.go_to(Stage::Ending, system, setup);
        }
    }

    /// A store that was restored from a copy may not know what was refunded since. Returns whether the call may go on.
    fn find_unrecorded(&mut self, payment: &Payment, system: &System, setup: &Setup) -> bool {
        let task = self.task(setup);
        let reference = Setup::reference(task.reference);
        let record = &self.kept.record;
        if record.knows_refund(&reference) {
            return true;
        }
        let reason = setup.reason(task.reference);
        let wanted = Wanted {
            reference: &reference,
            amount: task.amount,
            reason: &reason,
            is_named: reason == reference,
        };
        let is_snake_case = setup.habits.is_snake_case;
        match unrecorded(record, payment, setup.names(), &wanted, is_snake_case) {
            None => true,
            Some(Unrecorded::MayBe(_)) => false,
            Some(Unrecorded::Same(number, found)) => {
                let refund = Refund {
                    reference: reference.clone(),
                    payment: PAYMENT.to_owned(),
                    amount: found.amount,
                    reason: Some(reason.clone()),
                    started_at: 0,
                    attempts: Vec::new(),
                };
                let fact = Fact::Found(refund, number, refund_view(found));
                self.hold(fact, system, setup);
                true
            }
        }
    }

    fn claim(&mut self, system: &mut System, setup: &Setup, asking: Asking, is_repeat: bool) {
        let call = self.call.clone().unwrap();
        let now = system.world.now;
        let rules = setup.mutant.rules(&setup.rules);
        if is_repeat {
            self.kept = system.store.clone();
            if !call.may_repeat(&self.kept.record, asking.attempt, now, &rules) {
                self.was_true = self.is_true(system, setup);
                self.learn(Some(Answered::Unknown), system, setup);
                return;
            }
        } else {
            let is_stale = system.store.version != self.kept.version;
            if is_stale || !call.may_begin(&self.kept.record, asking.attempt, now, &rules) {
                self.reload(system, setup);
                self.decide(system, setup);
                return;
            }
            self.before = self.before_first_send(asking.attempt, system, setup);
        }
        let token = system.next_token();
        let before = self.known.iter().flatten();
        let before = before.map(|(id, _)| id.to_string()).collect();
        let deadline = call.begin(
            &mut self.kept.record,
            asking.attempt,
            (asking.amount, before),
            token.to_string(),
            (now, now + setup.timeout),
            &rules,
        );
        forget_what_decides_nothing(&mut self.kept.record);
        self.held.clear();
        self.kept.version = system.put(&self.kept.record);
        self.sends += 1;
        self.was_true = self.is_true(system, setup);
        self.stage = Stage::Claimed {
            asking,
            token,
            deadline,
        };
    }

    /// The payment as it stood before the first request under the attempt's key.
    fn before_first_send(&self, attempt: u32, system: &System, setup: &Setup) -> Option<Snapshot> {
        let call = self.call.as_ref().unwrap();
        let begun = self.kept.record.refund(&call.reference);
        let begun = begun.and_then(|refund| refund.attempt(attempt));
        let unknown = begun.filter(|attempt| attempt.sends.is_unknown());
        self.known.clone().map(|mut shown| {
            if let Some(attempt) = unknown {
                let is_anothers = |id: u8, phase| {
                    let refund = setup.refund(&system.world, id, phase);
                    is_claimed(&self.kept.record, &refund)
                };
                shown.retain(|(id, phase)| {
                    attempt.before.contains(&id.to_string()) || is_anothers(*id, *phase)
                });
            }
            shown
        })
    }

    /// The request leaves, if there is time left.
    fn write_request(
        &mut self,
        me: usize,
        system: &mut System,
        setup: &Setup,
        (asking, token, deadline): (Asking, u8, i64),
    ) {
        if system.world.now >= deadline {
            self.note(system, setup, (asking, token), RefundAnswer::NotCarriedOut);
            return;
        }
        let task = self.task(setup);
        system.world.requests.push(Request {
            client: me,
            token,
            key: Name {
                api_key: task.api_key,
                reference: task.reference,
                attempt: asking.attempt,
            },
            amount: asking.amount,
            deadline,
        });
        self.stage = Stage::Awaiting { asking, token };
    }

    /// The answer did not come in time: the send stays open, and the same request may go out again.
    fn time_out(&mut self, system: &mut System, setup: &Setup, asking: Asking, token: u8) {
        system.world.answers.retain(|answer| answer.1 != token);
        if setup.retries && self.sends < setup.most_sends {
            self.stage = Stage::Claim {
                asking,
                is_repeat: true,
            };
            return;
        }
        self.note(system, setup, (asking, token), RefundAnswer::Unknown);
    }

    /// An answer has come.
    pub(super) fn answered(
        mut self,
        me: usize,
        token: u8,
        system: &mut System,
        setup: &Setup,
        reply: Reply,
    ) {
        let Stage::Awaiting { asking, .. } = self.stage else {
            return;
        };
        let answer = match reply {
            Reply::Accepted { id, shown } => self.accepted(system, setup, asking, (id, shown)),
            Reply::Unreadable => RefundAnswer::AcceptedUnread,
            Reply::Rejected => RefundAnswer::Rejected,
            Reply::Conflict => RefundAnswer::Conflict,
        };
        self.note(system, setup, (asking, token), answer);
        system.clients[me] = self;
    }

    /// What a 2xx answer tells of the refund.
    fn accepted(
        &self,
        system: &System,
        setup: &Setup,
        asking: Asking,
        (id, shown): (u8, Snapshot),
    ) -> RefundAnswer {
        let task = self.task(setup);
        if !setup.habits.is_snake_case {
            let (_, phase) = shown[0];
            let refund = setup.refund(&system.world, id, phase);
            return RefundAnswer::Accepted {
                refund: Some(refund_view(&refund)),
                candidates: Vec::new(),
            };
        }
        let before = self.before.as_ref();
        let known = before.map(|before| setup.payment(&system.world, before));
        let sought = Sought {
            amount: Some(asking.amount),
            reason: &setup.reason(task.reference),
            known: known.as_ref(),
            key_may_be_used: false,
        };
        let payment = setup.payment(&system.world, &shown);
        let reference = Setup::reference(task.reference);
        let may_be = candidates(&self.kept.record, &payment, &reference, true);
        let id = PaymentId::received(PAYMENT).unwrap();
        let created = RefundCreated::found_in(payment, id, &sought);
        RefundAnswer::Accepted {
            refund: created.refund.as_ref().map(refund_view),
            candidates: may_be,
        }
    }

    /// Stores what a request has come to.
    fn note(
        &mut self,
        system: &mut System,
        setup: &Setup,
        (asking, token): (Asking, u8),
        answer: RefundAnswer,
    ) {
        let fact = Fact::Answered {
            attempt: asking.attempt,
            token,
            answer: answer.clone(),
            at: system.world.now,
        };
        self.hold(fact, system, setup);
        self.write(system, setup);
        let call = self.call.as_ref().unwrap();
        let refund = self.kept.record.refund(&call.reference);
        let is_unknown = refund.is_some_and(|refund| refund.is_unknown());
        let answered = match answer {
            RefundAnswer::Rejected if is_unknown => Some(Answered::Refused),
            RefundAnswer::NotCarriedOut if is_unknown => Some(Answered::Unknown),
            // The call ends with an error.
            RefundAnswer::Rejected | RefundAnswer::NotCarriedOut => {
                self.report(system, setup);
                return;
            }
            RefundAnswer::Conflict => Some(Answered::Conflict),
            RefundAnswer::Unknown
            | RefundAnswer::AcceptedUnread
            | RefundAnswer::Accepted { refund: None, .. } => Some(Answered::Unknown),
            RefundAnswer::Accepted { .. } => None,
        };
        self.learn(answered, system, setup);
    }

    fn learn(&mut self, answered: Option<Answered>, system: &System, setup: &Setup) {
        self.call.as_mut().unwrap().answered(answered);
        self.decide(system, setup);
    }

    fn report(&mut self, system: &System, setup: &Setup) {
        self.told_falsely |= !(self.was_true || self.is_true(system, setup));
        self.end();
    }

    /// What a process that is done remembers makes no difference.
    pub(super) fn end(&mut self) {
        *self = Self {
            stage: Stage::Done,
            told_falsely: self.told_falsely,
            ..Self::new(usize::from(self.task))
        };
    }

    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Done)
    }

    pub(super) fn awaits(&self, sent: u8) -> bool {
        matches!(self.stage, Stage::Awaiting { token, .. } if token == sent)
    }

    /// Whether the process can do anything: it waits as long as an answer will come.
    pub(super) fn may_step(&self, system: &System, setup: &Setup) -> bool {
        match &self.stage {
            Stage::Done => false,
            Stage::Awaiting { token, .. } => {
                setup.habits.loses_answers || !system.is_answer_coming(*token)
            }
            _ => true,
        }
    }
}
