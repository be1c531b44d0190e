//! Whatever goes wrong on the way: one payment exists, or the caller knows what is not known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, SystemTime};

use common::{DIALECTS, Stage};
use flowlix_ext::call::budget::RetryBudget;
use flowlix_ext::call::decision::Situation;
use flowlix_ext::call::history::StopReason;
use flowlix_ext::runtime::{RandomUnavailable, Runtime, Sleep, SleepPurpose, SystemRuntime};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{ErrorKind, Flowlix, IdempotencyKey};
use flowlix_sandbox::{Fault, Operation, Sandbox};

fn stall() -> [Fault; 2] {
    [Fault::Stall, Fault::StallAnswer]
}

/// Each of these is survived: the call succeeds, the customer is charged once.
#[tokio::test]
async fn a_passing_fault_is_repeated_with_the_same_bytes_and_charges_once() {
    let faults: [(&str, Fault); 12] = [
        ("reset before reading", Fault::ResetBeforeReading),
        ("answer lost after commit", Fault::LoseAnswer),
        ("answer cut short", Fault::CutBody),
        ("500", Fault::status(500)),
        ("500 after commit", Fault::status(500).after_commit()),
        ("503", Fault::status(503)),
        ("502 from a proxy", Fault::html(502)),
        (
            "502 from a proxy after commit",
            Fault::html(502).after_commit(),
        ),
        ("504 from a proxy", Fault::html(504)),
        ("408", Fault::status(408)),
        ("429", Fault::status_retry_after(429, "7")),
        ("409 in flight", Fault::in_flight()),
    ];
    for dialect in DIALECTS {
        for (name, fault) in &faults {
            let stage = Stage::new(dialect).await;
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, fault.clone(), 2);
            let payment = stage
                .create()
                .await
                .unwrap_or_else(|error| panic!("{name}: {}", error.explain()));
            assert_eq!(payment.receipt().history().len(), 3, "{name}");
            assert_eq!(payment.amount, 4999);
            let expected = if *name == "reset before reading" {
                1
            } else {
                3
            };
            // What was reset before it was read left no body to compare.
            let read: Vec<_> = stage
                .posts()
                .into_iter()
                .filter(|post| !post.headers().is_empty())
                .collect();
            assert_eq!(read.len(), expected, "{name}");
            for post in &read {
                assert!(
                    post.raw_body_with_secrets() == read[0].raw_body_with_secrets(),
                    "{name}"
                );
                assert_eq!(
                    post.header("idempotency-key"),
                    Some("order-1234-payment"),
                    "{name}"
                );
            }
            assert_eq!(stage.payments_and_charges(), (1, 1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_stalled_answer_times_out_and_the_repeat_settles_it() {
    for dialect in DIALECTS {
        for fault in stall() {
            let stage = Stage::new(dialect).await;
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, fault, 1);
            let call = tokio::spawn(stage.create().send());
            stage.sandbox.wait_for_stalled(1).await;
            // Held before the commit the twin is in flight; let it finish so that the repeat finds it.
            stage.time.advance(Duration::from_secs(20));
            stage.sandbox.release_stalled();
            let payment = call.await.unwrap().unwrap();
            let history = payment.receipt().history();
            assert_eq!(history[0].situation, Situation::NoAnswer);
            assert!(history[0].took >= Duration::from_secs(20));
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn when_every_answer_is_lost_the_outcome_is_unknown_and_the_key_settles_it() {
    for dialect in DIALECTS {
        for fault in [
            Fault::LoseAnswer,
            Fault::CutBody,
            Fault::status(500).after_commit(),
            Fault::html(502).after_commit(),
            Fault::status(503),
        ] {
            let stage = Stage::new(dialect).await;
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, fault, 4);
            let error = stage.create().await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::OutcomeUnknown,
                "{}",
                error.explain()
            );
            assert!(
                error.outcome_unknown() && error.may_have_taken_effect() && error.is_retryable()
            );
            assert_eq!((error.attempts(), error.history().len()), (4, 4));
            assert_eq!(error.stop_reason(), Some(StopReason::Attempts { limit: 4 }));
            let key = error.idempotency_key().unwrap().clone();
            assert_eq!(key.as_str(), "order-1234-payment");

            let payment = stage.create().idempotency_key(key).await.unwrap();
            assert_eq!(payment.amount, 4999);
            stage.assert_posts_identical(5);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_refusal_of_a_later_attempt_says_nothing_about_an_earlier_one() {
    for dialect in DIALECTS {
        for (refusal, status) in [
            (Fault::status(401), 401),
            (Fault::status(422), 422),
            (Fault::status(400), 400),
            (Fault::status(404), 404),
        ] {
            let stage = Stage::new(dialect).await;
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, refusal, 1);
            let error = stage.create().await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::OutcomeUnknown,
                "{}",
                error.explain()
            );
            assert_eq!(error.status(), Some(status));
            assert_eq!(
                stage.payments_and_charges(),
                (1, 1),
                "the caller was right not to be told no"
            );
        }
    }
}

#[tokio::test]
async fn a_plain_refusal_did_nothing_and_is_not_repeated() {
    for dialect in DIALECTS {
        for (status, kind) in [
            (400, ErrorKind::Rejected),
            (401, ErrorKind::Authentication),
            (403, ErrorKind::Authentication),
            (404, ErrorKind::NotFound),
        ] {
            let stage = Stage::new(dialect).await;
            stage.sandbox.inject(Fault::status(status));
            let error = stage.create().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (kind, 1),
                "{}",
                error.explain()
            );
            assert!(!error.may_have_taken_effect() && !error.is_retryable());
            assert!(error.request_id().is_some());
            assert_eq!(stage.payments_and_charges(), (0, 0));
        }
    }
}

#[tokio::test]
async fn a_card_error_is_a_decline() {
    for dialect in DIALECTS {
        for status in [402, 422] {
            let stage = Stage::new(dialect).await;
            let body = r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"expired_card"}}"#;
            stage.sandbox.inject(Fault::raw(
                status,
                [("content-type", "application/json")],
                body,
            ));
            let error = stage.create().await.unwrap_err();
            assert!(
                error.is_declined() && !error.may_have_taken_effect(),
                "{}",
                error.explain()
            );
            let decline = error.decline().unwrap();
            assert_eq!(decline.code().unwrap().as_str(), "expired_card");
            assert!(decline.customer_message().contains("expired"));
            assert_eq!(stage.payments_and_charges(), (0, 0));
        }
    }
}

#[tokio::test]
async fn an_undocumented_answer_is_followed_nowhere_and_leaves_a_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let elsewhere = format!("{}/v1/payments/elsewhere", stage.sandbox.base_url());
        stage
            .sandbox
            .inject(Fault::raw(307, [("location", elsewhere)], ""));
        let error = stage.create().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::OutcomeUnknown,
            "{}",
            error.explain()
        );
        assert_eq!(
            stage.sandbox.requests().len(),
            1,
            "a redirect must not carry a card anywhere"
        );
    }
}

