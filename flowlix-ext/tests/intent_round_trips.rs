//! What a call costs: how often it asks the store and Flowlix, in exact numbers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::intents::{Case, Counted, RETURN_URL, Shop, action, cases, order, pay};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::intents::{Intent, IntentStatus};
use flowlix_sandbox::{Dialect, Fault};

/// The cost of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    /// Reads and writes of the intent's record, and of witnesses.
    store: Counted,
    /// Requests to Flowlix that write, and all others.
    posts: usize,
    gets: usize,
}

fn cost(loads: usize, writes: usize, witnesses: usize, posts: usize, gets: usize) -> Cost {
    let store = Counted {
        loads,
        writes,
        witnesses,
    };
    Cost { store, posts, gets }
}

/// What `prepare` leaves behind, in a process that did it or in another one, and what `work` costs then.
async fn measured<P, W>(case: Case, is_new_process: bool, prepare: P, work: W) -> Cost
where
    P: AsyncFn(&Shop, Intent),
    W: AsyncFn(Intent) -> IntentStatus,
{
    let shop = Shop::new(case).await;
    let store = shop.store();
    let counts = store.counts();
    let intents = shop.intents_on(store);
    let before = match is_new_process {
        true => shop.order(),
        false => order(&intents),
    };
    prepare(&shop, before).await;
    counts.take();
    let requests = shop.stage.sandbox.requests().len();
    let posts = shop.stage.posts().len();
    let status = work(order(&intents)).await;
    let posts = shop.stage.posts().len() - posts;
    shop.assert_true(&status);
    Cost {
        store: counts.take(),
        posts,
        gets: shop.stage.sandbox.requests().len() - requests - posts,
    }
}

/// In uppercase a card is `PROCESSING` for one read more.
fn reads(case: Case) -> usize {
    match case.dialect {
        Dialect::SnakeCase => 1,
        Dialect::Uppercase => 2,
    }
}

#[tokio::test]
async fn first_pay_costs_three_writes() {
    for case in cases() {
        let first = measured(
            case,
            true,
            async |_, _| {},
            async |intent| pay(&intent, VISA).await,
        );
        let reads = reads(case);
        // Recorded before it leaves, which tells as well that there was no record; its answer; its end. The witness is stored once in the life of a process.
        assert_eq!(first.await, cost(0, 3, 1, 1, reads));
    }
}

#[tokio::test]
async fn second_order_of_a_process_stores_no_witness() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let store = shop.store();
        let counts = store.counts();
        let intents = shop.intents_on(store);
        let mut witnesses = Vec::new();
        for reference in ["order-1", "order-2", "order-3"] {
            let intent = intents.intent(reference, flowlix_ext::Money::eur(49_99));
            assert!(pay(&intent, VISA).await.is_paid());
            let counted = counts.take();
            assert_eq!((counted.loads, counted.writes), (0, 3));
            witnesses.push(counted.witnesses);
        }
        assert_eq!(witnesses, [1, 0, 0]);
    }
}

#[tokio::test]
async fn pay_that_is_declined_at_once_costs_two_writes() {
    for case in cases() {
        let declined = measured(
            case,
            true,
            async |shop, _| shop.stage.sandbox.inject(Fault::declined("do_not_honor")),
            async |intent| pay(&intent, VISA).await,
        );
        assert_eq!(declined.await, cost(0, 2, 0, 1, 0));
    }
}

#[tokio::test]
async fn pay_after_a_decline_costs_three_writes() {
    for case in cases() {
        for is_at_once in [true, false] {
            let second = measured(
                case,
                false,
                async |shop, intent| {
                    if is_at_once {
                        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
                    }
                    pay(&intent, DECLINED).await;
                },
                async |intent| pay(&intent, VISA).await,
            );
            let witnesses = usize::from(is_at_once);
            // The first write finds that there is a record, and which. The answer is written with what comes next.
            assert_eq!(second.await, cost(0, 3, witnesses, 1, reads(case)));
        }
    }
}

#[tokio::test]
async fn pay_on_a_paid_intent_costs_one_round_trip() {
    for case in cases() {
        let again = measured(
            case,
            true,
            async |_, intent| drop(pay(&intent, VISA).await),
            async |intent| pay(&intent, VISA).await,
        );
        assert_eq!(again.await, cost(0, 1, 0, 0, 0));
        let status = measured(
            case,
            true,
            async |_, intent| drop(pay(&intent, VISA).await),
            async |intent| intent.status().await.unwrap(),
        );
        assert_eq!(status.await, cost(1, 0, 0, 0, 0));
    }
}

#[tokio::test]
async fn action_costs_three_writes_and_its_return_two() {
    for case in cases() {
        let challenge = measured(
            case,
            true,
            async |_, _| {},
            async |intent| pay(&intent, THREE_D_SECURE).await,
        );
        assert_eq!(challenge.await, cost(0, 3, 1, 1, 1));
        let back = measured(
            case,
            true,
            async |shop, intent| {
                let waiting = action(pay(&intent, THREE_D_SECURE).await);
                shop.approve(&waiting);
            },
            async |intent| intent.returned(None).await.unwrap(),
        );
        assert_eq!(back.await, cost(1, 2, 0, 0, 1));
        let page = measured(
            case,
            true,
            async |_, _| {},
            async |intent| intent.pay_hosted(RETURN_URL).await.unwrap(),
        );
        assert_eq!(page.await, cost(0, 2, 1, 1, 0));
    }
}

#[tokio::test]
async fn status_of_a_new_intent_stores_nothing() {
    for case in cases() {
        let status = measured(
            case,
            true,
            async |_, _| {},
            async |intent| intent.status().await.unwrap(),
        );
        assert_eq!(status.await, cost(1, 0, 0, 0, 0));
    }
}

/// A lost answer costs the repeat of the request alone.
#[tokio::test]
async fn repeat_costs_one_more_write_and_nothing_else() {
    for case in cases() {
        let repeated = measured(
            case,
            true,
            async |shop, _| shop.stage.sandbox.inject(Fault::LoseAnswer),
            async |intent| pay(&intent, VISA).await,
        );
        assert_eq!(repeated.await, cost(0, 4, 1, 2, reads(case)));
    }
}
