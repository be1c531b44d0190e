//! A specification as it was read: a label for messages and the JSON tree.

mod strict;

use serde_json::Value;

use crate::finding::Finding;

use strict::Strict;

/// One parsed OpenAPI document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What messages call it, such as `openapi/snake_case.yaml`.
    pub label: String,
    /// The whole document, members in the order of the file.
    pub root: Value,
}

impl Document {
    /// Parses YAML (and so JSON) text.
    ///
    /// # Errors
    /// A finding when the text is no YAML, holds what JSON cannot say, or says a member twice.
    pub fn parse(label: &str, text: &str) -> Result<Self, Box<Finding>> {
        let Strict(root) = serde_norway::from_str(text).map_err(|error| {
            Box::new(Finding::new(
                label,
                "",
                "document-unreadable",
                format!("the document cannot be read: {error}"),
                "mend the YAML at that place",
            ))
        })?;
        Ok(Self {
            label: label.to_owned(),
            root,
        })
    }

    /// The value at a JSON pointer.
    #[must_use]
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// The members of the object at a JSON pointer, in the order of the file; empty where there is none.
    pub fn members(&self, pointer: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.get(pointer)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }

    /// Follows a local `$ref` such as `#/components/schemas/Payment`.
    #[must_use]
    pub fn follow(&self, reference: &str) -> Option<&Value> {
        self.get(reference.strip_prefix('#')?)
    }
}

/// Appends a member name to a JSON pointer, escaped as RFC 6901 asks.
#[must_use]
pub fn join(pointer: &str, member: &str) -> String {
    format!("{pointer}/{}", member.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = Document::parse("a.yaml", text).err();
        refused.map_or_else(String::new, |finding| finding.to_string())
    }

    #[test]
    fn nothing_that_is_written_gets_lost() {
        for (text, told) in [
            (
                "paths:\n  /a: 1\n  /b: 2\n  /a: 3\n",
                "`/a` is written twice",
            ),
            (r#"{ "a": [{ "b": 1, "b": 1 }] }"#, "`b` is written twice"),
            ("200: x\n'200': y\n", "`200` is written twice"),
            ("a: &a { x: 1 }\nb:\n  <<: *a\n", "`<<` merges nothing"),
            ("a: .nan", "NaN is no number"),
            ("a: -.inf", "-inf is no number"),
            ("a: 1\n---\nb: 2\n", "more than one document"),
            ("? [1]\n: x\n", "expected a string"),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(told), "{text}: {refused}");
            assert!(
                refused.starts_with("a.yaml#\n  document-unreadable: "),
                "{refused}"
            );
        }
    }

    #[test]
    fn what_json_can_say_is_read() {
        let text = "a: [1, -1, 1.5, true, ~, no, '200']\n200: { x: &x {}, y: *x }\n";
        let document = Document::parse("a.yaml", text).map(|document| document.root);
        let expected = serde_json::json!({
            "a": [1, -1, 1.5, true, null, "no", "200"],
            "200": { "x": {}, "y": {} },
        });
        assert_eq!(document, Ok(expected));
        assert_eq!(refusal(""), "");
    }

    #[test]
    fn what_would_never_end_is_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        for text in [laughs, "[".repeat(100_000), "a: &a [*a]".to_owned()] {
            assert!(
                refusal(&text).contains("limit exceeded"),
                "{}",
                refusal(&text)
            );
        }
    }
}
