//! For people: listing intents, and erasing what nobody needs any more.

use std::time::SystemTime;

use super::Intents;
use super::error::{IntentError, IntentErrorKind};
use super::protocol::record::Record;
use super::records::{Kept, Stored};
use super::status::{Context, IntentStatus};
use super::store::{ScanCursor, StoredRecord};
use crate::runtime::millis;

/// Records that one page shows, and one scan reads.
const PAGE: u32 = 100;
/// The states in which an intent may have ended.
const ENDED: [&str; 4] = ["unpaid", "paid", "overcharged", "paid_after_close"];

/// Which intents [`Intents::list`] shows, oldest change first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentFilter {
    of: Of,
    changed_before: Option<SystemTime>,
    after: Option<ScanCursor>,
    limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    State(&'static str),
    Unreported,
}

/// One page of a list; see [`Intents::list`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IntentPage {
    /// Where the intents stand, as the store knows it. Nothing was asked of Flowlix.
    pub intents: Vec<IntentStatus>,
    /// Where the next page begins: pass it to [`IntentFilter::after`]. `None` at the end.
    pub next: Option<ScanCursor>,
    /// The keys of records that cannot be read.
    pub unreadable: Vec<String>,
}

impl IntentFilter {
    fn new(of: Of) -> Self {
        Self {
            of,
            changed_before: None,
            after: None,
            limit: PAGE,
        }
    }

    /// The outcome of a request is unknown.
    #[must_use]
    pub fn outcome_unknown() -> Self {
        Self::new(Of::State("outcome_unknown"))
    }

    /// A payment is on its way.
    #[must_use]
    pub fn processing() -> Self {
        Self::new(Of::State("processing"))
    }

    /// The customer has to act.
    #[must_use]
    pub fn action_required() -> Self {
        Self::new(Of::State("action_required"))
    }

    /// Nothing was charged, and nothing can still charge.
    #[must_use]
    pub fn unpaid() -> Self {
        Self::new(Of::State("unpaid"))
    }

    /// Charged once.
    #[must_use]
    pub fn paid() -> Self {
        Self::new(Of::State("paid"))
    }

    /// Charged more than once.
    #[must_use]
    pub fn overcharged() -> Self {
        Self::new(Of::State("overcharged"))
    }

    /// Charged after it was closed.
    #[must_use]
    pub fn paid_after_close() -> Self {
        Self::new(Of::State("paid_after_close"))
    }

    /// A handler has not taken all changes: see [`Intents::run`].
    #[must_use]
    pub fn unreported() -> Self {
        Self::new(Of::Unreported)
    }

    /// Only intents whose record was written before this moment.
    #[must_use]
    pub fn changed_before(mut self, moment: SystemTime) -> Self {
        self.changed_before = Some(moment);
        self
    }

    /// Begins behind the place where an earlier page ended.
    #[must_use]
    pub fn after(mut self, place: &ScanCursor) -> Self {
        self.after = Some(place.clone());
        self
    }

    /// How many records of the store a page reads at most. Default: 100. A page may show fewer intents.
    #[must_use]
    pub fn limit(mut self, records: u32) -> Self {
        self.limit = records.max(1);
        self
    }
}

impl Intents {
    /// The intents that a filter names, a page of them, as the store knows them.
    ///
    /// # Errors
    /// [`Store`](IntentErrorKind::Store) when the store fails.
    pub async fn list(&self, filter: IntentFilter) -> Result<IntentPage, IntentError> {
        let records = &self.shared.records;
        let after = filter.after.as_ref();
        let read = match filter.of {
            Of::State(state) => records.in_state(state, after, filter.limit).await,
            Of::Unreported => records.due(i64::MAX, after, filter.limit).await,
        };
        let read = read.map_err(IntentError::store)?;
        let is_last = u32::try_from(read.len()).is_ok_and(|length| length < filter.limit);
        let place = match filter.of {
            Of::State(_) => read.last().map(ScanCursor::behind_change),
            Of::Unreported => read.last().and_then(ScanCursor::behind_due),
        };
        let mut page = IntentPage {
            intents: Vec::new(),
            next: place.filter(|_| !is_last),
            unreadable: Vec::new(),
        };
        let before = filter.changed_before.map_or(i64::MAX, millis);
        for stored in read.iter().filter(|stored| stored.changed_at < before) {
            match records.read(stored) {
                Ok(record) if filter.shows(&record) => page.intents.push(self.as_stored(&record)),
                Ok(_) => {}
                Err(_) => page.unreadable.push(stored.id.key.clone()),
            }
        }
        Ok(page)
    }

