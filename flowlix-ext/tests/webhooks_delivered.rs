//! Webhooks from one end to the other: the sandbox posts them, a shop's endpoint takes them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::Stage;
use flowlix_ext::model::{Payment, WebhookEventType};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::{
    Event, EventObject, HeaderFault, InMemoryEvents, Inbox, InboxError, Received, SIGNATURE_HEADER,
    WebhookError, WebhookSecret, WebhookVerifier, is_outdated,
};
use flowlix_ext::{IdempotencyKey, PaymentExt};
use flowlix_sandbox::{Delivery, DeliveryFault, DeliveryOutcome, Dialect, Webhooks};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the shop's worker does with an event that it was handed.
#[derive(Clone, Copy)]
enum Work {
    Fail,
    WaitForTheOther,
}

/// A shop that takes webhooks as the documentation of `Inbox` says.
#[derive(Clone)]
struct Shop {
    inbox: Inbox,
    work: Arc<Mutex<VecDeque<Work>>>,
    at_work: Arc<Notify>,
    go_on: Arc<Notify>,
    handled: Arc<Mutex<Vec<Event>>>,
    duplicates: Arc<Mutex<usize>>,
    refused: Arc<Mutex<Vec<WebhookError>>>,
}

impl Shop {
    /// The shop, and where it listens.
    async fn open(stage: &Stage) -> (Self, String) {
        let secret = WebhookSecret::parse(stage.sandbox.webhook_secret()).unwrap();
        let verifier = WebhookVerifier::new(secret).runtime(ManualTime::automatic());
        let shop = Self {
            inbox: Inbox::new(verifier, InMemoryEvents::default()),
            work: Arc::default(),
            at_work: Arc::default(),
            go_on: Arc::default(),
            handled: Arc::default(),
            duplicates: Arc::default(),
            refused: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let server = shop.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let shop = server.clone();
                tokio::spawn(async move {
                    let (signature, body) = read_request(&mut stream).await;
                    let status = shop.receive(signature.as_deref(), &body).await;
                    let answer = format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                });
            }
        });
        (shop, url)
    }

    async fn receive(&self, signature: Option<&str>, body: &[u8]) -> u16 {
        let received = self.inbox.receive(body, signature.map(str::as_bytes)).await;
        match received {
            Ok(Received::New(claimed)) => {
                let work = self.work.lock().unwrap().pop_front();
                match work {
                    None => {}
                    Some(Work::Fail) => {
                        claimed.release().await.unwrap();
                        return 500;
                    }
                    Some(Work::WaitForTheOther) => {
                        self.at_work.notify_one();
                        self.go_on.notified().await;
                    }
                }
                self.handled.lock().unwrap().push(claimed.event().clone());
                claimed.complete().await.unwrap();
                200
            }
            Ok(Received::Duplicate(_)) => {
                *self.duplicates.lock().unwrap() += 1;
                200
            }
            Ok(Received::InProgress { .. }) => 503,
            Err(InboxError::Refused(reason)) => {
                self.refused.lock().unwrap().push(reason);
                400
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// The events handled since this was last asked.
    fn handled(&self) -> Vec<Event> {
        std::mem::take(&mut *self.handled.lock().unwrap())
    }

    fn duplicates(&self) -> usize {
        *self.duplicates.lock().unwrap()
    }

    /// Why deliveries were refused since this was last asked.
    fn refused(&self) -> Vec<WebhookError> {
        std::mem::take(&mut *self.refused.lock().unwrap())
    }

    fn next_work(&self, work: Work) {
        self.work.lock().unwrap().push_back(work);
    }
}

/// The signature and the body of a request.
async fn read_request(stream: &mut TcpStream) -> (Option<String>, Vec<u8>) {
    let mut bytes = Vec::new();
    let end = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length").unwrap().parse().unwrap();
    let mut body = bytes.split_off(end);
    while body.len() < length {
        assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0);
    }
    (header(SIGNATURE_HEADER), body)
}

/// A payment with this card that has come to its end.
async fn ended(stage: &Stage, number: &str, order: &str) -> Payment {
    let key = IdempotencyKey::custom(order).unwrap();
    let created = stage.create_with(number).idempotency_key(key);
    let created = created.await.unwrap();
    let settled = stage.flowlix.payments().wait(&created.id).await.unwrap();
    assert!(settled.payment().is_final());
    settled.payment().clone()
}

async fn delivered(webhooks: &Webhooks, url: &str) -> Vec<DeliveryOutcome> {
    let deliveries = webhooks.deliver_pending(url).await.unwrap();
    outcomes(&deliveries)
}

fn outcomes(deliveries: &[Delivery]) -> Vec<DeliveryOutcome> {
    deliveries
        .iter()
        .map(|delivery| delivery.outcome().clone())
        .collect()
}

const ACCEPTED: DeliveryOutcome = DeliveryOutcome::Accepted(200);

#[tokio::test]
async fn a_shop_hears_of_success_failure_and_refund_what_a_read_would_show() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let (shop, url) = Shop::open(&stage).await;
    let webhooks = stage.sandbox.webhooks();

    for (number, kind) in [
        (common::VISA, WebhookEventType::PaymentSucceeded),
        (common::DECLINED, WebhookEventType::PaymentFailed),
    ] {
        let payment = ended(&stage, number, kind.as_str()).await;
        assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
        let [event] = &shop.handled()[..] else {
            panic!("{kind}")
        };
        assert_eq!(event.kind(), &kind);
        assert_eq!(event.livemode(), Some(false));
        let read = stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        let object = event.object().unwrap();
        assert_eq!(object, EventObject::Payment(Box::new((*read).clone())));
        assert_eq!(
            stage
                .sandbox
                .ledger()
                .payment(payment.id.as_str())
                .unwrap()
                .charged,
            kind == WebhookEventType::PaymentSucceeded
        );
    }

    let paid = ended(&stage, common::VISA, "to be refunded").await;
    assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
    let sold = shop.handled().remove(0);
    stage.flowlix.refunds().create(&paid.id).await.unwrap();
    assert_eq!(delivered(&webhooks, &url).await, [], "only asked for");
    let read = stage.flowlix.payments().retrieve(&paid.id).await.unwrap();
    assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
    let [event] = &shop.handled()[..] else {
        panic!()
    };
    assert_eq!(event.kind(), &WebhookEventType::RefundSucceeded);
    let object = event.object().unwrap();
    assert_eq!(object.payment_id(), Some(&paid.id));
    let [refund] = &read.refunds[..] else {
        panic!("{read:?}")
    };
    assert_eq!(object, EventObject::Refund(Box::new(refund.clone())));

    // What the shop heard first is older than what a read shows now.
    let EventObject::Payment(sold) = sold.object().unwrap() else {
        panic!("{sold:?}")
    };
    assert!(is_outdated(&sold, &read));
    assert!(shop.refused().is_empty());
}

