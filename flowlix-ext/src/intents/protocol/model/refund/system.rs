//! Everything that takes part in a model: Flowlix, the store and clients.

use stateright::{Model, Property};

use super::client::{Client, Stage};
use super::settle::resolves;
use super::setup::Setup;
use super::world::{CHARGED, End, World};
use crate::intents::protocol::record::Record;
use crate::intents::protocol::refund::{Refund, RefundPhase, RefundSummary};

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
            record: Record::new(String::new(), CHARGED, String::new(), 0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct System {
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) clients: Vec<Client>,
    /// A copy of the store that it may be restored from.
    copy: Option<Store>,
    may_restore: bool,
    outsiders_left: u8,
    crashes_left: u8,
    tokens: u8,
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Client(usize),
    Answer(usize),
    Crash(usize),
    Arrive(usize),
    Finish { at: usize, end: End },
    Refund { id: usize, phase: RefundPhase },
    Outsider,
    Copy,
    Restore,
    Tick,
}

impl System {
    /// Replaces the record, and returns its version.
    pub(super) fn put(&mut self, record: &Record) -> u8 {
        if self.store.record != *record {
            self.store.record = record.clone();
            self.store.version += 1;
        }
        self.store.version
    }

    pub(super) fn next_token(&mut self) -> u8 {
        self.tokens += 1;
        self.tokens
    }

    pub(super) fn is_answer_coming(&self, token: u8) -> bool {
        let world = &self.world;
        let on_its_way = world.requests.iter().chain(&world.processing);
        on_its_way
            .map(|request| request.token)
            .any(|on| on == token)
            || world.answers.iter().any(|answer| answer.1 == token)
    }

    /// Whether what a record says of a refund is true now.
    pub(super) fn is_true(&self, reference: u8, record: &Record) -> bool {
        let world = &self.world;
        let is_its = |id: &str| {
            let made = &world.refunds[id.parse::<usize>().unwrap()];
            made.of
                .is_some_and(|(of, _)| of == reference)
                .then_some(made.phase)
        };
        let stands = world.standing(reference).next().is_some();
        let refund = record.refund(&Setup::reference(reference));
        match refund.map(Refund::summary) {
            // The record does not know of any.
            None | Some(RefundSummary::OutcomeUnknown { .. }) => true,
            Some(RefundSummary::NotAccepted { .. }) => !stands && !world.may_make(reference),
            Some(RefundSummary::Pending { refund: None }) => {
                let mut made = world.refunds.iter().filter_map(|made| made.of);
                made.any(|(of, _)| of == reference)
            }
            Some(RefundSummary::Pending { refund: Some(id) }) => is_its(&id).is_some(),
            Some(RefundSummary::Succeeded { refund }) => {
                is_its(&refund) == Some(RefundPhase::Succeeded)
            }
            Some(RefundSummary::Failed { refund, .. }) => {
                is_its(&refund) == Some(RefundPhase::Failed)
                    && !stands
                    && !world.may_make(reference)
            }
        }
    }

    fn drop_unheard_answers(&mut self) {
        let clients = &self.clients;
        self.world
            .answers
            .retain(|answer| clients[answer.0].awaits(answer.1));
    }

    /// The service stops, and starts again with an older copy of its store.
    fn restore(&mut self) {
        let under_way = self
            .clients
            .iter_mut()
            .filter(|client| client.is_under_way());
        under_way.for_each(Client::end);
        self.store = self.copy.take().unwrap_or_default();
        self.may_restore = false;
    }

    fn events_of_clients(&self, setup: &Setup, events: &mut Vec<Event>) {
        for (me, client) in self.clients.iter().enumerate() {
            if client.may_step(self, setup) {
                events.push(Event::Client(me));
            }
            if client.is_under_way() && self.crashes_left > 0 {
                events.push(Event::Crash(me));
            }
        }
        if self.may_restore && self.store.version > 0 {
            events.push(Event::Restore);
            let is_news = self.copy.as_ref() != Some(&self.store);
            events.extend(is_news.then_some(Event::Copy));
        }
    }

    fn events_of_world(&self, setup: &Setup, events: &mut Vec<Event>) {
        let world = &self.world;
        events.extend((0..world.answers.len()).map(Event::Answer));
        events.extend((0..world.requests.len()).map(Event::Arrive));
        for at in 0..world.processing.len() {
            let ends = world.ends(at, &setup.habits).into_iter();
            events.extend(ends.map(|end| Event::Finish { at, end }));
        }
        for (id, made) in world.refunds.iter().enumerate() {
            if made.phase == RefundPhase::Pending {
                let mut ways = vec![RefundPhase::Succeeded];
                ways.extend(setup.habits.fails.then_some(RefundPhase::Failed));
                events.extend(ways.into_iter().map(|phase| Event::Refund { id, phase }));
            }
        }
        if self.outsiders_left > 0 && world.left() > 0 {
            events.push(Event::Outsider);
        }
        if world.now < setup.end && world.may_tick(&setup.habits) {
            events.push(Event::Tick);
        }
    }
}

impl Model for Setup {
    type State = System;
    type Action = Event;

    fn init_states(&self) -> Vec<System> {
        vec![System {
            world: World::default(),
            store: Store::default(),
            clients: (0..self.tasks.len()).map(Client::new).collect(),
            copy: None,
            may_restore: self.restores,
            outsiders_left: self.outsiders,
            crashes_left: self.crashes,
            tokens: 0,
        }]
    }

    fn actions(&self, system: &System, events: &mut Vec<Event>) {
        system.events_of_clients(self, events);
        system.events_of_world(self, events);
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
            Event::Arrive(at) => system.world.arrive(at),
            Event::Finish { at, end } => system.world.finish(at, end, &self.habits),
            Event::Refund { id, phase } => system.world.refunds[id].phase = phase,
            Event::Outsider => {
                system.world.make(None, 1, &self.habits);
                system.outsiders_left -= 1;
            }
            Event::Copy => system.copy = Some(system.store.clone()),
            Event::Restore => system.restore(),
            Event::Tick => system.world.pass(1, &self.habits),
        }
        system.drop_unheard_answers();
        (system != *last).then_some(system)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_REFUND, |setup: &Setup, system: &System| {
                let mut references = setup.tasks.iter().map(|task| task.reference);
                references.all(|reference| system.world.standing(reference).count() <= 1)
            }),
            Property::always(WITHIN_PAYMENT, |_: &Setup, system: &System| {
                system.world.left() >= 0
            }),
            // What an older copy has forgotten, and is still on its way, nobody can know.
            Property::always(TRUE_REPORTS, |setup: &Setup, system: &System| {
                setup.restores || !system.clients.iter().any(|client| client.told_falsely)
            }),
            Property::always(RESOLVES, resolves),
        ]
    }
}

/// A client that has not begun, in place of all others.
pub(super) fn alone(system: &System, task: usize) -> System {
    let mut clients = system.clients.clone();
    clients.iter_mut().for_each(Client::end);
    clients[task].stage = Stage::Idle;
    System {
        clients,
        ..system.clone()
    }
}

pub(super) const ONE_REFUND: &str = "each reference is refunded at most once";
pub(super) const WITHIN_PAYMENT: &str = "no more goes back than was charged";
pub(super) const TRUE_REPORTS: &str = "each reported status was true";
pub(super) const RESOLVES: &str = "a few repeated calls resolve every refund";
