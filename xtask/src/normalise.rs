//! Turns a dialect's document into the one that progenitor is given.
//!
//! Limits, defaults and examples go: the generator would enforce limits on what is *read*. What may be
//! missing may also be null. Words are made safe for rustdoc.

use serde_json::{Map, Value, json};

use crate::document::Document;

/// Members that say what a value must keep to, or illustrate it.
const DROPPED: [&str; 11] = [
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "maxProperties",
    "default",
    "example",
    "examples",
    "headers",
    "x-source",
];

/// The lenient document.
#[must_use]
pub fn normalise(document: &Document) -> Document {
    let mut root = document.root.clone();
    if let Some(members) = root.as_object_mut() {
        members.retain(|name, _| !name.starts_with("x-"));
    }
    if let Some(components) = root.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|name, _| name != "headers" && name != "examples");
    }
    walk(&mut root);
    for schema in root
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|schemas| schemas.values_mut())
    {
        relax(schema);
    }
    Document {
        label: document.label.clone(),
        root,
    }
}

fn walk(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                // A property may be called `example`; it is then an object with a type of its own.
                !DROPPED.contains(&name.as_str()) || is_schema(member)
            });
            if members.get("additionalProperties") == Some(&Value::Bool(false)) {
                members.remove("additionalProperties");
            }
            for (name, member) in members.iter_mut() {
                if (name == "description" || name == "summary")
                    && let Value::String(text) = member
                {
                    *text = rustdoc(text);
                } else {
                    walk(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        _ => {}
    }
}

fn is_schema(value: &Value) -> bool {
    value.get("type").is_some_and(Value::is_string)
        || value.get("$ref").is_some_and(Value::is_string)
}

/// Lets everything be null that may be missing, and be missing that may be null.
fn relax(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    let nullable: Vec<String> = members
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("nullable") == Some(&Value::Bool(true)))
        .map(|(name, _)| name.clone())
        .collect();
    let mut required: Vec<Value> = members
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    required.retain(|name| !nullable.iter().any(|nullable| name == nullable));
    for (name, property) in members
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::iter_mut)
    {
        if required.iter().any(|required| required == name) {
            continue;
        }
        if let Some(reference) = property.get("$ref").cloned() {
            *property = json!({ "allOf": [{ "$ref": reference }] });
        }
        if let Some(property) = property.as_object_mut() {
            property.insert("nullable".to_owned(), Value::Bool(true));
        }
    }
    if required.is_empty() {
        members.remove("required");
    } else {
        members.insert("required".to_owned(), Value::Array(required));
    }
}

/// Escapes what rustdoc would take for links or HTML; code spans stay as they are.
#[must_use]
pub fn rustdoc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut in_code = false;
    for character in text.trim().chars() {
        if character == '`' {
            in_code = !in_code;
        }
        if !in_code && matches!(character, '[' | ']' | '<' | '>') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}
