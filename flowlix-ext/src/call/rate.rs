//! Stays below Flowlix's rate limit instead of running into it.
//!
//! Every answer tells how many requests the API key has left and when the fixed window of 60 s ends. What
//! was told is shared by all clones of a client, and by all clients that are given one [`RateLimit`]. The
//! last tenth of a window is kept for writes: a poll can wait, a customer at the till should not. After a
//! 429 nobody sends before `Retry-After` is over.
//!
//! A call that has no time for the wait sends at once, and Flowlix decides. No header makes anybody wait for
//! more than a window at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::history::Seconds;

/// The documented length of a window. A clock that is wrong by hours makes nobody wait longer.
const WINDOW: Duration = Duration::from_secs(60);

/// The requests that an API key has left. Clones share one account; give a clone to each client that uses
/// the same key, with [`FlowlixBuilder::rate_limit`](crate::FlowlixBuilder::rate_limit).
#[derive(Debug, Clone)]
pub struct RateLimit {
    account: Option<Arc<Mutex<Account>>>,
}

#[derive(Debug, Default)]
struct Account {
    window: Option<Window>,
    refused_until: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    limit: u32,
    remaining: u32,
    /// The end as Flowlix told it; `None` while a new window is only supposed to have begun.
    reset: Option<u64>,
    ends: SystemTime,
}

impl RateLimit {
    /// Knows nothing yet; the first answer tells.
    #[must_use]
    pub fn new() -> Self {
        Self {
            account: Some(Arc::default()),
        }
    }

    /// Never waits before a request: only Flowlix's 429 slows a call down.
    #[must_use]
    pub fn off() -> Self {
        Self { account: None }
    }

    /// What is known at `now`, and what a request would be made to wait.
    #[must_use]
    pub fn snapshot(&self, now: SystemTime) -> RateSnapshot {
        let account = self.lock();
        let Some(account) = account else {
            return RateSnapshot::default();
        };
        let window = account
            .window
            .filter(|window| !until(window.ends, now).is_zero());
        RateSnapshot {
            is_on: true,
            limit: window.map(|window| window.limit),
            remaining: window.map(|window| window.remaining),
            kept_for_writes: window.map_or(0, |window| window.kept(false)),
            window_ends_in: window.map(|window| until(window.ends, now)),
            read_waits: account.wait(false, now).unwrap_or_default(),
            write_waits: account.wait(true, now).unwrap_or_default(),
        }
    }

    /// Takes one request out of the window, or says how long to wait before asking again.
    pub(crate) fn take(&self, is_write: bool, now: SystemTime) -> Result<(), Duration> {
        let Some(mut account) = self.lock() else {
            return Ok(());
        };
        if let Some(wait) = account.wait(is_write, now) {
            return Err(wait);
        }
        if let Some(window) = &mut account.window {
            if until(window.ends, now).is_zero() {
                // Everybody who waited for the next window comes at once, before an answer tells of it.
                *window = Window {
                    remaining: window.limit,
                    reset: None,
                    ends: now.checked_add(WINDOW).unwrap_or(now),
                    ..*window
                };
            }
            window.remaining = window.remaining.saturating_sub(1);
        }
        Ok(())
    }

    /// Learns from an answer. Within one window the smaller number counts: requests that are still under
    /// way are missing from what the answer says.
    pub(crate) fn learn(
        &self,
        status: Option<StatusCode>,
        headers: &HeaderMap,
        retry_after: Option<Duration>,
        now: SystemTime,
    ) {
        let Some(mut account) = self.lock() else {
            return;
        };
        if status == Some(StatusCode::TOO_MANY_REQUESTS)
            && let Some(advised) = retry_after
        {
            account.refused_until = account
                .refused_until
                .max(now.checked_add(advised.min(WINDOW)));
        }
        let Some(told) = Window::read(headers, now) else {
            return;
        };
        match &mut account.window {
            Some(known) if known.reset > told.reset => {}
            Some(known) if known.reset.is_none() || known.reset == told.reset => {
                let remaining = known.remaining.min(told.remaining);
                *known = Window { remaining, ..told };
            }
            known => *known = Some(told),
        }
    }