#[tokio::test]
async fn repeated_and_reordered_deliveries_are_handled_once() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let (shop, url) = Shop::open(&stage).await;
    let webhooks = stage.sandbox.webhooks();
    let paid = ended(&stage, common::VISA, "order-1").await;
    stage.flowlix.refunds().create(&paid.id).await.unwrap();
    stage.sandbox.settle();
    ended(&stage, common::DECLINED, "order-2").await;
    let events = stage.sandbox.events();
    let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        ["payment.succeeded", "refund.succeeded", "payment.failed"]
    );

    // The refund before its payment, everything twice, one of them handled with the answer lost.
    webhooks.inject_at("refund.succeeded", DeliveryFault::LoseAnswer, 1);
    let order = [2, 1, 1, 0, 2, 0].map(|index: usize| &events[index]);
    let deliveries = webhooks.deliver(order, &url).await.unwrap();
    let outcomes = outcomes(&deliveries);
    assert!(matches!(outcomes[1], DeliveryOutcome::NoAnswer { .. }));
    assert_eq!(outcomes[2..], [ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED]);
    assert!(webhooks.pending().is_empty());

    let handled = shop.handled();
    let ids: Vec<&str> = handled.iter().map(|event| event.id().as_str()).collect();
    assert_eq!(ids, [events[2].id(), events[1].id(), events[0].id()]);
    assert_eq!(shop.duplicates(), 3);

    // A repeat long after is signed anew, and recognised all the same.
    webhooks.deliver(&events, &url).await.unwrap();
    assert!(shop.handled().is_empty());
    assert_eq!(shop.duplicates(), 6);
}

