//! Refunds: refused before they are sent where they cannot succeed, and waited for, in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, SystemTime};

use common::{DIALECTS, Stage, THREE_D_SECURE};
use flowlix_ext::call::history::StopReason;
use flowlix_ext::decline::Advice;
use flowlix_ext::journal::{
    Journal, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope, Unsettled,
};
use flowlix_ext::model::{Payment, Refund};
use flowlix_ext::refunds::{CreateRefund, RefundCreated, RefundSettled};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, Flowlix, IdempotencyKey, Money, PaymentExt, Settled};
use flowlix_sandbox::{Dialect, Fault, Operation};

const DAY: u64 = 24 * 60 * 60;

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::derive("refund", ["order-1234", name]).unwrap()
}

/// A refund of part of a charged payment.
async fn refunded(stage: &Stage) -> (Payment, Refund) {
    let payment = stage.charged().await;
    let create = stage.flowlix.refunds().create(&payment.id);
    let created = create.amount(10_00).reason("late").await.unwrap();
    (payment, created.refund.clone().unwrap())
}

fn fields(error: &Error) -> Vec<&str> {
    assert!(error.is_invalid_request(), "{error}");
    let violations = error.violations().iter();
    violations.map(|found| found.field.as_str()).collect()
}

#[tokio::test]
async fn a_refund_is_waited_for() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (payment, refund) = refunded(&stage).await;
        let before = stage.time.delays().len();
        let wait = stage.flowlix.refunds().wait(&payment.id, &refund.id);
        let RefundSettled::Succeeded(settled) = wait.await.unwrap() else {
            panic!("not refunded");
        };
        assert_eq!((settled.id, settled.amount), (refund.id, 10_00));
        assert_eq!(settled.payment_id, Some(payment.id));
        assert_eq!(
            stage.time.delays()[before],
            Duration::from_secs(2),
            "the pace of payments"
        );
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 10_00);
    }
}

#[tokio::test]
async fn a_refund_that_fails_says_why() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (payment, refund) = refunded(&stage).await;
        stage.sandbox.fail_refund(refund.id.as_str()).unwrap();
        let wait = stage.flowlix.refunds().wait(&payment.id, &refund.id);
        let settled = wait.await.unwrap();
        assert_eq!(settled.refund().id, refund.id);
        let RefundSettled::Failed(failed) = settled else {
            panic!("not failed");
        };
        let decline = failed.decline();
        assert_eq!(decline.code().unwrap().as_str(), "generic_decline");
        assert_eq!(decline.advice(), Advice::RefundAgain);
        let text = decline.customer_message();
        assert!(text.contains("refund") && !text.contains("card"), "{text}");
        assert_eq!(failed.into_refund().payment_id, Some(payment.id));
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 0);
    }
}

#[tokio::test]
async fn each_refund_has_an_end_of_its_own() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (payment, first) = refunded(&stage).await;
        let create = stage.flowlix.refunds().create(&payment.id);
        let second = create.amount(5_00).reason("damaged").await.unwrap();
        let second = second.refund.clone().unwrap();
        stage.sandbox.fail_refund(first.id.as_str()).unwrap();
        let wait = |refund: &Refund| stage.flowlix.refunds().wait(&payment.id, &refund.id);
        let settled = wait(&second).await.unwrap();
        assert!(matches!(settled, RefundSettled::Succeeded(_)));
        assert_eq!(settled.refund().amount, 5_00);
        let settled = wait(&first).await.unwrap();
        assert!(matches!(settled, RefundSettled::Failed(_)));
    }
}

#[tokio::test]
async fn passing_trouble_does_not_end_the_wait_for_a_refund() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (payment, refund) = refunded(&stage).await;
        let not_there_yet = Fault::patch(serde_json::json!({ "refunds": [] }));
        let new = Fault::alter(|body| body["refunds"][0]["status"] = "reviewing".into());
        for fault in [Fault::status(503), Fault::Garbage, not_there_yet, new] {
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 5);
        }
        let wait = stage.flowlix.refunds().wait(&payment.id, &refund.id);
        assert!(matches!(wait.await.unwrap(), RefundSettled::Succeeded(_)));
        assert_eq!(stage.sandbox.pending_faults(), 0);
    }
}

