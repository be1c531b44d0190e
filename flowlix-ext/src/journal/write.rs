//! The life of a recorded write: record, send, record what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowlix_api::{ConversionError, Dialect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::book::Book;
use super::draft::Draft;
use super::error::JournalError;
use super::fingerprint::{STAMP, fingerprint};
use super::record::{Record, RecordId, State, millis, moment, span_millis};
use super::unrecorded;
use crate::call::engine::{Call, within};
use crate::call::operation::Operation;
use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::error::Error;
use crate::failure::Violation;
use crate::idempotency::IdempotencyKey;
use crate::reply::{Receipt, Reply};
use crate::runtime::{Runtime, SleepPurpose};

/// How much longer than the call itself its record is held: the time that the journal has when the call has none.
const HOLD_MARGIN: Duration = Duration::from_secs(5);
/// How often a caller looks whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Each lost race means that somebody else changed the record; so many in a row means that the store is wrong.
const MOST_RACES: u32 = 64;
/// Entries of metadata that the `snake_case` dialect takes ("Create a Direct API payment (API reference)").
const METADATA_ENTRIES: usize = 50;

/// A write with its key fixed, about to be sent at most once by all who use the journal.
pub(crate) struct Write<'a> {
    client: &'a Flowlix,
    operation: Operation,
    key: IdempotencyKey,
    /// The key was made for this very call: no other can have used it.
    key_is_new: bool,
    options: CallOptions,
    begun: Duration,
}

/// What a record says about a repeat.
pub(crate) struct Recorded {
    /// The amount that was sent.
    pub(crate) amount: Option<i64>,
    /// When it was sent first.
    pub(crate) started_at: SystemTime,
}

/// What is to be done about a write.
enum Plan {
    /// Send it; the record is ours.
    Send {
        record: Box<Record>,
        in_doubt: bool,
        /// Until when it may be sent, by our clock.
        quiet_from: SystemTime,
    },
    /// It was accepted before.
    Known { record: Box<Record> },
}

impl<'a> Write<'a> {
    pub(crate) fn new(
        client: &'a Flowlix,
        operation: Operation,
        key: Option<IdempotencyKey>,
        options: CallOptions,
    ) -> Result<Self, Error> {
        let key_is_new = key.is_none();
        let key = client.key_for(operation, key)?;
        let begun = client.runtime().monotonic();
        let mut write = Self {
            client,
            operation,
            key,
            key_is_new,
            options,
            begun,
        };
        if client.book().is_none() {
            write.key = client.used_keys().recall(write.key, client.runtime());
            // With a journal a key of any age may still bring the stored answer.
            write.check_age(&write.key)?;
        }
        Ok(write)
    }

    /// Marks what will be created so that it can be found again.
    pub(crate) fn stamp(&self, metadata: &mut BTreeMap<String, Value>) -> Option<Violation> {
        let book = self.client.book()?;
        if metadata.contains_key(STAMP) {
            let problem = "is reserved for the journal";
            return Some(Violation::new(format!("metadata.{STAMP}"), problem));
        }
        if book.dialect() == Dialect::SnakeCase && metadata.len() == METADATA_ENTRIES {
            let problem = "has 50 entries, and the journal's stamp is one more than the snake_case dialect takes";
            return Some(Violation::new("metadata", problem));
        }
        let stamp = book.stamp(self.operation, self.key.as_str());
        metadata.insert(STAMP.to_owned(), stamp.into());
        None
    }

    /// As [`stamp`](Self::stamp), where the dialect's refunds have metadata.
    pub(crate) fn stamp_refund(&self, metadata: &mut BTreeMap<String, Value>) -> Option<Violation> {
        let book = self.client.book()?;
        has_stamp(self.operation, book.dialect())
            .then(|| self.stamp(metadata))
            .flatten()
    }

    /// What was sent when this very request was sent before and may have been carried out. `None` when it is to
    /// be sent for the first time, with a key that is not too old for that.
    pub(crate) async fn recorded(&self, draft: &Draft) -> Result<Option<Recorded>, Error> {
        let Some(book) = self.client.book() else {
            return Ok(None);
        };
        let fingerprint = self.fingerprint(book, draft).await?;
        match self.find(book).await? {
            Some(record) if !matches!(record.state, State::NotDone { .. }) => {
                self.check_same(book, &record, &fingerprint)?;
                Ok(Some(Recorded {
                    amount: record.amount,
                    started_at: moment(record.started_at),
                }))
            }
            _ => {
                self.check_age(&self.key)?;
                Ok(None)
            }
        }
    }

