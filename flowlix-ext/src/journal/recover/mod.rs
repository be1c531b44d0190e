//! The truth about writes whose outcome was never stored.

mod refunds;
mod report;
mod search;

use std::time::Duration;

use flowlix_api::model::Payment;

use super::book::Book;
use super::error::JournalError;
use super::record::{
    Record, RecordId, Scope, State, UnreadableRecord, Unsettled, millis, moment, span_millis,
};
use super::upkeep;
use super::write::{Settled, settle};
use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters, into_future};
use crate::client::Flowlix;
use crate::error::Error;
use crate::refunds::created::RefundCreated;

use search::{CLOCKS_APART, Evidence, Window, joined, search};

pub use report::{Doubt, Recovered, Recovery, Truth};

/// Default of [`Recover::certain_after`]: 10 minutes.
pub const CERTAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Records that are read from the journal at once.
const BATCH: u32 = 100;

/// A recovery about to begin; see [`Flowlix::recover`](crate::Flowlix::recover).
///
/// Timeouts and attempts count for each request by itself.
#[must_use = "nothing is asked before `send` or `await`"]
#[derive(Debug)]
pub struct Recover {
    client: Flowlix,
    certain_after: Duration,
    options: CallOptions,
}

impl Flowlix {
    /// Finds out what became of every write that the [journal](crate::journal) does not know the outcome of,
    /// as after a crash, without needing the card again.
    pub fn recover(&self) -> Recover {
        Recover::new(self.clone())
    }
}

impl Recover {
    pub(crate) fn new(client: Flowlix) -> Self {
        let options = client.options();
        Self {
            client,
            certain_after: CERTAIN_AFTER,
            options,
        }
    }

    call_setters!(each "request");

    /// How long after the last moment at which a request may have been sent nothing of it can be under way any
    /// more, in our network or in Flowlix. Only then, and 15 minutes later because clocks differ, does finding
    /// nothing mean that nothing was done. Default: 10 minutes.
    pub fn certain_after(mut self, quiet: Duration) -> Self {
        self.certain_after = quiet;
        self
    }

    /// Asks Flowlix what became of every write that is not settled, and stores what is certain. It only reads:
    /// nothing is charged, refunded or repeated, so it may run at any time, in several processes at once too.
    ///
    /// Payments are found by their stamp in the list of the time at which they were sent, uppercase refunds by
    /// their stamp among their payment's refunds. Clocks up to 15 minutes apart do no harm, be they ours or
    /// Flowlix's; beyond that, what HTTP's `Date` showed the sender by then sets the time right, and where it showed
    /// nothing the answer is [`ClocksDiffer`](Doubt::ClocksDiffer) if the clock that recovers is wrong. Before a
    /// payment is said not to be there whose sender no answer ever told the time, a day more is looked through on
    /// either side; when that sender ceased to send goes by its own clock.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the client has no journal,
    /// [`Journal`](crate::ErrorKind::Journal) when that cannot be read. A write about which Flowlix could not be
    /// asked is an entry of the result, like every other; a record that is there and cannot be read is one of
    /// [`Recovery::unreadable`].
    pub async fn send(self) -> Result<Recovery, Error> {
        let book = upkeep::open(&self.client)?;
        let found = all_unsettled(book).await;
        let (records, unreadable) = found.map_err(Error::journal_unread)?;
        let now = millis(self.client.runtime().now());
        let ahead = self.client.seconds_ahead();
        let held_until = |record: &Record| record.held_until(ahead).filter(|until| *until > now);
        let windows = records
            .iter()
            .filter(|record| !is_refund(record) && held_until(record).is_none())
            .map(|record| self.window(record))
            .collect();
        let mut evidence = Vec::new();
        for window in joined(windows) {
            evidence.push(search(&self.client, &self.options, window).await);
        }
        let mut writes = Vec::new();
        for record in records {
            let truth = if let Some(until) = held_until(&record) {
                let until = moment(until);
                Truth::StillUnknown(Doubt::StillSending { until })
            } else if is_refund(&record) {
                self.refund(book, &record, now).await
            } else {
                let window = self.window(&record);
                match self.payment(book, &record, window, &evidence, now) {
                    Truth::NotCharged(None) if record.seconds_ahead.is_none() => {
                        self.payment_whichever_clock(book, &record, now).await
                    }
                    truth => truth,
                }
            };
            writes.push(self.keep(book, record, truth).await);
        }
        Ok(Recovery { writes, unreadable })
    }

