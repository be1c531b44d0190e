//! How fast a worker may send, so that its requests do not use up what others need.

use std::time::Duration;

use crate::call::rate::RateSnapshot;

/// The documented length of a rate-limit window.
const WINDOW: Duration = Duration::from_secs(60);

/// Spreads a worker's requests over the rate-limit window. Creates and other clients use the same API key: what they sent
/// in the last window is left for them in this one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the window ends, on the monotonic clock.
    ends_at: Duration,
    /// Requests of this worker in the window.
    own: u32,
    /// Requests of others in the window, as far as Flowlix told.
    others: u32,
    /// Requests of others in the window before, if one was seen to its end.
    others_before: Option<u32>,
    /// Windows that began while the worker was running.
    windows: u32,
    last_at: Option<Duration>,
}

impl Pace {
    /// When the next request may leave.
    pub(super) fn next_at(&mut self, rate: &RateSnapshot, now: Duration) -> Duration {
        let (Some(remaining), Some(limit), Some(ends_in)) =
            (rate.remaining, rate.limit, rate.window_ends_in)
        else {
            return now;
        };
        self.enter(now.saturating_add(ends_in));
        let used = limit.saturating_sub(remaining);
        self.others = self.others.max(used.saturating_sub(self.own));
        let free = remaining.saturating_sub(rate.kept_for_writes);
        let left = free.saturating_sub(self.expected(limit, ends_in));
        // Others may send less than they did: some requests leave in any case.
        let pause = ends_in
            .checked_div(left.max(free / 8).max(1))
            .unwrap_or_default();
        let next_at = self.last_at.map(|last| last.saturating_add(pause));
        next_at.unwrap_or(now).max(now)
    }

    /// A request leaves.
    pub(super) fn sent(&mut self, now: Duration) {
        self.own = self.own.saturating_add(1);
        self.last_at = Some(now);
    }

    /// Requests of others that are still to come in this window.
    fn expected(&self, limit: u32, ends_in: Duration) -> u32 {
        let share = ends_in.as_secs_f64() / WINDOW.as_secs_f64();
        let before = self.others_before.unwrap_or(limit / 2);
        let as_before = f64::from(before) * share;
        let passed = 1.0 - share;
        // Early in a window the number says little.
        let as_now = if passed > 0.25 {
            f64::from(self.others) / passed * share
        } else {
            0.0
        };
        // A float that is too large becomes the largest number.
        as_before.max(as_now).ceil() as u32
    }

    /// Flowlix tells the end in whole seconds, so that the same window seems to end at slightly different moments.
    fn enter(&mut self, ends_at: Duration) {
        if ends_at > self.ends_at.saturating_add(WINDOW / 2) {
            // The worker has not seen all of the window in which it began.
            self.others_before = (self.windows > 1).then_some(self.others);
            self.windows = self.windows.saturating_add(1);
            (self.own, self.others) = (0, 0);
            self.ends_at = ends_at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(remaining: u32, ends_in: u64) -> RateSnapshot {
        RateSnapshot {
            is_on: true,
            limit: Some(500),
            remaining: Some(remaining),
            kept_for_writes: 50,
            window_ends_in: Some(Duration::from_secs(ends_in)),
            ..RateSnapshot::default()
        }
    }

    /// How many requests a worker sends in a window in which others send so many.
    fn window(pace: &mut Pace, number: u64, others: u32) -> u32 {
        let begins_at = Duration::from_secs(60 * number);
        let mut sent = 0;
        for tenth in 0..600_u32 {
            let now = begins_at + Duration::from_millis(u64::from(tenth) * 100);
            let used = sent + others * tenth / 600;
            let rate = rate(500_u32.saturating_sub(used), 60 - u64::from(tenth) / 10);
            if used < 450 && pace.next_at(&rate, now) <= now {
                pace.sent(now);
                sent += 1;
            }
        }
        sent
    }

    #[test]
    fn others_find_in_the_next_window_what_they_sent_before() {
        let mut pace = Pace::default();
        for number in 0..5 {
            let sent = window(&mut pace, number, 220);
            assert!((150..=235).contains(&sent), "{number}: {sent}");
        }
    }

    #[test]
    fn a_worker_alone_uses_nearly_all() {
        let mut pace = Pace::default();
        let sent = (0..4).map(|number| window(&mut pace, number, 0)).last();
        assert!(sent >= Some(350), "{sent:?}");
    }

    #[test]
    fn without_a_known_window_nothing_waits() {
        let now = Duration::from_secs(7);
        assert_eq!(Pace::default().next_at(&RateSnapshot::default(), now), now);
    }
}
