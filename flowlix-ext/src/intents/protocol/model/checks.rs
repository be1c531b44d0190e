//! The models that are checked, and the mutants that they catch.
//!
//! The bounds of the tests keep the suite quick. With `FLOWLIX_MODEL=long` they are wider.

use std::time::Instant;

use stateright::{Checker, Model};

use super::super::record::Method;
use super::client::{Order, Task};
use super::mutant::Mutant;
use super::setup::Setup;
use super::system::{
    ONE_AMOUNT, ONE_CHARGE, PAGES_ASKED_FOR, PAYABLE, RESOLVES, TOLD_BEFORE_ACKNOWLEDGED,
    TOLD_IN_ORDER, TRUE_REPORTS,
};

const fn card(card: u8) -> Task {
    Task::Pay(Order::card(card))
}

const PAGE: Task = Task::Pay(Order {
    method: Method::HostedPage,
    ..Order::card(0)
});
const OTHER_API_KEY: Task = Task::Pay(Order {
    api_key: 1,
    ..Order::card(2)
});
const OTHER_AMOUNT: Task = Task::Pay(Order {
    amount: 2,
    ..Order::card(2)
});
const SUPERSEDING: Task = Task::Pay(Order {
    supersedes: Some(1),
    ..Order::card(2)
});

fn is_long() -> bool {
    std::env::var("FLOWLIX_MODEL").is_ok_and(|size| size == "long")
}

/// Every state within the bounds keeps every promise. Longer runs look one tick further.
fn holds(name: &str, setup: Setup) {
    let setup = setup.with(|setup| setup.end += i64::from(is_long()));
    let begun = Instant::now();
    let checker = setup.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps deep, {:.1?}",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed()
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

fn three_attempts() -> Setup {
    without_worker(vec![card(1), card(2), card(3)]).with(|setup| {
        setup.habits.declines_at_once = false;
        setup.habits.declines_later = true;
        setup.habits.loses_answers = false;
        setup.most_sends = 1;
        setup.end = 1;
    })
}

#[test]
fn three_attempts_declined_later() {
    holds(
        "three cards, three attempts, declined later",
        three_attempts(),
    );
}

#[test]
fn three_attempts_and_lost_answers() {
    if is_long() {
        let setup = three_attempts().with(|setup| {
            setup.habits.loses_answers = true;
            setup.end = 0;
        });
        holds("three cards, three attempts, answers lost", setup);
    }
}

#[test]
fn customer_who_has_to_act() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.declines_at_once = false;
        setup.habits.asks_customer = true;
        setup.end = 1 + i64::from(is_long());
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

fn crashes() -> Setup {
    Setup::new(vec![card(1), card(2)]).with(|setup| {
        setup.workers = 2;
        setup.worker_steps = 1;
        setup.crashes = 2;
        setup.most_sends = 1;
        setup.habits.declines_at_once = false;
        setup.habits.loses_answers = false;
        setup.end = 1;
    })
}

#[test]
fn crashes_of_clients_and_workers() {
    holds("two cards, two workers, two crashes", crashes());
}

#[test]
fn crashes_and_lost_answers() {
    if is_long() {
        let setup = crashes().with(|setup| setup.habits.loses_answers = true);
        holds("two cards, two workers, two crashes, answers lost", setup);
    }
}

#[test]
fn crashes_and_declines() {
    if is_long() {
        let setup = crashes().with(|setup| {
            setup.habits.declines_at_once = true;
            setup.habits.declines_later = true;
        });
        holds("two cards, two workers, two crashes, declined", setup);
    }
}

#[test]
fn crashes_of_one_card_with_every_fault() {
    let setup = crashes().with(|setup| {
        setup.tasks = vec![card(1)];
        setup.habits.declines_at_once = true;
        setup.habits.declines_later = true;
        setup.habits.loses_answers = true;
        setup.end = 3;
    });
    holds(
        "one card, two workers, two crashes, declined, answers lost",
        setup,
    );
}

fn key_that_expires() -> Setup {
    without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.key_life = 4;
        setup.rules.oldest_key = 1;
        setup.rules.key_end = 5;
        setup.habits.declines_at_once = false;
        setup.habits.list_lag = 0;
        setup.most_sends = 1;
        setup.end = 5;
    })
}

#[test]
fn two_cards_beyond_the_life_of_a_key() {
    holds("two cards beyond the life of a key", key_that_expires());
}

