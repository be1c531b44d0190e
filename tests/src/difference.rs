//! JSON compared by path, where null, absent and empty mean the same.

use serde_json::{Map, Value};

/// Asserts that two values say the same, and names every JSON path at which they do not.
#[track_caller]
pub fn assert_same(what: &str, expected: &Value, actual: &Value) {
    let found = differences(expected, actual);
    assert!(
        found.is_empty(),
        "{what} differs:\n  {}",
        found.join("\n  ")
    );
}

/// Every path at which two values differ; a null, an empty object and an empty list count as absent.
#[must_use]
pub fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(&bare(expected), &bare(actual), "", &mut found);
    found
}

fn compare(expected: &Value, actual: &Value, path: &str, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let missing = Value::Null;
            for (name, value) in left {
                let other = right.get(name).unwrap_or(&missing);
                compare(value, other, &format!("{path}/{name}"), found);
            }
            for (name, value) in right {
                if !left.contains_key(name) {
                    found.push(format!("{path}/{name}: expected nothing, got {value}"));
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (value, other)) in left.iter().zip(right).enumerate() {
                compare(value, other, &format!("{path}/{index}"), found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{path}: expected {expected}, got {actual}")),
    }
}

fn bare(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), bare(value)))
                .filter(|(_, value)| !is_nothing(value))
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(bare).collect()),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn absent_null_and_empty_are_the_same_and_nothing_else_is() {
        let left = json!({ "a": null, "b": [], "c": { "d": {} }, "e": [{ "f": 1 }] });
        assert!(differences(&left, &json!({ "e": [{ "f": 1, "g": null }] })).is_empty());
        assert_eq!(
            differences(&left, &json!({ "e": [{ "f": 2 }], "h": 0 })),
            ["/e/0/f: expected 1, got 2", "/h: expected nothing, got 0"]
        );
    }
}
