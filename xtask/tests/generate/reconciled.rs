//! `reconciled.json`: a sound document in which nothing of either dialect is missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use xtask::api::{self, Api, Shape};
use xtask::dialect::Dialect;
use xtask::rules::Rule;

use crate::{OUTPUTS, SOURCES};

fn document() -> Value {
    let output = OUTPUTS
        .iter()
        .find(|output| output.path == "openapi/reconciled.json")
        .unwrap();
    serde_json::from_str(&output.text).unwrap()
}

fn api(dialect: Dialect) -> Api {
    api::read(dialect, SOURCES.documents.get(dialect)).unwrap()
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    SOURCES.rules.rules.iter().map(|entry| &entry.rule)
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap()
}

/// The model's schema that a dialect's is, with its name.
fn model_schema<'d>(document: &'d Value, dialect: Dialect, name: &str) -> (&'d String, &'d Value) {
    let mut found = schemas(document)
        .iter()
        .filter(|(_, schema)| schema["x-flowlix"][dialect.name()] == name);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{dialect} {name} is missing"));
    assert!(found.next().is_none(), "{dialect} {name} is there twice");
    first
}

/// The operations, as `operationId` and value.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let items = document["paths"].as_object().unwrap().values();
    items
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| {
            (
                operation["operationId"].as_str().unwrap().to_owned(),
                operation,
            )
        })
        .collect()
}

#[test]
fn it_is_openapi() {
    let document = document();
    let parsed: openapiv3::OpenAPI = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(parsed.openapi, "3.0.3");
    assert_eq!(parsed.operations().count(), operations(&document).len());
    let count = parsed.components.unwrap().schemas.len();
    assert_eq!(count, schemas(&document).len());
}

#[test]
fn every_reference_resolves() {
    fn judge(document: &Value, value: &Value, judged: &mut usize) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let reference = reference.as_str().unwrap();
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    assert_eq!(members.len(), 1, "{reference} has siblings");
                    *judged += 1;
                }
                members
                    .values()
                    .for_each(|member| judge(document, member, judged));
            }
            Value::Array(items) => items.iter().for_each(|item| judge(document, item, judged)),
            _ => {}
        }
    }
    let document = document();
    let mut judged = 0;
    judge(&document, &document, &mut judged);
    assert!(judged > 30, "{judged}");
}

#[test]
fn every_part_says_how_both_dialects_spell_it() {
    let document = document();
    let both = |place: &str, value: &Value| {
        let spelled = value["x-flowlix"]
            .as_object()
            .unwrap_or_else(|| panic!("{place}: {value}"));
        for dialect in Dialect::BOTH {
            assert!(spelled.contains_key(dialect.name()), "{place}: {dialect}");
        }
        assert!(
            Dialect::BOTH
                .iter()
                .any(|dialect| !spelled[dialect.name()].is_null()),
            "{place}: no dialect has it"
        );
    };
    for (name, schema) in schemas(&document) {
        both(name, schema);
        for (property, value) in schema["properties"].as_object().into_iter().flatten() {
            both(&format!("{name}.{property}"), value);
        }
    }
    for (id, operation) in operations(&document) {
        both(&id, operation);
        for parameter in operation["parameters"].as_array().unwrap() {
            both(&format!("{id} {}", parameter["name"]), parameter);
        }
    }
    for (event, item) in document["x-webhooks"].as_object().unwrap() {
        both(event, &item["post"]);
        for header in item["post"]["parameters"].as_array().unwrap() {
            both(&format!("{event} {}", header["name"]), header);
        }
    }
}

#[test]
fn every_webhook_of_both_dialects_is_there() {
    let document = document();
    let webhooks = document["x-webhooks"].as_object().unwrap();
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        for webhook in &api(dialect).webhooks {
            let delivery = &webhooks[&webhook.event]["post"];
            let told = &delivery["x-flowlix"][dialect.name()];
            assert_eq!(told["event"], webhook.event.as_str());
            assert_eq!(told["answered-with"], json!(webhook.statuses));
            let headers = delivery["parameters"].as_array().unwrap();
            assert_eq!(headers.len(), webhook.headers.len(), "{}", webhook.event);
            judged += 1;
        }
    }
    assert_eq!(judged, webhooks.len());
}

/// Where the rules put a dialect's property: the path seen from the model's schema.
fn expected_path(schema: &str, here: Dialect, name: &str) -> Option<Vec<String>> {
    let split = |path: &str| path.split('.').map(str::to_owned).collect();
    for rule in rules() {
        match rule {
            Rule::PropertyConstant {
                schema: s,
                dialect,
                property,
                ..
            } if s == schema && *dialect == here && property == name => {
                return None;
            }
            Rule::PropertyMoved {
                schema: s,
                dialect,
                property,
                to,
            } if s == schema && *dialect == here && property == name => {
                return Some(split(to));
            }
            Rule::PropertySecondSpelling {
                schema: s,
                dialect,
                property,
                of,
            } if s == schema && *dialect == here && property == name => {
                return expected_path(schema, here, of);
            }
            Rule::PropertyRenamed {
                schema: s,
                snake_case,
                uppercase,
            } if s == schema && here == Dialect::SnakeCase && snake_case == name => {
                return Some(split(uppercase));
            }
            _ => {}
        }
    }
    Some(vec![name.to_owned()])
}

/// The model's schema that a member refers to.
fn named(property: &Value) -> Option<&str> {
    let reference = property.pointer("/allOf/0/$ref")?.as_str()?;
    reference.strip_prefix("#/components/schemas/")
}

