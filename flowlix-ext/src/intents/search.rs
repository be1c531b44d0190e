//! Looking for the payments of intents in Flowlix's lists.

use std::collections::{BTreeMap, HashMap, HashSet};
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

/// An intent whose payments are searched for.
pub(super) struct Target<'a> {
    pub(super) names: &'a Names,
    pub(super) record: &'a Record,
}

/// What a search has shown of one intent.
#[derive(Default)]
pub(super) struct Search {
    pub(super) payments: Vec<Payment>,
    /// Both passes saw every payment of their window, and could read all that may be the intent's.
    pub(super) is_complete: bool,
}

/// What two passes have collected, by the key of the intent.
#[derive(Default)]
struct Collected {
    payments: HashMap<String, BTreeMap<String, Payment>>,
    /// Intents of which a payment may be that cannot be read.
    unclear: HashSet<String>,
}

/// Passes twice over the lists of the time in which requests of these intents may have been carried out, and returns what
/// they show of each, in order. Each page may take this long; an error broke the search off.
pub(super) async fn search(
    shared: &Shared,
    targets: &[Target<'_>],
    limit: Duration,
) -> (Vec<Search>, Option<Error>) {
    let runtime = shared.flowlix.runtime();
    let until = runtime
        .monotonic()
        .saturating_add(limit.max(LEAST_SEARCH_TIME));
    let mut found = Collected::default();
    let (mut is_complete, mut error) = (true, None);
    for _ in 0..PASSES {
        match pass(shared, targets, (limit, until), &mut found).await {
            Ok(true) => {}
            // Whatever another pass shows, it proves nothing any more.
            Ok(false) => {
                is_complete = false;
                break;
            }
            Err(broken) => {
                (is_complete, error) = (false, Some(broken));
                break;
            }
        }
    }
    let of_target = |target: &Target<'_>| {
        let key = &target.names.correlation_id;
        let payments = found.payments.remove(key).unwrap_or_default();
        Search {
            payments: payments.into_values().collect(),
            is_complete: is_complete && !found.unclear.contains(key),
        }
    };
    (targets.iter().map(of_target).collect(), error)
}

/// One pass over all pages; it does not stop at the first hit, but when its time is over. Returns whether it saw
/// everything.
async fn pass(
    shared: &Shared,
    targets: &[Target<'_>],
    (limit, until): (Duration, Duration),
    found: &mut Collected,
) -> Result<bool, Error> {
    let windows = targets.iter().map(|target| window(shared, target.record));
    let joined = windows.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    let Some((from, to)) = joined else {
        return Ok(true);
    };
    let keys: HashSet<&str> = targets
        .iter()
        .map(|target| target.names.correlation_id.as_str())
        .collect();
    let mut options = shared.flowlix.options();
    options.operation_timeout = options.operation_timeout.min(limit);
    let list = shared.flowlix.payments().list().options(options);
    let list = list.created_gte(from).created_lt(to).max_pages(MOST_PAGES);
    let mut items = list.items();
    while let Some(item) = items.next().await? {
        match item {
            Ok(payment) => {
                if let Some(key) = Names::key_of(&payment).filter(|key| keys.contains(key)) {
                    let of_key = found.payments.entry(key.to_owned()).or_default();
                    of_key.insert(payment.id.as_str().to_owned(), payment);
                }
            }
            Err(unreadable) => {
                let unclear = targets
                    .iter()
                    .filter(|target| may_be_of(&unreadable, target.names, target.record))
                    .map(|target| target.names.correlation_id.clone());
                found.unclear.extend(unclear);
            }
        }
        if shared.flowlix.runtime().monotonic() > until {
            return Ok(false);
        }
    }
    Ok(items.is_complete())
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
    let assumed = attempts().filter_map(|attempt| attempt.assumed_absent.as_ref());
    let absent = assumed.map(|assumed| (assumed.from, assumed.until));
    let (from, to) = unknown
        .chain(absent)
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
