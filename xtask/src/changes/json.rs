//! JSON values of two documents, side by side and in messages.

use serde_json::{Map, Value};

/// The member names of both objects, those of the later one first.
pub(super) fn union_of_keys<'v>(
    before: &'v Map<String, Value>,
    after: &'v Map<String, Value>,
) -> Vec<&'v str> {
    after
        .keys()
        .chain(before.keys().filter(|name| !after.contains_key(*name)))
        .map(String::as_str)
        .collect()
}

/// A value for a message: one line, bounded, as a Markdown code span.
pub(super) fn shown(value: Option<&Value>) -> String {
    const LIMIT: usize = 80;
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string().replace('`', "'");
    if text.chars().count() <= LIMIT {
        return format!("`{text}`");
    }
    let start: String = text.chars().take(LIMIT).collect();
    format!("`{start}…`")
}

/// A list, where one that is missing counts as empty.
pub(super) fn list(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None => Some(&[]),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    }
}
