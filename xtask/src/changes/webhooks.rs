//! The events under `x-webhooks`: requests that Flowlix sends, so what the SDK receives.

use serde_json::{Value, json};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::union_of_keys;
use super::reach::{METHODS, webhook_name};
use super::site::{Flow, Site};
use super::{content, parameters, words};

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let empty = json!({});
    let Some((old, new)) = comparison.sections(site, before, after, &empty) else {
        return;
    };
    for event in union_of_keys(old, new) {
        let name = webhook_name(event);
        let mut site = site.member(event).with_flow(Flow::RESPONSE);
        site.subject.clone_from(&name);
        site.operations = vec![name];
        match (old.get(event), new.get(event)) {
            (Some(old), Some(new)) => webhook(comparison, &site, old, new),
            (None, _) => comparison.wire(
                &site,
                Side::After,
                Verdict {
                    rule: "webhook-added",
                    in_requests: Severity::Compatible,
                    in_responses: Severity::Compatible,
                    message: format!("the event `{event}` is new"),
                    advice: "List it among the values of the event type, give reconcile.yaml a rule, and regenerate.",
                },
            ),
            (Some(_), None) => comparison.wire(
                &site,
                Side::Before,
                Verdict {
                    rule: "webhook-removed",
                    in_requests: Severity::Breaking,
                    in_responses: Severity::Breaking,
                    message: format!("the event `{event}` is no longer sent"),
                    advice: "Take out its rule in reconcile.yaml. Whoever waits for it waits for ever: say so in the release notes.",
                },
            ),
        }
    }
}

fn webhook(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    for method in METHODS {
        let site = site.member(method);
        match (old.get(method), new.get(method)) {
            (None, None) => {}
            (Some(old), Some(new)) => delivery(comparison, &site, old, new),
            (old, new) => comparison.unclassified(&site, old, new),
        }
    }
    words::rest(comparison, site, old, new, &METHODS);
}

fn delivery(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    parameters::compare(
        comparison,
        site,
        &parameters::Holder::of(comparison.before, "", &[(&site.before, before)]),
        &parameters::Holder::of(comparison.after, "", &[(&site.after, after)]),
    );
    content::request_body(
        comparison,
        site,
        old.get("requestBody"),
        new.get("requestBody"),
    );
    // What we answer to a delivery is not read by anything that is generated.
    words::rest(comparison, site, old, new, &["parameters", "requestBody"]);
}
