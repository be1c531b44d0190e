//! How soon a worker reports what became of thousands of payments, within the rate limit of one API key.
//!
//! `cargo bench -p flowlix-ext --bench worker`. See `docs/worker-figures.md`. Arguments narrow it down: numbers of open
//! payments, `fixed`, `spread`, `snake`, `uppercase`, `seed1`.

#![allow(clippy::unwrap_used)]

#[path = "../tests/workload/mod.rs"]
mod workload;

use std::time::{Duration, Instant};

use flowlix_sandbox::Dialect;
use workload::{Lifetimes, Load};

const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |names: &[&str], name: &str| {
        let mut of_kind = wanted.iter().filter(|word| names.contains(&word.as_str()));
        of_kind.clone().next().is_none() || of_kind.any(|word| word == name)
    };
    let seeds: &[u64] = if wanted.iter().any(|word| word == "seed1") {
        &[1]
    } else {
        &[1, 2, 3]
    };
    println!(
        "| dialect | lifetimes | open | seed | reports | p50 | p95 | max | retrieved/min | pages/min | 429 worker, others \
         | creates, delayed |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (dialect, name) in [
        (Dialect::Uppercase, "uppercase"),
        (Dialect::SnakeCase, "snake"),
    ] {
        for (lifetimes, how) in [(Lifetimes::Fixed, "fixed"), (Lifetimes::Spread, "spread")] {
            for (open, count) in [(2_000, "2000"), (10_000, "10000")] {
                let is_wanted = is_wanted(&["uppercase", "snake"], name)
                    && is_wanted(&["fixed", "spread"], how)
                    && is_wanted(&["2000", "10000"], count);
                for seed in seeds.iter().filter(|_| is_wanted) {
                    measure(Load {
                        dialect,
                        open,
                        lifetimes,
                        has_foreign: true,
                        warm_up: 3 * MINUTE,
                        measured: 10 * MINUTE,
                        seed: *seed,
                    });
                }
            }
        }
    }
}

fn measure(load: Load) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let begun = Instant::now();
    let figures = runtime.block_on(workload::run(load));
    let show = |percent| format!("{:.1} s", figures.percentile(percent).as_secs_f64());
    let (retrieved, pages) = figures.requests();
    println!(
        "| {:?} | {:?} | {} | {} | {} | {} | {} | {} | {retrieved:.0} | {pages:.0} | {:?} | {:?} |",
        load.dialect,
        load.lifetimes,
        figures.mean_open(),
        load.seed,
        figures.reports(),
        show(50),
        show(95),
        show(100),
        figures.refused(),
        figures.creates(),
    );
    eprintln!("took {:?}", begun.elapsed());
}
