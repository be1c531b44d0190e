//! The reconciled document, as a listing that a reviewer can read: what the model has, and how each dialect
//! spells it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flowlix_tests::document::Document;
use serde_json::Value;

#[test]
fn the_reconciled_document() {
    let document = Document::reconciled();
    let document = document.root();
    let mut listing = String::new();
    for (name, schema) in sorted(&document["components"]["schemas"]) {
        writeln!(listing, "{name}{}", spelled(schema)).unwrap();
        for (property, value) in sorted(&schema["properties"]) {
            let required = schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == property));
            let mark = if required { "" } else { "?" };
            writeln!(
                listing,
                "    {property}{mark}: {}{}",
                ty(value),
                spelled(value)
            )
            .unwrap();
        }
        for (value, spellings) in sorted(&schema["x-flowlix-values"]) {
            writeln!(listing, "    {value}{}", sides(spellings)).unwrap();
        }
    }
    for (path, item) in sorted(&document["paths"]) {
        for (method, operation) in sorted(item) {
            let id = operation["operationId"].as_str().unwrap();
            writeln!(listing, "{} {path} {id}", method.to_uppercase()).unwrap();
            for dialect in ["snake_case", "uppercase"] {
                let served = &operation["x-flowlix"][dialect];
                writeln!(
                    listing,
                    "    {dialect}: {} -> {}",
                    served["request"].as_str().unwrap_or("none"),
                    served["answer"].as_str().unwrap_or("none"),
                )
                .unwrap();
            }
            parameters(&mut listing, operation);
        }
    }
    for (event, item) in sorted(&document["x-webhooks"]) {
        let delivery = &item["post"];
        let body = ty(&delivery["requestBody"]["content"]["application/json"]["schema"]);
        let names = &delivery["x-flowlix"];
        let side = |dialect: &str| names[dialect]["event"].as_str().unwrap_or("none");
        writeln!(
            listing,
            "webhook {event}: {body}  [{} | {}]",
            side("snake_case"),
            side("uppercase")
        )
        .unwrap();
        parameters(&mut listing, delivery);
    }
    insta::assert_snapshot!(listing);
}

fn parameters(listing: &mut String, holder: &Value) {
    for parameter in holder["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let place = parameter["in"].as_str().unwrap();
        let names = &parameter["x-flowlix"];
        let side = |dialect: &str| match &names[dialect] {
            Value::Null => "none".to_owned(),
            taken => {
                let mark = if taken["required"] == true { "" } else { "?" };
                format!("{}{mark}", taken["name"].as_str().unwrap())
            }
        };
        writeln!(
            listing,
            "    {place} {name}: {}  [{} | {}]",
            ty(&parameter["schema"]),
            side("snake_case"),
            side("uppercase")
        )
        .unwrap();
    }
}

/// The members of an object by name: whether JSON keeps its order depends on who else is built.
fn sorted(object: &Value) -> BTreeMap<&String, &Value> {
    object.as_object().into_iter().flatten().collect()
}

fn ty(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .or_else(|| schema["allOf"][0]["$ref"].as_str())
    {
        return name.rsplit('/').next().unwrap().to_owned();
    }
    match schema["type"].as_str() {
        Some("array") => format!("[{}]", ty(&schema["items"])),
        Some("object") => format!("map of {}", ty(&schema["additionalProperties"])),
        Some(ty) => match schema["format"].as_str() {
            Some(format) => format!("{ty} {format}"),
            None => ty.to_owned(),
        },
        None => "any".to_owned(),
    }
}

/// `[snake_case | uppercase]`, left out where both say it as the model does.
fn spelled(part: &Value) -> String {
    sides(&part["x-flowlix"])
}

fn sides(sides: &Value) -> String {
    let side = |dialect: &str| match &sides[dialect] {
        Value::Null => "none".to_owned(),
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    };
    let (snake_case, uppercase) = (side("snake_case"), side("uppercase"));
    if snake_case == uppercase {
        String::new()
    } else {
        format!("  [{snake_case} | {uppercase}]")
    }
}
