//! An operation as one document has it.

use serde_json::Value;

use crate::document::{Document, join};

use super::reach::{METHODS, operation_name};

/// One operation of one document.
pub(super) struct Operation<'a> {
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    /// JSON pointer of the path item.
    pub(super) item_pointer: String,
    pub(super) item: &'a Value,
    pub(super) value: &'a Value,
    /// `operationId`, or method and path.
    pub(super) name: String,
}

impl Operation<'_> {
    pub(super) fn pointer(&self) -> String {
        join(&self.item_pointer, self.method)
    }

    /// Method and path, where the names of path parameters do not matter.
    pub(super) fn route(&self) -> (&str, String) {
        let mut route = String::new();
        let mut inside = false;
        for letter in self.path.chars() {
            match letter {
                '{' => {
                    inside = true;
                    route.push_str("{}");
                }
                '}' => inside = false,
                _ if inside => {}
                _ => route.push(letter),
            }
        }
        (self.method, route)
    }
}

/// All operations of a document, in its order.
pub(super) fn all(document: &Document) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document.members("/paths") {
        for method in METHODS {
            if let Some(value) = item.get(method) {
                operations.push(Operation {
                    path,
                    method,
                    item_pointer: join("/paths", path),
                    item,
                    value,
                    name: operation_name(value, method, path),
                });
            }
        }
    }
    operations
}
