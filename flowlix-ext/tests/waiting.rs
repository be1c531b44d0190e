//! The edges of waiting: deadlines that leave no time, waits that are given up and gone on with, and what
//! another key's client makes of a handle; in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{DIALECTS, Stage, THREE_D_SECURE};
use flowlix_ext::model::PaymentStatus;
use flowlix_ext::payments::{WaitHandle, Watch};
use flowlix_ext::polling::{PollState, Polling};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, Flowlix, Settled};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use futures_core::Stream;

const SECOND: Duration = Duration::from_secs(1);

/// A pace that is the same for ever.
struct Every(Duration);

impl Polling for Every {
    fn pause(&self, _: &PollState, _: f64) -> Duration {
        self.0
    }
}

fn always(stage: &Stage, fault: Fault) {
    stage
        .sandbox
        .inject_at(Operation::RetrievePayment, fault, 9999);
}

fn stuck() -> Fault {
    Fault::patch(serde_json::json!({ "status": "settling" }))
}

fn looks(stage: &Stage) -> usize {
    let requests = stage.sandbox.requests();
    requests
        .iter()
        .filter(|request| request.method() == "GET")
        .count()
}

/// A stage on a clock that only the test moves.
async fn stepped(dialect: Dialect) -> Stage {
    let sandbox = Sandbox::start().await.unwrap();
    let time = ManualTime::stepped();
    let mut stage = Stage::on(sandbox, dialect, |builder| builder.runtime(time.clone()));
    stage.time = time;
    stage
}

/// Polls the next change once and gives it up.
fn glance(watch: &mut Watch) -> bool {
    let next = pin!(watch.next());
    next.poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[tokio::test]
async fn a_wait_without_time_looks_once_all_the_same() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let charged = stage.charged().await;
        let before = stage.time.delays().len();
        let wait = |deadline| {
            stage
                .flowlix
                .payments()
                .wait(&charged.id)
                .deadline(deadline)
        };
        let settled = wait(Duration::ZERO).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
        assert_eq!(stage.time.delays()[before..], [Duration::ZERO]);

        always(&stage, stuck());
        let asked = looks(&stage);
        let error = wait(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert_eq!(error.wait_progress().unwrap().polls, 1);
        assert!(error.to_string().contains("is still settling after 1 look"));
        assert_eq!(looks(&stage), asked + 1);

        let refunds = stage.flowlix.refunds();
        stage.sandbox.clear_faults();
        let created = refunds.create(&charged.id).amount(1).reason("late").await;
        let refund = created.unwrap().refund.clone().unwrap();
        stage.sandbox.settle();
        let wait = refunds.wait(&charged.id, &refund.id);
        assert_eq!(
            wait.deadline(Duration::ZERO).await.unwrap().refund().amount,
            1
        );
    }
}

#[tokio::test]
async fn a_look_without_time_is_bounded() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let wait = stage.flowlix.payments().wait(&payment.id);
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::StallAnswer, 1);
        let waiting = tokio::spawn(wait.deadline(Duration::ZERO).send());
        // Real time only so that no look, or one without bounds, fails this test instead of hanging it.
        let asked = stage.sandbox.wait_for_stalled(1);
        tokio::time::timeout(10 * SECOND, asked).await.unwrap();
        stage.time.advance(5 * SECOND);
        let ended = tokio::time::timeout(10 * SECOND, waiting).await;
        let error = ended.unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert_eq!(error.wait_progress().unwrap().failed_polls, 1);
        assert!(
            error.to_string().contains("was never read in 1 look"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_deadline_before_the_first_look_keeps_time_for_it() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        always(&stage, stuck());
        for (deadline, last_look) in [(1000, 750), (2000, 1500), (4000, 3000), (8000, 6000)] {
            let deadline = Duration::from_millis(deadline);
            let wait = stage.flowlix.payments().wait(&payment.id);
            let error = wait.deadline(deadline).await.unwrap_err();
            let progress = error.wait_progress().unwrap();
            assert_eq!(progress.elapsed, Duration::from_millis(last_look));
            assert_eq!(progress.deadline, deadline);
        }
    }
}

