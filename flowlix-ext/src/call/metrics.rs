//! Counters, for whatever system counts in your service.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flowlix_api::Dialect;

use super::decision::Situation;
use super::operation::Operation;
use crate::key::Mode;

/// Receives what the client counts; see [`FlowlixBuilder::metrics`](crate::FlowlixBuilder::metrics).
///
/// It is called on the task that makes the call: keep it short. A panic in it is caught like a
/// [hook](super::hook)'s.
pub trait Metrics: Send + Sync {
    /// Adds one to a counter.
    fn increment(&self, counter: Counter, labels: &Labels);
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Counter {
    /// Calls that began to send.
    Calls,
    /// Requests that were sent, or at least begun.
    Attempts,
    /// Attempts that will be followed by another because they failed.
    Retries,
    /// Attempts that will be followed by another because an earlier request with the key is still running.
    TwinWaits,
    /// Attempts that were held back to stay below the rate limit.
    RateWaits,
    /// Calls that ended without a 2xx, whatever the reason: the error was returned to the caller. A 2xx whose body is
    /// no result is counted as [`Undecodable`](Self::Undecodable) or [`Mismatched`](Self::Mismatched) instead.
    Failures,
    /// Writes that ended with their outcome unknown.
    UnknownOutcomes,
    /// Writes whose future was dropped while they were under way: nobody was told their outcome.
    AbandonedWrites,
    /// Accepted answers, and single payments in a list, that could not be read.
    Undecodable,
    /// Accepted answers that were about something else than was asked for.
    Mismatched,
    /// Values of open enums that this version of the SDK has no name for: time for an update.
    UnknownValues,
    /// Hooks and metrics that panicked.
    HookPanics,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Self; 12] = [
        Self::Calls,
        Self::Attempts,
        Self::Retries,
        Self::TwinWaits,
        Self::RateWaits,
        Self::Failures,
        Self::UnknownOutcomes,
        Self::AbandonedWrites,
        Self::Undecodable,
        Self::Mismatched,
        Self::UnknownValues,
        Self::HookPanics,
    ];

    /// A name in the way of OpenTelemetry, such as `flowlix.client.unknown_outcomes`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "flowlix.client.calls",
            Self::Attempts => "flowlix.client.attempts",
            Self::Retries => "flowlix.client.retries",
            Self::TwinWaits => "flowlix.client.twin_waits",
            Self::RateWaits => "flowlix.client.rate_waits",
            Self::Failures => "flowlix.client.failures",
            Self::UnknownOutcomes => "flowlix.client.unknown_outcomes",
            Self::AbandonedWrites => "flowlix.client.abandoned_writes",
            Self::Undecodable => "flowlix.client.undecodable",
            Self::Mismatched => "flowlix.client.mismatched",
            Self::UnknownValues => "flowlix.client.unknown_values",
            Self::HookPanics => "flowlix.client.hook_panics",
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a count is about. Every label has few values, so that it may become a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Labels {
    /// The operation.
    pub operation: Operation,
    /// The dialect that is spoken.
    pub dialect: Dialect,
    /// Whether real money moves.
    pub mode: Mode,
    /// What the last attempt came to, where there was one.
    pub situation: Option<Situation>,
}

impl Labels {
    pub(crate) fn new(operation: Operation, dialect: Dialect, mode: Mode) -> Self {
        Self {
            operation,
            dialect,
            mode,
            situation: None,
        }
    }
}

/// Counts in memory, without labels: for tests, and for services that read the numbers from time to time.
/// Clones share the counts.
///
/// ```
/// use flowlix_ext::call::metrics::{Counter, Counts};
/// # use flowlix_ext::{CardDetails, Flowlix, Money};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
/// # sandbox.inject(flowlix_sandbox::Fault::status(503));
/// # let time = flowlix_ext::testing::ManualTime::automatic();
/// let counts = Counts::default();
/// let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
///     .base_url(sandbox.base_url())
///     .metrics(counts.clone())
/// #   .runtime(time)
///     .build()?;
/// # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
/// // Flowlix answers 503 first.
/// flowlix.payments().create_direct(Money::eur(49_99), card).await?;
/// assert_eq!(counts.get(Counter::Calls), 1);
/// assert_eq!(counts.get(Counter::Attempts), 2);
/// assert_eq!(counts.get(Counter::Retries), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counts {
    counts: Arc<[AtomicU64; Counter::ALL.len()]>,
}

impl Counts {
    /// How often something was counted.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.place(counter)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    // `ALL` holds the counters in the order of their declaration; a test says so.
    fn place(&self, counter: Counter) -> Option<&AtomicU64> {
        self.counts.get(counter as usize)
    }
}

impl Metrics for Counts {
    fn increment(&self, counter: Counter, _labels: &Labels) {
        if let Some(count) = self.place(counter) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        let counts = Counts::default();
        let labels = Labels::new(Operation::RetrievePayment, Dialect::SnakeCase, Mode::Test);
        for (index, counter) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, index);
            for _ in 0..=index {
                counts.increment(counter, &labels);
            }
        }
        let names: std::collections::HashSet<_> = Counter::ALL.map(Counter::name).into();
        assert_eq!(names.len(), Counter::ALL.len());
        for (count, counter) in (1..).zip(Counter::ALL) {
            assert_eq!(counts.clone().get(counter), count, "{counter}");
        }
    }
}
