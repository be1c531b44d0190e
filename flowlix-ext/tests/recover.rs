//! After a crash: what became of every write, found without the card, and never guessed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::journal::{
    Death, Dying, FAILURES, Meanwhile, Moment, crash, key, pay, restarted, restarted_with, stage,
    the_record,
};
use common::{DECLINED, DIALECTS, Stage, VISA, card};
use flowlix_ext::journal::{Doubt, MemoryJournal, Recovered, State, Truth};
use flowlix_ext::model::{Payment, PaymentId, PaymentStatus};
use flowlix_ext::refunds::CreateRefund;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{ErrorKind, Flowlix, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use serde_json::{Value, json};

/// Long enough after a call for absence to be certain.
const LATER: Duration = Duration::from_secs(27 * 60);

/// The one write that is not settled, and the truth about it. Finding out only reads.
async fn the_truth(flowlix: &Flowlix, stage: &Stage) -> Truth {
    let posts = stage.posts().len();
    let mut recovery = flowlix.recover().await.unwrap();
    assert_eq!(recovery.writes.len(), 1, "{:?}", recovery.writes);
    assert_eq!(stage.posts().len(), posts, "recovery sends no write");
    let Recovered {
        truth,
        journal_error,
        ..
    } = recovery.writes.remove(0);
    assert!(journal_error.is_none());
    let is_unknown = matches!(truth, Truth::StillUnknown(_));
    assert_eq!(
        is_unknown,
        flowlix.recover().await.unwrap().writes.len() == 1
    );
    truth
}

async fn lose_the_answer(stage: &Stage) {
    let operation = Operation::CreateDirectPayment;
    stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
    let error = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
}

#[tokio::test]
async fn a_crash_before_sending_is_not_charged_once_that_is_certain() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
        crash(&stage, &journal, pay(&dying).send()).await;

        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(matches!(
            truth,
            Truth::StillUnknown(Doubt::StillSending { .. })
        ));
        assert_eq!(
            truth.to_string(),
            "still unknown: it may be being sent right now, until Mon, 01 Jul 2024 00:01:05 GMT"
        );
        stage.pass(Duration::from_secs(65));
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(
            truth
                .to_string()
                .ends_with(" on its way until Mon, 01 Jul 2024 00:26:05 GMT"),
            "{truth}"
        );
        let Truth::StillUnknown(Doubt::TooEarly { certain_from }) = truth else {
            panic!("{truth}");
        };
        let start = std::time::UNIX_EPOCH + Duration::from_secs(1_719_792_000);
        // Ten minutes for what is under way, fifteen for clocks that differ.
        assert_eq!(certain_from, start + Duration::from_secs(65 + 25 * 60));
        stage.pass(Duration::from_secs(25 * 60 - 1));
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(matches!(truth, Truth::StillUnknown(Doubt::TooEarly { .. })));
        stage.pass(Duration::from_secs(1));
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::NotCharged(None));
        assert_eq!(stage.payments_and_charges(), (0, 0));

        // The order may be paid now, with the same key or another.
        assert!(pay(&stage.flowlix).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_at_once_and_charged_once() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        lose_the_answer(&stage).await;
        stage.sandbox.settle();
        let after_restart = restarted(&stage, journal.clone());
        let truth = the_truth(&after_restart, &stage).await;
        let Truth::Charged(payment) = truth else {
            panic!("{truth}");
        };
        assert_eq!(payment.status, PaymentStatus::Succeeded);
        let known = pay(&after_restart).await.unwrap();
        assert!(known.receipt().is_from_journal());
        assert_eq!(known.id, payment.id);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn an_outcome_that_was_not_stored_is_found() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 2, Death::Fails));
        let payment = pay(&dying).await.unwrap();
        stage.sandbox.settle();
        stage.pass(Duration::from_secs(65));
        let truth = the_truth(&stage.flowlix, &stage).await;
        let Truth::Charged(found) = truth else {
            panic!("{truth}");
        };
        assert_eq!(found.id, payment.id);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_payment_on_its_way_or_declined_is_told_as_that() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let create = |number: &str, key: &str| {
            stage
                .create_with(number)
                .idempotency_key(IdempotencyKey::custom(key).unwrap())
                .max_attempts(1)
        };
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let _ = create(DECLINED, "a").await.unwrap_err();
        stage.sandbox.settle();
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let _ = create(common::THREE_D_SECURE, "b").await.unwrap_err();
        let recovery = restarted(&stage, journal).recover().await.unwrap();
        let truths: Vec<&Truth> = recovery.writes.iter().map(|write| &write.truth).collect();
        assert!(
            matches!(truths[0], Truth::NotCharged(Some(payment)) if payment.status == PaymentStatus::Failed)
        );
        assert!(matches!(truths[1], Truth::PaymentInProgress(_)));
        assert!(recovery.is_complete());
        assert_eq!(stage.payments_and_charges().1, 0);
    }
}

