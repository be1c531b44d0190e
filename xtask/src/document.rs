//! A specification as it was read: a label for messages and the JSON tree.

use serde_json::Value;

use crate::finding::Finding;

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
    /// A finding when the text is no YAML, or holds what JSON cannot say.
    pub fn parse(label: &str, text: &str) -> Result<Self, Box<Finding>> {
        let root = serde_norway::from_str(text).map_err(|error| {
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
