//! Workers in processes of their own, which share a SQLite file: one dies, and another takes over.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::intents::{Folder, paying};
use common::processes::{Place, Troupe, await_cue, say, stage_or_play};
use common::{DIALECTS, Stage, VISA};
use flowlix_ext::intents::store::SqliteStore;
use flowlix_ext::intents::{Intents, Pass};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, Money};
use serde_json::{Value, json};

/// Paid orders, each with two changes.
const ORDERS: usize = 8;

struct Shared(Folder);

impl Place for Shared {
    fn address(&self) -> Value {
        json!(self.0.path().to_str().unwrap())
    }
}

fn intents(place: &Value, name: &str, flowlix: Flowlix) -> Intents {
    let folder = Path::new(place.as_str().unwrap()).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let store = SqliteStore::open(folder.join("intents.sqlite")).unwrap();
    let builder = Intents::builder(flowlix, store);
    builder.merchant("my-shop").build().unwrap()
}

/// One worker. It dies in the handler call of this number, if any.
fn play(runtime: &tokio::runtime::Runtime, part: &Value) {
    let start = ManualTime::START + 60 + part["late_by"].as_u64().unwrap();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
    let flowlix = Flowlix::builder(part["api_key"].as_str().unwrap())
        .base_url(part["base_url"].as_str().unwrap())
        .runtime(ManualTime::automatic().starting_at(start))
        .build()
        .unwrap();
    let intents = intents(&part["place"], part["order"].as_str().unwrap(), flowlix);
    let dies_at = part["dies_at"].as_u64().unwrap_or(u64::MAX);
    let calls = std::sync::atomic::AtomicU64::new(0);
    say("ready");
    await_cue("begin");
    let done: Pass = runtime.block_on(async {
        let budget = Duration::from_secs(600);
        let done = intents.run_once(budget, move |change| {
            say(&format!(
                "told {} {}",
                change.reference(),
                change.sequence()
            ));
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            if call == dies_at {
                std::process::abort();
            }
            async { Ok::<(), String>(()) }
        });
        done.await.unwrap()
    });
    say(&format!("done {}", done.reported));
}

/// What processes said until all of them have ended, by reference; the first one dies if it is to.
fn told(troupe: &mut Troupe<'_>) -> BTreeMap<String, Vec<u64>> {
    troupe.tell_all("begin");
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut ended = 0;
    while ended < troupe.processes.len() {
        match troupe.listen().1 {
            None => ended += 1,
            Some(said) => {
                if let Some(change) = said.strip_prefix("told ") {
                    let (reference, sequence) = change.rsplit_once(' ').unwrap();
                    let of_order = told.entry(reference.to_owned()).or_default();
                    of_order.push(sequence.parse().unwrap());
                }
            }
        }
    }
    told
}

async fn paid_orders(place: &Value, name: &str, stage: &Stage) {
    let intents = intents(place, name, stage.flowlix.clone());
    for number in 0..ORDERS {
        let intent = intents.intent(format!("order-{number}"), Money::eur(5_00));
        assert!(paying(&intent, VISA).await.unwrap().is_paid());
    }
}

async fn one_dies_and_another_takes_over(test: &str, place: Value) {
    for dialect in DIALECTS {
        for dies_at in [1, 2, 9] {
            let stage = Stage::new(dialect).await;
            let name = format!("{dialect:?}-{dies_at}");
            paid_orders(&place, &name, &stage).await;
            let mut dying = Troupe::new(test, &place, &stage);
            dying.start("work", &name, json!({"dies_at": dies_at}));
            let first = told(&mut dying);
            let calls: usize = first.values().map(Vec::len).sum();
            assert!(calls >= usize::try_from(dies_at).unwrap());
            // The leases of the dead process end after 30 s.
            let mut next = Troupe::new(test, &place, &stage);
            next.start("work", &name, json!({"late_by": 31}));
            let second = told(&mut next);
            let mut last = Troupe::new(test, &place, &stage);
            last.start("work", &name, json!({"late_by": 62}));
            assert!(told(&mut last).is_empty());
            for number in 0..ORDERS {
                let reference = format!("order-{number}");
                let of = |told: &BTreeMap<String, Vec<u64>>| told.get(&reference).cloned();
                let (first, second) = (
                    of(&first).unwrap_or_default(),
                    of(&second).unwrap_or_default(),
                );
                assert!(
                    first.is_sorted() && second.is_sorted(),
                    "{first:?} {second:?}"
                );
                let mut all: Vec<u64> = first.iter().chain(&second).copied().collect();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), 2, "{first:?} {second:?}");
                // Told twice is only what the first one could not acknowledge.
                let ends_with = first.is_empty() || second.is_empty() || second.contains(&all[1]);
                assert!(ends_with, "{first:?} {second:?}");
            }
        }
    }
}

async fn several_share(test: &str, place: Value) {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let name = format!("{dialect:?}");
        paid_orders(&place, &name, &stage).await;
        let mut troupe = Troupe::new(test, &place, &stage);
        for _ in 0..3 {
            troupe.start("work", &name, json!({}));
        }
        let told = told(&mut troupe);
        assert_eq!(told.len(), ORDERS);
        let each_once = |told: &Vec<u64>| told.len() == 2 && told[0] < told[1];
        assert!(told.values().all(each_once), "{told:?}");
    }
}

#[test]
fn worker_that_dies_is_followed_by_another() {
    stage_or_play(
        "worker_that_dies_is_followed_by_another",
        play,
        async { Some(Shared(Folder::new("worker-dies"))) },
        one_dies_and_another_takes_over,
    );
}

#[test]
fn workers_share_and_report_once() {
    stage_or_play(
        "workers_share_and_report_once",
        play,
        async { Some(Shared(Folder::new("workers-share"))) },
        several_share,
    );
}
