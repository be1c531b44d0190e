//! Every kind of change, in every direction, is judged as it should be, and none is passed over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use xtask::changes::{
    Direction, Format, Kind, Options, Report, Severity, SpecChoice, Verdict, compare, report,
};
use xtask::document::{Document, join};

const LABEL: &str = "openapi/uppercase.yaml";

/// A small specification: `Order` goes out, `Payment` comes in, `Address` travels both ways.
fn base() -> Value {
    static BASE: LazyLock<Value> = LazyLock::new(made_base);
    BASE.clone()
}

fn made_base() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Base", "version": "1.0.0", "description": "A base."},
        "x-provenance": [{"id": "page"}],
        "servers": [{"url": "https://api.example.com"}],
        "security": [{"bearer": []}],
        "paths": {
            "/v1/payments": {
                "get": {
                    "operationId": "list_payments",
                    "summary": "Lists payments.",
                    "tags": ["payments", "reading"],
                    "parameters": [
                        {"$ref": "#/components/parameters/Limit"},
                        {"name": "status", "in": "query", "schema": {"$ref": "#/components/schemas/Status"}}
                    ],
                    "responses": {
                        "200": {
                            "description": "A page.",
                            "headers": {"X-RateLimit-Limit": {"$ref": "#/components/headers/RateLimit"}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}
                        },
                        "4XX": {"$ref": "#/components/responses/Refused"}
                    }
                },
                "post": {
                    "operationId": "create_payment",
                    "parameters": [
                        {"name": "Idempotency-Key", "in": "header", "required": true, "schema": {"type": "string", "maxLength": 255}}
                    ],
                    "requestBody": {
                        "required": true,
                        "content": {"application/json": {
                            "schema": {"$ref": "#/components/schemas/Order"},
                            "examples": {"smallest": {"value": {"amount": 1, "kind": "ONE"}}}
                        }}
                    },
                    "responses": {
                        "201": {
                            "description": "Accepted.",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Payment"}}}
                        },
                        "4XX": {"$ref": "#/components/responses/Refused"}
                    }
                }
            },
            "/v1/payments/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
                "get": {
                    "operationId": "retrieve_payment",
                    "responses": {
                        "200": {
                            "description": "A payment.",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Payment"}}}
                        }
                    }
                }
            }
        },
        "x-webhooks": {
            "payment.succeeded": {"post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}}
            }}
        },
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "parameters": {
                "Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 100, "default": 10}}
            },
            "headers": {"RateLimit": {"description": "Requests a minute.", "schema": {"type": "integer", "format": "int64"}}},
            "responses": {
                "Refused": {
                    "description": "Refused.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
                }
            },
            "schemas": {
                "Order": {
                    "type": "object",
                    "required": ["amount", "kind"],
                    "properties": {
                        "amount": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 1000, "description": "Minor units."},
                        "kind": {"$ref": "#/components/schemas/OrderKind"},
                        "note": {"type": "string", "maxLength": 500, "pattern": "^[a-z]+$"},
                        "address": {"$ref": "#/components/schemas/Address"}
                    }
                },
                "OrderKind": {"type": "string", "enum": ["ONE", "TWO"]},
                "Address": {
                    "type": "object",
                    "required": ["line1"],
                    "properties": {"line1": {"type": "string"}, "line2": {"type": "string", "nullable": true}}
                },
                "Status": {"type": "string", "enum": ["PENDING", "DONE"]},
                "Payment": {
                    "type": "object",
                    "required": ["id", "amount"],
                    "properties": {
                        "id": {"type": "string", "example": "pay_1"},
                        "amount": {"type": "integer", "format": "int64"},
                        "created_at": {"type": "integer", "format": "int64"},
                        "outcome": {"$ref": "#/components/schemas/Outcome"},
                        "address": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/Address"}]},
                        "metadata": {"type": "object", "additionalProperties": {"type": "string"}}
                    }
                },
                "Outcome": {"type": "string", "enum": ["GOOD", "BAD"]},
                "Page": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Payment"}}}
                },
                "Event": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string"}, "payment": {"$ref": "#/components/schemas/Payment"}}
                },
                "Error": {
                    "type": "object",
                    "properties": {"message": {"type": "string"}}
                }
            }
        }
    })
}

fn document(root: Value) -> Document {
    Document {
        label: LABEL.to_owned(),
        root,
    }
}

/// The base with one value set, added or, for `None`, taken out.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut root = base();
    set(&mut root, pointer, value);
    root
}

fn set(root: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer below the root");
    let name = name.replace("~1", "/").replace("~0", "~");
    match (root.pointer_mut(parent).expect("the parent exists"), value) {
        (Value::Object(members), Some(value)) => {
            members.insert(name, value);
        }
        (Value::Object(members), None) => {
            members.remove(&name).expect("the member exists");
        }
        (Value::Array(items), Some(value)) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => items[index] = value,
            _ => items.push(value),
        },
        (Value::Array(items), None) => {
            items.remove(name.parse().expect("an index"));
        }
        _ => panic!("{parent} holds nothing"),
    }
}

fn between(before: Value, after: Value) -> Report {
    compare(&document(before), &document(after))
}