#[test]
fn every_property_of_both_dialects_is_where_the_rules_put_it() {
    let document = document();
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        for schema in api(dialect).schemas {
            let Shape::Object(properties) = &schema.shape else {
                continue;
            };
            let (model_name, model) = model_schema(&document, dialect, &schema.name);
            if !model["x-flowlix-type"].is_null() {
                continue;
            }
            for property in properties {
                let Some(path) = expected_path(model_name, dialect, &property.name) else {
                    continue;
                };
                let (last, parents) = path.split_last().unwrap();
                let holder = parents.iter().fold(model, |holder, step| {
                    let next = named(&holder["properties"][step]).unwrap();
                    &schemas(&document)[next]
                });
                let spelled = &holder["properties"][last]["x-flowlix"][dialect.name()];
                let name = if parents.is_empty() {
                    property.name.clone()
                } else {
                    format!("{}.{}", schema.name, property.name)
                };
                let said = match spelled {
                    Value::Array(all) => all.contains(&json!(name)),
                    one => *one == json!(name),
                };
                assert!(
                    said,
                    "{dialect} {}: {name} is not in {spelled}",
                    property.pointer
                );
                judged += 1;
            }
        }
    }
    assert!(judged > 120, "{judged}");
}

#[test]
fn every_spelling_is_one_that_its_dialect_has() {
    let document = document();
    for dialect in Dialect::BOTH {
        let api = api(dialect);
        let has = |schema: &str, name: &str| match api.schema(schema).map(|schema| &schema.shape) {
            Some(Shape::Object(properties)) => {
                properties.iter().any(|property| property.name == name)
            }
            _ => false,
        };
        for (model_name, model) in schemas(&document) {
            let own = model["x-flowlix"][dialect.name()].as_str();
            assert!(
                own.is_none_or(|own| api.schema(own).is_some()),
                "{model_name}"
            );
            for (property, value) in model["properties"].as_object().into_iter().flatten() {
                let spelled = &value["x-flowlix"][dialect.name()];
                let all = match spelled {
                    Value::Null => continue,
                    Value::Array(all) => all.clone(),
                    one => vec![one.clone()],
                };
                for spelling in all {
                    let spelling = spelling.as_str().unwrap();
                    let carried = rules().any(|rule| {
                        matches!(rule, Rule::PropertyCarried { schema, property: p, dialect: d, by }
                            if schema == model_name && p == property && *d == dialect && by == spelling)
                    });
                    let known = match spelling.split_once('.') {
                        Some((holder, name)) => has(holder, name),
                        None => own.is_some_and(|own| has(own, spelling)),
                    };
                    assert!(
                        carried || known,
                        "{dialect} {model_name}.{property}: {spelling}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_value_of_both_dialects_is_there() {
    let document = document();
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        for schema in api(dialect).schemas {
            let Shape::Enum(values) = &schema.shape else {
                continue;
            };
            let (name, model) = model_schema(&document, dialect, &schema.name);
            if !model["x-flowlix-type"].is_null() {
                continue;
            }
            let spelled = model["x-flowlix-values"].as_object().unwrap();
            for value in values {
                let places = spelled
                    .values()
                    .filter(|all| all[dialect.name()] == *value)
                    .count();
                assert_eq!(places, 1, "{dialect} {name} {value}");
                judged += 1;
            }
            let known = spelled
                .values()
                .filter(|all| !all[dialect.name()].is_null())
                .count();
            assert_eq!(known, values.len(), "{dialect} {name}");
        }
    }
    assert!(judged > 40, "{judged}");
}

#[test]
fn every_operation_parameter_and_header_is_there() {
    let document = document();
    let model = operations(&document);
    for dialect in Dialect::BOTH {
        let operations = api(dialect).operations;
        let served = model
            .values()
            .filter(|operation| !operation["x-flowlix"][dialect.name()].is_null());
        assert_eq!(served.count(), operations.len(), "{dialect}");
        for operation in operations {
            let found = model
                .values()
                .find(|model| model["x-flowlix"][dialect.name()]["operation"] == operation.id)
                .unwrap_or_else(|| panic!("{dialect} {} is missing", operation.id));
            let spelled = &found["x-flowlix"][dialect.name()];
            let request = format!("{} {}", operation.method.to_uppercase(), operation.path);
            assert_eq!(spelled["request"], request);
            let (status, answer) = &operation.success;
            let (answer, _) = model_schema(&document, dialect, answer);
            assert_eq!(spelled["answer"], format!("{status} {answer}"));
            if let Some(body) = &operation.body {
                let (body, _) = model_schema(&document, dialect, body);
                let reference = found.pointer("/requestBody/content/application~1json/schema/$ref");
                assert_eq!(
                    reference,
                    Some(&json!(format!("#/components/schemas/{body}")))
                );
            }
            let parameters = found["parameters"].as_array().unwrap();
            for parameter in &operation.parameters {
                let listed = parameters.iter().any(|model| {
                    let taken = &model["x-flowlix"][dialect.name()];
                    taken["name"] == parameter.name
                        && taken["required"] == parameter.required
                        && model["in"] == parameter.location
                });
                // Of a path that is not the model's: the property that it carries names it.
                let carried = parameter.location == "path"
                    && rules().any(|rule| {
                        matches!(rule, Rule::PropertyCarried { dialect: d, by, .. }
                        if *d == dialect && by.contains(&format!("`{}`", parameter.name)))
                    });
                assert!(
                    listed || carried,
                    "{dialect} {} {}",
                    operation.id,
                    parameter.name
                );
            }
            let headers = found["x-flowlix"]["response-headers"].as_array().unwrap();
            for header in &operation.response_headers {
                let places = headers
                    .iter()
                    .filter(|all| all[dialect.name()] == *header)
                    .count();
                assert_eq!(places, 1, "{dialect} {} {header}", operation.id);
            }
        }
    }
}
