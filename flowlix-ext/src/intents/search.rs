//! Looking for the payments of an intent in Flowlix's lists.

use std::collections::BTreeMap;
use std::time::Duration;

use flowlix_api::model::Payment;
use serde_json::Value;

use super::correlation::{CORRELATION_ID, Names};
use super::protocol::record::Record;
use super::protocol::rules::Millis;
use super::session::Shared;
use crate::error::Error;
use crate::payments::list::listed::UndecodablePayment;

/// A list that moves may hide a payment from one pass, but not from two in a row.
const PASSES: usize = 2;

/// The pages of one pass: a list without an end must not keep a call for ever.
const MOST_PAGES: u64 = 500;
/// What a search gets at least, whatever is left of the call's time. One that breaks off proves nothing.
const LEAST_SEARCH_TIME: Duration = Duration::from_secs(30);

/// What a search has shown.
pub(super) struct Search {
    pub(super) payments: Vec<Payment>,
    /// Both passes saw every payment of their window, and could read all that may be the intent's.
    pub(super) is_complete: bool,
    /// Why the search broke off.
    pub(super) error: Option<Error>,
}

/// Passes twice over the lists of the time in which requests of the intent may have been carried out. Each page may take
/// this long.
pub(super) async fn search(
    shared: &Shared,
    names: &Names,
    record: &Record,
    limit: Duration,
) -> Search {
    let runtime = shared.flowlix.runtime();
    let until = runtime
        .monotonic()
        .saturating_add(limit.max(LEAST_SEARCH_TIME));
    let window = window(shared, record);
    let mut found = BTreeMap::new();
    let mut is_complete = true;
    for _ in 0..PASSES {
        match pass(shared, names, record, (window, limit, until), &mut found).await {
            Ok(true) => {}
            // Whatever another pass shows, it proves nothing any more.
            Ok(false) => {
                is_complete = false;
                break;
            }
            Err(error) => {
                let payments = found.into_values().collect();
                return Search {
                    payments,
                    is_complete: false,
                    error: Some(error),
                };
            }
        }
    }
    Search {
        payments: found.into_values().collect(),
        is_complete,
        error: None,
    }
}

/// One pass over all pages; it does not stop at the first hit, but when its time is over. Returns whether it saw
/// everything.
async fn pass(
    shared: &Shared,
    names: &Names,
    record: &Record,
    ((from, to), limit, until): ((i64, i64), Duration, Duration),
    found: &mut BTreeMap<String, Payment>,
) -> Result<bool, Error> {
    let mut options = shared.flowlix.options();
    options.operation_timeout = options.operation_timeout.min(limit);
    let list = shared
        .flowlix
        .payments()
        .list()
        .options(options)
        .created_gte(from)
        .created_lt(to)
        .max_pages(MOST_PAGES);
    let mut items = list.items();
    let mut reads_all = true;
    while let Some(item) = items.next().await? {
        match item {
            Ok(payment) => {
                if names.attempt_of(&payment).is_some() {
                    found.insert(payment.id.as_str().to_owned(), payment);
                }
            }
            Err(unreadable) => reads_all &= !may_be_of(&unreadable, names, record),
        }
        if shared.flowlix.runtime().monotonic() > until {
            return Ok(false);
        }
    }
    Ok(reads_all && items.is_complete())
}

/// Whether a payment that cannot be read may be the intent's.
fn may_be_of(unreadable: &UndecodablePayment, names: &Names, record: &Record) -> bool {
    let Ok(raw) = serde_json::from_str::<Value>(unreadable.raw_json()) else {
        return true;
    };
    match raw.get("metadata") {
        Some(Value::Object(metadata)) => {
            let mark = metadata.get(CORRELATION_ID).and_then(Value::as_str);
            mark.is_some_and(|mark| mark.starts_with(&names.correlation_id))
        }
        // Without its mark it may be told by its amount.
        _ => {
            let amount = raw.get("amount").and_then(Value::as_i64);
            amount.is_none_or(|amount| amount == record.amount)
        }
    }
}

/// The window in Flowlix's seconds, wide enough for clocks that differ.
fn window(shared: &Shared, record: &Record) -> (i64, i64) {
    let rules = &shared.rules;
    let now = shared.now();
    let attempts = || record.attempts.iter();
    let unknown = record.unknown_attempts();
    let unknown = unknown.filter_map(|attempt| attempt.sends.window(rules));
    let doubts = attempts().filter_map(|attempt| attempt.doubt.as_ref());
    let doubtful = doubts.map(|doubt| (doubt.from, doubt.until));
    let (from, to) = unknown
        .chain(doubtful)
        .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
        .unwrap_or((record.created_at.saturating_sub(rules.key_end), now));
    let ahead = shared
        .flowlix
        .seconds_ahead()
        .unwrap_or_default()
        .saturating_mul(1000);
    let skew = rules.skew;
    (
        seconds(from.min(from.saturating_sub(ahead)).saturating_sub(skew)),
        seconds(
            to.max(to.saturating_sub(ahead))
                .max(now)
                .saturating_add(skew),
        )
        .saturating_add(1),
    )
}

fn seconds(millis: Millis) -> i64 {
    millis.div_euclid(1000)
}
