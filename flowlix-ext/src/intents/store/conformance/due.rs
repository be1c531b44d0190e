//! The scan for what is due.

use super::{Broken, Pair, broken, expect, first, next, scope};
use crate::intents::store::{ScanCursor, Scope, StoreError, StoredRecord};
use crate::key::Mode;

/// When most of the records are due.
const NOW: i64 = 1_719_792_000_000;

/// In the order in which they are due; keys that are due at once follow one another by their bytes.
const DUE: [(&str, i64); 12] = [
    ("long ago", i64::MIN),
    ("before 1970", -1),
    ("1970", 0),
    ("a minute ago", NOW - 60_000),
    ("-", NOW),
    ("B", NOW),
    ("a", NOW),
    ("a 1", NOW),
    ("a-1", NOW),
    ("a1", NOW),
    ("a_1", NOW),
    ("b", NOW),
];

async fn fill(
    pair: &Pair<'_>,
    promise: &'static str,
    of: &Scope,
) -> Result<Vec<StoredRecord>, Broken> {
    let record = |key: &str, due_at| StoredRecord {
        due_at,
        body: key.as_bytes().to_vec(),
        ..first(of.clone(), key)
    };
    let due = DUE.map(|(key, due_at)| record(key, Some(due_at)));
    // In an order that is neither that of time nor that of keys.
    let (early, late) = due.split_at(DUE.len() / 2);
    for record in late.iter().chain(early.iter().rev()) {
        pair.stores(promise, record).await?;
    }
    for other in [
        record("later", Some(NOW + 1)),
        record("at the end", Some(i64::MAX)),
        record("never", None),
    ] {
        pair.stores(promise, &other).await?;
    }
    let elsewhere = Scope::new(format!("{} elsewhere", of.merchant), of.mode);
    for elsewhere in [Scope::new(of.merchant.clone(), Mode::Live), elsewhere] {
        let record = StoredRecord {
            due_at: Some(NOW),
            ..first(elsewhere, "a")
        };
        pair.stores(promise, &record).await?;
    }
    Ok(due.to_vec())
}

/// All records, page by page.
async fn pages(
    pair: &Pair<'_>,
    promise: &'static str,
    of: &Scope,
    limit: u32,
) -> Result<Vec<StoredRecord>, Broken> {
    let mut seen: Vec<StoredRecord> = Vec::new();
    loop {
        let after = seen.last().and_then(ScanCursor::behind_due);
        let page = page(pair, of, after.as_ref(), limit).await;
        let page = page.map_err(|error| Broken::by(promise, &error))?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if page.len() > most || seen.len() > DUE.len() {
            let (of, after) = (page.len(), seen.len());
            return Err(broken(
                promise,
                format_args!("a page of {of} with the limit {limit}, after {after} records"),
            ));
        }
        if page.is_empty() {
            return Ok(seen);
        }
        seen.extend(page);
    }
}

async fn page(
    pair: &Pair<'_>,
    of: &Scope,
    after: Option<&ScanCursor>,
    limit: u32,
) -> Result<Vec<StoredRecord>, StoreError> {
    pair.other.due(of, NOW, after, limit).await
}

pub(super) async fn lists_in_order(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise =
        "what is due is listed by time, then by the bytes of the key, and nothing else is";
    let of = scope("due");
    let due = fill(pair, promise, &of).await?;
    expect(promise, due, page(pair, &of, None, 100).await)?;
    let early = pair.other.due(&of, -1, None, 100).await;
    let keys = early.map(|early| early.len() == 2);
    expect(promise, true, keys)?;
    let all = pair.other.due(&of, i64::MAX, None, u32::MAX).await;
    expect(promise, true, all.map(|all| all.len() == DUE.len() + 2))?;
    let nobody = scope("due nobody");
    expect(promise, Vec::new(), page(pair, &nobody, None, 100).await)
}

pub(super) async fn lists_page_by_page(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "what is due is listed page by page, also where many are due at once";
    let of = scope("due pages");
    let due = fill(pair, promise, &of).await?;
    for limit in [1, 2, 5, 12, 13] {
        let seen = pages(pair, promise, &of, limit).await?;
        expect(promise, due.clone(), Ok(seen))?;
    }
    // A cursor is a place: the record that it came from may be gone.
    for (place, record) in due.iter().enumerate() {
        pair.deletes(promise, record, true).await?;
        let behind = due.iter().skip(place.saturating_add(1));
        let after = ScanCursor::behind_due(record);
        let seen = page(pair, &of, after.as_ref(), 100).await;
        expect(promise, behind.cloned().collect(), seen)?;
    }
    Ok(())
}

pub(super) async fn lists_what_is_stored_now(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "what is due is listed as the last version says";
    let of = scope("due changes");
    let mut due = fill(pair, promise, &of).await?;
    let mut changed = Vec::new();
    for (number, record) in due.drain(..).enumerate() {
        let due_at = match number % 4 {
            0 => None,
            1 => Some(NOW + 1),
            2 => Some(NOW - 1),
            _ => record.due_at,
        };
        let record = StoredRecord {
            due_at,
            ..next(&record)
        };
        pair.stores(promise, &record).await?;
        changed.push(record);
    }
    changed.retain(|record| record.due_at.is_some_and(|due_at| due_at <= NOW));
    changed.sort_by(|one, other| (one.due_at, &one.id.key).cmp(&(other.due_at, &other.id.key)));
    expect(promise, changed, page(pair, &of, None, 100).await)
}
