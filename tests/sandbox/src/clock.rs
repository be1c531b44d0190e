//! The server's time: virtual for tests, real for the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The instant at which a virtual clock starts unless told otherwise: 2024-07-01T00:00:00Z,
/// the creation time that the documented examples show.
pub const DEFAULT_START: i64 = 1_719_792_000;

/// A handle on the server's time; clones drive the same clock.
///
/// A virtual clock stands still until it is driven. A real clock runs by itself, and driving it
/// adds an offset.
#[derive(Clone, Debug)]
pub struct TestClock {
    real: bool,
    /// Milliseconds: since 1970 for a virtual clock, added to the system time for a real one.
    offset: Arc<AtomicI64>,
}

impl TestClock {
    pub(crate) fn stopped_at(unix_seconds: i64) -> Self {
        Self {
            real: false,
            offset: Arc::new(AtomicI64::new(unix_seconds.saturating_mul(1000))),
        }
    }

    pub(crate) fn real() -> Self {
        Self {
            real: true,
            offset: Arc::new(AtomicI64::new(0)),
        }
    }

    /// The server's time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.base_millis()
            .saturating_add(self.offset.load(Ordering::SeqCst))
            .div_euclid(1000)
    }

    /// The server's time as HTTP writes it, in the `Date` of each answer.
    pub(crate) fn http_date(&self) -> String {
        let seconds = u64::try_from(self.now()).unwrap_or(0);
        let moment = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        // httpdate knows the years up to 9999 and panics beyond.
        let latest = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        httpdate::fmt_http_date(moment.unwrap_or(latest).min(latest))
    }

    /// Moves the server's time forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        // The closure always answers, so the update cannot fail.
        let _ = self
            .offset
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |offset| {
                Some(offset.saturating_add(millis))
            });
    }

    /// Sets the server's time to `unix_seconds`. Going back is possible; nothing that has
    /// already happened is undone.
    pub fn set(&self, unix_seconds: i64) {
        let target = unix_seconds.saturating_mul(1000);
        self.offset
            .store(target.saturating_sub(self.base_millis()), Ordering::SeqCst);
    }

    fn base_millis(&self) -> i64 {
        if !self.real {
            return 0;
        }
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or(0)
    }
}
