//! The models that are checked, and the mutants that they catch.
//!
//! The bounds of the tests keep the suite quick. With `FLOWLIX_MODEL=long` they are wider.

use stateright::{Checker, Model};

use super::super::record::Method;
use super::client::Task;
use super::mutant::Mutant;
use super::setup::Setup;
use super::system::{ONE_CHARGE, RESOLVES, TOLD_BEFORE_ACKNOWLEDGED, TRUE_REPORTS};

const fn card(card: u8) -> Task {
    Task::Pay {
        method: Method::Card,
        card,
        api_key: 0,
        supersedes: None,
    }
}

const PAGE: Task = Task::Pay {
    method: Method::HostedPage,
    card: 0,
    api_key: 0,
    supersedes: None,
};
const OTHER_API_KEY: Task = Task::Pay {
    method: Method::Card,
    card: 2,
    api_key: 1,
    supersedes: None,
};
const SUPERSEDING: Task = Task::Pay {
    method: Method::Card,
    card: 2,
    api_key: 0,
    supersedes: Some(1),
};

fn is_long() -> bool {
    std::env::var("FLOWLIX_MODEL").is_ok_and(|size| size == "long")
}

/// Every state within the bounds keeps every promise.
fn holds(name: &str, setup: Setup) {
    let setup = setup.with(|setup| setup.end += i64::from(is_long()));
    let checker = setup.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps deep",
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    assert!(
        checker.unique_state_count() > 500,
        "{name} has next to nothing to check"
    );
}

/// The mutant breaks this promise. The search ends with the first broken one.
fn breaks(mutant: Mutant, promise: &'static str, setup: Setup) {
    let setup = setup.with(|setup| setup.mutant = mutant);
    let checker = setup
        .checker()
        .threads(2)
        .finish_when(stateright::HasDiscoveries::AnyOf([promise].into()))
        .spawn_bfs()
        .join();
    let trace = checker.discovery(promise);
    println!(
        "{mutant:?}: {} states, trace of {:?} steps",
        checker.unique_state_count(),
        trace
            .as_ref()
            .map(|trace| trace.clone().into_actions().len())
    );
    assert!(trace.is_some(), "{mutant:?} keeps the promise: {promise}");
}

fn without_worker(tasks: Vec<Task>) -> Setup {
    Setup::new(tasks).with(|setup| setup.workers = 0)
}

#[test]
fn two_cards_under_one_key() {
    holds(
        "two cards, declined at once, answers lost, requests late",
        without_worker(vec![card(1), card(2)]),
    );
}

#[test]
fn one_card_with_retries_and_a_worker() {
    let setup = Setup::new(vec![card(1)]).with(|setup| {
        setup.retries = true;
        setup.habits.declines_later = true;
        setup.end = 5;
    });
    holds(
        "one card, retries, declined at once and later, a worker",
        setup,
    );
}

#[test]
fn three_attempts_declined_later() {
    let setup = without_worker(vec![card(1), card(2), card(3)]).with(|setup| {
        setup.habits.declines_at_once = false;
        setup.habits.declines_later = true;
        setup.habits.loses_answers = false;
        setup.most_sends = 1;
        setup.end = 0;
    });
    holds("three cards, three attempts, declined later", setup);
}

#[test]
fn customer_who_has_to_act() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.declines_at_once = false;
        setup.habits.asks_customer = true;
        setup.end = 2;
    });
    holds("two cards, 3-D Secure, expiry", setup);
}

#[test]
fn card_and_page_under_one_key() {
    let setup = without_worker(vec![card(1), PAGE]).with(|setup| {
        setup.end = 2;
        setup.most_sends = 1;
    });
    holds("card and hosted page, one namespace (snake_case)", setup);
}

#[test]
fn card_and_page_under_two_keys() {
    let setup = without_worker(vec![card(1), PAGE]).with(|setup| {
        setup.habits.is_per_operation = true;
        setup.end = 4;
        setup.most_sends = 1;
    });
    holds("card and hosted page, two namespaces (uppercase)", setup);
}

#[test]
fn changed_api_key() {
    let setup = without_worker(vec![card(1), OTHER_API_KEY]).with(|setup| setup.end = 5);
    holds("a changed API key", setup);
}

#[test]
fn superseded_attempt() {
    let setup = without_worker(vec![card(1), SUPERSEDING]).with(|setup| {
        setup.habits.declines_at_once = false;
        setup.habits.asks_customer = true;
        setup.most_sends = 1;
        setup.end = 1;
    });
    holds("a superseded attempt", setup);
}

