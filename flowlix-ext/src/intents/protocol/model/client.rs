//! One call of `pay` or `close`, step by step, as `intents/pay.rs` carries it out. Between any two steps the process may
//! stop for any time, or die.

use super::super::apply::{Answer, namespace};
use super::super::pay::{Answered, Do, Pay, Refusal};
use super::super::record::{Method, Payment};
use super::super::status::Summary;
use super::mutant::Mutant;
use super::setup::Setup;
use super::system::{Store, System};
use super::world::{Reply, Request};

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Pay(Order),
    Close,
}

/// What a call of `pay` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Order {
    pub(super) method: Method,
    pub(super) card: u8,
    pub(super) api_key: u8,
    pub(super) supersedes: Option<u32>,
    pub(super) amount: i64,
}

impl Order {
    pub(super) const fn card(card: u8) -> Self {
        Self {
            method: Method::Card,
            card,
            api_key: 0,
            supersedes: None,
            amount: 1,
        }
    }
}

/// How far a client is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Has not begun.
    Idle,
    /// Is about to record a send.
    Claim { attempt: u32, is_repeat: bool },
    /// Has recorded a send, and not written it yet.
    Claimed {
        attempt: u32,
        token: u8,
        deadline: i64,
    },
    /// Waits for an answer.
    Awaiting { attempt: u32, token: u8 },
    /// A search is on its way.
    Searching(Search),
    /// Told something, or died.
    Done,
}

/// A search whose result is not in the record yet. It shows what the lists held when it was begun: a call may write late
/// what it has learnt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Search {
    begun_at: i64,
    found: Vec<Payment>,
}

/// One process with one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) stage: Stage,
    task: Task,
    /// By how much its clock is ahead of Flowlix's.
    ahead: i64,
    pay: Option<Pay>,
    /// The record as it was read or written last, and whether what it says was true at some moment of the call.
    kept: Store,
    sends: u8,
    was_true: bool,
    /// Whether something was told that was not so.
    pub(super) told_falsely: bool,
    /// Whether the address of a page was handed out although the record did not ask for that.
    pub(super) handed_out_wrongly: bool,
}

impl Client {
    pub(super) fn new(task: Task, ahead: i64) -> Self {
        Self {
            stage: Stage::Idle,
            task,
            ahead,
            pay: None,
            kept: Store::default(),
            sends: 0,
            was_true: false,
            told_falsely: false,
            handed_out_wrongly: false,
        }
    }

    /// The moment by this process's clock.
    fn now(&self, system: &System) -> i64 {
        system.world.now + self.ahead
    }

    /// One step of the process.
    pub(super) fn step(mut self, me: usize, system: &mut System, setup: &Setup) {
        match self.stage.clone() {
            Stage::Idle => self.begin(system, setup),
            Stage::Claim { attempt, is_repeat } => self.claim(system, setup, attempt, is_repeat),
            Stage::Claimed {
                attempt,
                token,
                deadline,
            } => self.write(me, system, setup, attempt, token, deadline),
            Stage::Awaiting { attempt, token } => self.time_out(system, setup, attempt, token),
            Stage::Searching(search) => self.end_search(system, setup, &search),
            Stage::Done => {}
        }
        system.clients[me] = self;
    }

    /// The record is not read first: the first write tells whether there is one. To stand still before that write is to
    /// begin later.
    fn begin(&mut self, system: &mut System, setup: &Setup) {
        let now = self.now(system);
        match self.task {
            Task::Close => {
                system.change(|record| record.close(now));
                self.end();
            }
            Task::Pay(order) => {
                let last4 = (order.method == Method::Card).then(|| order.card.to_string());
                let credential = order.api_key.to_string();
                let namespace = namespace(&credential, setup.habits.is_per_operation, order.method);
                self.pay = Some(Pay::new(
                    (order.amount, String::new()),
                    order.method,
                    namespace,
                    last4,
                    order.supersedes,
                    now,
                ));
                self.decide(system, setup);
                if let Stage::Claim { attempt, is_repeat } = self.stage {
                    self.claim(system, setup, attempt, is_repeat);
                }
            }
        }
    }

