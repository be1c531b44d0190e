//! Looking for what writes left behind: payments by their stamp, in the list of their time.

use std::collections::HashMap;

use flowlix_api::model::{Payment, PaymentId};
use serde_json::Value;

use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::error::Error;
use crate::journal::fingerprint::STAMP;
use crate::journal::record::Record;
use crate::payments::list::listed::UndecodablePayment;

/// How far Flowlix's clock and ours may be apart.
pub(super) const CLOCKS_APART: i64 = 15 * 60;

/// How far a clock may be off of which no answer ever told.
const CLOCKS_UNKNOWN: i64 = 24 * 60 * 60;

/// A stretch of time, in Unix seconds: from the first, up to and without the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    /// When what a record is about was created by Flowlix's clock, if it was. It may have been under way for this many
    /// seconds after the last moment of sending.
    pub(super) fn of(record: &Record, under_way: i64) -> Self {
        let ahead = record.seconds_ahead.unwrap_or_default();
        let seconds = |millis: i64| millis.div_euclid(1000).saturating_sub(ahead);
        let last = record.quiet_from.max(record.started_at);
        Self {
            from: seconds(record.started_at).saturating_sub(CLOCKS_APART),
            to: seconds(last)
                .saturating_add(under_way)
                .saturating_add(CLOCKS_APART + 1),
        }
    }

    /// The same, and a day more on either side: nothing is known of the clock that the record's times are from.
    pub(super) fn widened(self) -> Self {
        Self {
            from: self.from.saturating_sub(CLOCKS_UNKNOWN),
            to: self.to.saturating_add(CLOCKS_UNKNOWN),
        }
    }

    pub(super) fn holds(self, created_at: i64) -> bool {
        (self.from..self.to).contains(&created_at)
    }

    fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// Windows that overlap, joined: no payment is listed twice.
pub(super) fn joined(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.from);
    let mut joined: Vec<Window> = Vec::new();
    for window in windows {
        match joined.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => joined.push(window),
        }
    }
    joined
}

/// All that one window's list has to say about the records of its time.
pub(super) struct Evidence {
    window: Window,
    stamped: HashMap<String, Vec<Payment>>,
    unreadable: HashMap<String, Vec<Option<PaymentId>>>,
    /// Payments without any stamp that have a merchant reference, or show no metadata at all.
    unstamped: Vec<Payment>,
    /// Every payment was seen well enough to tell whose it is.
    pub(super) is_complete: bool,
    /// Why Flowlix could not be asked.
    pub(super) failure: Option<String>,
}

impl Evidence {
    pub(super) fn covers(&self, window: Window) -> bool {
        self.window.covers(window)
    }

    pub(super) fn stamped(&self, stamp: &str) -> &[Payment] {
        self.stamped.get(stamp).map_or(&[], Vec::as_slice)
    }

    /// Payments that are there and cannot be read, with their ids where those can be.
    pub(super) fn unreadable(&self, stamp: &str) -> &[Option<PaymentId>] {
        self.unreadable.get(stamp).map_or(&[], Vec::as_slice)
    }

    /// Payments of the record's time, amount and currency that may be its own though they show no stamp: they
    /// have its merchant reference, or show no metadata at all, and the documents do not say that a payment
    /// always shows what it was given.
    pub(super) fn alike(&self, record: &Record, window: Window) -> Vec<PaymentId> {
        let alike = self.unstamped.iter().filter(|payment| {
            let has_reference = payment.merchant_reference.is_some()
                && payment.merchant_reference == record.merchant_reference;
            let differs_in_reference = payment.merchant_reference.is_some() && !has_reference;
            (has_reference || payment.metadata.is_empty() && !differs_in_reference)
                && Some(payment.amount) == record.amount
                && Some(payment.currency.as_str()) == record.currency.as_deref()
                && payment.created_at.is_none_or(|at| window.holds(at))
        });
        alike.map(|payment| payment.id.clone()).collect()
    }

    fn keep(&mut self, payment: Payment) {
        match payment.metadata.get(STAMP).and_then(Value::as_str) {
            Some(stamp) => {
                let kept = self.stamped.entry(stamp.to_owned()).or_default();
                // A list that moves may show a payment twice.
                if kept.iter().all(|known| known.id != payment.id) {
                    kept.push(payment);
                }
            }
            None if payment.merchant_reference.is_some() || payment.metadata.is_empty() => {
                self.unstamped.push(payment);
            }
            None => {}
        }
    }

    /// A payment that cannot be read as a whole may still show whose it is.
    fn keep_unreadable(&mut self, payment: &UndecodablePayment) {
        let raw: Option<Value> = serde_json::from_str(payment.raw_json()).ok();
        match raw.as_ref().and_then(|raw| raw.get("metadata")) {
            Some(Value::Object(metadata)) => {
                if let Some(stamp) = metadata.get(STAMP).and_then(Value::as_str) {
                    let kept = self.unreadable.entry(stamp.to_owned()).or_default();
                    let id = payment.id().cloned();
                    // A list that moves may show a payment twice.
                    if id.is_none() || !kept.contains(&id) {
                        kept.push(id);
                    }
                }
            }
            _ => self.is_complete = false,
        }
    }
}

/// Lists every payment of a window. What fails is part of the evidence.
pub(super) async fn search(client: &Flowlix, options: &CallOptions, window: Window) -> Evidence {
    let mut evidence = Evidence {
        window,
        stamped: HashMap::new(),
        unreadable: HashMap::new(),
        unstamped: Vec::new(),
        is_complete: true,
        failure: None,
    };
    if let Err(error) = collect(client, options, &mut evidence).await {
        evidence.is_complete = false;
        evidence.failure = Some(error.to_string());
    }
    evidence
}

async fn collect(
    client: &Flowlix,
    options: &CallOptions,
    evidence: &mut Evidence,
) -> Result<(), Error> {
    let mut items = client
        .payments()
        .list()
        .created_gte(evidence.window.from)
        .created_lt(evidence.window.to)
        .options(options.clone())
        .items();
    while let Some(item) = items.next().await? {
        match item {
            Ok(payment) => evidence.keep(payment),
            Err(unreadable) => evidence.keep_unreadable(&unreadable),
        }
    }
    evidence.is_complete &= items.is_complete();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_overlap_or_touch_are_listed_once() {
        let window = |from, to| Window { from, to };
        assert_eq!(
            joined(vec![
                window(50, 60),
                window(0, 10),
                window(10, 20),
                window(5, 7),
                window(21, 30)
            ]),
            [window(0, 20), window(21, 30), window(50, 60)]
        );
        assert_eq!(joined(Vec::new()), []);
    }
}
