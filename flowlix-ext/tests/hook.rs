//! What the application adds to a call, and what it may see.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{DIALECTS, Stage};
use flowlix_ext::call::backoff::{Backoff, RetryState};
use flowlix_ext::call::decision::Situation;
use flowlix_ext::call::headers::{ExtraHeaders, HeaderRefused};
use flowlix_ext::call::history::{AttemptReport, Next, StopReason};
use flowlix_ext::call::hook::{Attempt, Hook};
use flowlix_ext::call::metrics::{Counter, Counts, Labels, Metrics};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, IdempotencyKey, KEY_LIFETIME, Mode};
use flowlix_sandbox::{Fault, Operation};

/// Notes all that it is shown.
#[derive(Clone, Default)]
struct Notes {
    before: Arc<Mutex<Vec<String>>>,
    after: Arc<Mutex<Vec<(u32, AttemptReport)>>>,
}

impl Hook for Notes {
    fn before(&self, attempt: &Attempt<'_>, headers: &mut ExtraHeaders) {
        assert_eq!(attempt.mode, Mode::Test);
        let shown: Vec<String> = attempt
            .headers()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        self.before.lock().unwrap().push(format!(
            "{} {} {} {:?} {}s\n{}\n{attempt:?}",
            attempt.number,
            attempt.method,
            attempt.path,
            attempt.idempotency_key.map(ToString::to_string),
            attempt.time_left.as_secs(),
            shown.join("\n"),
        ));
        headers
            .insert("X-Attempt", &attempt.number.to_string())
            .unwrap();
        assert_eq!(
            headers.insert("Authorization", "Bearer mine"),
            Err(HeaderRefused::Reserved)
        );
        assert_eq!(
            headers.insert("Idempotency-Key", "mine"),
            Err(HeaderRefused::Reserved)
        );
    }

    fn after(&self, attempt: &Attempt<'_>, report: &AttemptReport) {
        let seen = (attempt.number, report.clone());
        self.after.lock().unwrap().push(seen);
    }
}

#[tokio::test]
async fn a_hook_sees_every_attempt_and_no_secret() {
    for dialect in DIALECTS {
        let notes = Notes::default();
        let stage = Stage::with(dialect, |builder| builder.hook(notes.clone())).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 1);
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::in_flight(), 1);
        let payment = stage.create().await.unwrap();
        stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        stage
            .flowlix
            .payments()
            .create_hosted(flowlix_ext::Money::eur(1), "https://shop.example.com/back")
            .await
            .unwrap();

        let before = notes.before.lock().unwrap().clone();
        let first_lines: Vec<&str> = before
            .iter()
            .map(|text| text.lines().next().unwrap())
            .collect();
        assert!(first_lines[0].starts_with("1 POST /v1/payments Some(\"order-1234-payment\") 60s"));
        assert!(first_lines[1].starts_with("2 POST /v1/payments Some"));
        assert!(first_lines[2].starts_with("3 POST /v1/payments Some"));
        assert!(first_lines[3].starts_with("1 GET /v1/payments/{id} None"));
        assert!(first_lines[4].starts_with("1 POST /v1/payments/hpp Some"));
        assert!(
            before[0].contains("authorization: [redacted]"),
            "{}",
            before[0]
        );
        assert!(before[0].contains("idempotency-key: order-1234-payment"));
        for secret in [common::VISA, stage.sandbox.key(dialect)] {
            assert!(!before.concat().contains(secret));
        }

        let after = notes.after.lock().unwrap().clone();
        let create: Vec<_> = after[..3]
            .iter()
            .map(|(number, report)| {
                assert_eq!(*number, report.number);
                report.clone()
            })
            .collect();
        assert_eq!(
            create,
            payment.receipt().history(),
            "the decisions themselves"
        );
        assert_eq!(create[0].situation, Situation::ServerError);
        assert!(matches!(create[0].next, Next::Again { .. }));
        assert_eq!(create[1].situation, Situation::InFlight);
        assert_eq!(create[2].next, Next::Done);

        let sent: Vec<_> = stage
            .sandbox
            .requests()
            .iter()
            .map(|request| request.header("x-attempt").unwrap().to_owned())
            .collect();
        assert_eq!(sent, ["1", "2", "3", "1", "1"]);
    }
}

