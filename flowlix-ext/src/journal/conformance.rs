//! What every journal must do: the suite that the journals of this crate pass, for one of your own.
//!
//! ```
//! use flowlix_ext::journal::{MemoryJournal, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::check(&MemoryJournal::new()).await.unwrap();
//! # });
//! ```

use std::fmt;

use flowlix_api::Dialect;
use serde_json::json;

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, State, Unsettled};
use super::store::{Journal, SECRET_LENGTH};
use crate::call::operation::Operation;
pub use crate::conformance::Broken;
use crate::conformance::together;
use crate::key::Mode;

/// Holds a journal against everything that the SDK relies on. It writes records under accounts whose names begin
/// with `conformance`, which must be empty before, and leaves some behind.
///
/// # Errors
/// The first promise that does not hold.
pub async fn check(journal: &dyn Journal) -> Result<(), Broken> {
    keeps_the_first_secret(journal).await?;
    keeps_records_as_they_are(journal).await?;
    stores_only_the_next_version(journal).await?;
    keeps_names_apart(journal).await?;
    keeps_one_record_for_a_key(journal).await?;
    lists_what_is_not_settled(journal).await?;
    prunes_what_is_settled_and_old(journal).await?;
    lets_one_of_many_win(journal).await
}

/// A record for tests of a journal: not settled, with every member set and texts that stores like to break.
#[must_use]
pub fn sample(scope: Scope, key: &str) -> Record {
    Record {
        id: RecordId::new(scope, key),
        version: 1,
        operation: Operation::CreateDirectPayment.name().to_owned(),
        dialect: Dialect::Uppercase,
        credential: "0123456789abcdef".to_owned(),
        fingerprint: "fedcba9876543210".to_owned(),
        stamp: Some("00112233445566778899aabbccddeeff".to_owned()),
        amount: Some(i64::MAX),
        currency: Some("EUR".to_owned()),
        payment_id: flowlix_api::model::PaymentId::received("pay_abc123").ok(),
        merchant_reference: Some("Grüße'\"\\%; 🧾 \u{0}\u{7f}\n".to_owned()),
        reason: Some(String::new()),
        started_at: 1_719_792_000_123,
        quiet_from: i64::MAX,
        seconds_ahead: Some(-7),
        used_elsewhere: true,
        holder: "one".to_owned(),
        changed_at: 1_719_792_000_123,
        state: State::Sending,
    }
}

fn scope(name: &str) -> Scope {
    Scope::new(format!("conformance {name}"), Mode::Test)
}

fn accepted() -> State {
    State::Accepted {
        result: json!({"id": "pay_abc123", "metadata": {"nul": "\u{0}", "big": i64::MIN, "none": null}}),
        request_id: Some("req_abc123".to_owned()),
    }
}

fn changed(record: &Record, state: State) -> Record {
    let mut next = record.clone();
    next.version += 1;
    next.state = state;
    next
}

fn expect<T: PartialEq + fmt::Debug>(
    promise: &'static str,
    expected: T,
    seen: Result<T, JournalError>,
) -> Result<(), Broken> {
    match seen {
        Ok(seen) if seen == expected => Ok(()),
        Ok(seen) => Err(Broken {
            promise,
            seen: format!("expected {expected:?}, saw {seen:?}"),
        }),
        Err(error) => Err(Broken::by(promise, &error)),
    }
}

/// Records of the suite's own, which every store can read.
async fn page(
    journal: &dyn Journal,
    scope: &Scope,
    after: Option<&RecordId>,
    limit: u32,
) -> Result<Vec<Record>, JournalError> {
    let page = journal.unsettled(scope, after, limit).await?;
    let read = |entry: Unsettled| entry.map_err(|unreadable| unreadable.error);
    page.into_iter().map(read).collect()
}

async fn keeps_the_first_secret(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "the first secret is kept for ever";
    let first = journal.secret([1; SECRET_LENGTH]).await;
    let first = first.map_err(|error| Broken::by(promise, &error))?;
    expect(promise, first, journal.secret([2; SECRET_LENGTH]).await)
}

async fn keeps_records_as_they_are(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "a record comes back as it was stored";
    let record = sample(scope("keeps"), "k");
    expect(promise, None, journal.load(&record.id).await)?;
    expect(promise, true, journal.store(&record).await)?;
    expect(
        promise,
        Some(record.clone()),
        journal.load(&record.id).await,
    )?;
    let record = changed(&record, accepted());
    expect(promise, true, journal.store(&record).await)?;
    expect(
        promise,
        Some(record.clone()),
        journal.load(&record.id).await,
    )
}

async fn stores_only_the_next_version(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "a record is stored only on top of the version before";
    let first = sample(scope("versions"), "k");
    let second = changed(&first, State::InDoubt);
    let third = changed(&second, accepted());
    expect(promise, false, journal.store(&second).await)?;
    expect(promise, None, journal.load(&first.id).await)?;
    expect(promise, true, journal.store(&first).await)?;
    expect(promise, false, journal.store(&first).await)?;
    expect(promise, false, journal.store(&third).await)?;
    expect(promise, true, journal.store(&second).await)?;
    expect(promise, false, journal.store(&second).await)?;
    expect(promise, false, journal.store(&first).await)?;
    expect(promise, Some(second), journal.load(&first.id).await)
}

