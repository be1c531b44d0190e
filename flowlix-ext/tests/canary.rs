//! No secret is shown: not by any type's `Debug` or `Display`, not by any error, not to `tracing`, not to
//! `log`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

#[path = "canary/api.rs"]
mod api;
#[path = "canary/disk.rs"]
mod disk;
#[path = "canary/echoes.rs"]
mod echoes;
#[path = "canary/features.rs"]
mod features;
#[path = "canary/intent_stores.rs"]
mod intent_stores;
#[path = "canary/intents.rs"]
mod intents;
#[path = "canary/journal.rs"]
mod journal;
#[path = "canary/parts.rs"]
mod parts;
#[path = "canary/repository.rs"]
mod repository;
#[path = "canary/sandbox.rs"]
mod sandbox;
#[path = "canary/shown.rs"]
mod shown;
#[path = "canary/source.rs"]
mod source;
#[path = "canary/suite.rs"]
mod suite;
#[path = "canary/types.rs"]
mod types;
#[path = "canary/webhooks.rs"]
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::secrets::{AMEX, AMEX_CVC, CVC, HEADER, WEBHOOK_SECRET};
use common::{DIALECTS, watch};
use flowlix_ext::call::backoff::{Backoff, ExponentialBackoff, RetryState};
use flowlix_ext::call::headers::ExtraHeaders;
use flowlix_ext::call::history::AttemptReport;
use flowlix_ext::call::hook::{Attempt, Hook};
use flowlix_ext::call::metrics::{Counter, Labels, Metrics};
use flowlix_ext::payments::WaitHandle;
use flowlix_ext::polling::{DefaultPolling, PollState, Polling};
use flowlix_ext::refunds::RefundSettled;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{
    CardDetails, Error, ErrorKind, Flowlix, FlowlixBuilder, IdempotencyKey, Money, PaymentExt,
    Settled,
};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use shown::{Shown, show};

fn card(number: &str) -> CardDetails {
    let cvc = if number == AMEX { AMEX_CVC } else { CVC };
    CardDetails::new(number, 12, 2027, cvc, "Jenny Rosen")
}

/// Shows all that the client gives to code of its user.
#[derive(Clone)]
struct Showing(Arc<Mutex<Shown>>);

impl Hook for Showing {
    fn before(&self, attempt: &Attempt<'_>, headers: &mut ExtraHeaders) {
        let mut shown = self.0.lock().unwrap();
        show!(shown, attempt);
        let seen: Vec<_> = attempt.headers().collect();
        shown.text(&format!("{seen:?}"));
        headers.insert("X-Hook", HEADER).unwrap();
        show!(shown, headers as &ExtraHeaders);
    }

    fn after(&self, _: &Attempt<'_>, report: &AttemptReport) {
        show!(self.0.lock().unwrap(), report);
    }
}

impl Metrics for Showing {
    fn increment(&self, counter: Counter, labels: &Labels) {
        show!(self.0.lock().unwrap(), &counter, labels);
    }
}

impl Backoff for Showing {
    fn pause(&self, state: &RetryState, jitter: f64) -> Duration {
        show!(self.0.lock().unwrap(), state);
        ExponentialBackoff::default().pause(state, jitter)
    }
}

impl Polling for Showing {
    fn pause(&self, state: &PollState, jitter: f64) -> Duration {
        show!(self.0.lock().unwrap(), state);
        DefaultPolling.pause(state, jitter)
    }
}

struct Scene {
    sandbox: Sandbox,
    time: ManualTime,
    flowlix: Flowlix,
    shown: Arc<Mutex<Shown>>,
    keys: std::cell::Cell<u32>,
}

impl Scene {
    async fn new(dialect: Dialect) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let (time, shown) = (ManualTime::automatic(), Arc::<Mutex<Shown>>::default());
        let showing = Showing(shown.clone());
        let builder = builder(&sandbox, dialect, &time)
            .hook(showing.clone())
            .metrics(showing.clone())
            .backoff(showing.clone())
            .polling(showing);
        show!(shown.lock().unwrap(), &builder);
        let flowlix = builder.build().unwrap();
        Self {
            sandbox,
            time,
            flowlix,
            shown,
            keys: std::cell::Cell::new(0),
        }
    }

    fn create(&self, number: &str) -> flowlix_ext::payments::CreateDirect {
        self.keys.set(self.keys.get() + 1);
        let key = format!("order-{}", self.keys.get());
        let create = self
            .flowlix
            .payments()
            .create_direct(Money::eur(49_99), card(number))
            .return_url("https://shop.example.com/3ds")
            .header("X-Correlation-Id", HEADER)
            .idempotency_key(IdempotencyKey::custom(key).unwrap());
        self.show(|shown| show!(shown, &create));
        create
    }

    fn show(&self, with: impl FnOnce(&mut Shown)) {
        with(&mut self.shown.lock().unwrap());
    }

    fn error(&self, error: &Error) -> ErrorKind {
        self.show(|shown| shown.error(error));
        error.kind()
    }
}