#[tokio::test]
async fn a_header_of_a_call_goes_with_every_attempt_of_it_and_with_no_other_call() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
        let payment = stage
            .create()
            .header("X-Correlation-Id", "c-16")
            .header("x-correlation-id", "c-17")
            .await
            .unwrap();
        stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        let read = stage.flowlix.payments().retrieve(&payment.id);
        read.header("X-Correlation-Id", "c-18").await.unwrap();
        let sent: Vec<_> = stage
            .sandbox
            .requests()
            .iter()
            .map(|request| request.header("x-correlation-id").map(str::to_owned))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(sent, [some("c-17"), some("c-17"), None, some("c-18")]);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_header_that_is_not_the_callers_is_refused_with_all_else_that_is_wrong() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let fields = |error: &Error| -> Vec<String> {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
            assert!(!error.may_have_taken_effect());
            assert!(!error.to_string().contains("canary"), "{error}");
            error
                .violations()
                .iter()
                .map(|found| found.field.clone())
                .collect()
        };
        let error = stage
            .create()
            .return_url("nowhere")
            .header("Authorization", "canary")
            .header("Content-Type", "canary")
            .header("X-Good", "good")
            .header("X-Bad", "canary\r\nHost: evil")
            .header("canary canary", "x")
            .await
            .unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "return_url",
                "header authorization",
                "header content-type",
                "header x-bad",
                "header"
            ]
        );
        let error = stage
            .flowlix
            .payments()
            .create_hosted(flowlix_ext::Money::eur(1), "nowhere")
            .header("Host", "canary")
            .await
            .unwrap_err();
        assert_eq!(fields(&error), ["return_url", "header host"]);
        let id = flowlix_ext::model::PaymentId::received("pay_abc123").unwrap();
        let read = stage.flowlix.payments().retrieve(&id);
        let error = read.header("Idempotency-Key", "canary").await.unwrap_err();
        assert_eq!(fields(&error), ["header idempotency-key"]);
        let refund = stage.flowlix.refunds().create(&id).reason("broken");
        let error = refund.header("Host", "canary").await.unwrap_err();
        assert_eq!(fields(&error), ["header host"]);
        assert_eq!(
            error.operation(),
            Some(flowlix_ext::call::Operation::CreateRefund)
        );
        assert!(stage.sandbox.requests().is_empty(), "nothing was sent");
    }
}

struct Panics;

impl Hook for Panics {
    fn before(&self, _: &Attempt<'_>, headers: &mut ExtraHeaders) {
        headers.insert("X-Half", "done").unwrap();
        panic!("a bug of the application");
    }
    fn after(&self, _: &Attempt<'_>, _: &AttemptReport) {
        panic!("a bug of the application");
    }
}

impl Metrics for Panics {
    fn increment(&self, _: Counter, _: &Labels) {
        panic!("a bug of the application");
    }
}

#[tokio::test]
async fn a_hook_that_panics_loses_no_answer() {
    for dialect in DIALECTS {
        let (counts, notes) = (Counts::default(), Notes::default());
        let stage = Stage::with(dialect, |builder| {
            let builder = builder.hook(Panics).hook(notes.clone());
            builder.metrics(Panics).metrics(counts.clone())
        })
        .await;
        stage.create().await.unwrap();
        assert_eq!(stage.payments_and_charges(), (1, 1));
        assert_eq!(
            notes.after.lock().unwrap().len(),
            1,
            "the next hook is asked"
        );
        assert!(counts.get(Counter::HookPanics) >= 2);
        assert_eq!(counts.get(Counter::Calls), 1);
        assert_eq!(stage.posts()[0].header("x-half"), None);
    }
}

/// Takes its time, on a driven clock.
struct Slow(ManualTime, Duration);

impl Hook for Slow {
    fn before(&self, _: &Attempt<'_>, _: &mut ExtraHeaders) {
        self.0.advance(self.1);
    }
}

#[tokio::test]
async fn a_hook_that_takes_all_the_time_leaves_nothing_to_send() {
    for dialect in DIALECTS {
        let time = ManualTime::automatic();
        let slow = Slow(time.clone(), Duration::from_secs(60));
        let stage = Stage::with(dialect, |builder| builder.runtime(time).hook(slow)).await;
        let error = stage.create().await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::NotSent, 0));
        assert!(stage.sandbox.requests().is_empty(), "{error}");
        assert!(!error.may_have_taken_effect());

        let time = ManualTime::automatic();
        let slow = Slow(time.clone(), Duration::from_secs(40));
        let stage = Stage::with(dialect, |builder| builder.runtime(time).hook(slow)).await;
        stage.sandbox.inject(Fault::LoseAnswer);
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!((error.attempts(), stage.posts().len()), (1, 1));
        assert!(matches!(
            error.stop_reason(),
            Some(StopReason::Deadline { .. })
        ));
    }
}

#[tokio::test]
async fn a_key_that_grows_too_old_under_a_hook_is_not_sent() {
    for dialect in DIALECTS {
        let time = ManualTime::automatic();
        let made = time.now() + Duration::from_secs(10) - KEY_LIFETIME;
        let slow = Slow(time.clone(), Duration::from_secs(10));
        let stage = Stage::with(dialect, |builder| builder.runtime(time).hook(slow)).await;
        let key = IdempotencyKey::custom("nearly").unwrap();
        let create = stage.create().idempotency_key(key.with_created_at(made));
        let error = create.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert_eq!(error.stop_reason(), Some(StopReason::KeyAge));
        assert!(!error.is_retryable() && stage.sandbox.requests().is_empty());
    }
}

struct PanickingBackoff;

impl Backoff for PanickingBackoff {
    fn pause(&self, _: &RetryState, _: f64) -> Duration {
        panic!("a bug of the application");
    }
}