    /// When what a record is about was created, if it was.
    fn window(&self, record: &Record) -> Window {
        let under_way = i64::try_from(self.certain_after.as_secs()).unwrap_or(i64::MAX);
        Window::of(record, under_way)
    }

    /// The truth about a payment whose sender no answer ever told what time it is.
    async fn payment_whichever_clock(&self, book: &Book, record: &Record, now: i64) -> Truth {
        let window = self.window(record).widened();
        let evidence = search(&self.client, &self.options, window).await;
        self.payment(book, record, window, &[evidence], now)
    }

    fn payment(
        &self,
        book: &Book,
        record: &Record,
        window: Window,
        evidence: &[Evidence],
        now: i64,
    ) -> Truth {
        let Some(evidence) = evidence.iter().find(|evidence| evidence.covers(window)) else {
            return Truth::StillUnknown(Doubt::ListIncomplete);
        };
        let stamp = record.stamp.as_deref().unwrap_or_default();
        match (evidence.stamped(stamp), evidence.unreadable(stamp)) {
            ([payment], []) => return Truth::of_payment(payment.clone()),
            ([], [payment]) => {
                let payment = payment.clone();
                return Truth::StillUnknown(Doubt::Unreadable { payment });
            }
            ([], []) => {}
            (several, unreadable) => {
                let several = several.iter().map(|payment| payment.id.clone());
                let unreadable = unreadable.iter().flatten().cloned();
                let payments = several.chain(unreadable).collect();
                return Truth::StillUnknown(Doubt::Several { payments });
            }
        }
        if let Some(why) = evidence.failure.clone() {
            return Truth::StillUnknown(Doubt::CouldNotAsk { why });
        }
        if !evidence.is_complete {
            return Truth::StillUnknown(Doubt::ListIncomplete);
        }
        let payments = evidence.alike(record, window);
        if !payments.is_empty() {
            return Truth::StillUnknown(Doubt::PaymentsLookTheSame { payments });
        }
        match self.doubt_absence(book, record, now) {
            Some(doubt) => Truth::StillUnknown(doubt),
            None => Truth::NotCharged(None),
        }
    }

    async fn refund(&self, book: &Book, record: &Record, now: i64) -> Truth {
        let payment = match self.refunded_payment(record).await {
            Ok(payment) => payment,
            Err(why) => return Truth::StillUnknown(Doubt::CouldNotAsk { why }),
        };
        match refunds::stamped(&payment, record)[..] {
            [refund] => return Truth::of_refund(refund.clone()),
            [] => {}
            ref several => {
                let refunds = several.iter().map(|refund| refund.id.clone()).collect();
                return Truth::StillUnknown(Doubt::SeveralRefunds { refunds });
            }
        }
        let refunds = refunds::alike(&payment, record, self.window(record));
        if !refunds.is_empty() {
            return Truth::StillUnknown(Doubt::RefundsLookTheSame { refunds });
        }
        if refunds::some_are_hidden(&payment) {
            return Truth::StillUnknown(Doubt::RefundsNotShown);
        }
        match self.doubt_absence(book, record, now) {
            Some(doubt) => Truth::StillUnknown(doubt),
            None => Truth::NotRefunded(None),
        }
    }