#[test]
fn closed_intent() {
    let setup =
        Setup::new(vec![card(1), Task::Close]).with(|setup| setup.habits.asks_customer = true);
    holds("a closed intent, a worker", setup);
}

#[test]
fn crashes_of_clients_and_workers() {
    let setup = Setup::new(vec![card(1), card(2)]).with(|setup| {
        setup.workers = 2;
        setup.worker_steps = 1;
        setup.crashes = 2;
        setup.most_sends = 1;
        setup.habits.declines_at_once = false;
        setup.habits.loses_answers = false;
        setup.end = 1;
    });
    holds("two cards, two workers, two crashes", setup);
}

#[test]
fn key_that_expires() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.key_life = 4;
        setup.rules.oldest_key = 1;
        setup.rules.key_end = 5;
        setup.habits.declines_at_once = false;
        setup.most_sends = 1;
        setup.habits.loses_answers = true;
        setup.habits.list_lag = 0;
        setup.rules.quiet = 1;
        setup.end = 5;
    });
    holds("two cards beyond the life of a key", setup);
}

#[test]
fn flowlix_that_stores_refusals() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.stores_refusals = true;
        setup.may_need_person = true;
        setup.end = 3;
    });
    holds("a Flowlix that stores 4xx answers", setup);
}

#[test]
fn network_slower_than_the_quiet_time() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.transit = 4;
        setup.habits.key_life = 14;
        setup.is_quiet_time_wrong = true;
        setup.habits.declines_at_once = false;
        setup.most_sends = 1;
        setup.end = 4;
    });
    holds(
        "two cards, requests later than the quiet time: one charge",
        setup,
    );
}

#[test]
fn key_retired_by_a_decline_charges_twice() {
    let setup = without_worker(vec![card(1), card(2), card(3)]).with(|setup| {
        setup.most_sends = 1;
        setup.end = 0;
    });
    breaks(Mutant::RetireKeyOnDecline, ONE_CHARGE, setup);
}

#[test]
fn key_retired_by_an_empty_search_charges_twice() {
    let setup = Setup::new(vec![card(1), card(2)]).with(|setup| setup.most_sends = 1);
    breaks(Mutant::RetireKeyOnEmptySearch, ONE_CHARGE, setup);
}

#[test]
fn key_retired_at_the_deadline_charges_twice() {
    breaks(
        Mutant::RetireKeyAtDeadline,
        ONE_CHARGE,
        without_worker(vec![card(1), card(2)]),
    );
}

#[test]
fn sends_counted_per_call_report_a_false_decline() {
    let setup = without_worker(vec![card(1)]).with(|setup| setup.retries = true);
    breaks(Mutant::CountSendsPerCall, TRUE_REPORTS, setup);
}

#[test]
fn sends_that_are_only_counted_report_a_false_decline() {
    breaks(
        Mutant::CountSendsOnly,
        TRUE_REPORTS,
        without_worker(vec![card(1), card(2)]),
    );
}

#[test]
fn quiet_time_from_the_first_send_proves_too_early() {
    let setup = Setup::new(vec![card(1), card(2)]).with(|setup| {
        setup.most_sends = 1;
        setup.worker_steps = 1;
        setup.habits.declines_at_once = false;
    });
    breaks(Mutant::QuietTimeFromFirstSend, TRUE_REPORTS, setup);
}

#[test]
fn conflict_taken_for_acceptance_is_never_resolved() {
    breaks(
        Mutant::ConflictIsAcceptance,
        RESOLVES,
        without_worker(vec![card(1), card(2)]),
    );
}

#[test]
fn send_after_its_deadline_charges_twice() {
    let setup = without_worker(vec![card(1), PAGE]).with(|setup| {
        setup.habits.is_per_operation = true;
        setup.end = 5;
    });
    breaks(Mutant::SendWithoutDeadlineCheck, ONE_CHARGE, setup);
}

#[test]
fn page_handed_out_before_the_swap_stands_beside_a_payment() {
    let setup = without_worker(vec![PAGE, SUPERSEDING]).with(|setup| setup.end = 1);
    breaks(Mutant::HostedAddressBeforeSwap, TRUE_REPORTS, setup);
}

#[test]
fn change_acknowledged_before_the_handler_is_lost() {
    let setup = Setup::new(vec![card(1)]).with(|setup| setup.crashes = 1);
    breaks(
        Mutant::AcknowledgeBeforeHandler,
        TOLD_BEFORE_ACKNOWLEDGED,
        setup,
    );
}

#[test]
fn two_live_attempts_charge_twice() {
    breaks(
        Mutant::TwoLiveAttempts,
        ONE_CHARGE,
        without_worker(vec![card(1), card(2)]),
    );
}
