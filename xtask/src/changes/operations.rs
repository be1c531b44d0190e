//! Operations: pairing them, and what belongs to none of their parts.

use serde_json::{Map, Value, json};

use crate::document::join;
use crate::identifier;

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::union_of_keys;
use super::operation::{self, Operation};
use super::reach::METHODS;
use super::site::{Flow, Site};
use super::{content, flags, parameters, responses, security, servers, signature, words};

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let empty = json!({});
    let Some((old_paths, new_paths)) = comparison.sections(site, before, after, &empty) else {
        return;
    };
    path_items(comparison, site, old_paths, new_paths);

    let old = operation::all(comparison.before);
    let mut new: Vec<Option<Operation<'_>>> = operation::all(comparison.after)
        .into_iter()
        .map(Some)
        .collect();
    let mut take = |matches: &dyn Fn(&Operation<'_>) -> bool| {
        new.iter_mut()
            .find(|candidate| candidate.as_ref().is_some_and(matches))
            .and_then(Option::take)
    };
    // By name first: a path that moved keeps its name. What is left pairs by route: it was renamed.
    let mut pairs = Vec::new();
    let mut unpaired = Vec::new();
    for operation in old {
        match take(&|candidate| candidate.name == operation.name) {
            Some(partner) => pairs.push((operation, partner)),
            None => unpaired.push(operation),
        }
    }
    for operation in unpaired {
        match take(&|candidate| candidate.route() == operation.route()) {
            Some(partner) => pairs.push((operation, partner)),
            None => removed(comparison, &operation),
        }
    }
    for operation in new.into_iter().flatten() {
        added(comparison, &operation);
    }
    for (old, new) in pairs {
        pair(comparison, &old, &new);
    }
}

/// What a path item says itself; its parameters are compared with those of each operation.
fn path_items(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    let mut judged: Vec<&str> = METHODS.to_vec();
    judged.push("parameters");
    for path in union_of_keys(before, after) {
        let site = site.part(path, path);
        match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) => {
                if let Some((old, new)) = comparison.objects(&site, Some(old), Some(new)) {
                    words::rest(comparison, &site, old, new, &judged);
                }
            }
            (old, new) => {
                let holds_operations = old
                    .or(new)
                    .is_some_and(|item| METHODS.iter().any(|method| item.get(method).is_some()));
                if !holds_operations {
                    comparison.unclassified(&site, old, new);
                }
            }
        }
    }
}

fn site_of(comparison: &Comparison<'_>, old: &Operation<'_>, new: &Operation<'_>) -> Site {
    Site {
        before: old.pointer(),
        after: new.pointer(),
        key: join("/operations", &new.name),
        subject: new.name.clone(),
        items: comparison.names.method(&new.name),
        flow: Flow::BOTH,
        operations: vec![new.name.clone()],
    }
}

fn added(comparison: &mut Comparison<'_>, operation: &Operation<'_>) {
    let site = site_of(comparison, operation, operation);
    comparison.wire(
        &site,
        Side::After,
        Verdict {
            rule: "operation-added",
            in_requests: Severity::Compatible,
            in_responses: Severity::Compatible,
            message: format!(
                "`{}` is new: {} {}",
                operation.name,
                operation.method.to_uppercase(),
                operation.path
            ),
            advice: "Pair it with one of the other dialect, or give reconcile.yaml a rule; then regenerate.",
        },
    );
    comparison.rust(
        &site,
        Side::After,
        "method-added",
        Severity::Compatible,
        "the client gains a method".to_owned(),
        "Bridge it in flowlix-ext when services should have it.",
    );
}

fn removed(comparison: &mut Comparison<'_>, operation: &Operation<'_>) {
    let site = site_of(comparison, operation, operation);
    comparison.wire(
        &site,
        Side::Before,
        Verdict {
            rule: "operation-removed",
            in_requests: Severity::Breaking,
            in_responses: Severity::Breaking,
            message: format!(
                "`{}` is gone: {} {}",
                operation.name,
                operation.method.to_uppercase(),
                operation.path
            ),
            advice: "Ask until when it answers; take out its rules and what flowlix-ext builds on it.",
        },
    );
    comparison.rust(
        &site,
        Side::Before,
        "method-removed",
        Severity::Breaking,
        "the client loses a method".to_owned(),
        "Release it as a major version.",
    );
}

fn pair(comparison: &mut Comparison<'_>, old: &Operation<'_>, new: &Operation<'_>) {
    let site = site_of(comparison, old, new);
    if old.route() != new.route() {
        comparison.wire(
            &site,
            Side::After,
            Verdict {
                rule: "operation-moved",
                in_requests: Severity::Breaking,
                in_responses: Severity::Compatible,
                message: format!(
                    "moved from {} {} to {} {}",
                    old.method.to_uppercase(),
                    old.path,
                    new.method.to_uppercase(),
                    new.path
                ),
                advice: "Released versions still call the old place: ask until when it answers, then regenerate.",
            },
        );
    }
    if identifier::snake(&old.name) != identifier::snake(&new.name) {
        comparison.rust(
            &site,
            Side::After,
            "method-renamed",
            Severity::Breaking,
            format!("the method `{}` is called `{}` now", old.name, new.name),
            "Keep the old operationId unless the new one is worth a major version.",
        );
    }
    let Some((old_members, new_members)) =
        comparison.objects(&site, Some(old.value), Some(new.value))
    else {
        return;
    };
    let (old_id, new_id) = (
        old_members.get("operationId"),
        new_members.get("operationId"),
    );
    if old_id != new_id && identifier::snake(&old.name) == identifier::snake(&new.name) {
        comparison.unclassified(&site.member("operationId"), old_id, new_id);
    }
    signature::compare(comparison, &site, old, new);
    parameters::compare(
        comparison,
        &site,
        &parameters::Holder::of_operation(comparison.before, old),
        &parameters::Holder::of_operation(comparison.after, new),
    );
    content::request_body(
        comparison,
        &site.clone().with_flow(Flow::REQUEST),
        old_members.get("requestBody"),
        new_members.get("requestBody"),
    );
    responses::compare(
        comparison,
        &site.clone().with_flow(Flow::RESPONSE),
        old_members.get("responses"),
        new_members.get("responses"),
    );
    flags::deprecation(comparison, &site, old_members, new_members);
    security::compare(
        comparison,
        &site.part("security", ".security"),
        old_members.get("security"),
        new_members.get("security"),
    );
    servers::compare(
        comparison,
        &site.part("servers", ".servers"),
        old_members.get("servers"),
        new_members.get("servers"),
    );
    words::rest(
        comparison,
        &site,
        old_members,
        new_members,
        &[
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "deprecated",
            "security",
            "servers",
        ],
    );
}