/// `kind severity direction rule/subject`, as the table below is written.
fn summary(report: &Report) -> Vec<String> {
    report
        .changes
        .iter()
        .map(|change| {
            let kind = match change.kind {
                Kind::Wire => "wire",
                Kind::Rust => "rust",
                Kind::Words => "words",
            };
            let severity = match change.severity {
                Severity::Breaking => "breaking",
                Severity::Compatible => "compatible",
                Severity::Cosmetic => "cosmetic",
            };
            let direction = match change.direction {
                Direction::Request => "request",
                Direction::Response => "response",
                Direction::Both => "both",
                Direction::Neither => "neither",
            };
            let (id, hash) = change.id.rsplit_once('@').expect("an id ends with a hash");
            assert_eq!(hash.len(), 8, "{}", change.id);
            format!("{kind} {severity} {direction} {id}")
        })
        .collect()
}

struct Case {
    pointer: &'static str,
    value: Option<Value>,
    /// From the base to the mutation, and the verdict.
    there: (&'static [&'static str], Verdict),
    /// From the mutation to the base.
    back: (&'static [&'static str], Verdict),
}

const BREAKING: Verdict = Verdict::Breaking;
const COMPATIBLE: Verdict = Verdict::Compatible;
const WORDS: Verdict = Verdict::WordsOnly;

