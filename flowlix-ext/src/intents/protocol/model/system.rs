//! Everything that takes part in a model: Flowlix, the store, clients and workers.

use stateright::{Model, Property};

use super::super::record::{Phase, Record};
use super::super::rules::Rules;
use super::super::status::Summary;
use super::client::{Client, Stage};
use super::setup::Setup;
use super::worker::Worker;
use super::world::World;

/// The store: one record, replaced by compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Store {
    pub(super) version: u8,
    pub(super) record: Record,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            version: 0,
            record: Record::new(String::new(), 1, String::new(), 0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct System {
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) clients: Vec<Client>,
    pub(super) workers: Vec<Worker>,
    pub(super) crashes_left: u8,
    tokens: u8,
    /// The last change that the handler has taken.
    pub(super) handled: u64,
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Client(usize),
    Answer(usize),
    Crash(usize),
    Worker(usize),
    WorkerCrash(usize),
    Arrive(usize),
    Finish { at: usize, accepts: bool },
    Payment { id: usize, phase: Phase },
    Tick,
}

impl System {
    /// Adds a fact to the record, on top of what others have added: what a call does that loses a race and repeats it.
    pub(super) fn change(&mut self, fact: impl Fn(&mut Record)) {
        let before = self.store.record.clone();
        fact(&mut self.store.record);
        forget_what_decides_nothing(&mut self.store.record);
        if self.store.record != before {
            self.store.version += 1;
        }
    }

    fn drop_unheard_answers(&mut self) {
        let clients = &self.clients;
        self.world
            .answers
            .retain(|answer| clients[answer.0].awaits(answer.1));
    }

    pub(super) fn next_token(&mut self) -> u8 {
        self.tokens += 1;
        self.tokens
    }

    /// Whether a status is true now.
    pub(super) fn is_true(&self, summary: &Summary) -> bool {
        let world = &self.world;
        match summary {
            Summary::Unpaid(_) => {
                let is_live = world.payments.iter().any(|held| held.phase.is_live());
                world.charges() == 0 && !is_live && !world.may_create()
            }
            // The customer had to act at some moment; what has become of it since, the page itself tells.
            Summary::ActionRequired { payment, .. } => {
                let id: usize = payment.parse().unwrap();
                world.payments[id].has_asked
            }
            Summary::Paid { .. } | Summary::PaidAfterClose { .. } => world.charges() >= 1,
            Summary::Overcharged { .. } => world.charges() >= 2,
            Summary::Processing { .. } | Summary::OutcomeUnknown { .. } => true,
        }
    }

    /// Whether the record holds a payment that a hosted page would stand beside.
    pub(super) fn has_other_payment(&self, id: &str) -> bool {
        let others = self
            .store
            .record
            .payments
            .iter()
            .filter(|payment| !payment.is(id));
        others.filter(|payment| !payment.phase.is_ended()).count() > 0
    }

    pub(super) fn is_answer_coming(&self, token: u8) -> bool {
        let is_it = |request: &super::world::Request| request.token == token;
        self.world.requests.iter().any(is_it)
            || self.world.processing.iter().any(is_it)
            || self.world.answers.iter().any(|answer| answer.1 == token)
    }

    /// What passes of a worker come to once faults are switched off and every process has died.
    fn settles(&self, setup: &Setup, accepts: bool) -> bool {
        let mut end = self.clone();
        let habits = &setup.habits;
        while !end.world.requests.is_empty() {
            end.world.arrive(0, habits);
        }
        while !end.world.processing.is_empty() {
            end.world.finish(0, accepts, habits);
        }
        for id in 0..end.world.payments.len() {
            match end.world.payments[id].phase {
                Phase::Open => end.world.go_on(id, Phase::Charged),
                Phase::ActionRequired => end.world.go_on(id, Phase::Expired),
                _ => {}
            }
        }
        let rules: &Rules = &setup.rules;
        for wait in [
            0,
            setup.timeout + habits.transit + rules.quiet,
            rules.key_end + rules.quiet,
        ] {
            end.world.now += wait;
            let mut worker = Worker::resting();
            while worker.step_forever(&mut end, setup) {}
        }
        end.is_resolved(setup)
    }

    fn is_resolved(&self, setup: &Setup) -> bool {
        let record = &self.store.record;
        let last = record.changes.last().map_or(0, |change| change.sequence);
        let is_reported = record.acknowledged == last && self.handled >= last;
        let is_right = match Summary::of(record) {
            Summary::Unpaid(_) => self.world.charges() == 0,
            Summary::Paid { .. } => self.world.charges() == 1,
            Summary::Overcharged { refund, .. } => self.world.charges() == refund.len() + 1,
            Summary::PaidAfterClose { payments } => self.world.charges() == payments.len(),
            Summary::OutcomeUnknown { needs_person, .. } => needs_person && setup.may_need_person,
            Summary::ActionRequired { .. } | Summary::Processing { .. } => false,
        };
        is_reported && is_right
    }
}