#[tokio::test]
async fn an_accepted_answer_that_cannot_be_read_is_never_sent_again() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject(Fault::patch(serde_json::json!({ "amount": "lots" })));
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AcceptedButUndecodable);
        assert!(error.may_have_taken_effect() && !error.outcome_unknown() && !error.is_retryable());
        assert_eq!((error.status(), error.attempts()), (Some(201), 1));
        assert_eq!(error.json_path(), Some("amount"));
        let raw: serde_json::Value = serde_json::from_slice(error.raw_body().unwrap()).unwrap();
        assert_eq!(raw["amount"], "lots");
        for text in [format!("{error}"), format!("{error:?}"), error.explain()] {
            assert!(!text.contains("lots"), "a body is shown: {text}");
        }
        assert_eq!(stage.payments_and_charges(), (1, 1));

        stage.sandbox.inject(Fault::Garbage);
        let key = IdempotencyKey::custom("another").unwrap();
        let error = stage.create().idempotency_key(key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AcceptedButUndecodable);
        assert!(error.raw_body().is_some_and(|body| !body.is_empty()));
        assert_eq!(stage.payments_and_charges(), (2, 2));
    }
}

#[tokio::test]
async fn any_2xx_is_accepted() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let first = stage.create().await.unwrap();
        let body = format!(
            r#"{{"id":"{}","amount":4999,"currency":"eur","status":"pending"}}"#,
            first.id
        );
        stage.sandbox.inject(Fault::raw(
            200,
            [("content-type", "application/json")],
            body,
        ));
        let replayed = stage.create().await.unwrap();
        assert_eq!(replayed.id, first.id);
    }
}

