//! Time, sleep and randomness: the one place from which the SDK takes them.
//!
//! A service takes the time from [`Flowlix::now`](crate::Flowlix::now), and touches this module no more than that. A
//! test replaces [`SystemRuntime`] by
//! [`ManualTime`](crate::testing::ManualTime) and drives the clock instead of sleeping.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a sleep is for. A clock that tests drive treats the two differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SleepPurpose {
    /// A pause on purpose: before a retry, between two polls.
    Delay,
    /// A guard beside work that is under way: it fires only when the work takes too long.
    Timeout,
}

/// The future that [`Runtime::sleep`] returns.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The system could not supply random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomUnavailable;

impl fmt::Display for RandomUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system supplied no random bytes")
    }
}

impl std::error::Error for RandomUnavailable {}

/// Clocks, sleep and randomness. Object-safe; shared by all clones of a client.
///
/// It must not panic: there is no other clock to go on with, so the panic would take the call with it, and what is
/// known of a write that was sent.
pub trait Runtime: Send + Sync {
    /// The wall clock: card expiry, the age of idempotency keys, HTTP dates.
    fn now(&self) -> SystemTime;

    /// Time since some fixed moment. Never goes back; timeouts and deadlines are measured with it.
    fn monotonic(&self) -> Duration;

    /// Completes once `duration` has passed on [`monotonic`](Self::monotonic).
    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep;

    /// Fills `bytes` with randomness good enough for a UUIDv4.
    ///
    /// # Errors
    /// [`RandomUnavailable`] when there is none; the call that needed it fails before it is sent.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// Shared with a service's own code.
impl<R: Runtime + ?Sized> Runtime for Arc<R> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }

    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        (**self).sleep(duration, purpose)
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        (**self).fill_random(bytes)
    }
}

/// A number in `0.0..1.0` for jitter. Without randomness 0.5: spreading calls out is a courtesy
/// that must not fail a payment.
pub(crate) fn jitter(runtime: &dyn Runtime) -> f64 {
    let mut bytes = [0_u8; 4];
    match runtime.fill_random(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(RandomUnavailable) => 0.5,
    }
}

/// The operating system's clocks and randomness, and tokio's timer.
#[derive(Debug, Clone)]
pub struct SystemRuntime {
    origin: Instant,
}

impl SystemRuntime {
    /// A runtime whose monotonic clock starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for SystemRuntime {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration, _purpose: SleepPurpose) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        getrandom::getrandom(bytes).map_err(|_| RandomUnavailable)
    }
}

/// Unix milliseconds; what no i64 can hold is taken for its end.
pub(crate) fn millis(at: SystemTime) -> i64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |early| -early)
        }
    }
}

/// The same of a span of time.
pub(crate) fn span_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The moment of Unix milliseconds, as far as the platform can show it.
pub(crate) fn moment(millis: i64) -> SystemTime {
    let span = Duration::from_millis(millis.unsigned_abs());
    let at = if millis < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(span)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(span)
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoRandom;
    impl Runtime for NoRandom {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        fn sleep(&self, _: Duration, _: SleepPurpose) -> Sleep {
            Box::pin(std::future::ready(()))
        }
        fn fill_random(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
            Err(RandomUnavailable)
        }
    }

    #[test]
    fn jitter_stays_in_its_range_and_survives_without_randomness() {
        let system = SystemRuntime::new();
        assert!((0..1000).all(|_| (0.0..1.0).contains(&jitter(&system))));
        assert!((jitter(&NoRandom) - 0.5).abs() < f64::EPSILON);
    }
}
