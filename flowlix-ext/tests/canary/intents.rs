//! Payment intents, and all that is ever written into their store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord,
    Swap,
};
use flowlix_ext::intents::{
    Intent, IntentError, IntentErrorKind, IntentFilter, IntentStatus, Intents, RefundStatus,
};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Mode, Money};
use flowlix_sandbox::{Dialect, Fault, Matcher, Sandbox};

use crate::common::secrets::{AMEX, DECLINED, THREE_D_SECURE, VISA};
use crate::shown::{Shown, show};
use crate::{builder, card};

/// Notes every record that it is given to store.
#[derive(Clone, Default)]
struct Noting(MemoryStore, Arc<Mutex<Vec<StoredRecord>>>);

impl IntentStore for Noting {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        self.0.load(id)
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        self.1.lock().unwrap().push(record.clone());
        self.0.compare_and_set(record)
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.0.due(scope, until, after, limit)
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.0.in_state(scope, state, after, limit)
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        self.0.delete(id, version)
    }
}

/// One sandbox, and what is shown of it.
struct Scene<'a> {
    all: &'a mut Shown,
    sandbox: Sandbox,
    intents: Intents,
}

/// Every status, every kind of error and every record.
pub(crate) async fn drive(all: &mut Shown, dialect: Dialect) {
    let sandbox = Sandbox::start().await.unwrap();
    let time = ManualTime::automatic();
    let flowlix = builder(&sandbox, dialect, &time).build().unwrap();
    let store = Noting::default();
    let builder = Intents::builder(flowlix, store.clone()).merchant("my-shop");
    show!(all, &builder);
    let intents = builder.build().unwrap();
    show!(all, &intents);
    let mut scene = Scene {
        all,
        sandbox,
        intents,
    };
    scene.paid_and_refunded().await;
    scene.declined_and_unknown().await;
    scene.superseded_and_closed().await;
    scene.errors().await;
    show_store(scene.all, &store).await;
}