#[tokio::test]
async fn an_unreachable_flowlix_was_sent_nothing() {
    common::watch::everything();
    let (_nobody, address) = common::nobody();
    let time = flowlix_ext::testing::ManualTime::automatic();
    let flowlix = Flowlix::builder("fl_test_sk_canary123")
        .base_url(address)
        .runtime(time.clone())
        .build()
        .unwrap();
    let error = flowlix
        .payments()
        .create_direct(flowlix_ext::Money::eur(1), common::card(common::VISA))
        .await
        .unwrap_err();
    assert!(error.is_not_sent() && !error.may_have_taken_effect() && error.is_retryable());
    assert_eq!((error.attempts(), time.delays().len()), (4, 3));
    assert!(std::error::Error::source(&error).is_some());
}

/// Who listens and says nothing lets TLS come to no end.
#[tokio::test]
async fn a_connection_that_is_not_made_in_its_time_sent_nothing() {
    for dialect in DIALECTS {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        // Connections are made by the system's clock, whatever drives the client.
        let stage = Stage::with(dialect, |builder| {
            let builder = builder.base_url(address).runtime(SystemRuntime::new());
            builder.connect_timeout(Duration::from_millis(1))
        })
        .await;
        let error = stage.create().max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSent, "{error}");
        assert!(error.is_timeout() && !error.may_have_taken_effect());
        assert_eq!(error.history()[0].situation, Situation::NotConnected);
    }
}

#[tokio::test]
async fn a_twin_in_flight_is_waited_for_as_long_as_the_call_may_take() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::in_flight(), 6);
        assert!(
            stage.create().await.is_ok(),
            "more conflicts than attempts are allowed"
        );
        assert_eq!(
            stage.flowlix.retry_budget_left(),
            500,
            "waiting is no failure"
        );

        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::in_flight(), 9999);
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert!(
            matches!(error.stop_reason(), Some(StopReason::Deadline { .. })),
            "{error}"
        );
        assert!(error.elapsed() <= Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_key_of_another_body_is_never_repeated() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage.create().await.unwrap();
        let error = stage
            .create()
            .description("another order")
            .await
            .unwrap_err();
        assert!(error.is_key_reused(), "{}", error.explain());
        assert_eq!((error.attempts(), error.status()), (1, Some(409)));
        assert!(!error.is_retryable());
        assert!(error.may_have_taken_effect(), "the first request did");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

/// A firewall or a proxy answers in Flowlix's place, after Flowlix has acted.
#[tokio::test]
async fn a_refusal_in_anothers_words_is_no_word_of_flowlixs() {
    for dialect in DIALECTS {
        for status in [400, 401, 403, 404, 409, 422, 429] {
            let stage = Stage::new(dialect).await;
            let foreign = || Fault::html(status).after_commit();
            stage.sandbox.inject(foreign());
            let error = stage.create().max_attempts(1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            assert!(error.may_have_taken_effect() && error.is_retryable());
            // The same key asks again, and gets Flowlix's own answer.
            stage.sandbox.inject(foreign());
            let payment = stage.create().await.unwrap();
            assert_eq!(payment.receipt().history().len(), 2);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_conflict_in_unknown_words_is_not_guessed_at() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let body = r#"{"error":{"type":"idempotency_error","code":"idempotency_key_in_use","message":"Key in use."}}"#;
        stage.sandbox.inject(Fault::raw(
            409,
            [("content-type", "application/json")],
            body,
        ));
        let error = stage.create().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::OutcomeUnknown, 1)
        );
    }
}

#[tokio::test]
async fn retry_after_is_obeyed_in_both_forms_and_never_beyond_the_deadline() {
    for dialect in DIALECTS {
        for (advice, pause) in [
            ("7", Duration::from_secs(7)),
            ("Mon, 01 Jul 2024 00:00:09 GMT", Duration::from_secs(9)),
            ("Sun, 30 Jun 2024 00:00:00 GMT", Duration::ZERO),
        ] {
            for status in [429, 503] {
                let stage = Stage::new(dialect).await;
                stage
                    .sandbox
                    .inject(Fault::status_retry_after(status, advice));
                stage.create().await.unwrap();
                assert_eq!(stage.time.delays(), [pause], "{status} {advice}");
            }
        }
        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status_retry_after(429, "61"));
        let error = stage.create().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::RateLimited, 1)
        );
        assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
        assert!(
            stage.time.delays().is_empty(),
            "nobody waits for what comes too late"
        );
        assert!(!error.may_have_taken_effect());
    }
}

