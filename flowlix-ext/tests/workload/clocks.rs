//! The clocks of the worker and of the shop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use flowlix_ext::call::history::AttemptReport;
use flowlix_ext::call::hook::{Attempt, Hook};
use flowlix_ext::runtime::{RandomUnavailable, Runtime, Sleep, SleepPurpose};
use flowlix_ext::testing::ManualTime;

use super::figures::Figures;
use super::{LATENCY, SharedWorld};

/// The worker's clock: while the worker sleeps, the world goes on.
#[derive(Clone)]
pub(crate) struct WorkerTime {
    time: ManualTime,
    world: SharedWorld,
    /// Requests whose latency has not been added to the clock.
    unpaid: Arc<AtomicU32>,
}

impl WorkerTime {
    pub(crate) fn new(time: ManualTime, world: SharedWorld) -> Self {
        Self {
            time,
            world,
            unpaid: Arc::default(),
        }
    }
}

impl Runtime for WorkerTime {
    fn now(&self) -> SystemTime {
        self.time.now()
    }

    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        if purpose == SleepPurpose::Timeout {
            return self.time.sleep(duration, purpose);
        }
        let (world, unpaid) = (self.world.clone(), self.unpaid.clone());
        Box::pin(async move {
            let latency = LATENCY.saturating_mul(unpaid.swap(0, Ordering::SeqCst));
            world.lock().await.pass(duration.max(latency)).await;
        })
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.time.fill_random(bytes)
    }
}

/// Counts the worker's requests, and makes each take its time.
pub(crate) struct Counting {
    figures: Figures,
    time: WorkerTime,
}

impl Counting {
    pub(crate) fn new(figures: Figures, time: WorkerTime) -> Self {
        Self { figures, time }
    }
}

impl Hook for Counting {
    fn after(&self, attempt: &Attempt<'_>, report: &AttemptReport) {
        self.time.unpaid.fetch_add(1, Ordering::SeqCst);
        self.figures.requested(attempt.path, report.status);
    }
}

/// The shop's clock. A pause means that a create was delayed: it is counted, and passes at once.
#[derive(Clone)]
pub(crate) struct ShopTime {
    time: ManualTime,
    figures: Figures,
    is_counting: Arc<AtomicBool>,
}

impl ShopTime {
    pub(crate) fn new(time: ManualTime, figures: Figures) -> Self {
        Self {
            time,
            figures,
            is_counting: Arc::default(),
        }
    }

    pub(crate) fn begin(&self) {
        self.is_counting.store(true, Ordering::SeqCst);
    }
}

impl Runtime for ShopTime {
    fn now(&self) -> SystemTime {
        self.time.now()
    }

    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        if purpose == SleepPurpose::Timeout {
            return self.time.sleep(duration, purpose);
        }
        if self.is_counting.load(Ordering::SeqCst) {
            self.figures.delayed(duration);
        }
        Box::pin(std::future::ready(()))
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.time.fill_random(bytes)
    }
}
