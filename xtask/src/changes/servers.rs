//! The servers that are named, of the document or of an operation.

use serde_json::Value;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::{list, shown};
use super::site::{Flow, Site};
use super::words;

/// Compares two lists of servers.
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
    let old_reach: Vec<Value> = old.iter().map(words::without_wording).collect();
    let new_reach: Vec<Value> = new.iter().map(words::without_wording).collect();
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
                message: format!("the server {} is no longer named", shown(Some(server))),
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
                message: format!("the server {} is named now", shown(Some(server))),
                advice: "Decide whether the SDK should know it.",
            },
        );
    }
}
