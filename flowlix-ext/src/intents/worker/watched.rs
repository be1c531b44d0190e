//! What a worker remembers of open intents, and when it asks again.

use std::time::Duration;

use crate::intents::protocol::record::{Method, Payment, Phase, Record};
use crate::intents::protocol::rules::{Millis, Rules};

/// An open payment is polled at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Pauses between two polls of a payment, by its age: young payments end soon, and their customers wait.
const PAUSES: [(Duration, Duration); 4] = [
    (Duration::from_secs(10), Duration::from_secs(2)),
    (Duration::from_secs(60), Duration::from_secs(4)),
    (Duration::from_secs(600), Duration::from_secs(10)),
    (Duration::from_secs(3600), Duration::from_secs(30)),
];
/// Pauses between two searches for a lost payment; after the last one it is searched for once an hour.
const SEARCHES: [Duration; 3] = [
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];
const LAST_SEARCHES: Duration = Duration::from_secs(3600);

/// An open intent.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) reference: String,
    /// The payments to poll: those that can still change, and those with a pending refund.
    pub(super) live: Vec<Live>,
    /// Whether a search may show something.
    pub(super) is_lost: bool,
    /// From when on an empty search proves something.
    proves_at: Option<Millis>,
    /// Unix milliseconds: since when it is open.
    pub(super) since: Millis,
    /// When it is polled next, and searched for, on the monotonic clock.
    pub(super) poll_at: Duration,
    pub(super) search_at: Duration,
    searches: usize,
}

/// A payment as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) id: String,
    method: Method,
    phase: Phase,
    action: Option<String>,
    refunded: i64,
    /// Only its refund is open: lists of open payments do not show it.
    pub(super) is_charged: bool,
    /// Unix milliseconds.
    pub(super) created_at: Option<Millis>,
}

impl Live {
    fn of(payment: &Payment) -> Self {
        Self {
            id: payment.id.clone(),
            method: payment.method,
            phase: payment.phase,
            action: payment.action.clone(),
            refunded: payment.refunded,
            is_charged: payment.phase == Phase::Charged,
            created_at: payment.created_at.map(|at| at.saturating_mul(1000)),
        }
    }

    /// Whether another view of the payment says nothing new.
    pub(super) fn is_same(&self, seen: &Payment) -> bool {
        (self.phase, self.refunded) == (seen.phase, seen.refunded) && self.action == seen.action
    }
}

impl Watched {
    /// What to remember of a record that was written at this moment; `None` when nothing can become of it any more.
    pub(super) fn of(
        record: &Record,
        changed_at: Millis,
        rules: &Rules,
        now: (Millis, Duration),
    ) -> Option<Self> {
        if !record.is_open() {
            return None;
        }
        let pending = |payment: &Payment| {
            let mut refunds = record.refunds.iter().filter(|refund| refund.is_open());
            refunds.any(|refund| payment.is(&refund.payment))
        };
        let polled = record
            .payments
            .iter()
            .filter(|payment| payment.phase.is_live() || pending(payment));
        let last = record.changes.last();
        let proves_at = record
            .unknown_attempts()
            .filter_map(|attempt| attempt.sends.quiet_from(rules))
            .min();
        let mut watched = Self {
            reference: record.reference.clone(),
            live: polled.map(Live::of).collect(),
            is_lost: record.is_worth_a_search(),
            proves_at,
            since: last.map_or(record.created_at, |last| last.at),
            poll_at: now.1,
            search_at: now.1,
            searches: 0,
        };
        // Whoever wrote the record had just asked Flowlix.
        let ago = span(now.0.saturating_sub(changed_at));
        watched.poll_at = now
            .1
            .saturating_add(watched.pause(now.0).saturating_sub(ago));
        watched.search_at = now
            .1
            .saturating_add(SEARCHES[0].saturating_sub(ago))
            .min(watched.proved_in(now));
        Some(watched)
    }

    /// What was known before the record changed stays known.
    pub(super) fn continues(mut self, before: &Self) -> Self {
        if self.is_lost && before.is_lost && self.proves_at == before.proves_at {
            (self.search_at, self.searches) = (before.search_at, before.searches);
        }
        self
    }

    /// The payments were read just now.
    pub(super) fn polled(&mut self, now: (Millis, Duration)) {
        self.poll_at = now.1.saturating_add(self.pause(now.0));
    }

    /// The pause between two polls, by the age of what is open.
    fn pause(&self, now: Millis) -> Duration {
        let age = span(now.saturating_sub(self.since));
        let pause = PAUSES.iter().find(|(until, _)| age < *until);
        pause.map_or(LONGEST_PAUSE, |(_, pause)| *pause)
    }

    /// The lists were searched just now.
    pub(super) fn searched(&mut self, now: (Millis, Duration)) {
        self.searches = self.searches.saturating_add(1);
        let pause = SEARCHES
            .get(self.searches)
            .copied()
            .unwrap_or(LAST_SEARCHES);
        self.search_at = now.1.saturating_add(pause).min(self.proved_in(now));
    }

    /// When an empty search proves something, if that is still to come.
    fn proved_in(&self, now: (Millis, Duration)) -> Duration {
        let left = self.proves_at.map(|at| at.saturating_sub(now.0));
        let left = left.filter(|left| *left > 0);
        left.map_or(Duration::MAX, |left| now.1.saturating_add(span(left)))
    }
}

/// A span of milliseconds; one that goes back is none.
fn span(millis: Millis) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
