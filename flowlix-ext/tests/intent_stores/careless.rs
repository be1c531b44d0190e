//! The suite notices what a careless store does.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use flowlix_ext::Mode;
use flowlix_ext::intents::store::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
    conformance,
};

use crate::common;

const KEEPS: &str = "a record comes back as it was stored";
const BYTES: &str = "a body comes back to the byte";
const ON_TOP: &str = "a record is stored only on top of the version before";
const CONFLICT: &str = "a conflict returns the record that the store holds";
const DELETES: &str =
    "a record is deleted only in the version that the store holds, and may come again";
const NAMES: &str = "merchant, mode and key name a record together, to the letter";
const ORDER: &str =
    "what is due is listed by time, then by the bytes of the key, and nothing else is";
const PAGES: &str = "what is due is listed page by page, also where many are due at once";
const NOW: &str = "what is due is listed as the last version says";
const STATE: &str =
    "a state is listed by the time of change, then by the bytes of the key, and nothing else is";
const STATE_PAGES: &str = "a state is listed page by page, also where many changed at once";
const STATE_NOW: &str = "a state lists the records whose last version says so";
const RACE: &str =
    "of many that store the same version one succeeds, and the others hear of its record";
const CHANGES: &str = "no change is lost when many change a record";
const WHOLE: &str = "a write whose future is dropped is stored whole or not at all";

/// What a store does wrong, and the promise that the suite then finds broken.
const FAULTS: [(&str, &str); 51] = [
    ("loads nothing", KEEPS),
    ("fails to load", KEEPS),
    ("stores nothing", KEEPS),
    ("loses the state", KEEPS),
    ("cuts the state", KEEPS),
    ("cuts the key", KEEPS),
    ("rounds due_at", KEEPS),
    ("due_at 0 for none", KEEPS),
    ("none for due_at 0", KEEPS),
    ("rounds changed_at", KEEPS),
    ("changed_at never before 1970", KEEPS),
    ("ends a body at NUL", BYTES),
    ("trims a body", BYTES),
    ("takes a body for text", BYTES),
    ("cuts a long body", BYTES),
    ("keeps the old body for an empty one", BYTES),
    ("stores any version", ON_TOP),
    ("stores version 1 always", ON_TOP),
    ("stores any later version", ON_TOP),
    ("stores an early version", ON_TOP),
    ("stores version 0", ON_TOP),
    ("says that it stored", ON_TOP),
    ("fails instead of a conflict", ON_TOP),
    ("a conflict returns nothing", ON_TOP),
    ("a conflict returns the new record", ON_TOP),
    ("a conflict returns no body", CONFLICT),
    ("deletes any version", DELETES),
    ("deletes nothing", DELETES),
    ("says that it deleted", DELETES),
    ("takes no record again", DELETES),
    ("keys in lower case", NAMES),
    ("trims keys", NAMES),
    ("joins merchant and key", NAMES),
    ("merchants in lower case", NAMES),
    ("one scope for both modes", NAMES),
    ("lists what is due before until", ORDER),
    ("lists all scopes", ORDER),
    ("lists by key", ORDER),
    ("lists by letters", ORDER),
    ("lists without a limit", PAGES),
    ("continues at the next moment", PAGES),
    ("continues only behind a record", PAGES),
    ("lists by the first due_at", NOW),
    ("lists all states", STATE),
    ("lists states that begin so", STATE),
    ("lists states in any case", STATE),
    ("lists a state of all scopes", STATE),
    ("lists a state by key", STATE),
    ("lists a state without a limit", STATE_PAGES),
    ("continues a state at the next moment", STATE_PAGES),
    ("lists by the first state", STATE_NOW),
];

/// What goes wrong only where several write.
const RACES: [(&str, &str); 3] = [
    ("reads, then writes", RACE),
    ("reads, then writes changes", CHANGES),
    ("writes in two steps", WHOLE),
];

/// A store that does one thing wrong.
struct Careless {
    fault: &'static str,
    records: Mutex<BTreeMap<RecordId, StoredRecord>>,
    deleted: Mutex<BTreeSet<RecordId>>,
}

fn without_body(record: &StoredRecord) -> StoredRecord {
    let mut record = record.clone();
    record.body.clear();
    record
}

