//! What came of a write, and where that is kept.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{HOLD_MARGIN, MOST_RACES, Write, in_time};
use crate::error::Error;
use crate::journal::book::Book;
use crate::journal::error::JournalError;
use crate::journal::record::{Record, State, millis};
use crate::reply::Reply;
use crate::runtime::Runtime;

impl Write<'_> {
    /// Records the outcome. The caller gets it whether that works or not.
    pub(super) async fn conclude<T: Serialize + DeserializeOwned>(
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
}

fn accepted<T: Serialize>(reply: &Reply<T>) -> Result<State, JournalError> {
    let result = serde_json::to_value(&**reply)
        .map_err(|error| JournalError::caused_by("the answer cannot be written as JSON", error))?;
    Ok(State::Accepted {
        result,
        request_id: reply.receipt().request_id().map(str::to_owned),
    })
}

/// Where an outcome ended.
pub(in crate::journal) enum Settled {
    /// In the journal.
    Stored,
    /// Nowhere: somebody else has taken the record over meanwhile, and this is what they made of it.
    Overtaken(Box<Record>),
}

/// Stores what became of a record. When somebody else has taken it over meanwhile, only an acceptance is news to
/// them.
pub(in crate::journal) async fn settle(
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