#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<Case> {
    vec![
        // Members of what is received.
        Case {
            pointer: "/components/schemas/Payment/properties/reference",
            value: Some(json!({"type": "string"})),
            there: (
                &[
                    "wire compatible response property-added/Payment.reference",
                    "rust compatible response field-added/Payment.reference",
                ],
                COMPATIBLE,
            ),
            back: (
                &[
                    "wire breaking response property-removed/Payment.reference",
                    "rust breaking response field-removed/Payment.reference",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Payment/required",
            value: Some(json!(["id"])),
            there: (
                &[
                    "wire breaking response became-optional/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible response became-required/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
        },
        // An optional field that may be null is the same `Option`.
        Case {
            pointer: "/components/schemas/Payment/properties/created_at/nullable",
            value: Some(json!(true)),
            there: (
                &["wire compatible response became-nullable/Payment.created_at"],
                COMPATIBLE,
            ),
            back: (
                &["wire compatible response became-non-null/Payment.created_at"],
                COMPATIBLE,
            ),
        },
        Case {
            pointer: "/components/schemas/Payment/properties/amount/nullable",
            value: Some(json!(true)),
            there: (
                &[
                    "wire breaking response became-nullable/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible response became-non-null/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
        },
        // Members of what is sent.
        Case {
            pointer: "/components/schemas/Order/properties/reference",
            value: Some(json!({"type": "string"})),
            there: (
                &[
                    "wire compatible request property-added/Order.reference",
                    "rust compatible request field-added/Order.reference",
                ],
                COMPATIBLE,
            ),
            back: (
                &[
                    "wire breaking request property-removed/Order.reference",
                    "rust breaking request field-removed/Order.reference",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Order/required",
            value: Some(json!(["note", "kind", "amount"])),
            there: (
                &[
                    "wire breaking request became-required/Order.note",
                    "rust breaking request field-type-changed/Order.note",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible request became-optional/Order.note",
                    "rust breaking request field-type-changed/Order.note",
                ],
                BREAKING,
            ),
        },
        // What travels both ways is judged both ways.
        Case {
            pointer: "/components/schemas/Address/required",
            value: Some(json!([])),
            there: (
                &[
                    "wire breaking both became-optional/Address.line1",
                    "rust breaking both field-type-changed/Address.line1",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking both became-required/Address.line1",
                    "rust breaking both field-type-changed/Address.line1",
                ],
                BREAKING,
            ),
        },
        // Enum values: open where they are read, promised where they are sent.
        Case {
            pointer: "/components/schemas/Outcome/enum",
            value: Some(json!(["GOOD", "BAD", "STILL_OPEN"])),
            there: (
                &[
                    "wire compatible response enum-value-added/Outcome.STILL_OPEN",
                    "rust compatible response variant-added/Outcome.STILL_OPEN",
                ],
                COMPATIBLE,
            ),
            back: (
                &[
                    "wire compatible response enum-value-removed/Outcome.STILL_OPEN",
                    "rust breaking response variant-removed/Outcome.STILL_OPEN",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/OrderKind/enum",
            value: Some(json!(["ONE"])),
            there: (
                &[
                    "wire breaking request enum-value-removed/OrderKind.TWO",
                    "rust breaking request variant-removed/OrderKind.TWO",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible request enum-value-added/OrderKind.TWO",
                    "rust compatible request variant-added/OrderKind.TWO",
                ],
                COMPATIBLE,
            ),
        },
        // Limits bind what is sent, and nothing that is read.
        Case {
            pointer: "/components/schemas/Order/properties/amount/minimum",
            value: Some(json!(50)),
            there: (
                &["wire breaking request limit-tightened/Order.amount.minimum"],
                BREAKING,
            ),
            back: (
                &["wire compatible request limit-loosened/Order.amount.minimum"],
                COMPATIBLE,
            ),
        },
        Case {
            pointer: "/components/schemas/Order/properties/amount/maximum",
            value: Some(json!(9_007_199_254_740_993_i64)),
            there: (
                &["wire compatible request limit-loosened/Order.amount.maximum"],
                COMPATIBLE,
            ),
            back: (
                &["wire breaking request limit-tightened/Order.amount.maximum"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Order/properties/note/pattern",
            value: Some(json!("^[a-z]*$")),
            there: (
                &["wire breaking request limit-changed/Order.note.pattern"],
                BREAKING,
            ),
            back: (
                &["wire breaking request limit-changed/Order.note.pattern"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Order/properties/note/pattern",
            value: None,
            there: (
                &["wire compatible request limit-loosened/Order.note.pattern"],
                COMPATIBLE,
            ),
            back: (
                &["wire breaking request limit-tightened/Order.note.pattern"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Payment/properties/id/maxLength",
            value: Some(json!(40)),
            there: (
                &["wire compatible response limit-tightened/Payment.id.maxLength"],
                COMPATIBLE,
            ),
            back: (
                &["wire compatible response limit-loosened/Payment.id.maxLength"],
                COMPATIBLE,
            ),
        },
        // Types and formats.
        Case {
            pointer: "/components/schemas/Payment/properties/amount/type",
            value: Some(json!("string")),
            there: (
                &[
                    "wire breaking response type-changed/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking response type-changed/Payment.amount",
                    "rust breaking response field-type-changed/Payment.amount",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Order/properties/amount/format",
            value: Some(json!("int32")),
            there: (
                &[
                    "wire breaking request format-changed/Order.amount",
                    "rust breaking request field-type-changed/Order.amount",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible request format-changed/Order.amount",
                    "rust breaking request field-type-changed/Order.amount",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Payment/properties/metadata/additionalProperties",
            value: Some(json!(true)),
            there: (
                &[
                    "wire breaking response type-changed/Payment.metadata{}",
                    "rust breaking response field-type-changed/Payment.metadata",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible response type-changed/Payment.metadata{}",
                    "rust breaking response field-type-changed/Payment.metadata",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Outcome/enum",
            value: None,
            there: (
                &[
                    "wire compatible response values-opened/Outcome",
                    "rust breaking response type-shape-changed/Outcome",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible response values-listed/Outcome",
                    "rust breaking response type-shape-changed/Outcome",
                ],
                BREAKING,
            ),
        },
        // Operations.
        Case {
            pointer: "/paths/~1v1~1payments~1{id}/delete",
            value: Some(
                json!({"operationId": "forget_payment", "responses": {"204": {"description": "Gone."}}}),
            ),
            there: (
                &[
                    "wire compatible both operation-added/forget_payment",
                    "rust compatible both method-added/forget_payment",
                ],
                COMPATIBLE,
            ),
            back: (
                &[
                    "wire breaking both operation-removed/forget_payment",
                    "rust breaking both method-removed/forget_payment",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/get/operationId",
            value: Some(json!("search_payments")),
            there: (
                &["rust breaking both method-renamed/search_payments"],
                BREAKING,
            ),
            back: (
                &["rust breaking both method-renamed/list_payments"],
                BREAKING,
            ),
        },
        // Parameters.
        Case {
            pointer: "/paths/~1v1~1payments/get/parameters/2",
            value: Some(
                json!({"name": "created[gte]", "in": "query", "schema": {"type": "integer", "format": "int64"}}),
            ),
            there: (
                &[
                    "wire compatible request parameter-added/list_payments.query.created[gte]",
                    "rust breaking both method-signature-changed/list_payments",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking request parameter-removed/list_payments.query.created[gte]",
                    "rust breaking both method-signature-changed/list_payments",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/post/parameters/0/required",
            value: None,
            there: (
                &[
                    "wire compatible request parameter-became-optional/create_payment.header.Idempotency-Key",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking request parameter-became-required/create_payment.header.Idempotency-Key",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/parameters/Limit/schema/default",
            value: Some(json!(20)),
            there: (
                &["wire breaking request default-changed/parameters/Limit"],
                BREAKING,
            ),
            back: (
                &["wire breaking request default-changed/parameters/Limit"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/parameters/Limit/schema/default",
            value: None,
            there: (
                &["wire breaking request default-changed/parameters/Limit"],
                BREAKING,
            ),
            back: (
                &["wire compatible request default-changed/parameters/Limit"],
                COMPATIBLE,
            ),
        },
        // Bodies.
        Case {
            pointer: "/paths/~1v1~1payments/post/requestBody",
            value: None,
            there: (
                &[
                    "wire breaking request body-removed/create_payment.body",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking request body-added/create_payment.body",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/post/requestBody/content/text~1plain",
            value: Some(json!({"schema": {"type": "string"}})),
            there: (
                &["wire compatible request media-type-added/create_payment.body.text/plain"],
                COMPATIBLE,
            ),
            back: (
                &["wire breaking request media-type-removed/create_payment.body.text/plain"],
                BREAKING,
            ),
        },
        // Answers.
        Case {
            pointer: "/paths/~1v1~1payments/get/responses/202",
            value: Some(json!({"description": "Later."})),
            there: (
                &["wire breaking response response-added/list_payments.202"],
                BREAKING,
            ),
            back: (
                &["wire breaking response response-removed/list_payments.202"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/get/responses/5XX",
            value: Some(json!({"$ref": "#/components/responses/Refused"})),
            there: (
                &["wire compatible response response-added/list_payments.5XX"],
                COMPATIBLE,
            ),
            back: (
                &["wire compatible response response-removed/list_payments.5XX"],
                COMPATIBLE,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/get/responses/200/headers",
            value: Some(json!({})),
            there: (
                &[
                    "wire breaking response header-removed/list_payments.200.header.X-RateLimit-Limit",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire compatible response header-added/list_payments.200.header.X-RateLimit-Limit",
                ],
                COMPATIBLE,
            ),
        },
        Case {
            pointer: "/components/headers/RateLimit/schema/type",
            value: Some(json!("string")),
            there: (
                &["wire breaking response type-changed/headers/RateLimit"],
                BREAKING,
            ),
            back: (
                &["wire breaking response type-changed/headers/RateLimit"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/responses/Refused/content/application~1json/schema/$ref",
            value: Some(json!("#/components/schemas/Address")),
            there: (
                &[
                    "wire breaking response property-removed/responses/Refused.application/json.message",
                    "wire compatible response property-added/responses/Refused.application/json.line1",
                    "wire compatible response property-added/responses/Refused.application/json.line2",
                    "rust breaking both method-signature-changed/list_payments",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
            back: (
                &[
                    "wire breaking response property-removed/responses/Refused.application/json.line1",
                    "wire breaking response property-removed/responses/Refused.application/json.line2",
                    "wire compatible response property-added/responses/Refused.application/json.message",
                    "rust breaking both method-signature-changed/list_payments",
                    "rust breaking both method-signature-changed/create_payment",
                ],
                BREAKING,
            ),
        },
        // Webhooks are received.
        Case {
            pointer: "/x-webhooks/payment.failed",
            value: Some(json!({"post": {}})),
            there: (
                &["wire compatible response webhook-added/webhook payment.failed"],
                COMPATIBLE,
            ),
            back: (
                &["wire breaking response webhook-removed/webhook payment.failed"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/schemas/Event/properties/livemode",
            value: Some(json!({"type": "boolean"})),
            there: (
                &[
                    "wire compatible response property-added/Event.livemode",
                    "rust compatible response field-added/Event.livemode",
                ],
                COMPATIBLE,
            ),
            back: (
                &[
                    "wire breaking response property-removed/Event.livemode",
                    "rust breaking response field-removed/Event.livemode",
                ],
                BREAKING,
            ),
        },
        // Servers and security.
        Case {
            pointer: "/servers/1",
            value: Some(json!({"url": "https://eu.example.com"})),
            there: (
                &["wire compatible request server-added/servers"],
                COMPATIBLE,
            ),
            back: (&["wire breaking request server-removed/servers"], BREAKING),
        },
        Case {
            pointer: "/security/1",
            value: Some(json!({"basic": []})),
            there: (
                &["wire compatible request security-changed/security"],
                COMPATIBLE,
            ),
            back: (
                &["wire breaking request security-changed/security"],
                BREAKING,
            ),
        },
        Case {
            pointer: "/components/securitySchemes/bearer/scheme",
            value: Some(json!("basic")),
            there: (
                &["wire breaking request security-scheme-changed/securitySchemes/bearer"],
                BREAKING,
            ),
            back: (
                &["wire breaking request security-scheme-changed/securitySchemes/bearer"],
                BREAKING,
            ),
        },
        // A component that nothing reaches is a Rust type only.
        Case {
            pointer: "/components/schemas/Spare",
            value: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
            there: (&["rust compatible neither type-added/Spare"], COMPATIBLE),
            back: (&["rust breaking neither type-removed/Spare"], BREAKING),
        },
        Case {
            pointer: "/paths/~1v1~1payments/get/deprecated",
            value: Some(json!(true)),
            there: (
                &["wire compatible both deprecated/list_payments"],
                COMPATIBLE,
            ),
            back: (
                &["wire compatible both no-longer-deprecated/list_payments"],
                COMPATIBLE,
            ),
        },
        // What no rule knows counts as breaking.
        Case {
            pointer: "/components/schemas/Payment/oneOf",
            value: Some(json!([])),
            there: (&["wire breaking response unclassified/Payment"], BREAKING),
            back: (&["wire breaking response unclassified/Payment"], BREAKING),
        },
        // Words.
        Case {
            pointer: "/components/schemas/Payment/description",
            value: Some(json!("A payment.")),
            there: (
                &["words cosmetic response description-added/Payment"],
                WORDS,
            ),
            back: (
                &["words cosmetic response description-removed/Payment"],
                WORDS,
            ),
        },
        Case {
            pointer: "/components/schemas/Payment/properties/id/example",
            value: Some(json!("pay_2")),
            there: (
                &["words cosmetic response example-changed/Payment.id"],
                WORDS,
            ),
            back: (
                &["words cosmetic response example-changed/Payment.id"],
                WORDS,
            ),
        },
        Case {
            pointer: "/paths/~1v1~1payments/post/requestBody/content/application~1json/examples/larger",
            value: Some(json!({"value": {"amount": 2, "kind": "TWO"}})),
            there: (
                &[
                    "words cosmetic request example-added/create_payment.body.application/json.larger",
                ],
                WORDS,
            ),
            back: (
                &[
                    "words cosmetic request example-removed/create_payment.body.application/json.larger",
                ],
                WORDS,
            ),
        },
        Case {
            pointer: "/info/version",
            value: Some(json!("1.1.0")),
            there: (&["words cosmetic both version-changed/info.version"], WORDS),
            back: (&["words cosmetic both version-changed/info.version"], WORDS),
        },
    ]
}

#[test]
fn each_change_is_judged_by_its_direction() {
    for case in cases() {
        let mutated = with(case.pointer, case.value.clone());
        for (name, report, (expected, verdict)) in [
            ("there", between(base(), mutated.clone()), case.there),
            ("back", between(mutated.clone(), base()), case.back),
        ] {
            assert_eq!(summary(&report), expected, "{} {name}", case.pointer);
            assert_eq!(report.verdict(), verdict, "{} {name}", case.pointer);
        }
    }
}

#[test]
fn the_same_document_is_unchanged() {
    let report = between(base(), base());
    assert_eq!(report.verdict(), Verdict::Unchanged);
    assert!(report.changes.is_empty());
    assert_eq!(
        report.compared[0].note.as_deref(),
        Some("The two say the same, word for word.")
    );
}

#[test]
fn order_and_spelling_are_no_difference_and_the_report_says_so() {
    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .rev()
                    .map(|(name, member)| (name.clone(), reversed(member)))
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.iter().rev().map(reversed).collect()),
            plain => plain.clone(),
        }
    }
    let mut after = reversed(&base());
    // A reference may stand in an `allOf` of its own, and defaults may be stated.
    set(
        &mut after,
        "/components/schemas/Order/properties/kind",
        Some(json!({"allOf": [{"$ref": "#/components/schemas/OrderKind"}]})),
    );
    set(
        &mut after,
        "/components/schemas/Order/additionalProperties",
        Some(json!(true)),
    );
    set(
        &mut after,
        "/components/schemas/Payment/properties/id/nullable",
        Some(json!(false)),
    );
    let report = between(base(), after);
    assert_eq!(summary(&report), Vec::<String>::new());
    assert_eq!(report.verdict(), Verdict::Unchanged);
    let note = report.compared[0].note.as_deref().unwrap();
    assert!(note.contains("only in the order"), "{note}");
}

/// Every place of a JSON tree.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let at = join(at, name);
                found.push(at.clone());
                pointers(member, &at, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let at = join(at, &index.to_string());
                found.push(at.clone());
                pointers(item, &at, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_difference_passes_in_silence_and_nothing_panics() {
    let mut places = Vec::new();
    pointers(&base(), "", &mut places);
    assert!(places.len() > 200, "the sweep is worth its name");
    let replacements = [
        None,
        Some(Value::Null),
        Some(json!(7)),
        Some(json!(true)),
        Some(json!("x")),
        Some(json!([])),
        Some(json!({})),
        Some(json!([{"$ref": "#/nowhere"}, null])),
        Some(json!({"$ref": "#/components/schemas/Page", "unknown": 1})),
    ];
    let base = document(base());
    for place in &places {
        for replacement in &replacements {
            let mutated = document(with(place, replacement.clone()));
            if mutated == base {
                continue;
            }
            for report in [compare(&base, &mutated), compare(&mutated, &base)] {
                assert!(
                    !report.changes.is_empty(),
                    "{place} = {replacement:?} is passed over"
                );
                let mut ids = BTreeSet::new();
                for change in &report.changes {
                    assert!(
                        ids.insert(&change.id),
                        "{place} = {replacement:?} gives {} twice",
                        change.id
                    );
                }
                // Only the last net names the whole document.
                assert!(
                    report
                        .changes
                        .iter()
                        .all(|change| !change.pointer.is_empty()),
                    "{place} = {replacement:?} is not judged at its place"
                );
                assert!(report.to_markdown().contains("## Verdict"));
                let json: Value = serde_json::from_str(&report.to_json()).unwrap();
                assert_eq!(
                    json["changes"].as_array().unwrap().len(),
                    report.changes.len()
                );
            }
        }
    }
    for root in [Value::Null, json!([]), json!("x"), json!({})] {
        assert_eq!(
            compare(&base, &document(root.clone())).verdict(),
            Verdict::Breaking
        );
        assert_ne!(
            compare(&document(root), &base).verdict(),
            Verdict::Unchanged
        );
    }
}

#[test]
fn what_is_shared_is_reported_once_with_all_that_reach_it() {
    let after = with(
        "/components/schemas/Payment/properties/created_at/type",
        Some(json!("string")),
    );
    let report = between(base(), after);
    assert_eq!(report.totals().wire.breaking, 1);
    let change = &report.changes[0];
    assert_eq!(
        change.operations,
        [
            "create_payment",
            "list_payments",
            "retrieve_payment",
            "webhook payment.succeeded"
        ]
    );
    assert_eq!(
        change.pointer,
        "/components/schemas/Payment/properties/created_at"
    );
    assert_eq!(
        change.rust_items,
        [
            "flowlix_api::uppercase::types::Payment::created_at",
            "flowlix_api::model::Payment::created_at"
        ]
    );
}

#[test]
fn what_breaks_one_direction_only_says_which() {
    let after = with("/components/schemas/Address/required", Some(json!([])));
    let report = between(base(), after);
    assert!(
        report.changes[0]
            .message
            .ends_with("it breaks responses only"),
        "{}",
        report.changes[0].message
    );
    let after = with(
        "/components/schemas/Address/properties/line1/minLength",
        Some(json!(1)),
    );
    let report = between(base(), after);
    assert!(
        report.changes[0]
            .message
            .ends_with("it breaks requests only"),
        "{}",
        report.changes[0].message
    );
}

#[test]
fn an_id_outlives_other_changes() {
    let id_of = |after: &Value| {
        let report = between(base(), after.clone());
        let found: Vec<String> = report
            .changes
            .iter()
            .filter(|change| change.rule == "limit-tightened")
            .map(|change| change.id.clone())
            .collect();
        assert_eq!(found.len(), 1);
        found[0].clone()
    };
    let mut after = with(
        "/paths/~1v1~1payments/post/parameters/0/schema/maxLength",
        Some(json!(100)),
    );
    let alone = id_of(&after);
    let parameters = after
        .pointer_mut("/paths/~1v1~1payments/post/parameters")
        .and_then(Value::as_array_mut)
        .unwrap();
    parameters.insert(
        0,
        json!({"name": "expand", "in": "query", "schema": {"type": "string"}}),
    );
    assert_eq!(id_of(&after), alone);
    assert!(alone.starts_with("limit-tightened/create_payment.header.Idempotency-Key.maxLength@"));
}

#[test]
fn the_two_specifications_do_not_share_ids() {
    let ids = |label: &str| {
        let document = |root| Document {
            label: label.to_owned(),
            root,
        };
        let after = with(
            "/components/schemas/Payment/description",
            Some(json!("New.")),
        );
        compare(&document(base()), &document(after)).changes[0]
            .id
            .clone()
    };
    assert_ne!(
        ids("openapi/uppercase.yaml"),
        ids("openapi/snake_case.yaml")
    );
}

#[test]
fn a_moved_operation_is_the_same_method_elsewhere() {
    let mut after = base();
    let item = after["paths"]["/v1/payments/{id}"].clone();
    after["paths"]
        .as_object_mut()
        .unwrap()
        .remove("/v1/payments/{id}");
    after["paths"]["/v2/payments/{id}"] = item;
    assert_eq!(
        summary(&between(base(), after)),
        ["wire breaking both operation-moved/retrieve_payment"]
    );
}

#[test]
fn the_name_of_a_placeholder_is_not_sent() {
    let mut after = base();
    let mut item = after["paths"]["/v1/payments/{id}"].clone();
    item["parameters"][0]["name"] = json!("payment_id");
    after["paths"]
        .as_object_mut()
        .unwrap()
        .remove("/v1/payments/{id}");
    after["paths"]["/v1/payments/{payment_id}"] = item;
    let report = between(base(), after);
    assert_eq!(
        summary(&report),
        ["words cosmetic request path-parameter-renamed/retrieve_payment.path.payment_id"]
    );
}

#[test]
fn a_required_property_with_a_default_need_not_be_sent() {
    let mut after = with(
        "/components/schemas/Order/properties/capture",
        Some(json!({"type": "boolean", "default": true})),
    );
    after["components"]["schemas"]["Order"]["required"]
        .as_array_mut()
        .unwrap()
        .push(json!("capture"));
    assert_eq!(
        between(base(), after.clone()).verdict(),
        Verdict::Compatible
    );
    set(
        &mut after,
        "/components/schemas/Order/properties/capture/default",
        None,
    );
    assert_eq!(
        summary(&between(base(), after)),
        [
            "wire breaking request property-added/Order.capture",
            "rust breaking request field-added/Order.capture"
        ]
    );
}

#[test]
fn a_status_that_narrows_is_no_break_and_one_that_widens_is() {
    let mut ranged = base();
    let responses = ranged["paths"]["/v1/payments"]["post"]["responses"]
        .as_object_mut()
        .unwrap();
    let accepted = responses.remove("201").unwrap();
    responses.insert("2XX".to_owned(), accepted);
    assert_eq!(
        summary(&between(ranged.clone(), base())),
        ["wire compatible response response-status-changed/create_payment.2XX"]
    );
    assert_eq!(
        summary(&between(base(), ranged)),
        ["wire breaking response response-status-changed/create_payment.201"]
    );
}

#[test]
fn a_schema_under_another_name_is_a_rust_change_only() {
    let mut after = base();
    let outcome = after["components"]["schemas"]
        .as_object_mut()
        .unwrap()
        .remove("Outcome")
        .unwrap();
    after["components"]["schemas"]["Result"] = outcome;
    set(
        &mut after,
        "/components/schemas/Payment/properties/outcome/$ref",
        Some(json!("#/components/schemas/Result")),
    );
    let report = between(base(), after);
    assert_eq!(report.totals().wire, xtask::changes::Count::default());
    assert_eq!(
        summary(&report),
        [
            "rust breaking response type-removed/Outcome",
            "rust breaking response field-type-changed/Payment.outcome",
            "rust compatible response type-added/Result",
        ]
    );
}

#[test]
fn schemas_that_contain_themselves_end() {
    let tree = |name: &str, value: &str| {
        let mut root = base();
        root["components"]["schemas"][name] = json!({
            "type": "object",
            "properties": {
                "value": {"type": value},
                "children": {"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}}
            }
        });
        root["components"]["schemas"]["Payment"]["properties"]["tree"] =
            json!({"$ref": format!("#/components/schemas/{name}")});
        root
    };
    let report = between(tree("Tree", "string"), tree("Wood", "boolean"));
    assert!(
        summary(&report)
            .contains(&"wire breaking response type-changed/Payment.tree.value".to_owned()),
        "{:#?}",
        summary(&report)
    );
    let mut looped = base();
    looped["components"]["schemas"]["Order"] = json!({"$ref": "#/components/schemas/Order"});
    assert_eq!(between(base(), looped).verdict(), Verdict::Breaking);
}

#[test]
fn a_reference_to_nothing_is_told() {
    let report = between(base(), with("/components/schemas/Outcome", None));
    assert!(
        summary(&report).contains(&"wire breaking response reference-broken/Outcome".to_owned()),
        "{:#?}",
        summary(&report)
    );
}

#[test]
fn the_report_reads_well() {
    let mut after = base();
    for (pointer, value) in [
        ("/info/version", Some(json!("2.0.0"))),
        (
            "/components/schemas/Payment/description",
            Some(json!("What became of an order.")),
        ),
        ("/components/schemas/Payment/properties/created_at", None),
        (
            "/components/schemas/Payment/properties/reference",
            Some(json!({"type": "string"})),
        ),
        (
            "/components/schemas/Outcome/enum/2",
            Some(json!("STILL_OPEN")),
        ),
        (
            "/components/schemas/Address/properties/line1/maxLength",
            Some(json!(60)),
        ),
        (
            "/paths/~1v1~1payments/get/parameters/2",
            Some(json!({"name": "ending_before", "in": "query", "schema": {"type": "string"}})),
        ),
    ] {
        set(&mut after, pointer, value);
    }
    let before = Document {
        label: "v0.1.0:openapi/uppercase.yaml".to_owned(),
        root: base(),
    };
    let report = compare(&before, &document(after));
    insta::with_settings!({ snapshot_path => "changes", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("report_markdown", report.to_markdown());
        insta::assert_snapshot!("report_json", report.to_json());
    });
}

// From here on, the ends of the command: files, folders, git.

fn options(against: &str, spec: SpecChoice) -> Options {
    Options {
        against: against.to_owned(),
        format: Format::Markdown,
        spec,
    }
}

/// A workspace with both specifications.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("openapi")).unwrap();
    write(folder.path(), "openapi/uppercase.yaml", &base());
    let snake_case = with("/info/title", Some(json!("Base in lower case")));
    write(folder.path(), "openapi/snake_case.yaml", &snake_case);
    folder
}

fn write(root: &Path, file: &str, document: &Value) -> PathBuf {
    let path = root.join(file);
    std::fs::write(&path, serde_json::to_string_pretty(document).unwrap()).unwrap();
    path
}

fn without_created_at() -> Value {
    with("/components/schemas/Payment/properties/created_at", None)
}

fn git(root: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args([
            "-c",
            "commit.gpgsign=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

#[test]
fn a_revision_is_read_through_git() {
    let repository = tempfile::tempdir().unwrap();
    git(repository.path(), &["init", "--quiet"]);
    // The workspace need not be the top of the repository.
    let root = repository.path().join("sdk");
    std::fs::create_dir_all(root.join("openapi")).unwrap();
    std::fs::write(root.join("readme"), "Before the specifications.").unwrap();
    git(&root, &["add", "."]);
    git(&root, &["commit", "--quiet", "--message", "Start"]);
    git(&root, &["tag", "start"]);
    write(&root, "openapi/uppercase.yaml", &base());
    write(&root, "openapi/snake_case.yaml", &base());
    git(&root, &["add", "."]);
    git(&root, &["commit", "--quiet", "--message", "Specifications"]);

    let same = report(&options("HEAD", SpecChoice::Both), &root).unwrap();
    assert_eq!(same.verdict(), Verdict::Unchanged);
    assert_eq!(same.compared.len(), 2);
    assert_eq!(same.compared[0].before, "HEAD:openapi/snake_case.yaml");

    write(&root, "openapi/uppercase.yaml", &without_created_at());
    let changed = report(&options("HEAD", SpecChoice::Both), &root).unwrap();
    assert_eq!(changed.verdict(), Verdict::Breaking);
    assert!(
        changed
            .changes
            .iter()
            .all(|change| change.spec == "openapi/uppercase.yaml")
    );
    let other = report(&options("HEAD", SpecChoice::SnakeCase), &root).unwrap();
    assert_eq!(other.verdict(), Verdict::Unchanged);

    let missing = report(&options("start", SpecChoice::Both), &root).unwrap_err();
    assert!(
        missing.message.contains("holds no openapi/snake_case.yaml"),
        "{missing}"
    );
    for nonsense in ["nowhere", "--output=oops", "", "HEAD:readme"] {
        let failure = report(&options(nonsense, SpecChoice::Both), &root).unwrap_err();
        assert!(failure.message.contains("neither a file"), "{failure}");
    }
}

#[test]
fn a_folder_is_one_with_the_files_or_with_openapi() {
    let now = workspace();
    let then = workspace();
    write(now.path(), "openapi/uppercase.yaml", &without_created_at());
    for folder in [then.path().to_owned(), then.path().join("openapi")] {
        let against = folder.to_str().unwrap();
        let report = report(&options(against, SpecChoice::Both), now.path()).unwrap();
        assert_eq!(report.verdict(), Verdict::Breaking);
        assert_eq!(report.compared.len(), 2);
        assert_eq!(report.verdict().exit_status(), 3);
    }
    let empty = tempfile::tempdir().unwrap();
    let against = empty.path().to_str().unwrap();
    let failure = report(&options(against, SpecChoice::Both), now.path()).unwrap_err();
    assert!(
        failure.message.contains("holds no snake_case.yaml"),
        "{failure}"
    );
}

#[test]
fn a_file_finds_its_specification_by_name_title_or_choice() {
    let now = workspace();
    let elsewhere = tempfile::tempdir().unwrap();
    let compared = |file: &Path, spec| {
        report(&options(file.to_str().unwrap(), spec), now.path()).map(|report| {
            report
                .compared
                .iter()
                .map(|compared| compared.after.clone())
                .collect::<Vec<_>>()
        })
    };
    let mut untitled = base();
    untitled["info"]["title"] = json!("Another");

    let named = write(elsewhere.path(), "snake_case.json", &untitled);
    assert_eq!(
        compared(&named, SpecChoice::Both).unwrap(),
        ["openapi/snake_case.yaml"]
    );
    let titled = write(elsewhere.path(), "downloaded.json", &base());
    assert_eq!(
        compared(&titled, SpecChoice::Both).unwrap(),
        ["openapi/uppercase.yaml"]
    );
    let stranger = write(elsewhere.path(), "stranger.json", &untitled);
    let failure = compared(&stranger, SpecChoice::Both).unwrap_err();
    assert!(failure.cure.contains("--spec"), "{failure}");
    assert_eq!(
        compared(&stranger, SpecChoice::SnakeCase).unwrap(),
        ["openapi/snake_case.yaml"]
    );
    let broken = elsewhere.path().join("uppercase.yaml");
    std::fs::write(&broken, "a: [").unwrap();
    let failure = compared(&broken, SpecChoice::Both).unwrap_err();
    assert!(failure.message.contains("cannot be read"), "{failure}");
}

#[test]
fn the_model_is_named_by_the_rules() {
    let now = workspace();
    let rules = "rules:
  - rule: property-renamed
    schema: Payment
    snake_case: created
    uppercase: created_at
    because: The dialects call it so.
  - rule: property-moved
    schema: Payment
    dialect: snake_case
    property: succeeded_at
    to: status_transitions.succeeded_at
    because: The dialects keep it there.
  - rule: schema-paired
    snake_case: Order
    uppercase: Purchase
    because: The dialects call it so.
";
    std::fs::write(now.path().join("openapi/reconcile.yaml"), rules).unwrap();
    let mut after = base();
    for (schema, property) in [
        ("Payment", "created"),
        ("Payment", "succeeded_at"),
        ("Order", "type"),
    ] {
        after["components"]["schemas"][schema]["properties"][property] = json!({"type": "string"});
    }
    let before = workspace();
    write(before.path(), "openapi/snake_case.yaml", &base());
    write(now.path(), "openapi/snake_case.yaml", &after);
    let against = before.path().to_str().unwrap();
    let report = report(&options(against, SpecChoice::SnakeCase), now.path()).unwrap();
    let items: BTreeSet<&str> = report
        .changes
        .iter()
        .flat_map(|change| &change.rust_items)
        .map(String::as_str)
        .collect();
    assert_eq!(
        items.into_iter().collect::<Vec<_>>(),
        [
            "flowlix_api::model::Payment::created_at",
            "flowlix_api::model::Payment::status_transitions.succeeded_at",
            "flowlix_api::model::Purchase::type_",
            "flowlix_api::snake_case::types::Order::type_",
            "flowlix_api::snake_case::types::Payment::created",
            "flowlix_api::snake_case::types::Payment::succeeded_at",
        ]
    );
}

#[test]
fn the_real_specifications_equal_themselves_and_lose_nothing_silently() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("openapi");
    let same = report(&options(folder.to_str().unwrap(), SpecChoice::Both), &root).unwrap();
    assert_eq!(same.verdict(), Verdict::Unchanged);
    assert_eq!(same.compared.len(), 2);

    for name in ["snake_case", "uppercase"] {
        let label = format!("openapi/{name}.yaml");
        let text = std::fs::read_to_string(root.join(&label)).unwrap();
        let now = Document::parse(&label, &text).unwrap();
        let schemas: Vec<String> = now
            .members("/components/schemas")
            .map(|(name, _)| name.clone())
            .collect();
        assert!(!schemas.is_empty());
        for schema in schemas {
            let at = format!("/components/schemas/{schema}/properties");
            for (property, _) in now.members(&at) {
                let mut before = now.clone();
                set(&mut before.root, &join(&at, property), None);
                let report = compare(&before, &now);
                assert!(
                    report
                        .changes
                        .iter()
                        .any(|change| change.pointer == join(&at, property)),
                    "{name} {schema}.{property}"
                );
                assert_eq!(compare(&now, &before).verdict(), Verdict::Breaking);
            }
        }
    }
}

#[test]
fn the_exit_status_tells_breaking_apart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    let elsewhere = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(folder.join("uppercase.yaml")).unwrap();
    let mut specification = Document::parse(LABEL, &text).unwrap().root;
    set(
        &mut specification,
        "/components/schemas/Payment/properties/of_old",
        Some(json!({"type": "string"})),
    );
    let older = write(elsewhere.path(), "uppercase.yaml", &specification);
    for (against, status, says) in [
        (folder.as_path(), 0, "\"verdict\": \"unchanged\""),
        (older.as_path(), 3, "\"verdict\": \"breaking\""),
        (Path::new("no-such-thing"), 2, ""),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["changes", "--format", "json", "--against"])
            .arg(against)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{against:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(says), "{printed}");
        assert_eq!(printed.is_empty(), status == 2);
    }
}

#[test]
fn messages_say_what_came_what_went_and_what_cannot_be_told() {
    let scheme = "/components/securitySchemes";
    let another = with(
        &format!("{scheme}/key"),
        Some(json!({"type": "apiKey", "in": "header", "name": "Key", "description": "The key."})),
    );
    let longer = with(
        &format!("{scheme}/bearer"),
        Some(json!({"type": "http", "scheme": "basic", "description": "w".repeat(200)})),
    );
    let pattern = with(
        "/components/schemas/Order/properties/note/pattern",
        Some(json!("^[a-f]+$")),
    );
    for (before, after, told) in [
        (
            base(),
            another.clone(),
            r#"a way to authenticate more: `{"type":"apiKey","in":"header","name":"Key"}`"#,
        ),
        (
            another,
            base(),
            r#"a way to authenticate is gone: `{"type":"apiKey","in":"header","name":"Key"}`"#,
        ),
        (
            base(),
            longer,
            r#"the way to authenticate changed from `{"type":"http","scheme":"bearer"}` to `{"type":"http","scheme":"basic"}`"#,
        ),
        (
            base(),
            pattern,
            r#"`pattern` changed from `"^[a-z]+$"` to `"^[a-f]+$"`; whether it allows less now cannot be told"#,
        ),
    ] {
        let report = between(before, after);
        let messages: Vec<&str> = report
            .changes
            .iter()
            .map(|change| change.message.as_str())
            .collect();
        assert_eq!(messages, [told]);
    }
}