fn builder(sandbox: &Sandbox, dialect: Dialect, time: &ManualTime) -> FlowlixBuilder {
    Flowlix::builder(sandbox.key(dialect))
        .base_url(sandbox.base_url())
        .runtime(time.clone())
}

/// What goes well.
async fn journeys(scene: &Scene) {
    let payments = scene.flowlix.payments();
    scene.show(|shown| show!(shown, &payments, &scene.flowlix.refunds()));
    for number in [common::VISA, common::DECLINED, AMEX] {
        let payment = scene.create(number).await.unwrap();
        scene.show(|shown| {
            show!(shown, &payment);
            show!(shown, payment.receipt());
        });
        let mut watch = payments.watch(&payment.id);
        while let Some(payment) = watch.next().await.unwrap() {
            scene.show(|shown| show!(shown, &payment));
        }
        scene.show(|shown| {
            show!(shown, &watch);
            show!(shown, watch.progress());
            show!(shown, &watch.handle());
        });
        let settled = watch.settled().await.unwrap();
        scene.show(|shown| show!(shown, &settled));
        match settled {
            Settled::Failed(failed) => scene.show(|shown| {
                show!(shown, &failed);
                show!(shown, &failed.decline());
            }),
            settled => {
                let payment = settled.payment().clone();
                assert!(payment.is_final());
                let create = scene.flowlix.refunds().create(&payment.id);
                let create = create.amount(10_00).reason("broken");
                scene.show(|shown| show!(shown, &create));
                let created = create.await.unwrap();
                scene.show(|shown| show!(shown, &created, &*created));
                let refund = created.refund.clone().unwrap();
                if number == AMEX {
                    scene.sandbox.fail_refund(refund.id.as_str()).unwrap();
                }
                let wait = scene.flowlix.refunds().wait(&payment.id, &refund.id);
                scene.show(|shown| show!(shown, &wait));
                let settled = wait.await.unwrap();
                scene.show(|shown| show!(shown, &settled));
                if let RefundSettled::Failed(failed) = &settled {
                    scene.show(|shown| show!(shown, failed));
                }
            }
        }
    }
    let payment = scene.create(common::THREE_D_SECURE).await.unwrap();
    let wait = payments.wait(&payment.id);
    scene.show(|shown| show!(shown, &wait));
    let settled = wait.await.unwrap();
    scene.show(|shown| {
        show!(shown, &settled);
        let Settled::RequiresAction(action) = &settled else {
            panic!("{settled:?}");
        };
        show!(shown, action);
    });
    let stored = serde_json::json!({
        "version": 1, "payment_id": payment.id, "started_at": 1, "deadline": u64::MAX, "last_status": "FAILED",
    });
    let handle = WaitHandle::from_json(&stored.to_string()).unwrap();
    let mut watch = payments.resume(handle).watch();
    watch.next().await.unwrap();
    scene.show(|shown| show!(shown, &watch.progress().impossible_jumps[0]));
    let hosted = payments.create_hosted(Money::eur(1), "https://shop.example.com/back");
    scene.show(|shown| show!(shown, &hosted));
    let hosted = hosted.await.unwrap();
    let query = format!("?payment_id={}&status=pending", hosted.id);
    let returned = flowlix_ext::payments::HostedReturn::parse(&query).unwrap();
    let retrieve = payments.retrieve(&hosted.id);
    let list = payments.list();
    let mut pages = payments.list().limit(2).pages();
    let mut items = payments.list().items();
    scene.show(|shown| {
        show!(shown, &returned);
        show!(shown, returned.status_hint().unwrap());
        show!(shown, &retrieve);
        show!(shown, &list);
    });
    retrieve.await.unwrap();
    let page = pages.next().await.unwrap().unwrap();
    items.next().await.unwrap().unwrap().unwrap();
    scene.show(|shown| {
        show!(shown, &page, &*page, &page.items[0]);
        shown.other("flowlix_ext::Listed");
        show!(shown, pages.cursor());
        show!(shown, &pages);
        show!(shown, &items);
    });
    let broken = serde_json::json!({ "data": [{ "id": "pay_abc123", "amount": common::VISA }] });
    scene
        .sandbox
        .inject_at(Operation::ListPayments, Fault::patch(broken), 1);
    let page = payments.list().page().await.unwrap();
    scene.show(|shown| {
        show!(shown, &page);
        show!(shown, page.items[0].as_ref().unwrap_err());
    });
}

