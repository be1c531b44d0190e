//! Parameters, of operations and of webhooks.

use serde_json::Value;

use super::super::{Parameter, Type};
use super::reader::{Reader, text};
use super::types;
use crate::document::join;

pub(super) fn parameters<'a>(
    reader: &mut Reader<'a>,
    parent: &str,
    list: Option<&'a Value>,
) -> Vec<Parameter> {
    let parent = join(parent, "parameters");
    let list = list.and_then(Value::as_array);
    let mut parameters = Vec::new();
    for (index, value) in list.into_iter().flatten().enumerate() {
        let pointer = join(&parent, &index.to_string());
        parameters.extend(parameter(reader, &pointer, value));
    }
    parameters
}

/// What the path's item says holds where the operation does not say it anew.
pub(super) fn with_shared(mut own: Vec<Parameter>, shared: &[Parameter]) -> Vec<Parameter> {
    for parameter in shared {
        if !own
            .iter()
            .any(|own| own.name == parameter.name && own.location == parameter.location)
        {
            own.push(parameter.clone());
        }
    }
    own
}

fn parameter<'a>(reader: &mut Reader<'a>, pointer: &str, value: &'a Value) -> Option<Parameter> {
    let value = reader.resolved(value);
    let object = reader.object(pointer, value)?;
    let pointer_of_schema = join(pointer, "schema");
    let schema = object.get("schema").unwrap_or(&Value::Null);
    let schema = reader.object(&pointer_of_schema, schema)?;
    let ty = types::ty(reader, &pointer_of_schema, schema)?;
    if let Type::List(_) | Type::Map(_) = ty {
        reader.note(
            &pointer_of_schema,
            format!("a parameter that is {}", ty.describe()),
            "teach xtask/src/generate to say it, or leave the parameter out",
        );
    }
    Some(Parameter {
        name: text(object, "name"),
        pointer: pointer.to_owned(),
        location: text(object, "in"),
        description: text(object, "description"),
        ty,
        required: object.get("required").and_then(Value::as_bool) == Some(true),
        limits: types::limits(schema),
    })
}
