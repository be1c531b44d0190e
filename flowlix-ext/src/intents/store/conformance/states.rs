//! The scan for the records in a state.

use super::{Broken, Pair, broken, expect, first, next, scope};
use crate::intents::store::{ScanCursor, Scope, StoreError, StoredRecord};
use crate::key::Mode;

const NOW: i64 = 1_719_792_000_000;

/// In the order in which they changed; keys that changed at once follow one another by their bytes.
const CHANGED: [(&str, i64); 9] = [
    ("before 1970", -1),
    ("1970", 0),
    ("a minute ago", NOW - 60_000),
    ("-", NOW),
    ("B", NOW),
    ("a", NOW),
    ("a 1", NOW),
    ("a1", NOW),
    ("later", NOW + 1),
];

fn record(of: &Scope, key: &str, state: &str, changed_at: i64) -> StoredRecord {
    StoredRecord {
        state: state.to_owned(),
        changed_at,
        due_at: None,
        ..first(of.clone(), key)
    }
}

async fn fill(
    pair: &Pair<'_>,
    promise: &'static str,
    of: &Scope,
) -> Result<Vec<StoredRecord>, Broken> {
    let paid = CHANGED.map(|(key, changed_at)| record(of, key, "paid", changed_at));
    // In an order that is neither that of time nor that of keys.
    let (early, late) = paid.split_at(CHANGED.len() / 2);
    for record in late.iter().chain(early.iter().rev()) {
        pair.stores(promise, record).await?;
    }
    for (key, state) in [
        ("c", "unpaid"),
        ("d", "paid_after_close"),
        ("e", "pai"),
        ("f", "Paid"),
    ] {
        pair.stores(promise, &record(of, key, state, NOW)).await?;
    }
    let elsewhere = Scope::new(format!("{} elsewhere", of.merchant), of.mode);
    for elsewhere in [Scope::new(of.merchant.clone(), Mode::Live), elsewhere] {
        pair.stores(promise, &record(&elsewhere, "a", "paid", NOW))
            .await?;
    }
    Ok(paid.to_vec())
}

async fn page(
    pair: &Pair<'_>,
    of: &Scope,
    after: Option<&ScanCursor>,
    limit: u32,
) -> Result<Vec<StoredRecord>, StoreError> {
    pair.other.in_state(of, "paid", after, limit).await
}

pub(super) async fn lists_in_order(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a state is listed by the time of change, then by the bytes of the key, and nothing else is";
    let of = scope("states");
    let paid = fill(pair, promise, &of).await?;
    expect(promise, paid, page(pair, &of, None, 100).await)?;
    let none = pair.other.in_state(&of, "expired", None, 100).await;
    expect(promise, Vec::new(), none)
}

pub(super) async fn lists_page_by_page(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a state is listed page by page, also where many changed at once";
    let of = scope("states pages");
    let paid = fill(pair, promise, &of).await?;
    for limit in [1, 2, 5, 9, 10] {
        let mut seen: Vec<StoredRecord> = Vec::new();
        loop {
            let after = seen.last().map(ScanCursor::behind_change);
            let page = page(pair, &of, after.as_ref(), limit).await;
            let page = page.map_err(|error| Broken::by(promise, &error))?;
            let most = usize::try_from(limit).unwrap_or(usize::MAX);
            if page.len() > most || seen.len() > paid.len() {
                let (found, after) = (page.len(), seen.len());
                let text =
                    format_args!("a page of {found} with the limit {limit}, after {after} records");
                return Err(broken(promise, text));
            }
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        expect(promise, paid.clone(), Ok(seen))?;
    }
    Ok(())
}

pub(super) async fn lists_what_is_stored_now(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a state lists the records whose last version says so";
    let of = scope("states changes");
    let mut paid = fill(pair, promise, &of).await?;
    let gone = StoredRecord {
        state: "overcharged".to_owned(),
        ..next(&paid.remove(0))
    };
    let deleted = paid.remove(0);
    let moved = StoredRecord {
        state: "paid".to_owned(),
        changed_at: NOW + 100,
        ..next(&paid.remove(0))
    };
    pair.stores(promise, &gone).await?;
    pair.deletes(promise, &deleted, true).await?;
    pair.stores(promise, &moved).await?;
    paid.push(moved);
    expect(promise, paid, page(pair, &of, None, 100).await)
}
