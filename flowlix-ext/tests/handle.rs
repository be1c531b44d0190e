//! A wait goes on after a restart, in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, SystemTime};

use common::{DIALECTS, Stage, THREE_D_SECURE};
use flowlix_ext::model::{PaymentId, PaymentStatus};
use flowlix_ext::payments::{InvalidWaitHandle, WaitHandle};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{ErrorKind, Flowlix, Settled};
use flowlix_sandbox::{Fault, Operation};

/// A process that starts this many seconds after the first one.
fn another_process(stage: &Stage, later: u64) -> (Flowlix, ManualTime) {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(ManualTime::START + later);
    let time = ManualTime::automatic().starting_at(start);
    let flowlix = Flowlix::builder(stage.sandbox.key(stage.dialect))
        .base_url(stage.sandbox.base_url())
        .runtime(time.clone())
        .build()
        .unwrap();
    (flowlix, time)
}

/// A payment that waits for 3-D Secure, and the stored handle of the watch that saw it.
async fn waiting_for_3ds(stage: &Stage) -> (PaymentId, String) {
    let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
    let mut watch = stage.flowlix.payments().watch(&payment.id);
    while watch.next().await.unwrap().is_some() {}
    let stored = serde_json::to_string(&watch.handle()).unwrap();
    assert!(matches!(
        watch.settled().await.unwrap(),
        Settled::RequiresAction(_)
    ));
    (payment.id.clone(), stored)
}

fn stuck(stage: &Stage) {
    let unknown = serde_json::json!({ "status": "settling" });
    stage
        .sandbox
        .inject_at(Operation::RetrievePayment, Fault::patch(unknown), 9999);
}

#[tokio::test]
async fn a_handle_is_small_and_gives_nothing_away() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (id, stored) = waiting_for_3ds(&stage).await;
        let handle = WaitHandle::from_json(&stored).unwrap();
        assert_eq!(serde_json::to_string(&handle).unwrap(), stored);
        assert_eq!(serde_json::from_str::<WaitHandle>(&stored).unwrap(), handle);
        assert_eq!(handle.payment_id(), &id);
        assert_eq!(handle.started_at(), ManualTime::START);
        assert_eq!(handle.deadline(), Duration::from_secs(120));
        assert_eq!(handle.last_status(), Some(&PaymentStatus::RequiresAction));

        let returned = stage.flowlix.payments().resume(handle).customer_returned();
        let fullest = serde_json::to_string(&returned.handle()).unwrap();
        assert!(fullest.len() < 300, "{} bytes: {fullest}", fullest.len());
        for secret in [stage.sandbox.base_url().as_str(), "http", "_sk_"] {
            assert!(!fullest.contains(secret), "{secret} in {fullest}");
        }
    }
}

#[tokio::test]
async fn another_process_goes_on_where_the_first_one_stopped() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (_, stored) = waiting_for_3ds(&stage).await;
        let handle = || WaitHandle::from_json(&stored).unwrap();
        let (flowlix, time) = another_process(&stage, 60);

        // The customer is still away: the same action, at once, and not told as news.
        let mut watch = flowlix.payments().resume(handle()).watch();
        assert!(watch.next().await.unwrap().is_none());
        assert!(matches!(
            watch.settled().await.unwrap(),
            Settled::RequiresAction(_)
        ));
        assert_eq!(time.delays(), [Duration::ZERO]);

        // The action that the first process saw is known; another one is noticed on the first look.
        let second =
            serde_json::json!({ "next_action": { "redirect_url": "https://bank.example.com/2" } });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::patch(second), 1);
        let returned = || flowlix.payments().resume(handle()).customer_returned();
        let Settled::RequiresAction(action) = returned().await.unwrap() else {
            panic!("no second action");
        };
        assert_eq!(action.redirect_url(), Some("https://bank.example.com/2"));

        stage
            .sandbox
            .approve(handle().payment_id().as_str())
            .unwrap();
        // A restart after the customer's return forgets neither.
        let stored = serde_json::to_string(&returned().handle()).unwrap();
        let resumed = WaitHandle::from_json(&stored).unwrap();
        let settled = flowlix.payments().resume(resumed).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)), "{settled:?}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_return_is_remembered_over_a_restart() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (id, _) = waiting_for_3ds(&stage).await;
        let wait = stage.flowlix.payments().wait(&id).customer_returned();
        let stored = serde_json::to_string(&wait.handle()).unwrap();
        let (flowlix, _) = another_process(&stage, 1);
        let handle = WaitHandle::from_json(&stored).unwrap();
        // The old action does not end the wait: the customer is back from it.
        let error = flowlix.payments().resume(handle).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert!(error.wait_progress().unwrap().polls > 1);
    }
}

#[tokio::test]
async fn the_deadline_counts_the_time_between_two_processes() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let handle = stage.flowlix.payments().wait(&payment.id).handle();
        stuck(&stage);
        let (flowlix, time) = another_process(&stage, 100);
        let error = flowlix.payments().resume(handle).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert_eq!(progress.elapsed, Duration::from_secs(118));
        assert_eq!(progress.deadline, Duration::from_secs(120));
        let here: Duration = time.delays().iter().sum();
        assert_eq!(here, Duration::from_secs(18));
        assert!(progress.polls > 1);
    }
}