#[tokio::test]
async fn forged_and_stale_deliveries_are_refused_with_the_reason_and_the_genuine_one_still_counts()
{
    let stage = Stage::new(Dialect::Uppercase).await;
    let (shop, url) = Shop::open(&stage).await;
    let webhooks = stage.sandbox.webhooks();
    ended(&stage, common::VISA, "order").await;
    let now = stage.sandbox.clock().now();
    for (fault, reason) in [
        (DeliveryFault::WrongSecret, WebhookError::NoMatch),
        (
            DeliveryFault::patch(json!({ "data": { "payment": { "amount": 1 } } })),
            WebhookError::NoMatch,
        ),
        (
            DeliveryFault::patch(json!({ "id": "evt_another" })),
            WebhookError::NoMatch,
        ),
        (DeliveryFault::Unsigned, WebhookError::MissingHeader),
        (
            DeliveryFault::Signature(format!("t={now}")),
            WebhookError::MalformedHeader(HeaderFault::NoSignature),
        ),
        (
            DeliveryFault::SignedAt(now - 301),
            WebhookError::TooOld {
                age: Duration::from_secs(301),
            },
        ),
        (
            DeliveryFault::SignedAt(now + 301),
            WebhookError::InTheFuture {
                ahead: Duration::from_secs(301),
            },
        ),
    ] {
        webhooks.inject(fault);
        assert_eq!(
            delivered(&webhooks, &url).await,
            [DeliveryOutcome::Refused(400)],
            "{reason}"
        );
        assert_eq!(shop.refused(), [reason]);
        assert!(shop.handled().is_empty());
    }

    webhooks.inject(DeliveryFault::SignedAt(now - 300));
    assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
    assert_eq!(shop.handled().len(), 1);
    assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
    assert_eq!((shop.handled().len(), shop.duplicates()), (0, 1));
}

#[tokio::test]
async fn an_event_that_the_shop_could_not_handle_comes_again() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let (shop, url) = Shop::open(&stage).await;
    let webhooks = stage.sandbox.webhooks();
    ended(&stage, common::VISA, "order").await;

    shop.next_work(Work::Fail);
    assert_eq!(
        delivered(&webhooks, &url).await,
        [DeliveryOutcome::Refused(500)]
    );
    assert!(shop.handled().is_empty());
    assert_eq!(delivered(&webhooks, &url).await, [ACCEPTED]);
    assert_eq!(shop.handled().len(), 1);
    assert_eq!(delivered(&webhooks, &url).await, []);
    assert_eq!(shop.duplicates(), 0);
}

#[tokio::test]
async fn of_two_deliveries_at_once_one_is_handled_and_the_other_does_not_settle_it() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let (shop, url) = Shop::open(&stage).await;
    let webhooks = stage.sandbox.webhooks();
    ended(&stage, common::VISA, "order").await;
    let event = &stage.sandbox.events()[0];

    shop.next_work(Work::WaitForTheOther);
    let second = async {
        shop.at_work.notified().await;
        let second = webhooks.deliver([event], &url).await.unwrap();
        assert!(stage.sandbox.events()[0].is_pending());
        shop.go_on.notify_one();
        second
    };
    let (first, second) = tokio::join!(webhooks.deliver([event], &url), second);
    assert_eq!(outcomes(&second), [DeliveryOutcome::Refused(503)]);
    assert_eq!(outcomes(&first.unwrap()), [ACCEPTED]);
    assert_eq!((shop.handled().len(), shop.duplicates()), (1, 0));
    assert!(webhooks.pending().is_empty());
}
