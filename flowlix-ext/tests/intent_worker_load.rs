//! A short version of the worker's figures; see `docs/worker-figures.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod workload;

use std::time::Duration;

use flowlix_sandbox::Dialect;
use workload::{Lifetimes, Load};

#[tokio::test]
async fn worker_under_load_keeps_its_promises() {
    common::watch::everything();
    let figures = workload::run(Load {
        dialect: Dialect::Uppercase,
        open: 300,
        lifetimes: Lifetimes::Fixed,
        has_foreign: false,
        warm_up: Duration::from_secs(30),
        measured: Duration::from_secs(90),
        seed: 7,
    })
    .await;
    assert!(figures.reports() > 100, "{}", figures.reports());
    let late = figures.percentile(95);
    assert!(late <= Duration::from_secs(5), "{late:?}");
    assert_eq!(figures.refused(), (0, 0));
    let (creates, delayed) = figures.creates();
    assert!(creates > 100, "{creates}");
    assert_eq!(delayed, 0);
}
