//! What can go wrong around a recorded write: a journal that fails or hangs at any point, machines that sleep or
//! whose clocks differ, callers that overtake each other. No charge is lost, none is doubled, nobody is told a lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use common::journal::{
    Ahead, Death, Dying, FAILURES, Meanwhile, Moment, crash, key, pay, restarted, restarted_with,
    stage, the_record,
};
use common::{DIALECTS, Stage, VISA};
use flowlix_ext::journal::{Doubt, Journal, MemoryJournal, State, Truth};
use flowlix_ext::model::PaymentId;
use flowlix_ext::refunds::CreateRefund;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{CardDetails, ErrorKind, Flowlix, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use serde_json::json;

const HOUR: u64 = 60 * 60;

async fn lose_the_answer(stage: &Stage, flowlix: &Flowlix) {
    let operation = Operation::CreateDirectPayment;
    stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
    let error = pay(flowlix).max_attempts(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
}

fn every_failure_of<const N: usize>(
    methods: [&'static str; N],
) -> impl Iterator<Item = (&'static str, Death)> {
    let each = |method| FAILURES.into_iter().map(move |how| (method, how));
    methods.into_iter().flat_map(each)
}

#[tokio::test]
async fn a_journal_that_fails_at_any_point_before_sending_keeps_the_write_from_being_sent() {
    for dialect in DIALECTS {
        for (method, how) in every_failure_of(["secret", "load", "store"]) {
            let (stage, journal) = stage(dialect).await;
            let flowlix = restarted(&stage, Dying::at(method, &journal, 1, how));
            let error = pay(&flowlix).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Journal,
                "{method} {how:?}: {error}"
            );
            assert!(error.is_retryable());
            // A journal that did not say what it knows of the key leaves that open.
            assert_eq!(error.may_have_taken_effect(), method != "store");
            assert!(stage.posts().is_empty() && journal.is_empty());

            let flowlix = restarted(&stage, Dying::at(method, &journal, 1, how));
            let payments = flowlix.payments();
            let unkeyed = payments.create_direct(Money::eur(49_99), common::card(VISA));
            let new_key = unkeyed.await.unwrap_err();
            assert!(!new_key.may_have_taken_effect(), "nobody else has that key");
            assert!(stage.posts().is_empty() && journal.is_empty());
            assert!(pay(&stage.flowlix).await.is_ok());
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_journal_that_fails_over_a_write_in_doubt_does_not_end_the_doubt() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        lose_the_answer(&stage, &stage.flowlix).await;
        let flowlix = restarted(&stage, Dying::new(&journal, 1, Death::Fails));
        let error = pay(&flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
        assert!(error.may_have_taken_effect(), "the first call may have");
        assert_eq!(stage.posts().len(), 1);
        assert!(pay(&stage.flowlix).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_journal_that_fails_while_another_process_sends_does_not_hide_that_it_does() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let sending = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
        crash(&stage, &journal, pay(&sending).send()).await;
        let waiting = restarted(&stage, Dying::at("load", &journal, 2, Death::Fails));
        let error = pay(&waiting).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
        assert!(error.may_have_taken_effect() && stage.posts().is_empty());
    }
}

#[tokio::test]
async fn an_answer_reaches_the_caller_whatever_the_journal_does_with_it() {
    for dialect in DIALECTS {
        // After the answer the journal is asked to store, and when another was faster, to load and store again.
        for (method, how) in every_failure_of(["store", "load"]) {
            let (stage, journal) = stage(dialect).await;
            let dying = Dying::at(method, &journal, 2, how);
            let interfering = method == "load";
            let flowlix = restarted(&stage, dying);
            stage.sandbox.inject(Fault::StallAnswer);
            let paying = tokio::spawn(pay(&flowlix).send());
            stage.sandbox.wait_for_stalled(1).await;
            if interfering {
                let mut record = the_record(&*journal).await;
                record.version += 1;
                assert!(journal.store(&record).await.unwrap());
            }
            stage.sandbox.release_stalled();
            let payment = paying.await.unwrap().unwrap();
            assert!(
                payment.receipt().journal_error().is_some(),
                "{method} {how:?}"
            );
            stage.time.advance(Duration::from_secs(65));
            assert_eq!(pay(&stage.flowlix).await.unwrap().id, payment.id);
            stage.assert_posts_identical(2);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_journal_that_hangs_does_not_hold_up_the_answer() {
    for dialect in DIALECTS {
        for how in [Death::Hangs, Death::HangsAndPanics] {
            let (mut stage, journal) = stage(dialect).await;
            stage.time = ManualTime::stepped();
            let dying = Dying::new(&journal, 2, how);
            let stores = dying.calls();
            let paying = tokio::spawn(pay(&restarted(&stage, dying)).send());
            while stores.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
            assert!(!paying.is_finished());
            stage.time.advance(Duration::from_secs(5));
            let payment = paying.await.unwrap().unwrap();
            let failure = payment.receipt().journal_error().unwrap();
            assert!(failure.to_string().contains("in time"), "{failure}");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_journal_that_hangs_before_sending_ends_the_call_in_its_time_with_nothing_sent() {
    for dialect in DIALECTS {
        for method in ["secret", "load", "store"] {
            let (mut stage, journal) = stage(dialect).await;
            stage.time = ManualTime::stepped();
            let dying = Dying::at(method, &journal, 1, Death::Hangs);
            let calls = dying.calls();
            let paying = tokio::spawn(pay(&restarted(&stage, dying)).send());
            while calls.load(Ordering::SeqCst) < 1 {
                tokio::task::yield_now().await;
            }
            stage.time.advance(Duration::from_secs(60));
            let error = paying.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Journal, "{method}: {error}");
            assert!(error.is_retryable() && stage.posts().is_empty());
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_its_outcome_is_stored_is_settled_by_the_next() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = Dying::new(&journal, 2, Death::Hangs);
        let stores = dying.calls();
        let paying = tokio::spawn(pay(&restarted(&stage, dying)).send());
        while stores.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        paying.abort();
        assert!(paying.await.is_err());
        stage.time.advance(Duration::from_secs(65));
        assert!(pay(&stage.flowlix).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// A machine that slept between recording and sending: by its own clock it has time left, by the others' it is dead.
#[tokio::test]
async fn nothing_is_sent_after_the_moment_at_which_others_count_on_silence() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let asleep = Ahead::of(&stage.time, 0);
        let awake = restarted_with(&stage, |builder| {
            builder.journal(journal.clone()).runtime(asleep.clone())
        });
        let truth = Arc::new(std::sync::Mutex::new(None));
        let (woken, told, sandbox) = (asleep.clone(), truth.clone(), stage.sandbox.clone());
        let meanwhile = Meanwhile::new(&journal, Moment::After, 1, async move {
            woken.sleep_for(2 * HOUR);
            sandbox.clock().advance(Duration::from_secs(2 * HOUR));
            let mut recovery = awake.recover().await.unwrap();
            *told.lock().unwrap() = recovery.writes.pop().map(|write| write.truth);
        });
        let sleeper = restarted_with(&stage, |builder| {
            builder.journal(meanwhile).runtime(asleep.clone())
        });
        let error = pay(&sleeper).await.unwrap_err();
        assert_eq!(*truth.lock().unwrap(), Some(Truth::NotCharged(None)));
        assert_eq!(error.kind(), ErrorKind::NotSent, "{error}");
        assert!(!error.may_have_taken_effect());
        assert!(
            stage.posts().is_empty(),
            "the order may be paid otherwise by now"
        );
        assert!(matches!(
            the_record(&*journal).await.state,
            State::NotDone { .. }
        ));
    }
}

/// As when the clock of one machine is two minutes ahead, so that it takes the other for dead.
fn in_the_future(stage: &Stage, journal: &Arc<MemoryJournal>) -> Flowlix {
    restarted_with(stage, |builder| {
        builder
            .journal(journal.clone())
            .runtime(Ahead::of(&stage.time, 120))
    })
}

#[tokio::test]
async fn who_was_refused_and_overtaken_gets_the_answer_of_who_was_not() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::status(422));
        let other = in_the_future(&stage, &journal);
        let meanwhile = Meanwhile::new(&journal, Moment::Before, 2, async move {
            assert!(pay(&other).await.is_ok());
        });
        let payment = pay(&restarted(&stage, meanwhile)).await.unwrap();
        assert!(payment.receipt().is_from_journal());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn who_was_refused_and_overtaken_by_a_doubt_is_in_doubt() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::status(422));
        stage.sandbox.inject(Fault::LoseAnswer);
        let other = in_the_future(&stage, &journal);
        let meanwhile = Meanwhile::new(&journal, Moment::Before, 2, async move {
            assert!(pay(&other).max_attempts(1).await.is_err());
        });
        let error = pay(&restarted(&stage, meanwhile)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(the_record(&*journal).await.state, State::InDoubt);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// An hour passes, which the sender does not notice. Another machine takes it for dead, finds no payment of it, and
/// uses its key for something else.
async fn reuse_the_key(sandbox: &Sandbox, hour_later: Flowlix) -> PaymentId {
    sandbox.clock().advance(Duration::from_secs(HOUR));
    let recovery = hour_later.recover().await.unwrap();
    assert!(recovery.is_complete() && recovery.writes.len() == 1);
    let back = "https://shop.example.com/back";
    let page = hour_later.payments().create_hosted(Money::eur(1_00), back);
    page.idempotency_key(key()).await.unwrap().id.clone()
}

#[tokio::test]
async fn who_was_overtaken_by_another_request_does_not_get_its_answer() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::status(422));
        let hour_later = restarted_with(&stage, |builder| {
            let runtime = Ahead::of(&stage.time, HOUR);
            builder.journal(journal.clone()).runtime(runtime)
        });
        let sandbox = stage.sandbox.clone();
        let meanwhile = Meanwhile::new(&journal, Moment::Before, 2, async move {
            reuse_the_key(&sandbox, hour_later).await;
        });
        let error = pay(&restarted(&stage, meanwhile)).await.unwrap_err();
        assert_eq!(error.status(), Some(422), "{error}");
        assert_eq!(
            the_record(&*journal).await.operation,
            "create_hosted_payment"
        );
    }
}

/// Only where Flowlix keeps the keys of two operations apart can both be accepted, and only after an hour's sleep.
#[tokio::test]
async fn an_answer_for_which_the_journal_has_no_room_says_so() {
    let (stage, journal) = stage(Dialect::Uppercase).await;
    stage
        .sandbox
        .inject_at(Operation::CreateDirectPayment, Fault::Stall, 1);
    let sending = tokio::spawn(pay(&stage.flowlix).send());
    stage.sandbox.wait_for_stalled(1).await;
    let hour_later = restarted_with(&stage, |builder| {
        let runtime = Ahead::of(&stage.time, HOUR);
        builder.journal(journal.clone()).runtime(runtime)
    });
    let page = reuse_the_key(&stage.sandbox, hour_later).await;
    stage.sandbox.release_stalled();
    let payment = sending.await.unwrap().unwrap();
    assert_ne!(payment.id, page);
    assert!(payment.receipt().journal_error().is_some());
    let record = the_record(&*journal).await;
    assert!(matches!(&record.state, State::Accepted { result, .. }
        if result["id"] == page.as_str()));
}

#[tokio::test]
async fn an_acceptance_is_kept_though_somebody_took_the_sender_for_dead() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::StallAnswer);
        let sending = tokio::spawn(pay(&stage.flowlix).send());
        stage.sandbox.wait_for_stalled(1).await;
        // It takes the record over, and gets no answer.
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 1);
        let error = pay(&in_the_future(&stage, &journal))
            .max_attempts(1)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(the_record(&*journal).await.state, State::InDoubt);
        stage.sandbox.release_stalled();
        let payment = sending.await.unwrap().unwrap();
        let record = the_record(&*journal).await;
        assert!(matches!(&record.state, State::Accepted { result, .. }
            if result["id"] == payment.id.as_str()));
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_result_leaves_the_write_to_be_found() {
    for dialect in DIALECTS {
        for (amount, kind) in [
            (json!("a lot"), ErrorKind::AcceptedButUndecodable),
            (json!(1), ErrorKind::AcceptedButMismatched),
        ] {
            let (stage, journal) = stage(dialect).await;
            let no_result = Fault::patch(json!({ "amount": amount }));
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, no_result, 2);
            for _ in 0..2 {
                let error = pay(&stage.flowlix).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.may_have_taken_effect() && error.raw_body().is_some());
                assert_eq!(the_record(&*journal).await.state, State::InDoubt);
            }
            let recovery = restarted(&stage, journal.clone()).recover().await.unwrap();
            let [write] = &recovery.writes[..] else {
                panic!("{:?}", recovery.writes)
            };
            assert!(matches!(&write.truth, Truth::PaymentInProgress(_)));
            let payment = pay(&stage.flowlix).await.unwrap();
            assert!(payment.receipt().is_from_journal());
            stage.assert_posts_identical(2);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_card_that_has_expired_since_does_not_hide_what_became_of_the_write() {
    for dialect in DIALECTS {
        for lost in [false, true] {
            let (mut stage, journal) = stage(dialect).await;
            // Half an hour before the card expires, everywhere on earth.
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_722_513_600);
            stage.time = ManualTime::automatic().starting_at(end - Duration::from_secs(HOUR / 2));
            let pay = |flowlix: &Flowlix, number: &str, cvc: &str| {
                let card = CardDetails::new(number, 7, 2024, cvc, "Jenny Rosen");
                let payments = flowlix.payments();
                payments
                    .create_direct(Money::eur(49_99), card)
                    .idempotency_key(key())
                    .max_attempts(1)
            };
            if lost {
                stage.sandbox.inject(Fault::LoseAnswer);
            }
            let first = pay(&restarted(&stage, journal.clone()), VISA, "314").await;
            assert_eq!(first.is_err(), lost);
            stage.time.advance(Duration::from_secs(HOUR));
            let later = restarted(&stage, journal.clone());
            let other = IdempotencyKey::custom("order-2").unwrap();
            let error = pay(&later, VISA, "314")
                .idempotency_key(other)
                .await
                .unwrap_err();
            assert!(error.is_invalid_request(), "it has expired: {error}");
            // What was sent is what counts, not what looks like it.
            for (number, cvc) in [("4111111211111111", "314"), (VISA, "3145")] {
                let error = pay(&later, number, cvc).await.unwrap_err();
                assert!(error.is_invalid_request(), "{error}");
            }
            let again = pay(&later, VISA, "314").await.unwrap();
            assert_eq!(again.receipt().is_from_journal(), !lost);
            stage.assert_posts_identical(1 + usize::from(lost));
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn pruning_takes_nothing_that_is_not_settled_and_disturbs_nobody() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let scope = common::journal::scope();
        lose_the_answer(&stage, &stage.flowlix).await;
        assert_eq!(journal.prune(&scope, i64::MAX).await.unwrap(), 0);
        stage.sandbox.inject(Fault::StallAnswer);
        let sending = tokio::spawn(pay(&stage.flowlix).send());
        stage.sandbox.wait_for_stalled(1).await;
        assert_eq!(journal.prune(&scope, i64::MAX).await.unwrap(), 0);
        stage.sandbox.release_stalled();
        assert!(sending.await.unwrap().is_ok());
        assert_eq!(journal.prune(&scope, i64::MAX).await.unwrap(), 1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_record_that_is_pruned_while_its_key_is_used_again_is_made_anew() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::status(422));
        assert!(pay(&stage.flowlix).await.is_err());
        let pruned = journal.clone();
        let meanwhile = Meanwhile::new(&journal, Moment::Before, 1, async move {
            let scope = common::journal::scope();
            assert_eq!(pruned.prune(&scope, i64::MAX).await.unwrap(), 1);
        });
        assert!(pay(&restarted(&stage, meanwhile)).await.is_ok());
        assert!(the_record(&*journal).await.state.is_settled());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

async fn charged(stage: &Stage) -> PaymentId {
    let payment = pay(&stage.flowlix).await.unwrap();
    stage.sandbox.settle();
    payment.id.clone()
}

/// All that is left, which the uppercase dialect has to be asked for first.
fn refund_the_rest(flowlix: &Flowlix, payment: &PaymentId) -> CreateRefund {
    flowlix
        .refunds()
        .create(payment)
        .reason("late")
        .idempotency_key(IdempotencyKey::custom("refund-1234").unwrap())
}

#[tokio::test]
async fn of_two_who_refund_the_rest_at_once_both_get_the_one_refund() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = charged(&stage).await;
        let other = restarted(&stage, journal.clone());
        let first = match dialect {
            Dialect::SnakeCase => refund_the_rest(&other, &payment).await.unwrap(),
            Dialect::Uppercase => {
                // It has seen no record yet, and reads the payment after the other's refund.
                stage
                    .sandbox
                    .inject_at(Operation::RetrievePayment, Fault::Stall, 1);
                let reading = tokio::spawn(refund_the_rest(&stage.flowlix, &payment).send());
                stage.sandbox.wait_for_stalled(1).await;
                let first = refund_the_rest(&other, &payment).await.unwrap();
                stage.sandbox.settle();
                stage.sandbox.release_stalled();
                let second = reading.await.unwrap().unwrap();
                assert!(second.receipt().is_from_journal());
                assert_eq!(*second, *first);
                first
            }
        };
        let again = refund_the_rest(&stage.flowlix, &payment).await.unwrap();
        assert_eq!(*again, *first);
        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 49_99);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

/// Only the uppercase dialect: there the rest is read, and sent as an amount.
#[tokio::test]
async fn a_refund_of_the_rest_is_not_taken_over_with_another_amount() {
    let (stage, journal) = stage(Dialect::Uppercase).await;
    let payment = charged(&stage).await;
    let (dying_journal, other) = (journal.clone(), restarted(&stage, journal.clone()));
    // Ours reads 39.99. Before it is recorded, a process that read 49.99 earlier records that, and dies.
    let part = stage.flowlix.refunds().create(&payment).amount(10_00);
    part.reason("part").await.unwrap();
    stage.sandbox.settle();
    let (sandbox, id, clock) = (stage.sandbox.clone(), payment.clone(), stage.time.clone());
    let key_of_sandbox = stage.sandbox.key(Dialect::Uppercase);
    let meanwhile = Meanwhile::new(&journal, Moment::Before, 1, async move {
        let before = dying_journal.len();
        let dying = Dying::new(&dying_journal, 1, Death::Hangs);
        let dead = Flowlix::builder(key_of_sandbox)
            .base_url(sandbox.base_url())
            .runtime(clock.clone())
            .journal(dying)
            .build()
            .unwrap();
        let stale = Fault::patch(json!({"amount_refundable": 49_99}));
        sandbox.inject_at(Operation::RetrievePayment, stale, 1);
        let task = tokio::spawn(refund_the_rest(&dead, &id).send());
        while dying_journal.len() == before {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.is_err());
        clock.advance(Duration::from_secs(65));
    });
    let posts = stage.posts().len();
    let error = refund_the_rest(&restarted(&stage, meanwhile), &payment)
        .operation_timeout(Duration::from_secs(600))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
    assert!(error.may_have_taken_effect() && error.is_retryable());
    assert_eq!(stage.posts().len(), posts, "nothing was sent");
    // Repeated, it sends what was recorded, to the byte; that is more than there is, and nothing was done.
    let error = refund_the_rest(&other, &payment).await.unwrap_err();
    assert_eq!(error.refund_amount(), Some(49_99));
    assert_eq!(stage.sandbox.ledger().amount_refunded(), 10_00);
}

/// A recovery on a machine whose clock is ahead must not take a live sender for one that never sent.
#[tokio::test]
async fn a_clock_that_is_ahead_makes_no_absence_certain() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let ahead = restarted_with(&stage, |builder| {
            builder
                .journal(journal.clone())
                .runtime(Ahead::of(&stage.time, 15 * 60))
        });
        let meanwhile = Meanwhile::new(&journal, Moment::After, 1, async move {
            let recovery = ahead.recover().await.unwrap();
            let [write] = &recovery.writes[..] else {
                panic!("{:?}", recovery.writes)
            };
            assert!(
                matches!(write.truth, Truth::StillUnknown(Doubt::TooEarly { .. })),
                "{write}"
            );
        });
        assert!(pay(&restarted(&stage, meanwhile)).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nobody_send_twice() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = Dying::new(&journal, 1, Death::Hangs);
        let ahead = restarted_with(&stage, |builder| {
            let runtime = Ahead::of(&stage.time, HOUR);
            builder.journal(dying).runtime(runtime)
        });
        crash(&stage, &journal, pay(&ahead).send()).await;
        let error = pay(&stage.flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let recovery = stage.flowlix.recover().await.unwrap();
        assert!(matches!(
            recovery.writes.first().map(|write| &write.truth),
            Some(Truth::StillUnknown(Doubt::StillSending { .. }))
        ));
        assert!(stage.posts().is_empty());
    }
}

/// A fleet with one machine whose clock is behind by hours: the stage's own.
struct Fleet {
    stage: Stage,
    journal: Arc<MemoryJournal>,
    behind: Flowlix,
    right: Flowlix,
}

impl Fleet {
    /// Whether any answer has told the machines what time it is.
    async fn new(dialect: Dialect, hours_behind: u64, is_told: bool) -> Self {
        let (stage, journal) = stage(dialect).await;
        let behind = Duration::from_secs(hours_behind * HOUR);
        stage.sandbox.clock().advance(behind);
        let right = restarted_with(&stage, |builder| {
            let runtime = Ahead::of(&stage.time, behind.as_secs());
            builder.journal(journal.clone()).runtime(runtime)
        });
        let fleet = Self {
            behind: stage.flowlix.clone(),
            stage,
            journal,
            right,
        };
        if is_told {
            for flowlix in [&fleet.right, &fleet.behind] {
                assert!(flowlix.payments().list().page().await.is_ok());
            }
        }
        fleet
    }
}

#[tokio::test]
async fn a_key_is_as_old_as_its_record_by_whichever_clock() {
    for dialect in DIALECTS {
        for is_told in [false, true] {
            let fleet = Fleet::new(dialect, 2, is_told).await;
            lose_the_answer(&fleet.stage, &fleet.right).await;
            fleet.stage.pass(Duration::from_secs(23 * HOUR));
            // It shows that 21 hours have passed.
            assert!(fleet.behind.payments().list().page().await.is_ok());
            let error = pay(&fleet.behind).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
            assert!(error.may_have_taken_effect());
            assert_eq!(fleet.stage.posts().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_key_that_a_wrong_clock_recorded_is_no_older_than_it_is() {
    for dialect in DIALECTS {
        let fleet = Fleet::new(dialect, 2, true).await;
        lose_the_answer(&fleet.stage, &fleet.behind).await;
        fleet.stage.pass(Duration::from_secs(23 * HOUR - 1));
        assert!(pay(&fleet.right).await.is_ok());
        assert_eq!(fleet.stage.payments_and_charges(), (1, 1));
    }
}

/// Nothing came of the first try. Hours later the second one is carried out, by a machine whose clock shows that it is
/// before the first.
#[tokio::test]
async fn a_payment_is_found_whichever_clocks_its_tries_went_by() {
    for dialect in DIALECTS {
        for (is_told, tells) in [(false, false), (false, true), (true, false)] {
            for behind_is_first in [false, true] {
                let fleet = Fleet::new(dialect, 5, is_told).await;
                let Fleet {
                    stage,
                    right,
                    behind,
                    ..
                } = &fleet;
                let (first, second) = match behind_is_first {
                    true => (behind, right),
                    false => (right, behind),
                };
                let operation = Operation::CreateDirectPayment;
                let fault = Fault::ResetBeforeReading;
                stage.sandbox.inject_at(operation, fault, 1);
                let error = pay(first).max_attempts(1).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
                stage.pass(Duration::from_secs(HOUR));
                // The first answer of the second try tells the date, or nothing at all.
                let first_answer = if tells {
                    Fault::status(503)
                } else {
                    Fault::html(502)
                };
                stage.sandbox.inject_at(operation, first_answer, 1);
                stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
                let error = pay(second).max_attempts(2).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
                stage.pass(Duration::from_secs(HOUR));
                stage.sandbox.settle();
                let truth = fleet.right.recover().await.unwrap().writes[0].truth.clone();
                assert!(
                    matches!(truth, Truth::Charged(_)),
                    "{dialect:?} {is_told} {behind_is_first}: {truth}"
                );
                assert!(fleet.journal.len() == 1);
                assert_eq!(stage.payments_and_charges(), (1, 1));
            }
        }
    }
}

#[tokio::test]
async fn what_an_answer_told_of_the_clock_counts_for_what_was_recorded_before_it() {
    for dialect in DIALECTS {
        for is_behind in [true, false] {
            let fleet = Fleet::new(dialect, 5, false).await;
            let stage = &fleet.stage;
            let (sender, other) = match is_behind {
                true => (&fleet.behind, &fleet.right),
                false => (&fleet.right, &fleet.behind),
            };
            if !is_behind {
                let clock = stage.sandbox.clock();
                clock.set(clock.now() - 5 * 60 * 60);
            }
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::status(503), 1);
            stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            let error = pay(sender).max_attempts(2).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            stage.pass(Duration::from_secs(HOUR));
            stage.sandbox.settle();
            let recovery = other.recover().await.unwrap();
            assert!(matches!(recovery.writes[0].truth, Truth::Charged(_)));
        }
    }
}

#[tokio::test]
async fn who_is_still_sending_by_a_clock_that_is_behind_is_not_taken_for_dead() {
    for dialect in DIALECTS {
        for is_first in [true, false] {
            let fleet = Fleet::new(dialect, 5, true).await;
            let stage = &fleet.stage;
            if !is_first {
                lose_nothing_yet(&fleet).await;
            }
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::StallAnswer, 1);
            // It dies while it sends.
            let call = pay(&fleet.behind).send();
            stage.give_up_when_stalled(call).await;
            let truth = || async { fleet.right.recover().await.unwrap().writes[0].truth.clone() };
            let Truth::StillUnknown(Doubt::StillSending { until }) = truth().await else {
                panic!("{}", truth().await);
            };
            let by_the_right_clock = stage.time.now() + Duration::from_secs(5 * HOUR + 65);
            assert_eq!(until, by_the_right_clock);
            stage.pass(Duration::from_secs(65));
            stage.sandbox.settle();
            let truth = truth().await;
            assert!(matches!(truth, Truth::Charged(_)), "{truth}");
            stage.sandbox.release_stalled();
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// A first try, by the machine whose clock is right, that reaches nobody. An hour passes.
async fn lose_nothing_yet(fleet: &Fleet) {
    let operation = Operation::CreateDirectPayment;
    let fault = Fault::ResetBeforeReading;
    fleet.stage.sandbox.inject_at(operation, fault, 1);
    let error = pay(&fleet.right).max_attempts(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    fleet.stage.pass(Duration::from_secs(HOUR));
}

/// A clock that was wrong is set right in the same process: by it, the key has become younger.
#[tokio::test]
async fn a_client_counts_the_age_of_a_key_whatever_its_clock_is_set_to() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let clock = Ahead::of(&stage.time, 5 * HOUR);
        let flowlix = restarted_with(&stage, |builder| {
            builder.journal(journal.clone()).runtime(clock.clone())
        });
        lose_the_answer(&stage, &flowlix).await;
        clock.set_back();
        stage.pass(Duration::from_secs(24 * HOUR));
        let error = pay(&flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}
