//! One property: that it came or went, that it may be missing, and what it is in Rust.

use serde_json::Value;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::rust;
use super::site::Site;

const BREAKING: Severity = Severity::Breaking;
const COMPATIBLE: Severity = Severity::Compatible;

pub(super) fn added(comparison: &mut Comparison<'_>, site: &Site, schema: &Value, required: bool) {
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

pub(super) fn removed(comparison: &mut Comparison<'_>, site: &Site) {
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

pub(super) fn presence(
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

/// Compares the types that the property is of in Rust.
pub(super) fn field(comparison: &mut Comparison<'_>, site: &Site, before: &str, after: &str) {
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