    /// The request as the dialect says it, or everything that is wrong with it; nothing is sent then.
    pub(crate) fn checked<T>(
        &self,
        violations: Vec<Violation>,
        said: Result<T, ConversionError>,
    ) -> Result<T, Error> {
        Violation::join(self.operation, violations, said).map_err(|error| self.unsent(error))
    }

    /// The same error of a write that was not sent: what another call may have done is as open as before.
    pub(crate) fn unsent(&self, error: Error) -> Error {
        let is_used = self.client.used_keys().is_used(&self.key);
        error.after_call_in_doubt(self.key.is_in_doubt() || is_used)
    }

    /// Records the write, sends it, and records what came of it; or returns what came of it before.
    pub(crate) async fn once<T, F>(
        self,
        draft: Draft,
        send: impl FnOnce(Arc<Call>) -> F,
    ) -> Result<Reply<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<Reply<T>, Error>>,
    {
        let Some(book) = self.client.book() else {
            let call = self
                .client
                .write(self.operation, self.key.clone(), self.options_left());
            let call = call.map_err(|error| self.unsent(error))?;
            return if self.key_is_new {
                send(call).await
            } else {
                unrecorded::send(self.client, call, send).await
            };
        };
        if !self.options.refused_headers.is_empty() {
            // Refused before it is recorded.
            let violations = self.options.refused_headers.clone();
            return Err(self.unsent(Error::invalid_request(self.operation, violations)));
        }
        let fingerprint = self.fingerprint(book, &draft).await?;
        let id = self.id(book);
        let Some(_pass) = self.enter(book, &id).await else {
            return Err(self.held_elsewhere());
        };
        let plan = self.plan(book, id, draft, fingerprint).await?;
        let (record, in_doubt, quiet_from) = match plan {
            Plan::Known { record } => return self.known(*record),
            Plan::Send {
                record,
                in_doubt,
                quiet_from,
            } => (record, in_doubt, quiet_from),
        };
        let result = match self.call(&record, in_doubt, quiet_from) {
            Ok(call) => send(call).await,
            Err(error) => Err(error),
        };
        // Flowlix may refuse this call for good, because it has accepted the one in doubt.
        let result = result.map_err(|error| error.after_call_in_doubt(in_doubt));
        self.conclude(book, *record, in_doubt, result).await
    }

    fn call(
        &self,
        record: &Record,
        in_doubt: bool,
        quiet_from: SystemTime,
    ) -> Result<Arc<Call>, Error> {
        let key = self.aged(record);
        let options = self.options_left();
        let call = self.client.write(self.operation, key, options)?;
        let mut progress = call.record();
        // A refusal of this call says nothing about an earlier one that got through.
        progress.in_doubt = in_doubt;
        progress.quiet_from = Some(quiet_from);
        drop(progress);
        Ok(call)
    }

    /// Decides under the record's version: whoever stores first sends.
    async fn plan(
        &self,
        book: &Book,
        id: RecordId,
        draft: Draft,
        fingerprint: String,
    ) -> Result<Plan, Error> {
        let mut fresh = self.fresh(book, id, draft, fingerprint);
        let (mut races, mut known_in_doubt) = (0, false);
        while races < MOST_RACES {
            let found = self.find(book).await;
            let stored = found.map_err(|error| error.after_call_in_doubt(known_in_doubt))?;
            let now = self.client.runtime().now();
            // A key from a store may have been sent since it was made.
            fresh.started_at = millis(self.key.created_at().map_or(now, |made| made.min(now)));
            let (mut next, in_doubt) = match stored {
                None => {
                    fresh.used_elsewhere = self.key.is_in_doubt();
                    (fresh.clone(), fresh.used_elsewhere)
                }
                // Flowlix stores accepted requests only, so the key is as good as new.
                Some(stored) if matches!(stored.state, State::NotDone { .. }) => {
                    fresh.version = stored.version.saturating_add(1);
                    fresh.used_elsewhere = self.is_used_since(&stored);
                    (fresh.clone(), fresh.used_elsewhere)
                }
                Some(stored) => {
                    self.check_same(book, &stored, &fresh.fingerprint)?;
                    if matches!(stored.state, State::Accepted { .. }) {
                        let record = Box::new(stored);
                        return Ok(Plan::Known { record });
                    }
                    known_in_doubt = true;
                    if self.wait_for_holder(book, &stored).await? {
                        continue;
                    }
                    if stored.amount != fresh.amount {
                        return Err(self.begun_with_another_amount());
                    }
                    let version = stored.version.saturating_add(1);
                    (Record { version, ..stored }, true)
                }
            };
            next.holder.clone_from(&book.holder);
            next.state = State::Sending;
            next.changed_at = millis(now);
            let held = self.time_left().saturating_add(HOLD_MARGIN);
            let quiet_from = millis(now).saturating_add(span_millis(held));
            next.quiet_from = next.by_its_clock(quiet_from, self.client.seconds_ahead());
            let taken = self.take(book, &next).await;
            if taken.map_err(|error| error.after_call_in_doubt(in_doubt))? {
                return Ok(Plan::Send {
                    record: Box::new(next),
                    in_doubt,
                    quiet_from: moment(quiet_from),
                });
            }
            fresh.version = 1;
            races += 1;
        }
        let failure =
            "the journal refused the record again and again, though nobody else changed it";
        Err(self.unread(self.failed(JournalError::new(failure))))
    }

