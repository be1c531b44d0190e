//! The customer comes back: which action they are back from is remembered by the intent, in whatever process.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{DIALECTS, Stage, THREE_D_SECURE, VISA, card};
use flowlix_ext::Money;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{ActionRequired, Intent, IntentErrorKind, IntentStatus, Intents};

const BACK: &str = "https://shop.example.com/back";

/// A shop whose processes share one store.
struct Shop {
    stage: Stage,
    store: MemoryStore,
}

impl Shop {
    async fn new(dialect: flowlix_sandbox::Dialect) -> Self {
        let stage = Stage::new(dialect).await;
        Self {
            stage,
            store: MemoryStore::new(),
        }
    }

    /// The order as a process sees it that knows nothing but the store.
    fn order(&self, reference: &str) -> Intent {
        let builder = Intents::builder(self.stage.flowlix.clone(), self.store.clone());
        let intents = builder.merchant("my-shop").build().unwrap();
        intents.intent(reference, Money::eur(49_99))
    }

    fn query(&self, payment: &str) -> String {
        self.stage.sandbox.return_address(payment).unwrap().unwrap()
    }
}

fn action(status: IntentStatus) -> ActionRequired {
    match status {
        IntentStatus::ActionRequired(action) => action,
        other => panic!("{other}"),
    }
}

fn id(action: &ActionRequired) -> String {
    action.payment_id().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn challenge_after_the_hosted_page_is_a_new_action() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let page = action(shop.order("a").pay_hosted(BACK).await.unwrap());
        let payment = id(&page);
        shop.stage
            .sandbox
            .complete_hosted(&payment, THREE_D_SECURE)
            .unwrap();
        let returned = shop.order("a").returned(Some(&shop.query(&payment)));
        let challenge = action(returned.await.unwrap());
        assert_ne!(challenge.redirect_url(), page.redirect_url());
        shop.stage.sandbox.approve(&payment).unwrap();
        // The page is shown again by a slow browser: the challenge is done all the same.
        let paid = shop.order("a").returned(None).await.unwrap();
        assert!(paid.is_paid(), "{paid}");
    }
}

#[tokio::test]
async fn action_that_the_customer_is_back_from_is_waited_out() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let waiting = shop
            .order("a")
            .pay(card(THREE_D_SECURE))
            .return_url(BACK)
            .await
            .unwrap();
        let payment = id(&action(waiting));
        let polls = shop.stage.sandbox.requests().len();
        // Flowlix has not noticed yet that the challenge was passed.
        let status = shop.order("a").returned(None).await.unwrap();
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        assert!(shop.stage.sandbox.requests().len() > polls + 1);
        // Another process sees the same, and a click on "pay" leads back to the challenge.
        let status = shop.order("a").status().await.unwrap();
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        let again = action(
            shop.order("a")
                .pay(card(THREE_D_SECURE))
                .return_url(BACK)
                .await
                .unwrap(),
        );
        assert_eq!(id(&again), payment);
        assert!(again.redirect_url().is_some() && again.is_for_this_card());
        assert_eq!(shop.stage.payments_and_charges(), (1, 0));
    }
}

#[tokio::test]
async fn customer_who_left_the_page_is_sent_there_again() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let page = action(shop.order("a").pay_hosted(BACK).await.unwrap());
        let query = shop.query(&id(&page));
        let left = shop
            .order("a")
            .returned(Some(&query))
            .within(Duration::ZERO)
            .await
            .unwrap();
        assert!(matches!(left, IntentStatus::Processing(_)), "{left}");
        let again = action(shop.order("a").pay_hosted(BACK).await.unwrap());
        assert_eq!(again.redirect_url(), page.redirect_url());
        assert_eq!(shop.stage.payments_and_charges(), (1, 0));
    }
}

#[tokio::test]
async fn payment_of_another_intent_is_refused() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let other = action(shop.order("other").pay_hosted(BACK).await.unwrap());
        shop.stage
            .sandbox
            .complete_hosted(&id(&other), VISA)
            .unwrap();
        let query = shop.query(&id(&other));
        let error = shop.order("mine").returned(Some(&query)).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::OtherIntent);
        for query in [
            "payment_id=pay_abc123",
            "?payment_id=pay_abc123&status=succeeded",
        ] {
            let error = shop.order("mine").returned(Some(query)).await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::OtherIntent, "{query}");
        }
        let twice = "payment_id=pay_abc123&payment_id=pay_abc124";
        let error = shop.order("mine").returned(Some(twice)).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::InvalidRequest);
    }
}

#[tokio::test]
async fn query_without_a_payment_is_no_error() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let waiting = shop
            .order("a")
            .pay(card(THREE_D_SECURE))
            .return_url(BACK)
            .await
            .unwrap();
        shop.stage.sandbox.approve(&id(&action(waiting))).unwrap();
        for query in [Some(""), Some("utm_source=mail"), None] {
            let status = shop.order("a").returned(query).await.unwrap();
            assert!(status.is_paid(), "{query:?}: {status}");
        }
    }
}

#[tokio::test]
async fn lost_record_is_found_again_by_the_query() {
    for dialect in DIALECTS {
        let shop = Shop::new(dialect).await;
        let page = action(shop.order("a").pay_hosted(BACK).await.unwrap());
        let payment = id(&page);
        shop.stage.sandbox.complete_hosted(&payment, VISA).unwrap();
        let restored = Shop {
            stage: shop.stage,
            store: MemoryStore::new(),
        };
        let query = restored.query(&payment);
        let paid = restored.order("a").returned(Some(&query)).await.unwrap();
        assert!(paid.is_paid(), "{paid}");
        let again = restored.order("a").pay(card(VISA)).await.unwrap();
        assert!(again.is_paid(), "{again}");
        assert_eq!(restored.stage.payments_and_charges(), (1, 1));
    }
}

#[test]
fn intents_can_be_shared_by_every_task() {
    fn is_shared(_: &(impl Clone + Send + Sync + 'static)) -> bool {
        true
    }
    let flowlix = flowlix_ext::Flowlix::new("fl_test_sk_abc123def456").unwrap();
    let builder = Intents::builder(flowlix, MemoryStore::new());
    let intents = builder.merchant("my-shop").build().unwrap();
    assert!(is_shared(&intents) && is_shared(&intents.intent("a", Money::eur(1))));
}
