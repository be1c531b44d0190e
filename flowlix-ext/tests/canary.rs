//! No secret is shown: not by any type's `Debug` or `Display`, not by any error, not to `tracing`, not to
//! `log`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;
#[path = "canary/journal.rs"]
mod journal;
#[path = "canary/shown.rs"]
mod shown;
#[path = "canary/types.rs"]
mod types;

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::DIALECTS;
use flowlix_ext::call::headers::ExtraHeaders;
use flowlix_ext::call::history::AttemptReport;
use flowlix_ext::call::hook::{Attempt, Hook};
use flowlix_ext::refunds::RefundSettled;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::testing::{TestDelivery, TestEvent};
use flowlix_ext::webhooks::{
    EventStoreError, InMemoryEvents, Inbox, InboxError, Received, WebhookError, WebhookSecret,
    WebhookVerifier,
};
use flowlix_ext::{
    ApiKey, CardDetails, Error, ErrorKind, Flowlix, FlowlixBuilder, IdempotencyKey, Money,
    PaymentExt, Settled, Violation, model,
};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use shown::Shown;

const AMEX: &str = "378282246310005";
const AMEX_CVC: &str = "7391";
const CVC: &str = "739";
const WEBHOOK_SECRET: &str = "whsec_canaryWebhook4711";
const HEADER: &str = "canaryHeader4711";

/// All that must never be shown. The keys are looked for without their documented prefix.
const SECRETS: [&str; 8] = [
    "sandbox0123456789",
    "canaryKey4711",
    common::VISA,
    common::DECLINED,
    common::THREE_D_SECURE,
    AMEX,
    "canaryWebhook4711",
    HEADER,
];

fn card(number: &str) -> CardDetails {
    let cvc = if number == AMEX { AMEX_CVC } else { CVC };
    CardDetails::new(number, 12, 2027, cvc, "Jenny Rosen")
}

/// Shows all that a hook is given.
struct ShowingHook(Arc<Mutex<Shown>>);

impl Hook for ShowingHook {
    fn before(&self, attempt: &Attempt<'_>, headers: &mut ExtraHeaders) {
        let mut shown = self.0.lock().unwrap();
        shown.debug(attempt);
        let seen: Vec<_> = attempt.headers().collect();
        shown.text(format!("{seen:?}"));
        headers.insert("X-Hook", HEADER).unwrap();
        shown.debug(headers);
    }