#[tokio::test]
async fn a_backoff_policy_that_panics_loses_no_outcome() {
    for dialect in DIALECTS {
        let stage = Stage::with(dialect, |builder| builder.backoff(PanickingBackoff)).await;
        stage.sandbox.inject(Fault::LoseAnswer);
        stage.create().await.unwrap();
        assert!(stage.time.delays()[0] <= Duration::from_millis(250));
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn counters_tell_what_happened() {
    for dialect in DIALECTS {
        let counts = Counts::default();
        let sandbox = flowlix_sandbox::Sandbox::builder().rate_limit(60);
        let stage = Stage::on(sandbox.start().await.unwrap(), dialect, |builder| {
            builder.metrics(counts.clone())
        });
        let at = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(at, Fault::status(500), 1);
        stage.sandbox.inject_at(at, Fault::in_flight(), 2);
        stage.create().await.unwrap();

        stage.sandbox.inject_at(at, Fault::LoseAnswer, 4);
        let key = |text| flowlix_ext::IdempotencyKey::custom(text).unwrap();
        stage.create().idempotency_key(key("b")).await.unwrap_err();

        let strange = serde_json::json!({ "status": "settling", "amount": 4999 });
        stage.sandbox.inject_at(at, Fault::patch(strange), 1);
        stage.create().idempotency_key(key("c")).await.unwrap();

        stage.sandbox.inject_at(at, Fault::Garbage, 1);
        stage.create().idempotency_key(key("d")).await.unwrap_err();

        let anothers = serde_json::json!({ "amount": 1 });
        stage.sandbox.inject_at(at, Fault::patch(anothers), 1);
        stage.create().idempotency_key(key("f")).await.unwrap_err();

        stage
            .sandbox
            .inject_at(at, Fault::status_retry_after(429, "7"), 1);
        let refused = stage.create().idempotency_key(key("e")).max_attempts(1);
        refused.await.unwrap_err();
        stage.create().idempotency_key(key("e")).await.unwrap();

        let seen: Vec<_> = Counter::ALL
            .map(|counter| (counter, counts.get(counter)))
            .into();
        assert_eq!(
            seen,
            [
                (Counter::Calls, 7),
                (Counter::Attempts, 4 + 4 + 1 + 1 + 1 + 1 + 1),
                (Counter::Retries, 1 + 3),
                (Counter::TwinWaits, 2),
                (Counter::RateWaits, 1),
                (Counter::Failures, 2),
                (Counter::UnknownOutcomes, 1),
                (Counter::AbandonedWrites, 0),
                (Counter::Undecodable, 1),
                (Counter::Mismatched, 1),
                (Counter::UnknownValues, 1),
                (Counter::HookPanics, 0),
            ]
        );
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_under_way_is_counted() {
    for dialect in DIALECTS {
        let counts = Counts::default();
        let stage = Stage::with(dialect, |builder| builder.metrics(counts.clone())).await;
        stage.sandbox.inject(Fault::StallAnswer);
        let call = tokio::spawn(stage.create().send());
        stage.sandbox.wait_for_stalled(1).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(counts.get(Counter::AbandonedWrites), 1);
        assert_eq!(stage.payments_and_charges().0, 1, "and the payment exists");
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Counter, Labels)>>>);

impl Metrics for Seen {
    fn increment(&self, counter: Counter, labels: &Labels) {
        self.0.lock().unwrap().push((counter, *labels));
    }
}

#[tokio::test]
async fn counts_say_what_they_are_about() {
    for dialect in DIALECTS {
        let seen = Seen::default();
        let stage = Stage::with(dialect, |builder| builder.metrics(seen.clone())).await;
        stage.sandbox.inject(Fault::status(401));
        stage.create().await.unwrap_err();
        let seen = seen.0.lock().unwrap().clone();
        let counters: Vec<Counter> = seen.iter().map(|(counter, _)| *counter).collect();
        assert_eq!(
            counters,
            [Counter::Calls, Counter::Attempts, Counter::Failures]
        );
        assert!(seen.iter().all(|(_, labels)| {
            labels.operation == flowlix_ext::call::Operation::CreateDirectPayment
                && labels.dialect == stage.flowlix.dialect()
                && labels.mode == Mode::Test
        }));
        assert_eq!(seen[2].1.situation, Some(Situation::NotAuthorized));
    }
}

#[tokio::test]
async fn what_was_decided_can_be_explained_afterwards() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let at = Operation::CreateDirectPayment;
        stage
            .sandbox
            .inject_at(at, Fault::status_retry_after(503, "7"), 1);
        stage.sandbox.inject_at(at, Fault::status(401), 1);
        let error = stage.create().await.unwrap_err();
        let first = &error.history()[0];
        let pause = Duration::from_secs(7);
        assert_eq!(first.next, Next::Again { pause });
        assert_eq!(first.time_left, Duration::from_secs(60));
        assert_eq!(error.history()[1].time_left, Duration::from_secs(53));
        let text = error.explain();
        assert!(
            text.contains("again in 7.0 s: Flowlix or a proxy failed"),
            "{text}"
        );
        assert!(
            text.contains("stop (no retry would help): the key is wrong"),
            "{text}"
        );
    }
}
