//! Members that only readers see, and those that no rule knows.

use serde_json::{Map, Value};

use super::change::Side;
use super::comparison::Comparison;
use super::json::{change, shown, union_of_keys};
use super::site::Site;

/// Compares the members that nobody has judged yet: extensions are words, the rest is unclassified.
pub(super) fn rest(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    judged: &[&str],
) {
    for name in union_of_keys(before, after) {
        if judged.contains(&name) {
            continue;
        }
        let (old, new) = (before.get(name), after.get(name));
        if is_wording(name) {
            compare(comparison, &site.member(name), name, old, new);
        } else {
            comparison.unclassified(&site.member(name), old, new);
        }
    }
}

/// Whether a member of any OpenAPI object is documentation.
fn is_wording(name: &str) -> bool {
    name.starts_with("x-")
        || matches!(
            name,
            "title"
                | "description"
                | "summary"
                | "example"
                | "examples"
                | "externalDocs"
                | "xml"
                | "tags"
                | "bearerFormat"
        )
}

/// The value without the members that are documentation.
pub(super) fn without_wording(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !is_wording(name));
    }
    value
}

/// Compares one documenting member; `examples` by name, so that each id names one example.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after || same_set(before, after) {
        return;
    }
    if let ("examples", Some(Value::Object(before)), Some(Value::Object(after))) =
        (name, before, after)
    {
        for example in union_of_keys(before, after) {
            record(
                comparison,
                &site.part(example, &format!(".{example}")),
                "example",
                before.get(example),
                after.get(example),
            );
        }
        return;
    }
    record(comparison, site, name, before, after);
}

/// Records that a documenting member was added, removed or changed.
pub(super) fn record(
    comparison: &mut Comparison<'_>,
    site: &Site,
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let (verb, side) = match (before, after) {
        (None, None) => return,
        (None, Some(_)) => ("added", Side::After),
        (Some(_), None) => ("removed", Side::Before),
        (Some(before), Some(after)) if before == after => return,
        (Some(_), Some(_)) => ("changed", Side::After),
    };
    let message = match verb {
        "added" => format!("`{name}` added: {}", shown(after)),
        "removed" => format!("`{name}` removed, it was {}", shown(before)),
        _ => format!("`{name}` changed {}", change(before, after)),
    };
    comparison.words(site, side, &format!("{name}-{verb}"), message);
}

/// Lists whose order says nothing, such as `tags`.
fn same_set(before: Option<&Value>, after: Option<&Value>) -> bool {
    match (before, after) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            before.len() == after.len()
                && before.iter().all(|value| after.contains(value))
                && after.iter().all(|value| before.contains(value))
        }
        _ => false,
    }
}