#[tokio::test]
async fn a_wait_for_a_refund_that_runs_out_of_time_tells_how_far_it_came() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (payment, refund) = refunded(&stage).await;
        let wait = || {
            let refunds = stage.flowlix.refunds();
            refunds
                .wait(&payment.id, &refund.id)
                .deadline(Duration::from_secs(30))
        };
        let pending = Fault::alter(|body| body["refunds"][0]["status"] = "pending".into());
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, pending, 9999);
        let error = wait().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert_eq!(progress.elapsed, Duration::from_secs(28));
        assert_eq!(progress.last_refund().unwrap().id, refund.id);
        let expected = format!(
            "refund {} of payment {} is still PENDING after {} looks",
            refund.id, payment.id, progress.polls
        );
        assert!(error.to_string().contains(&expected), "{error}");

        stage.sandbox.clear_faults();
        let gone = Fault::patch(serde_json::json!({ "refunds": [] }));
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, gone, 9999);
        let error = wait().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("not among the payment's refunds"),
            "{error}"
        );

        stage.sandbox.clear_faults();
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(404), 1);
        let error = wait().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.wait_progress().unwrap().polls, 1);
    }
}

#[tokio::test]
async fn what_a_known_payment_rules_out_is_named_at_once_and_not_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let pending = stage.create().await.unwrap();
        let later = ManualTime::START + 181 * DAY;
        let time = ManualTime::automatic()
            .starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(later));
        let flowlix = Flowlix::builder(stage.sandbox.key(dialect))
            .base_url(stage.sandbox.base_url())
            .runtime(time)
            .build()
            .unwrap();
        let requests = stage.sandbox.requests().len();
        let error = flowlix.refunds().of(&pending).amount(50_00).await;
        let error = error.unwrap_err();
        let mut named = fields(&error);
        named.sort_unstable();
        let expected: &[&str] = match dialect {
            Dialect::SnakeCase => &["amount", "payment_id", "payment_id", "reason"],
            Dialect::Uppercase => &["amount", "payment_id", "payment_id"],
        };
        assert_eq!(named, expected);
        let text = error.to_string();
        for problem in ["is PENDING", "180 days", "4999 minor units"] {
            assert!(text.contains(problem), "{problem} in {text}");
        }
        assert_eq!(stage.sandbox.requests().len(), requests);
    }
}

#[tokio::test]
async fn a_known_payment_is_refunded_in_part_and_the_rest_without_another_request() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let before = stage.sandbox.requests().len();
        let of = |payment: &Payment| stage.flowlix.refunds().of(payment).reason("late");
        of(&payment).amount(10_00).await.unwrap();
        assert_eq!(stage.sandbox.requests().len(), before + 1);

        let payment = stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        let rest = of(&payment).amount(1).remaining().await.unwrap();
        assert_eq!(rest.refund.as_ref().unwrap().amount, 39_99);
        assert_eq!(stage.sandbox.requests().len(), before + 3);

        let payment = stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        for nothing_left in [of(&payment), of(&payment).amount(1)] {
            assert_eq!(fields(&nothing_left.await.unwrap_err()), ["amount"]);
        }
        assert_eq!(stage.sandbox.requests().len(), before + 4);
        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 49_99);
    }
}

