//! Deliveries that are taken, refused, repeated and not understood.

use std::time::{Duration, SystemTime};

use flowlix_ext::model;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::testing::{TestDelivery, TestEvent, sign};
use flowlix_ext::webhooks::{
    Claim, ClaimToken, Completion, EventObject, EventStore, EventStoreError, InMemoryEvents, Inbox,
    Received, StoreFuture, WebhookError, WebhookSecret, WebhookVerifier, conformance,
};

use crate::common::secrets::WEBHOOK_SECRET;
use crate::shown::{Shown, show};

fn secret() -> WebhookSecret {
    WebhookSecret::parse(WEBHOOK_SECRET).unwrap()
}

pub(crate) fn verifier() -> WebhookVerifier {
    WebhookVerifier::new(secret()).runtime(ManualTime::automatic())
}

fn now() -> SystemTime {
    ManualTime::automatic().now()
}

fn payment() -> model::Payment {
    let payment = serde_json::json!({
        "id": "pay_abc123", "amount": 4999, "currency": "EUR", "status": "SUCCEEDED",
    });
    serde_json::from_value(payment).unwrap()
}

fn event() -> TestEvent {
    TestEvent::payment(
        "evt_1",
        model::WebhookEventType::PaymentSucceeded,
        &payment(),
    )
    .unwrap()
}

/// A delivery whose signature is right.
pub(crate) fn delivery() -> TestDelivery {
    event().deliver(&secret(), now())
}

pub(crate) async fn drive(shown: &mut Shown) {
    show!(shown, &secret(), &verifier(), &event(), &delivery());
    let mut foreign = payment();
    foreign.provider_transaction_id = Some("txn_1".to_owned());
    let kind = model::WebhookEventType::PaymentSucceeded;
    show!(
        shown,
        &TestEvent::payment("evt_1", kind, &foreign).unwrap_err()
    );
    inbox(shown, InMemoryEvents::new(std::num::NonZeroUsize::MIN)).await;
    objects(shown);
    refusals(shown);
    // A store that cannot answer, and one whose events are always somebody else's.
    let until = SystemTime::UNIX_EPOCH;
    for answer in [None, Some(Claim::Held { until })] {
        let inbox = Inbox::new(verifier(), Answering(answer));
        match inbox
            .receive(delivery().body(), delivery().signature())
            .await
        {
            Ok(received) => show!(shown, &received),
            Err(error) => show!(shown, &error),
        }
    }
    let careless = conformance::check(&Answering(None)).await;
    show!(shown, &careless.unwrap_err(), &InMemoryEvents::default());
}

/// Deliveries through a store: the first is handled, the second a duplicate, a forged one refused.
pub(crate) async fn inbox(shown: &mut Shown, store: impl EventStore + 'static) {
    let inbox = Inbox::new(verifier(), store);
    show!(shown, &inbox);
    for _ in 0..2 {
        let received = inbox
            .receive(delivery().body(), delivery().signature())
            .await;
        let received = received.unwrap();
        show!(shown, &received);
        if let Received::New(claimed) = received {
            show!(shown, &claimed, claimed.event());
            show!(shown, &claimed.complete().await.unwrap());
        }
    }
    let forged = Some(WEBHOOK_SECRET.as_bytes());
    let refused = inbox.receive(delivery().body(), forged).await;
    show!(shown, &refused.unwrap_err());
}

fn objects(shown: &mut Shown) {
    let refund = serde_json::json!({
        "id": "ref_abc123", "amount": 4999, "currency": "EUR", "status": "FAILED",
    });
    let refund: model::Refund = serde_json::from_value(refund).unwrap();
    let kind = model::WebhookEventType::RefundFailed;
    let broken = serde_json::json!({ "payment": { "id": 7 } });
    for event in [
        event(),
        TestEvent::refund("evt_2", kind, &refund).unwrap(),
        TestEvent::other("evt_3", "customer.created", serde_json::json!({})),
        TestEvent::other("evt_4", "payment.succeeded", broken),
    ] {
        show!(shown, &event);
        let delivery = event.deliver(&secret(), now());
        let event = verifier().verify(delivery.body(), delivery.signature());
        match event.as_ref().unwrap().object() {
            Ok(object @ EventObject::Unknown) => show!(shown, &object),
            Ok(object) => show!(shown, &object, event.as_ref().unwrap()),
            Err(error) => show!(shown, &error),
        }
    }
}

fn refusals(shown: &mut Shown) {
    let hour = Duration::from_secs(3600);
    for delivery in [
        delivery().without_signature(),
        delivery().with_signature(WEBHOOK_SECRET),
        delivery().with_signature("t=1,v1=canaryWebhook4711"),
        delivery().with_signature("t=canaryWebhook4711,v1=1"),
        delivery().with_signature("t=1,t=canaryWebhook4711"),
        event().deliver(&secret(), now() - hour),
        event().deliver(&secret(), now() + hour),
        delivery().with_body("canaryWebhook4711"),
        TestDelivery::new(&secret(), now(), "canaryWebhook4711"),
    ] {
        show!(shown, &delivery);
        let refused = verifier().verify(delivery.body(), delivery.signature());
        let refused = refused.unwrap_err();
        show!(shown, &refused);
        match &refused {
            WebhookError::MalformedHeader(fault) => show!(shown, fault),
            WebhookError::Unreadable(inner) => show!(shown, inner),
            _ => {}
        }
    }
    // What is signed is no secret, and what it is signed with does not show.
    shown.text(&sign(&secret(), now(), b"{}"));
}

/// A store with one answer, or none.
struct Answering(Option<Claim>);

impl EventStore for Answering {
    fn claim<'a>(
        &'a self,
        _: &'a model::EventId,
        _: SystemTime,
        _: Duration,
    ) -> StoreFuture<'a, Claim> {
        let answer = self
            .0
            .ok_or_else(|| EventStoreError::new("the disk is full"));
        Box::pin(async move { answer })
    }

    fn complete<'a>(
        &'a self,
        _: &'a model::EventId,
        _: ClaimToken,
        _: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async { Ok(Completion::InTime) })
    }

    fn release<'a>(&'a self, _: &'a model::EventId, _: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, _: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}
