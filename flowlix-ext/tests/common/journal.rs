//! What the tests of the journal share: a stage with a journal, restarts, and a journal that dies.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope,
    Unsettled,
};
use flowlix_ext::runtime::{RandomUnavailable, Runtime, Sleep, SleepPurpose};
use flowlix_ext::testing::ManualTime;
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

/// A journal that dies when told to: from the given call of one of its methods on that fails, or never answers.
pub(crate) struct Dying {
    journal: Arc<MemoryJournal>,
    method: &'static str,
    calls: Arc<AtomicUsize>,
    from: usize,
    how: Death,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Death {
    /// It does nothing any more and says so.
    Fails,
    /// It panics before there is a future.
    PanicsAtOnce,
    /// It panics in its future.
    Panics,
    /// It does it, and the process does not live to see it.
    Hangs,
    /// It hangs, and panics when it is given up.
    HangsAndPanics,
}

/// The ways in which it tells that it has died.
pub(crate) const FAILURES: [Death; 3] = [Death::Fails, Death::PanicsAtOnce, Death::Panics];

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a mistake of the application");
    }
}

impl Dying {
    /// It dies in `store`.
    pub(crate) fn new(journal: &Arc<MemoryJournal>, from: usize, how: Death) -> Self {
        Self::at("store", journal, from, how)
    }

    pub(crate) fn at(
        method: &'static str,
        journal: &Arc<MemoryJournal>,
        from: usize,
        how: Death,
    ) -> Self {
        Self {
            journal: journal.clone(),
            method,
            calls: Arc::default(),
            from,
            how,
        }
    }

    /// How often the method was called in which it dies.
    pub(crate) fn calls(&self) -> Arc<AtomicUsize> {
        self.calls.clone()
    }

    fn live<'a, T: Send + 'a>(
        &self,
        method: &str,
        work: JournalFuture<'a, T>,
    ) -> JournalFuture<'a, T> {
        let is_mortal = method == self.method;
        let dead = is_mortal && self.calls.fetch_add(1, Ordering::SeqCst) + 1 >= self.from;
        let death = dead.then_some(self.how);
        if death == Some(Death::PanicsAtOnce) {
            panic!("a mistake of the application");
        }
        Box::pin(async move {
            if death == Some(Death::Fails) {
                return Err(JournalError::new("no space left on device"));
            }
            // Not at once, as from a disk or a network.
            tokio::task::yield_now().await;
            if death == Some(Death::Panics) {
                panic!("a mistake of the application");
            }
            let done = work.await;
            if let Some(death) = death {
                let _given_up = (death == Death::HangsAndPanics).then(|| PanicsWhenDropped);
                std::future::pending::<()>().await;
            }
            done
        })
    }
}

impl Journal for Dying {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.live("secret", self.journal.secret(proposal))
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.live("load", self.journal.load(id))
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        self.live("store", self.journal.store(record))
    }
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        self.live("unsettled", self.journal.unsettled(scope, after, limit))
    }
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.live("prune", self.journal.prune(scope, changed_before))
    }
}

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A journal during one of whose calls of `store` something else happens, right before that or right after it.
pub(crate) struct Meanwhile {
    journal: Arc<MemoryJournal>,
    stores: AtomicUsize,
    at: usize,
    moment: Moment,
    deed: Mutex<Option<Deed>>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    Before,
    After,
}

impl Meanwhile {
    pub(crate) fn new(
        journal: &Arc<MemoryJournal>,
        moment: Moment,
        at: usize,
        deed: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            journal: journal.clone(),
            stores: AtomicUsize::new(0),
            at,
            moment,
            deed: Mutex::new(Some(Box::pin(deed))),
        }
    }

    async fn happen(&self) {
        let deed = self.deed.lock().unwrap().take();
        deed.expect("it happens once").await;
    }
}

impl Journal for Meanwhile {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.journal.secret(proposal)
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.journal.load(id)
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let is_now = self.stores.fetch_add(1, Ordering::SeqCst) + 1 == self.at;
            if is_now && self.moment == Moment::Before {
                self.happen().await;
            }
            let stored = self.journal.store(record).await;
            if is_now && self.moment == Moment::After {
                self.happen().await;
            }
            stored
        })
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

/// A machine whose wall clock is ahead of the others, or was asleep: only its wall clock noticed.
#[derive(Clone)]
pub(crate) struct Ahead {
    time: ManualTime,
    seconds: Arc<AtomicU64>,
}

impl Ahead {
    pub(crate) fn of(time: &ManualTime, seconds: u64) -> Self {
        Self {
            time: time.clone(),
            seconds: Arc::new(AtomicU64::new(seconds)),
        }
    }

    /// Somebody sets the clock right.
    pub(crate) fn set_back(&self) {
        self.seconds.store(0, Ordering::SeqCst);
    }

    pub(crate) fn sleep_for(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Runtime for Ahead {
    fn now(&self) -> SystemTime {
        self.time.now() + Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }
    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        self.time.sleep(duration, purpose)
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.time.fill_random(bytes)
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
