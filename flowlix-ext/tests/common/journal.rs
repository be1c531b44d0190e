//! What the tests of the journal share: a stage with a journal, restarts, and a journal that dies.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope,
};
use flowlix_ext::{Flowlix, FlowlixBuilder, IdempotencyKey, Mode, Money};
use flowlix_sandbox::Dialect;

use super::{Stage, VISA, card};

/// A stage whose client uses a journal, and the journal.
pub(crate) async fn stage(dialect: Dialect) -> (Stage, Arc<MemoryJournal>) {
    let journal = Arc::new(MemoryJournal::new());
    let stage = Stage::with(dialect, |builder| builder.journal(journal.clone())).await;
    (stage, journal)
}

/// Another process with the same journal, on the same clock.
pub(crate) fn restarted(stage: &Stage, journal: impl Journal + 'static) -> Flowlix {
    restarted_with(stage, |builder| builder.journal(journal))
}

pub(crate) fn restarted_with(
    stage: &Stage,
    set: impl FnOnce(FlowlixBuilder) -> FlowlixBuilder,
) -> Flowlix {
    let builder = Flowlix::builder(stage.sandbox.key(stage.dialect))
        .base_url(stage.sandbox.base_url())
        .runtime(stage.time.clone());
    set(builder).build().unwrap()
}

pub(crate) fn pay(flowlix: &Flowlix) -> flowlix_ext::payments::CreateDirect {
    flowlix
        .payments()
        .create_direct(Money::eur(49_99), card(VISA))
        .return_url("https://shop.example.com/3ds")
        .idempotency_key(key())
}

pub(crate) fn key() -> IdempotencyKey {
    IdempotencyKey::custom("order-1234-payment").unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope::new("", Mode::Test)
}

pub(crate) async fn the_record(journal: &dyn Journal) -> Record {
    let id = RecordId::new(scope(), key().as_str());
    journal.load(&id).await.unwrap().unwrap()
}

/// A journal that dies when told to: from the given call of `store` on it fails, or never answers.
pub(crate) struct Dying {
    journal: Arc<MemoryJournal>,
    stores: AtomicUsize,
    from: usize,
    how: Death,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Death {
    /// It stores nothing any more and says so.
    Fails,
    /// It stores, and the process does not live to see it.
    Hangs,
}

impl Dying {
    pub(crate) fn new(journal: &Arc<MemoryJournal>, from: usize, how: Death) -> Self {
        let journal = journal.clone();
        let stores = AtomicUsize::new(0);
        Self {
            journal,
            stores,
            from,
            how,
        }
    }
}

impl Journal for Dying {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.journal.secret(proposal)
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.journal.load(id)
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let dead = self.stores.fetch_add(1, Ordering::SeqCst) + 1 >= self.from;
            if dead && self.how == Death::Fails {
                return Err(JournalError::new("no space left on device"));
            }
            let stored = self.journal.store(record).await;
            if dead {
                std::future::pending::<()>().await;
            }
            stored
        })
    }
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Record>> {
        self.journal.unsettled(scope, after, limit)
    }
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.journal.prune(scope, changed_before)
    }
}

/// Runs a write until its journal has died with it.
pub(crate) async fn crash<T: Send + 'static>(
    stage: &Stage,
    journal: &Arc<MemoryJournal>,
    write: impl Future<Output = T> + Send + 'static,
) {
    let task = tokio::spawn(write);
    while journal.is_empty() {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(stage.sandbox.pending_faults(), 0);
}
