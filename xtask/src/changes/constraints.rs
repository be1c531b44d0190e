//! Limits on values: what is sent has to keep them, what is read is never held to them.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::change;
use super::site::Site;

/// The keywords that are judged here.
pub(super) const KEYWORDS: [&str; 13] = [
    "minimum",
    "minLength",
    "minItems",
    "minProperties",
    "maximum",
    "maxLength",
    "maxItems",
    "maxProperties",
    "pattern",
    "multipleOf",
    "uniqueItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
];

/// Which way a limit moved.
enum Move {
    Tightened,
    Loosened,
    /// It cannot be told, as with two patterns.
    Unclear,
}

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    for keyword in KEYWORDS {
        let (old, new) = (before.get(keyword), after.get(keyword));
        if old == new {
            continue;
        }
        let (rule, in_requests) = match moved(keyword, old, new) {
            Move::Tightened => ("limit-tightened", Severity::Breaking),
            Move::Loosened => ("limit-loosened", Severity::Compatible),
            Move::Unclear => ("limit-changed", Severity::Breaking),
        };
        let doubt = match rule {
            "limit-changed" => "; whether it allows less now cannot be told",
            _ => "",
        };
        let mut site = site.member(keyword);
        site.subject = format!("{}.{keyword}", site.subject);
        comparison.wire(
            &site,
            if new.is_some() {
                Side::After
            } else {
                Side::Before
            },
            Verdict {
                rule,
                in_requests,
                in_responses: Severity::Compatible,
                message: format!("`{keyword}` changed {}{doubt}", change(old, new)),
                advice: "Regenerate: limits are checked on what is sent, never on what is read.",
            },
        );
    }
}

fn moved(keyword: &str, before: Option<&Value>, after: Option<&Value>) -> Move {
    match (before, after) {
        (None, _) => return Move::Tightened,
        (_, None) => return Move::Loosened,
        _ => {}
    }
    match (
        before.and_then(Value::as_bool),
        after.and_then(Value::as_bool),
    ) {
        (Some(false), Some(true)) => return Move::Tightened,
        (Some(true), Some(false)) => return Move::Loosened,
        _ => {}
    }
    let order = before.zip(after).and_then(|(old, new)| order_of(old, new));
    match (order, keyword.get(..3)) {
        (Some(Ordering::Less), Some("min")) | (Some(Ordering::Greater), Some("max")) => {
            Move::Tightened
        }
        (Some(Ordering::Greater), Some("min")) | (Some(Ordering::Less), Some("max")) => {
            Move::Loosened
        }
        _ => Move::Unclear,
    }
}

/// Compares two numbers, exactly where both are whole: amounts do not fit into a float.
fn order_of(before: &Value, after: &Value) -> Option<Ordering> {
    let whole = |value: &Value| {
        value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from))
    };
    match (whole(before), whole(after)) {
        (Some(before), Some(after)) => Some(before.cmp(&after)),
        _ => before.as_f64()?.partial_cmp(&after.as_f64()?),
    }
}
