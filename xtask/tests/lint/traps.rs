//! Shapes on which progenitor 0.15.1 was seen to panic, refuse or go wrong, each in the small document
//! that showed it: lint stops every one of them before the generator sees it.

use serde_json::{Value, json};

use crate::base::lint;

/// `GET /p` answering a schema, with parts of the operation and of the schemas replaced.
fn probe(operation: Value, schemas: Value) -> Value {
    let mut root = json!({
        "openapi": "3.0.3",
        "info": { "title": "t", "version": "1.2.3" },
        "paths": { "/p": { "get": {
            "operationId": "p_get",
            "responses": { "200": ok("A") }
        } } },
        "components": { "schemas": {
            "A": { "type": "object", "properties": { "status": { "$ref": "#/components/schemas/S" } } },
            "B": { "type": "object", "properties": { "b": { "type": "string" } } },
            "S": { "type": "string", "enum": ["pending", "succeeded"] }
        } }
    });
    for (place, members) in [
        ("/paths/~1p/get", operation),
        ("/components/schemas", schemas),
    ] {
        let target = root.pointer_mut(place).unwrap().as_object_mut().unwrap();
        for (name, value) in members.as_object().unwrap() {
            if value.is_null() {
                target.remove(name);
            } else {
                target.insert(name.clone(), value.clone());
            }
        }
    }
    root
}

fn ok(schema: &str) -> Value {
    body("application/json", schema)
}

fn body(media_type: &str, schema: &str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    json!({ "description": "x", "content": { media_type: { "schema": schema } } })
}

fn assert_stopped(root: Value, rule: &str, pointer: &str) {
    let findings = lint(root);
    assert!(
        findings
            .iter()
            .any(|finding| finding.rule == rule && finding.pointer == pointer),
        "no {rule} at {pointer}: {findings:#?}"
    );
}

#[test]
fn two_success_types() {
    let operation = json!({ "responses": { "200": ok("A"), "201": ok("B") } });
    assert_stopped(
        probe(operation, json!({})),
        "success-response",
        "/paths/~1p/get/responses/201",
    );
}

#[test]
fn two_error_types() {
    let operation = json!({ "responses": { "200": ok("A"), "400": ok("A"), "500": ok("B") } });
    assert_stopped(
        probe(operation, json!({})),
        "error-schema",
        "/paths/~1p/get/responses/500",
    );
}

#[test]
fn an_error_with_a_body_and_one_without() {
    let mute = json!({ "description": "no body" });
    let operation = json!({ "responses": { "200": ok("A"), "400": ok("B"), "500": mute } });
    assert_stopped(
        probe(operation, json!({})),
        "error-schema",
        "/paths/~1p/get/responses/500",
    );
}

#[test]
fn a_typed_default_beside_a_success() {
    let operation = json!({ "responses": { "200": ok("A"), "default": ok("B") } });
    assert_stopped(
        probe(operation, json!({})),
        "response-default",
        "/paths/~1p/get/responses/default",
    );
}

#[test]
fn two_request_bodies() {
    let mut request = body("application/json", "A");
    request["content"]["application/x-www-form-urlencoded"] =
        request["content"]["application/json"].clone();
    let root = probe(json!({ "requestBody": request }), json!({}));
    assert_stopped(
        root,
        "body-several-types",
        "/paths/~1p/get/requestBody/content",
    );
}

#[test]
fn a_multipart_body() {
    let operation = json!({ "requestBody": body("multipart/form-data", "A") });
    assert_stopped(
        probe(operation, json!({})),
        "body-media-type",
        "/paths/~1p/get/requestBody/content/multipart~1form-data",
    );
}

#[test]
fn problem_json() {
    let operation =
        json!({ "responses": { "200": ok("A"), "400": body("application/problem+json", "B") } });
    assert_stopped(
        probe(operation, json!({})),
        "body-media-type",
        "/paths/~1p/get/responses/400/content/application~1problem+json",
    );
}

#[test]
fn an_enum_that_holds_both_spellings() {
    let schemas = json!({ "S": { "type": "string", "enum": ["pending", "PENDING"] } });
    assert_stopped(
        probe(json!({}), schemas),
        "enum-collision",
        "/components/schemas/S/enum/1",
    );
}

#[test]
fn no_operation_id() {
    let root = probe(json!({ "operationId": null }), json!({}));
    assert_stopped(root, "operation-id-missing", "/paths/~1p/get");
}

#[test]
fn another_version() {
    let mut root = probe(json!({}), json!({}));
    root["openapi"] = json!("3.1.0");
    assert_stopped(root, "openapi-version", "/openapi");
}

#[test]
fn one_of_with_a_discriminator() {
    let either = json!({
        "oneOf": [{ "$ref": "#/components/schemas/A" }, { "$ref": "#/components/schemas/B" }],
        "discriminator": { "propertyName": "type" }
    });
    let root = probe(
        json!({ "responses": { "200": ok("Either") } }),
        json!({ "Either": either }),
    );
    assert_stopped(
        root.clone(),
        "schema-composition",
        "/components/schemas/Either/oneOf",
    );
    assert_stopped(
        root,
        "schema-composition",
        "/components/schemas/Either/discriminator",
    );
}

#[test]
fn a_closed_response() {
    let strict = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "x": { "type": "string" } }
    });
    let root = probe(
        json!({ "responses": { "200": ok("Strict") } }),
        json!({ "Strict": strict }),
    );
    assert_stopped(
        root,
        "schema-closed-response",
        "/components/schemas/Strict/additionalProperties",
    );
}

#[test]
fn callbacks() {
    let post = json!({ "post": { "responses": { "200": { "description": "ok" } } } });
    let operation = json!({ "callbacks": { "onEvent": { "{$request.body#/url}": post } } });
    assert_stopped(
        probe(operation, json!({})),
        "callbacks",
        "/paths/~1p/get/callbacks",
    );
}

#[test]
fn a_schema_that_is_itself_nullable() {
    let schemas = json!({ "S": { "type": "string", "nullable": true } });
    assert_stopped(
        probe(json!({}), schemas),
        "schema-nullable-component",
        "/components/schemas/S/nullable",
    );
}
