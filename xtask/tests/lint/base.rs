//! A small specification in which nothing is wrong.

use serde_json::{Value, json};
use xtask::document::Document;
use xtask::finding::Finding;

/// Every construct that lint lets through, once.
pub(crate) fn base() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Shop", "version": "1.0.0", "description": "A shop.\n\nSells things." },
        "x-provenance": [
            { "id": "guide", "document": "Shop guide", "page": "Orders", "date": "2026-11-21" }
        ],
        "paths": {
            "/orders/{id}": {
                "parameters": [{ "$ref": "#/components/parameters/Id" }],
                "post": {
                    "operationId": "change_order",
                    "x-source": "guide",
                    "parameters": [
                        { "in": "query", "name": "created[gte]",
                          "schema": { "type": "integer", "format": "int64" }, "example": 5 },
                        { "in": "header", "name": "Idempotency-Key",
                          "schema": { "type": "string", "maxLength": 255 } }
                    ],
                    "requestBody": {
                        "required": true,
                        "content": { "application/json": {
                            "schema": { "$ref": "#/components/schemas/ChangeOrder" },
                            "examples": {
                                "printed": {
                                    "x-source": ["guide"],
                                    "value": {
                                        "amount": 4999,
                                        "card": { "number": "4242424242424242", "cvc": "123" },
                                        "metadata": { "a": "b" }
                                    }
                                }
                            }
                        } }
                    },
                    "responses": {
                        "200": {
                            "description": "The order.",
                            "headers": { "X-Left": { "$ref": "#/components/headers/Left" } },
                            "content": { "application/json": {
                                "schema": { "$ref": "#/components/schemas/Order" },
                                "example": { "id": "ord_00ff", "status": "open", "next": null, "more": { "any": [1] } }
                            } }
                        },
                        "4XX": { "$ref": "#/components/responses/Refused" },
                        "5XX": { "$ref": "#/components/responses/Refused" }
                    }
                }
            }
        },
        "x-webhooks": {
            "order.changed": {
                "post": {
                    "x-source": "guide",
                    "requestBody": { "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Order" }
                    } } },
                    "responses": { "200": { "description": "Taken." } }
                }
            }
        },
        "components": {
            "parameters": {
                "Id": { "in": "path", "name": "id", "required": true, "schema": { "type": "string" } }
            },
            "headers": {
                "Left": { "description": "Calls left.", "schema": { "type": "integer", "format": "int32", "example": 7 } }
            },
            "responses": {
                "Refused": {
                    "description": "Refused.",
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } }
                }
            },
            "schemas": {
                "Order": {
                    "type": "object", "x-source": "guide", "required": ["id", "status"],
                    "properties": {
                        "id": { "$ref": "#/components/schemas/OrderId" },
                        "status": { "$ref": "#/components/schemas/OrderStatus" },
                        "next": { "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Order" }] },
                        "more": { "type": "object", "additionalProperties": true },
                        "tags": { "type": "array", "items": { "type": "string" } },
                        "paid": { "type": "boolean", "default": false },
                        "anything": { "description": "Any JSON." }
                    }
                },
                "OrderId": { "type": "string", "x-source": "guide", "pattern": "^ord_[a-f0-9]{4}$" },
                "OrderStatus": { "type": "string", "x-source": "guide", "enum": ["open", "closed"] },
                "ChangeOrder": {
                    "type": "object", "x-source": "guide", "required": ["amount"],
                    "additionalProperties": false,
                    "properties": {
                        "amount": { "type": "integer", "format": "int64", "minimum": 1 },
                        "card": { "$ref": "#/components/schemas/CardInput" },
                        "metadata": { "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": 50 }
                    }
                },
                "CardInput": {
                    "type": "object", "x-source": "guide",
                    "properties": {
                        "number": { "type": "string", "format": "card-number", "pattern": "^[0-9]+$" },
                        "cvc": { "type": "string", "format": "card-cvc" }
                    }
                },
                "Failure": {
                    "type": "object", "x-source": "guide",
                    "properties": { "message": { "type": "string" } }
                }
            },
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } }
        }
    })
}

/// What lint says of a document.
pub(crate) fn lint(root: Value) -> Vec<Finding> {
    xtask::lint::lint(&Document {
        label: "shop.yaml".to_owned(),
        root,
    })
}

/// The rules and places of findings.
pub(crate) fn places(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings
        .iter()
        .map(|finding| (finding.rule.as_str(), finding.pointer.as_str()))
        .collect()
}

/// The base with the value at a pointer replaced, or added to its object or array.
pub(crate) fn with(pointer: &str, value: Value) -> Value {
    let mut root = base();
    set(&mut root, pointer, value);
    root
}

/// Replaces or adds the value at a pointer; `-` as the last part appends to an array.
pub(crate) fn set(root: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let member = member.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent).expect(parent) {
        Value::Object(members) => {
            members.insert(member, value);
        }
        Value::Array(items) if member == "-" => items.push(value),
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        other => panic!("{parent} is {other}"),
    }
}

/// The base without the member at a pointer.
pub(crate) fn without(pointer: &str) -> Value {
    let mut root = base();
    remove(&mut root, pointer);
    root
}

/// Removes the member or element at a pointer.
pub(crate) fn remove(root: &mut Value, pointer: &str) {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let member = member.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent).expect(parent) {
        Value::Object(members) => {
            members.shift_remove(&member).expect(pointer);
        }
        Value::Array(items) => {
            items.remove(member.parse().unwrap());
        }
        other => panic!("{parent} is {other}"),
    }
}
