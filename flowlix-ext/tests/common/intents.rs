//! What the tests of payment intents share: a shop with a store, its processes, and stores in which something happens.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, RecordId, ScanCursor, Scope, StoreFuture, StoredRecord, Swap,
};
use flowlix_ext::intents::{
    ActionRequired, Intent, IntentError, IntentStatus, Intents, OutcomeUnknown, Pay, Unpaid,
};
use flowlix_ext::runtime::Runtime;
use flowlix_ext::{Flowlix, Money};
use flowlix_sandbox::{Dialect, Fault, Matcher, Operation, PaymentRecord, Status};

use super::{DIALECTS, Stage, card};

pub(crate) const MASTERCARD: &str = "5555555555554444";
pub(crate) const RETURN_URL: &str = "https://shop.example.com/back";
/// More than the quiet time, with room for clocks that differ.
pub(crate) const QUIET: Duration = Duration::from_secs(45 * 60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// A dialect and a store: each case holds in all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) dialect: Dialect,
    store: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

const STORES: &[Kind] = &[
    Kind::Memory,
    #[cfg(feature = "sqlite")]
    Kind::Sqlite,
];

impl Kind {
    /// What opens a new store as often as there are processes.
    fn opener(self) -> Opener {
        match self {
            Self::Memory => {
                let store = MemoryStore::new();
                Box::new(move || Arc::new(store.clone()))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                use flowlix_ext::intents::store::SqliteStore;

                let folder = Folder::new("shop");
                let file = folder.path().join("intents.sqlite");
                Box::new(move || {
                    // The folder lives as long as what opens the store.
                    let _: &Folder = &folder;
                    Arc::new(SqliteStore::open(&file).unwrap())
                })
            }
        }
    }
}

type Opener = Box<dyn Fn() -> Arc<dyn IntentStore> + Send + Sync>;

/// A folder of its own, gone afterwards.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        super::watch::everything();
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let path = std::env::temp_dir().join(super::own_name(&format!("{name}{number}")));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Both dialects with every store.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let of = |dialect| STORES.iter().map(move |&store| Case { dialect, store });
    DIALECTS.into_iter().flat_map(of)
}

/// A shop with one order: a stage, and a store that several processes share.
pub(crate) struct Shop {
    pub(crate) stage: Stage,
    pub(crate) case: Case,
    open: Opener,
    /// The names of the records that were stored.
    names: Arc<Mutex<BTreeSet<RecordId>>>,
}

impl Shop {
    pub(crate) async fn new(case: Case) -> Self {
        Self::on(Stage::new(case.dialect).await, case)
    }

    pub(crate) fn on(stage: Stage, case: Case) -> Self {
        Self {
            stage,
            case,
            open: case.store.opener(),
            names: Arc::default(),
        }
    }

    /// The store as another process opens it.
    pub(crate) fn store(&self) -> Hooked {
        Hooked {
            names: self.names.clone(),
            ..Hooked::of((self.open)())
        }
    }

    /// Intents as another process makes them: nothing is shared but the store and the clock.
    pub(crate) fn intents(&self) -> Intents {
        self.intents_on(self.store())
    }

    pub(crate) fn intents_on(&self, store: impl IntentStore + 'static) -> Intents {
        self.intents_with(self.stage.sandbox.key(self.stage.dialect), store)
    }

    /// Intents of a process with another API key.
    pub(crate) fn intents_of_key(&self, key: &str) -> Intents {
        self.intents_with(key, self.store())
    }

    fn intents_with(&self, key: &str, store: impl IntentStore + 'static) -> Intents {
        self.intents_at(key, self.stage.time.clone(), store)
    }

    /// Intents of a machine with a clock of its own.
    pub(crate) fn intents_at(
        &self,
        key: &str,
        clock: impl Runtime + 'static,
        store: impl IntentStore + 'static,
    ) -> Intents {
        let flowlix = Flowlix::builder(key)
            .base_url(self.stage.sandbox.base_url())
            .runtime(clock)
            .build()
            .unwrap();
        Intents::builder(flowlix, store)
            .merchant("my-shop")
            .build()
            .unwrap()
    }

    /// The order, in a process of its own.
    pub(crate) fn order(&self) -> Intent {
        order(&self.intents())
    }

    /// How many payments exist, and how often a card is charged once all is processed.
    pub(crate) fn charges(&self) -> (usize, usize) {
        self.stage.payments_and_charges()
    }

