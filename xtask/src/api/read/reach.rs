//! Which schemas requests reach, and which ones responses and webhooks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Operation, Schema, Shape};
use super::reader::component;
use crate::document::Document;

/// What requests lead to.
pub(super) fn sent(operations: &[Operation], schemas: &[Schema]) -> BTreeSet<String> {
    let bodies = operations
        .iter()
        .filter_map(|operation| operation.body.clone());
    let parameters = operations
        .iter()
        .flat_map(|operation| &operation.parameters)
        .filter_map(|parameter| parameter.ty.named().map(str::to_owned));
    reach(bodies.chain(parameters), schemas)
}

/// What responses and webhooks lead to.
pub(super) fn received(document: &Document, schemas: &[Schema]) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    collect_references(document.get("/x-webhooks"), &mut answers);
    for (_, item) in document.members("/paths") {
        for (_, operation) in item.as_object().into_iter().flatten() {
            collect_references(operation.get("responses"), &mut answers);
        }
    }
    collect_references(document.get("/components/responses"), &mut answers);
    reach(answers, schemas)
}

/// The names that can be reached from these, through properties.
fn reach(from: impl IntoIterator<Item = String>, schemas: &[Schema]) -> BTreeSet<String> {
    let mut open: Vec<String> = from.into_iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        if let Some(Schema {
            shape: Shape::Object(properties),
            ..
        }) = schemas.iter().find(|schema| schema.name == name)
        {
            open.extend(
                properties
                    .iter()
                    .filter_map(|property| property.ty.named().map(str::to_owned)),
            );
        }
    }
    reached
}

fn collect_references(value: Option<&Value>, names: &mut BTreeSet<String>) {
    match value {
        Some(Value::Object(members)) => {
            if let Some(name) = members
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(component)
            {
                names.insert(name.to_owned());
            }
            for (name, member) in members {
                // What an example holds is data: a member called `$ref` in there refers to nothing.
                if name != "example" && name != "examples" {
                    collect_references(Some(member), names);
                }
            }
        }
        Some(Value::Array(items)) => {
            for item in items {
                collect_references(Some(item), names);
            }
        }
        _ => {}
    }
}