#[tokio::test]
async fn the_right_payment_is_found_among_many_that_look_the_same() {
    for dialect in DIALECTS {
        let sandbox = Sandbox::builder().short_pages(3).start().await.unwrap();
        let journal = Arc::new(MemoryJournal::new());
        let stage = Stage::on(sandbox, dialect, |builder| builder.journal(journal.clone()));
        let without_journal = restarted_with(&stage, |builder| builder);
        let mut lost = Vec::new();
        for number in 0..12 {
            let other = without_journal
                .payments()
                .create_direct(Money::eur(49_99), card(VISA))
                .return_url("https://shop.example.com/3ds");
            other.await.unwrap();
            let key = IdempotencyKey::custom(format!("order-{number:02}")).unwrap();
            let create = stage.create().idempotency_key(key).max_attempts(1);
            if number % 2 == 0 {
                create.await.unwrap();
            } else {
                let operation = Operation::CreateDirectPayment;
                stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
                let _ = create.await.unwrap_err();
                lost.push(format!("order-{number:02}"));
            }
        }
        stage.sandbox.settle();
        let recovery = restarted(&stage, journal).recover().await.unwrap();
        let ledger = stage.sandbox.ledger();
        let mut found = Vec::new();
        for write in &recovery.writes {
            let Truth::Charged(payment) = &write.truth else {
                panic!("{write}");
            };
            let booked = ledger.payment(payment.id.as_str()).unwrap();
            assert_eq!(
                booked.idempotency_key.as_deref(),
                Some(write.record.id.key.as_str())
            );
            found.push(write.record.id.key.clone());
        }
        assert_eq!(found, lost);
        assert_eq!(ledger.charges(), 24);
    }
}

async fn charged(stage: &Stage) -> Payment {
    let payment = pay(&stage.flowlix).await.unwrap();
    stage.sandbox.settle();
    payment.into_inner()
}

fn refund(flowlix: &Flowlix, payment: &Payment) -> CreateRefund {
    flowlix
        .refunds()
        .create(&payment.id)
        .amount(10_00)
        .reason("late")
        .idempotency_key(IdempotencyKey::custom("refund-1234").unwrap())
}

#[tokio::test]
async fn a_lost_refund_is_found_by_its_stamp_or_named_as_alike() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = charged(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
        let error = refund(&stage.flowlix, &payment).max_attempts(1).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        stage.sandbox.settle();
        let later = restarted(&stage, journal);
        let truth = the_truth(&later, &stage).await;
        match (dialect, truth) {
            (Dialect::Uppercase, Truth::Refunded(refund)) => assert_eq!(refund.amount, 10_00),
            (Dialect::SnakeCase, Truth::StillUnknown(Doubt::RefundsLookTheSame { refunds })) => {
                assert_eq!(refunds.len(), 1);
            }
            (_, other) => panic!("{other}"),
        }
        // The key settles it in either dialect, and needs no card.
        let created = refund(&later, &payment).await.unwrap();
        assert_eq!(created.refund.as_ref().unwrap().amount, 10_00);
        let from_journal = created.receipt().is_from_journal();
        assert_eq!(from_journal, dialect == Dialect::Uppercase);
        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        assert!(later.recover().await.unwrap().writes.is_empty());
    }
}

#[tokio::test]
async fn a_refund_that_never_arrived_is_not_refunded_whatever_else_was() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = charged(&stage).await;
        let other = IdempotencyKey::custom("refund-0").unwrap();
        let earlier = refund(&stage.flowlix, &payment).amount(5_00);
        earlier.idempotency_key(other).await.unwrap();
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::status(500), 1);
        let error = refund(&stage.flowlix, &payment).max_attempts(1).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        let later = restarted(&stage, journal);
        let truth = the_truth(&later, &stage).await;
        assert!(matches!(truth, Truth::StillUnknown(Doubt::TooEarly { .. })));
        stage.pass(LATER);
        assert_eq!(the_truth(&later, &stage).await, Truth::NotRefunded(None));
    }
}

/// Changes each payment of the list's answers that are to come.
fn alter_list(stage: &Stage, change: impl Fn(&mut Value) + Send + Sync + 'static) {
    let fault = Fault::alter(move |list| {
        for payment in list["data"].as_array_mut().into_iter().flatten() {
            change(payment);
        }
    });
    stage.sandbox.inject_at(Operation::ListPayments, fault, 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_never_taken_for_absent() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        lose_the_answer(&stage).await;
        stage.pass(LATER);
        alter_list(&stage, |payment| payment["amount"] = json!("a lot"));
        let truth = the_truth(&stage.flowlix, &stage).await;
        let Truth::StillUnknown(Doubt::Unreadable { payment }) = truth else {
            panic!("{truth}");
        };
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        assert_eq!(payment.unwrap().as_str(), id);

        alter_list(&stage, |payment| {
            payment["amount"] = json!("a lot");
            payment["metadata"] = Value::Null;
        });
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::StillUnknown(Doubt::ListIncomplete));
    }
}

#[tokio::test]
async fn a_list_that_fails_is_told_and_the_rest_reported() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let payment = charged(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::status(500), 1);
        let _ = refund(&stage.flowlix, &payment)
            .max_attempts(1)
            .await
            .unwrap_err();
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let other = IdempotencyKey::custom("order-2").unwrap();
        let lost = pay(&stage.flowlix).idempotency_key(other).max_attempts(1);
        let _ = lost.await.unwrap_err();
        stage.pass(LATER);
        stage
            .sandbox
            .inject_at(Operation::ListPayments, Fault::status(403), 1);
        let recovery = stage.flowlix.recover().await.unwrap();
        let truths: Vec<String> = recovery.writes.iter().map(ToString::to_string).collect();
        assert_eq!(truths.len(), 2);
        assert!(
            truths[0].starts_with(
                "create_direct_payment with key order-2: still unknown: Flowlix could not be asked: list_payments ["
            ),
            "{truths:?}"
        );
        assert_eq!(
            truths[1],
            "create_refund with key refund-1234: not refunded, there is no refund"
        );
        assert_eq!(recovery.still_unknown().count(), 1);
    }
}

