//! The rate limit is kept to before Flowlix has to refuse.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{DIALECTS, Stage};
use flowlix_ext::call::decision::Situation;
use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::{Flowlix, IdempotencyKey};
use flowlix_sandbox::{Answer, Fault, Operation, Sandbox};

const LONG: Duration = Duration::from_secs(300);

async fn limited(requests: u32, dialect: flowlix_sandbox::Dialect, rate: RateLimit) -> Stage {
    let sandbox = Sandbox::builder().rate_limit(requests);
    let sandbox = sandbox.start().await.unwrap();
    Stage::on(sandbox, dialect, |builder| {
        builder.rate_limit(rate).operation_timeout(LONG)
    })
}

/// How often Flowlix had to refuse.
fn refusals(stage: &Stage) -> usize {
    let requests = stage.sandbox.requests().into_iter();
    requests
        .filter(|request| request.answer() == Answer::Status(429))
        .count()
}

fn key(number: usize) -> IdempotencyKey {
    IdempotencyKey::custom(format!("order-{number}")).unwrap()
}

#[tokio::test]
async fn a_busy_service_is_slowed_and_never_refused() {
    for dialect in DIALECTS {
        let stage = limited(20, dialect, RateLimit::new()).await;
        let payment = stage.create().await.unwrap();
        let mut held_back = 0;
        for number in 0..50 {
            let reply = stage
                .flowlix
                .payments()
                .retrieve(&payment.id)
                .await
                .unwrap();
            let attempts = reply.receipt().history();
            assert_eq!(attempts.len(), 1, "read {number}");
            let waited = attempts[0].waited;
            held_back += usize::from(!waited.is_zero());
            assert_eq!(
                waited.is_zero(),
                !attempts[0].to_string().contains("held back")
            );
            stage.sandbox.clock().set(now(&stage));
        }
        assert_eq!(refusals(&stage), 0);
        assert_eq!(held_back, 2, "once for each window that was used up");
        assert_eq!(stage.time.delays().len(), 2);
    }
}

fn now(stage: &Stage) -> i64 {
    let since = stage.time.now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

#[tokio::test]
async fn a_create_goes_before_the_polls_that_used_up_the_window() {
    for dialect in DIALECTS {
        let stage = limited(20, dialect, RateLimit::new()).await;
        let payment = stage.create().await.unwrap();
        for _ in 0..17 {
            let read = stage.flowlix.payments().retrieve(&payment.id);
            read.await.unwrap();
        }
        let state = stage.flowlix.rate_limit();
        assert_eq!((state.remaining, state.limit), (Some(2), Some(20)));
        assert_eq!(state.kept_for_writes, 2);
        assert!(state.read_waits > Duration::ZERO, "{state}");
        assert_eq!(state.write_waits, Duration::ZERO, "{state}");

        let created = stage.create().idempotency_key(key(2)).await.unwrap();
        assert_eq!(created.receipt().history()[0].waited, Duration::ZERO);
        assert!(stage.time.delays().is_empty());
        assert_eq!(refusals(&stage), 0);
    }
}

#[tokio::test]
async fn a_429_holds_back_all_clones_until_retry_after() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status_retry_after(429, "7"));
        let refused = stage.create().max_attempts(1).await.unwrap_err();
        assert!(refused.is_rate_limited(), "{refused}");

        let state = stage.flowlix.rate_limit();
        assert_eq!(state.write_waits, Duration::from_secs(7), "{state}");
        let clone = stage.flowlix.clone();
        let card = common::card(common::VISA);
        let created = clone
            .payments()
            .create_direct(flowlix_ext::Money::eur(1), card)
            .return_url("https://shop.example.com/3ds")
            .await
            .unwrap();
        let attempt = &created.receipt().history()[0];
        assert_eq!(attempt.waited, Duration::from_secs(7));
        assert_eq!(stage.time.delays(), [Duration::from_secs(7)]);
        assert_eq!(stage.flowlix.rate_limit().write_waits, Duration::ZERO);
    }
}

#[tokio::test]
async fn a_call_without_the_time_to_wait_lets_flowlix_decide() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage.sandbox.inject(Fault::status_retry_after(429, "50"));
        let refused = stage.create().max_attempts(1).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(50)));
        let hasty = stage.create().operation_timeout(Duration::from_secs(10));
        assert!(hasty.await.is_ok());
        assert!(stage.time.delays().is_empty());
    }
}

#[tokio::test]
async fn clients_of_one_key_can_share_one_account() {
    let rate = RateLimit::new();
    let dialect = DIALECTS[1];
    let stage = limited(20, dialect, rate.clone()).await;
    let other = Flowlix::builder(stage.sandbox.key(dialect))
        .base_url(stage.sandbox.base_url())
        .runtime(stage.time.clone())
        .rate_limit(rate)
        .build()
        .unwrap();
    let payment = stage.create().await.unwrap();
    for _ in 0..17 {
        other.payments().retrieve(&payment.id).await.unwrap();
    }
    assert_eq!(stage.flowlix.rate_limit(), other.rate_limit());
    let reply = stage.flowlix.payments().retrieve(&payment.id).await;
    assert!(!reply.unwrap().receipt().history()[0].waited.is_zero());
}

#[tokio::test]
async fn switched_off_only_flowlix_refuses_and_the_call_still_succeeds() {
    for dialect in DIALECTS {
        let stage = limited(20, dialect, RateLimit::off()).await;
        let payment = stage.create().await.unwrap();
        for _ in 0..19 {
            let read = stage.flowlix.payments().retrieve(&payment.id);
            read.await.unwrap();
        }
        let state = stage.flowlix.rate_limit();
        assert!(!state.is_on && state.read_waits.is_zero(), "{state}");
        let read = stage.flowlix.payments().retrieve(&payment.id);
        let refused = read.max_attempts(1).await.unwrap_err();
        assert_eq!(refused.history()[0].situation, Situation::RateLimited);
        assert_eq!(refused.history()[0].waited, Duration::ZERO);
        assert!(refusals(&stage) > 0);
    }
}

#[tokio::test]
async fn headers_that_make_no_sense_hold_nobody_back() {
    for dialect in DIALECTS {
        for (limit, remaining, reset) in [
            ("500", "0", "18446744073709551615"),
            ("500", "0", "0"),
            ("0", "0", "1719792030"),
            ("many", "none", "soon"),
            ("-1", "-1", "-1"),
            ("", "", ""),
        ] {
            let stage = Stage::new(dialect).await;
            let payment = stage.create().await.unwrap();
            let headers = [
                ("content-type", "application/json"),
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ];
            let id = payment.id.as_str();
            let body = format!(r#"{{"id":"{id}","amount":1,"currency":"eur","status":"pending"}}"#);
            let fault = Fault::raw(200, headers, body);
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 1);
            for _ in 0..2 {
                let read = stage.flowlix.payments().retrieve(&payment.id);
                read.await.unwrap();
            }
            assert!(
                stage.time.delays().is_empty(),
                "{limit} {remaining} {reset}"
            );
        }
    }
}
