//! One pass: look through the store for what is due, poll, search, report.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

use super::lease::PollerLease;
use super::pace::Pace;
use super::report::{Delivered, Handler, deliver};
use super::watched::{Lane, Watched};
use crate::intents::Intents;
use crate::intents::error::IntentError;
use crate::intents::protocol::record::Record;
use crate::intents::protocol::rules::Millis;
use crate::intents::store::{ScanCursor, StoreError, StoredRecord};
use crate::runtime::SleepPurpose;

/// Records that a scan reads at once.
const PAGE: u32 = 200;
/// How often everything that is due is read anew. In between only what has become due is read; a process whose clock is
/// slow dates its changes too early for that.
const RESCAN: Duration = Duration::from_secs(30);
/// How many seconds a page of the newest payments reaches back, before one was read.
const NEWEST_REACH: i64 = 30;

/// What a worker has done and seen; `Display` says it in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// Changes that the handler has taken.
    pub reported: u64,
    /// Times that the handler failed; it is called again later.
    pub failed: u64,
    /// Payments that were retrieved singly.
    pub retrieved: u64,
    /// List pages that were read to see many payments at once.
    pub pages: u64,
    /// Intents whose lost requests were searched for.
    pub searched: u64,
    /// Intents that are open: a payment on its way, a pending refund, or a request whose outcome is unknown.
    pub open: u64,
    /// Intents of which the outcome of a request is unknown, or was proved by waiting alone.
    pub unknown: u64,
    /// Records of the store that cannot be read. They are logged by their keys.
    pub unreadable: u64,
}

/// A worker at work.
pub(super) struct State {
    pub(super) intents: Intents,
    handler: Handler,
    pub(super) owner: String,
    concurrency: usize,
    running: JoinSet<(String, Result<Delivered, StoreError>)>,
    busy: HashSet<String>,
    waiting: VecDeque<String>,
    queued: HashSet<String>,
    pub(super) watched: HashMap<String, Watched>,
    after: Option<ScanCursor>,
    rescan_at: Duration,
    pub(super) lease: PollerLease,
    pub(super) pace: Pace,
    /// What was polled last.
    pub(super) last_lane: Option<Lane>,
    /// How far a page of the newest payments reaches back, in seconds.
    pub(super) newest_reach: i64,
    /// Until when lists count as unreadable, on the monotonic clock.
    pub(super) lists_failed_until: Duration,
    /// What becomes due later, on the monotonic clock, is left to the next pass.
    pub(super) due_by: Duration,
    pub(super) done: Pass,
}

impl State {
    pub(super) fn new(
        intents: Intents,
        handler: Handler,
        concurrency: usize,
    ) -> Result<Self, IntentError> {
        let owner = crate::intents::recorder::token().map_err(IntentError::store)?;
        Ok(Self {
            intents,
            handler,
            owner,
            concurrency,
            running: JoinSet::new(),
            busy: HashSet::new(),
            waiting: VecDeque::new(),
            queued: HashSet::new(),
            watched: HashMap::new(),
            after: None,
            rescan_at: Duration::ZERO,
            lease: PollerLease::none(),
            pace: Pace::default(),
            last_lane: None,
            newest_reach: NEWEST_REACH,
            lists_failed_until: Duration::ZERO,
            due_by: Duration::MAX,
            done: Pass::default(),
        })
    }

    /// Wall clock and monotonic clock.
    pub(super) fn now(&self) -> (Millis, Duration) {
        let shared = &self.intents.shared;
        (shared.now(), shared.flowlix.runtime().monotonic())
    }

    /// Does what is due, until this moment of the monotonic clock at most.
    pub(super) async fn pass(&mut self, until: Duration) -> Result<(), StoreError> {
        self.scan().await?;
        self.deliver_more();
        let shared = self.intents.shared.clone();
        if self.lease.take(&shared, &self.owner).await? {
            self.poll(until).await?;
        }
        self.deliver_more();
        Ok(())
    }