    /// Stores a record to be sent, and says whether nobody was faster.
    async fn take(&self, book: &Book, record: &Record) -> Result<bool, Error> {
        self.check_age(&self.aged(record))?;
        self.asked(book.journal.store(record)).await
    }

    fn fresh(&self, book: &Book, id: RecordId, draft: Draft, fingerprint: String) -> Record {
        let is_stamped = has_stamp(self.operation, book.dialect());
        Record {
            version: 1,
            operation: self.operation.name().to_owned(),
            dialect: book.dialect(),
            credential: book.credential.clone(),
            fingerprint,
            stamp: is_stamped.then(|| book.stamp(self.operation, &id.key)),
            amount: draft.amount,
            currency: draft.currency,
            payment_id: draft.payment_id,
            merchant_reference: draft.merchant_reference,
            reason: draft.reason,
            started_at: 0,
            quiet_from: 0,
            seconds_ahead: self.client.seconds_ahead(),
            used_elsewhere: false,
            holder: book.holder.clone(),
            changed_at: 0,
            state: State::Sending,
            id,
        }
    }

    /// Whether the key was used first, by a call that nobody recorded, when it was known already that nothing came of
    /// those that were.
    fn is_used_since(&self, stored: &Record) -> bool {
        let settled_at = moment(stored.changed_at);
        self.key.is_in_doubt() && self.key.created_at().is_some_and(|at| at > settled_at)
    }

    /// Refuses what the key was not recorded for. Where the request may be the one that was recorded, what became
    /// of that counts.
    fn check_same(&self, book: &Book, stored: &Record, fingerprint: &str) -> Result<(), Error> {
        if stored.dialect != book.dialect() {
            return Err(self.forbidden(format!(
                "the journal knows this key from the {} dialect, and cannot tell whether the request is the same",
                stored.dialect
            )));
        }
        if !book.made_by_this_key(stored) && !book.account_is_named {
            return Err(self.forbidden(
                "the journal knows this idempotency key from another API key, and Flowlix keeps keys apart by API key, so sending it could do it twice; find out what became of it with the API key that made it",
            ));
        }
        if stored.operation != self.operation.name() {
            let other = format!("another operation, {}", stored.operation);
            return Err(self.key_reused(&other));
        }
        if stored.fingerprint != fingerprint {
            return Err(self.key_reused("a request with another body"));
        }
        if !book.made_by_this_key(stored) && !stored.state.is_settled() {
            return Err(self.forbidden(
                "this request is in doubt under another API key, so repeating it could do it twice; run recover() first",
            ));
        }
        Ok(())
    }

    /// Waits a moment when another process is sending; says whether it did.
    async fn wait_for_holder(&self, book: &Book, stored: &Record) -> Result<bool, Error> {
        let runtime = self.client.runtime();
        let until = stored.held_until(self.client.seconds_ahead());
        let left = until.map_or(0, |until| until.saturating_sub(millis(runtime.now())));
        // Held by this client and yet the gate is open: the future that sent was dropped.
        if stored.holder == book.holder || left <= 0 {
            return Ok(false);
        }
        let time_left = self.time_left();
        if time_left.is_zero() {
            return Err(self.held_elsewhere());
        }
        let until_free = Duration::from_millis(left.unsigned_abs());
        let pause = LOOK_AGAIN.min(until_free).min(time_left);
        runtime.sleep(pause, SleepPurpose::Delay).await;
        Ok(true)
    }

