//! What a caller has to show: the requirements of the document or of an operation, and the schemes.

use serde_json::Value;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::{change, list, shown};
use super::site::{Flow, Site};
use super::words;

/// Compares lists of security requirements, each an alternative; an empty list asks for none.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    let site = &site.clone().with_flow(Flow::REQUEST);
    let (Some(old), Some(new)) = (list(before), list(after)) else {
        comparison.unclassified(site, before, after);
        return;
    };
    let kept = old.iter().all(|alternative| new.contains(alternative));
    if kept
        && new.iter().all(|alternative| old.contains(alternative))
        && before.is_some() == after.is_some()
    {
        return;
    }
    // An operation without a list of its own has the document's, which is not known here.
    let known = before.is_some() && after.is_some() || site.operations.is_empty();
    let still_works = known && (new.is_empty() || (kept && !old.is_empty()));
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "security-changed",
            in_requests: if still_works {
                Severity::Compatible
            } else {
                Severity::Breaking
            },
            in_responses: Severity::Compatible,
            message: format!("authentication changed {}", change(before, after)),
            advice: "The SDK authenticates by hand, not from the specification: change it there.",
        },
    );
}

/// Compares a scheme with its successor.
pub(super) fn scheme(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let old = before.map(words::without_wording);
    let new = after.map(words::without_wording);
    if old.is_some() && old == new {
        words::record(comparison, site, "security-scheme", before, after);
        return;
    }
    let (rule, in_requests, side, message) = match (&old, &new) {
        (None, new) => (
            "security-scheme-added",
            Severity::Compatible,
            Side::After,
            format!("a way to authenticate more: {}", shown(new.as_ref())),
        ),
        (old, None) => (
            "security-scheme-removed",
            Severity::Breaking,
            Side::Before,
            format!("a way to authenticate is gone: {}", shown(old.as_ref())),
        ),
        (old, new) => (
            "security-scheme-changed",
            Severity::Breaking,
            Side::After,
            format!(
                "the way to authenticate changed {}",
                change(old.as_ref(), new.as_ref())
            ),
        ),
    };
    comparison.wire(
        site,
        side,
        Verdict {
            rule,
            in_requests,
            in_responses: Severity::Compatible,
            message,
            advice: "The SDK authenticates by hand, not from the specification: change it there.",
        },
    );
}