/// What goes wrong, in every way that there is an error for.
async fn failures(scene: &Scene, dialect: Dialect) -> Vec<ErrorKind> {
    let mut kinds = Vec::new();
    let at = Operation::CreateDirectPayment;
    let json = [("content-type", "application/json")];
    let words = format!(
        "no: card {} {}, key {} {WEBHOOK_SECRET}",
        common::VISA,
        "3782 822463 10005",
        scene.sandbox.key(dialect)
    );
    let echo = format!(
        r#"{{"error":{{"type":"{words}","code":"{words}","message":"{words}","param":"{words}"}}}}"#
    );
    // A server that repeats what it was sent, until it falls silent.
    for (fault, times) in [
        (Fault::raw(400, json, echo.clone()), 1),
        (Fault::raw(500, json, echo.clone()), 4),
        (Fault::raw(409, json, echo.clone()), 1),
        (Fault::raw(429, json, echo), 4),
        (Fault::raw(200, json, format!(r#"{{"id":"{words}""#)), 1),
        (
            Fault::raw(302, [("location", words.as_str())], words.clone()),
            1,
        ),
        (Fault::patch(serde_json::json!({ "amount": words })), 1),
        (Fault::patch(serde_json::json!({ "currency": words })), 1),
        (Fault::status(401), 1),
        (Fault::status(404), 1),
        (Fault::status(422), 1),
        (Fault::html(502), 4),
        (Fault::LoseAnswer, 4),
        (Fault::CutBody, 4),
        (Fault::ResetBeforeReading, 4),
        (Fault::Garbage, 1),
    ] {
        scene.sandbox.inject_at(at, fault, times);
        let error = scene.create(common::VISA).await.unwrap_err();
        kinds.push(scene.error(&error));
    }
    let declined = r#"{"error":{"type":"card_error","code":"card_declined"}}"#;
    scene
        .sandbox
        .inject_at(at, Fault::raw(422, json, declined), 1);
    let error = scene.create(AMEX).await.unwrap_err();
    kinds.push(scene.error(&error));
    assert!(error.decline().is_some());
    let strange = serde_json::json!({ "status": words, "decline_code": words });
    scene.sandbox.inject_at(at, Fault::patch(strange), 1);
    scene.create(AMEX).await.unwrap();

    let key = IdempotencyKey::custom("twice").unwrap();
    let first = scene.create(common::VISA).idempotency_key(key.clone());
    let payment = first.await.unwrap().into_inner();
    let second = scene.create(AMEX).idempotency_key(key.clone());
    kinds.push(scene.error(&second.await.unwrap_err()));
    let old = key.with_created_at(std::time::UNIX_EPOCH);
    let late = scene.create(AMEX).idempotency_key(old);
    kinds.push(scene.error(&late.await.unwrap_err()));

    let elsewhere = Fault::raw(302, [("location", words.as_str())], words.clone());
    let anothers = Fault::patch(serde_json::json!({ "id": words }));
    for (fault, times) in [
        (Fault::Garbage, 1),
        (anothers, 1),
        (Fault::LoseAnswer, 4),
        (elsewhere, 1),
    ] {
        let at = Operation::RetrievePayment;
        scene.sandbox.inject_at(at, fault, times);
        let read = scene.flowlix.payments().retrieve(&payment.id);
        kinds.push(scene.error(&read.await.unwrap_err()));
    }

    let stuck = serde_json::json!({ "data": [], "has_more": true });
    let lists = Operation::ListPayments;
    scene.sandbox.inject_at(lists, Fault::patch(stuck), 9);
    let mut pages = scene.flowlix.payments().list().pages();
    let error = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some(), "the list is not at its end"),
            Err(error) => break error,
        }
    };
    scene.sandbox.clear_faults();
    kinds.push(scene.error(&error));

    let action = scene.create(common::THREE_D_SECURE).await.unwrap();
    let wait = scene.flowlix.payments().wait(&action.id);
    let error = wait.customer_returned().await.unwrap_err();
    kinds.push(scene.error(&error));

    // Everything is wrong with this one, and each value is in the wrong place.
    let number = format!("{}1", common::VISA);
    let bad = CardDetails::new(number, 13, 1999, AMEX, common::VISA);
    let error = scene
        .flowlix
        .payments()
        .create_direct(Money::eur(-1), bad)
        .return_url(WEBHOOK_SECRET)
        .description("x".repeat(9999))
        .header(scene.sandbox.key(dialect), "\n")
        .header("Authorization", HEADER)
        .await
        .unwrap_err();
    assert!(error.violations().len() >= 5, "{error}");
    kinds.push(scene.error(&error));

    scene.sandbox.inject_at(at, Fault::StallAnswer, 1);
    let call = tokio::spawn(scene.create(AMEX).max_attempts(1).send());
    scene.sandbox.wait_for_stalled(1).await;
    scene.time.advance(Duration::from_secs(20));
    kinds.push(scene.error(&call.await.unwrap().unwrap_err()));
    scene.sandbox.release_stalled();
    scene.sandbox.inject_at(at, Fault::StallAnswer, 1);
    let call = tokio::spawn(scene.create(AMEX).send());
    scene.sandbox.wait_for_stalled(1).await;
    call.abort();
    assert!(call.await.is_err(), "a write that is dropped");
    scene.sandbox.release_stalled();
    kinds
}

