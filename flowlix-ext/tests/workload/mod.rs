//! The workload of the worker's figures: a shop, its customers and other clients on one driven clock.
//!
//! The clock moves only while the worker sleeps. Whatever falls into that span happens then, in order.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod clocks;
mod figures;
mod world;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use flowlix_ext::Flowlix;
use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::intents::Intents;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::testing::ManualTime;
use flowlix_sandbox::{Dialect, Progress, Sandbox};

use clocks::{Counting, ShopTime, WorkerTime};
pub(crate) use figures::Figures;
use world::World;

/// What each request of the worker takes, on the driven clock.
pub(crate) const LATENCY: Duration = Duration::from_millis(100);
/// Payments that the shop creates a second.
pub(crate) const ARRIVALS: f64 = 2.0;
/// Requests a second of other clients with the same API key.
pub(crate) const OTHERS: f64 = 100.0 / 60.0;

/// A workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) dialect: Dialect,
    /// Payments that are open at steady state.
    pub(crate) open: u32,
    pub(crate) lifetimes: Lifetimes,
    /// Whether nine of ten payments in the window of the open ones belong to other programs of the merchant.
    pub(crate) has_foreign: bool,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) seed: u64,
}

/// When a payment expires whose customer never comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetimes {
    /// At one age, as a hosted page does that is open for a fixed time.
    Fixed,
    /// At any age up to twice the mean, which nobody can foresee.
    Spread,
}

impl Load {
    /// The mean age at which abandoned payments expire, for the number of open ones: half of the arrivals are open for
    /// 5.5 s, a tenth for 600 s, and the rest for this long.
    pub(crate) fn lifetime(&self) -> f64 {
        let mean = f64::from(self.open) / ARRIVALS;
        (mean - 0.5 * 5.5 - 0.1 * 600.0) / 0.4
    }

    /// Payments of others that appear a second: of ten payments in the window of the open ones, one is open.
    pub(crate) fn foreign(&self) -> f64 {
        10.0 * f64::from(self.open) / self.lifetime() - ARRIVALS
    }
}

/// Runs the worker under a workload.
pub(crate) async fn run(load: Load) -> Figures {
    let progress = Progress::ByClock {
        step: Duration::from_secs(1_000_000_000),
    };
    let sandbox = Sandbox::builder()
        .progress(progress)
        .customer_patience(1_000_000_000)
        .start()
        .await
        .unwrap();
    let clock = sandbox.clock();
    let time = ManualTime::stepped().on_advance(move |by| clock.advance(by));
    let rate = RateLimit::new();
    let figures = Figures::new();
    let store = MemoryStore::new();
    let key = sandbox.key(load.dialect).to_owned();
    let shop_time = ShopTime::new(time.clone(), figures.clone());
    let client = |key: &str, rate: RateLimit| {
        Flowlix::builder(key)
            .base_url(sandbox.base_url())
            .rate_limit(rate)
    };
    let shop = client(&key, rate.clone())
        .runtime(shop_time.clone())
        .build();
    let world = World::new(
        load,
        sandbox,
        time.clone(),
        intents(shop.unwrap(), store.clone()),
        store.clone(),
        figures.clone(),
    );
    world.lock().await.populate().await;
    shop_time.begin();
    let worker = {
        let worker_time = WorkerTime::new(time, world.clone());
        let builder = Flowlix::builder(key.as_str()).base_url(world.lock().await.base_url());
        builder
            .rate_limit(rate)
            .hook(Counting::new(figures.clone(), worker_time.clone()))
            .runtime(worker_time)
            .build()
            .unwrap()
    };
    let over = world.lock().await.over();
    let told = figures.clone();
    let intents = intents(worker, store);
    let worker = intents.run(move |change| {
        told.reported(&change);
        std::future::ready(Ok::<(), std::io::Error>(()))
    });
    let stopped = async move { over.notified().await };
    worker.with_graceful_shutdown(stopped).into_future().await;
    figures
}

fn intents(flowlix: Flowlix, store: MemoryStore) -> Intents {
    let intents = Intents::builder(flowlix, store);
    intents.merchant("my-shop").build().unwrap()
}

/// splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        f64::from(u32::try_from(z >> 32).unwrap()) / (f64::from(u32::MAX) + 1.0)
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// The time to the next of events that are independent of each other.
    pub(crate) fn gap(&mut self, a_second: f64) -> Duration {
        seconds(-(1.0 - self.unit()).ln() / a_second)
    }
}

/// Whole milliseconds: the sandbox's clock drops what is less, and would fall behind.
pub(crate) fn seconds(seconds: f64) -> Duration {
    whole_millis(Duration::from_secs_f64(seconds.max(0.001)))
}

pub(crate) fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_micros().div_ceil(1000)).unwrap())
}

pub(crate) type SharedWorld = Arc<tokio::sync::Mutex<World>>;
