//! The user's code that looks on, called so that its panics cannot lose an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::headers::ExtraHeaders;
use super::history::AttemptReport;
use super::hook::{Attempt, Hook};
use super::metrics::{Counter, Labels, Metrics};

/// Everybody who looks on.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) metrics: Vec<Arc<dyn Metrics>>,
}

impl Observers {
    pub(crate) fn before(&self, attempt: &Attempt<'_>, labels: &Labels) -> Vec<ExtraHeaders> {
        let ask = |hook: &Arc<dyn Hook>| {
            let mut headers = ExtraHeaders::default();
            self.guarded(labels, || hook.before(attempt, &mut headers))
                .then_some(headers)
        };
        self.hooks.iter().filter_map(ask).collect()
    }

    pub(crate) fn after(&self, attempt: &Attempt<'_>, report: &AttemptReport, labels: &Labels) {
        for hook in &self.hooks {
            self.guarded(labels, || hook.after(attempt, report));
        }
    }

    pub(crate) fn increment(&self, counter: Counter, labels: &Labels) {
        for metrics in &self.metrics {
            self.guarded(labels, || metrics.increment(counter, labels));
        }
    }

    /// Whether it ran to its end.
    fn guarded(&self, labels: &Labels, run: impl FnOnce()) -> bool {
        let went_well = catch_unwind(AssertUnwindSafe(run)).is_ok();
        if !went_well {
            tracing::error!("a hook or metrics of the application panicked; the call goes on");
            for metrics in &self.metrics {
                // The one that panics here is the one that just did.
                let count = || metrics.increment(Counter::HookPanics, labels);
                let _: Result<(), _> = catch_unwind(AssertUnwindSafe(count));
            }
        }
        went_well
    }
}
