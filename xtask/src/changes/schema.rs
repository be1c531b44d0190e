//! Schemas: types, members and what they hold, judged by the direction in which they travel.

use serde_json::{Map, Value, json};

use crate::document::Document;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::{change, shown, union_of_keys};
use super::rust::{self, reference_of, required_of};
use super::site::Site;
use super::{constraints, flags, property, values, words};

const BREAKING: Severity = Severity::Breaking;
const COMPATIBLE: Severity = Severity::Compatible;

/// Compares two schemas. `was_optional`: the earlier one could be left out, so readers cope without it.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Value,
    after: &Value,
    was_optional: bool,
) {
    if before == after {
        return;
    }
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    flags::nullability(comparison, site, old, new, was_optional);
    match (reference_of(before), reference_of(after)) {
        (None, None) => keywords(comparison, site, old, new),
        (Some(was), Some(is)) if was == is => {
            // The component is compared once, where it stands; left are the words beside the reference.
            words::rest(comparison, site, old, new, &["$ref", "allOf", "nullable"]);
        }
        (was, is) => {
            let was = was.map(str::to_owned);
            let is = is.map(str::to_owned);
            followed(comparison, site, before, after, (was, is));
        }
    }
}

/// Compares what stands behind two different references, or behind one and in place.
fn followed(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Value,
    after: &Value,
    (was, is): (Option<String>, Option<String>),
) {
    let old = target(comparison.before, was.as_deref(), &site.before, before);
    let new = target(comparison.after, is.as_deref(), &site.after, after);
    let (Some((old_at, old)), Some((new_at, new))) = (old, new) else {
        comparison.wire(
            site,
            Side::After,
            Verdict {
                rule: "reference-broken",
                in_requests: BREAKING,
                in_responses: BREAKING,
                message: format!(
                    "one of the schemas {} and {} cannot be found",
                    shown(Some(before)),
                    shown(Some(after))
                ),
                advice: "Mend the reference; nothing is generated until then.",
            },
        );
        return;
    };
    let pair = (old_at.clone(), new_at.clone());
    if comparison.following.contains(&pair) {
        return;
    }
    let site = Site {
        before: old_at,
        after: new_at,
        ..site.clone()
    };
    comparison.following.push(pair);
    if let (Some(old), Some(new)) = (old.as_object(), new.as_object()) {
        keywords(comparison, &site, old, new);
    } else {
        comparison.unclassified(&site, Some(&old), Some(&new));
    }
    comparison.following.pop();
}

/// The schema at the end of a chain of references, and its place.
fn target(
    document: &Document,
    reference: Option<&str>,
    at: &str,
    schema: &Value,
) -> Option<(String, Value)> {
    const LONGEST_CHAIN: usize = 32;
    let Some(mut reference) = reference else {
        return Some((at.to_owned(), schema.clone()));
    };
    for _ in 0..LONGEST_CHAIN {
        let schema = document.follow(reference)?;
        match reference_of(schema) {
            Some(next) => reference = next,
            None => {
                return Some((reference.trim_start_matches('#').to_owned(), schema.clone()));
            }
        }
    }
    None
}

fn keywords(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    kind(comparison, site, before.get("type"), after.get("type"));
    format(comparison, site, before.get("format"), after.get("format"));
    values::compare(comparison, site, before.get("enum"), after.get("enum"));
    default(
        comparison,
        site,
        before.get("default"),
        after.get("default"),
    );
    flags::deprecation(comparison, site, before, after);
    constraints::compare(comparison, site, before, after);
    properties(comparison, site, before, after);
    additional(
        comparison,
        site,
        before.get("additionalProperties"),
        after.get("additionalProperties"),
    );
    let empty = json!({});
    if before.contains_key("items") || after.contains_key("items") {
        compare(
            comparison,
            &site.part("items", "[]"),
            before.get("items").unwrap_or(&empty),
            after.get("items").unwrap_or(&empty),
            false,
        );
    }
    let mut judged = vec![
        "type",
        "format",
        "enum",
        "default",
        "deprecated",
        "nullable",
        "properties",
        "required",
        "additionalProperties",
        "items",
    ];
    judged.extend(constraints::KEYWORDS);
    words::rest(comparison, site, before, after, &judged);
}