#[tokio::test]
async fn checking_first_reads_the_payment_anew() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let stale = stage.charged().await;
        let all = || stage.flowlix.refunds().of(&stale).reason("late");
        all().amount(49_99).await.unwrap();
        let posts = stage.posts().len();
        // What was read before the refund allows another one; Flowlix does not.
        let error = all().amount(49_99).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(!error.may_have_taken_effect());
        assert_eq!(stage.posts().len(), posts + 1);

        let gets = stage.sandbox.requests().len();
        let error = all().amount(49_99).check_first().await.unwrap_err();
        assert_eq!(fields(&error), ["amount"]);
        assert_eq!(stage.posts().len(), posts + 1);
        assert_eq!(stage.sandbox.requests().len(), gets + 1);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn a_check_does_not_keep_a_repeat_from_settling_what_is_unknown() {
    for dialect in DIALECTS {
        for amount in [10_00, 49_99] {
            let stage = Stage::new(dialect).await;
            let payment = stage.charged().await;
            let refund = |key: Option<IdempotencyKey>| {
                let create = stage.flowlix.refunds().create(&payment.id);
                let create = create.amount(amount).reason("late").check_first();
                let create: CreateRefund = create.max_attempts(1);
                match key {
                    Some(key) => create.idempotency_key(key),
                    None => create,
                }
            };
            stage
                .sandbox
                .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
            let error = refund(Some(key("a"))).await.unwrap_err();
            assert!(error.outcome_unknown());
            stage.sandbox.settle();
            let settled = refund(Some(key("a"))).await.unwrap();
            assert_eq!(settled.refund.as_ref().unwrap().amount, amount);
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);

            // The same again under another key is no repeat: what is left decides.
            let again = refund(Some(key("b"))).amount(50_00).await.unwrap_err();
            assert_eq!(fields(&again), ["amount"]);
            if amount == 49_99 {
                assert_eq!(fields(&refund(None).await.unwrap_err()), ["amount"]);
            }
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        }
    }
}

#[tokio::test]
async fn a_refund_on_the_last_day_is_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        // The clock of this machine may be ahead by up to an hour.
        stage.time.advance(Duration::from_secs(180 * DAY + 59 * 60));
        let refund = |payment: &Payment| {
            let refunds = stage.flowlix.refunds();
            refunds.of(payment).amount(1).reason("late")
        };
        refund(&payment).await.unwrap();
        stage.time.advance(Duration::from_secs(60 * 60));
        let error = refund(&payment).await.unwrap_err();
        assert_eq!(fields(&error), ["payment_id"]);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn all_that_is_left_of_a_payment_that_did_not_succeed_is_refused_for_that_reason() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let pending = stage.create_with(THREE_D_SECURE).await.unwrap();
        let refunds = stage.flowlix.refunds();
        let of = refunds.of(&pending).reason("late").await.unwrap_err();
        let waiting = stage.flowlix.payments().wait(&pending.id).await.unwrap();
        assert!(matches!(waiting, Settled::RequiresAction(_)));
        let checked = refunds.create(&pending.id).reason("late").check_first();
        let checked = checked.idempotency_key(key("pending")).await.unwrap_err();
        for (error, state) in [(of, "is PENDING"), (checked, "is REQUIRES_ACTION")] {
            assert_eq!(fields(&error), ["payment_id"]);
            assert!(error.to_string().contains(state), "{error}");
        }
        assert_eq!(stage.posts().len(), 1);
    }
}

#[tokio::test]
async fn what_is_left_is_not_guessed_where_flowlix_does_not_say_it() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let mut payment = stage.charged().await;
    payment.amount_refundable = None;
    let refund = |payment: &Payment| stage.flowlix.refunds().of(payment);
    let error = refund(&payment).await.unwrap_err();
    assert_eq!(fields(&error), ["amount"]);
    assert!(error.to_string().contains("did not say"), "{error}");
    assert!(stage.sandbox.ledger().refunds().next().is_none());
    // What the refunds leave is no guess when it is nothing, and an amount needs none.
    payment.amount_refunded = Some(payment.amount);
    let error = refund(&payment).await.unwrap_err();
    assert_eq!(fields(&error), ["amount"]);
    assert!(error.to_string().contains("nothing of the payment"));
    payment.amount_refunded = None;
    refund(&payment).amount(1).await.unwrap();
}

