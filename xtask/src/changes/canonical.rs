//! One spelling for documents that say the same.

use serde_json::{Map, Value};

/// Takes away what has no meaning: the order of lists that are sets, members that state the default, and
/// an `allOf` around a single reference.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            if let (1, Some([only])) = (
                members.len(),
                members
                    .get("allOf")
                    .and_then(Value::as_array)
                    .map(Vec::as_slice),
            ) && only.get("$ref").is_some()
            {
                return canonical(only);
            }
            let kept: Map<String, Value> = members
                .iter()
                .filter(|(name, member)| !states_the_default(name, member))
                .map(|(name, member)| {
                    let mut member = canonical(member);
                    if let (true, Some(items)) = (is_set(name), member.as_array_mut()) {
                        items.sort_by_cached_key(Value::to_string);
                        items.dedup();
                    }
                    (name.clone(), member)
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        plain => plain.clone(),
    }
}

fn is_set(name: &str) -> bool {
    matches!(
        name,
        "required" | "enum" | "tags" | "security" | "parameters" | "servers"
    )
}

fn states_the_default(name: &str, member: &Value) -> bool {
    match name {
        "nullable" | "deprecated" | "required" => member == &Value::Bool(false),
        "additionalProperties" => {
            member == &Value::Bool(true) || member.as_object().is_some_and(Map::is_empty)
        }
        _ => false,
    }
}