impl Scene<'_> {
    fn intent(&self, reference: &str) -> Intent {
        self.intents.intent(reference, Money::eur(49_99))
    }

    async fn pay(&mut self, reference: &str, number: &str) -> IntentStatus {
        let intent = self.intent(reference);
        let pay = intent
            .pay(card(number))
            .return_url("https://shop.example.com/3ds");
        show!(self.all, &intent, &pay);
        let status = pay.within(Duration::from_secs(30)).await.unwrap();
        self.status(&status);
        status
    }

    fn status(&mut self, status: &IntentStatus) {
        show!(self.all, status);
        match status {
            IntentStatus::Unpaid(unpaid) => {
                self.all.text(unpaid.customer_message());
                show!(self.all, unpaid, &unpaid.reason());
            }
            IntentStatus::ActionRequired(action) => show!(self.all, action),
            IntentStatus::Processing(processing) => show!(self.all, processing),
            IntentStatus::OutcomeUnknown(unknown) => show!(self.all, unknown),
            IntentStatus::Paid(paid) => show!(self.all, paid),
            IntentStatus::Overcharged(overcharged) => show!(self.all, overcharged),
            IntentStatus::PaidAfterClose(paid) => show!(self.all, paid),
            other => panic!("{other}"),
        }
    }

    fn error(&mut self, error: &IntentError) {
        show!(self.all, error, &error.kind());
        self.all.text(&error.explain());
    }

    fn refund(&mut self, status: &RefundStatus) {
        show!(self.all, status, status.info());
    }

    async fn paid_and_refunded(&mut self) {
        assert!(self.pay("paid", AMEX).await.is_paid());
        let intent = self.intent("paid");
        let refund = intent.refund("first").amount(10_00);
        show!(self.all, &refund);
        let pending = refund.within(Duration::ZERO).await.unwrap();
        assert!(matches!(pending, RefundStatus::Pending(_)), "{pending}");
        self.refund(&pending);
        let id = pending.info().refund_id().unwrap().as_str().to_owned();
        self.sandbox.fail_refund(&id).unwrap();
        // The first look shows the failure; the next call would start another attempt.
        let failed = intent
            .refund("first")
            .amount(10_00)
            .within(Duration::ZERO)
            .await
            .unwrap();
        assert!(matches!(failed, RefundStatus::Failed(_)), "{failed}");
        self.refund(&failed);
        let again = intent.refund("first").amount(10_00).await.unwrap();
        assert!(matches!(again, RefundStatus::Succeeded(_)), "{again}");
        self.refund(&again);
        self.sandbox
            .inject_at(Matcher::method("POST"), Fault::status(422), 1);
        let rejected = intent.refund("second").amount(5_00).await.unwrap_err();
        assert_eq!(rejected.kind(), IntentErrorKind::Rejected, "{rejected}");
        self.error(&rejected);
        // Only a call that meets another one ends so.
        self.refund(&RefundStatus::NotMade(failed.info().clone()));
        self.sandbox
            .inject_at(Matcher::method("POST"), Fault::status(500), 20);
        let unknown = intent.refund("third").amount(5_00).await.unwrap();
        assert!(
            matches!(unknown, RefundStatus::OutcomeUnknown(_)),
            "{unknown}"
        );
        self.refund(&unknown);
        self.sandbox.clear_faults();
        for attempt in intent.attempts().await.unwrap() {
            show!(self.all, &attempt, &attempt.method, &attempt.state);
        }
        for entry in intent.history().await.unwrap() {
            show!(self.all, &entry);
        }
    }

    async fn declined_and_unknown(&mut self) {
        assert!(matches!(
            self.pay("declined", DECLINED).await,
            IntentStatus::Unpaid(_)
        ));
        let intent = self.intent("processing");
        let status = intent.pay(card(VISA)).within(Duration::ZERO).await.unwrap();
        assert!(matches!(status, IntentStatus::Processing(_)), "{status}");
        self.status(&status);
        self.sandbox
            .inject_at(Matcher::method("POST"), Fault::status(500), 20);
        let unknown = self.pay("unknown", VISA).await;
        assert!(
            matches!(unknown, IntentStatus::OutcomeUnknown(_)),
            "{unknown}"
        );
        self.sandbox.clear_faults();
    }

    async fn superseded_and_closed(&mut self) {
        let waiting = self.pay("twice", THREE_D_SECURE).await;
        let IntentStatus::ActionRequired(action) = &waiting else {
            panic!("{waiting}")
        };
        let id = action.payment_id().unwrap().as_str().to_owned();
        let intent = self.intent("twice");
        let second = intent.pay(card(VISA)).supersede(action.attempt());
        assert!(second.await.unwrap().is_paid());
        self.sandbox.approve(&id).unwrap();
        let returned = intent.returned(None);
        show!(self.all, &returned);
        let status = returned.await.unwrap();
        assert!(matches!(status, IntentStatus::Overcharged(_)), "{status}");
        self.status(&status);

        let intent = self.intent("closed");
        let hosted = intent.pay_hosted("https://shop.example.com/back");
        show!(self.all, &hosted);
        let waiting = hosted.await.unwrap();
        let IntentStatus::ActionRequired(action) = &waiting else {
            panic!("{waiting}")
        };
        let id = action.payment_id().unwrap().as_str().to_owned();
        intent.close().await.unwrap();
        self.sandbox.complete_hosted(&id, VISA).unwrap();
        self.sandbox.settle();
        let status = intent.status().await.unwrap();
        assert!(
            matches!(status, IntentStatus::PaidAfterClose(_)),
            "{status}"
        );
        self.status(&status);
        let canceled = self.intent("canceled");
        self.status(&canceled.close().await.unwrap());
        self.error(&canceled.pay(card(VISA)).await.unwrap_err());
    }

    async fn errors(&mut self) {
        let other = self.intents.intent("paid", Money::eur(1));
        self.error(&other.pay(card(VISA)).await.unwrap_err());
        self.error(
            &self
                .intent("new")
                .pay(card("4111111111111112"))
                .await
                .unwrap_err(),
        );
        self.error(&self.intent("new").refund("none").await.unwrap_err());
        self.error(
            &self
                .intent("paid")
                .returned(Some("payment_id=pay_abc123"))
                .await
                .unwrap_err(),
        );
        self.sandbox
            .inject_at(Matcher::method("POST"), Fault::status(401), 1);
        self.error(&self.intent("new").pay(card(VISA)).await.unwrap_err());
        let now = std::time::SystemTime::now();
        let day = Duration::from_secs(24 * 60 * 60);
        let reconciled = self.intents.reconcile(now - day, now + day).await.unwrap();
        show!(self.all, &reconciled);
        self.worker().await;
    }
}

impl Scene<'_> {
    async fn worker(&mut self) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = told.clone();
        let worker = self.intents.run(|_| async { Ok::<(), String>(()) });
        show!(self.all, &worker);
        let pass = self
            .intents
            .run_once(Duration::from_secs(60), move |change| {
                noted.lock().unwrap().push(change);
                async { Ok::<(), String>(()) }
            });
        show!(self.all, &pass.await.unwrap());
        let filter = IntentFilter::paid();
        show!(self.all, &filter);
        show!(self.all, &self.intents.list(filter).await.unwrap());
        let told = told.lock().unwrap().clone();
        assert!(told.len() > 10, "{told:?}");
        for change in &told {
            show!(self.all, change);
        }
    }
}

async fn show_store(all: &mut Shown, store: &Noting) {
    let noted = store.1.lock().unwrap().clone();
    for record in &noted {
        show!(all, record, &record.id, &record.id.scope);
        all.text(&String::from_utf8(record.body.clone()).unwrap());
    }
    let scope = Scope::new("my-shop", Mode::Test);
    let due = store.due(&scope, i64::MAX, None, 10).await.unwrap();
    show!(all, &ScanCursor::behind_due(&due[0]).unwrap(), &store.0);
    let conflict = store.compare_and_set(&noted[0]).await.unwrap();
    assert!(matches!(conflict, Swap::Conflict(Some(_))));
    show!(all, &conflict, &StoreError::new("the disk is full"));
}