    /// The only payment, as the sandbox knows it.
    pub(crate) fn payment(&self) -> PaymentRecord {
        let ledger = self.stage.sandbox.ledger();
        assert_eq!(ledger.payments().len(), 1);
        ledger.payments()[0].clone()
    }

    /// The newest payment, as the sandbox knows it.
    pub(crate) fn newest_payment(&self) -> PaymentRecord {
        self.stage
            .sandbox
            .ledger()
            .payments()
            .last()
            .unwrap()
            .clone()
    }

    /// The customer passes 3-D Secure.
    pub(crate) fn approve(&self, action: &ActionRequired) {
        let id = action.payment_id().unwrap().as_str();
        self.stage.sandbox.approve(id).unwrap();
    }

    /// From now on no answer to a write arrives, and lists do not show what is new.
    pub(crate) fn lose_answers(&self) {
        self.inject_into_writes(Fault::LoseAnswer);
        self.stage.sandbox.set_list_lag(60);
    }

    /// From now on something goes wrong with every write.
    pub(crate) fn inject_into_writes(&self, fault: Fault) {
        let sandbox = &self.stage.sandbox;
        sandbox.inject_at(Matcher::method("POST"), fault, 1000);
    }

    /// A call is dropped while its request is on its way, until `release_late`.
    pub(crate) async fn drop_late<T: Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = T> + Send + 'static,
    ) {
        self.stage.sandbox.inject_at(operation, Fault::Late, 1);
        let call = tokio::spawn(call);
        self.stage.sandbox.wait_for_late(1).await;
        call.abort();
        assert!(call.await.is_err_and(|error| error.is_cancelled()));
    }

    /// As [`drop_late`](Self::drop_late), for a card.
    pub(crate) async fn drop_late_card(&self) {
        let call = paying(&self.order(), super::VISA).send();
        self.drop_late(Operation::CreateDirectPayment, call).await;
    }

    /// A `pay` whose request was lost; lists are healthy afterwards.
    pub(crate) async fn lose(&self, intents: &Intents, fault: Fault) {
        self.inject_into_writes(fault);
        self.stage.sandbox.set_list_lag(60);
        unknown(pay(&order(intents), super::VISA).await);
        self.heal();
    }

    /// From now on all is well.
    pub(crate) fn heal(&self) {
        self.stage.sandbox.clear_faults();
        self.stage.sandbox.set_list_lag(0);
    }

    /// The idempotency keys of the writes that arrived whole.
    pub(crate) fn keys_sent(&self) -> BTreeSet<String> {
        let posts = self.stage.posts();
        let keys = posts.iter();
        let keys = keys.filter_map(|post| post.header("idempotency-key"));
        keys.map(str::to_owned).collect()
    }

    /// A copy of the store's records.
    pub(crate) async fn backup(&self) -> Vec<StoredRecord> {
        let names = self.names.lock().unwrap().clone();
        let store = (self.open)();
        let mut records = Vec::new();
        for name in &names {
            records.extend(store.load(name).await.unwrap());
        }
        records
    }

    /// The store's records are those of a copy.
    pub(crate) async fn restore(&self, copy: &[StoredRecord]) {
        let store = (self.open)();
        for record in self.backup().await {
            let is_gone = store.delete(&record.id, record.version).await;
            assert!(is_gone.unwrap());
        }
        for record in copy {
            for version in 1..=record.version {
                let mut record = record.clone();
                record.version = version;
                let swap = store.compare_and_set(&record).await.unwrap();
                assert_eq!(swap, Swap::Stored);
            }
        }
    }

    /// Holds a status against the ledger: what it says is so, and stays so unless somebody pays again.
    pub(crate) fn assert_true(&self, status: &IntentStatus) {
        let sandbox = &self.stage.sandbox;
        if matches!(status, IntentStatus::Unpaid(_)) {
            sandbox.settle();
        }
        let ledger = sandbox.ledger();
        let find = |id: &flowlix_ext::model::PaymentId| ledger.payment(id.as_str()).unwrap();
        match status {
            IntentStatus::Unpaid(_) => {
                assert_eq!(ledger.charges(), 0, "{status}");
                let mut payments = ledger.payments().iter();
                assert!(
                    payments.all(|payment| payment.status.is_terminal()),
                    "{status}"
                );
            }
            IntentStatus::ActionRequired(action) => {
                let payment = find(action.payment_id().unwrap());
                assert!(
                    matches!(payment.status, Status::RequiresAction | Status::Pending),
                    "{status}: {payment:?}"
                );
            }
            IntentStatus::Processing(_) => assert!(!ledger.payments().is_empty(), "{status}"),
            IntentStatus::OutcomeUnknown(unknown) => {
                let is_certain_once = unknown.certain_from() > Some(unknown.since());
                assert!(is_certain_once || unknown.needs_person(), "{status}");
            }
            IntentStatus::Paid(paid) => {
                assert_eq!(ledger.charges(), 1, "{status}");
                assert!(find(paid.payment_id().unwrap()).charged, "{status}");
            }
            IntentStatus::Overcharged(over) => {
                let mut ids: Vec<_> = over.refund().iter().chain(over.keep()).collect();
                assert!(ids.iter().all(|id| find(id).charged), "{status}");
                ids.sort();
                ids.dedup();
                assert_eq!(ledger.charges(), ids.len(), "{status}");
            }
            IntentStatus::PaidAfterClose(paid) => {
                assert!(
                    paid.payments().iter().all(|id| find(id).charged),
                    "{status}"
                );
                assert_eq!(ledger.charges(), paid.payments().len(), "{status}");
            }
            other => panic!("{other}"),
        }
    }

    /// A process that comes later pays with this card, and the order is charged once then.
    pub(crate) async fn assert_paid_once_by(&self, number: &str) {
        let status = pay(&self.order(), number).await;
        assert!(
            matches!(status, IntentStatus::Paid(_)),
            "{:?}: {status}",
            self.case
        );
        self.assert_true(&status);
        assert_eq!(self.charges().1, 1);
    }
}