    /// Records the outcome. The caller gets it whether that works or not.
    async fn conclude<T: Serialize + DeserializeOwned>(
        &self,
        book: &Book,
        mut record: Record,
        in_doubt: bool,
        result: Result<Reply<T>, Error>,
    ) -> Result<Reply<T>, Error> {
        let state = match &result {
            Ok(reply) => accepted(reply),
            // Flowlix has the key from a request that the journal does not know.
            Err(error) if !in_doubt && error.is_key_reused() => {
                record.used_elsewhere = true;
                Ok(State::InDoubt)
            }
            Err(error) if in_doubt || error.this_call_may_have_acted() => Ok(State::InDoubt),
            Err(error) => Ok(State::NotDone {
                why: error.kind().to_string(),
            }),
        };
        let runtime = self.client.runtime();
        let settled = match state {
            Ok(state) => {
                record.state = state;
                let seconds_ahead = self.client.seconds_ahead();
                if !in_doubt {
                    // All its times are by our clock, and by now an answer may have told about that.
                    record.seconds_ahead = record.seconds_ahead.or(seconds_ahead);
                }
                record.quiet_from = record.by_its_clock(millis(runtime.now()), seconds_ahead);
                // The answer must not wait for ever for a journal that hangs.
                in_time(runtime, HOLD_MARGIN, settle(book, &record, runtime)).await
            }
            Err(failure) => Err(failure),
        };
        match (settled, result) {
            (Ok(Settled::Overtaken(stored)), Err(error)) => self.overtaken(&record, *stored, error),
            (Ok(Settled::Overtaken(stored)), Ok(reply))
                if stored.fingerprint != record.fingerprint =>
            {
                let failure = "the journal has another request under this key by now";
                Ok(reply.with_journal_error(JournalError::new(failure)))
            }
            (Ok(_), result) => result,
            (Err(failure), Ok(reply)) => Ok(reply.with_journal_error(failure)),
            (Err(failure), Err(error)) => Err(error.with_journal_error(failure)),
        }
    }

    /// What a failure means when somebody else has taken the record over meanwhile, taking us for dead.
    fn overtaken<T: DeserializeOwned>(
        &self,
        ours: &Record,
        stored: Record,
        error: Error,
    ) -> Result<Reply<T>, Error> {
        if stored.fingerprint != ours.fingerprint {
            return Err(error);
        }
        match stored.state {
            State::Accepted { .. } => self.known(stored),
            State::NotDone { .. } => Err(error),
            State::Sending | State::InDoubt => Err(error.in_doubt()),
        }
    }

    fn known<T: DeserializeOwned>(&self, record: Record) -> Result<Reply<T>, Error> {
        let State::Accepted { result, request_id } = record.state else {
            return Err(self.failed(JournalError::new("the record is not what it was")));
        };
        let raw = result.to_string();
        match serde_path_to_error::deserialize(result) {
            Ok(value) => {
                let receipt = Receipt::from_journal(self.operation, self.key.clone(), request_id);
                Ok(Reply::new(value, receipt))
            }
            Err(error) => Err(Error::stored_undecodable(
                self.operation,
                self.key.clone(),
                raw,
                error.path().to_string(),
            )),
        }
    }

