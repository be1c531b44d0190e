//! How deep a document nests: everything behind lint walks it recursively.

use serde_json::Value;

use crate::document::{Document, join};

use super::Rule;
use super::report::Report;

pub(super) const TOO_DEEP: Rule = Rule {
    id: "document-too-deep",
    teaches: "a document nests no deeper than 24 levels; the generator would run out of stack",
};

/// Flowlix's own documents need 15, and so much fits a stack of 1 MiB even unoptimised.
const MOST: usize = 24;

/// Whether the document may be walked.
pub(super) fn check(document: &Document, report: &mut Report<'_>) -> bool {
    let mut open = vec![(String::new(), 0, &document.root)];
    while let Some((pointer, depth, value)) = open.pop() {
        if depth > MOST {
            report.add(
                TOO_DEEP,
                &pointer,
                format!("this is the {depth}th level of nesting"),
                "give the parts names in components and refer to them",
            );
            return false;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    open.push((join(&pointer, name), depth + 1, member));
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    open.push((join(&pointer, &index.to_string()), depth + 1, item));
                }
            }
            _ => {}
        }
    }
    true
}