pub(crate) fn order(intents: &Intents) -> Intent {
    intents.intent("order-1234", Money::eur(49_99))
}

pub(crate) fn paying(intent: &Intent, number: &str) -> Pay {
    intent.pay(card(number)).return_url(RETURN_URL)
}

pub(crate) async fn pay(intent: &Intent, number: &str) -> IntentStatus {
    paying(intent, number).await.unwrap()
}

#[track_caller]
pub(crate) fn unpaid(status: IntentStatus) -> Unpaid {
    match status {
        IntentStatus::Unpaid(unpaid) => unpaid,
        other => panic!("{other}"),
    }
}

#[track_caller]
pub(crate) fn action(status: IntentStatus) -> ActionRequired {
    match status {
        IntentStatus::ActionRequired(action) => action,
        other => panic!("{other}"),
    }
}

#[track_caller]
pub(crate) fn unknown(status: IntentStatus) -> OutcomeUnknown {
    match status {
        IntentStatus::OutcomeUnknown(unknown) => unknown,
        other => panic!("{other}"),
    }
}

/// Polls a future so often, and drops it; its output, if it was done before.
pub(crate) async fn dropped_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Around a write of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

pub(crate) type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;
type Hook = Arc<dyn Fn(usize, Moment) -> Option<Deed> + Send + Sync>;

/// How often a store was asked.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    loads: AtomicUsize,
    writes: AtomicUsize,
    witnesses: AtomicUsize,
}

/// Reads, writes of the intent's record, and reads or writes of witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) loads: usize,
    pub(crate) writes: usize,
    pub(crate) witnesses: usize,
}

impl Counts {
    /// What was counted since the last time.
    pub(crate) fn take(&self) -> Counted {
        let taken = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        Counted {
            loads: taken(&self.loads),
            writes: taken(&self.writes),
            witnesses: taken(&self.witnesses),
        }
    }
}

/// A process's view of the shop's store, in which something may happen right before or right after a write.
#[derive(Clone)]
pub(crate) struct Hooked {
    store: Arc<dyn IntentStore>,
    names: Arc<Mutex<BTreeSet<RecordId>>>,
    counts: Arc<Counts>,
    hook: Option<Hook>,
}

impl Hooked {
    /// The view of a process that has the store alone.
    pub(crate) fn of(store: Arc<dyn IntentStore>) -> Self {
        Self {
            store,
            names: Arc::default(),
            counts: Arc::default(),
            hook: None,
        }
    }