    async fn enter(&self, book: &Book, id: &RecordId) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let runtime = self.client.runtime();
        let limit = runtime.sleep(self.time_left(), SleepPurpose::Timeout);
        within(book.gate.enter(id), limit).await
    }

    async fn fingerprint(&self, book: &Book, draft: &Draft) -> Result<String, Error> {
        let secret = self.asked(book.secret()).await;
        let secret = secret.map_err(|error| self.unread(error))?;
        let outline = draft.outline.as_ref().ok_or_else(|| {
            self.failed(JournalError::new("the request has no outline to record"))
        })?;
        Ok(fingerprint(
            &secret,
            self.operation,
            book.dialect(),
            outline,
        ))
    }

    async fn find(&self, book: &Book) -> Result<Option<Record>, Error> {
        let found = self.asked(book.find(self.key.as_str())).await;
        found.map_err(|error| self.unread(error))
    }

    /// The same error, where the journal did not say what it knows of the key.
    fn unread(&self, error: Error) -> Error {
        if self.key_is_new {
            error
        } else {
            error.after_call_in_doubt(true)
        }
    }

    /// What the journal answers, if it does so in time: a call whose time is over still wants to know.
    async fn asked<T>(
        &self,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, Error> {
        let limit = self.time_left().max(HOLD_MARGIN);
        in_time(self.client.runtime(), limit, work)
            .await
            .map_err(|error| self.failed(error))
    }

    fn failed(&self, error: JournalError) -> Error {
        Error::journal(self.operation, self.key.clone(), error)
    }

    /// The write may be the one that the journal knows, and is not to be sent for all that.
    fn forbidden(&self, reason: impl Into<String>) -> Error {
        Error::journal_forbids(self.operation, self.key.clone(), reason).after_call_in_doubt(true)
    }

    fn key_reused(&self, known_from: &str) -> Error {
        Error::key_reused(self.operation, self.key.clone(), known_from)
    }

    /// All that was left to refund was less, or more, when somebody else began it.
    fn begun_with_another_amount(&self) -> Error {
        self.failed(JournalError::new(
            "somebody else has begun this refund meanwhile, with another amount; repeat the call to take it up",
        ))
        .after_call_in_doubt(true)
    }

    fn held_elsewhere(&self) -> Error {
        Error::held_elsewhere(self.operation, self.key.clone(), self.elapsed())
    }

    fn id(&self, book: &Book) -> RecordId {
        RecordId::new(book.scope.clone(), self.key.as_str())
    }

    /// The key as old as its record: one that the caller derives anew does not know its age.
    fn aged(&self, record: &Record) -> IdempotencyKey {
        let key = self.key.clone();
        let set_forward = record.set_forward(self.client.seconds_ahead());
        let shift = set_forward.unwrap_or_default().saturating_mul(1000);
        let recorded = moment(record.started_at.saturating_add(shift));
        match key.created_at() {
            Some(created) if created <= recorded => key,
            _ => key.aged(recorded).dated_elsewhere(set_forward.is_none()),
        }
    }

    fn check_age(&self, key: &IdempotencyKey) -> Result<(), Error> {
        if self.client.is_too_old(key) {
            return Err(Error::key_too_old(self.operation, key.clone()));
        }
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        let now = self.client.runtime().monotonic();
        now.saturating_sub(self.begun)
    }

    /// The options of a call that has the rest of the time.
    fn options_left(&self) -> CallOptions {
        let mut options = self.options.clone();
        options.operation_timeout = self.time_left();
        options
    }

    /// Of the whole call, what has been read for the write included.
    pub(crate) fn time_left(&self) -> Duration {
        self.options
            .operation_timeout
            .saturating_sub(self.elapsed())
    }
}

fn accepted<T: Serialize>(reply: &Reply<T>) -> Result<State, JournalError> {
    let result = serde_json::to_value(&**reply)
        .map_err(|error| JournalError::caused_by("the answer cannot be written as JSON", error))?;
    Ok(State::Accepted {
        result,
        request_id: reply.receipt().request_id().map(str::to_owned),
    })
}

/// Whether what an operation creates carries a stamp: in the `snake_case` dialect refunds have no metadata.
fn has_stamp(operation: Operation, dialect: Dialect) -> bool {
    operation != Operation::CreateRefund || dialect == Dialect::Uppercase
}

/// Where an outcome ended.
pub(super) enum Settled {
    /// In the journal.
    Stored,
    /// Nowhere: somebody else has taken the record over meanwhile, and this is what they made of it.
    Overtaken(Box<Record>),
}

/// Stores what became of a record. When somebody else has taken it over meanwhile, only an acceptance is news to
/// them.
pub(super) async fn settle(
    book: &Book,
    settled: &Record,
    runtime: &dyn Runtime,
) -> Result<Settled, JournalError> {
    let mut record = settled.clone();
    record.changed_at = millis(runtime.now());
    record.version = record.version.saturating_add(1);
    for _ in 0..MOST_RACES {
        if book.journal.store(&record).await? {
            return Ok(Settled::Stored);
        }
        let stored = book.journal.load(&record.id).await?;
        let is_news = matches!(record.state, State::Accepted { .. });
        match stored {
            Some(stored) if stored == record => return Ok(Settled::Stored),
            Some(stored) if matches!(stored.state, State::Accepted { .. }) || !is_news => {
                return Ok(Settled::Overtaken(Box::new(stored)));
            }
            Some(stored) => record.version = stored.version.saturating_add(1),
            None => record.version = 1,
        }
    }
    Err(JournalError::new(
        "the journal refused the outcome again and again",
    ))
}

/// The work's result, unless it takes longer than this.
async fn in_time<T>(
    runtime: &dyn Runtime,
    limit: Duration,
    work: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, JournalError> {
    let limit = runtime.sleep(limit, SleepPurpose::Timeout);
    match within(work, limit).await {
        Some(done) => done,
        None => Err(JournalError::new("the journal did not answer in time")),
    }
}
