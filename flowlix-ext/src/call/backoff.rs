//! How long to pause before sending again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What a backoff policy sees.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RetryState {
    /// How many attempts have failed so far; at least 1.
    pub failures: u32,
    /// Time since the call began.
    pub elapsed: Duration,
    /// Time that the call has left.
    pub time_left: Duration,
}

/// Decides the pause before the next attempt. A `Retry-After` of Flowlix comes before it. Where it panics, the
/// call goes on with the default.
pub trait Backoff: Send + Sync {
    /// The pause. `jitter` is a random number in `0.0..1.0`.
    fn pause(&self, state: &RetryState, jitter: f64) -> Duration;
}

/// Exponential growth with full jitter: anything between nothing and `base × 2ⁿ`, at most `cap`.
///
/// Full jitter spreads the callers that failed together over the whole range, so that they do not come
/// back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExponentialBackoff {
    /// Upper bound of the first pause. Default: 250 ms.
    pub base: Duration,
    /// Upper bound of every pause. Default: 8 s.
    pub cap: Duration,
}

impl Default for ExponentialBackoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(250),
            cap: Duration::from_secs(8),
        }
    }
}

/// No pause is longer: as a floating-point number the longest duration is more than a duration can be.
const LONGEST: Duration = Duration::from_secs(1 << 62);

impl Backoff for ExponentialBackoff {
    fn pause(&self, state: &RetryState, jitter: f64) -> Duration {
        doubled(self.base, state.failures.saturating_sub(1))
            .min(self.cap)
            .min(LONGEST)
            .mul_f64(unit(jitter))
    }
}

/// A policy whose panic does not take the call with it: what is known of a payment would be lost.
pub(crate) struct Guarded<'a>(pub(crate) &'a dyn Backoff);

impl Backoff for Guarded<'_> {
    fn pause(&self, state: &RetryState, jitter: f64) -> Duration {
        let ask = AssertUnwindSafe(|| self.0.pause(state, jitter));
        catch_unwind(ask).unwrap_or_else(|_| {
            tracing::error!("the application's backoff policy panicked; the default is used");
            ExponentialBackoff::default().pause(state, jitter)
        })
    }
}

/// Waiting for a request of ours that is still running: never at once, since it needs some time.
pub(crate) fn twin_pause(conflicts: u32, jitter: f64) -> Duration {
    let bound = doubled(Duration::from_millis(500), conflicts.saturating_sub(1))
        .min(Duration::from_secs(4));
    bound.mul_f64(0.5 + unit(jitter) / 2.0)
}

fn doubled(base: Duration, times: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(times))
}

// A policy of the user's may pass anything on; a Duration must never be multiplied by NaN or less than 0.
fn unit(jitter: f64) -> f64 {
    if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(failures: u32, jitter: f64) -> Duration {
        let state = RetryState {
            failures,
            elapsed: Duration::ZERO,
            time_left: Duration::from_secs(60),
        };
        ExponentialBackoff::default().pause(&state, jitter)
    }

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<u128> = (1..=8)
            .map(|failures| pause(failures, 1.0).as_millis())
            .collect();
        assert_eq!(bounds, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(pause(u32::MAX, 1.0), Duration::from_secs(8));
    }

    #[test]
    fn no_bound_is_too_long() {
        let endless = ExponentialBackoff {
            base: Duration::MAX,
            cap: Duration::MAX,
        };
        let state = RetryState {
            failures: 1,
            elapsed: Duration::ZERO,
            time_left: Duration::MAX,
        };
        assert_eq!(endless.pause(&state, 1.0), LONGEST);
    }

    #[test]
    fn jitter_covers_the_whole_range() {
        assert_eq!(pause(3, 0.0), Duration::ZERO);
        assert_eq!(pause(3, 0.5), Duration::from_millis(500));
        assert_eq!(pause(3, f64::NAN), Duration::from_millis(1000));
        assert_eq!(pause(3, -1.0), Duration::ZERO);
    }

    #[test]
    fn a_twin_is_given_time() {
        assert_eq!(twin_pause(1, 0.0), Duration::from_millis(250));
        assert_eq!(twin_pause(1, 1.0), Duration::from_millis(500));
        assert_eq!(twin_pause(99, 1.0), Duration::from_secs(4));
    }
}
