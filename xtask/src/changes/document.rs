//! The document as a whole: servers, security, and the doors to everything else.

use serde_json::{Value, json};

use super::canonical::canonical;
use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict, union_of_keys};
use super::site::{Flow, Site};
use super::{components, operations, webhooks, words};

pub(super) fn compare(comparison: &mut Comparison<'_>) {
    let (before, after) = (comparison.before, comparison.after);
    let site = Site {
        flow: Flow::BOTH,
        ..Site::default()
    };
    let Some((old, new)) = comparison.objects(&site, Some(&before.root), Some(&after.root)) else {
        return;
    };
    let part = |name: &str| site.part(name, name);
    if old.get("openapi") != new.get("openapi") {
        words::record(
            comparison,
            &part("openapi"),
            "openapi",
            old.get("openapi"),
            new.get("openapi"),
        );
    }
    information(comparison, &part("info"), old.get("info"), new.get("info"));
    servers(
        comparison,
        &part("servers"),
        old.get("servers"),
        new.get("servers"),
    );
    security(
        comparison,
        &part("security"),
        old.get("security"),
        new.get("security"),
    );
    operations::compare(
        comparison,
        &site.member("paths"),
        old.get("paths"),
        new.get("paths"),
    );
    webhooks::compare(
        comparison,
        &part("x-webhooks"),
        old.get("x-webhooks"),
        new.get("x-webhooks"),
    );
    components::compare(
        comparison,
        &site.member("components"),
        old.get("components"),
        new.get("components"),
    );
    comparison.rest(
        &site,
        old,
        new,
        &[
            "openapi",
            "info",
            "servers",
            "security",
            "paths",
            "x-webhooks",
            "components",
        ],
    );
    // The last net: whatever slipped through must not be passed over in silence.
    if comparison.is_empty() && canonical(&before.root) != canonical(&after.root) {
        comparison.unclassified(&site, Some(&before.root), Some(&after.root));
    }
}

fn information(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let empty = json!({});
    let Some((old, new)) = comparison.sections(site, before, after, &empty) else {
        return;
    };
    for name in union_of_keys(old, new) {
        words::record(
            comparison,
            &site.part(name, &format!(".{name}")),
            name,
            old.get(name),
            new.get(name),
        );
    }
}

/// Compares the servers that are named, of the document or of an operation.
pub(super) fn servers(
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
    let reach = |server: &Value| {
        let mut server = server.clone();
        if let Some(members) = server.as_object_mut() {
            members.retain(|name, _| !words::is_wording(name));
        }
        server
    };
    let (old_reach, new_reach): (Vec<_>, Vec<_>) = (
        old.iter().map(reach).collect(),
        new.iter().map(reach).collect(),
    );
    let gone = old_reach.iter().find(|server| !new_reach.contains(server));
    let come = new_reach.iter().find(|server| !old_reach.contains(server));
    if gone.is_none() && come.is_none() {
        words::compare(comparison, site, "servers", before, after);
    }
    if let Some(server) = gone {
        comparison.wire(
            site,
            Side::Before,
            Verdict {
                rule: "server-removed",
                in_requests: Severity::Breaking,
                in_responses: Severity::Breaking,
                message: format!("the server {} is no longer named", words::shown(Some(server))),
                advice: "Ask until when the old address answers, and change the base URL of the SDK.",
            },
        );
    }
    if let Some(server) = come {
        comparison.wire(
            site,
            Side::After,
            Verdict {
                rule: "server-added",
                in_requests: Severity::Compatible,
                in_responses: Severity::Compatible,
                message: format!("the server {} is named now", words::shown(Some(server))),
                advice: "Decide whether the SDK should know it.",
            },
        );
    }
}

/// Compares lists of security requirements, each an alternative; an empty list asks for none.
pub(super) fn security(
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
            message: format!(
                "authentication changed from {} to {}",
                words::shown(before),
                words::shown(after)
            ),
            advice: "The SDK authenticates by hand, not from the specification: change it there.",
        },
    );
}

/// A list, where one that is missing counts as empty.
fn list(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None => Some(&[]),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    }
}