    /// Somebody else has changed the record, or the call has not read it yet.
    fn decide_anew(&mut self, system: &mut System, setup: &Setup) {
        let was_read = self.kept.version > 0;
        self.load(system);
        if !was_read {
            self.pay.as_mut().unwrap().begins_now();
        }
        self.decide(system, setup);
    }

    /// Reads the record, or takes over what a write has made of it.
    fn load(&mut self, system: &System) {
        self.kept = system.store.clone();
        // What an earlier version of the record said proves nothing for this one.
        self.was_true = system.is_true(&Summary::of(&self.kept.record));
    }

    fn decide(&mut self, system: &mut System, setup: &Setup) {
        let now = self.now(system);
        // Truth is looked at between any two steps.
        self.was_true |= system.is_true(&Summary::of(&self.kept.record));
        let pay = self.pay.as_mut().unwrap();
        let decided = pay.next(&self.kept.record, now, &setup.rules);
        match setup.mutant.decide(decided, &self.kept.record) {
            Do::Look {
                payments,
                again: false,
            } => {
                let views: Vec<_> = payments
                    .iter()
                    .map(|id| system.world.view(id.parse().unwrap()))
                    .collect();
                payments.iter().for_each(|id| pay.seen.looked_at(id));
                system.change(|record| record.seen(views, now));
                self.load(system);
                self.decide(system, setup);
            }
            Do::Search => self.stage = Stage::Searching(Search::begin(system, setup, now)),
            Do::Send { attempt } if self.sends < setup.most_sends => {
                self.stage = Stage::Claim {
                    attempt,
                    is_repeat: false,
                };
            }
            Do::Wait if self.sends < setup.most_sends => {
                pay.waited();
                self.decide(system, setup);
            }
            Do::Look { .. }
            | Do::Report
            | Do::Send { .. }
            | Do::Wait
            | Do::Refuse(Refusal::Closed | Refusal::AmountDiffers) => {
                self.report(system, setup);
            }
        }
    }

    fn report(&mut self, system: &mut System, setup: &Setup) {
        let summary = Summary::of(&self.kept.record);
        // Where the quiet time is wrong, "not charged" is all that may be false.
        let is_promised = !(setup.is_quiet_time_wrong && matches!(summary, Summary::Unpaid(_)));
        let is_true = self.was_true || system.is_true(&summary);
        self.told_falsely |= is_promised && !is_true;
        if let Summary::ActionRequired { payment, .. } = &summary {
            system.world.hand_out(payment.parse().unwrap());
        }
        self.end();
    }

    /// What a process that is done remembers makes no difference.
    pub(super) fn end(&mut self) {
        *self = Self {
            stage: Stage::Done,
            told_falsely: self.told_falsely,
            handed_out_wrongly: self.handed_out_wrongly,
            ..Self::new(self.task, self.ahead)
        };
    }

    /// Records a send, unless somebody else has changed the record since it was read.
    fn claim(&mut self, system: &mut System, setup: &Setup, attempt: u32, is_repeat: bool) {
        let pay = self.pay.clone().unwrap();
        let now = self.now(system);
        let is_old = !pay.may_begin(&system.store.record, attempt, now, &setup.rules);
        let is_stale = system.store.version != self.kept.version
            || (is_old && setup.mutant != Mutant::KeyAgeBeforeRecording);
        if is_stale && !is_repeat {
            self.decide_anew(system, setup);
            return;
        }
        if is_repeat && !pay.may_repeat(&system.store.record, attempt, now, &setup.rules) {
            self.load(system);
            self.pay
                .as_mut()
                .unwrap()
                .answered(attempt, Answered::Unknown, now);
            self.decide(system, setup);
            return;
        }
        let token = system.next_token();
        let wanted = now + setup.timeout;
        let mut deadline = wanted;
        system.change(|record| {
            setup.mutant.before_send(record, attempt);
            let times = (now, wanted);
            deadline = pay.begin(record, attempt, token.to_string(), times, &setup.rules);
        });
        if setup.mutant == Mutant::KeyAgeBeforeRecording {
            deadline = wanted;
        }
        self.sends += 1;
        self.load(system);
        self.stage = Stage::Claimed {
            attempt,
            token,
            deadline,
        };
    }