#[tokio::test]
async fn past_the_deadline_there_is_one_look() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let handle = stage.flowlix.payments().wait(&payment.id).handle();
        let (flowlix, time) = another_process(&stage, 1000);
        let resume = || flowlix.payments().resume(handle.clone());

        stuck(&stage);
        let error = resume().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert_eq!((progress.polls, progress.failed_polls), (1, 0));
        assert_eq!(progress.elapsed, Duration::from_secs(1000));
        assert!(
            error
                .to_string()
                .contains("is still settling after 1 look in"),
            "{error}"
        );
        assert_eq!(time.delays(), [Duration::ZERO]);

        // A new deadline counts from now.
        let renewed = resume().deadline(Duration::from_secs(30));
        assert_eq!(renewed.handle().started_at(), ManualTime::START + 1000);
        let error = renewed.await.unwrap_err();
        let elapsed = error.wait_progress().unwrap().elapsed;
        assert_eq!(elapsed, Duration::from_secs(28));

        stage.sandbox.clear_faults();
        stage.sandbox.settle();
        assert!(matches!(resume().await.unwrap(), Settled::Succeeded(_)));
    }
}

#[tokio::test]
async fn a_late_look_takes_five_seconds_at_most_and_says_what_was_known() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (_, stored) = waiting_for_3ds(&stage).await;
        let (flowlix, time) = another_process(&stage, 1000);
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::StallAnswer, 1);
        let handle = WaitHandle::from_json(&stored).unwrap();
        let waiting = tokio::spawn(flowlix.payments().resume(handle).send());
        stage.sandbox.wait_for_stalled(1).await;
        time.advance(Duration::from_secs(5));
        // Real time only so that a look without bounds fails this test instead of hanging it.
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        let error = ended.unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert!(
            error
                .to_string()
                .contains("never read since the restart, and REQUIRES_ACTION before it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn only_the_first_look_may_be_late() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let wait = stage.flowlix.payments().wait(&payment.id);
        let handle = wait.deadline(Duration::from_secs(4)).handle();
        let unknown = serde_json::json!({ "status": "settling" });
        for fault in [Fault::patch(unknown), Fault::StallAnswer] {
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 1);
        }
        let (flowlix, time) = another_process(&stage, 0);
        let waiting = tokio::spawn(flowlix.payments().resume(handle).send());
        stage.sandbox.wait_for_stalled(1).await;
        // The second look comes after two seconds or a little more, so two are left at most.
        time.advance(Duration::from_secs(2));
        // Real time only so that a look without bounds fails this test instead of hanging it.
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        let error = ended.unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert!(error.wait_progress().unwrap().elapsed < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_part_of_a_second_counts_as_a_whole_one() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let id = PaymentId::received("pay_abc123").unwrap();
        for (deadline, stored) in [(1500, 2), (2000, 2), (1, 1), (0, 0)] {
            let wait = stage.flowlix.payments().wait(&id);
            let wait = wait.deadline(Duration::from_millis(deadline));
            let handle = serde_json::to_value(wait.handle()).unwrap();
            assert_eq!(handle["deadline"], stored);
        }
    }
}

#[tokio::test]
async fn a_handle_from_the_future_counts_from_now() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let (ahead, _) = another_process(&stage, 5000);
        let handle = ahead.payments().wait(&payment.id).handle();
        assert_eq!(handle.started_at(), ManualTime::START + 5000);
        stuck(&stage);
        let watch = stage.flowlix.payments().resume(handle.clone()).watch();
        assert_eq!(watch.handle().started_at(), ManualTime::START);
        let error = stage.flowlix.payments().resume(handle).await.unwrap_err();
        let elapsed = error.wait_progress().unwrap().elapsed;
        assert_eq!(elapsed, Duration::from_secs(118));
    }
}

#[tokio::test]
async fn hostile_numbers_end_in_a_wait_like_any_other() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        stage.sandbox.settle();
        for (started_at, deadline) in [(0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0), (0, 0)] {
            let stored = serde_json::json!({
                "version": 1, "payment_id": payment.id, "started_at": started_at, "deadline": deadline,
            });
            let handle = WaitHandle::from_json(&stored.to_string()).unwrap();
            let settled = stage.flowlix.payments().resume(handle).await.unwrap();
            assert!(matches!(settled, Settled::Succeeded(_)));
        }
    }
}

#[test]
fn what_is_no_handle_of_ours_is_refused_by_type() {
    // Another version may mean anything by the other members.
    let newer = r#"{"version":2,"payment_id":7,"deadline":"soon"}"#;
    let error = WaitHandle::from_json(newer).unwrap_err();
    let InvalidWaitHandle::Version {
        found, supported, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((found, supported), (2, 1));
    assert!(error.to_string().contains("version 2"), "{error}");

    let whole = r#"{"version":2,"payment_id":"pay_abc123","started_at":0,"deadline":1}"#;
    let error = serde_json::from_str::<WaitHandle>(whole).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");

    for damaged in [
        "",
        "{}",
        "null",
        r#"{"version":1}"#,
        r#"{"version":1,"payment_id":"..","started_at":0,"deadline":1}"#,
        r#"{"version":1,"payment_id":"pay_abc123","started_at":-1,"deadline":1}"#,
        r#"{"version":-1,"payment_id":"pay_abc123","started_at":0,"deadline":1}"#,
        r#"{"version":1,"payment_id":"pay_abc123","started_at":0,"deadline":1"#,
    ] {
        let error = WaitHandle::from_json(damaged).unwrap_err();
        assert_eq!(error, InvalidWaitHandle::Malformed, "{damaged}");
    }
}
