//! One call of `pay` or `close`, step by step, as `intents/pay.rs` carries it out. Between any two steps the process may
//! stop for any time, or die.

use super::super::apply::Answer;
use super::super::pay::{Answered, Do, Pay, Refusal};
use super::super::record::Method;
use super::super::status::Summary;
use super::mutant::Mutant;
use super::setup::Setup;
use super::system::{Store, System};
use super::world::{Reply, Request};

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Pay {
        method: Method,
        card: u8,
        api_key: u8,
        supersedes: Option<u32>,
    },
    Close,
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
    Awaiting {
        attempt: u32,
        token: u8,
        deadline: i64,
    },
    /// A search was begun.
    Searching { begun_at: i64 },
    /// Told something, or died.
    Done,
}

/// One process with one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) stage: Stage,
    task: u8,
    pay: Option<Pay>,
    /// The record as it was read or written last, and whether what it says was true at some moment of the call.
    kept: Store,
    sends: u8,
    was_true: bool,
    /// What was told last; a hosted address too early is told here by a mutant.
    pub(super) told_falsely: bool,
}

impl Client {
    pub(super) fn new(task: usize) -> Self {
        Self {
            stage: Stage::Idle,
            task: u8::try_from(task).unwrap(),
            pay: None,
            kept: Store::default(),
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
        match self.stage.clone() {
            Stage::Idle => self.begin(system, setup),
            Stage::Claim { attempt, is_repeat } => self.claim(system, setup, attempt, is_repeat),
            Stage::Claimed {
                attempt,
                token,
                deadline,
            } => self.write(me, system, setup, attempt, token, deadline),
            Stage::Awaiting { attempt, token, .. } => self.time_out(system, setup, attempt, token),
            Stage::Searching { begun_at } => self.end_search(system, setup, begun_at),
            Stage::Done => {}
        }
        system.clients[me] = self;
    }

    fn begin(&mut self, system: &mut System, setup: &Setup) {
        match self.task(setup) {
            Task::Close => {
                let now = system.world.now;
                system.change(|record| record.close(now));
                self.end();
            }
            Task::Pay {
                method,
                card,
                api_key,
                supersedes,
            } => {
                self.load(system);
                let last4 = (method == Method::Card).then(|| card.to_string());
                let namespace = setup.namespace(api_key, method).to_string();
                let give_up_at = system.world.now;
                self.pay = Some(Pay::new(
                    (1, String::new()),
                    method,
                    namespace,
                    last4,
                    supersedes,
                    give_up_at,
                ));
                self.decide(system, setup);
            }
        }
    }

    /// Reads the record, or takes over what a write has made of it.
    fn load(&mut self, system: &System) {
        self.kept = system.store.clone();
        // What an earlier version of the record said proves nothing for this one.
        self.was_true = system.is_true(&Summary::of(&self.kept.record));
    }

    fn decide(&mut self, system: &mut System, setup: &Setup) {
        let now = system.world.now;
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
                system.change(|record| record.seen(views.clone(), now));
                self.load(system);
                self.decide(system, setup);
            }
            Do::Search => self.stage = Stage::Searching { begun_at: now },
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
            | Do::Refuse(Refusal::Closed) => {
                self.report(system);
            }
            Do::Refuse(Refusal::AmountDiffers) => {
                unreachable!("every call asks for the same amount")
            }
        }
    }

    fn report(&mut self, system: &System) {
        let summary = Summary::of(&self.kept.record);
        self.told_falsely |= !(self.was_true || system.is_true(&summary));
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

    /// Records a send, unless somebody else has changed the record since it was read.
    fn claim(&mut self, system: &mut System, setup: &Setup, attempt: u32, is_repeat: bool) {
        let pay = self.pay.clone().unwrap();
        let now = system.world.now;
        let is_stale = system.store.version != self.kept.version;
        if is_stale && !is_repeat {
            self.load(system);
            self.decide(system, setup);
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
        let deadline = now + setup.timeout;
        system.change(|record| {
            setup.mutant.before_send(record, attempt);
            pay.begin(
                record,
                attempt,
                token.to_string(),
                (now, deadline),
                &setup.rules,
            );
        });
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
        let now = system.world.now;
        let Task::Pay {
            method,
            card,
            api_key,
            ..
        } = self.task(setup)
        else {
            return;
        };
        if now >= deadline && setup.mutant != Mutant::SendWithoutDeadlineCheck {
            system.change(|record| {
                record.answered(attempt, &token.to_string(), Answer::NotCarriedOut, now)
            });
            self.load(system);
            self.report(system);
            return;
        }
        let deadline = deadline.max(now);
        system.world.requests.push(Request {
            client: me,
            token,
            attempt,
            namespace: setup.namespace(api_key, method),
            method,
            card,
            deadline,
        });
        self.stage = Stage::Awaiting {
            attempt,
            token,
            deadline,
        };
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
        let now = system.world.now;
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
                ..
            } if awaited == token => attempt,
            // Nobody waits for it any more.
            _ => return,
        };
        let now = system.world.now;
        let pay = self.pay.as_mut().unwrap();
        let answer = match reply {
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
        if setup.mutant.hands_out_early(&answer)
            && let Answer::Accepted(payment) = &answer
        {
            self.told_falsely |= system.has_other_payment(&payment.id);
        }
        let token = token.to_string();
        let answer = setup.mutant.answer(answer);
        system.change(|record| {
            record.answered(attempt, &token, answer.clone(), now);
            setup.mutant.after_answer(record, attempt, &answer);
        });
        self.load(system);
        self.decide(system, setup);
        system.clients[me] = self;
    }

    fn end_search(&mut self, system: &mut System, setup: &Setup, begun_at: i64) {
        search(system, setup, begun_at);
        self.pay.as_mut().unwrap().seen.searched(begun_at);
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

/// What the lists show now, and what that proves when the search was begun at this moment.
pub(super) fn search(system: &mut System, setup: &Setup, begun_at: i64) {
    let found = system.world.listed(&setup.habits);
    let now = system.world.now;
    system.change(|record| {
        record.seen(found.clone(), now);
        record.searched(begun_at, now, &setup.rules);
        setup.mutant.after_search(record, begun_at, &setup.rules);
    });
}