#[test]
fn clock_that_is_off_beyond_the_life_of_a_key() {
    if is_long() {
        for ahead in [1, -1] {
            let setup = key_that_expires().with(|setup| {
                setup.ahead = ahead;
                setup.habits.key_life = 5;
                setup.rules.skew = 1;
                setup.rules.quiet = 3;
                setup.rules.key_end = 6;
            });
            holds("two cards beyond the life of a key, a clock off", setup);
        }
    }
}

#[test]
fn key_age_checked_before_recording_charges_twice() {
    breaks(
        Mutant::KeyAgeBeforeRecording,
        ONE_CHARGE,
        key_that_expires(),
    );
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

/// Requests that may arrive after they count as not carried out.
fn slow_network(tasks: Vec<Task>) -> Setup {
    without_worker(tasks).with(|setup| {
        setup.habits.transit = 4;
        setup.habits.key_life = 14;
        setup.rules.key_end = 15;
        setup.is_quiet_time_wrong = true;
        // A 409 for a request that counts as not carried out is explained by none that is known.
        setup.may_need_person = true;
        setup.habits.declines_at_once = false;
        setup.most_sends = 1;
        setup.end = 4;
    })
}

#[test]
fn network_slower_than_the_quiet_time() {
    holds(
        "two cards, requests later than the quiet time: one charge",
        slow_network(vec![card(1), card(2)]),
    );
}

fn slow_network_and_two_keys() -> Setup {
    slow_network(vec![card(1), PAGE]).with(|setup| setup.habits.is_per_operation = true)
}

#[test]
fn network_slower_than_the_quiet_time_and_two_keys() {
    holds(
        "card and page, two namespaces, requests later than the quiet time: each charge is told",
        slow_network_and_two_keys(),
    );
}

#[test]
fn assumption_that_is_forgotten_hides_a_charge() {
    breaks(
        Mutant::ForgetAssumption,
        RESOLVES,
        slow_network_and_two_keys(),
    );
}

#[test]
fn unreadable_answers() {
    let setup = without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.habits.garbles_answers = true;
        setup.habits.declines_at_once = false;
        setup.most_sends = 1;
        setup.end = 3;
    });
    holds("two cards, answers that cannot be read", setup);
}

/// The clock of the first client is one tick off, which the rules allow for.
fn skewed(ahead: i64) -> Setup {
    without_worker(vec![card(1), card(2)]).with(|setup| {
        setup.ahead = ahead;
        setup.rules.skew = 1;
        setup.rules.quiet = 3;
        setup.rules.oldest_key = 4;
        setup.rules.key_end = 10;
        setup.habits.declines_at_once = false;
        setup.most_sends = 1;
        setup.end = 4;
    })
}

#[test]
fn quiet_time_without_the_skew_proves_too_early() {
    let setup = skewed(-1).with(|setup| setup.rules.quiet = 2);
    breaks(Mutant::None, TRUE_REPORTS, setup);
}

#[test]
fn clock_that_is_ahead() {
    holds("two cards, one clock ahead", skewed(1));
}

#[test]
fn clock_that_is_behind() {
    holds("two cards, one clock behind", skewed(-1));
}

fn other_amount() -> Setup {
    without_worker(vec![card(1), OTHER_AMOUNT]).with(|setup| {
        setup.habits.declines_later = true;
        setup.most_sends = 1;
        setup.end = 3;
    })
}

#[test]
fn call_for_another_amount() {
    holds("a call for another amount", other_amount());
}

#[test]
fn amount_that_is_not_compared_is_charged() {
    breaks(Mutant::IgnoreAmount, ONE_AMOUNT, other_amount());
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
    breaks(
        Mutant::RetireKeyOnEmptySearch,
        ONE_CHARGE,
        slow_network(vec![card(1), card(2)]),
    );
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
fn page_handed_out_before_the_swap_is_one_that_nobody_asks_for() {
    let setup = without_worker(vec![PAGE, Task::Close]).with(|setup| setup.end = 1);
    breaks(Mutant::HostedAddressBeforeSwap, PAGES_ASKED_FOR, setup);
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
fn key_of_an_ended_payment_pays_nothing_more() {
    let setup = without_worker(vec![card(1)]).with(|setup| setup.habits.declines_later = true);
    breaks(Mutant::KeepKeyOfEndedPayment, PAYABLE, setup);
}

#[test]
fn newest_change_told_first_hides_earlier_ones() {
    breaks(
        Mutant::TellNewestFirst,
        TOLD_IN_ORDER,
        Setup::new(vec![card(1)]),
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