#[tokio::test]
async fn a_recovery_asks_and_doubts_as_it_is_told() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let payment = charged(&stage).await;
        // Neither was done: the one is looked for in its payment, the other in the list.
        let unheard = Fault::status(500);
        stage
            .sandbox
            .inject_at(Operation::Refund, unheard.clone(), 1);
        let lost = refund(&stage.flowlix, &payment).max_attempts(1).await;
        assert!(lost.unwrap_err().outcome_unknown());
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, unheard.clone(), 1);
        let other = IdempotencyKey::custom("order-2").unwrap();
        let lost = pay(&stage.flowlix).idempotency_key(other).max_attempts(1);
        assert!(lost.await.unwrap_err().outcome_unknown());
        stage.pass(Duration::from_secs(15 * 60));

        let before = stage.sandbox.requests().len();
        for operation in [Operation::ListPayments, Operation::RetrievePayment] {
            stage.sandbox.inject_at(operation, unheard.clone(), 1);
        }
        let recover = || stage.flowlix.recover().header("X-Trace", "night");
        let recovery = recover().max_attempts(1).await.unwrap();
        for write in &recovery.writes {
            let told = write.truth.to_string();
            let why = "still unknown: Flowlix could not be asked: ";
            assert!(told.starts_with(why), "{told}");
        }
        let requests = stage.sandbox.requests().split_off(before);
        let traces = requests.iter().map(|request| request.header("x-trace"));
        assert_eq!(traces.collect::<Vec<_>>(), [Some("night"); 2]);

        let recovery = recover().await.unwrap();
        assert_eq!(
            recovery.still_unknown().count(),
            2,
            "10 minutes are missing"
        );
        let recovery = recover().certain_after(Duration::ZERO).await.unwrap();
        assert!(recovery.is_complete(), "{:?}", recovery.writes);
    }
}

/// What recovery names when the list shows a lost payment twice, the second time changed.
async fn the_twins(
    dialect: Dialect,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Vec<PaymentId> {
    let (stage, _) = stage(dialect).await;
    lose_the_answer(&stage).await;
    let fault = Fault::alter(move |list| {
        let mut twin = list["data"][0].clone();
        twin["id"] = json!("pay_twin");
        change(&mut twin);
        list["data"].as_array_mut().unwrap().push(twin);
    });
    stage.sandbox.inject_at(Operation::ListPayments, fault, 2);
    let truth = the_truth(&stage.flowlix, &stage).await;
    let Truth::StillUnknown(Doubt::Several { payments }) = truth else {
        panic!("{truth}");
    };
    payments
}

#[tokio::test]
async fn two_payments_with_one_stamp_are_named_not_chosen_from() {
    for dialect in DIALECTS {
        let payments = the_twins(dialect, |_| {}).await;
        assert_eq!(payments.len(), 2);
    }
}

/// A list that moves while it is read may do that.
#[tokio::test]
async fn a_payment_that_the_list_shows_twice_is_one() {
    for dialect in DIALECTS {
        for is_readable in [true, false] {
            let (stage, _) = stage(dialect).await;
            lose_the_answer(&stage).await;
            stage.sandbox.settle();
            let twice = Fault::alter(move |list| {
                if !is_readable {
                    list["data"][0]["amount"] = json!("a lot");
                }
                let again = list["data"][0].clone();
                list["data"].as_array_mut().unwrap().push(again);
            });
            stage.sandbox.inject_at(Operation::ListPayments, twice, 2);
            match (is_readable, the_truth(&stage.flowlix, &stage).await) {
                (true, Truth::Charged(_)) => {}
                (false, Truth::StillUnknown(Doubt::Unreadable { payment: Some(_) })) => {}
                (_, other) => panic!("{other}"),
            }
        }
    }
}

#[tokio::test]
async fn a_payment_that_was_given_back_since_was_charged() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        lose_the_answer(&stage).await;
        stage.sandbox.settle();
        let given_back = Fault::alter(|list| list["data"][0]["status"] = "refunded".into());
        let at = Operation::ListPayments;
        stage.sandbox.inject_at(at, given_back, 1);
        let truth = the_truth(&stage.flowlix, &stage).await;
        let Truth::Charged(payment) = truth else {
            panic!("{truth}");
        };
        assert_eq!(payment.status, PaymentStatus::Refunded);
    }
}