/// Lets the others go first.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| match std::mem::replace(&mut paused, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl Careless {
    fn new(fault: &'static str) -> Self {
        Self {
            fault,
            records: Mutex::default(),
            deleted: Mutex::default(),
        }
    }

    fn does(&self, fault: &str) -> bool {
        self.fault == fault
    }

    /// The name under which a record is kept.
    fn name(&self, id: &RecordId) -> RecordId {
        let mut id = id.clone();
        match self.fault {
            "keys in lower case" => id.key = id.key.to_lowercase(),
            "trims keys" => id.key = id.key.trim().to_owned(),
            "merchants in lower case" => id.scope.merchant = id.scope.merchant.to_lowercase(),
            "one scope for both modes" => id.scope.mode = Mode::Test,
            "joins merchant and key" => {
                id.scope.merchant = format!("{}/{}", id.scope.merchant, id.key);
                id.key.clear();
            }
            _ => {}
        }
        id
    }

    fn held(&self, id: &RecordId) -> Option<StoredRecord> {
        let mut held = self.records.lock().unwrap().get(&self.name(id)).cloned()?;
        held.id = id.clone();
        if self.does("cuts the key") {
            held.id.key.truncate(32);
        }
        Some(held)
    }

    fn put(&self, record: &StoredRecord) {
        let mut record = record.clone();
        let before = self.held(&record.id);
        let body = &mut record.body;
        match self.fault {
            "stores nothing" => return,
            "loses the state" => record.state = "created".to_owned(),
            "cuts the state" => record.state.truncate(16),
            "rounds due_at" => record.due_at = record.due_at.map(|due| due / 1000 * 1000),
            "due_at 0 for none" => record.due_at = Some(record.due_at.unwrap_or(0)),
            "none for due_at 0" => record.due_at = record.due_at.filter(|due| *due != 0),
            "lists by the first due_at" if record.id.scope.merchant.contains("due changes") => {
                record.due_at = before.map_or(record.due_at, |before| before.due_at);
            }
            "lists by the first state" if record.id.scope.merchant.contains("states changes") => {
                record.state = before.map_or(record.state, |before| before.state);
            }
            "rounds changed_at" => record.changed_at = record.changed_at / 1000 * 1000,
            "changed_at never before 1970" => record.changed_at = record.changed_at.max(0),
            "ends a body at NUL" => {
                let end = body.iter().position(|byte| *byte == 0);
                body.truncate(end.unwrap_or(usize::MAX));
            }
            "trims a body" => *body = body.trim_ascii().to_vec(),
            "takes a body for text" => {
                *body = String::from_utf8_lossy(body).into_owned().into_bytes();
            }
            "cuts a long body" => body.truncate(1 << 16),
            "keeps the old body for an empty one" if body.is_empty() => {
                *body = before.map_or(Vec::new(), |before| before.body);
            }
            _ => {}
        }
        let name = self.name(&record.id);
        self.records.lock().unwrap().insert(name, record);
    }

    fn accepts(&self, record: &StoredRecord, held: Option<&StoredRecord>) -> bool {
        let (version, before) = (record.version, held.map_or(0, |held| held.version));
        let dead = self.deleted.lock().unwrap().contains(&record.id);
        match self.fault {
            "stores any version" => true,
            "stores version 1 always" if version == 1 => true,
            "stores any later version" => version > before,
            "stores an early version" if held.is_none() => true,
            "stores version 0" if version == 0 => true,
            "takes no record again" if dead => false,
            _ => version == before + 1,
        }
    }

    fn conflict(
        &self,
        record: &StoredRecord,
        held: Option<StoredRecord>,
    ) -> Result<Swap, StoreError> {
        Ok(match self.fault {
            "says that it stored" => Swap::Stored,
            "fails instead of a conflict" => return Err(StoreError::new("a conflict")),
            "a conflict returns nothing" => Swap::Conflict(None),
            "a conflict returns the new record" => Swap::Conflict(held.map(|_| record.clone())),
            "a conflict returns no body"
                if held.as_ref().is_some_and(|held| held.body.len() > 99) =>
            {
                Swap::Conflict(held.as_ref().map(without_body))
            }
            _ => Swap::Conflict(held),
        })
    }
}

