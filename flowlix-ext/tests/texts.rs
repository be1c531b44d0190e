//! What people read of errors and clocks: whole sentences, each fact once, the way out named.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::journal::{Death, Dying};
use common::{DIALECTS, Stage};
use flowlix_ext::journal::MemoryJournal;
use flowlix_ext::runtime::Runtime;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{ErrorKind, Flowlix, Money, model};
use flowlix_sandbox::{Fault, Operation};

#[tokio::test]
async fn an_error_out_of_main_tells_its_story_and_what_it_rests_on() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let error = stage.create().max_attempts(1).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.starts_with(&error.explain()), "{shown}");
        assert_eq!(shown, format!("{error:#?}"));
        assert!(shown.contains("(limit of 1 attempt reached)"), "{shown}");
        assert!(shown.contains("\n  attempt 1: no answer"), "{shown}");
        let source = error.source().unwrap().to_string();
        assert!(shown.contains(&format!("\n  because: {source}")), "{shown}");
    }
}

#[tokio::test]
async fn a_wait_that_read_nothing_says_so() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let operation = Operation::RetrievePayment;
        stage.sandbox.inject_at(operation, Fault::status(503), 100);
        let wait = stage.flowlix.payments().wait(&payment.id);
        let error = wait.deadline(Duration::from_secs(9)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let text = error.to_string();
        let expected = format!("payment {} was never read in ", payment.id);
        assert!(text.contains(&expected), "{text}");

        let wait = stage.flowlix.payments().wait(&payment.id);
        let error = wait.header("Authorization", "x").await.unwrap_err();
        let text = error.to_string();
        assert!(error.is_invalid_request(), "{text}");
        assert!(!text.contains("replaced in "), "{text}");
    }
}

#[tokio::test]
async fn a_value_that_a_dialect_lacks_is_answered_with_those_that_it_has() {
    for (dialect, currencies, a_status) in [
        (
            flowlix_sandbox::Dialect::SnakeCase,
            "eur, usd, gbp",
            "succeeded",
        ),
        (flowlix_sandbox::Dialect::Uppercase, "EUR", "SUCCEEDED"),
    ] {
        let stage = Stage::new(dialect).await;
        let money = Money::new(1, model::Currency::from("CHF"));
        let create = stage
            .flowlix
            .payments()
            .create_direct(money, common::card(common::VISA));
        let error = create.await.unwrap_err();
        let expected = format!("not documented here; known are {currencies} (");
        assert_eq!(error.violations()[0].field, "currency");
        assert!(error.violations()[0].problem.contains(&expected), "{error}");

        let list = stage.flowlix.payments().list();
        let status = model::PaymentStatus::from("settling");
        let error = list.status(status).page().await.unwrap_err();
        let problem = &error.violations()[0].problem;
        assert!(problem.contains(a_status), "{error}");
        assert!(!problem.contains("settling"), "{error}");
        assert!(stage.sandbox.requests().is_empty());
    }
}

#[tokio::test]
async fn an_accepted_call_does_not_sound_like_a_failure() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let why = payment.receipt().history()[0].why();
        assert!(!why.contains("cannot be read"), "{why}");
    }
}

#[tokio::test]
async fn the_line_of_a_journals_error_names_the_cause_once() {
    for dialect in DIALECTS {
        let journal = Dying::new(&Arc::new(MemoryJournal::new()), 1, Death::Fails);
        let stage = Stage::with(dialect, |builder| builder.journal(journal)).await;
        let error = stage.create().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal);
        let line = error.to_string();
        assert_eq!(line.matches("no space left on device").count(), 1, "{line}");
        assert!(error.source().is_none(), "told already");
        assert!(stage.posts().is_empty());
    }
}

#[test]
fn a_client_shows_the_time_that_it_goes_by() {
    let time = ManualTime::stepped();
    let shared: Arc<dyn Runtime> = Arc::new(time.clone());
    let builder = Flowlix::builder("fl_test_sk_abc123def456").runtime(shared.clone());
    let flowlix = builder.build().unwrap();
    assert_eq!(flowlix.now(), time.now());
    time.advance(Duration::from_secs(3600));
    assert_eq!(flowlix.now(), time.now());
    assert_eq!(flowlix.now(), shared.now());
}

#[tokio::test]
async fn another_clock_moves_along() {
    for dialect in DIALECTS {
        let sandbox = flowlix_sandbox::Sandbox::start().await.unwrap();
        let (clock, told) = (sandbox.clock(), Arc::new(Mutex::new(Vec::new())));
        let (begin, heard) = (clock.now(), told.clone());
        let time = ManualTime::automatic().on_advance(move |by| {
            clock.advance(by);
            heard.lock().unwrap().push(by);
        });
        let stage = Stage::on(sandbox, dialect, |builder| builder.runtime(time.clone()));
        stage.sandbox.inject(Fault::status_retry_after(503, "7"));
        stage.create().await.unwrap();
        assert_eq!(*told.lock().unwrap(), time.delays());
        let now = stage.sandbox.clock().now();
        assert!(now >= begin + 7, "{now}");
        time.advance(Duration::from_secs(60));
        assert_eq!(stage.sandbox.clock().now(), now + 60);
    }
}
