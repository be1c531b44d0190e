//! What a generated client method takes and returns.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::Document;
use crate::identifier;

use super::change::{Severity, Side};
use super::comparison::Comparison;
use super::operation::Operation;
use super::rust;
use super::site::Site;

/// Reports one finding per method, however many of its parts changed: its callers are edited once.
pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Operation<'_>,
    after: &Operation<'_>,
) {
    let old = signature(comparison.before, before);
    let new = signature(comparison.after, after);
    let mut differences = Vec::new();
    for (part, (name, old_type)) in &old {
        match new.get(part) {
            None => differences.push(format!("`{name}: {old_type}` is gone")),
            Some((_, new_type)) if new_type != old_type => {
                differences.push(format!("`{name}` is `{new_type}`, it was `{old_type}`"));
            }
            Some(_) => {}
        }
    }
    for (part, (name, new_type)) in &new {
        if !old.contains_key(part) {
            differences.push(format!("`{name}: {new_type}` is new"));
        }
    }
    if !differences.is_empty() {
        comparison.rust(
            site,
            Side::After,
            "method-signature-changed",
            Severity::Breaking,
            format!("the method's signature changed: {}", differences.join(", ")),
            "Adapt the callers in flowlix-ext; for users of flowlix-api it is a major version.",
        );
    }
}

/// Arguments and results: what identifies each, its name and its type.
fn signature(
    document: &Document,
    operation: &Operation<'_>,
) -> BTreeMap<(&'static str, String), (String, String)> {
    let mut parts = BTreeMap::new();
    let resolve = |value: &'_ Value| -> Value {
        value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| document.follow(reference))
            .unwrap_or(value)
            .clone()
    };
    for holder in [operation.item, operation.value] {
        let parameters = holder.get("parameters").and_then(Value::as_array);
        for parameter in parameters.into_iter().flatten() {
            let parameter = resolve(parameter);
            let text = |member| parameter.get(member).and_then(Value::as_str).unwrap_or("");
            let required = parameter.get("required").and_then(Value::as_bool) == Some(true);
            let mut schema = parameter.get("schema").cloned().unwrap_or(Value::Null);
            // A default of a parameter is the server's business: the argument stays an `Option`.
            if let Some(members) = schema.as_object_mut() {
                members.remove("default");
            }
            let name = identifier::snake(text("name"));
            let identity = if text("in") == "path" {
                // By position, so the name of the placeholder does not matter.
                let position = operation.path.find(&format!("{{{}}}", text("name")));
                format!("path {position:?}")
            } else {
                format!("{} {name}", text("in"))
            };
            parts.insert(
                ("argument", identity),
                (name, rust::type_of(&schema, required)),
            );
        }
    }
    if let Some(body) = operation.value.get("requestBody").map(resolve)
        && let Some(schema) = schema_in(&body)
    {
        parts.insert(
            ("argument", "body".to_owned()),
            ("body".to_owned(), rust::type_of(schema, true)),
        );
    }
    let responses = operation.value.get("responses").and_then(Value::as_object);
    for (status, response) in responses.into_iter().flatten() {
        let part = if status.starts_with('2') { "Ok" } else { "Err" };
        if let Some(schema) = schema_in(&resolve(response)) {
            parts.insert(
                ("result", part.to_owned()),
                (part.to_owned(), rust::type_of(schema, true)),
            );
        }
    }
    parts
}

fn schema_in(holder: &Value) -> Option<&Value> {
    holder
        .get("content")
        .and_then(Value::as_object)
        .and_then(|content| content.values().next())
        .and_then(|media_type| media_type.get("schema"))
}