#[tokio::test]
async fn the_retry_budget_is_shared_by_clones_and_says_when_it_is_empty() {
    for dialect in DIALECTS {
        let stage = Stage::with(dialect, |builder| {
            builder.retry_budget(RetryBudget::new(10))
        })
        .await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 99);
        let error = stage.create().await.unwrap_err();
        assert_eq!(
            (error.attempts(), error.stop_reason()),
            (3, Some(StopReason::Budget))
        );
        let clone = stage.flowlix.clone();
        assert_eq!(clone.retry_budget_left(), 0);
        let error = clone
            .payments()
            .create_direct(flowlix_ext::Money::eur(1), common::card(common::VISA))
            .await
            .unwrap_err();
        assert_eq!(
            (error.attempts(), error.stop_reason()),
            (1, Some(StopReason::Budget))
        );
        assert!(error.to_string().contains("retry budget empty"), "{error}");

        stage.sandbox.clear_faults();
        for success in 1..=5 {
            stage.create().await.unwrap();
            assert_eq!(
                clone.retry_budget_left(),
                success,
                "a success gives one back"
            );
        }
        stage.sandbox.inject(Fault::status(503));
        assert_eq!(stage.create().await.unwrap().receipt().history().len(), 2);
    }
}

#[tokio::test]
async fn reads_wait_before_the_rate_limit_is_reached_and_writes_go_first() {
    for dialect in DIALECTS {
        let limited = async || {
            let sandbox = Sandbox::builder().rate_limit(20).start().await.unwrap();
            let stage = Stage::on(sandbox, dialect, |builder| builder);
            let payment = stage.create().await.unwrap();
            for _ in 0..17 {
                stage
                    .flowlix
                    .clone()
                    .payments()
                    .retrieve(&payment.id)
                    .await
                    .unwrap();
            }
            assert!(stage.time.delays().is_empty());
            (stage, payment.into_inner())
        };
        let (stage, payment) = limited().await;
        stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .operation_timeout(Duration::from_secs(61))
            .await
            .unwrap();
        assert_eq!(
            stage.time.delays().len(),
            1,
            "two are left, and they are for writes"
        );

        let (stage, _) = limited().await;
        for _ in 0..2 {
            stage
                .create()
                .operation_timeout(Duration::from_secs(61))
                .await
                .unwrap();
        }
        assert!(stage.time.delays().is_empty());
    }
}

#[tokio::test]
async fn an_old_key_is_not_repeated_and_not_used() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let start =
            std::time::UNIX_EPOCH + Duration::from_secs(flowlix_ext::testing::ManualTime::START);
        let old = |age: Duration| {
            IdempotencyKey::custom("stored")
                .unwrap()
                .with_created_at(start - age)
        };

        let error = stage
            .create()
            .idempotency_key(old(flowlix_ext::KEY_LIFETIME))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld);
        assert!(stage.sandbox.requests().is_empty());

        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 9);
        let nearly = old(flowlix_ext::KEY_LIFETIME - Duration::from_nanos(1));
        let error = stage.create().idempotency_key(nearly).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::OutcomeUnknown, 1)
        );
        assert!(
            stage.time.delays().is_empty(),
            "no pause before a repeat that must not be"
        );
        assert_eq!(error.stop_reason(), Some(StopReason::KeyAge));
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn the_call_ends_at_its_deadline_and_one_attempt_is_one_when_asked() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::Stall, 9);
        let call = tokio::spawn(
            stage
                .create()
                .operation_timeout(Duration::from_secs(5))
                .send(),
        );
        stage.sandbox.wait_for_stalled(1).await;
        stage.time.advance(Duration::from_secs(5));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::OutcomeUnknown, 1)
        );
        assert!(error.is_timeout(), "{}", error.explain());

        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status(503));
        let error = stage.create().max_attempts(1).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::OutcomeUnknown, 1)
        );
    }
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        for error in [
            stage
                .create()
                .operation_timeout(Duration::ZERO)
                .await
                .unwrap_err(),
            stage
                .create()
                .attempt_timeout(Duration::ZERO)
                .await
                .unwrap_err(),
        ] {
            assert!(
                error.is_not_sent() && !error.may_have_taken_effect(),
                "{error}"
            );
            assert_eq!(error.attempts(), 0);
        }
        assert!(stage.sandbox.requests().is_empty());

        // What a client is given counts for each of its calls.
        let attempts = Stage::with(dialect, |builder| builder.attempt_timeout(Duration::ZERO));
        let calls = Stage::with(dialect, |builder| builder.operation_timeout(Duration::ZERO));
        for stage in [attempts.await, calls.await] {
            let error = stage.create().await.unwrap_err();
            assert!(error.is_not_sent() && error.attempts() == 0, "{error}");
            let limit = Duration::from_secs(1);
            let own = stage.create().attempt_timeout(limit);
            own.operation_timeout(limit).await.unwrap();
        }
    }
}

