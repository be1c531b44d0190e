//! The journal, and all that is ever written into it.

use std::sync::{Arc, Mutex};

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope,
    UnreadableRecord, Unsettled,
};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, IdempotencyKey, Mode, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};

use crate::common::secrets::{AMEX, VISA};
use crate::shown::{Shown, show};
use crate::{builder, card};

/// Notes every record that it is given to store. Its secret is always the same, so that records can be compared.
pub(crate) struct Noting(pub(crate) MemoryJournal, pub(crate) Arc<Mutex<Vec<Record>>>);

impl Journal for Noting {
    fn secret(&self, _: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.0.secret([7; SECRET_LENGTH])
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.0.load(id)
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        self.1.lock().unwrap().push(record.clone());
        self.0.store(record)
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
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
    let noted = Arc::<Mutex<Vec<Record>>>::default();
    let journal = Noting(MemoryJournal::with_capacity(1), noted.clone());
    let builder = builder(&sandbox, dialect, &time).journal(journal);
    show!(all, &builder);
    let flowlix = builder.build().unwrap();
    let create = |number: &str, key: &str| {
        let create = flowlix
            .payments()
            .create_direct(Money::eur(1), card(number));
        create
            .return_url("https://shop.example.com/3ds")
            .idempotency_key(IdempotencyKey::custom(key).unwrap())
    };
    show!(all, &create(AMEX, "first").await.unwrap());
    let mut errors: Vec<Error> = Vec::new();
    errors.push(create(VISA, "first").await.unwrap_err());
    sandbox.inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 4);
    errors.push(create(AMEX, "second").await.unwrap_err());
    errors.push(create(AMEX, "third").await.unwrap_err());
    for error in &errors {
        all.error(error);
    }
    assert!(errors[1].outcome_unknown(), "{}", errors[1]);
    let recover = flowlix.recover();
    show!(all, &recover);
    let recovery = recover.send().await.unwrap();
    assert!(!recovery.writes.is_empty());
    show!(all, &recovery);
    for write in &recovery.writes {
        show!(all, write);
        show!(all, &write.truth);
    }
    show!(all, &MemoryJournal::new());
    let full = JournalError::new("the disk is full");
    let id = RecordId::new(Scope::new("", Mode::Test), "third");
    show!(all, &full, &UnreadableRecord::new(id, full.clone()));
    all.other("flowlix_ext::Unsettled");
    for record in noted.lock().unwrap().iter() {
        show!(all, record, &record.id, &record.id.scope, &record.state);
        all.text(&serde_json::to_string(record).unwrap());
    }
    errors.iter().map(Error::kind).collect()
}
