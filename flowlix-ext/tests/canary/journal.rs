//! The journal, and all that is ever written into it.

use std::sync::{Arc, Mutex};

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope,
};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};

use super::shown::Shown;
use super::{AMEX, builder, card};

/// Shows every record, also as a store would write it.
struct ShowingJournal(MemoryJournal, Arc<Mutex<Shown>>);

impl Journal for ShowingJournal {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.0.secret(proposal)
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.0.load(id)
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        let mut shown = self.1.lock().unwrap();
        shown.debug(record);
        shown.debug(&record.id);
        shown.debug(&record.id.scope);
        shown.debug(&record.state);
        shown.text(serde_json::to_string(record).unwrap());
        self.0.store(record)
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Record>> {
        self.0.unsettled(scope, after, limit)
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.0.prune(scope, changed_before)
    }
}

/// Writes that are accepted, in doubt, refused by the journal, and not recorded for want of room.
pub(crate) async fn drive(all: &mut Shown, dialect: Dialect) -> Vec<ErrorKind> {
    let sandbox = Sandbox::start().await.unwrap();
    let time = ManualTime::automatic();
    let shown = Arc::<Mutex<Shown>>::default();
    let journal = ShowingJournal(MemoryJournal::with_capacity(1), shown.clone());
    let builder = builder(&sandbox, dialect, &time).journal(journal);
    all.debug(&builder);
    let flowlix = builder.build().unwrap();
    let create = |number: &str, key: &str| {
        let create = flowlix
            .payments()
            .create_direct(Money::eur(1), card(number));
        create
            .return_url("https://shop.example.com/3ds")
            .idempotency_key(IdempotencyKey::custom(key).unwrap())
    };
    all.debug(&create(AMEX, "first").await.unwrap());
    let mut errors: Vec<Error> = Vec::new();
    errors.push(create(super::common::VISA, "first").await.unwrap_err());
    sandbox.inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 4);
    errors.push(create(AMEX, "second").await.unwrap_err());
    errors.push(create(AMEX, "third").await.unwrap_err());
    for error in &errors {
        all.error(error);
    }
    assert!(errors[1].outcome_unknown(), "{}", errors[1]);
    let recover = flowlix.recover();
    all.debug(&recover);
    let recovery = recover.send().await.unwrap();
    assert!(!recovery.writes.is_empty());
    all.debug(&recovery);
    for write in &recovery.writes {
        all.both(write);
        all.both(&write.truth);
    }
    all.debug(&MemoryJournal::new());
    all.both(&JournalError::new("the disk is full"));
    all.take(&mut shown.lock().unwrap());
    errors.iter().map(Error::kind).collect()
}