    /// Reads the records that have become due.
    async fn scan(&mut self) -> Result<(), StoreError> {
        let (now, monotonic) = self.now();
        if monotonic >= self.rescan_at {
            self.after = None;
            self.rescan_at = monotonic.saturating_add(RESCAN);
        }
        loop {
            let records = &self.intents.shared.records;
            let page = records.due(now, self.after.as_ref(), PAGE).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|length| length < PAGE);
            if let Some(last) = page.last() {
                self.after = ScanCursor::behind_due(last);
            }
            for stored in &page {
                self.take_in(stored);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn take_in(&mut self, stored: &StoredRecord) {
        let key = stored.id.key.clone();
        match self.intents.shared.records.read(stored) {
            Ok(record) => self.remember(key, &record, stored.changed_at),
            Err(error) => {
                self.done.unreadable = self.done.unreadable.saturating_add(1);
                tracing::warn!(%key, %error, "a record of the store cannot be read");
            }
        }
    }

    /// Takes over how a record stands.
    pub(super) fn remember(&mut self, key: String, record: &Record, changed_at: Millis) {
        let now = self.now();
        let is_due = record.report_at().is_some_and(|at| at <= now.0);
        if is_due && self.queued.insert(key.clone()) {
            self.waiting.push_back(key.clone());
        }
        match Watched::of(record, changed_at, &self.intents.shared.rules, now) {
            Some(watched) => {
                let watched = match self.watched.get(&key) {
                    Some(before) => watched.continues(before),
                    None => watched,
                };
                self.watched.insert(key, watched);
            }
            None => {
                self.watched.remove(&key);
            }
        }
    }

    /// Calls the handler for as many intents as may run at once.
    pub(super) fn deliver_more(&mut self) {
        while let Some(done) = self.running.try_join_next() {
            self.delivered(done);
        }
        while self.running.len() < self.concurrency {
            let Some(key) = self.waiting.pop_front() else {
                return;
            };
            self.queued.remove(&key);
            if self.busy.contains(&key) {
                // Its end writes the record, which a scan finds again if there is more to report.
                continue;
            }
            self.busy.insert(key.clone());
            let (shared, handler) = (self.intents.shared.clone(), self.handler.clone());
            let owner = self.owner.clone();
            self.running.spawn(async move {
                let delivered = deliver(shared, key.clone(), handler, owner).await;
                (key, delivered)
            });
        }
    }

    fn delivered(
        &mut self,
        done: Result<(String, Result<Delivered, StoreError>), tokio::task::JoinError>,
    ) {
        // A task ends by itself: its handler's panics are caught within.
        let Ok((key, delivered)) = done else {
            return;
        };
        self.busy.remove(&key);
        match delivered {
            Ok(delivered) => {
                self.done.reported = self.done.reported.saturating_add(delivered.reported);
                let failed = u64::from(delivered.has_failed);
                self.done.failed = self.done.failed.saturating_add(failed);
            }
            Err(error) => {
                tracing::warn!(%key, %error, "the store failed while a change was reported")
            }
        }
    }

    /// Reports everything that waits.
    pub(super) async fn deliver_all(&mut self) {
        self.deliver_more();
        while let Some(done) = self.running.join_next().await {
            self.delivered(done);
            self.deliver_more();
        }
    }

    /// Waits, and calls the handler for what waits as soon as another call has ended.
    pub(super) async fn rest(&mut self, pause: Duration) {
        let flowlix = self.intents.shared.flowlix.clone();
        let mut sleep = flowlix.runtime().sleep(pause, SleepPurpose::Delay);
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(done)) = self.running.poll_join_next(context) {
                self.delivered(done);
                self.deliver_more();
            }
            sleep.as_mut().poll(context)
        })
        .await;
    }

    /// Finishes the handler calls that have begun, and gives the lease up.
    pub(super) async fn finish(&mut self) {
        while let Some(done) = self.running.join_next().await {
            self.delivered(done);
        }
        let shared = self.intents.shared.clone();
        self.lease.give_up(&shared, &self.owner).await;
    }

    /// What was done since the last time, and what is open now.
    pub(super) fn take_summary(&mut self) -> Pass {
        let count = |open: usize| u64::try_from(open).unwrap_or(u64::MAX);
        let lost = self.watched.values().filter(|watched| watched.is_lost);
        Pass {
            open: count(self.watched.len()),
            unknown: count(lost.count()),
            ..std::mem::take(&mut self.done)
        }
    }
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} intents open, {} of them unknown; {} changes reported, {} handler failures; {} payments retrieved, {} \
             list pages read, {} searches",
            self.open,
            self.unknown,
            self.reported,
            self.failed,
            self.retrieved,
            self.pages,
            self.searched
        )?;
        if self.unreadable > 0 {
            write!(f, "; {} records unreadable", self.unreadable)?;
        }
        Ok(())
    }
}
