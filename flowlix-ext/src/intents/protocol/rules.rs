//! The times that the protocol rests on.

use std::time::Duration;

use crate::runtime::span_millis;

/// Unix milliseconds of the wall clock.
pub(crate) type Millis = i64;

/// Flowlix keeps an idempotency key for 24 hours.
const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Flowlix cleans up hourly, so that a key can outlive its time by that much.
const CLEAN_UP: Duration = Duration::from_secs(60 * 60);
/// How far the clocks of machines may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);
/// The key age at which nothing is sent any more, whatever the quiet time is.
const OLDEST_KEY: Duration = Duration::from_secs(23 * 60 * 60);

/// Default of the quiet time.
pub(crate) const QUIET_TIME: Duration = Duration::from_secs(30 * 60);
/// The longest quiet time that leaves room for repeats within a key's life.
pub(crate) const LONGEST_QUIET_TIME: Duration = Duration::from_secs(60 * 60);

/// The times of one configuration, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    /// How long after its deadline a request may still be on its way, or its payment missing from lists.
    pub(crate) quiet: Millis,
    /// The longest age of a key at which a request is still sent.
    pub(crate) oldest_key: Millis,
    /// How long Flowlix may keep a key, clean-up included.
    pub(crate) key_end: Millis,
    /// How far clocks may be apart.
    pub(crate) skew: Millis,
}

impl Rules {
    /// The rules for a quiet time, which is at most [`LONGEST_QUIET_TIME`].
    pub(crate) fn new(quiet: Duration) -> Self {
        let protected = KEY_LIFE.saturating_sub(quiet).saturating_sub(CLOCK_SKEW);
        Self {
            quiet: span_millis(quiet),
            oldest_key: span_millis(protected.min(OLDEST_KEY)),
            key_end: span_millis(KEY_LIFE.saturating_add(CLEAN_UP)),
            skew: span_millis(CLOCK_SKEW),
        }
    }
}
