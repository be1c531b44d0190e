//! The models that are checked, and the mutants that they catch.
//!
//! The bounds of the tests keep the suite quick. With `FLOWLIX_MODEL=long` they are wider.

use stateright::{Checker, Model};

use super::mutant::Mutant;
use super::setup::{Setup, Task};
use super::system::{ONE_REFUND, RESOLVES, TRUE_REPORTS};

/// A refund of 1.
const fn one(reference: u8) -> Task {
    Task {
        reference,
        amount: Some(1),
        api_key: 0,
    }
}

/// A refund of all that is left.
const fn rest(reference: u8) -> Task {
    Task {
        amount: None,
        ..one(reference)
    }
}

const OTHER_API_KEY: Task = Task {
    api_key: 1,
    ..one(0)
};

fn is_long() -> bool {
    std::env::var("FLOWLIX_MODEL").is_ok_and(|size| size == "long")
}

/// Every state within the bounds keeps every promise.
fn holds(name: &str, setup: Setup) {
    let setup = setup.with(|setup| setup.end += i64::from(is_long()));
    let begun = std::time::Instant::now();
    let checker = setup.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps deep, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f32()
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
    let steps = trace.map(|trace| trace.into_actions().len());
    println!(
        "{mutant:?}: {} states, trace of {steps:?} steps",
        checker.unique_state_count()
    );
    assert!(steps.is_some(), "{mutant:?} keeps the promise: {promise}");
}

fn snake_case(tasks: Vec<Task>) -> Setup {
    Setup::new(tasks).with(|setup| setup.habits.is_snake_case = true)
}

#[test]
fn two_calls_under_one_reference_with_marks() {
    holds(
        "uppercase: two calls, one reference",
        Setup::new(vec![one(0), one(0)]).with(|setup| setup.habits.rejects = true),
    );
}

#[test]
fn two_calls_under_one_reference_without_marks() {
    holds(
        "snake_case: two calls, one reference",
        snake_case(vec![one(0), one(0)]).with(|setup| setup.habits.rejects = true),
    );
}

#[test]
fn two_references_with_marks() {
    let setup = Setup::new(vec![one(0), one(0), one(1)]).with(|setup| {
        setup.most_sends = 1;
        setup.end = 0;
    });
    holds("uppercase: three calls, two references", setup);
}

#[test]
fn two_references_without_marks() {
    let setup = snake_case(vec![one(0), one(0), one(1)]).with(|setup| {
        setup.most_sends = 1;
        setup.end = 0;
    });
    holds("snake_case: three calls, two references", setup);
}

#[test]
fn retries_and_crashes() {
    let setup = snake_case(vec![one(0), one(0)]).with(|setup| {
        setup.retries = true;
        setup.crashes = 1;
        setup.end = 0;
    });
    holds("snake_case: retries, a crash", setup);
}

#[test]
fn refunds_that_fail_later() {
    let setup = Setup::new(vec![one(0), one(0)]).with(|setup| {
        setup.habits.pends = true;
        setup.habits.fails = true;
        setup.most_sends = 1;
        setup.end = 1;
    });
    holds("uppercase: pending, then failed", setup);
}

#[test]
fn refunds_that_fail_later_without_marks() {
    let setup = snake_case(vec![one(0), one(0)]).with(|setup| {
        setup.habits.pends = true;
        setup.habits.fails = true;
        setup.most_sends = 1;
        setup.end = 1;
    });
    holds("snake_case: pending, then failed", setup);
}

#[test]
fn the_rest_beside_another_refund() {
    let setup = Setup::new(vec![rest(0), rest(0), one(1)]).with(|setup| {
        setup.most_sends = 1;
        setup.end = 1;
    });
    holds("uppercase: the rest, and another refund", setup);
}

#[test]
fn the_rest_beside_a_refund_outside() {
    let setup = snake_case(vec![rest(0), rest(0)]).with(|setup| {
        setup.outsiders = 1;
        setup.outsiders_look_alike = false;
        setup.most_sends = 1;
        setup.end = 2;
    });
    holds("snake_case: the rest, and another one outside", setup);
}

#[test]
fn equal_refund_outside_with_marks() {
    let setup = Setup::new(vec![one(0), one(0)]).with(|setup| {
        setup.outsiders = 1;
        setup.most_sends = 1;
        setup.end = 2;
    });
    holds("uppercase: an equal refund outside", setup);
}

#[test]
fn equal_refund_outside_without_marks() {
    let setup = snake_case(vec![one(0), one(0)]).with(|setup| {
        setup.outsiders = 1;
        setup.may_need_person = true;
        setup.most_sends = 1;
        setup.end = 2;
    });
    holds("snake_case: an equal refund outside", setup);
}

#[test]
fn beyond_the_life_of_a_key_with_marks() {
    holds(
        "uppercase: beyond the life of a key",
        Setup::new(vec![one(0), one(0)]).with_short_keys(),
    );
}

#[test]
fn beyond_the_life_of_a_key_without_marks() {
    holds(
        "snake_case: beyond the life of a key",
        snake_case(vec![one(0), one(0)]).with_short_keys(),
    );
}

#[test]
fn changed_api_key() {
    let setup = Setup::new(vec![one(0), OTHER_API_KEY]).with(|setup| {
        setup.habits.is_unreadable = true;
        setup.may_need_person = true;
        setup.most_sends = 1;
    });
    holds("uppercase: a changed API key, an unreadable answer", setup);
}

#[test]
fn restored_store_with_marks() {
    let setup = Setup::new(vec![one(0), one(0)]).with(|setup| {
        setup.restores = true;
        setup.habits.pends = true;
        setup.habits.fails = true;
        setup.most_sends = 1;
        setup.end = 1;
    });
    holds("uppercase: a restored store", setup);
}

#[test]
fn restored_store_without_marks() {
    let setup = snake_case(vec![one(0), one(0)]).with(|setup| {
        setup.restores = true;
        setup.is_named = true;
        setup.habits.pends = true;
        setup.habits.fails = true;
        setup.most_sends = 1;
        setup.end = 0;
    });
    holds("snake_case: a restored store", setup);
}

#[test]
fn rejection_taken_for_final_reports_a_false_rejection() {
    let setup = Setup::new(vec![one(0), one(0)]).with(|setup| setup.habits.rejects = true);
    breaks(Mutant::RejectionIsFinal, TRUE_REPORTS, setup);
}

#[test]
fn repeat_without_age_limit_refunds_twice() {
    let setup = snake_case(vec![one(0), one(0)]).with_short_keys();
    breaks(Mutant::NoAgeLimit, ONE_REFUND, setup);
}

#[test]
fn new_key_after_an_unknown_outcome_refunds_twice() {
    let setup = Setup::new(vec![one(0), one(0)]);
    breaks(Mutant::NewKeyAfterUnknown, ONE_REFUND, setup);
}

#[test]
fn guessed_candidate_reports_another_refund() {
    let setup = snake_case(vec![one(0), one(0)]).with(|setup| setup.outsiders = 1);
    breaks(Mutant::GuessCandidate, TRUE_REPORTS, setup);
}

#[test]
fn amount_computed_anew_is_never_resolved() {
    let setup = snake_case(vec![rest(0), rest(0)]);
    breaks(Mutant::AmountComputedAnew, RESOLVES, setup);
}

#[test]
fn two_at_a_time_are_never_told_apart() {
    let setup = snake_case(vec![one(0), one(1)]);
    breaks(Mutant::TwoAtATime, RESOLVES, setup);
}