    /// The process really dies around the write of this number.
    pub(crate) fn aborting(mut self, moment: Moment, at: usize) -> Self {
        self.hook = Some(Arc::new(move |number, when| {
            if (number, when) == (at, moment) {
                std::process::abort();
            }
            None
        }));
        self
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Something else happens around the write of this number.
    pub(crate) fn meanwhile(
        mut self,
        moment: Moment,
        at: usize,
        deed: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let deed: Mutex<Option<Deed>> = Mutex::new(Some(Box::pin(deed)));
        self.hook = Some(Arc::new(move |number, when| {
            let is_now = (number, when) == (at, moment);
            is_now.then(|| deed.lock().unwrap().take()).flatten()
        }));
        self
    }

    /// The process dies around the write of this number: the store answers no more, and tells the crash.
    pub(crate) fn crashing(mut self, moment: Moment, at: usize) -> (Self, Crash) {
        let crash = Crash::default();
        let told = crash.clone();
        self.hook = Some(Arc::new(move |number, when| {
            if (number, when) != (at, moment) {
                return None;
            }
            let told = told.clone();
            Some(Box::pin(async move {
                told.0.notify_one();
                std::future::pending::<()>().await;
            }))
        }));
        (self, crash)
    }

    async fn happen(&self, number: usize, moment: Moment) {
        if let Some(deed) = self.hook.as_ref().and_then(|hook| hook(number, moment)) {
            deed.await;
        }
    }

    fn is_witness(id: &RecordId) -> bool {
        id.key.starts_with("witness-")
    }
}

/// The death of a process.
#[derive(Clone, Default)]
pub(crate) struct Crash(Arc<tokio::sync::Notify>);

impl Crash {
    /// Works until the process dies; what the work came to, if it was done before.
    pub(crate) async fn or_done<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut crash) = (pin!(work), pin!(self.0.notified()));
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            crash.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}

impl IntentStore for Hooked {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        let counts = &self.counts;
        let count = if Self::is_witness(id) {
            &counts.witnesses
        } else {
            &counts.loads
        };
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            // Not at once, as from a disk or a network.
            tokio::task::yield_now().await;
            self.store.load(id).await
        })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        self.names.lock().unwrap().insert(record.id.clone());
        if Self::is_witness(&record.id) {
            self.counts.witnesses.fetch_add(1, Ordering::SeqCst);
            return self.store.compare_and_set(record);
        }
        let number = self.counts.writes.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.happen(number, Moment::Before).await;
            let swap = self.store.compare_and_set(record).await;
            self.happen(number, Moment::After).await;
            swap
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.store.due(scope, until, after, limit)
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.store.in_state(scope, state, after, limit)
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        self.store.delete(id, version)
    }
}

/// A store of files, for processes that share a folder: a version of a record is a file, which exists or not.
pub(crate) struct Files(pub(crate) PathBuf);

impl Files {
    fn newest(&self, id: &RecordId) -> Option<StoredRecord> {
        let read = |version: u64| std::fs::read(self.file(&id.key, version)).ok();
        let versions = (1..).map_while(|version| Some((version, read(version)?)));
        let (version, body) = versions.last()?;
        Some(StoredRecord::new(id.clone(), version, "", None, 0, body))
    }

    fn file(&self, key: &str, version: u64) -> PathBuf {
        self.0.join(format!("{key}.{version}"))
    }
}

impl IntentStore for Files {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move { Ok(self.newest(id)) })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let held = self.newest(&record.id);
            if held.as_ref().map_or(0, |held| held.version) + 1 != record.version {
                return Ok(Swap::Conflict(held));
            }
            // Written beside, and linked whole: of two processes one gets the name.
            let mut token = [0_u8; 8];
            getrandom::getrandom(&mut token).unwrap();
            let beside = self.0.join(format!("{token:02x?}"));
            std::fs::write(&beside, &record.body).unwrap();
            let file = self.file(&record.id.key, record.version);
            Ok(match std::fs::hard_link(&beside, file) {
                Ok(()) => Swap::Stored,
                Err(_) => Swap::Conflict(self.newest(&record.id)),
            })
        })
    }

    fn due<'a>(
        &'a self,
        _: &'a Scope,
        _: i64,
        _: Option<&'a ScanCursor>,
        _: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn in_state<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: Option<&'a ScanCursor>,
        _: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn delete<'a>(&'a self, _: &'a RecordId, _: u64) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }
}