#[tokio::test]
async fn an_unstamped_payment_of_another_order_raises_none() {
    let (stage, journal) = stage(Dialect::Uppercase).await;
    let operation = Operation::CreateDirectPayment;
    stage.sandbox.inject_at(operation, Fault::status(500), 1);
    let lost = pay(&stage.flowlix).merchant_reference("ord_1234");
    let _ = lost.max_attempts(1).await.unwrap_err();
    restarted_with(&stage, |builder| builder)
        .payments()
        .create_direct(Money::eur(49_99), card(VISA))
        .merchant_reference("ord_1235")
        .await
        .unwrap();
    stage.pass(LATER);
    let truth = the_truth(&restarted(&stage, journal), &stage).await;
    assert_eq!(truth, Truth::NotCharged(None));
}

#[tokio::test]
async fn an_unstamped_payment_of_the_same_order_raises_a_doubt() {
    let (stage, journal) = stage(Dialect::Uppercase).await;
    let operation = Operation::CreateDirectPayment;
    stage.sandbox.inject_at(operation, Fault::status(500), 1);
    let lost = pay(&stage.flowlix).merchant_reference("ord_1234");
    let _ = lost.max_attempts(1).await.unwrap_err();
    let elsewhere = restarted_with(&stage, |builder| builder)
        .payments()
        .create_direct(Money::eur(49_99), card(VISA))
        .merchant_reference("ord_1234")
        .await
        .unwrap();
    stage.pass(LATER);
    let later = restarted(&stage, journal.clone());
    let truth = the_truth(&later, &stage).await;
    let payments = vec![elsewhere.id.clone()];
    let expected = Truth::StillUnknown(Doubt::PaymentsLookTheSame { payments });
    assert_eq!(truth, expected);
    assert_eq!(the_record(&*journal).await.state, State::InDoubt);
}

#[tokio::test]
async fn absence_under_another_api_key_or_dialect_proves_nothing() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let other_dialect = DIALECTS
            .into_iter()
            .find(|other| *other != dialect)
            .unwrap();
        let crashed = |account: Option<&'static str>| {
            let dying = Dying::new(&journal, 1, Death::Hangs);
            let builder = Flowlix::builder(&format!("{}Old", stage.sandbox.key(dialect)))
                .base_url(stage.sandbox.base_url())
                .runtime(stage.time.clone())
                .journal(dying);
            let builder = match account {
                Some(name) => builder.journal_account(name),
                None => builder,
            };
            builder.build().unwrap()
        };
        crash(&stage, &journal, pay(&crashed(None)).send()).await;
        stage.pass(LATER);
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::StillUnknown(Doubt::OtherApiKey));

        let before = journal.len();
        let task = tokio::spawn(pay(&crashed(Some("shop"))).send());
        while journal.len() == before {
            tokio::task::yield_now().await;
        }
        task.abort();
        stage.pass(LATER);
        let in_other_dialect = Flowlix::builder(stage.sandbox.key(other_dialect))
            .base_url(stage.sandbox.base_url())
            .runtime(stage.time.clone())
            .journal(journal.clone())
            .journal_account("shop")
            .build()
            .unwrap();
        let truth = the_truth(&in_other_dialect, &stage).await;
        assert_eq!(truth, Truth::StillUnknown(Doubt::OtherDialect));
        let named = restarted_with(&stage, |builder| {
            builder.journal(journal.clone()).journal_account("shop")
        });
        assert_eq!(the_truth(&named, &stage).await, Truth::NotCharged(None));
    }
}

/// What is on its way for as long as the recovery allows for, is looked for as late.
#[tokio::test]
async fn a_payment_that_came_into_being_late_is_found() {
    for dialect in DIALECTS {
        let two_hours = Some(Duration::from_secs(2 * 60 * 60));
        for (minutes, certain_after, is_told) in [
            (8, None, false),
            (60, two_hours, false),
            (60, two_hours, true),
        ] {
            let (stage, _journal) = stage(dialect).await;
            // Flowlix's clock is ahead of ours by what does no harm.
            stage.sandbox.clock().advance(Duration::from_secs(10 * 60));
            if is_told {
                assert!(stage.flowlix.payments().list().page().await.is_ok());
            }
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, Fault::Stall, 1);
            let sending = tokio::spawn(pay(&stage.flowlix).max_attempts(1).send());
            stage.sandbox.wait_for_stalled(1).await;
            stage.time.advance(Duration::from_secs(61));
            let error = sending.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            stage.pass(Duration::from_secs(minutes * 60));
            let before = stage.sandbox.ledger().payments().len();
            stage.sandbox.release_stalled();
            while stage.sandbox.ledger().payments().len() == before {
                tokio::task::yield_now().await;
            }
            stage.sandbox.settle();
            stage.pass(Duration::from_secs(4 * 60 * 60));
            let recover = stage.flowlix.recover();
            let recover = match certain_after {
                Some(quiet) => recover.certain_after(quiet),
                None => recover,
            };
            let truth = recover.await.unwrap().writes[0].truth.clone();
            assert!(matches!(truth, Truth::Charged(_)), "{minutes}: {truth}");
        }
    }
}

/// A gateway whose clock is slow speaks for itself.
#[tokio::test]
async fn a_date_that_is_not_flowlixs_sets_no_clock() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let operation = Operation::CreateDirectPayment;
        let date = [("date", "Sun, 30 Jun 2024 19:00:00 GMT")];
        let slow = Fault::raw(502, date, "<html>").after_commit();
        stage.sandbox.inject_at(operation, slow, 1);
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 3);
        let error = pay(&stage.flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(the_record(&*journal).await.seconds_ahead, None);
        stage.sandbox.settle();
        stage.pass(LATER);
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(matches!(truth, Truth::Charged(_)), "{truth}");
    }
}