/// A machine that sleeps through its pauses: each takes this much longer than asked for.
struct Oversleeping(ManualTime, Duration);

impl Runtime for Oversleeping {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        if purpose == SleepPurpose::Delay {
            self.0.advance(self.1);
        }
        self.0.sleep(duration, purpose)
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.0.fill_random(bytes)
    }
}

#[tokio::test]
async fn a_pause_that_took_too_long_is_noticed_before_anything_is_sent_again() {
    for dialect in DIALECTS {
        for (overslept, timeout, reason) in [
            (60, 60, "next attempt due"),
            (24 * 60 * 60, 48 * 60 * 60, "23 hours"),
        ] {
            let runtime = Oversleeping(ManualTime::automatic(), Duration::from_secs(overslept));
            let stage = Stage::with(dialect, |builder| {
                builder
                    .runtime(runtime)
                    .operation_timeout(Duration::from_secs(timeout))
            })
            .await;
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
            let error = stage.create().await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::OutcomeUnknown,
                "{}",
                error.explain()
            );
            assert!(error.to_string().contains(reason), "{error}");
            assert_eq!((error.attempts(), stage.posts().len()), (1, 1));
        }
    }
}

/// A machine whose wall clock is set anew during the first pause, by so many hours; the other clock notices
/// nothing.
struct SetAnew(ManualTime, i32);

impl Runtime for SetAnew {
    fn now(&self) -> SystemTime {
        let now = self.0.now();
        match self.0.delays().is_empty() {
            true => now,
            false if self.1 < 0 => now - HOUR * self.1.unsigned_abs(),
            false => now + HOUR * self.1.unsigned_abs(),
        }
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        self.0.sleep(duration, purpose)
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.0.fill_random(bytes)
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_clock_that_is_set_anew_makes_no_key_live_longer() {
    for (dialect, hours, attempts) in DIALECTS
        .into_iter()
        .flat_map(|dialect| [(dialect, -24, 2), (dialect, 1, 1)])
    {
        let time = ManualTime::automatic();
        let key = IdempotencyKey::custom("stored").unwrap();
        let key = key.with_created_at(time.now() - 22 * HOUR);
        let stage = Stage::with(dialect, |builder| {
            let builder = builder.runtime(SetAnew(time, hours));
            builder.operation_timeout(48 * HOUR)
        })
        .await;
        let at = Operation::CreateDirectPayment;
        stage
            .sandbox
            .inject_at(at, Fault::status_retry_after(503, "1800"), 9);
        let error = stage.create().idempotency_key(key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(error.stop_reason(), Some(StopReason::KeyAge), "{error}");
        // One hour was left: one pause of half of it, and none at all when the clock says that it has passed.
        assert_eq!(
            (error.attempts(), stage.posts().len()),
            (attempts, usize::try_from(attempts).unwrap())
        );
    }
}

#[tokio::test]
async fn a_key_from_the_future_is_refused_since_its_age_cannot_be_told() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let key = |ahead: Duration| {
            let key = IdempotencyKey::custom("stored").unwrap();
            key.with_created_at(stage.time.now() + ahead)
        };
        let far = stage.create().idempotency_key(key(2 * HOUR));
        let error = far.await.unwrap_err();
        assert!(error.is_invalid_request(), "{error}");
        assert_eq!(error.violations()[0].field, "idempotency_key");
        assert!(stage.sandbox.requests().is_empty());
        let near = stage.create().idempotency_key(key(HOUR));
        assert!(near.await.is_ok(), "clocks differ");
    }
}

#[tokio::test]
async fn a_key_that_grows_too_old_while_the_call_is_held_back_is_not_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status_retry_after(429, "30"));
        let refused = stage.create().max_attempts(1).await.unwrap_err();
        assert!(refused.is_rate_limited());
        let key = IdempotencyKey::custom("stored").unwrap();
        let left = Duration::from_secs(30);
        let key = key.with_created_at(stage.time.now() + left - flowlix_ext::KEY_LIFETIME);
        let error = stage.create().idempotency_key(key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert_eq!((error.attempts(), stage.posts().len()), (0, 1));
        assert!(!error.is_retryable() && error.idempotency_key().is_some());
    }
}