#[tokio::test]
async fn a_wait_without_end_ends_with_the_payment() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let wait = || {
            let wait = stage.flowlix.payments().wait(&payment.id);
            wait.deadline(Duration::MAX)
        };
        let stored = serde_json::to_string(&wait().handle()).unwrap();
        assert!(matches!(wait().await.unwrap(), Settled::Succeeded(_)));
        let handle = WaitHandle::from_json(&stored).unwrap();
        let resumed = stage.flowlix.payments().resume(handle).await.unwrap();
        assert!(matches!(resumed, Settled::Succeeded(_)));
    }
}

#[tokio::test]
async fn whatever_the_pace_the_last_look_comes_before_the_deadline() {
    for dialect in DIALECTS {
        for (pace, polls) in [(118 * SECOND, 1), (117 * SECOND, 2), (Duration::MAX, 1)] {
            let stage = Stage::new(dialect).await;
            let payment = stage.create().await.unwrap();
            always(&stage, stuck());
            let wait = stage.flowlix.payments().wait(&payment.id);
            let error = wait.polling(Every(pace)).await.unwrap_err();
            let progress = error.wait_progress().unwrap();
            assert_eq!(progress.polls, polls, "{pace:?}");
            assert_eq!(progress.elapsed, 118 * SECOND);
        }
    }
}

#[tokio::test]
async fn the_pace_is_the_clients_unless_a_wait_has_its_own() {
    for dialect in DIALECTS {
        let stage = Stage::with(dialect, |builder| builder.polling(Every(7 * SECOND))).await;
        let payment = stage.charged().await;
        let created = stage.flowlix.refunds().create(&payment.id).reason("late");
        let refund = created.await.unwrap().refund.clone().unwrap();
        let endless = Fault::alter(|body| {
            body["status"] = "settling".into();
            body["refunds"][0]["status"] = "pending".into();
        });
        always(&stage, endless);
        let wait = || {
            stage
                .flowlix
                .payments()
                .wait(&payment.id)
                .deadline(60 * SECOND)
        };
        let refunds = stage.flowlix.refunds();
        let refund_wait = || refunds.wait(&payment.id, &refund.id).deadline(60 * SECOND);
        // The first pause of a wait that comes to no outcome.
        let pace = async |wait: Pin<Box<dyn Future<Output = Option<Error>> + '_>>| {
            let before = stage.time.delays().len();
            let error = wait.await.unwrap();
            assert_eq!(error.kind(), ErrorKind::WaitTimeout);
            stage.time.delays()[before]
        };
        let own = || Every(11 * SECOND);
        let paces = [
            pace(Box::pin(async { wait().await.err() })).await,
            pace(Box::pin(async { wait().polling(own()).await.err() })).await,
            pace(Box::pin(async { refund_wait().await.err() })).await,
            pace(Box::pin(async { refund_wait().polling(own()).await.err() })).await,
        ];
        assert_eq!(paces, [7, 11, 7, 11].map(|pace| pace * SECOND));
    }
}

#[tokio::test]
async fn an_outcome_on_the_last_look_is_the_outcome() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let charged = stage.charged().await;
        let wait = stage.flowlix.payments().wait(&charged.id);
        let settled = wait.polling(Every(Duration::MAX)).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
    }
}

#[tokio::test]
async fn a_failed_look_is_forgotten_after_a_good_one() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let later = Fault::status_retry_after(503, "30");
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, later, 1);
        always(&stage, stuck());
        let wait = stage.flowlix.payments().wait(&payment.id);
        let error = wait.max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let delays = stage.time.delays();
        assert_eq!(delays[..2], [2 * SECOND, 30 * SECOND]);
        assert!(delays[2] <= 5 * SECOND, "{delays:?}");
        assert_eq!(error.wait_progress().unwrap().failed_polls, 1);
        assert!(std::error::Error::source(&error).is_none(), "{error:?}");
    }
}

#[tokio::test]
async fn giving_up_on_the_next_change_does_not_begin_its_pause_anew() {
    for dialect in DIALECTS {
        let stage = stepped(dialect).await;
        let payment = stage.create().await.unwrap();
        stage.sandbox.settle();
        let mut watch = stage.flowlix.payments().watch(&payment.id);
        // Somebody who looks up from the watch every half a second.
        for _ in 0..4 {
            assert!(!glance(&mut watch));
            assert_eq!(looks(&stage), 0);
            stage.time.advance(SECOND / 2);
        }
        let next = watch.next().await.unwrap().unwrap();
        assert_eq!(next.status, PaymentStatus::Succeeded);
        assert_eq!(stage.time.delays(), [2 * SECOND]);
    }
}