#[tokio::test]
async fn what_was_begun_before_the_merchant_had_a_name_is_recovered_under_it() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        lose_the_answer(&stage).await;
        stage.sandbox.settle();
        let shop = || {
            restarted_with(&stage, |builder| {
                builder.journal(journal.clone()).journal_account("shop")
            })
        };
        let recovery = shop().recover().await.unwrap();
        let [write] = &recovery.writes[..] else {
            panic!("{:?}", recovery.writes);
        };
        assert!(matches!(write.truth, Truth::Charged(_)), "{write}");
        assert!(write.journal_error.is_none());
        assert!(shop().recover().await.unwrap().writes.is_empty(), "told");
        let again = pay(&shop()).await.unwrap();
        assert!(again.receipt().is_from_journal());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_write_that_is_begun_anew_meanwhile_is_not_reported_as_not_charged() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
        assert!(dying.payments().list().page().await.is_ok());
        crash(&stage, &journal, pay(&dying).send()).await;
        stage.pass(LATER);
        stage
            .sandbox
            .inject_at(Operation::ListPayments, Fault::StallAnswer, 1);
        let recovery = tokio::spawn(stage.flowlix.recover().send());
        stage.sandbox.wait_for_stalled(1).await;
        // The list was cut before this payment came into being.
        let payment = pay(&restarted(&stage, journal.clone()))
            .max_attempts(1)
            .await;
        assert!(payment.is_ok());
        stage.sandbox.release_stalled();
        let recovery = recovery.await.unwrap().unwrap();
        assert!(
            recovery.writes[0].truth == Truth::StillUnknown(Doubt::BegunAnew),
            "{}",
            recovery.writes[0]
        );
        assert!(the_record(&*journal).await.state.is_settled());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

fn hosted(flowlix: &Flowlix) -> flowlix_ext::payments::CreateHosted {
    flowlix
        .payments()
        .create_hosted(Money::eur(25_00), "https://shop.example.com/back")
        .idempotency_key(key())
        .max_attempts(1)
}

#[tokio::test]
async fn a_lost_payment_page_is_found_with_its_address() {
    for dialect in DIALECTS {
        for paid in [false, true] {
            let (stage, journal) = stage(dialect).await;
            let operation = Operation::CreateHostedPayment;
            stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            let error = hosted(&stage.flowlix).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            let id = stage.sandbox.ledger().payments()[0].id.clone();
            if paid {
                stage.sandbox.complete_hosted(&id, VISA).unwrap();
                stage.sandbox.settle();
            }
            let later = restarted(&stage, journal.clone());
            let truth = the_truth(&later, &stage).await;
            match (paid, truth) {
                (true, Truth::Charged(payment)) | (false, Truth::PaymentInProgress(payment)) => {
                    assert_eq!(payment.id.as_str(), id);
                }
                (_, other) => panic!("{other}"),
            }
            let page = hosted(&later).await.unwrap();
            assert!(page.receipt().is_from_journal());
            assert!(page.hosted_payment_url.is_some());
            assert_eq!(stage.payments_and_charges(), (1, usize::from(paid)));
        }
    }
}

#[tokio::test]
async fn a_payment_page_that_never_came_to_be_is_not_charged_once_that_is_certain() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let operation = Operation::CreateHostedPayment;
        stage.sandbox.inject_at(operation, Fault::status(503), 1);
        let error = hosted(&stage.flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        stage.pass(LATER);
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::NotCharged(None));
    }
}

/// No document says that a payment always shows the metadata that it was given.
#[tokio::test]
async fn a_payment_that_shows_no_metadata_is_never_taken_for_another() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        lose_the_answer(&stage).await;
        stage.pass(LATER);
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        alter_list(&stage, |payment| payment["metadata"] = Value::Null);
        let truth = the_truth(&stage.flowlix, &stage).await;
        let Truth::StillUnknown(Doubt::PaymentsLookTheSame { payments }) = truth else {
            panic!("{truth}");
        };
        assert_eq!(payments.len(), 1);
        assert_eq!(payments[0].as_str(), id);
        assert_eq!(the_record(&*journal).await.state, State::InDoubt);

        // One that shows metadata of its own, or another amount, or another time, is another.
        let others: [fn(&mut Value); 3] = [
            |payment| payment["metadata"] = json!({"order": "1"}),
            |payment| {
                payment["metadata"] = Value::Null;
                payment["amount"] = json!(1);
            },
            |payment| {
                payment["metadata"] = Value::Null;
                for name in ["created", "created_at"] {
                    if payment[name].is_i64() {
                        payment[name] = json!(1);
                    }
                }
            },
        ];
        for other in others {
            let (stage, _) = common::journal::stage(dialect).await;
            lose_the_answer(&stage).await;
            stage.pass(LATER);
            alter_list(&stage, other);
            let truth = the_truth(&stage.flowlix, &stage).await;
            assert_eq!(truth, Truth::NotCharged(None));
        }
    }
}

