//! What an intent costs beside a payment without one: `pay` against `create_direct` and `wait`.
//!
//! `cargo bench -p flowlix-ext --bench intents --features sqlite`. The sandbox runs in a thread of its own, both sides
//! poll without a pause, and they take turns in the same run; only the ratio means something.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::intents::Intents;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::polling::{PollState, Polling};
use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, Money, Settled};
use flowlix_sandbox::{Dialect, Sandbox};

const ROUNDS: usize = 9;
const PAYMENTS: usize = 40;

/// Asks again at once: pauses would hide what is measured.
struct AtOnce;

impl Polling for AtOnce {
    fn pause(&self, _: &PollState, _: f64) -> Duration {
        Duration::ZERO
    }
}

fn main() {
    // The whole sandbox lives in its own thread, and its cost is not ours.
    let server = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        compare(dialect, "memory", &server, &runtime, |flowlix| {
            intents(flowlix, MemoryStore::new())
        });
        #[cfg(feature = "sqlite")]
        compare_sqlite(dialect, &server, &runtime);
    }
}

#[cfg(feature = "sqlite")]
fn compare_sqlite(
    dialect: Dialect,
    server: &tokio::runtime::Runtime,
    runtime: &tokio::runtime::Runtime,
) {
    use flowlix_ext::intents::store::SqliteStore;

    let folder = std::env::temp_dir().join(format!("flowlix-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    compare(dialect, "SQLite", server, runtime, |flowlix| {
        let name = format!("{dialect:?}.sqlite");
        intents(flowlix, SqliteStore::open(folder.join(name)).unwrap())
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

fn intents(
    flowlix: Flowlix,
    store: impl flowlix_ext::intents::store::IntentStore + 'static,
) -> Intents {
    Intents::builder(flowlix, store)
        .merchant("bench")
        .build()
        .unwrap()
}

fn compare(
    dialect: Dialect,
    store: &str,
    server: &tokio::runtime::Runtime,
    runtime: &tokio::runtime::Runtime,
    make: impl Fn(Flowlix) -> Intents,
) {
    // A sandbox slows down with each payment that it holds, so each comparison has one of its own.
    let sandbox = server
        .block_on(Sandbox::builder().rate_limit(u32::MAX).start())
        .unwrap();
    let flowlix = Flowlix::builder(sandbox.key(dialect))
        .base_url(sandbox.base_url())
        .rate_limit(RateLimit::off())
        .polling(AtOnce)
        .build()
        .unwrap();
    let intents = make(flowlix.clone());
    let mut ratios = Vec::with_capacity(ROUNDS);
    let (mut ours, mut plain) = (Duration::ZERO, Duration::ZERO);
    for round in 0..=ROUNDS {
        let without = runtime.block_on(without_intents(&flowlix, round));
        let with = runtime.block_on(with_intents(&intents, round));
        // The first round warms the connections up.
        if round > 0 {
            ratios.push(with.as_secs_f64() / without.as_secs_f64());
            ours += with;
            plain += without;
        }
    }
    ratios.sort_by(f64::total_cmp);
    let count = u32::try_from(ROUNDS * PAYMENTS).unwrap();
    println!(
        "{dialect:?}, {store} store: pay takes {:.2} times as long as create_direct and wait \
         (median of {ROUNDS}; {:.2} to {:.2}); {:?} against {:?} a payment",
        ratios.get(ROUNDS / 2).unwrap(),
        ratios.first().unwrap(),
        ratios.last().unwrap(),
        ours / count,
        plain / count,
    );
}

fn card() -> CardDetails {
    CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen")
}

async fn with_intents(intents: &Intents, round: usize) -> Duration {
    let begun = Instant::now();
    for number in 0..PAYMENTS {
        let intent = intents.intent(format!("order-{round}-{number}"), Money::eur(49_99));
        assert!(intent.pay(card()).await.unwrap().is_paid());
    }
    begun.elapsed()
}

async fn without_intents(flowlix: &Flowlix, round: usize) -> Duration {
    let begun = Instant::now();
    for number in 0..PAYMENTS {
        let order = format!("order-{round}-{number}");
        let key = IdempotencyKey::derive("bench", [order]).unwrap();
        let create = flowlix.payments().create_direct(Money::eur(49_99), card());
        let payment = create.idempotency_key(key).await.unwrap();
        let settled = flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
    }
    begun.elapsed()
}
