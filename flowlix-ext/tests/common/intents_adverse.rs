//! What the tests of intents under adverse conditions share: one clock for both sides, and a store that fails.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord,
    Swap,
};
use flowlix_ext::intents::{Intent, IntentStatus, Intents};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, Money};
use flowlix_sandbox::{Dialect, Sandbox};

use crate::common::{Stage, card};

/// A stage on which the client's clock moves the sandbox's.
pub(crate) async fn stage(dialect: Dialect) -> Stage {
    stage_on(Sandbox::start().await.unwrap(), dialect)
}

pub(crate) fn stage_on(sandbox: Sandbox, dialect: Dialect) -> Stage {
    let clock = sandbox.clock();
    let time = ManualTime::automatic().on_advance(move |by| clock.advance(by));
    let mut stage = Stage::on(sandbox, dialect, |builder| builder.runtime(time.clone()));
    stage.time = time;
    stage
}

/// A process that uses this store.
pub(crate) fn intents(stage: &Stage, store: impl IntentStore + 'static) -> Intents {
    intents_of(stage.flowlix.clone(), store)
}

pub(crate) fn intents_of(flowlix: Flowlix, store: impl IntentStore + 'static) -> Intents {
    let builder = Intents::builder(flowlix, store);
    builder.merchant("my-shop").build().unwrap()
}

/// The client of a process with this API key.
pub(crate) fn client(stage: &Stage, key: &str) -> Flowlix {
    Flowlix::builder(key)
        .base_url(stage.sandbox.base_url())
        .runtime(stage.time.clone())
        .build()
        .unwrap()
}

pub(crate) fn order(stage: &Stage, store: impl IntentStore + 'static) -> Intent {
    order_of(&intents(stage, store))
}

pub(crate) fn order_of(intents: &Intents) -> Intent {
    intents.intent("order-1234", Money::eur(49_99))
}

pub(crate) fn paying(intent: &Intent, number: &str) -> flowlix_ext::intents::Pay {
    intent
        .pay(card(number))
        .return_url("https://shop.example.com/3ds")
}

pub(crate) async fn pay(intent: &Intent, number: &str) -> IntentStatus {
    paying(intent, number).await.unwrap()
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// The idempotency key of each write of which the head has arrived.
pub(crate) fn keys(stage: &Stage) -> Vec<String> {
    let posts = stage.posts();
    let keys = posts
        .iter()
        .filter_map(|post| post.header("idempotency-key"));
    keys.map(str::to_owned).collect()
}

/// The methods of a store that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Load,
    CompareAndSet,
}

/// How a call of the store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Fails,
    /// It does what it was asked, and says that it failed.
    DoesAndFails,
    /// It never answers; time goes by.
    Hangs,
    DoesAndHangs,
    /// It panics in its future.
    Panics,
    /// It panics before there is a future.
    PanicsAtOnce,
}

pub(crate) const HOWS: [How; 6] = [
    How::Fails,
    How::DoesAndFails,
    How::Hangs,
    How::DoesAndHangs,
    How::Panics,
    How::PanicsAtOnce,
];

/// A store that fails when it is told to; clones share everything.
#[derive(Clone)]
pub(crate) struct FailingStore {
    pub(crate) memory: MemoryStore,
    time: ManualTime,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    trouble: Option<Trouble>,
    calls: usize,
    failed: usize,
}

#[derive(Clone, Copy)]
struct Trouble {
    method: Method,
    from: usize,
    times: usize,
    how: How,
}

impl FailingStore {
    pub(crate) fn new(stage: &Stage) -> Self {
        Self {
            memory: MemoryStore::new(),
            time: stage.time.clone(),
            plan: Arc::default(),
        }
    }

    /// From now on the calls of a method fail: `times` of them, beginning with number `from`, counted from 1.
    pub(crate) fn fail(&self, method: Method, from: usize, times: usize, how: How) {
        *self.plan() = Plan {
            trouble: Some(Trouble {
                method,
                from,
                times,
                how,
            }),
            ..Plan::default()
        };
    }

    /// Ends the trouble and tells how many calls have failed.
    pub(crate) fn heal(&self) -> usize {
        std::mem::take(&mut *self.plan()).failed
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    fn next(&self, method: Method) -> Option<How> {
        let mut plan = self.plan();
        let trouble = plan.trouble.filter(|trouble| trouble.method == method)?;
        plan.calls += 1;
        let is_hit = plan.calls >= trouble.from && plan.calls - trouble.from < trouble.times;
        plan.failed += usize::from(is_hit);
        is_hit.then_some(trouble.how)
    }

    fn act<'a, T: Send + 'a>(
        &'a self,
        method: Method,
        work: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let how = self.next(method);
        if how == Some(How::PanicsAtOnce) {
            panic!("a mistake of the application");
        }
        Box::pin(async move {
            let Some(how) = how else {
                return work.await;
            };
            if how == How::Panics {
                panic!("a mistake of the application");
            }
            if matches!(how, How::DoesAndFails | How::DoesAndHangs) {
                let _lost = work.await;
            }
            if matches!(how, How::Hangs | How::DoesAndHangs) {
                self.time.advance(Duration::from_secs(6));
                std::future::pending::<()>().await;
            }
            Err(StoreError::new("no space left on device"))
        })
    }
}

impl IntentStore for FailingStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        self.act(Method::Load, self.memory.load(id))
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        self.act(Method::CompareAndSet, self.memory.compare_and_set(record))
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.memory.due(scope, until, after, limit)
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.memory.in_state(scope, state, after, limit)
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        self.memory.delete(id, version)
    }
}