    fn after(&self, _: &Attempt<'_>, report: &AttemptReport) {
        self.0.lock().unwrap().both(report);
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
        let builder = builder(&sandbox, dialect, &time).hook(ShowingHook(shown.clone()));
        shown.lock().unwrap().debug(&builder);
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
        self.show(|shown| shown.debug(&create));
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
    for number in [common::VISA, common::DECLINED, AMEX] {
        let payment = scene.create(number).await.unwrap();
        scene.show(|shown| {
            shown.debug(&payment);
            shown.debug(payment.receipt());
        });
        let mut watch = payments.watch(&payment.id);
        while let Some(payment) = watch.next().await.unwrap() {
            scene.show(|shown| shown.debug(&payment));
        }
        scene.show(|shown| {
            shown.debug(&watch);
            shown.debug(watch.progress());
            shown.debug(&watch.handle());
        });
        let settled = watch.settled().await.unwrap();
        scene.show(|shown| shown.debug(&settled));
        match settled {
            Settled::Failed(failed) => scene.show(|shown| {
                shown.debug(&failed);
                shown.debug(&failed.decline());
            }),
            settled => {
                let payment = settled.payment().clone();
                assert!(payment.is_final());
                let create = scene.flowlix.refunds().create(&payment.id);
                let create = create.amount(10_00).reason("broken");
                scene.show(|shown| shown.debug(&create));
                let created = create.await.unwrap();
                scene.show(|shown| shown.debug(&created));
                let refund = created.refund.clone().unwrap();
                if number == AMEX {
                    scene.sandbox.fail_refund(refund.id.as_str()).unwrap();
                }
                let wait = scene.flowlix.refunds().wait(&payment.id, &refund.id);
                scene.show(|shown| shown.debug(&wait));
                let settled = wait.await.unwrap();
                scene.show(|shown| shown.debug(&settled));
                if let RefundSettled::Failed(failed) = &settled {
                    scene.show(|shown| shown.debug(failed));
                }
            }
        }
    }
    let payment = scene.create(common::THREE_D_SECURE).await.unwrap();
    let wait = payments.wait(&payment.id);
    scene.show(|shown| shown.debug(&wait));
    let settled = wait.await.unwrap();
    scene.show(|shown| {
        shown.debug(&settled);
        let Settled::RequiresAction(action) = &settled else {
            panic!("{settled:?}");
        };
        shown.debug(action);
    });
    let hosted = payments.create_hosted(Money::eur(1), "https://shop.example.com/back");
    scene.show(|shown| shown.debug(&hosted));
    let hosted = hosted.await.unwrap();
    let query = format!("?payment_id={}&status=pending", hosted.id);
    let returned = flowlix_ext::payments::HostedReturn::parse(&query).unwrap();
    let retrieve = payments.retrieve(&hosted.id);
    let list = payments.list();
    let mut pages = payments.list().limit(2).pages();
    let mut items = payments.list().items();
    scene.show(|shown| {
        shown.debug(&returned);
        shown.debug(returned.status_hint().unwrap());
        shown.debug(&retrieve);
        shown.debug(&list);
    });
    retrieve.await.unwrap();
    let page = pages.next().await.unwrap().unwrap();
    items.next().await.unwrap().unwrap().unwrap();
    scene.show(|shown| {
        shown.debug(&page);
        shown.debug(pages.cursor());
        shown.debug(&pages);
        shown.debug(&items);
    });
    let broken = serde_json::json!({ "data": [{ "id": "pay_abc123", "amount": common::VISA }] });
    scene
        .sandbox
        .inject_at(Operation::ListPayments, Fault::patch(broken), 1);
    let page = payments.list().page().await.unwrap();
    scene.show(|shown| {
        shown.debug(&page);
        shown.both(page.items[0].as_ref().unwrap_err());
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
    scene.show(|shown| shown.debug(&error.decline().unwrap()));
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
    for (fault, times) in [(Fault::Garbage, 1), (Fault::LoseAnswer, 4), (elsewhere, 1)] {
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
    scene.show(|shown| shown.debug(error.wait_progress().unwrap()));
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
    let violations: Vec<Violation> = error.violations().to_vec();
    scene.show(|shown| violations.iter().for_each(|found| shown.both(found)));

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
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
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
        shown.debug(&builder);
        match builder.build() {
            Ok(flowlix) => shown.debug(&flowlix),
            Err(error) => {
                shown.error(&error);
                kinds.push(error.kind());
            }
        }
        match ApiKey::parse(key) {
            Ok(key) => shown.both(&key),
            Err(error) => shown.both(&error),
        }
    }
    kinds
}

async fn webhooks(shown: &mut Shown) {
    let secret = WebhookSecret::parse(WEBHOOK_SECRET).unwrap();
    shown.debug(&secret);
    shown.text(secret.to_string());
    for bad in ["canaryWebhook4711", "whsec_canaryWebhook4711\n!", ""] {
        if let Err(error) = WebhookSecret::parse(bad) {
            shown.both(&error);
        }
    }
    let verifier = || {
        let secret = WebhookSecret::parse(WEBHOOK_SECRET).unwrap();
        WebhookVerifier::new(secret).runtime(ManualTime::automatic())
    };
    shown.debug(&verifier());
    let payment: model::Payment = serde_json::from_value(serde_json::json!({
        "id": "pay_abc123", "amount": 4999, "currency": "EUR", "status": "SUCCEEDED",
    }))
    .unwrap();
    let kind = model::WebhookEventType::PaymentSucceeded;
    let event = TestEvent::payment("evt_1", kind, &payment).unwrap();
    shown.debug(&event);
    let time = ManualTime::automatic();
    let good = event.deliver(&secret, time.now());
    shown.debug(&good);
    let mut foreign = payment;
    foreign.provider_transaction_id = Some("txn_1".to_owned());
    let kind = model::WebhookEventType::PaymentSucceeded;
    let untellable = TestEvent::payment("evt_1", kind, &foreign).unwrap_err();
    shown.both(&untellable);
    shown.source(untellable.source());
    let inbox = Inbox::new(verifier(), InMemoryEvents::new(std::num::NonZeroUsize::MIN));
    shown.debug(&inbox);
    for _ in 0..2 {
        let received = inbox.receive(good.body(), good.signature()).await.unwrap();
        shown.debug(&received);
        if let Received::New(claimed) = received {
            shown.debug(&claimed);
            shown.debug(claimed.event());
            shown.debug(&claimed.event().object().unwrap());
        }
    }
    let store_error = EventStoreError::new("the disk is full");
    shown.both(&store_error);
    shown.both(&InboxError::Store(store_error));
    let hour = std::time::Duration::from_secs(3600);
    for delivery in [
        good.clone().without_signature(),
        good.clone().with_signature(WEBHOOK_SECRET),
        good.clone().with_signature("t=1,v1=canaryWebhook4711"),
        event.deliver(&secret, time.now() - hour),
        event.deliver(&secret, time.now() + hour),
        good.with_body("canaryWebhook4711"),
    ] {
        shown.debug(&delivery);
        let refused = verifier().verify(delivery.body(), delivery.signature());
        shown.both(&refused.unwrap_err());
    }
    let body = r#"{"id":"evt_1","type":"payment.succeeded","data":{"payment":{"id":7}}}"#;
    let delivery = TestDelivery::new(&secret, time.now(), body);
    let event = verifier().verify(delivery.body(), delivery.signature());
    shown.both(&event.unwrap().object().unwrap_err());
    let delivery = TestDelivery::new(&secret, time.now(), "canaryWebhook4711");
    let unreadable = verifier().verify(delivery.body(), delivery.signature());
    let unreadable = unreadable.unwrap_err();
    shown.both(&unreadable);
    let WebhookError::Unreadable(inner) = &unreadable else {
        panic!("{unreadable}");
    };
    shown.both(inner);
    shown.source(unreadable.source());
}

/// One test, so that nothing else speaks meanwhile.
#[tokio::test]
async fn no_secret_is_shown_anywhere() {
    let listening = shown::listen();
    let mut all = Shown::default();
    let mut kinds = strangers(&mut all).await;
    webhooks(&mut all).await;
    types::requests(&mut all);
    for dialect in DIALECTS {
        let scene = Scene::new(dialect).await;
        journeys(&scene).await;
        kinds.extend(failures(&scene, dialect).await);
        kinds.extend(journal::drive(&mut all, dialect).await);
        scene.show(|shown| {
            shown.debug(&scene.flowlix);
            shown.both(&scene.flowlix.rate_limit());
            all.take(shown);
        });
        assert!(!scene.sandbox.ledger().payments().is_empty());
    }
    all.look_for(&SECRETS, &[CVC, AMEX_CVC]);

    let mut told = Shown::default();
    let (lines, targets) = listening.lines();
    for line in lines {
        told.text(line);
    }
    told.look_for(&SECRETS, &[CVC, AMEX_CVC]);
    for source in ["flowlix_ext", "hyper_util", "reqwest"] {
        let speaks = |target: &String| target.starts_with(source);
        assert!(targets.iter().any(speaks), "{source} was not heard");
    }

    types::assert_all_driven(all.types(), &kinds);
}
