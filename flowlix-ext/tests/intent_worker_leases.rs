//! A handler that takes long: its lease is renewed, so that nobody else reports the same intent meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::VISA;
use common::intents::{Shop, cases, order, pay};
use flowlix_ext::intents::Intents;
use flowlix_ext::testing::ManualTime;
use tokio::sync::Notify;

const BUDGET: Duration = Duration::from_secs(3600);

/// Changes that a second worker reports now.
async fn second(intents: &Intents) -> u64 {
    let done = intents.run_once(BUDGET, |_| async { Ok::<(), String>(()) });
    done.await.unwrap().reported
}

/// Until the store has been asked for a write, and the worker waits again.
async fn written(counts: &common::intents::Counts) {
    while counts.take().writes == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// In memory, where no other thread takes part in the steps of the clock.
#[tokio::test]
async fn long_handler_keeps_its_lease() {
    let in_memory = |case: &common::intents::Case| format!("{case:?}").contains("Memory");
    for case in cases().filter(in_memory) {
        let shop = Shop::new(case).await;
        assert!(pay(&shop.order(), VISA).await.is_paid());
        let clock =
            ManualTime::stepped().starting_at(flowlix_ext::runtime::Runtime::now(&shop.stage.time));
        let key = shop.stage.sandbox.key(case.dialect);
        let store = shop.store();
        let counts = store.counts();
        let slow = shop.intents_at(key, clock.clone(), store);
        let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let calls = Arc::new(AtomicUsize::new(0));
        let (tell, wait, count) = (begun.clone(), end.clone(), calls.clone());
        let work = tokio::spawn(async move {
            let handler = move |_| {
                let (tell, wait, count) = (tell.clone(), wait.clone(), count.clone());
                async move {
                    if count.fetch_add(1, Ordering::SeqCst) == 0 {
                        tell.notify_one();
                        wait.notified().await;
                    }
                    Ok::<(), String>(())
                }
            };
            slow.run_once(BUDGET, handler).await.unwrap().reported
        });
        begun.notified().await;
        let other = shop.intents_at(key, clock.clone(), shop.store());
        assert_eq!(second(&other).await, 0);
        // Twice as long as a lease, in steps in which it is renewed.
        for _ in 0..4 {
            counts.take();
            clock.advance(Duration::from_secs(16));
            written(&counts).await;
            assert_eq!(second(&other).await, 0, "{case:?}");
        }
        end.notify_one();
        assert_eq!(work.await.unwrap(), 2);
        assert_eq!((second(&other).await, calls.load(Ordering::SeqCst)), (0, 2));
        assert!(order(&other).status().await.unwrap().is_paid());
    }
}

/// Nobody renews the lease of a process that has died.
#[tokio::test]
async fn lease_of_a_dead_worker_ends() {
    for case in cases() {
        let shop = Shop::new(case).await;
        assert!(pay(&shop.order(), VISA).await.is_paid());
        let clock =
            ManualTime::stepped().starting_at(flowlix_ext::runtime::Runtime::now(&shop.stage.time));
        let key = shop.stage.sandbox.key(case.dialect);
        let dying = shop.intents_at(key, clock.clone(), shop.store());
        let begun = Arc::new(Notify::new());
        let tell = begun.clone();
        let work = tokio::spawn(async move {
            let handler = move |_| {
                tell.notify_one();
                std::future::pending::<Result<(), String>>()
            };
            dying.run_once(BUDGET, handler).await.unwrap()
        });
        begun.notified().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        let other = shop.intents_at(key, clock.clone(), shop.store());
        clock.advance(Duration::from_secs(29));
        assert_eq!(second(&other).await, 0);
        clock.advance(Duration::from_secs(2));
        assert_eq!(second(&other).await, 2);
    }
}
