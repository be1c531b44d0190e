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

/// Most characters of a value that a message shows.
const LIMIT: usize = 80;
/// How many characters are shown of what two long values have in common before they part.
const LEAD: usize = 20;

/// A value for a message: one line, bounded, as a Markdown code span.
pub(super) fn shown(value: Option<&Value>) -> String {
    shown_from(value, 0)
}

/// Two values for a message, `from … to …`; long ones around the place where they part.
pub(super) fn change(before: Option<&Value>, after: Option<&Value>) -> String {
    let (old, new) = (text(before), text(after));
    let is_long = |text: &str| text.chars().count() > LIMIT;
    let common = old
        .chars()
        .zip(new.chars())
        .take_while(|(old, new)| old == new)
        .count();
    let start = if is_long(&old) || is_long(&new) {
        common.saturating_sub(LEAD)
    } else {
        0
    };
    format!(
        "from {} to {}",
        shown_from(before, start),
        shown_from(after, start)
    )
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(String::new, |value| value.to_string().replace('`', "'"))
}

fn shown_from(value: Option<&Value>, start: usize) -> String {
    if value.is_none() {
        return "nothing".to_owned();
    }
    let text = text(value);
    let rest = text.chars().skip(start);
    let (lead, tail) = (
        if start > 0 { "…" } else { "" },
        if rest.clone().count() > LIMIT {
            "…"
        } else {
            ""
        },
    );
    let seen: String = rest.take(LIMIT).collect();
    format!("`{lead}{seen}{tail}`")
}

/// A list, where one that is missing counts as empty.
pub(super) fn list(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None => Some(&[]),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_long_values_are_shown_where_they_part() {
        let words = "as long as a paragraph of the documentation, ".repeat(5);
        let (old, new) = (
            json!(format!("{words}old ending")),
            json!(format!("{words}new ending")),
        );
        let told = change(Some(&old), Some(&new));
        assert_eq!(
            told,
            "from `… the documentation, old ending\"` to `… the documentation, new ending\"`"
        );
        let longer = json!(format!("{words}{words}"));
        let told = change(Some(&json!(words)), Some(&longer));
        assert!(
            told.starts_with("from `… the documentation, \"` to `… the documentation, as long"),
            "{told}"
        );
        assert!(told.ends_with("…`"), "{told}");
    }

    #[test]
    fn short_and_missing_values_are_shown_whole() {
        let told = change(Some(&json!("a `b` é")), None);
        assert_eq!(told, "from `\"a 'b' é\"` to nothing");
        assert_eq!(change(None, Some(&json!(1))), "from nothing to `1`");
        let long = json!("é".repeat(200));
        let told = change(None, Some(&long));
        assert_eq!(
            told.chars().filter(|letter| *letter == 'é').count(),
            LIMIT - 1
        );
        assert_eq!(
            change(Some(&long), None).chars().count(),
            told.chars().count()
        );
    }
}