/// Clients that cannot be built, or reach nobody.
async fn strangers(shown: &mut Shown) -> Vec<ErrorKind> {
    let (_nobody, address) = common::nobody();
    let flowlix = Flowlix::builder("api_test_sk_canaryKey4711")
        .base_url(address)
        .runtime(ManualTime::automatic())
        .build()
        .unwrap();
    let create = flowlix
        .payments()
        .create_direct(Money::eur(1), card(common::VISA));
    let error = create.await.unwrap_err();
    shown.error(&error);
    let mut kinds = vec![error.kind()];
    for (key, url) in [
        ("canaryKey4711", "https://api.flowlix.dev"),
        ("fl_live_sk_canaryKey4711", "http://api.flowlix.dev"),
        (
            "fl_live_sk_canaryKey4711",
            "https://canaryKey4711@api.flowlix.dev",
        ),
        ("fl_live_sk_canaryKey4711", "canaryKey4711"),
        (WEBHOOK_SECRET, "https://api.flowlix.dev"),
        ("fl_live_sk_canaryKey4711\n", "https://api.flowlix.dev"),
    ] {
        let builder = Flowlix::builder(key).base_url(url);
        show!(shown, &builder);
        match builder.build() {
            Ok(flowlix) => show!(shown, &flowlix),
            Err(error) => {
                shown.error(&error);
                kinds.push(error.kind());
            }
        }
    }
    kinds
}

#[tokio::test]
async fn no_type_and_no_error_shows_a_secret() {
    watch::everything();
    let mut all = Shown::default();
    let mut kinds = strangers(&mut all).await;
    webhooks::drive(&mut all).await;
    parts::drive(&mut all).await;
    api::drive(&mut all).await;
    intent_stores::drive(&mut all).await;
    sandbox::script(&mut all);
    kinds.extend(features::drive(&mut all).await);
    for dialect in DIALECTS {
        let scene = Scene::new(dialect).await;
        journeys(&scene).await;
        kinds.extend(failures(&scene, dialect).await);
        kinds.extend(journal::drive(&mut all, dialect).await);
        intents::drive(&mut all, dialect).await;
        sandbox::drive(&mut all, dialect).await;
        scene.show(|shown| {
            show!(shown, &scene.flowlix, &scene.flowlix.rate_limit());
            all.take(shown);
        });
        assert!(!scene.sandbox.ledger().payments().is_empty());
    }
    let leaks = all.leaks();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(all.count() > 1000, "little was shown: {}", all.count());
    types::assert_all_driven(&all, &kinds);

    let targets = watch::targets();
    for source in ["flowlix_ext", "hyper_util", "reqwest"] {
        let speaks = |target: &String| target.starts_with(source);
        assert!(targets.iter().any(speaks), "{source} was not heard");
    }
}
