//! Bodies: request bodies and the media types of both directions.

use serde_json::{Value, json};

use crate::document::Document;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::union_of_keys;
use super::site::Site;
use super::{flags, schema, words};

/// Where a value stands, and the value.
type Placed = (String, Value);

/// Follows the references of two places. `None` when there is nothing to compare here: both refer to one
/// component, which is compared once, or a reference leads nowhere, which has been reported.
pub(super) fn resolved_pair(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Value,
    after: &Value,
) -> Option<(Placed, Placed)> {
    let reference = |value: &Value| value.get("$ref").and_then(Value::as_str).map(str::to_owned);
    let (old, new) = (reference(before), reference(after));
    if old.is_some() && old == new {
        return None;
    }
    let placed = |document: &Document, reference: Option<String>, at: &str, value: &Value| {
        let Some(reference) = reference else {
            return Some((at.to_owned(), value.clone()));
        };
        let target = document.follow(&reference)?.clone();
        Some((reference.trim_start_matches('#').to_owned(), target))
    };
    let pair = placed(comparison.before, old, &site.before, before).zip(placed(
        comparison.after,
        new,
        &site.after,
        after,
    ));
    if pair.is_none() {
        comparison.unclassified(site, Some(before), Some(after));
    }
    pair
}

/// Compares the request bodies of an operation, or of a webhook, which the SDK receives.
pub(super) fn request_body(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let mut site = site.part("requestBody", ".body");
    match (before, after) {
        (None, None) => {}
        (Some(old), Some(new)) => {
            if let Some(((before_at, old), (after_at, new))) =
                resolved_pair(comparison, &site, old, new)
            {
                site.before = before_at;
                site.after = after_at;
                body(comparison, &site, &old, &new);
            }
        }
        (None, Some(new)) => {
            let needed = new.get("required").and_then(Value::as_bool) == Some(true)
                || new.get("$ref").is_some();
            comparison.wire(
                &site,
                Side::After,
                Verdict {
                    rule: "body-added",
                    in_requests: if needed {
                        Severity::Breaking
                    } else {
                        Severity::Compatible
                    },
                    in_responses: Severity::Compatible,
                    message: "a body is expected now".to_owned(),
                    advice: "Pair its schema with one of the other dialect; then regenerate.",
                },
            );
        }
        (Some(_), None) => comparison.wire(
            &site,
            Side::Before,
            Verdict {
                rule: "body-removed",
                in_requests: Severity::Breaking,
                in_responses: Severity::Breaking,
                message: "a body is no longer expected".to_owned(),
                advice: "Find out where its members go now.",
            },
        ),
    }
}

/// Compares one request body with its successor.
pub(super) fn body(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    flags::required(
        comparison,
        site,
        "body",
        old.get("required"),
        new.get("required"),
    );
    compare(comparison, site, old.get("content"), new.get("content"));
    words::rest(comparison, site, old, new, &["required", "content"]);
}

/// Compares what is sent or received per media type.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let site = site.member("content");
    let empty = json!({});
    let Some((old, new)) = comparison.sections(&site, before, after, &empty) else {
        return;
    };
    for name in union_of_keys(old, new) {
        let site = site.part(name, &format!(".{name}"));
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => media_type(comparison, &site, old, new),
            (None, _) => comparison.wire(
                &site,
                Side::After,
                Verdict {
                    rule: "media-type-added",
                    in_requests: Severity::Compatible,
                    in_responses: Severity::Breaking,
                    message: format!("the body may be `{name}` now"),
                    advice: "The generator takes one media type: keep `application/json` only.",
                },
            ),
            (Some(_), None) => comparison.wire(
                &site,
                Side::Before,
                Verdict {
                    rule: "media-type-removed",
                    in_requests: Severity::Breaking,
                    in_responses: Severity::Breaking,
                    message: format!("the body is no longer `{name}`"),
                    advice: "Released versions send and read it: ask until when it works.",
                },
            ),
        }
    }
}

fn media_type(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    let empty = json!({});
    schema::compare(
        comparison,
        &site.member("schema"),
        old.get("schema").unwrap_or(&empty),
        new.get("schema").unwrap_or(&empty),
        false,
    );
    words::rest(comparison, site, old, new, &["schema"]);
}