impl IntentStore for Careless {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move {
            match self.fault {
                "loads nothing" => Ok(None),
                "fails to load" => Err(StoreError::new("no disk")),
                _ => Ok(self.held(id)),
            }
        })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let held = self.held(&record.id);
            let of = &record.id.scope.merchant;
            if self.does("reads, then writes")
                || self.does("reads, then writes changes") && of.contains("changes")
            {
                pause().await;
            }
            if !self.accepts(record, held.as_ref()) {
                return self.conflict(record, held);
            }
            if self.does("writes in two steps") && of.contains("dropped") {
                self.put(&without_body(record));
                pause().await;
            }
            self.put(record);
            Ok(Swap::Stored)
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async move {
            let all = self.records.lock().unwrap().clone();
            let place = |record: &StoredRecord| ScanCursor::behind_due(record);
            let exists = after.is_none_or(|after| {
                let mut same = all.values().filter(|record| record.id.scope == *scope);
                same.any(|record| place(record).as_ref() == Some(after))
            });
            if self.does("continues only behind a record") && !exists {
                return Ok(Vec::new());
            }
            let mut due: Vec<StoredRecord> = all.into_values().collect();
            due.retain(|record| self.does("lists all scopes") || record.id.scope == *scope);
            due.retain(|record| match self.fault {
                "lists what is due before until" => record.due_at.is_some_and(|due| due < until),
                _ => record.due_at.is_some_and(|due| due <= until),
            });
            due.retain(|record| match (after, self.fault) {
                (None, _) => true,
                (Some(after), "continues at the next moment") => record.due_at > Some(after.at),
                (Some(after), _) => place(record).as_ref() > Some(after),
            });
            match self.fault {
                "lists by key" => due.sort_by_key(|record| record.id.key.clone()),
                "lists by letters" => {
                    let letters = |key: &str| {
                        key.to_lowercase()
                            .replace(|l: char| !l.is_alphanumeric(), "")
                    };
                    due.sort_by_key(|record| (record.due_at, letters(&record.id.key)));
                }
                _ => due.sort_by_key(place),
            }
            if !self.does("lists without a limit") {
                due.truncate(limit as usize);
            }
            Ok(due)
        })
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async move {
            let all = self.records.lock().unwrap().clone();
            let mut found: Vec<StoredRecord> = all.into_values().collect();
            let of_all_scopes = self.does("lists a state of all scopes");
            found.retain(|record| of_all_scopes || record.id.scope == *scope);
            found.retain(|record| match self.fault {
                "lists all states" => true,
                "lists states that begin so" => record.state.starts_with(state),
                "lists states in any case" => record.state.eq_ignore_ascii_case(state),
                _ => record.state == state,
            });
            found.retain(|record| match (after, self.fault) {
                (None, _) => true,
                (Some(after), "continues a state at the next moment") => {
                    record.changed_at > after.at
                }
                (Some(after), _) => ScanCursor::behind_change(record) > *after,
            });
            match self.fault {
                "lists a state by key" => found.sort_by_key(|record| record.id.key.clone()),
                _ => found.sort_by_key(ScanCursor::behind_change),
            }
            if !self.does("lists a state without a limit") {
                found.truncate(limit as usize);
            }
            Ok(found)
        })
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let held = self.held(id);
            let is_held = held.is_some_and(|held| held.version == version);
            match self.fault {
                "deletes nothing" => return Ok(is_held),
                "says that it deleted" if !is_held => return Ok(true),
                "deletes any version" => {}
                _ if !is_held => return Ok(false),
                _ => {}
            }
            self.deleted.lock().unwrap().insert(id.clone());
            let gone = self.records.lock().unwrap().remove(&self.name(id));
            Ok(gone.is_some())
        })
    }
}

#[tokio::test]
async fn the_suite_notices_each_fault_of_a_store() {
    common::watch::everything();
    conformance::check(&Careless::new("nothing")).await.unwrap();
    for (fault, promise) in FAULTS.into_iter().chain(RACES) {
        match conformance::check(&Careless::new(fault)).await {
            Ok(()) => panic!("nobody noticed: {fault}"),
            Err(broken) => assert_eq!(broken.promise, promise, "{fault}: {broken}"),
        }
    }
}
