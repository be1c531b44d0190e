//! What a worker remembers of open intents, and when it asks again.

use std::time::Duration;

use flowlix_api::model::PaymentStatus;

use crate::intents::protocol::record::{Method, Payment, Phase, Record};
use crate::intents::protocol::rules::{Millis, Rules};
use crate::runtime::span_millis;

/// An open payment is polled at least this often where the rate limit has room, in milliseconds.
const LONGEST_PAUSE: Millis = 120_000;
/// A payment that was not polled for so long comes before those that were.
const LATE: Millis = 90_000;
/// Payments are young for this long: most of them end soon, and their customers wait.
const YOUNG: Millis = 60_000;
/// A customer who has to act does so within this time, or hardly ever.
const PATIENCE: Millis = 15 * 60_000;
/// Pauses between two polls of a payment, by its age, in milliseconds.
const PAUSES: [(Millis, Millis); 4] = [
    (10_000, 2_000),
    (YOUNG, 4_000),
    (2 * 3_600_000, 10_000),
    (24 * 3_600_000, 30_000),
];
/// The pause while a customer is expected to act, or the payment to expire.
const EXPECTANT: Millis = 2_000;
/// Pauses between two searches for a lost payment; after the last one it is searched for once an hour.
const SEARCHES: [Duration; 3] = [
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];
const LAST_SEARCHES: Duration = Duration::from_secs(3600);

/// What is polled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Young,
    /// A list that would show the payment if it were open does not show it.
    Missing,
    /// The longest pause is nearly over.
    Late,
    /// A customer is expected to act, or the payment to expire.
    Waiting,
    Background,
}

/// A list of open payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum OpenList {
    Pending,
    Processing,
    RequiresAction,
}

impl OpenList {
    pub(super) fn of(status: &PaymentStatus) -> Option<Self> {
        match status {
            PaymentStatus::Pending => Some(Self::Pending),
            PaymentStatus::Processing => Some(Self::Processing),
            PaymentStatus::RequiresAction => Some(Self::RequiresAction),
            _ => None,
        }
    }

    pub(super) fn status(self) -> PaymentStatus {
        match self {
            Self::Pending => PaymentStatus::Pending,
            Self::Processing => PaymentStatus::Processing,
            Self::RequiresAction => PaymentStatus::RequiresAction,
        }
    }
}

/// An open intent.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) reference: String,
    /// The payments to poll: those that can still change, and those with a pending refund.
    pub(super) live: Vec<Live>,
    /// Whether a search may show something.
    pub(super) is_lost: bool,
    /// Whether a list has not shown the payment where it belongs.
    pub(super) is_missing: bool,
    /// From when on an empty search proves something.
    proves_at: Option<Millis>,
    /// Unix milliseconds: since when it is open.
    since: Millis,
    /// When it was polled, in milliseconds of the monotonic clock; below zero before the process began.
    polled_at: Millis,
    /// When it is searched for, on the monotonic clock.
    pub(super) search_at: Duration,
    searches: usize,
}

/// A payment as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) id: String,
    phase: Phase,
    action: Option<String>,
    refunded: i64,
    /// Unix seconds.
    created_at: Option<i64>,
    /// The list that shows it; a guess until the payment was seen. No list shows a payment of which only a refund is open.
    list: Option<OpenList>,
}

impl Live {
    fn of(payment: &Payment) -> Self {
        let list = match (payment.phase, payment.method) {
            (Phase::ActionRequired, Method::Card) => Some(OpenList::RequiresAction),
            (Phase::ActionRequired | Phase::Open, _) => Some(OpenList::Pending),
            _ => None,
        };
        Self {
            id: payment.id.clone(),
            phase: payment.phase,
            action: payment.action.clone(),
            refunded: payment.refunded,
            created_at: payment.created_at,
            list,
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
        // Whoever wrote the record had just asked Flowlix.
        let ago = now.0.saturating_sub(changed_at).max(0);
        let mut watched = Self {
            reference: record.reference.clone(),
            live: polled.map(Live::of).collect(),
            is_lost: record.is_worth_a_search(),
            is_missing: false,
            proves_at,
            since: last.map_or(record.created_at, |last| last.at),
            polled_at: span_millis(now.1).saturating_sub(ago),
            search_at: now.1,
            searches: 0,
        };
        watched.live.shrink_to_fit();
        watched.search_at = now
            .1
            .saturating_add(SEARCHES[0].saturating_sub(span(ago)))
            .min(watched.proved_in(now));
        Some(watched)
    }

    /// What was known before the record was read again stays known.
    pub(super) fn continues(mut self, before: &Self) -> Self {
        if self.is_lost && before.is_lost && self.proves_at == before.proves_at {
            (self.search_at, self.searches) = (before.search_at, before.searches);
        }
        self.polled_at = self.polled_at.max(before.polled_at);
        let is_as_before = |live: &Live, before: &Live| {
            (&live.id, live.phase, &live.action) == (&before.id, before.phase, &before.action)
        };
        for live in &mut self.live {
            if let Some(before) = before.live.iter().find(|known| is_as_before(live, known)) {
                live.list = before.list;
            }
        }
        self.is_missing = before.is_missing && self.live == before.live;
        self
    }

    /// The payments were read just now.
    pub(super) fn polled(&mut self, now: (Millis, Duration)) {
        (self.polled_at, self.is_missing) = (span_millis(now.1), false);
    }

    /// This list shows the payment, as it stands.
    pub(super) fn shown_in(&mut self, id: &str, status: &PaymentStatus) {
        let mut live = self.live.iter_mut();
        if let Some(live) = live.find(|live| live.id.eq_ignore_ascii_case(id)) {
            live.list = OpenList::of(status);
        }
    }

    /// The list that shows the payment while it is open, and when it was created, in Unix seconds. `None` where it has to
    /// be retrieved.
    pub(super) fn place(&self) -> Option<(OpenList, i64)> {
        match self.live.as_slice() {
            [live] => live.list.zip(live.created_at),
            _ => None,
        }
    }

    /// Where the payment stands in the order of polling if it is due, and since when it is due. `is_oldest` says that it
    /// expires next, if payments expire at one age.
    pub(super) fn due(&self, now: (Millis, Duration), is_oldest: bool) -> Option<(Lane, Millis)> {
        if self.live.is_empty() {
            return None;
        }
        let age = now.0.saturating_sub(self.since);
        let is_expected = is_oldest || (age < PATIENCE && self.is_challenged());
        let by_age = PAUSES.iter().find(|(until, _)| age < *until);
        let pause = by_age.map_or(LONGEST_PAUSE, |(_, pause)| *pause);
        let pause = if is_expected {
            pause.min(EXPECTANT)
        } else {
            pause
        };
        let due_at = self.polled_at.saturating_add(pause);
        let now = span_millis(now.1);
        let lane = match () {
            () if self.is_missing => return Some((Lane::Missing, due_at)),
            () if age < YOUNG => Lane::Young,
            () if is_expected => Lane::Waiting,
            () if now.saturating_sub(self.polled_at) >= LATE => Lane::Late,
            () => Lane::Background,
        };
        (due_at <= now).then_some((lane, due_at))
    }

    /// Whether the customer was sent to 3-D Secure: they come back soon.
    fn is_challenged(&self) -> bool {
        let mut live = self.live.iter();
        live.any(|live| live.list == Some(OpenList::RequiresAction))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the map of a worker holds for an intent, without the text of reference, ids and digest.
    #[test]
    fn an_intent_takes_little_memory() {
        let of_intent = size_of::<(String, Watched)>() + size_of::<Live>();
        assert!(of_intent <= 256, "{of_intent}");
    }
}