    async fn refunded_payment(&self, record: &Record) -> Result<Payment, String> {
        let Some(id) = &record.payment_id else {
            return Err("the record names no payment".to_owned());
        };
        let read = self
            .client
            .read(Operation::RetrievePayment, self.options.clone());
        match self.client.wire().retrieve(&read, id).await {
            Ok(payment) => Ok(payment.into_inner()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Why finding nothing does not mean that nothing was done.
    fn doubt_absence(&self, book: &Book, record: &Record, now: i64) -> Option<Doubt> {
        if !book.made_by_this_key(record) && !book.account_is_named {
            return Some(Doubt::OtherApiKey);
        }
        if record.dialect != book.dialect() {
            return Some(Doubt::OtherDialect);
        }
        if record.used_elsewhere {
            return Some(Doubt::UsedElsewhere);
        }
        let ahead_now = self.client.seconds_ahead();
        if record.seconds_ahead.is_none()
            && let Some(seconds_ahead) = ahead_now
            && !(-CLOCKS_APART..=CLOCKS_APART).contains(&seconds_ahead)
        {
            return Some(Doubt::ClocksDiffer { seconds_ahead });
        }
        let quiet = self
            .certain_after
            .saturating_add(Duration::from_secs(CLOCKS_APART.unsigned_abs()));
        // Both moments have to be of today's clock.
        let set_forward = record.set_forward(ahead_now).unwrap_or_default();
        let certain_from = record
            .quiet_from
            .saturating_add(set_forward.saturating_mul(1000))
            .saturating_add(span_millis(quiet));
        (now < certain_from).then(|| Doubt::TooEarly {
            certain_from: moment(certain_from),
        })
    }

    /// The truth as it is told, once the journal has what is certain of it.
    async fn keep(&self, book: &Book, record: Record, mut truth: Truth) -> Recovered {
        let journal_error = match self.store(book, &record, &truth).await {
            // Somebody has begun to send it again meanwhile, and what was found is no longer the truth; unless they
            // found the same, such as another recovery.
            Ok(Some(Settled::Overtaken(stored))) if !exists(&truth) && !stored.is_not_done() => {
                truth = Truth::StillUnknown(Doubt::BegunAnew);
                None
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        Recovered {
            record,
            truth,
            journal_error,
        }
    }

    /// Stores what is certain, if anything is.
    async fn store(
        &self,
        book: &Book,
        record: &Record,
        truth: &Truth,
    ) -> Result<Option<Settled>, JournalError> {
        let Some(state) = outcome(record, truth) else {
            return Ok(None);
        };
        let changed = Record {
            state: state?,
            ..record.clone()
        };
        let settled = settle(book, &changed, self.client.runtime()).await?;
        Ok(Some(settled))
    }
}

into_future!(Recover => Recovery);

/// Of the merchant, and of this API key from before the merchant was named.
async fn all_unsettled(book: &Book) -> Result<(Vec<Record>, Vec<UnreadableRecord>), JournalError> {
    let mut unnamed = Vec::new();
    if let Some(scope) = book.unnamed_scope() {
        let (records, unreadable) = unsettled(book, &scope).await?;
        for record in records {
            if book.made_by_this_key(&record) {
                book.carry_over(record).await?;
            }
        }
        // Whose they are cannot be read.
        unnamed = unreadable;
    }
    let (records, unreadable) = unsettled(book, &book.scope).await?;
    Ok((records, [unnamed, unreadable].concat()))
}

async fn unsettled(
    book: &Book,
    scope: &Scope,
) -> Result<(Vec<Record>, Vec<UnreadableRecord>), JournalError> {
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    let mut after: Option<RecordId> = None;
    loop {
        let batch = book.journal.unsettled(scope, after.as_ref(), BATCH).await?;
        let is_stuck = batch
            .first()
            .zip(after.as_ref())
            .is_some_and(|(first, after)| id_of(first) <= after);
        if is_stuck {
            return Err(JournalError::new(
                "the journal lists its records in circles",
            ));
        }
        let Some(last) = batch.last() else {
            return Ok((records, unreadable));
        };
        after = Some(id_of(last).clone());
        for entry in batch {
            match entry {
                Ok(record) => records.push(record),
                Err(entry) => unreadable.push(entry),
            }
        }
    }
}

fn id_of(entry: &Unsettled) -> &RecordId {
    match entry {
        Ok(record) => &record.id,
        Err(unreadable) => &unreadable.id,
    }
}

fn is_refund(record: &Record) -> bool {
    record.operation == Operation::CreateRefund.name()
}

fn exists(truth: &Truth) -> bool {
    !matches!(
        truth,
        Truth::NotCharged(None) | Truth::NotRefunded(None) | Truth::StillUnknown(_)
    )
}

/// What the journal has to know, in the form in which the call itself would have stored it.
fn outcome(record: &Record, truth: &Truth) -> Option<Result<State, JournalError>> {
    let result = match truth {
        Truth::Charged(payment)
        | Truth::NotCharged(Some(payment))
        | Truth::PaymentInProgress(payment) => serde_json::to_value(payment),
        Truth::Refunded(refund)
        | Truth::NotRefunded(Some(refund))
        | Truth::RefundInProgress(refund) => {
            let payment = refund.payment_id.clone().or(record.payment_id.clone())?;
            serde_json::to_value(RefundCreated::answered(refund.clone(), payment))
        }
        Truth::NotCharged(None) | Truth::NotRefunded(None) => {
            let why = "recovered: there is none".to_owned();
            return Some(Ok(State::NotDone { why }));
        }
        Truth::StillUnknown(_) => return None,
    };
    let request_id = None;
    Some(
        result
            .map(|result| State::Accepted { result, request_id })
            .map_err(|error| {
                JournalError::caused_by("what was found cannot be written as JSON", error)
            }),
    )
}