#[tokio::test]
async fn giving_up_on_a_look_asks_no_second_time() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        stage.sandbox.settle();
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::StallAnswer, 1);
        let mut watch = stage.flowlix.payments().watch(&payment.id);
        stage.give_up_when_stalled(watch.next()).await;
        stage.sandbox.release_stalled();
        assert!(watch.next().await.unwrap().is_some());
        assert_eq!(watch.progress().polls, 1);
        assert_eq!(looks(&stage), 1);
    }
}

#[tokio::test]
async fn another_action_is_a_change_though_the_status_stays() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
        let wait = || stage.flowlix.payments().wait(&payment.id);
        assert!(matches!(wait().await.unwrap(), Settled::RequiresAction(_)));
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::Pass, 2);
        let second = "https://bank.example.com/2";
        let action = serde_json::json!({ "next_action": { "redirect_url": second } });
        always(&stage, Fault::patch(action));
        let mut watch = wait().customer_returned().watch();
        let mut seen = Vec::new();
        while let Some(payment) = watch.next().await.unwrap() {
            assert_eq!(payment.status, PaymentStatus::RequiresAction);
            seen.push(payment.next_action.unwrap().redirect_url.unwrap());
        }
        assert_eq!((seen.len(), seen[1].as_str()), (2, second));
        assert_eq!(watch.progress().polls, 3, "the same one again is no change");
    }
}

#[tokio::test]
async fn a_watch_is_a_stream() {
    async fn polled<S: Stream + Unpin + Send>(stream: &mut S) -> Option<S::Item> {
        std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
    }
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
        let mut watch = stage.flowlix.payments().watch(&payment.id);
        let mut seen = Vec::new();
        while let Some(payment) = polled(&mut watch).await {
            seen.push(payment.unwrap().status);
        }
        assert_eq!(seen.last(), Some(&PaymentStatus::RequiresAction));
        let Settled::RequiresAction(_) = watch.settled().await.unwrap() else {
            panic!("no action");
        };

        // It ends after the first error; by name it can be asked again.
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(404), 1);
        let mut watch = stage.flowlix.payments().watch(&payment.id);
        let error = polled(&mut watch).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(polled(&mut watch).await.is_none());
        let next = watch.next().await.unwrap().unwrap();
        assert_eq!(next.status, PaymentStatus::RequiresAction);
    }
}

#[tokio::test]
async fn dropping_a_wait_stops_looking_and_nothing_else() {
    for dialect in DIALECTS {
        let stage = stepped(dialect).await;
        let payment = stage.create().await.unwrap();
        let mut wait = Box::pin(stage.flowlix.payments().wait(&payment.id).send());
        let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        drop(wait);
        stage.time.advance(100 * SECOND);
        assert_eq!(looks(&stage), 0);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_handle_is_of_no_use_to_another_dialect_account_or_mode() {
    for dialect in DIALECTS {
        let sandbox = Sandbox::builder().accept_live_keys(true).start().await;
        let stage = Stage::on(sandbox.unwrap(), dialect, |builder| builder);
        let payment = stage.create().await.unwrap();
        let handle = stage.flowlix.payments().wait(&payment.id).handle();
        let other = match dialect {
            Dialect::SnakeCase => Dialect::Uppercase,
            _ => Dialect::SnakeCase,
        };
        for key in [stage.sandbox.key(other), stage.sandbox.live_key(dialect)] {
            let foreign = Flowlix::builder(key)
                .base_url(stage.sandbox.base_url())
                .runtime(ManualTime::automatic())
                .build()
                .unwrap();
            let error = foreign.payments().resume(handle.clone()).await;
            let error = error.unwrap_err();
            assert!(error.is_not_found() || error.is_authentication(), "{error}");
            let progress = error.wait_progress().unwrap();
            assert_eq!((progress.polls, &progress.payment_id), (1, &payment.id));
            assert!(error.may_have_taken_effect(), "the payment goes on");
        }
        let settled = stage.flowlix.payments().resume(handle).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
    }
}
