//! Component schemas and their properties.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::{Property, Schema, Shape};
use super::reader::{Reader, text};
use super::types;
use crate::document::join;

pub(super) fn schemas(reader: &mut Reader<'_>) -> Vec<Schema> {
    let document = reader.document;
    document
        .members("/components/schemas")
        .filter_map(|(name, value)| schema(reader, name, value))
        .collect()
}

fn schema(reader: &mut Reader<'_>, name: &str, value: &Value) -> Option<Schema> {
    let pointer = join("/components/schemas", name);
    let object = reader.object(&pointer, value)?;
    if let Some(format) = object.get("format").and_then(Value::as_str) {
        // An id shows its text; of a format such as card-number it must not.
        reader.note(
            &pointer,
            format!("a component with format {format}"),
            "give the format to the property instead of a component",
        );
    }
    let shape = match object.get("type").and_then(Value::as_str) {
        Some("object") => {
            if !matches!(
                object.get("additionalProperties"),
                None | Some(Value::Bool(false))
            ) {
                reader.note(
                    &join(&pointer, "additionalProperties"),
                    "a component that is a map",
                    "write the map where it is used instead of a reference",
                );
            }
            Shape::Object(properties(reader, &pointer, object))
        }
        Some("string") => match object.get("enum").and_then(Value::as_array) {
            Some(values) => Shape::Enum(
                values
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            None => Shape::Text(types::limits(object)),
        },
        other => {
            reader.note(
                &pointer,
                format!("a component of type {}", other.unwrap_or("none")),
                "make it an object, an enum of text, or text",
            );
            return None;
        }
    };
    Some(Schema {
        name: name.to_owned(),
        pointer,
        description: text(object, "description"),
        sent: false,
        received: false,
        shape,
    })
}

fn properties(
    reader: &mut Reader<'_>,
    pointer: &str,
    object: &Map<String, Value>,
) -> Vec<Property> {
    let required: BTreeSet<&str> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let parent = join(pointer, "properties");
    let mut properties = Vec::new();
    for (name, value) in object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let pointer = join(&parent, name);
        let Some(schema) = reader.object(&pointer, value) else {
            continue;
        };
        let Some(ty) = types::ty(reader, &pointer, schema) else {
            continue;
        };
        let nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
        properties.push(Property {
            name: name.clone(),
            description: description(reader, schema),
            required: required.contains(name.as_str()) && !nullable,
            limits: types::limits(schema),
            pointer,
            ty,
        });
    }
    properties
}

/// A bare `$ref` has no place for words of its own, so it speaks with the component's.
fn description(reader: &Reader<'_>, schema: &Map<String, Value>) -> String {
    let own = text(schema, "description");
    if !own.is_empty() {
        return own;
    }
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reader.document.follow(reference))
        .and_then(Value::as_object)
        .map(|component| text(component, "description"))
        .unwrap_or_default()
}