/// Uppercase alone: the other dialect computes what is left itself.
#[tokio::test]
async fn a_repeat_never_refunds_another_amount_than_the_first_call_did() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let payment = stage.charged().await;
    let refund = |name: &str| {
        let create = stage.flowlix.refunds().create(&payment.id);
        create.idempotency_key(key(name)).max_attempts(1)
    };
    refund("part").amount(10_00).await.unwrap();
    stage
        .sandbox
        .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
    let lost = refund("rest").await.unwrap_err();
    assert!(lost.outcome_unknown());
    assert_eq!(lost.refund_amount(), Some(39_99));

    // Nothing is left, so a repeat without the amount cannot be said, and tells how to say it.
    let error = refund("rest").await.unwrap_err();
    assert_eq!(fields(&error), ["amount"]);
    assert!(error.to_string().contains("repeat that with its amount"));
    // Something else is left now, under the same key.
    let freed = Fault::patch(serde_json::json!({ "amount_refundable": 10_00 }));
    stage
        .sandbox
        .inject_at(Operation::RetrievePayment, freed, 1);
    let error = refund("rest").await.unwrap_err();
    assert!(
        error.is_key_reused() && error.may_have_taken_effect(),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "of the first call");
    assert_eq!(error.refund_amount(), Some(10_00));
    let settled = refund("rest").amount(39_99).await.unwrap();
    assert_eq!(settled.refund.as_ref().unwrap().amount, 39_99);
    assert_eq!(stage.sandbox.ledger().refunds().count(), 2);
}

#[tokio::test]
async fn a_journal_takes_a_repeat_with_the_amount_or_without_it() {
    for dialect in DIALECTS {
        for named in [false, true] {
            let journal = MemoryJournal::new();
            let stage = Stage::with(dialect, |builder| builder.journal(journal)).await;
            let payment = stage.charged().await;
            let refund = || {
                let create = stage.flowlix.refunds().create(&payment.id);
                create.reason("late").idempotency_key(key("rest"))
            };
            stage
                .sandbox
                .inject_at(Operation::Refund, Fault::LoseAnswer, 4);
            let lost = refund().await.unwrap_err();
            assert!(lost.outcome_unknown());
            let repeat = match lost.refund_amount() {
                Some(amount) if named => refund().amount(amount),
                _ => refund(),
            };
            let settled = repeat.await.unwrap();
            assert_eq!(settled.refund.as_ref().unwrap().amount, 49_99);
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);

            // Another amount is another request.
            let error = refund().amount(1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::KeyReused);
            assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        }
    }
}

#[tokio::test]
async fn who_reads_while_another_refunds_under_the_same_key_gets_that_refund() {
    for dialect in DIALECTS {
        let journal = MemoryJournal::new();
        let stage = Stage::with(dialect, |builder| builder.journal(journal)).await;
        let payment = stage.charged().await;
        let refund = || {
            let create = stage.flowlix.refunds().create(&payment.id).reason("late");
            create.idempotency_key(key("rest")).check_first()
        };
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::StallAnswer, 1);
        let slow = tokio::spawn(refund().send());
        // Real time only so that a refund that does not read fails this test instead of hanging it.
        let reading = stage.sandbox.wait_for_stalled(1);
        let reading = tokio::time::timeout(Duration::from_secs(10), reading);
        reading.await.unwrap();
        let first = refund().await.unwrap();
        // By the time that the slow one reads, nothing is left.
        let nothing = serde_json::json!({ "amount_refundable": 0, "status": "refunded" });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::patch(nothing), 1);
        stage.time.advance(Duration::from_secs(20));
        let second = slow.await.unwrap().unwrap();
        assert_eq!(second.refund, first.refund);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_made_sends_no_refund() {
    for dialect in DIALECTS {
        for (status, kind) in [
            (503, ErrorKind::Unavailable),
            (401, ErrorKind::Authentication),
            (404, ErrorKind::NotFound),
        ] {
            let stage = Stage::new(dialect).await;
            let payment = stage.charged().await;
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, Fault::status(status), 9);
            let refund = stage.flowlix.refunds().create(&payment.id);
            let error = refund.reason("late").check_first().await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(!error.may_have_taken_effect());
            assert_eq!(stage.posts().len(), 1, "the payment's");
            assert!(stage.sandbox.ledger().refunds().next().is_none());
        }
    }
}

