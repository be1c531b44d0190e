//! Who may send a write: decided under its record's version, so that whoever stores first sends.

use std::time::{Duration, SystemTime};

use super::{HOLD_MARGIN, MOST_RACES, Write, has_stamp};
use crate::error::Error;
use crate::journal::book::Book;
use crate::journal::draft::Draft;
use crate::journal::error::JournalError;
use crate::journal::record::{Record, RecordId, State, millis, moment, span_millis};
use crate::runtime::SleepPurpose;

/// How often a caller looks whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What is to be done about a write.
pub(super) enum Plan {
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

impl Write<'_> {
    /// Decides under the record's version: whoever stores first sends.
    pub(super) async fn plan(
        &self,
        book: &Book,
        id: RecordId,
        draft: Draft,
        fingerprint: String,
        mut has_waited: bool,
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
                // The caller that sent this very request was refused. The one that waited hears the same.
                Some(stored) if has_waited && self.is_twin(&stored, &fresh) => {
                    return Err(self.refused_with_twin(&stored));
                }
                // Flowlix stores accepted requests only: the key is as good as new, for another card too.
                Some(stored) if stored.is_not_done() => {
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
                        has_waited = true;
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

    /// Whether this very request was refused when another caller sent it.
    fn is_twin(&self, stored: &Record, fresh: &Record) -> bool {
        stored.is_not_done()
            && stored.operation == fresh.operation
            && stored.fingerprint == fresh.fingerprint
    }

    fn refused_with_twin(&self, stored: &Record) -> Error {
        let State::NotDone { why } = &stored.state else {
            return self.held_elsewhere();
        };
        let error = Error::refused_with_twin(self.operation, self.key.clone(), why);
        error.after_call_in_doubt(self.is_used_since(stored))
    }

    /// Whether the key was used first, by a call that nobody recorded, when it was known already that nothing came of
    /// those that were.
    pub(super) fn is_used_since(&self, stored: &Record) -> bool {
        let settled_at = moment(stored.changed_at);
        self.key.is_in_doubt() && self.key.created_at().is_some_and(|at| at > settled_at)
    }

    /// Refuses what the key was not recorded for. Where the request may be the one that was recorded, what became
    /// of that counts.
    pub(super) fn check_same(
        &self,
        book: &Book,
        stored: &Record,
        fingerprint: &str,
    ) -> Result<(), Error> {
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
}
