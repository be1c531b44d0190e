//! Members that are true or false: `required`, `nullable`, `deprecated`.

use serde_json::{Map, Value};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::site::Site;

const BREAKING: Severity = Severity::Breaking;
const COMPATIBLE: Severity = Severity::Compatible;

/// Compares a boolean `required`, of a parameter, a header or a request body.
pub(super) fn required(
    comparison: &mut Comparison<'_>,
    site: &Site,
    what: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let verdict = match (flag(before), flag(after)) {
        (Some(old), Some(new)) if old == new => return,
        (Some(false), Some(true)) => Verdict {
            rule: &format!("{what}-became-required"),
            in_requests: BREAKING,
            in_responses: COMPATIBLE,
            message: format!("the {what} was optional and is required now"),
            advice: "Send it always: released versions that leave it out are refused.",
        },
        (Some(true), Some(false)) => Verdict {
            rule: &format!("{what}-became-optional"),
            in_requests: COMPATIBLE,
            in_responses: BREAKING,
            message: format!("the {what} was required and is optional now"),
            advice: "Do not count on it being there.",
        },
        _ => {
            comparison.unclassified(&site.member("required"), before, after);
            return;
        }
    };
    comparison.wire(site, Side::After, verdict);
}

/// Compares `nullable`. `was_optional`: the earlier schema could be left out, so readers cope without it.
pub(super) fn nullability(
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

/// A boolean keyword that is false when absent; `None` when it is no boolean.
fn flag(value: Option<&Value>) -> Option<bool> {
    value.map_or(Some(false), Value::as_bool)
}