#[tokio::test]
async fn reading_the_payment_counts_into_the_time_of_the_whole_call() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let slow = Fault::status_retry_after(503, "40");
        stage.sandbox.inject_at(Operation::RetrievePayment, slow, 1);
        let slow = Fault::status_retry_after(503, "30");
        stage.sandbox.inject_at(Operation::Refund, slow, 1);
        let before: Duration = stage.time.delays().iter().sum();
        let refund = stage.flowlix.refunds().create(&payment.id).reason("late");
        let error = refund.check_first().await.unwrap_err();
        let stop = error.stop_reason();
        assert!(matches!(stop, Some(StopReason::Deadline { .. })), "{error}");
        let took: Duration = stage.time.delays().iter().sum();
        assert_eq!(took - before, Duration::from_secs(40));
        assert_eq!(stage.sandbox.ledger().refunds().count(), 0);
    }
}

/// A journal that takes its time to say what it knows.
struct Slow(MemoryJournal, ManualTime);

impl Journal for Slow {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.0.secret(proposal)
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.1.advance(Duration::from_secs(25));
        self.0.load(id)
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        self.0.store(record)
    }
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        self.0.unsettled(scope, after, limit)
    }
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.0.prune(scope, changed_before)
    }
}

#[tokio::test]
async fn asking_the_journal_counts_into_the_time_of_the_whole_call() {
    for dialect in DIALECTS {
        let time = ManualTime::automatic();
        let journal = Slow(MemoryJournal::new(), time.clone());
        let stage = Stage::with(dialect, |builder| {
            builder.journal(journal).runtime(time.clone())
        })
        .await;
        let payment = stage.charged().await;
        let slow = Fault::status_retry_after(503, "40");
        stage.sandbox.inject_at(Operation::RetrievePayment, slow, 1);
        let refund = stage.flowlix.refunds().create(&payment.id).reason("late");
        let error = refund.check_first().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let stop = error.stop_reason();
        assert!(matches!(stop, Some(StopReason::Deadline { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_refund_that_does_not_name_its_payment_is_told_with_it() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let unnamed = Fault::alter(|body| {
            if let Some(refund) = body.as_object_mut() {
                refund.remove("payment_id");
            }
        });
        stage.sandbox.inject_at(Operation::Refund, unnamed, 1);
        let create = stage.flowlix.refunds().create(&payment.id).reason("late");
        let created = create.await.unwrap();
        assert_eq!(created.payment_id, payment.id);
        let refund = created.refund.clone().unwrap();
        assert_eq!(refund.payment_id, Some(payment.id));
    }
}

#[tokio::test]
async fn refunds_at_the_same_time_never_give_back_more_than_was_paid() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let refunding: Vec<_> = (1..=9)
            .map(|part| {
                let create = stage.flowlix.refunds().create(&payment.id);
                let create = create.reason(format!("part {part}")).check_first();
                let create = match part {
                    9 => create,
                    part => create.amount(10_00 + part),
                };
                tokio::spawn(create.send())
            })
            .collect();
        let (mut refunded, mut refused) = (0, 0);
        for refund in refunding {
            match refund.await.unwrap() {
                Ok(_) => refunded += 1,
                Err(error) => {
                    assert!(!error.may_have_taken_effect(), "{error}");
                    refused += 1;
                }
            }
        }
        stage.sandbox.settle();
        let ledger = stage.sandbox.ledger();
        assert_eq!(ledger.refunds().count(), refunded);
        assert!(refused > 0);
        assert!(ledger.amount_refunded() <= 49_99);
        assert_eq!(ledger.charges(), 1);
    }
}

#[tokio::test]
async fn what_can_be_refunded_is_told_alike_in_both_dialects() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let read = async |payment: &Payment| stage.flowlix.payments().retrieve(&payment.id).await;
        let created = stage.create().await.unwrap();
        assert_eq!(created.refundable(), Some(Money::eur(0)), "not yet charged");
        let payment = stage.charged().await;
        assert_eq!(payment.refundable(), Some(Money::eur(49_99)));

        let refund = async |amount, name| {
            let create = stage.flowlix.refunds().create(&payment.id).amount(amount);
            let create = create.reason("late").idempotency_key(key(name));
            create.await.unwrap().refund.clone().unwrap()
        };
        let first = refund(10_00, "first").await;
        stage.sandbox.fail_refund(first.id.as_str()).unwrap();
        let left = read(&payment).await.unwrap().refundable();
        assert_eq!(left, Some(Money::eur(49_99)), "what failed counts not");
        let second = refund(5_00, "second").await;
        assert_eq!(second.status.as_str(), "PENDING");
        let left = read(&payment).await.unwrap().refundable();
        assert_eq!(left, Some(Money::eur(44_99)));
        refund(44_99, "rest").await;
        stage.sandbox.settle();
        let left = read(&payment).await.unwrap().refundable();
        assert_eq!(left, Some(Money::eur(0)));
    }
}