/// Times and told changes that no rule looks at would only multiply the states.
fn forget_what_decides_nothing(record: &mut Record) {
    for attempt in &mut record.attempts {
        attempt.started_at = 0;
    }
    for change in &mut record.changes {
        change.at = 0;
    }
    let (acknowledged, last) = (
        record.acknowledged,
        record.changes.last().map(|change| change.sequence),
    );
    record
        .changes
        .retain(|change| change.sequence > acknowledged || Some(change.sequence) == last);
}

impl Model for Setup {
    type State = System;
    type Action = Event;

    fn init_states(&self) -> Vec<System> {
        vec![System {
            world: World::default(),
            store: Store::default(),
            clients: (0..self.tasks.len()).map(Client::new).collect(),
            workers: vec![Worker::new(self.worker_steps); self.workers],
            crashes_left: self.crashes,
            tokens: 0,
            handled: 0,
        }]
    }

    fn actions(&self, system: &System, events: &mut Vec<Event>) {
        for (me, client) in system.clients.iter().enumerate() {
            if client.may_step(system, self) {
                events.push(Event::Client(me));
            }
            if !client.is_done() && client.stage != Stage::Idle && system.crashes_left > 0 {
                events.push(Event::Crash(me));
            }
        }
        for (me, worker) in system.workers.iter().enumerate() {
            if worker.may_step(system) {
                events.push(Event::Worker(me));
            }
            if worker.is_at_work() && system.crashes_left > 0 {
                events.push(Event::WorkerCrash(me));
            }
        }
        let world = &system.world;
        events.extend((0..world.answers.len()).map(Event::Answer));
        events.extend((0..world.requests.len()).map(Event::Arrive));
        for at in 0..world.processing.len() {
            events.push(Event::Finish { at, accepts: true });
            if self.habits.declines_at_once {
                events.push(Event::Finish { at, accepts: false });
            }
        }
        for id in 0..world.payments.len() {
            let ways = world.ways_on(id, &self.habits).into_iter();
            events.extend(ways.map(|phase| Event::Payment { id, phase }));
        }
        if world.now < self.end && world.may_tick(&self.habits) {
            events.push(Event::Tick);
        }
    }

    fn next_state(&self, last: &System, event: Event) -> Option<System> {
        let mut system = last.clone();
        match event {
            Event::Client(me) => last.clients[me].clone().step(me, &mut system, self),
            Event::Answer(at) => {
                let (me, token, reply) = system.world.answers.remove(at);
                let client = system.clients[me].clone();
                client.answered(me, token, &mut system, self, reply);
            }
            Event::Crash(me) => {
                system.clients[me].end();
                system.crashes_left -= 1;
            }
            Event::Worker(me) => last.workers[me].clone().step(me, &mut system, self),
            Event::WorkerCrash(me) => {
                system.workers[me].die();
                system.crashes_left -= 1;
            }
            Event::Arrive(at) => system.world.arrive(at, &self.habits),
            Event::Finish { at, accepts } => system.world.finish(at, accepts, &self.habits),
            Event::Payment { id, phase } => system.world.go_on(id, phase),
            Event::Tick => system.world.tick(&self.habits),
        }
        system.drop_unheard_answers();
        (system != *last).then_some(system)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_CHARGE, |setup: &Setup, system: &System| {
                setup.supersedes() || system.world.charges() <= 1
            }),
            Property::always(TRUE_REPORTS, |setup: &Setup, system: &System| {
                setup.is_quiet_time_wrong
                    || !system.clients.iter().any(|client| client.told_falsely)
            }),
            Property::always(TOLD_BEFORE_ACKNOWLEDGED, |_: &Setup, system: &System| {
                system.store.record.acknowledged <= system.handled
            }),
            Property::always(RESOLVES, |setup: &Setup, system: &System| {
                setup.is_quiet_time_wrong
                    || [true, false]
                        .iter()
                        .all(|accepts| system.settles(setup, *accepts))
            }),
        ]
    }
}

pub(super) const ONE_CHARGE: &str = "at most one charge unless superseded";
pub(super) const TRUE_REPORTS: &str = "each reported status was true";
pub(super) const TOLD_BEFORE_ACKNOWLEDGED: &str =
    "a change is acknowledged after the handler has taken it";
pub(super) const RESOLVES: &str = "a few passes of a worker resolve and report everything";
