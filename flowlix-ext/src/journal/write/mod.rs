//! The life of a write: record it, send it, record what came of it; or, without a journal, send it and remember its key.

mod claim;
mod conclude;
mod unrecorded;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowlix_api::{ConversionError, Dialect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::book::Book;
use super::draft::Draft;
use super::error::JournalError;
use super::fingerprint::{STAMP, fingerprint};
use super::record::{Record, RecordId, State, moment};
use crate::call::engine::{Call, within};
use crate::call::operation::Operation;
use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::error::Error;
use crate::failure::Violation;
use crate::idempotency::IdempotencyKey;
use crate::intents::store::in_time_or;
use crate::reply::{Receipt, Reply};
use crate::runtime::{Runtime, SleepPurpose};

use claim::Plan;

pub(super) use conclude::{Settled, settle};

/// How much longer than the call itself its record is held: the time that the journal has when the call has none.
const HOLD_MARGIN: Duration = Duration::from_secs(5);
/// Each lost race means that somebody else changed the record; so many in a row means that the store is wrong.
const MOST_RACES: u32 = 64;
/// Entries of metadata that the `snake_case` dialect takes ("Create a Direct API payment (API reference)").
const METADATA_ENTRIES: usize = 50;

/// A write with its key fixed. All who use a journal send it at most once at a time.
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
        let known = client
            .used_keys()
            .recall(write.key.clone(), client.runtime());
        if client.book().is_none() {
            write.key = known;
            // With a journal a key of any age may still bring the stored answer.
            write.check_age(&write.key)?;
        } else {
            // What came of it the journal knows better; its age is counted here whatever the clock was set to since.
            write.key = known.with_doubt_of(&write.key);
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
            Some(record) if !record.is_not_done() => {
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
    pub(crate) async fn checked<T>(
        &self,
        violations: Vec<Violation>,
        said: Result<T, ConversionError>,
    ) -> Result<T, Error> {
        match Violation::join(self.operation, violations, said) {
            Ok(request) => Ok(request),
            Err(error) => Err(self.unsent(error).await),
        }
    }

    /// The same error of a write that was not sent: what another call may have done is as open as before.
    pub(crate) async fn unsent(&self, error: Error) -> Error {
        let is_used = match self.client.book() {
            None => self.key.is_in_doubt() || self.client.used_keys().is_used(&self.key),
            Some(_) if self.key_is_new => false,
            Some(book) => match self.find(book).await {
                Ok(None) => self.key.is_in_doubt(),
                Ok(Some(stored)) => !stored.is_not_done() || self.is_used_since(&stored),
                // It did not say what it knows.
                Err(_) => true,
            },
        };
        error.after_call_in_doubt(is_used)
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
            let call = match call {
                Ok(call) => call,
                Err(error) => return Err(self.unsent(error).await),
            };
            return if self.key_is_new {
                send(call).await
            } else {
                unrecorded::send(self.client, call, send).await
            };
        };
        let fingerprint = self.fingerprint(book, &draft).await?;
        let id = self.id(book);
        let Some((_pass, has_waited)) = self.enter(book, &id).await else {
            return Err(self.held_elsewhere());
        };
        let plan = self.plan(book, id, draft, fingerprint, has_waited).await?;
        let (record, in_doubt, quiet_from) = match plan {
            Plan::Known { record } => return self.known(*record),
            Plan::Send {
                record,
                in_doubt,
                quiet_from,
            } => (record, in_doubt, quiet_from),
        };
        let result = match self.call(&record, in_doubt, quiet_from) {
            // The journal knows better what others did; what is remembered beside it is the key's age.
            Ok(call) => unrecorded::remembered(self.client, call, send).await.0,
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

    async fn enter(&self, book: &Book, id: &RecordId) -> Option<(OwnedMutexGuard<()>, bool)> {
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

/// Whether what an operation creates carries a stamp: in the `snake_case` dialect refunds have no metadata.
fn has_stamp(operation: Operation, dialect: Dialect) -> bool {
    operation != Operation::CreateRefund || dialect == Dialect::Uppercase
}

/// The work's result, unless it takes longer than this.
async fn in_time<T>(
    runtime: &dyn Runtime,
    limit: Duration,
    work: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, JournalError> {
    let late = || JournalError::new("the journal did not answer in time");
    in_time_or(runtime, limit, work, late).await
}