/// One of several refunds that look alike.
fn alike(create: CreateRefund) -> CreateRefund {
    create.amount(10_00).reason("late")
}

/// What a call says which refund it made. The uppercase dialect always says it.
fn told(stage: &Stage, created: &RefundCreated) -> Option<String> {
    let told = created.refund.as_ref().map(|refund| refund.id.to_string());
    assert!(told.is_some() || stage.dialect == Dialect::SnakeCase);
    told
}

/// The refund that the call says it made is this one, where that can be told in both dialects.
fn assert_told(stage: &Stage, created: &RefundCreated, refund: &Refund) {
    let expected = Some(refund.id.to_string());
    assert_eq!(told(stage, created), expected, "{:?}", created.payment);
}

/// Nothing is guessed where it cannot be told.
fn assert_not_told(stage: &Stage, created: &RefundCreated) {
    let is_told = told(stage, created).is_some();
    assert_eq!(is_told, stage.dialect == Dialect::Uppercase, "{created:?}");
}

async fn read(stage: &Stage, payment: &Payment) -> Payment {
    let read = stage.flowlix.payments().retrieve(&payment.id).await;
    read.unwrap().into_inner()
}

async fn last_refund(stage: &Stage, payment: &Payment) -> Refund {
    read(stage, payment).await.refunds.pop().unwrap()
}

#[tokio::test]
async fn of_equal_refunds_the_new_one_is_told_where_the_payment_was_known_before() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let refunds = stage.flowlix.refunds();
        let payment = stage.charged().await;
        alike(refunds.of(&payment)).await.unwrap();
        let unknown = alike(refunds.create(&payment.id)).await.unwrap();
        assert_not_told(&stage, &unknown);

        let known = read(&stage, &payment).await;
        let created = alike(refunds.of(&known)).await.unwrap();
        assert_told(&stage, &created, &last_refund(&stage, &payment).await);
        // The first answer is lost: the key is this call's own all the same.
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
        let checked = alike(refunds.create(&payment.id)).check_first();
        let created = checked.idempotency_key(key("return-4")).await.unwrap();
        assert_eq!(created.receipt().history().len(), 2);
        assert_told(&stage, &created, &last_refund(&stage, &payment).await);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 4);
    }
}

#[tokio::test]
async fn where_others_have_refunded_alike_since_nothing_is_guessed() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let refunds = stage.flowlix.refunds();
        let payment = stage.charged().await;
        // It was read before another's refund.
        alike(refunds.create(&payment.id)).await.unwrap();
        let created = alike(refunds.of(&payment)).await.unwrap();
        assert_not_told(&stage, &created);

        // Another's refund comes while ours is on its way.
        let ours = alike(refunds.create(&payment.id)).check_first();
        stage.sandbox.inject_at(Operation::Refund, Fault::Stall, 1);
        let ours = tokio::spawn(ours.send());
        stage.sandbox.wait_for_stalled(1).await;
        alike(refunds.create(&payment.id)).await.unwrap();
        stage.sandbox.release_stalled();
        assert_not_told(&stage, &ours.await.unwrap().unwrap());
        assert_eq!(stage.sandbox.ledger().refunds().count(), 4);
    }
}

