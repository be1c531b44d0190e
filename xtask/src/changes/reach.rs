//! Which operations reach a component, and in which direction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::Document;

use super::site::Flow;

/// HTTP methods that a path item may hold.
pub(super) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Per `#/components/…` reference, the operations of either document that lead to it.
pub(super) struct Reach {
    before: BTreeMap<String, BTreeMap<String, Flow>>,
    after: BTreeMap<String, BTreeMap<String, Flow>>,
}

impl Reach {
    pub(super) fn of(before: &Document, after: &Document) -> Self {
        Self {
            before: reached(before),
            after: reached(after),
        }
    }

    /// The directions and names of the operations that lead to a component in either document.
    pub(super) fn usage(&self, reference: &str) -> (Flow, Vec<String>) {
        let mut users: BTreeMap<&str, Flow> = BTreeMap::new();
        for (operation, flow) in [&self.before, &self.after]
            .into_iter()
            .filter_map(|document| document.get(reference))
            .flatten()
        {
            let known = users.entry(operation).or_default();
            *known = known.union(*flow);
        }
        let flow = users.values().copied().fold(Flow::default(), Flow::union);
        (flow, users.into_keys().map(str::to_owned).collect())
    }

    /// Whether the later document still refers to a component.
    pub(super) fn still_used(&self, reference: &str) -> bool {
        self.after.contains_key(reference)
    }
}

/// What the report calls an operation: its `operationId`, or method and path.
pub(super) fn operation_name(operation: &Value, method: &str, path: &str) -> String {
    operation
        .get("operationId")
        .and_then(Value::as_str)
        .map_or_else(
            || format!("{} {path}", method.to_uppercase()),
            str::to_owned,
        )
}

fn reached(document: &Document) -> BTreeMap<String, BTreeMap<String, Flow>> {
    let mut reached = BTreeMap::new();
    let mut visit = |operation: &str, flow: Flow, value: Option<&Value>| {
        let mut seen = BTreeSet::new();
        collect(document, value, &mut seen);
        for reference in seen {
            let known: &mut Flow = reached
                .entry(reference)
                .or_insert_with(BTreeMap::new)
                .entry(operation.to_owned())
                .or_default();
            *known = known.union(flow);
        }
    };
    for (path, item) in document.members("/paths") {
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let name = operation_name(operation, method, path);
            visit(&name, Flow::REQUEST, item.get("parameters"));
            visit(&name, Flow::REQUEST, operation.get("parameters"));
            visit(&name, Flow::REQUEST, operation.get("requestBody"));
            visit(&name, Flow::RESPONSE, operation.get("responses"));
        }
    }
    // A webhook's request is what the SDK receives.
    for (event, item) in document.members("/x-webhooks") {
        visit(&webhook_name(event), Flow::RESPONSE, Some(item));
    }
    reached
}

/// What the report calls a webhook.
pub(super) fn webhook_name(event: &str) -> String {
    format!("webhook {event}")
}

/// Gathers every reference below a value, through the references themselves. Iterative, since a document
/// may nest as deep as it likes.
fn collect(document: &Document, value: Option<&Value>, seen: &mut BTreeSet<String>) {
    let mut pending: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && seen.insert(reference.clone())
                {
                    pending.extend(document.follow(reference));
                }
                pending.extend(
                    members
                        .iter()
                        // An example may hold a member called `$ref` that refers to nothing.
                        .filter(|(name, _)| !matches!(name.as_str(), "example" | "examples"))
                        .map(|(_, member)| member),
                );
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
}
