//! The values of enums.

use serde_json::Value;

use crate::document::join;
use crate::identifier;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::shown;
use super::site::Site;

const BREAKING: Severity = Severity::Breaking;
const COMPATIBLE: Severity = Severity::Compatible;

/// Compares two lists of values.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    let site = site.member("enum");
    let (old, new) = match (before, after) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => (old, new),
        (None, Some(Value::Array(_))) => {
            comparison.wire(
                &site,
                Side::After,
                Verdict {
                    rule: "values-listed",
                    in_requests: BREAKING,
                    in_responses: COMPATIBLE,
                    message: format!("only {} are allowed now", shown(after)),
                    advice: "Name the enum as a component, and regenerate.",
                },
            );
            return;
        }
        (Some(Value::Array(_)), None) => {
            comparison.wire(
                &site,
                Side::Before,
                Verdict {
                    rule: "values-opened",
                    in_requests: COMPATIBLE,
                    in_responses: COMPATIBLE,
                    message: format!("any value may stand here now, not only {}", shown(before)),
                    advice: "Regenerate; values that are not listed were kept as text before, too.",
                },
            );
            return;
        }
        _ => {
            comparison.unclassified(&site, before, after);
            return;
        }
    };
    for value in new.iter().filter(|value| !old.contains(value)) {
        one_value(comparison, &site, value, true);
    }
    for value in old.iter().filter(|value| !new.contains(value)) {
        one_value(comparison, &site, value, false);
    }
}

fn one_value(comparison: &mut Comparison<'_>, site: &Site, value: &Value, added: bool) {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let variant = identifier::variant(&text);
    let items = comparison.names.variant(&site.items, &text);
    let mut site = site.clone().with_items(items);
    site.subject = format!("{}.{text}", site.subject);
    site.key = join(&site.key, &text);
    if added {
        comparison.wire(
            &site,
            Side::After,
            Verdict {
                rule: "enum-value-added",
                in_requests: COMPATIBLE,
                in_responses: COMPATIBLE,
                message: format!("the value `{text}` is new; enums are open, so released versions keep it as text"),
                advice: "Pair it with one of the other dialect, or give reconcile.yaml a rule; then regenerate.",
            },
        );
    } else {
        comparison.wire(
            &site,
            Side::Before,
            Verdict {
                rule: "enum-value-removed",
                in_requests: BREAKING,
                in_responses: COMPATIBLE,
                message: format!("the value `{text}` is gone"),
                advice: "Take out its rule in reconcile.yaml when the other dialect has not got it either.",
            },
        );
    }
    if !site.items.is_empty() {
        if added {
            comparison.rust(
                &site,
                Side::After,
                "variant-added",
                COMPATIBLE,
                format!(
                    "the enum gains `{variant}`, unless the other dialect gave it that already"
                ),
                "Decide what flowlix-ext does with it; until then it is one more value to handle.",
            );
        } else {
            comparison.rust(
                &site,
                Side::Before,
                "variant-removed",
                BREAKING,
                format!("the enum loses `{variant}`, unless the other dialect still has it"),
                "Keep the value in the specification while it may still be seen, and say why there.",
            );
        }
    }
}