#[tokio::test]
async fn a_stored_answer_is_told_by_what_it_holds_whatever_came_after_it() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let refunds = stage.flowlix.refunds();
        let payment = stage.charged().await;
        let ours = |known: &Payment, key| alike(refunds.of(known)).idempotency_key(key);
        ours(&payment, key("return-1")).await.unwrap();
        let refund = last_refund(&stage, &payment).await;
        let known = read(&stage, &payment).await;
        alike(refunds.create(&payment.id)).await.unwrap();
        let later = read(&stage, &payment).await;
        let in_doubt = key("return-1").with_created_at(stage.time.now());
        for known in [&payment, &known, &later] {
            for key in [key("return-1"), in_doubt.clone()] {
                let repeated = ours(known, key).await.unwrap();
                assert_told(&stage, &repeated, &refund);
            }
        }
        // With a twin in it, the stored answer tells nothing to who read the payment after it.
        ours(&later, key("return-3")).await.unwrap();
        let known = read(&stage, &payment).await;
        let repeated = ours(&known, key("return-3")).await.unwrap();
        assert_not_told(&stage, &repeated);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 3);
    }
}

/// Ours was made, and is not answered yet, when the payment is read; then another's comes, and then our answer.
#[tokio::test]
async fn under_a_key_that_may_have_been_used_another_new_refund_is_not_taken_for_ours() {
    for in_flight in [false, true] {
        let stage = Stage::new(Dialect::SnakeCase).await;
        let refunds = stage.flowlix.refunds();
        let payment = stage.charged().await;
        let refund = Operation::Refund;
        let ours = |key| refunds.create(&payment.id).idempotency_key(key);
        stage.sandbox.inject_at(refund, Fault::LoseAnswer, 1);
        let lost = alike(ours(key("a"))).max_attempts(1).await.unwrap_err();
        let doubted = lost.idempotency_key().unwrap().clone();
        let key = if in_flight { key("a") } else { doubted };
        if in_flight {
            stage.sandbox.inject_at(refund, Fault::in_flight(), 1);
        }
        let anothers = Fault::alter(|payment| {
            let mut another = payment["refunds"][0].clone();
            another["id"] = "another".into();
            payment["refunds"].as_array_mut().unwrap().push(another);
        });
        stage.sandbox.inject_at(refund, anothers, 1);
        let again = alike(ours(key.clone())).check_first().await.unwrap();
        assert_not_told(&stage, &again);
        let settled = alike(ours(key)).check_first().await.unwrap();
        assert_told(&stage, &settled, &last_refund(&stage, &payment).await);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn a_journal_keeps_which_refund_was_told_and_tells_no_more_after_a_doubt() {
    for dialect in DIALECTS {
        for lost in [false, true] {
            let journal = MemoryJournal::new();
            let stage = Stage::with(dialect, |builder| builder.journal(journal)).await;
            let refunds = stage.flowlix.refunds();
            let payment = stage.charged().await;
            alike(refunds.create(&payment.id)).await.unwrap();
            let known = read(&stage, &payment).await;
            let ours = || alike(refunds.of(&known)).idempotency_key(key("return-2"));
            if lost {
                stage
                    .sandbox
                    .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
                let error = ours().max_attempts(1).await.unwrap_err();
                assert!(error.outcome_unknown());
            }
            let created = ours().await.unwrap();
            if lost {
                assert_not_told(&stage, &created);
            } else {
                assert_told(&stage, &created, &last_refund(&stage, &payment).await);
            }
            let again = ours().await.unwrap();
            assert!(again.receipt().is_from_journal());
            assert_eq!(*again, *created);
            assert!(stage.flowlix.recover().await.unwrap().writes.is_empty());
            assert_eq!(stage.sandbox.ledger().refunds().count(), 2);
        }
    }
}
