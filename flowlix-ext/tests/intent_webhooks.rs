//! Webhooks of payments and refunds, received by any process. Only the uppercase dialect has webhooks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{Case, Shop, cases, pay, paying};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::intents::{IntentErrorKind, IntentStatus};
use flowlix_ext::webhooks::Event;
use flowlix_sandbox::{Dialect, Fault, Matcher, Operation};
use serde_json::{Value, json};

fn uppercase() -> impl Iterator<Item = Case> {
    cases().filter(|case| case.dialect == Dialect::Uppercase)
}

/// Every event so far, as a verified delivery of it.
fn events(shop: &Shop) -> Vec<Event> {
    let events = shop.stage.sandbox.events();
    events.iter().map(|event| read(event.body())).collect()
}

fn read(body: &Value) -> Event {
    Event::from_verified_body(body.to_string().as_bytes()).unwrap()
}

async fn receive(shop: &Shop, event: &Event) -> Option<IntentStatus> {
    shop.intents().receive(event).await.unwrap()
}

/// The webhook comes while nobody asks, and again, and after an answer that is older.
#[tokio::test]
async fn webhook_tells_how_a_payment_ended() {
    for case in uppercase() {
        for (number, is_paid) in [(VISA, true), (DECLINED, false)] {
            let shop = Shop::new(case).await;
            let first = paying(&shop.order(), number).within(Duration::ZERO);
            first.await.unwrap();
            shop.stage.sandbox.settle();
            let requests = shop.stage.sandbox.requests().len();
            let event = events(&shop).pop().unwrap();
            for _ in 0..2 {
                let status = receive(&shop, &event).await.unwrap();
                assert_eq!(status.is_paid(), is_paid, "{status}");
                shop.assert_true(&status);
            }
            assert_eq!(shop.stage.sandbox.requests().len(), requests);
            let status = shop.order().status().await.unwrap();
            assert_eq!(status.is_paid(), is_paid, "{status}");
            assert_eq!(shop.order().history().await.unwrap().len(), 2);
        }
    }
}

/// The answer of the create is lost: the webhook tells what became of it.
#[tokio::test]
async fn webhook_resolves_an_unknown_outcome() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        shop.lose_answers();
        let status = pay(&shop.order(), VISA).await;
        assert!(
            matches!(status, IntentStatus::OutcomeUnknown(_)),
            "{status}"
        );
        shop.stage.sandbox.settle();
        let status = receive(&shop, &events(&shop)[0]).await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        let again = pay(&shop.order(), VISA).await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// The customer's return and the webhook at the same moment, in two processes.
#[tokio::test]
async fn webhook_and_return_at_once_agree() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), THREE_D_SECURE).await;
        let id = shop.payment().id;
        shop.stage.sandbox.approve(&id).unwrap();
        shop.stage.sandbox.settle();
        let event = events(&shop).pop().unwrap();
        let (receiver, order) = (shop.intents(), shop.order());
        let (received, returned) =
            tokio::join!(receiver.receive(&event), order.returned(None).send());
        let (received, returned) = (received.unwrap().unwrap(), returned.unwrap());
        assert!(
            received.is_paid() && returned.is_paid(),
            "{received} {returned}"
        );
        let history = shop.order().history().await.unwrap();
        assert_eq!(history.last().unwrap().state, "paid");
        assert_eq!(
            history.iter().filter(|entry| entry.state == "paid").count(),
            1
        );
    }
}

#[tokio::test]
async fn webhook_of_a_refund_tells_its_end() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        let refund = shop
            .order()
            .refund("return-77")
            .amount(10_00)
            .within(Duration::ZERO);
        refund.await.unwrap();
        shop.stage.sandbox.settle();
        let event = events(&shop).pop().unwrap();
        assert_eq!(event.kind().as_str(), "refund.succeeded");
        let Some(IntentStatus::Paid(paid)) = receive(&shop, &event).await else {
            panic!()
        };
        assert_eq!((paid.refunded(), paid.refundable()), (10_00, Some(39_99)));
        let requests = shop.stage.posts().len();
        let again = shop
            .order()
            .refund("return-77")
            .amount(10_00)
            .await
            .unwrap();
        assert_eq!(again.info().refund_id().unwrap().as_str().len(), 28);
        assert_eq!(shop.stage.posts().len(), requests);
    }
}

#[tokio::test]
async fn webhook_of_nobody_changes_nothing() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        shop.stage.charged().await;
        assert!(receive(&shop, &events(&shop)[0]).await.is_none());
        pay(&shop.order(), VISA).await;
        let mut body = shop.stage.sandbox.events().last().unwrap().body().clone();
        let own = read(&body);
        // Of live mode, of another type, and damaged.
        body["livemode"] = json!(true);
        assert!(receive(&shop, &read(&body)).await.is_none());
        body["livemode"] = json!(false);
        body["data"]["payment"]["status"] = json!(7);
        assert!(receive(&shop, &read(&body)).await.is_none());
        body["type"] = json!("customer.created");
        body["data"] = json!({});
        assert!(receive(&shop, &read(&body)).await.is_none());
        assert!(receive(&shop, &own).await.unwrap().is_paid());
    }
}

/// The store of a shop that was lost: the webhook brings the order back.
#[tokio::test]
async fn webhook_of_a_lost_record_restores_it() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        shop.restore(&[]).await;
        assert!(receive(&shop, &events(&shop)[0]).await.unwrap().is_paid());
        let found = shop.intents().get("order-1234").await.unwrap().unwrap();
        assert_eq!(found.money().minor_units(), 49_99);
        assert!(pay(&found, VISA).await.is_paid());
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// A store that fails is an error: Flowlix delivers again.
#[tokio::test]
async fn webhook_that_cannot_be_stored_is_an_error() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        let first = paying(&shop.order(), VISA).within(Duration::ZERO);
        first.await.unwrap();
        let reads = Matcher::from(Operation::RetrievePayment);
        shop.stage
            .sandbox
            .inject_at(reads, Fault::status(500), 1000);
        shop.stage.sandbox.settle();
        let event = events(&shop).pop().unwrap();
        let (store, crash) = shop.store().crashing(common::intents::Moment::Before, 1);
        let dying = shop.intents_on(store);
        assert!(crash.or_done(dying.receive(&event)).await.is_none());
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        // The store hangs until the limit of one call is over.
        let (store, _crash) = shop.store().crashing(common::intents::Moment::Before, 1);
        let hanging = shop.intents_on(store);
        let time = shop.stage.time.clone();
        let (received, ()) = tokio::join!(hanging.receive(&event), async {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            time.advance(Duration::from_secs(6));
        });
        assert_eq!(received.unwrap_err().kind(), IntentErrorKind::Store);
        assert!(receive(&shop, &event).await.unwrap().is_paid());
    }
}

/// The refund ends after its order was erased: there is nothing to deliver again.
#[tokio::test]
async fn webhook_of_an_erased_refund_is_nobodys() {
    for case in uppercase() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        let refund = shop.order().refund("return-77").amount(10_00);
        refund.await.unwrap();
        let intents = shop.intents();
        let done = intents.run_once(Duration::from_secs(60), |_| async { Ok::<(), String>(()) });
        done.await.unwrap();
        assert!(intents.erase("order-1234").await.unwrap());
        let event = events(&shop).pop().unwrap();
        assert_eq!(event.kind().as_str(), "refund.succeeded");
        assert!(receive(&shop, &event).await.is_none());
    }
}
