//! The types of properties and parameters, and what their values must keep to.

use serde_json::{Map, Value};

use super::super::{Limits, Type};
use super::reader::{Reader, component};
use crate::document::join;

/// The type of what a list or map holds.
fn element(reader: &mut Reader<'_>, pointer: &str, schema: &Map<String, Value>) -> Option<Type> {
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        reader.note(
            pointer,
            "a list or map that may hold null",
            "say that it holds none, or teach it to xtask/src/api/read/types.rs",
        );
    }
    ty(reader, pointer, schema)
}

pub(super) fn ty(
    reader: &mut Reader<'_>,
    pointer: &str,
    schema: &Map<String, Value>,
) -> Option<Type> {
    let reference = schema.get("$ref").or_else(|| {
        let all = schema.get("allOf")?.as_array()?;
        all.first().filter(|_| all.len() == 1)?.get("$ref")
    });
    if let Some(reference) = reference.and_then(Value::as_str) {
        let Some(name) = component(reference) else {
            reader.note(
                pointer,
                format!("a reference to {reference}"),
                "refer to a schema in #/components/schemas",
            );
            return None;
        };
        return Some(Type::Named(name.to_owned()));
    }
    let format = schema.get("format").and_then(Value::as_str);
    let ty = match (schema.get("type").and_then(Value::as_str), format) {
        (Some("string"), None) => Type::Text,
        (Some("string"), Some("uri")) => Type::Uri,
        (Some("string"), Some("card-number")) => Type::CardNumber,
        (Some("string"), Some("card-cvc")) => Type::CardCvc,
        (Some("integer"), Some("int32")) => Type::Int32,
        (Some("integer"), Some("int64")) => Type::Int64,
        (Some("boolean"), None) => Type::Boolean,
        (Some("array"), None) => {
            let pointer = join(pointer, "items");
            let items = schema.get("items").unwrap_or(&Value::Null);
            let items = reader.object(&pointer, items)?;
            Type::List(Box::new(element(reader, &pointer, items)?))
        }
        (Some("object"), None) => {
            let pointer = join(pointer, "additionalProperties");
            match schema.get("additionalProperties") {
                Some(Value::Bool(true)) => Type::Map(Box::new(Type::Json)),
                Some(Value::Object(values)) if values.is_empty() => Type::Map(Box::new(Type::Json)),
                Some(Value::Object(values)) => {
                    let values = element(reader, &pointer, values)?;
                    if let Some(name) = values.named() {
                        reader.note(
                            &pointer,
                            format!("a map to {name}"),
                            "use a list; or teach xtask/src/generate to convert the values of maps",
                        );
                    }
                    Type::Map(Box::new(values))
                }
                _ => {
                    reader.note(
                        &pointer,
                        "an object without members of a type",
                        "give the map's values a type, or make it a component",
                    );
                    return None;
                }
            }
        }
        (ty, format) => {
            reader.note(
                pointer,
                format!(
                    "type {} with format {}",
                    ty.unwrap_or("none"),
                    format.unwrap_or("none")
                ),
                "use a type and format that the generator knows, or teach it to xtask/src/api/read/types.rs",
            );
            return None;
        }
    };
    Some(ty)
}

pub(super) fn limits(schema: &Map<String, Value>) -> Limits {
    let size = |member: &str| {
        schema
            .get(member)
            .and_then(Value::as_u64)
            .and_then(|size| usize::try_from(size).ok())
    };
    Limits {
        min_length: size("minLength"),
        max_length: size("maxLength"),
        minimum: schema.get("minimum").and_then(Value::as_i64),
        maximum: schema.get("maximum").and_then(Value::as_i64),
        max_properties: size("maxProperties"),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(str::to_owned),
        max_value_length: schema
            .get("additionalProperties")
            .and_then(|values| values.get("maxLength"))
            .and_then(Value::as_u64)
            .and_then(|size| usize::try_from(size).ok()),
    }
}
