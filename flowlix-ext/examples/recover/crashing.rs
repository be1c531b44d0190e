//! A journal whose process dies around it, so that the example need not kill one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, Record, RecordId, SECRET_LENGTH, Scope, Unsettled,
};
use tokio::sync::Notify;

pub(crate) struct Crashing<J> {
    journal: J,
    moment: Moment,
    stored: AtomicU32,
    recorded: Arc<Notify>,
}

#[derive(PartialEq)]
enum Moment {
    AfterRecording,
    AfterAnswer,
}

impl<J> Crashing<J> {
    /// The record is stored, and nothing happens after that.
    pub(crate) fn after_recording(journal: J) -> Self {
        Self::at(Moment::AfterRecording, journal)
    }

    /// The answer comes, and cannot be stored any more.
    pub(crate) fn after_answer(journal: J) -> Self {
        Self::at(Moment::AfterAnswer, journal)
    }

    fn at(moment: Moment, journal: J) -> Self {
        Self {
            journal,
            moment,
            stored: AtomicU32::new(0),
            recorded: Arc::default(),
        }
    }

    /// Told once the record is stored.
    pub(crate) fn recorded(&self) -> Arc<Notify> {
        self.recorded.clone()
    }
}

impl<J: Journal> Journal for Crashing<J> {
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let is_answer = self.stored.fetch_add(1, Ordering::SeqCst) > 0;
            if is_answer && self.moment == Moment::AfterAnswer {
                return Err(JournalError::new("no space left on device"));
            }
            let stored = self.journal.store(record).await;
            if self.moment == Moment::AfterRecording {
                self.recorded.notify_one();
                std::future::pending::<()>().await;
            }
            stored
        })
    }

    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.journal.secret(proposal)
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.journal.load(id)
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        self.journal.unsettled(scope, after, limit)
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.journal.prune(scope, changed_before)
    }
}