#[tokio::test]
async fn a_list_that_does_not_come_to_its_end_proves_nothing() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let without_journal = restarted_with(&stage, |builder| builder);
        let other = without_journal.payments();
        let other = other.create_direct(Money::eur(1_00), card(VISA));
        other
            .return_url("https://shop.example.com/3ds")
            .await
            .unwrap();
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 1);
        let error = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        stage.pass(LATER);
        let first_page = OnceLock::new();
        let again = Fault::alter(move |list: &mut Value| {
            list["has_more"] = json!(true);
            *list = first_page.get_or_init(|| list.clone()).clone();
        });
        let empty = Fault::patch(json!({"has_more": true, "data": []}));
        let nameless = Fault::alter(|list| {
            list["has_more"] = json!(true);
            list["data"][0]["id"] = Value::Null;
        });
        let unreadable = Fault::patch(json!({"data": "none"}));
        for (pages, why) in [
            (again, "came again"),
            (empty, "holds none to go on from"),
            (nameless, "shows no id"),
            (unreadable, "undecodable"),
        ] {
            stage.sandbox.inject_at(Operation::ListPayments, pages, 4);
            let recovery = stage.flowlix.recover().await.unwrap();
            stage.sandbox.clear_faults();
            let told = recovery.writes[0].to_string();
            assert!(told.contains(why), "{told}");
            assert!(!recovery.is_complete());
            assert_eq!(the_record(&*journal).await.state, State::InDoubt);
        }
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::NotCharged(None));
    }
}

#[tokio::test]
async fn a_twin_that_cannot_be_read_is_named_too() {
    for dialect in DIALECTS {
        let payments = the_twins(dialect, |twin| twin["amount"] = json!("a lot")).await;
        assert_eq!(payments.len(), 2);
        assert_eq!(payments[1].as_str(), "pay_twin");
    }
}

async fn lose_the_refund(stage: &Stage, payment: &Payment, committed: bool) {
    let fault = match committed {
        true => Fault::LoseAnswer,
        false => Fault::status(503),
    };
    stage.sandbox.inject_at(Operation::Refund, fault, 1);
    let lost = refund(&stage.flowlix, payment).max_attempts(1).await;
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    stage.sandbox.settle();
    stage.pass(LATER);
}

/// Changes the payment of each answer that is to come.
fn alter_payment(stage: &Stage, change: impl Fn(&mut Value) + Send + Sync + 'static) {
    let fault = Fault::alter(change);
    let operation = Operation::RetrievePayment;
    stage.sandbox.inject_at(operation, fault, 2);
}

#[tokio::test]
async fn a_refund_is_told_from_others_by_amount_and_time_alone_where_it_shows_no_stamp() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let payment = charged(&stage).await;
        lose_the_refund(&stage, &payment, true).await;
        // A reason may come back changed, and a stamp not at all.
        alter_payment(&stage, |payment| {
            payment["refunds"][0]["reason"] = json!("LATE");
            payment["refunds"][0]["metadata"] = Value::Null;
        });
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(
            matches!(&truth, Truth::StillUnknown(Doubt::RefundsLookTheSame { refunds })
                if refunds.len() == 1),
            "{truth}"
        );
        let others: [fn(&mut Value); 2] = [
            |refund| refund["amount"] = json!(10_01),
            |refund| refund["created_at"] = json!(1),
        ];
        for other in others {
            let (stage, _) = common::journal::stage(dialect).await;
            let payment = charged(&stage).await;
            lose_the_refund(&stage, &payment, true).await;
            alter_payment(&stage, move |payment| {
                payment["refunds"][0]["metadata"] = Value::Null;
                other(&mut payment["refunds"][0]);
            });
            let truth = the_truth(&stage.flowlix, &stage).await;
            assert_eq!(truth, Truth::NotRefunded(None));
        }
    }
}

#[tokio::test]
async fn a_payment_that_hides_refunds_proves_no_absence() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let payment = charged(&stage).await;
        lose_the_refund(&stage, &payment, true).await;
        alter_payment(&stage, |payment| payment["refunds"] = json!([]));
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::StillUnknown(Doubt::RefundsNotShown));
        alter_payment(&stage, |payment| payment["refunds"] = json!("some"));
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert!(matches!(
            truth,
            Truth::StillUnknown(Doubt::CouldNotAsk { .. })
        ));
    }
}

#[tokio::test]
async fn two_refunds_with_one_stamp_are_named_not_chosen_from() {
    let (stage, _) = stage(Dialect::Uppercase).await;
    let payment = charged(&stage).await;
    lose_the_refund(&stage, &payment, true).await;
    alter_payment(&stage, |payment| {
        let mut twin = payment["refunds"][0].clone();
        twin["id"] = json!("ref_twin");
        payment["refunds"].as_array_mut().unwrap().push(twin);
    });
    let truth = the_truth(&stage.flowlix, &stage).await;
    let Truth::StillUnknown(Doubt::SeveralRefunds { refunds }) = truth else {
        panic!("{truth}");
    };
    assert_eq!(refunds.len(), 2);
}

