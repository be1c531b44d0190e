//! OpenAPI 3.0 schemas as JSON Schema, for checking the document's own values.
//!
//! `nullable` becomes a branch, formats are left out because OpenAPI does not assert them, and what is
//! malformed is left out because other rules tell of it: the result always compiles.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::references::circular_schemas;
use super::sites::{Object, Sites, array, is_true, object, text};

const SCHEMAS: &str = "#/components/schemas/";

/// Turns one document's schemas into JSON Schema.
pub(super) struct Converter<'a> {
    sites: &'a Sites<'a>,
    circular: Vec<&'a str>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(sites: &'a Sites<'a>) -> Self {
        Self {
            sites,
            circular: circular_schemas(sites),
        }
    }

    /// A JSON Schema document for the schema, with the named ones that it leads to and no others:
    /// compiling is what takes time.
    pub(super) fn document(&self, schema: &Object) -> Value {
        let converted = self.schema(schema);
        let mut open = Vec::new();
        references(&converted, &mut open);
        let mut named = Map::new();
        while let Some(target) = open.pop() {
            let Some(name) = target.strip_prefix(SCHEMAS) else {
                continue;
            };
            if let Some(schema) = self.sites.follow(&target)
                && !named.contains_key(name)
            {
                let converted = self.schema(schema);
                references(&converted, &mut open);
                named.insert(name.to_owned(), converted);
            }
        }
        json!({ "allOf": [converted], "components": { "schemas": named } })
    }

    fn schema(&self, schema: &Object) -> Value {
        if schema.contains_key("$ref") {
            return self.reference(text(schema, "$ref").unwrap_or_default());
        }
        let mut converted = Map::new();
        self.value_keywords(schema, &mut converted);
        self.object_keywords(schema, &mut converted);
        if let Some(items) = object(schema, "items") {
            converted.insert("items".to_owned(), self.schema(items));
        }
        for keyword in ["allOf", "oneOf", "anyOf"] {
            let members: Vec<Value> = array(schema, keyword)
                .iter()
                .filter_map(Value::as_object)
                .map(|member| self.schema(member))
                .collect();
            if !members.is_empty() {
                converted.insert(keyword.to_owned(), members.into());
            }
        }
        if is_true(schema, "nullable") {
            return json!({ "if": { "type": "null" }, "else": converted });
        }
        converted.into()
    }

    /// A reference that leads nowhere, or in a circle, stands for any value: it is told elsewhere.
    fn reference(&self, target: &str) -> Value {
        let sound = target
            .strip_prefix(SCHEMAS)
            .is_some_and(|name| !name.contains(['/', '~', '%']) && !self.circular.contains(&name))
            && self.sites.follow(target).is_some();
        if sound {
            json!({ "$ref": target })
        } else {
            json!({})
        }
    }

    fn value_keywords(&self, schema: &Object, converted: &mut Object) {
        let types = ["string", "integer", "number", "object", "array", "boolean"];
        if let Some(kind) = text(schema, "type").filter(|kind| types.contains(kind)) {
            converted.insert("type".to_owned(), kind.into());
        }
        if let Some(Value::Array(values)) = schema.get("enum")
            && !values.is_empty()
        {
            converted.insert("enum".to_owned(), values.clone().into());
        }
        for keyword in ["minimum", "maximum"] {
            if let Some(limit @ Value::Number(_)) = schema.get(keyword) {
                converted.insert(keyword.to_owned(), limit.clone());
            }
        }
        for keyword in ["minLength", "maxLength", "maxProperties"] {
            if let Some(limit) = schema.get(keyword).and_then(Value::as_u64) {
                converted.insert(keyword.to_owned(), limit.into());
            }
        }
        if let Some(pattern) = text(schema, "pattern")
            && regex_syntax::parse(pattern).is_ok()
        {
            converted.insert("pattern".to_owned(), pattern.into());
        }
    }

    fn object_keywords(&self, schema: &Object, converted: &mut Object) {
        let required: BTreeSet<&str> = array(schema, "required")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !required.is_empty() {
            let required: Vec<Value> = required.into_iter().map(Value::from).collect();
            converted.insert("required".to_owned(), required.into());
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(allowed)) => {
                converted.insert("additionalProperties".to_owned(), (*allowed).into());
            }
            Some(Value::Object(values)) => {
                converted.insert("additionalProperties".to_owned(), self.schema(values));
            }
            _ => {}
        }
        let Some(properties) = object(schema, "properties") else {
            return;
        };
        let properties: Map<String, Value> = properties
            .iter()
            .filter_map(|(name, property)| Some((name.clone(), self.schema(property.as_object()?))))
            .collect();
        converted.insert("properties".to_owned(), properties.into());
        // Stricter than OpenAPI: an example is ours to keep complete, so a member that its schema
        // does not list is a gap in the schema.
        converted
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
    }
}

/// The targets of the `$ref` in a converted schema. A property called `$ref` holds an object, not text.
fn references(converted: &Value, found: &mut Vec<String>) {
    match converted {
        Value::Object(members) => {
            found.extend(text(members, "$ref").map(str::to_owned));
            for member in members.values() {
                references(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