    /// The request leaves, if there is time left.
    fn write(
        &mut self,
        me: usize,
        system: &mut System,
        setup: &Setup,
        attempt: u32,
        token: u8,
        deadline: i64,
    ) {
        let now = self.now(system);
        let Task::Pay(order) = self.task else {
            return;
        };
        if now >= deadline && setup.mutant != Mutant::SendWithoutDeadlineCheck {
            system.change(|record| {
                record.answered(attempt, &token.to_string(), Answer::NotCarriedOut, now)
            });
            self.load(system);
            self.report(system, setup);
            return;
        }
        system.world.requests.push(Request {
            client: me,
            token,
            attempt,
            namespace: setup.namespace(&order),
            method: order.method,
            card: order.card,
            amount: order.amount,
            deadline: deadline.max(now) - self.ahead,
        });
        self.stage = Stage::Awaiting { attempt, token };
    }

    /// The answer did not come in time: the send stays open, and the same request may go out again.
    fn time_out(&mut self, system: &mut System, setup: &Setup, attempt: u32, token: u8) {
        let me = |answer: &(usize, u8, Reply)| answer.1 == token;
        system.world.answers.retain(|answer| !me(answer));
        if setup.retries && self.sends < setup.most_sends {
            self.stage = Stage::Claim {
                attempt,
                is_repeat: true,
            };
            return;
        }
        let now = self.now(system);
        self.pay
            .as_mut()
            .unwrap()
            .answered(attempt, Answered::Unknown, now);
        self.load(system);
        self.decide(system, setup);
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
        let attempt = match self.stage {
            Stage::Awaiting {
                attempt,
                token: awaited,
            } if awaited == token => attempt,
            // Nobody waits for it any more.
            _ => return,
        };
        let now = self.now(system);
        let pay = self.pay.as_mut().unwrap();
        let answer = match reply {
            Reply::Unreadable => {
                pay.answered(attempt, Answered::Unknown, now);
                Answer::AcceptedUnread
            }
            Reply::Accepted(id) => {
                let view = system.world.view(usize::from(id));
                pay.accepted(&view.id);
                Answer::Accepted(view)
            }
            Reply::Declined => {
                pay.answered(attempt, Answered::Refused, now);
                Answer::Declined { code: None }
            }
            Reply::Conflict => {
                pay.answered(attempt, Answered::Conflict, now);
                Answer::Conflict
            }
        };
        let token = token.to_string();
        let answer = setup.mutant.answer(answer);
        let early = setup.mutant.hands_out_early(&answer);
        system.change(|record| {
            record.answered(attempt, &token, answer.clone(), now);
            setup.mutant.after_answer(record, attempt, &answer);
        });
        if let Some(id) = early {
            system.world.hand_out(id);
            self.handed_out_wrongly |= !system.asks_for(id);
        }
        self.load(system);
        self.decide(system, setup);
        system.clients[me] = self;
    }

    fn end_search(&mut self, system: &mut System, setup: &Setup, search: &Search) {
        search.end(system, setup, self.now(system));
        self.pay.as_mut().unwrap().seen.searched(search.begun_at);
        self.load(system);
        self.decide(system, setup);
    }

    pub(super) fn awaits(&self, sent: u8) -> bool {
        matches!(self.stage, Stage::Awaiting { token, .. } if token == sent)
    }

    /// Whether the process can do anything.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether a timeout may come: there is nothing to wait for any more, or the deadline is over.
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

impl Search {
    pub(super) fn begin(system: &System, setup: &Setup, begun_at: i64) -> Self {
        let found = system.world.listed(&setup.habits);
        Self { begun_at, found }
    }

    /// What the lists showed goes into the record, and what that proves.
    pub(super) fn end(&self, system: &mut System, setup: &Setup, now: i64) {
        system.change(|record| {
            record.seen(self.found.iter().cloned(), now);
            record.end_assumptions(self.begun_at);
            record.searched(self.begun_at, now, &setup.rules);
            setup
                .mutant
                .after_search(record, self.begun_at, &setup.rules);
        });
    }
}