#[tokio::test]
async fn a_refund_of_the_rest_whose_answer_is_lost_is_found_or_named() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let payment = charged(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
        let rest = stage.flowlix.refunds().create(&payment.id).reason("late");
        let error = rest.max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        stage.sandbox.settle();
        stage.pass(LATER);
        match (dialect, the_truth(&stage.flowlix, &stage).await) {
            (Dialect::Uppercase, Truth::Refunded(refund)) => assert_eq!(refund.amount, 49_99),
            (Dialect::SnakeCase, Truth::StillUnknown(Doubt::RefundsLookTheSame { .. })) => {}
            (_, other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn two_recoveries_at_once_tell_the_same() {
    for dialect in DIALECTS {
        for committed in [false, true] {
            let (stage, journal) = stage(dialect).await;
            let fault = match committed {
                true => Fault::LoseAnswer,
                false => Fault::status(503),
            };
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, fault, 1);
            assert!(pay(&stage.flowlix).max_attempts(1).await.is_err());
            stage.sandbox.settle();
            stage.pass(LATER);
            let other = restarted(&stage, journal.clone());
            let clock = stage.time.clone();
            let meanwhile = Meanwhile::new(&journal, Moment::Before, 1, async move {
                clock.advance(Duration::from_secs(1));
                assert!(other.recover().await.unwrap().is_complete());
            });
            let truth = the_truth(&restarted(&stage, meanwhile), &stage).await;
            match (committed, truth) {
                (true, Truth::Charged(_)) | (false, Truth::NotCharged(None)) => {}
                (_, other) => panic!("{other}"),
            }
            assert!(the_record(&*journal).await.state.is_settled());
        }
    }
}

/// By the clock of the one that recovers, the sender is long dead.
#[tokio::test]
async fn a_recovery_and_a_live_sender_agree() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::StallAnswer, 1);
        let sending = tokio::spawn(pay(&stage.flowlix).send());
        stage.sandbox.wait_for_stalled(1).await;
        let ahead = restarted_with(&stage, |builder| {
            let runtime = common::journal::Ahead::of(&stage.time, 120);
            builder.journal(journal.clone()).runtime(runtime)
        });
        let truth = the_truth(&ahead, &stage).await;
        let Truth::PaymentInProgress(found) = truth else {
            panic!("{truth}");
        };
        stage.sandbox.release_stalled();
        let sent = sending.await.unwrap().unwrap();
        assert_eq!(sent.id, found.id);
        assert!(sent.receipt().journal_error().is_none());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_is_no_recovery() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        lose_the_answer(&stage).await;
        for how in FAILURES {
            let dying = restarted(&stage, Dying::at("unsettled", &journal, 1, how));
            let error = dying.recover().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Journal, "{how:?}: {error}");
        }
        // The truth is found, and somebody else settles it, and that cannot be read.
        let other = stage.flowlix.clone();
        let meanwhile = Meanwhile::new(&journal, Moment::Before, 1, async move {
            assert!(other.recover().await.unwrap().is_complete());
        });
        let recovery = restarted(&stage, meanwhile).recover().await.unwrap();
        assert!(matches!(
            recovery.writes[0].truth,
            Truth::PaymentInProgress(_)
        ));
    }
}

#[tokio::test]
async fn the_truth_is_told_even_when_the_journal_cannot_keep_it() {
    for dialect in DIALECTS {
        for how in FAILURES {
            let (stage, journal) = stage(dialect).await;
            lose_the_answer(&stage).await;
            stage.sandbox.settle();
            let dying = restarted(&stage, Dying::new(&journal, 1, how));
            let recovery = dying.recover().await.unwrap();
            assert!(matches!(recovery.writes[0].truth, Truth::Charged(_)));
            assert!(recovery.writes[0].journal_error.is_some());
            assert_eq!(the_record(&*journal).await.state, State::InDoubt);
        }
    }
}

/// Both ways round, by more than what does no harm.
const CLOCKS: [i64; 4] = [20 * 60, 3 * 60 * 60, -20 * 60, -3 * 60 * 60];

fn set_apart(stage: &Stage, seconds_ahead: i64) {
    let clock = stage.sandbox.clock();
    clock.set(clock.now() - seconds_ahead);
}

