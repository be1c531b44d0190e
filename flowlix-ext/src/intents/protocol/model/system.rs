//! Everything that takes part in a model: Flowlix, the store, clients and workers.

use stateright::{Model, Property};

use super::super::record::{Phase, Record};
use super::super::status::Summary;
use super::client::{Client, Order, Stage, Task};
use super::setup::Setup;
use super::worker::Worker;
use super::world::{Held, Reply, World};

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
    /// The handler was given a change before an earlier one.
    pub(super) skipped: bool,
}

/// More steps than a call needs on a healthy Flowlix.
const MOST_STEPS: usize = 20;

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Client(usize),
    Answer { at: usize, is_readable: bool },
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
    pub(super) fn change(&mut self, fact: impl FnOnce(&mut Record)) {
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

    /// Whether the record says that the customer has to act on this payment.
    pub(super) fn asks_for(&self, id: usize) -> bool {
        let summary = Summary::of(&self.store.record);
        matches!(summary, Summary::ActionRequired { payment, .. } if payment == id.to_string())
    }

    /// Whether everything that may be charged, or was, is of the record's amount.
    fn has_one_amount(&self) -> bool {
        let amount = self.store.record.amount;
        let (world, mut requests) = (&self.world, self.world.requests.iter());
        let mut counting = world
            .payments
            .iter()
            .filter(|held| held.phase.is_live() || held.phase == Phase::Charged);
        requests.all(|request| request.amount == amount)
            && world
                .processing
                .iter()
                .all(|request| request.amount == amount)
            && counting.all(|held| held.amount == amount)
    }

    /// A key protects from a second charge. Attempts that the caller has given up leave its protection, and so do
    /// namespaces once requests may arrive after the quiet time.
    fn is_charged_once(&self, setup: &Setup) -> bool {
        let attempts = self.store.record.attempts.iter();
        let given_up = attempts.filter(|attempt| attempt.superseded).count();
        let unprotected = usize::from(setup.is_quiet_time_wrong && setup.has_namespaces());
        self.world.charges() <= 1 + given_up + unprotected
    }

    pub(super) fn is_answer_coming(&self, token: u8) -> bool {
        let is_it = |request: &super::world::Request| request.token == token;
        self.world.requests.iter().any(is_it)
            || self.world.processing.iter().any(is_it)
            || self.world.answers.iter().any(|answer| answer.1 == token)
    }

    /// The endings that make a difference.
    fn endings(&self, setup: &Setup) -> impl Iterator<Item = Ending> {
        let world = &self.world;
        let waits = |held: &Held| held.phase == Phase::ActionRequired;
        let is_open = !world.requests.is_empty()
            || !world.processing.is_empty()
            || world.payments.iter().any(waits);
        let refused = is_open.then_some(Ending::Refused);
        let late = (is_open && setup.is_quiet_time_wrong).then_some(Ending::Late);
        [Ending::Accepted].into_iter().chain(refused).chain(late)
    }

    /// What passes of a worker come to by the end of the quiet time, once faults are switched off and every process has
    /// died.
    fn quiet(&self, setup: &Setup, ending: Ending) -> Self {
        let mut quiet = self.clone();
        let habits = &setup.habits;
        if ending != Ending::Late {
            quiet.world.end(ending == Ending::Accepted, habits);
        }
        quiet.pass(setup, 0);
        let over_after = setup.timeout + setup.ahead.abs() + habits.transit + setup.rules.quiet;
        quiet.pass(setup, over_after);
        quiet
    }

    /// What another pass comes to when every key has ended.
    fn settled(mut self, setup: &Setup) -> Self {
        self.world.end(true, &setup.habits);
        self.pass(setup, setup.rules.key_end + setup.rules.quiet);
        self
    }

    fn pass(&mut self, setup: &Setup, wait: i64) {
        self.world.now += wait;
        let mut worker = Worker::resting();
        while worker.step_forever(self, setup) {}
    }

    /// Whether a fresh card pays once where nothing is charged and nothing can be any more.
    fn is_payable(&self, setup: &Setup, ending: Ending) -> bool {
        let decides = |held: &Held| held.phase == Phase::Charged || held.phase == Phase::Open;
        if self.store.record.closed_at.is_some() || self.world.payments.iter().any(decides) {
            return true;
        }
        let quiet = self.quiet(setup, ending);
        // As long as the key holds a stored refusal, another card gets 409.
        let is_settled = ending != Ending::Late && !setup.habits.stores_refusals;
        let settled = quiet.clone().settled(setup);
        let mut moments = is_settled.then_some(quiet).into_iter().chain([settled]);
        moments.all(|moment| match Summary::of(&moment.store.record) {
            Summary::Unpaid(_) => moment.pays_once(setup),
            _ => true,
        })
    }

    fn pays_once(mut self, setup: &Setup) -> bool {
        let me = self.clients.len();
        self.clients
            .push(Client::new(Task::Pay(Order::card(u8::MAX)), 0));
        for _ in 0..MOST_STEPS {
            let client = self.clients[me].clone();
            if !matches!(client.stage, Stage::Awaiting { .. }) {
                client.step(me, &mut self, setup);
                continue;
            }
            self.world.end(true, &setup.habits);
            let (_, token, reply) = self.world.answers.pop().unwrap();
            client.answered(me, token, &mut self, setup, reply);
        }
        let is_paid = matches!(Summary::of(&self.store.record), Summary::Paid { .. });
        self.clients[me].is_done()
            && is_paid
            && self.world.charges() == 1
            && !self.clients[me].told_falsely
    }

    fn is_resolved(&self, setup: &Setup) -> bool {
        let record = &self.store.record;
        let last = record.changes.last().map_or(0, |change| change.sequence);
        let needs_person = matches!(
            Summary::of(record),
            Summary::OutcomeUnknown {
                needs_person: true,
                ..
            }
        );
        let is_over = needs_person || !record.is_worth_a_search();
        let is_reported = record.acknowledged == last && self.handled >= last;
        let is_right = match Summary::of(record) {
            Summary::Unpaid(_) => self.world.charges() == 0,
            Summary::Paid { .. } => self.world.charges() == 1,
            Summary::Overcharged { refund, .. } => self.world.charges() == refund.len() + 1,
            Summary::PaidAfterClose { payments } => self.world.charges() == payments.len(),
            Summary::OutcomeUnknown { needs_person, .. } => {
                needs_person && setup.may_need_person && self.world.charges() == 0
            }
            Summary::ActionRequired { .. } | Summary::Processing { .. } => false,
        };
        is_over && is_reported && is_right
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
            clients: self.clients(),
            workers: vec![Worker::new(self.worker_steps); self.workers],
            crashes_left: self.crashes,
            tokens: 0,
            handled: 0,
            skipped: false,
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
        for (at, (_, _, reply)) in world.answers.iter().enumerate() {
            let is_readable = true;
            events.push(Event::Answer { at, is_readable });
            if self.habits.garbles_answers && matches!(reply, Reply::Accepted(_)) {
                let is_readable = false;
                events.push(Event::Answer { at, is_readable });
            }
        }
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
            Event::Answer { at, is_readable } => {
                let (me, token, reply) = system.world.answers.remove(at);
                let reply = if is_readable {
                    reply
                } else {
                    Reply::Unreadable
                };
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
                system.is_charged_once(setup)
            }),
            Property::always(ONE_AMOUNT, |setup: &Setup, system: &System| {
                setup.is_quiet_time_wrong || system.has_one_amount()
            }),
            Property::always(TRUE_REPORTS, |_: &Setup, system: &System| {
                !system.clients.iter().any(|client| client.told_falsely)
            }),
            Property::always(PAGES_ASKED_FOR, |_: &Setup, system: &System| {
                !system
                    .clients
                    .iter()
                    .any(|client| client.handed_out_wrongly)
            }),
            Property::always(TOLD_BEFORE_ACKNOWLEDGED, |_: &Setup, system: &System| {
                system.store.record.acknowledged <= system.handled
            }),
            Property::always(TOLD_IN_ORDER, |_: &Setup, system: &System| !system.skipped),
            Property::always(RESOLVES, |setup: &Setup, system: &System| {
                let mut endings = system.endings(setup);
                endings.all(|ending| {
                    let settled = system.quiet(setup, ending).settled(setup);
                    settled.is_resolved(setup)
                })
            }),
            Property::always(PAYABLE, |setup: &Setup, system: &System| {
                let mut endings = system.endings(setup);
                endings.all(|ending| system.is_payable(setup, ending))
            }),
        ]
    }
}

/// How everything that is on its way ends, once faults are switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Accepted,
    Refused,
    /// Accepted, but only after it counts as not carried out.
    Late,
}

impl Setup {
    fn clients(&self) -> Vec<Client> {
        let ahead = |me| if me == 0 { self.ahead } else { 0 };
        let tasks = self.tasks.iter().enumerate();
        tasks
            .map(|(me, task)| Client::new(*task, ahead(me)))
            .collect()
    }
}

pub(super) const ONE_CHARGE: &str = "at most one charge for each attempt that was not given up";
pub(super) const ONE_AMOUNT: &str = "everything that may be charged is of the record's amount";
pub(super) const TRUE_REPORTS: &str = "each reported status was true";
pub(super) const PAGES_ASKED_FOR: &str = "a page is handed out only where the record asks for it";
pub(super) const TOLD_BEFORE_ACKNOWLEDGED: &str =
    "a change is acknowledged after the handler has taken it";
pub(super) const TOLD_IN_ORDER: &str = "the handler takes every change, none before an earlier one";
pub(super) const RESOLVES: &str = "a few passes of a worker resolve and report everything";
pub(super) const PAYABLE: &str = "what is settled as unpaid is paid once by a fresh card";