async fn keeps_names_apart(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "account, mode and key name a record together, to the letter";
    let first = sample(scope("names"), "k");
    let mut names = vec![first.id.clone()];
    let mut other = |change: fn(&mut RecordId)| {
        let mut id = first.id.clone();
        change(&mut id);
        names.push(id);
    };
    other(|id| id.key = "K".to_owned());
    other(|id| id.key = "k ".to_owned());
    other(|id| id.key = "k%".to_owned());
    other(|id| id.scope.mode = Mode::Live);
    other(|id| id.scope.account.push('x'));
    for id in &names {
        let mut record = first.clone();
        record.id = id.clone();
        record.reason = Some(format!("{id:?}"));
        expect(promise, true, journal.store(&record).await)?;
    }
    for id in &names {
        let loaded = journal.load(id).await;
        let reason = loaded.map(|record| record.and_then(|record| record.reason));
        expect(promise, Some(format!("{id:?}")), reason)?;
    }
    Ok(())
}

async fn keeps_one_record_for_a_key(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "a key has one record, whatever its operation";
    let first = sample(scope("operations"), "k");
    let refund = |version| Record {
        version,
        operation: Operation::CreateRefund.name().to_owned(),
        ..first.clone()
    };
    expect(promise, true, journal.store(&first).await)?;
    expect(promise, false, journal.store(&refund(1)).await)?;
    let first_still = journal.load(&first.id).await;
    expect(promise, Some(first.clone()), first_still)?;
    expect(promise, true, journal.store(&refund(2)).await)?;
    let refund_now = journal.load(&first.id).await;
    expect(promise, Some(refund(2)), refund_now)?;
    let unsettled = page(journal, &first.id.scope, None, 9).await;
    expect(promise, vec![refund(2)], unsettled)
}

async fn lists_what_is_not_settled(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "what is not settled is listed, in the order of names, page by page";
    let mut expected = Vec::new();
    for number in (0..7_u8).rev() {
        let record = sample(scope("unsettled"), &format!("k{number}"));
        expect(promise, true, journal.store(&record).await)?;
        let state = match number {
            1 => accepted(),
            2 => State::NotDone {
                why: "declined".to_owned(),
            },
            3 => State::InDoubt,
            _ => {
                expected.push(record);
                continue;
            }
        };
        let record = changed(&record, state);
        expect(promise, true, journal.store(&record).await)?;
        if !record.state.is_settled() {
            expected.push(record);
        }
    }
    let mut elsewhere = sample(scope("unsettled"), "k0");
    elsewhere.id.scope.mode = Mode::Live;
    expect(promise, true, journal.store(&elsewhere).await)?;

    expected.sort_by(|one, other| one.id.cmp(&other.id));
    let mut seen: Vec<Record> = Vec::new();
    loop {
        let after = seen.last().map(|record| record.id.clone());
        let page = page(journal, &scope("unsettled"), after.as_ref(), 2)
            .await
            .map_err(|error| Broken::by(promise, &error))?;
        if page.len() > 2 || seen.len() > expected.len() {
            let seen = format!("a page of {} after {} records", page.len(), seen.len());
            return Err(Broken { promise, seen });
        }
        if page.is_empty() {
            return expect(promise, expected, Ok(seen));
        }
        seen.extend(page);
    }
}

async fn prunes_what_is_settled_and_old(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "pruning deletes what is settled and old, and nothing else";
    let name = scope("prune");
    for (key, changed_at, state) in [
        ("old", 999, Some(accepted())),
        ("young", 1000, Some(accepted())),
        ("unsettled", 1, None),
    ] {
        let record = sample(name.clone(), key);
        expect(promise, true, journal.store(&record).await)?;
        if let Some(state) = state {
            let mut record = changed(&record, state);
            record.changed_at = changed_at;
            expect(promise, true, journal.store(&record).await)?;
        }
    }
    let elsewhere = sample(scope("prune not"), "old");
    expect(promise, true, journal.store(&elsewhere).await)?;
    let elsewhere = changed(&elsewhere, accepted());
    expect(promise, true, journal.store(&elsewhere).await)?;

    expect(promise, 1, journal.prune(&name, 1000).await)?;
    for (key, stays) in [("old", false), ("young", true), ("unsettled", true)] {
        let id = RecordId::new(name.clone(), key);
        let found = journal.load(&id).await.map(|record| record.is_some());
        expect(promise, stays, found)?;
    }
    expect(
        promise,
        Some(elsewhere.clone()),
        journal.load(&elsewhere.id).await,
    )
}

async fn lets_one_of_many_win(journal: &dyn Journal) -> Result<(), Broken> {
    let promise = "of many that store the same version one succeeds";
    let mut versions = vec![sample(scope("race"), "k")];
    versions.extend(versions.first().map(|first| changed(first, State::InDoubt)));
    for version in versions {
        let racers: Vec<Record> = (0..8)
            .map(|number| Record {
                holder: format!("racer {number}"),
                ..version.clone()
            })
            .collect();
        let results = together(racers.iter().map(|record| journal.store(record)).collect()).await;
        let mut winner = None;
        for (racer, result) in racers.into_iter().zip(results) {
            match result {
                Ok(false) => {}
                Ok(true) if winner.is_none() => winner = Some(racer),
                Ok(true) => return expect(promise, "one winner", Ok("two")),
                Err(error) => return expect(promise, "a verdict", Err(error)),
            }
        }
        let stored = journal.load(&version.id).await;
        expect(promise, winner, stored)?;
    }
    Ok(())
}