    // A poisoned lock means that a thread panicked while it held plain numbers; they are whole.
    fn lock(&self) -> Option<MutexGuard<'_, Account>> {
        let account = self.account.as_deref()?;
        Some(account.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl Account {
    fn wait(&self, is_write: bool, now: SystemTime) -> Option<Duration> {
        let refused = self.refused_until.map(|end| until(end, now));
        let used_up = self
            .window
            .filter(|window| window.remaining <= window.kept(is_write))
            .map(|window| until(window.ends, now));
        refused.max(used_up).filter(|wait| !wait.is_zero())
    }
}

impl Window {
    /// A window that is over, or has no requests at all, is none to keep to.
    fn read(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let count = |name: &str| number(name).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let reset = number("x-ratelimit-reset")?;
        // A moment that the platform cannot show is none to wait for.
        let told = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
        let left = until(told, now);
        let window = Self {
            limit: count("x-ratelimit-limit")?,
            remaining: count("x-ratelimit-remaining")?,
            reset: Some(reset),
            ends: now.checked_add(left)?,
        };
        (window.limit > 0 && !left.is_zero()).then_some(window)
    }

    fn kept(&self, is_write: bool) -> u32 {
        if is_write { 0 } else { self.limit / 10 }
    }
}

/// From `now` to `end`, at most a window.
fn until(end: SystemTime, now: SystemTime) -> Duration {
    end.duration_since(now).unwrap_or_default().min(WINDOW)
}

/// What is known of an API key's rate limit at one moment; `Display` says it in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateSnapshot {
    /// Whether requests are held back at all.
    pub is_on: bool,
    /// Requests that the current window allows; `None` while nothing is known of it.
    pub limit: Option<u32>,
    /// Requests that are left of it, without those under way.
    pub remaining: Option<u32>,
    /// How many of those left are for writes alone.
    pub kept_for_writes: u32,
    /// When the window ends, from now.
    pub window_ends_in: Option<Duration>,
    /// How long a read would be held back now; zero when it may go.
    pub read_waits: Duration,
    /// How long a write would be held back now.
    pub write_waits: Duration,
}

impl fmt::Display for RateSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_on {
            return f.write_str("rate pacing is off");
        }
        match (self.remaining, self.limit, self.window_ends_in) {
            (Some(remaining), Some(limit), Some(ends_in)) => write!(
                f,
                "{remaining} of {limit} requests left for {}, the last {} of them for writes",
                Seconds(ends_in),
                self.kept_for_writes
            )?,
            _ => f.write_str("nothing known of the current window")?,
        }
        for (who, wait) in [("reads", self.read_waits), ("writes", self.write_waits)] {
            if wait.is_zero() {
                write!(f, "; {who} go at once")?;
            } else {
                write!(f, "; {who} wait {}", Seconds(wait))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 1_719_792_000;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn told(limit: &str, remaining: &str, reset: &str) -> RateLimit {
        let rate = RateLimit::new();
        learn(&rate, limit, remaining, reset);
        rate
    }

    fn learn(rate: &RateLimit, limit: &str, remaining: &str, reset: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", limit.parse().unwrap());
        headers.insert("x-ratelimit-remaining", remaining.parse().unwrap());
        headers.insert("x-ratelimit-reset", reset.parse().unwrap());
        rate.learn(Some(StatusCode::OK), &headers, None, at(NOW));
    }

    fn refuse(rate: &RateLimit, status: StatusCode, retry_after: Option<u64>) {
        let advised = retry_after.map(Duration::from_secs);
        rate.learn(Some(status), &HeaderMap::new(), advised, at(NOW));
    }

    #[test]
    fn nothing_known_is_no_reason_to_wait() {
        let rate = RateLimit::new();
        assert_eq!(rate.take(false, at(NOW)), Ok(()));
        refuse(&rate, StatusCode::OK, None);
        assert_eq!(rate.take(true, at(NOW)), Ok(()));
        for nonsense in [("-1", "0"), ("500", "none"), ("0", "0"), ("", "")] {
            let rate = told(nonsense.0, nonsense.1, "1719792060");
            assert_eq!(rate.take(true, at(NOW)), Ok(()));
        }
    }

    #[test]
    fn the_last_tenth_is_kept_for_writes() {
        let rate = told("20", "4", "1719792042");
        assert_eq!(rate.take(false, at(NOW)), Ok(()));
        assert_eq!(rate.take(false, at(NOW)), Ok(()));
        assert_eq!(rate.take(false, at(NOW)), Err(Duration::from_secs(42)));
        assert_eq!(rate.take(true, at(NOW)), Ok(()));
        assert_eq!(rate.take(true, at(NOW)), Ok(()));
        assert_eq!(rate.take(true, at(NOW)), Err(Duration::from_secs(42)));
        assert_eq!(rate.take(false, at(NOW + 42)), Ok(()), "a new window");
    }

    #[test]
    fn those_who_waited_do_not_rush_into_the_next_window_together() {
        let rate = told("20", "0", "1719792042");
        let reads = (0..30).filter(|_| rate.take(false, at(NOW + 42)).is_ok());
        assert_eq!(reads.count(), 18);
        let writes = (0..30).filter(|_| rate.take(true, at(NOW + 42)).is_ok());
        assert_eq!(writes.count(), 2);
        // The first answer of the new window knows of one request alone.
        learn(&rate, "20", "19", "1719792102");
        assert!(rate.take(true, at(NOW + 43)).is_err());
        assert_eq!(rate.take(true, at(NOW + 102)), Ok(()));
    }

    #[test]
    fn late_answers_do_not_give_requests_back() {
        let rate = told("20", "1", "1719792060");
        assert_eq!(rate.take(true, at(NOW)), Ok(()));
        learn(&rate, "20", "7", "1719792060");
        assert!(rate.take(true, at(NOW)).is_err(), "the same window");
        learn(&rate, "20", "19", "1719792000");
        assert!(rate.take(true, at(NOW)).is_err(), "a window that is over");
        learn(&rate, "20", "1", "1719792120");
        assert_eq!(rate.take(true, at(NOW)), Ok(()), "a newer window");
        learn(&rate, "20", "19", "1719792060");
        assert!(rate.take(true, at(NOW)).is_err(), "an older window");
    }

    #[test]
    fn a_429_holds_everybody_back_until_retry_after() {
        let rate = told("20", "19", "1719792060");
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, Some(7));
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, Some(3));
        let clone = rate.clone();
        for is_write in [true, false] {
            assert_eq!(
                clone.take(is_write, at(NOW)),
                Err(Duration::from_secs(7)),
                "the longer of two"
            );
            assert_eq!(clone.take(is_write, at(NOW + 7)), Ok(()));
        }
        let rate = RateLimit::new();
        refuse(&rate, StatusCode::SERVICE_UNAVAILABLE, Some(7));
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, None);
        assert_eq!(rate.take(true, at(NOW)), Ok(()), "no rate was spoken of");
    }

    #[test]
    fn no_clock_and_no_header_makes_anybody_wait_for_more_than_a_window() {
        let rate = told("20", "0", "1719799999");
        assert_eq!(rate.take(true, at(NOW)), Err(WINDOW));
        assert_eq!(rate.take(true, at(NOW + 60)), Ok(()), "and not twice");
        let absurd = told("20", "0", "18446744073709551615");
        assert_eq!(absurd.take(true, at(NOW)), Ok(()));
        let rate = RateLimit::new();
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, Some(86_400));
        assert_eq!(rate.take(true, at(NOW)), Err(WINDOW));
        assert_eq!(rate.take(true, at(NOW + 60)), Ok(()));
        // A clock that is set back finds an end far ahead.
        assert!(
            rate.take(true, at(NOW - 86_400))
                .is_err_and(|wait| wait <= WINDOW)
        );
    }

    #[test]
    fn off_means_off() {
        let rate = RateLimit::off();
        learn(&rate, "20", "0", "1719792060");
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, Some(7));
        assert_eq!(rate.take(false, at(NOW)), Ok(()));
        assert_eq!(rate.snapshot(at(NOW)).to_string(), "rate pacing is off");
    }

    #[test]
    fn a_snapshot_explains_and_takes_nothing() {
        let rate = told("20", "2", "1719792042");
        for _ in 0..2 {
            assert_eq!(
                rate.snapshot(at(NOW)).to_string(),
                "2 of 20 requests left for 42.0 s, the last 2 of them for writes; reads wait 42.0 s; \
                 writes go at once"
            );
        }
        refuse(&rate, StatusCode::TOO_MANY_REQUESTS, Some(50));
        let snapshot = rate.snapshot(at(NOW));
        assert_eq!(snapshot.write_waits, Duration::from_secs(50));
        assert_eq!(snapshot.read_waits, Duration::from_secs(50));
        let over = rate.snapshot(at(NOW + 50));
        assert_eq!(
            over.to_string(),
            "nothing known of the current window; reads go at once; writes go at once"
        );
    }
}
