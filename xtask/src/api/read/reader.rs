//! What all readers lean on: the document, its references, and what was found on the way.

use serde_json::{Map, Value};

use crate::document::Document;
use crate::finding::Finding;

const COMPONENTS: &str = "#/components/schemas/";

pub(super) struct Reader<'a> {
    pub(super) document: &'a Document,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    pub(super) fn note(&mut self, pointer: &str, message: impl Into<String>, cure: &str) {
        self.findings.push(Finding::new(
            &self.document.label,
            pointer,
            "not-understood",
            message,
            cure,
        ));
    }

    /// The component schema of a request's body, which is always there.
    pub(super) fn required_body(
        &mut self,
        pointer: &str,
        body: &'a Value,
        cure: &str,
    ) -> Option<String> {
        let body = self.resolved(body);
        if body.get("required") != Some(&Value::Bool(true)) {
            self.note(pointer, "a body that may be left out", cure);
        }
        self.json_schema(pointer, body)
    }

    /// The component schema of a JSON body.
    pub(super) fn json_schema(&mut self, pointer: &str, body: &Value) -> Option<String> {
        let name = body
            .pointer("/content/application~1json/schema/$ref")
            .and_then(Value::as_str)
            .and_then(component);
        if name.is_none() {
            self.note(
                pointer,
                "a body that is not JSON of a component schema",
                "refer to a component schema under content/application/json",
            );
        }
        name.map(str::to_owned)
    }

    pub(super) fn resolved(&self, value: &'a Value) -> &'a Value {
        value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.follow(reference))
            .unwrap_or(value)
    }

    pub(super) fn object<'v>(
        &mut self,
        pointer: &str,
        value: &'v Value,
    ) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.note(
                pointer,
                "no object where one belongs",
                "write an object here",
            );
        }
        object
    }
}

/// The component schema that a reference names.
pub(super) fn component(reference: &str) -> Option<&str> {
    reference.strip_prefix(COMPONENTS)
}

pub(super) fn text(object: &Map<String, Value>, member: &str) -> String {
    object
        .get(member)
        .and_then(Value::as_str)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}
