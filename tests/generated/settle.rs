//! What a body becomes on its way through the model, as `reconcile.yaml` declares it: constants are
//! written, and a second spelling gives way to the first.

use flowlix_api::Dialect;
use flowlix_tests::document::{Document, rules, target};
use serde_json::Value;

/// The body after those rules, at any depth.
pub(crate) fn settled(document: &Document, dialect: Dialect, schema: &str, body: &Value) -> Value {
    let mut body = body.clone();
    settle(document, dialect, rules(), schema, &mut body);
    body
}

fn settle(document: &Document, dialect: Dialect, rules: &[Value], schema: &str, body: &mut Value) {
    let Value::Object(members) = body else {
        return;
    };
    let properties = document.schema(schema)["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        match members.get_mut(name) {
            Some(Value::Array(items)) => {
                for item in items {
                    if let Some(part) = target(&property["items"]) {
                        settle(document, dialect, rules, part, item);
                    }
                }
            }
            Some(value) => {
                if let Some(part) = target(property) {
                    settle(document, dialect, rules, part, value);
                }
            }
            None => {}
        }
    }
    // Both kinds of rules name schemas that are called the same in the model.
    for rule in rules {
        if rule["schema"] != schema || rule["dialect"] != dialect.name() {
            continue;
        }
        let property = rule["property"].as_str().unwrap_or_default();
        match rule["rule"].as_str() {
            Some("property-constant") => {
                members.insert(property.to_owned(), rule["value"].clone());
            }
            Some("property-second-spelling") => {
                let second = members.remove(property).unwrap_or_default();
                let first = members
                    .entry(rule["of"].as_str().expect("the first spelling"))
                    .or_insert(Value::Null);
                if first.is_null() {
                    *first = second;
                }
            }
            _ => {}
        }
    }
}
