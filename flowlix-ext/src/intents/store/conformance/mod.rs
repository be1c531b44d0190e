//! What every store of intents must do: the suite that the stores of this crate pass, for a store of your own.
//!
//! ```
//! use flowlix_ext::intents::store::{MemoryStore, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::check(&MemoryStore::new()).await.unwrap();
//! # });
//! ```

mod due;
mod names;
mod races;
mod states;
mod versions;

use std::fmt;

use super::{IntentStore, RecordId, Scope, StoreError, StoredRecord, Swap};
pub use crate::conformance::Broken;
use crate::key::Mode;

/// Holds a store against everything that the SDK relies on. The suite writes records of merchants whose names begin with
/// `conformance`. The store must hold none of them before; it holds some afterwards.
///
/// # Errors
/// The first promise that does not hold.
pub async fn check(store: &dyn IntentStore) -> Result<(), Broken> {
    check_shared(store, store).await
}

/// As [`check`], with two handles of one store: two connections to one database, such as two machines have.
///
/// # Errors
/// The first promise that does not hold.
pub async fn check_shared(one: &dyn IntentStore, other: &dyn IntentStore) -> Result<(), Broken> {
    let pair = Pair { one, other };
    versions::keeps_records_as_they_are(&pair).await?;
    versions::keeps_every_byte(&pair).await?;
    versions::stores_only_the_next_version(&pair).await?;
    versions::returns_what_it_holds(&pair).await?;
    versions::deletes_only_the_version_it_holds(&pair).await?;
    names::keeps_names_apart(&pair).await?;
    due::lists_in_order(&pair).await?;
    due::lists_page_by_page(&pair).await?;
    due::lists_what_is_stored_now(&pair).await?;
    states::lists_in_order(&pair).await?;
    states::lists_page_by_page(&pair).await?;
    states::lists_what_is_stored_now(&pair).await?;
    races::lets_one_of_many_win(&pair).await?;
    races::loses_no_update(&pair).await?;
    races::stores_whole_records(&pair).await
}

/// Two handles of one store: what the one wrote, the other reads.
struct Pair<'a> {
    one: &'a dyn IntentStore,
    other: &'a dyn IntentStore,
}

impl Pair<'_> {
    async fn stores(&self, promise: &'static str, record: &StoredRecord) -> Result<(), Broken> {
        let swap = self.one.compare_and_set(record).await;
        expect(promise, Swap::Stored, swap)
    }

    async fn conflicts(
        &self,
        promise: &'static str,
        record: &StoredRecord,
        held: Option<&StoredRecord>,
    ) -> Result<(), Broken> {
        let swap = self.one.compare_and_set(record).await;
        expect(promise, Swap::Conflict(held.cloned()), swap)?;
        self.holds(promise, &record.id, held).await
    }

    async fn deletes(
        &self,
        promise: &'static str,
        record: &StoredRecord,
        expected: bool,
    ) -> Result<(), Broken> {
        let deleted = self.one.delete(&record.id, record.version).await;
        expect(promise, expected, deleted)
    }

    async fn holds(
        &self,
        promise: &'static str,
        id: &RecordId,
        held: Option<&StoredRecord>,
    ) -> Result<(), Broken> {
        expect(promise, held.cloned(), self.other.load(id).await)
    }
}

fn scope(name: &str) -> Scope {
    Scope::new(format!("conformance {name}"), Mode::Test)
}

/// A first version with every column set.
fn first(scope: Scope, key: &str) -> StoredRecord {
    let id = RecordId::new(scope, key);
    let changed_at = 1_719_792_000_123;
    StoredRecord::new(
        id,
        1,
        "created",
        Some(changed_at + 1),
        changed_at,
        b"{}".to_vec(),
    )
}

/// The version after a record, with every column changed.
fn next(record: &StoredRecord) -> StoredRecord {
    StoredRecord {
        id: record.id.clone(),
        version: record.version.saturating_add(1),
        state: format!("state_{}", record.version),
        due_at: record.due_at.map(|due| due.saturating_add(7)),
        changed_at: record.changed_at.saturating_add(3),
        body: [&record.body[..], b" and more"].concat(),
    }
}

fn expect<T: PartialEq + Told>(
    promise: &'static str,
    expected: T,
    seen: Result<T, StoreError>,
) -> Result<(), Broken> {
    match seen {
        Ok(seen) if seen == expected => Ok(()),
        Ok(seen) => Err(broken(
            promise,
            format_args!("expected {}, saw {}", expected.told(), seen.told()),
        )),
        Err(error) => Err(Broken::by(promise, &error)),
    }
}

fn broken(promise: &'static str, seen: impl fmt::Display) -> Broken {
    let seen = seen.to_string();
    Broken { promise, seen }
}

/// How the suite shows what it saw. The `Debug` of a record shows too little.
trait Told {
    fn told(&self) -> String;
}

impl Told for StoredRecord {
    fn told(&self) -> String {
        let Self { id, state, .. } = self;
        let sum = self.body.iter().fold(0_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
        });
        format!(
            "{:?} of {:?} ({}) version {}, {state:?}, due {:?}, changed {}, {} bytes (sum {sum:08x})",
            id.key,
            id.scope.merchant,
            id.scope.mode,
            self.version,
            self.due_at,
            self.changed_at,
            self.body.len()
        )
    }
}

impl<T: Told> Told for Option<T> {
    fn told(&self) -> String {
        self.as_ref().map_or("nothing".to_owned(), Told::told)
    }
}

impl<T: Told> Told for Vec<T> {
    fn told(&self) -> String {
        let all: Vec<String> = self.iter().map(Told::told).collect();
        format!("[{}]", all.join("; "))
    }
}

impl Told for Swap {
    fn told(&self) -> String {
        match self {
            Self::Stored => "stored".to_owned(),
            Self::Conflict(held) => format!("a conflict with {}", held.told()),
        }
    }
}

impl Told for bool {
    fn told(&self) -> String {
        self.to_string()
    }
}
