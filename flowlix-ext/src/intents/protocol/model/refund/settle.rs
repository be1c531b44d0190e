//! What repeated calls come to once faults are switched off.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::client::Client;
use super::setup::Setup;
use super::system::{System, alone};
use super::world::End;
use crate::intents::protocol::refund::{RefundPhase, RefundSummary};

thread_local! {
    /// Flowlix and stores from which everything was found to resolve: clients make no difference to that. Each model
    /// has threads of its own.
    static RESOLVED: RefCell<HashSet<u64>> = RefCell::default();
}

/// Whether every refund is resolved after a few calls, whatever becomes of what is on its way.
pub(super) fn resolves(setup: &Setup, system: &System) -> bool {
    let mut hasher = DefaultHasher::new();
    (&system.world, &system.store).hash(&mut hasher);
    let here = hasher.finish();
    if RESOLVED.with_borrow(|known| known.contains(&here)) {
        return true;
    }
    let is_empty = system.world.requests.is_empty();
    let phases = [RefundPhase::Succeeded, RefundPhase::Failed];
    let phases = &phases[..1 + usize::from(setup.habits.fails)];
    let resolves = phases.iter().all(|phase| {
        settles(setup, system, true, *phase) && (is_empty || settles(setup, system, false, *phase))
    });
    if resolves {
        RESOLVED.with_borrow_mut(|known| known.insert(here));
    }
    resolves
}

fn settles(setup: &Setup, system: &System, arrive: bool, phase: RefundPhase) -> bool {
    let mut end = system.clone();
    end.clients.iter_mut().for_each(Client::end);
    if !arrive {
        end.world.requests.clear();
    }
    deliver(&mut end, setup, phase);
    end.world.answers.clear();
    let rules = &setup.rules;
    let quiet = setup.timeout + setup.habits.transit + rules.quiet;
    for wait in [0, quiet, rules.key_end + rules.quiet, quiet] {
        end.world.pass(wait, &setup.habits);
        // A call may have to wait for another refund of the payment.
        for task in (0..setup.tasks.len()).chain(0..setup.tasks.len()) {
            call(&mut end, task, setup);
        }
    }
    setup.tasks.iter().all(|task| {
        let may_need_person = setup.may_need_person || is_key_over(system, task.reference, setup);
        is_resolved(&end, task.reference, may_need_person)
    })
}

/// Whether no repeat can tell any more what became of a refund that carries no mark.
fn is_key_over(system: &System, reference: u8, setup: &Setup) -> bool {
    let refund = system.store.record.refund(&Setup::reference(reference));
    let attempt = refund.and_then(|refund| refund.attempts.last());
    let next = system.world.now + 1;
    setup.habits.is_snake_case
        && attempt.is_some_and(|attempt| attempt.sends.is_too_old(next, &setup.rules))
}

/// All requests arrive, and Flowlix ends what it has begun.
fn deliver(system: &mut System, setup: &Setup, phase: RefundPhase) {
    let world = &mut system.world;
    while !world.requests.is_empty() {
        world.arrive(0);
    }
    while !world.processing.is_empty() {
        let is_enough = world.processing[0].amount <= world.left();
        let end = if is_enough { End::Made } else { End::Rejected };
        world.finish(0, end, &setup.habits);
    }
    for made in &mut world.refunds {
        if made.phase == RefundPhase::Pending {
            made.phase = phase;
        }
    }
}

/// One call without faults.
fn call(system: &mut System, task: usize, setup: &Setup) {
    *system = alone(system, task);
    while system.clients[task].may_step(system, setup) {
        if let Some((me, token, reply)) = system.world.answers.pop() {
            let client = system.clients[me].clone();
            client.answered(me, token, system, setup, reply);
        } else {
            system.clients[task].clone().step(task, system, setup);
        }
        // A call that found the refund failed makes another one.
        deliver(system, setup, RefundPhase::Succeeded);
    }
}

fn is_resolved(system: &System, reference: u8, may_need_person: bool) -> bool {
    let refund = system.store.record.refund(&Setup::reference(reference));
    let is_settled = match refund.map(|refund| refund.summary()) {
        None | Some(RefundSummary::NotAccepted { .. }) => true,
        Some(RefundSummary::Succeeded { .. } | RefundSummary::Failed { .. }) => true,
        Some(RefundSummary::OutcomeUnknown { needs_person, .. }) => needs_person && may_need_person,
        Some(RefundSummary::Pending { .. }) => false,
    };
    is_settled && system.is_true(reference, &system.store.record)
}
