//! Schemas: presence, types, values and members, judged by the direction in which they travel.

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::identifier;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict, union_of_keys};
use super::constraints;
use super::rust::{self, reference_of, required_of};
use super::site::Site;
use super::words::shown;

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
    nullability(comparison, site, old, new, was_optional);
    match (reference_of(before), reference_of(after)) {
        (None, None) => keywords(comparison, site, old, new),
        (Some(was), Some(is)) if was == is => {
            // The component is compared once, where it stands; left are the words beside the reference.
            comparison.rest(site, old, new, &["$ref", "allOf", "nullable"]);
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

fn nullability(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    was_optional: bool,
) {
    let (old, new) = (before.get("nullable"), after.get("nullable"));
    let verdict = match (flag(old), flag(new)) {
        (Some(old), Some(new)) if old == new => return,
        (Some(false), Some(true)) => Verdict {
            rule: "became-nullable",
            in_requests: COMPATIBLE,
            // What could be missing is read as absent when it is null.
            in_responses: if was_optional { COMPATIBLE } else { BREAKING },
            message: "may be null now".to_owned(),
            advice: "Regenerate; read it as absent.",
        },
        (Some(true), Some(false)) => Verdict {
            rule: "became-non-null",
            in_requests: BREAKING,
            in_responses: COMPATIBLE,
            message: "may no longer be null".to_owned(),
            advice: "Regenerate; leave it out instead of sending null.",
        },
        _ => {
            comparison.unclassified(&site.member("nullable"), old, new);
            return;
        }
    };
    comparison.wire(site, Side::After, verdict);
}

/// A boolean keyword that is false when absent; `None` when it is no boolean.
fn flag(value: Option<&Value>) -> Option<bool> {
    value.map_or(Some(false), Value::as_bool)
}

/// Compares `deprecated`, of a schema, a parameter, a header or an operation.
pub(super) fn deprecation(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    let (old, new) = (before.get("deprecated"), after.get("deprecated"));
    let (rule, message) = match (flag(old), flag(new)) {
        (Some(old), Some(new)) if old == new => return,
        (Some(_), Some(true)) => ("deprecated", "deprecated now"),
        (Some(_), Some(false)) => ("no-longer-deprecated", "no longer deprecated"),
        _ => {
            comparison.unclassified(&site.member("deprecated"), old, new);
            return;
        }
    };
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule,
            in_requests: COMPATIBLE,
            in_responses: COMPATIBLE,
            message: message.to_owned(),
            advice: "Say so in the docs, and plan for its removal.",
        },
    );
}

fn keywords(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    kind(comparison, site, before.get("type"), after.get("type"));
    format(comparison, site, before.get("format"), after.get("format"));
    values(comparison, site, before.get("enum"), after.get("enum"));
    default(
        comparison,
        site,
        before.get("default"),
        after.get("default"),
    );
    deprecation(comparison, site, before, after);
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
    comparison.rest(site, before, after, &judged);
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
            message: format!(
                "the type changed from {} to {}",
                shown(before),
                shown(after)
            ),
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
            message: format!(
                "the format changed from {} to {}",
                shown(before),
                shown(after)
            ),
            advice: "Check the type that it becomes in Rust; a secret must keep its format.",
        },
    );
}

fn values(
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
    site.key = crate::document::join(&site.key, &text);
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
            message: format!(
                "the default changed from {} to {}",
                shown(before),
                shown(after)
            ),
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
            (None, Some(new)) => property_added(comparison, &site, &new, is_required),
            (Some(_), None) => property_removed(comparison, &site),
            (Some(old), Some(new)) => {
                presence(comparison, &site, was_required, is_required, &new);
                field(
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

fn property_added(comparison: &mut Comparison<'_>, site: &Site, schema: &Value, required: bool) {
    let must_be_sent = required && schema.get("default").is_none();
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "property-added",
            in_requests: if must_be_sent { BREAKING } else { COMPATIBLE },
            in_responses: COMPATIBLE,
            message: format!(
                "new {} property of type `{}`",
                if required { "required" } else { "optional" },
                rust::type_of(schema, true)
            ),
            advice: "Pair it with one of the other dialect, or give reconcile.yaml a rule; then regenerate.",
        },
    );
    if !site.items.is_empty() {
        let must_be_given = must_be_sent && site.flow.request;
        comparison.rust(
            site,
            Side::After,
            "field-added",
            if must_be_given { BREAKING } else { COMPATIBLE },
            format!("a field more, `{}`", rust::type_of(schema, required)),
            if must_be_given {
                "Constructors take one argument more: release a major version."
            } else {
                "Offer it in flowlix-ext when services should have it."
            },
        );
    }
}

fn property_removed(comparison: &mut Comparison<'_>, site: &Site) {
    comparison.wire(
        site,
        Side::Before,
        Verdict {
            rule: "property-removed",
            in_requests: BREAKING,
            in_responses: BREAKING,
            message: "the property is gone".to_owned(),
            advice: "Look for its new name; take out or change its rule in reconcile.yaml.",
        },
    );
    if !site.items.is_empty() {
        comparison.rust(
            site,
            Side::Before,
            "field-removed",
            BREAKING,
            "the field is gone".to_owned(),
            "Keep it in the specification while Flowlix may still send it; otherwise release a major version.",
        );
    }
}

fn presence(
    comparison: &mut Comparison<'_>,
    site: &Site,
    was_required: bool,
    is_required: bool,
    after: &Value,
) {
    let verdict = match (was_required, is_required) {
        (false, true) => Verdict {
            rule: "became-required",
            in_requests: if after.get("default").is_none() {
                BREAKING
            } else {
                COMPATIBLE
            },
            in_responses: COMPATIBLE,
            message: "was optional and is required now".to_owned(),
            advice: "Ask for it where the request is built; go on reading answers without it.",
        },
        (true, false) => Verdict {
            rule: "became-optional",
            in_requests: COMPATIBLE,
            in_responses: BREAKING,
            message: "was required and is optional now".to_owned(),
            advice: "Handle its absence; released versions cannot read answers without it.",
        },
        _ => return,
    };
    comparison.wire(site, Side::After, verdict);
}

fn field(comparison: &mut Comparison<'_>, site: &Site, before: &str, after: &str) {
    if !site.items.is_empty() && before != after {
        comparison.rust(
            site,
            Side::After,
            "field-type-changed",
            BREAKING,
            format!("the field's type was `{before}` and is `{after}` now"),
            "Adapt the conversions and flowlix-ext; release a major version.",
        );
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