#[tokio::test]
async fn no_attempts_at_all_means_one() {
    for dialect in DIALECTS {
        let stage = Stage::with(dialect, |builder| builder.max_attempts(0)).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 2);
        for create in [stage.create(), stage.create().max_attempts(0)] {
            let error = create.await.unwrap_err();
            assert_eq!(error.stop_reason(), Some(StopReason::Attempts { limit: 1 }));
        }
        assert_eq!(stage.posts().len(), 2);
    }
}

/// A later call, in another process perhaps, has to say the same request in the same bytes.
#[tokio::test]
async fn the_order_in_which_a_request_was_put_together_changes_no_byte() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
        let names = ["order", "basket", "shop", "clerk", "till", "a", "Z", "é"];
        let create = |names: &[&str]| {
            names
                .iter()
                .fold(stage.create().max_attempts(1), |create, name| {
                    create.metadata(*name, *name)
                })
        };
        let error = create(&names).await.unwrap_err();
        assert!(error.outcome_unknown());
        let mut backwards = names;
        backwards.reverse();
        create(&backwards).await.unwrap();
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn reads_are_repeated_freely_and_are_never_in_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        for fault in [
            Fault::LoseAnswer,
            Fault::CutBody,
            Fault::status(500),
            Fault::html(502),
        ] {
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault.clone(), 2);
            assert_eq!(
                stage
                    .flowlix
                    .payments()
                    .retrieve(&payment.id)
                    .await
                    .unwrap()
                    .id,
                payment.id
            );
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 4);
            let error = stage
                .flowlix
                .payments()
                .retrieve(&payment.id)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unavailable, 4)
            );
            assert!(error.is_retryable() && !error.may_have_taken_effect());
            assert_eq!(error.idempotency_key(), None);
        }
        let reads = stage
            .sandbox
            .requests()
            .into_iter()
            .filter(|request| request.method() == "GET");
        assert!(
            reads
                .into_iter()
                .all(|read| read.header("idempotency-key").is_none())
        );
    }
}

#[tokio::test]
async fn an_error_carries_all_that_is_known_of_its_call() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let at = Operation::CreateDirectPayment;
        stage
            .sandbox
            .inject_at(at, Fault::status_retry_after(429, "7"), 1);
        stage.sandbox.inject_at(at, Fault::status(401), 1);
        let error = stage.create().await.unwrap_err();
        let operation = flowlix_ext::call::Operation::CreateDirectPayment;
        assert_eq!((error.operation(), error.attempts()), (Some(operation), 2));
        assert_eq!(error.elapsed(), Duration::from_secs(7));
        let key = error.idempotency_key().map(IdempotencyKey::as_str);
        assert_eq!(key, Some("order-1234-payment"));
        let [first, last] = error.history() else {
            panic!("{}", error.explain());
        };
        assert!(error.request_id().is_some() && first.request_id != last.request_id);
        assert_eq!(error.request_id(), last.request_id.as_deref());
        assert_eq!(error.status(), Some(401));
        assert!(
            error.to_string().contains("; 2 attempts in 7.0 s; "),
            "{error}"
        );

        // So does the receipt of one that succeeded.
        stage
            .sandbox
            .inject_at(at, Fault::status_retry_after(503, "9"), 1);
        let payment = stage.create().await.unwrap();
        let receipt = payment.receipt();
        assert_eq!(
            (receipt.operation(), receipt.history().len()),
            (operation, 2)
        );
        assert_eq!(receipt.elapsed(), Duration::from_secs(9));
        let answered = receipt.history()[1].request_id.as_deref();
        assert!(answered.is_some() && receipt.request_id() == answered);
        assert_eq!(receipt.idempotency_key(), error.idempotency_key());
    }
}

#[tokio::test]
async fn errors_read_well_and_show_no_secret() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status(401));
        let error = stage.create().await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("create_direct_payment ["), "{text}");
        assert!(
            text.contains(error.request_id().unwrap()) && !text.contains('\n'),
            "{text}"
        );
        assert!(text.contains("order-1234-payment"), "{text}");

        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 4);
        let error = stage.create().await.unwrap_err();
        let mut shown = format!("{error} {error:?} {}", error.explain());
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            assert!(
                !error.to_string().contains(&inner.to_string()),
                "{inner} is repeated"
            );
            shown.push_str(&format!("{inner} {inner:?}"));
            source = inner.source();
        }
        for secret in ["4111", "314\"", "sandbox", "127.0.0.1"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}