    fn as_stored(&self, record: &Record) -> IntentStatus {
        let context = Context {
            now: self.shared.now(),
            ..Context::default()
        };
        IntentStatus::of(record, &self.shared.rules, &context)
    }

    /// [Erases](Self::erase) every intent that ended and was not changed since `before`, and returns how many. An intent
    /// that is open, or of which a handler has not taken every change, stays. So does a record that cannot be read.
    ///
    /// # Errors
    /// [`Store`](IntentErrorKind::Store) when the store fails; what was erased until then stays erased.
    pub async fn prune(&self, before: SystemTime) -> Result<u64, IntentError> {
        let before = millis(before);
        let mut erased: u64 = 0;
        for state in ENDED {
            let mut after = None;
            loop {
                let records = &self.shared.records;
                let page = records.in_state(state, after.as_ref(), PAGE).await;
                let page = page.map_err(IntentError::store)?;
                after = page.last().map(ScanCursor::behind_change);
                let old: Vec<&StoredRecord> = page
                    .iter()
                    .filter(|stored| stored.changed_at < before)
                    .collect();
                for stored in &old {
                    erased = erased.saturating_add(u64::from(self.prune_one(stored).await?));
                }
                if page.is_empty() || old.len() < page.len() {
                    break;
                }
            }
        }
        Ok(erased)
    }

    async fn prune_one(&self, stored: &StoredRecord) -> Result<bool, IntentError> {
        let Ok(mut kept) = self.shared.records.kept(stored) else {
            return Ok(false);
        };
        // Somebody else has changed it: it is old no longer.
        self.erase_kept(&mut kept, false).await
    }

    /// Forgets an intent: its reference, its payments' ids, its refunds and its history. A tombstone stays, with a hash of
    /// the reference and the final state: a paid order cannot be charged again, and a closed one stays closed. An order that
    /// was not charged can be paid again, and is an order like any other then. Flowlix keeps what it has.
    ///
    /// Returns whether there was something to erase.
    ///
    /// # Errors
    /// [`NotFinished`](IntentErrorKind::NotFinished) while something can still become of the intent, or a handler has not
    /// taken every change; [`Store`](IntentErrorKind::Store) when the store fails.
    pub async fn erase(&self, reference: impl Into<String>) -> Result<bool, IntentError> {
        let intent = self.intent(reference, crate::money::Money::eur(0));
        let records = &self.shared.records;
        let Some(mut kept) = records
            .load(intent.names())
            .await
            .map_err(IntentError::store)?
        else {
            return Ok(false);
        };
        if kept.record.is_erased() {
            return Ok(false);
        }
        if self.erase_kept(&mut kept, true).await? {
            return Ok(true);
        }
        let cause = "ask for its status, or let the worker report its changes, and erase it then";
        let error = IntentError::new(IntentErrorKind::NotFinished, cause);
        Err(error.with_status(self.as_stored(&kept.record)))
    }

    async fn erase_kept(&self, kept: &mut Kept, again: bool) -> Result<bool, IntentError> {
        let records = &self.shared.records;
        for _ in 0..super::records::MOST_RACES {
            let mut record = kept.record.clone();
            if record.is_erased() || !record.erase(self.shared.now()) {
                return Ok(false);
            }
            match records
                .replace(kept, record)
                .await
                .map_err(IntentError::store)?
            {
                Stored::Done => return Ok(true),
                Stored::Conflict(_) if !again => return Ok(false),
                Stored::Conflict(held) => *kept = *held,
            }
        }
        Err(IntentError::store(super::records::too_many_races()))
    }
}

impl IntentFilter {
    fn shows(&self, record: &Record) -> bool {
        match self.of {
            Of::State(_) => true,
            Of::Unreported => record.unreported().next().is_some(),
        }
    }
}
