//! Which records are the same record.

use super::{Broken, Pair, first, next, scope};
use crate::intents::store::{RecordId, StoredRecord};
use crate::key::Mode;

/// Names that a careless store takes for one another.
fn names() -> Vec<RecordId> {
    let id = RecordId::new(scope("names"), "order-1");
    let key = |key: &str| RecordId::new(id.scope.clone(), key);
    let merchant = |change: fn(&str) -> String| {
        let mut id = id.clone();
        id.scope.merchant = change(&id.scope.merchant);
        id
    };
    let mut live = id.clone();
    live.scope.mode = Mode::Live;
    let mut joined = id.clone();
    joined.scope.merchant.push_str("/order-1");
    joined.key = "x".to_owned();
    vec![
        key("ORDER-1"),
        key("order-1 "),
        key(" order-1"),
        key("order_1"),
        key("order-1%"),
        key("order-"),
        key("order-1/x"),
        key("'; --"),
        merchant(str::to_uppercase),
        merchant(|name| format!("{name} ")),
        merchant(|name| format!("{name} Grüße 🧾")),
        merchant(|name| format!("{name} Gru\u{308}ße 🧾")),
        live,
        joined,
        id,
    ]
}

pub(super) async fn keeps_names_apart(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "merchant, mode and key name a record together, to the letter";
    let names = names();
    let records: Vec<StoredRecord> = (1_i64..)
        .zip(&names)
        .map(|(changed_at, id)| StoredRecord {
            id: id.clone(),
            changed_at,
            ..first(scope("names"), "k")
        })
        .collect();
    for record in &records {
        pair.stores(promise, record).await?;
    }
    for record in &records {
        pair.holds(promise, &record.id, Some(record)).await?;
    }
    for record in &records {
        let changed = next(record);
        pair.stores(promise, &changed).await?;
        pair.deletes(promise, &changed, true).await?;
        pair.holds(promise, &record.id, None).await?;
    }
    Ok(())
}
