//! The document as a whole: the doors to everything else.

use serde_json::{Value, json};

use super::canonical::canonical;
use super::comparison::Comparison;
use super::json::union_of_keys;
use super::site::{Flow, Site};
use super::{components, operations, security, servers, webhooks, words};

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
    servers::compare(
        comparison,
        &part("servers"),
        old.get("servers"),
        new.get("servers"),
    );
    security::compare(
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
    words::rest(
        comparison,
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
