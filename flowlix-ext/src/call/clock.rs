//! What Flowlix's answers say about the time: HTTP's `Date` beside our own clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::DATE;

/// How far our clock is ahead of Flowlix's, as the latest answer showed it. Shared by all clones of a client.
#[derive(Debug, Default)]
pub(crate) struct FlowlixClock {
    seconds_ahead: Mutex<Option<i64>>,
}

impl FlowlixClock {
    /// Learns from an answer that arrived at `now`; one without a date teaches nothing.
    pub(crate) fn learn(&self, headers: &HeaderMap, now: SystemTime) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            *self.lock() = Some(ahead(now, theirs));
        }
    }

    /// Seconds; negative when our clock is behind, `None` before an answer told.
    pub(crate) fn seconds_ahead(&self) -> Option<i64> {
        *self.lock()
    }

    /// What Flowlix's clock shows when ours shows this, as far as an answer has told.
    pub(crate) fn flowlixs(&self, ours: SystemTime) -> Option<SystemTime> {
        let ahead = self.seconds_ahead()?;
        let apart = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            ours.checked_add(apart)
        } else {
            ours.checked_sub(apart)
        }
    }

    // A poisoned lock means that a thread panicked while it held a plain value; the value is whole.
    fn lock(&self) -> MutexGuard<'_, Option<i64>> {
        self.seconds_ahead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn ahead(ours: SystemTime, theirs: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match ours.duration_since(theirs) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_latest_date_counts_and_nonsense_does_not() {
        let clock = FlowlixClock::default();
        let now = httpdate::parse_http_date("Mon, 01 Jul 2024 01:00:00 GMT").unwrap();
        for (date, expected) in [
            (None, None),
            (Some("soon"), None),
            (Some("Mon, 01 Jul 2024 00:00:00 GMT"), Some(3600)),
            (Some("Mon, 01 Jul 2024 01:00:09 GMT"), Some(-9)),
            (Some("1719795609"), Some(-9)),
            (None, Some(-9)),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
            clock.learn(&headers, now);
            assert_eq!(clock.seconds_ahead(), expected, "{date:?}");
            let flowlixs = clock.flowlixs(now);
            assert_eq!(flowlixs.map(|theirs| ahead(now, theirs)), expected);
        }
    }
}