fn kind(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    let is = |value: Option<&Value>, name: &str| value.and_then(Value::as_str) == Some(name);
    let widened = after.is_none() || is(before, "integer") && is(after, "number");
    let narrowed = before.is_none() || is(before, "number") && is(after, "integer");
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "type-changed",
            in_requests: if widened { COMPATIBLE } else { BREAKING },
            in_responses: if narrowed { COMPATIBLE } else { BREAKING },
            message: format!("the type changed {}", change(before, after)),
            advice: "Check that both dialects still convert to one type, and regenerate.",
        },
    );
}

fn format(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    let is = |value: Option<&Value>, name: &str| value.and_then(Value::as_str) == Some(name);
    let widened = after.is_none() || is(before, "int32") && is(after, "int64");
    let narrowed = before.is_none() || is(before, "int64") && is(after, "int32");
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "format-changed",
            in_requests: if widened { COMPATIBLE } else { BREAKING },
            in_responses: if narrowed { COMPATIBLE } else { BREAKING },
            message: format!("the format changed {}", change(before, after)),
            advice: "Check the type that it becomes in Rust; a secret must keep its format.",
        },
    );
}

fn default(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    comparison.wire(
        &site.member("default"),
        if after.is_some() {
            Side::After
        } else {
            Side::Before
        },
        Verdict {
            rule: "default-changed",
            // The same request means something else now; a default that is only stated changes nothing.
            in_requests: if before.is_some() {
                BREAKING
            } else {
                COMPATIBLE
            },
            in_responses: COMPATIBLE,
            message: format!("the default changed {}", change(before, after)),
            advice: "See who relies on leaving it out.",
        },
    );
}

fn properties(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    let empty = json!({});
    let properties_site = site.member("properties");
    let Some((old, new)) = comparison.sections(
        &properties_site,
        before.get("properties"),
        after.get("properties"),
        &empty,
    ) else {
        return;
    };
    let (old_required, new_required) = (required_of(before), required_of(after));
    required_list(comparison, site, before, after);
    let mut names = union_of_keys(old, new);
    // What is required without being declared is a property, too; lint says that it should be declared.
    for name in new_required.iter().chain(&old_required) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    for name in names {
        let items = comparison.names.member(&site.items, name);
        let site = properties_site
            .part(name, &format!(".{name}"))
            .with_items(items);
        let (was_required, is_required) =
            (old_required.contains(&name), new_required.contains(&name));
        let schema = |properties: &'_ Map<String, Value>, required: bool| {
            properties
                .get(name)
                .cloned()
                .or_else(|| required.then(|| empty.clone()))
        };
        match (schema(old, was_required), schema(new, is_required)) {
            (None, None) => {}
            (None, Some(new)) => property::added(comparison, &site, &new, is_required),
            (Some(_), None) => property::removed(comparison, &site),
            (Some(old), Some(new)) => {
                property::presence(comparison, &site, was_required, is_required, &new);
                property::field(
                    comparison,
                    &site,
                    &rust::type_of(&old, was_required),
                    &rust::type_of(&new, is_required),
                );
                compare(comparison, &site, &old, &new, !was_required);
            }
        }
    }
}

/// Reports a `required` that is no list of names; the names themselves are judged with the properties.
fn required_list(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    let well_formed = |value: Option<&Value>| match value {
        None => true,
        Some(Value::Array(names)) => names.iter().all(Value::is_string),
        Some(_) => false,
    };
    let (old, new) = (before.get("required"), after.get("required"));
    if !(well_formed(old) && well_formed(new)) {
        comparison.unclassified(&site.member("required"), old, new);
    }
}

fn additional(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    // Absent, `true` and `{}` all allow anything.
    let anything = json!({});
    let normal = |value: Option<&Value>| match value {
        None | Some(Value::Bool(true)) => anything.clone(),
        Some(value) => value.clone(),
    };
    let (old, new) = (normal(before), normal(after));
    let site = site.part("additionalProperties", "{}");
    let verdict = match (&old, &new) {
        (old, new) if old == new => return,
        (_, Value::Bool(false)) => Verdict {
            rule: "members-closed",
            in_requests: BREAKING,
            in_responses: COMPATIBLE,
            message: "members that are not listed are refused now".to_owned(),
            advice: "Send nothing that is not listed; on reading it makes no difference.",
        },
        (Value::Bool(false), _) => Verdict {
            rule: "members-opened",
            in_requests: COMPATIBLE,
            in_responses: COMPATIBLE,
            message: format!(
                "members that are not listed are allowed now: {}",
                shown(Some(&new))
            ),
            advice: "Regenerate.",
        },
        (old, new) => {
            compare(comparison, &site, old, new, false);
            return;
        }
    };
    comparison.wire(&site, Side::After, verdict);
}
