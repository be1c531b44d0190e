//! The members of JSON objects, by what they should be.

use serde_json::{Map, Value};

use crate::document::join;

/// The members of a JSON object.
pub(in crate::lint) type Object = Map<String, Value>;

/// The member, when it is an object.
pub(in crate::lint) fn object<'a>(holder: &'a Object, member: &str) -> Option<&'a Object> {
    holder.get(member)?.as_object()
}

/// The member, when it is a string.
pub(in crate::lint) fn text<'a>(holder: &'a Object, member: &str) -> Option<&'a str> {
    holder.get(member)?.as_str()
}

/// The member's elements; none when it is no array.
pub(in crate::lint) fn array<'a>(holder: &'a Object, member: &str) -> &'a [Value] {
    holder
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whether the member is `true`.
pub(in crate::lint) fn is_true(holder: &Object, member: &str) -> bool {
    holder.get(member).and_then(Value::as_bool) == Some(true)
}

/// Whether a member is a specification extension. Only for objects whose other members have fixed or
/// patterned names: a header may well be called `x-…`.
pub(in crate::lint) fn is_extension(name: &str) -> bool {
    name.starts_with("x-")
}

/// The members of a map that are objects, with pointer and name.
pub(in crate::lint) fn entries<'a>(
    base: &str,
    map: Option<&'a Value>,
) -> Vec<(String, &'a str, &'a Object)> {
    map.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((join(base, name), name.as_str(), value.as_object()?)))
        .collect()
}