#[tokio::test]
async fn a_clock_that_was_wrong_hides_no_charge() {
    for dialect in DIALECTS {
        for seconds_ahead in CLOCKS {
            let (stage, _journal) = stage(dialect).await;
            set_apart(&stage, seconds_ahead);
            lose_the_answer(&stage).await;
            stage.pass(LATER);
            let truth = the_truth(&stage.flowlix, &stage).await;
            match truth {
                // What may have been under way for ten minutes is looked for as much later.
                Truth::PaymentInProgress(_) => assert_eq!(seconds_ahead, -20 * 60),
                truth => {
                    let doubt = Doubt::ClocksDiffer { seconds_ahead };
                    assert_eq!(truth, Truth::StillUnknown(doubt));
                }
            }
            // The key settles it, as the doubt says.
            assert!(pay(&stage.flowlix).await.is_ok());
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_known_to_be_wrong_is_set_right() {
    for dialect in DIALECTS {
        for seconds_ahead in CLOCKS {
            let (stage, journal) = stage(dialect).await;
            set_apart(&stage, seconds_ahead);
            // Any answer tells.
            assert!(stage.flowlix.payments().list().page().await.is_ok());
            lose_the_answer(&stage).await;
            assert_eq!(
                the_record(&*journal).await.seconds_ahead,
                Some(seconds_ahead)
            );
            let truth = the_truth(&stage.flowlix, &stage).await;
            assert!(matches!(truth, Truth::PaymentInProgress(_)), "{truth}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_set_right_meanwhile_makes_nothing_certain_too_early() {
    for dialect in DIALECTS {
        for seconds_ahead in CLOCKS {
            let (stage, journal) = stage(dialect).await;
            set_apart(&stage, seconds_ahead);
            let dying = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
            assert!(dying.payments().list().page().await.is_ok());
            crash(&stage, &journal, pay(&dying).send()).await;
            let by_flowlix = |seconds: i64| {
                let moment = u64::try_from(stage.sandbox.clock().now() + seconds).unwrap();
                std::time::UNIX_EPOCH + Duration::from_secs(moment)
            };
            let certain = by_flowlix(65 + 25 * 60);

            stage.pass(Duration::from_secs(65 + 25 * 60 - 1));
            let mended = ManualTime::automatic().starting_at(by_flowlix(0));
            let flowlix = Flowlix::builder(stage.sandbox.key(dialect))
                .base_url(stage.sandbox.base_url())
                .runtime(mended.clone())
                .journal(journal.clone())
                .build()
                .unwrap();
            let truth = flowlix.recover().await.unwrap().writes[0].truth.clone();
            let Truth::StillUnknown(doubt) = truth else {
                panic!("{seconds_ahead}: {truth}");
            };
            if let Doubt::TooEarly { certain_from } = doubt {
                assert_eq!(certain_from, certain, "{seconds_ahead}");
            } else {
                // Ours was ahead, so the record still reads as if somebody sent it.
                assert!(matches!(doubt, Doubt::StillSending { .. }), "{doubt}");
                assert!(seconds_ahead > 0);
                mended.advance(Duration::from_secs(seconds_ahead.unsigned_abs()));
                stage
                    .sandbox
                    .clock()
                    .advance(Duration::from_secs(seconds_ahead.unsigned_abs()));
            }
            mended.advance(Duration::from_secs(1));
            stage.sandbox.clock().advance(Duration::from_secs(1));
            let truth = flowlix.recover().await.unwrap().writes[0].truth.clone();
            assert_eq!(truth, Truth::NotCharged(None), "{seconds_ahead}");
        }
    }
}

#[tokio::test]
async fn without_a_journal_there_is_nothing_to_recover_from() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let error = stage.flowlix.recover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(stage.sandbox.requests().len(), 0);
}

/// Nothing came of what the journal knows, and then one process ran without it.
#[tokio::test]
async fn what_was_sent_without_the_journal_after_all_was_settled_is_in_doubt() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let operation = Operation::CreateDirectPayment;
        let refuse = || stage.sandbox.inject_at(operation, Fault::status(401), 1);
        refuse();
        let refused = pay(&stage.flowlix).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Authentication, "{refused}");
        // A key that was stored before all that is as good as new.
        let stored = key().with_created_at(stage.time.now() - Duration::from_secs(1));
        refuse();
        let refused = pay(&stage.flowlix)
            .idempotency_key(stored)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Authentication, "{refused}");

        stage.pass(Duration::from_secs(1));
        let without = common::journal::restarted_with(&stage, |builder| builder);
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let lost = pay(&without).metadata("order", "1234").max_attempts(1);
        let lost = lost.await.unwrap_err();
        assert!(lost.outcome_unknown());
        refuse();
        let again = pay(&stage.flowlix).idempotency_key(lost.idempotency_key().unwrap().clone());
        let refused = again.await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::OutcomeUnknown, "{refused}");
        assert_eq!(the_record(&*journal).await.state, State::InDoubt);
        stage.pass(LATER);
        let truth = the_truth(&stage.flowlix, &stage).await;
        assert_eq!(truth, Truth::StillUnknown(Doubt::UsedElsewhere));
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn what_was_sent_without_the_journal_is_never_told_as_absent() {
    for dialect in DIALECTS {
        for (is_restored, is_reset) in [(false, false), (true, false), (false, true)] {
            let (stage, journal) = stage(dialect).await;
            let without = common::journal::restarted_with(&stage, |builder| builder);
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            let lost = pay(&without).metadata("order", "1234").max_attempts(1);
            assert!(lost.await.unwrap_err().outcome_unknown());

            // Now with the journal, whose stamp makes it another body.
            let key = match is_restored {
                true => key().with_created_at(stage.time.now()),
                false => key(),
            };
            let again = || {
                let call = pay(&stage.flowlix).metadata("order", "1234");
                call.idempotency_key(key.clone())
            };
            if is_reset {
                let fault = Fault::ResetBeforeReading;
                stage.sandbox.inject_at(operation, fault, 1);
            }
            let error = again().await.unwrap_err();
            assert_eq!(error.status(), Some(409), "{error}");
            assert!(error.may_have_taken_effect() && error.is_key_reused());
            assert_eq!(the_record(&*journal).await.state, State::InDoubt);

            stage.sandbox.inject_at(operation, Fault::status(401), 1);
            let refused = again().await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::OutcomeUnknown, "{refused}");

            stage.pass(LATER);
            let truth = the_truth(&stage.flowlix, &stage).await;
            assert_eq!(truth, Truth::StillUnknown(Doubt::UsedElsewhere));
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}
