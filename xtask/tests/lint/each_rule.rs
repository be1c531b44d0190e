//! One fault each in a sound specification: lint names it at its place, and nothing beside it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::base::{base, lint, places, remove, set, with, without};

const POST: &str = "/paths/~1orders~1{id}/post";
const REQUEST: &str = "/paths/~1orders~1{id}/post/requestBody/content/application~1json";
const RESPONSES: &str = "/paths/~1orders~1{id}/post/responses";
const ORDER: &str = "/components/schemas/Order/properties";
const CARD: &str = "/components/schemas/CardInput/properties";

/// A fault: the broken document, and the rules and places that lint must name, all of them.
struct Fault {
    root: Value,
    told: Vec<(&'static str, String)>,
}

fn fault(root: Value, rule: &'static str, pointer: impl Into<String>) -> Fault {
    Fault {
        root,
        told: vec![(rule, pointer.into())],
    }
}

impl Fault {
    fn and(mut self, rule: &'static str, pointer: impl Into<String>) -> Self {
        self.told.push((rule, pointer.into()));
        self
    }
}

/// The base with another property in `Order`.
fn property(name: &str, schema: Value) -> Value {
    with(&format!("{ORDER}/{name}"), schema)
}

/// The base with another parameter of the operation, its third.
fn parameter(parameter: Value) -> Value {
    with(&format!("{POST}/parameters/-"), parameter)
}

fn at(base: &str, rest: &str) -> String {
    format!("{base}{rest}")
}

fn document_and_operations() -> Vec<Fault> {
    let another = json!({ "get": {
        "operationId": "changeOrder", "x-source": "guide",
        "responses": base().pointer(RESPONSES).unwrap()
    } });
    let mut referred = base();
    set(
        &mut referred,
        "/paths/~1other",
        json!({ "$ref": "#/paths/~1orders" }),
    );
    vec![
        fault(
            with("/openapi", json!("3.1.0")),
            "openapi-version",
            "/openapi",
        ),
        fault(without("/info"), "openapi-unreadable", ""),
        fault(
            without(&at(POST, "/operationId")),
            "operation-id-missing",
            POST,
        ),
        fault(
            with("/paths/~1other", another),
            "operation-id-duplicate",
            "/paths/~1other/get/operationId",
        ),
        fault(referred, "path-item-ref", "/paths/~1other"),
        fault(
            with("/paths/~1a{b", json!({})),
            "path-template",
            "/paths/~1a{b",
        ),
        fault(with("/paths/a", json!({})), "path-template", "/paths/a"),
        fault(
            with(&at(POST, "/callbacks"), json!({})),
            "callbacks",
            at(POST, "/callbacks"),
        ),
        fault(
            with("/components/callbacks", json!({})),
            "callbacks",
            "/components/callbacks",
        ),
        fault(
            with(
                &at(POST, "/servers"),
                json!([{ "url": "https://other.example" }]),
            ),
            "servers-override",
            at(POST, "/servers"),
        ),
    ]
}

fn parameters() -> Vec<Fault> {
    let text = json!({ "type": "string" });
    let filter = json!({ "in": "query", "name": "filter", "style": "deepObject",
        "schema": { "type": "object", "additionalProperties": { "type": "string" } } });
    let third = at(POST, "/parameters/2");
    let mut renamed = base();
    set(
        &mut renamed,
        "/components/parameters/Id/name",
        json!("order"),
    );
    vec![
        fault(
            parameter(json!({ "in": "cookie", "name": "session", "schema": text })),
            "parameter-location",
            at(&third, "/in"),
        ),
        fault(parameter(filter), "parameter-style", at(&third, "/style"))
            .and("parameter-type", at(&third, "/schema")),
        fault(
            parameter(json!({ "in": "query", "name": "ids", "explode": false,
                "schema": { "type": "array", "items": text } })),
            "parameter-style",
            at(&third, "/explode"),
        ),
        fault(
            parameter(json!({ "in": "query", "name": "q",
                "content": { "application/json": { "schema": text } } })),
            "parameter-content",
            at(&third, "/content"),
        ),
        fault(
            parameter(json!({ "in": "header", "name": "Ids",
                "schema": { "type": "array", "items": text } })),
            "parameter-type",
            at(&third, "/schema"),
        ),
        fault(
            parameter(json!({ "in": "query", "name": "ids",
                "schema": { "type": "array", "items": { "type": "array", "items": text } } })),
            "parameter-type",
            at(&third, "/schema"),
        ),
        fault(
            parameter(
                json!({ "in": "query", "name": "q", "schema": { "type": "string", "nullable": true } }),
            ),
            "parameter-type",
            at(&third, "/schema"),
        ),
        fault(
            parameter(
                json!({ "in": "query", "name": "q", "schema": { "$ref": "#/components/schemas/Order" } }),
            ),
            "parameter-type",
            at(&third, "/schema"),
        ),
        // What OpenAPI itself demands, the reader of the generator does not.
        fault(
            without("/components/parameters/Id/required"),
            "path-parameter-optional",
            "/components/parameters/Id",
        ),
        fault(renamed, "path-parameter-undeclared", POST).and(
            "path-parameter-unknown",
            "/paths/~1orders~1{id}/parameters/0",
        ),
        fault(
            parameter(json!({ "in": "query", "name": "created_gte", "schema": text })),
            "parameter-collision",
            third.clone(),
        ),
        fault(
            parameter(json!({ "in": "query", "name": "body", "schema": text })),
            "parameter-collision",
            third.clone(),
        ),
        fault(
            parameter(json!({ "in": "query", "name": "id", "schema": text })),
            "parameter-collision",
            "/paths/~1orders~1{id}/parameters/0",
        ),
    ]
}

fn bodies_and_responses() -> Vec<Fault> {
    let order = json!({ "$ref": "#/components/schemas/Order" });
    let answer = |schema: &Value| json!({ "description": "Another.", "content": { "application/json": { "schema": schema } } });
    let content = at(POST, "/requestBody/content");
    let mut problem = base();
    let failure = json!({ "$ref": "#/components/schemas/Failure" });
    let refused = "/components/responses/Refused/content";
    set(
        &mut problem,
        refused,
        json!({ "application/problem+json": { "schema": failure } }),
    );
    let mut form = base();
    let change = json!({ "$ref": "#/components/schemas/ChangeOrder" });
    set(
        &mut form,
        &content,
        json!({ "multipart/form-data": { "schema": change } }),
    );
    let mut no_error_body = base();
    let mute = json!({ "description": "Mute." });
    set(&mut no_error_body, &at(RESPONSES, "/5XX"), mute.clone());
    vec![
        fault(
            with(
                &at(&content, "/application~1x-www-form-urlencoded"),
                json!({ "schema": change }),
            ),
            "body-several-types",
            content.clone(),
        )
        .and(
            "body-media-type",
            at(&content, "/application~1x-www-form-urlencoded"),
        ),
        fault(
            with(&at(POST, "/requestBody/content"), json!({})),
            "body-several-types",
            content.clone(),
        )
        .and("component-unused", "/components/schemas/CardInput")
        .and("component-unused", "/components/schemas/ChangeOrder"),
        fault(
            form,
            "body-media-type",
            at(&content, "/multipart~1form-data"),
        ),
        fault(
            problem,
            "body-media-type",
            "/components/responses/Refused/content/application~1problem+json",
        )
        .and("error-schema", at(RESPONSES, "/4XX"))
        .and("error-schema", at(RESPONSES, "/5XX")),
        fault(
            with(
                &at(RESPONSES, "/200/content/text~1plain"),
                json!({ "schema": order }),
            ),
            "body-several-types",
            at(RESPONSES, "/200/content"),
        )
        .and("body-media-type", at(RESPONSES, "/200/content/text~1plain")),
        fault(
            with(&at(REQUEST, "/encoding"), json!({})),
            "body-encoding",
            at(REQUEST, "/encoding"),
        ),
        fault(
            without(&at(RESPONSES, "/200/content/application~1json/schema")),
            "body-schema",
            at(RESPONSES, "/200/content/application~1json"),
        ),
        fault(
            with(
                &at(RESPONSES, "/200/content/application~1json/schema"),
                json!({ "allOf": [order] }),
            ),
            "body-schema",
            at(RESPONSES, "/200/content/application~1json/schema"),
        ),
        fault(
            with(&at(RESPONSES, "/302"), mute.clone()),
            "response-status",
            at(RESPONSES, "/302"),
        ),
        fault(
            with(&at(RESPONSES, "/default"), answer(&failure)),
            "response-default",
            at(RESPONSES, "/default"),
        ),
        fault(
            without(&at(RESPONSES, "/200")),
            "success-response",
            RESPONSES,
        )
        .and("component-unused", "/components/headers/Left"),
        fault(
            with(&at(RESPONSES, "/201"), answer(&failure)),
            "success-response",
            at(RESPONSES, "/201"),
        ),
        fault(
            with(&at(RESPONSES, "/204"), mute),
            "success-response",
            at(RESPONSES, "/204"),
        ),
        fault(without(&at(RESPONSES, "/4XX")), "error-status", RESPONSES),
        fault(
            with(&at(RESPONSES, "/409"), answer(&failure)),
            "error-status",
            at(RESPONSES, "/409"),
        ),
        fault(
            with(&at(RESPONSES, "/5XX"), answer(&order)),
            "error-schema",
            at(RESPONSES, "/5XX"),
        ),
        fault(no_error_body, "error-schema", at(RESPONSES, "/5XX")),
    ]
}

fn references_and_composition() -> Vec<Fault> {
    let order = json!({ "$ref": "#/components/schemas/Order" });
    let mut circle = base();
    let itself = json!({ "x-source": "guide", "allOf": [{ "$ref": "#/components/schemas/Loop" }] });
    set(&mut circle, "/components/schemas/Loop", itself);
    set(
        &mut circle,
        &at(ORDER, "/loop"),
        json!({ "$ref": "#/components/schemas/Loop" }),
    );
    vec![
        fault(
            property("far", json!({ "$ref": "https://other.example/a.json" })),
            "ref-remote",
            at(ORDER, "/far/$ref"),
        ),
        fault(
            property("lost", json!({ "$ref": "#/components/schemas/Lost" })),
            "ref-unresolved",
            at(ORDER, "/lost/$ref"),
        ),
        fault(
            property("odd", json!({ "$ref": "#/components/headers/Left" })),
            "ref-unresolved",
            at(ORDER, "/odd/$ref"),
        ),
        fault(circle, "ref-circular", "/components/schemas/Loop"),
        fault(
            property(
                "both",
                json!({ "$ref": "#/components/schemas/Order", "nullable": true }),
            ),
            "ref-siblings",
            at(ORDER, "/both"),
        ),
        fault(
            property(
                "one",
                json!({ "oneOf": [order, { "$ref": "#/components/schemas/Failure" }] }),
            ),
            "schema-composition",
            at(ORDER, "/one/oneOf"),
        ),
        fault(
            property("any", json!({ "anyOf": [order] })),
            "schema-composition",
            at(ORDER, "/any/anyOf"),
        ),
        fault(
            property(
                "no",
                json!({ "not": { "$ref": "#/components/schemas/Order" } }),
            ),
            "schema-composition",
            at(ORDER, "/no/not"),
        ),
        fault(
            with(
                "/components/schemas/Order/discriminator",
                json!({ "propertyName": "status" }),
            ),
            "schema-composition",
            "/components/schemas/Order/discriminator",
        ),
        fault(
            property("all", json!({ "allOf": [order, order] })),
            "schema-all-of",
            at(ORDER, "/all/allOf"),
        ),
        fault(
            property("all", json!({ "allOf": [order], "type": "object" })),
            "schema-all-of",
            at(ORDER, "/all/type"),
        )
        .and("schema-empty-object", at(ORDER, "/all")),
        fault(
            with("/components/schemas/OrderStatus/nullable", json!(true)),
            "schema-nullable-component",
            "/components/schemas/OrderStatus/nullable",
        ),
    ]
}

fn schemas() -> Vec<Fault> {
    let struct_ = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let new = at(ORDER, "/new");
    vec![
        fault(
            property(
                "new",
                json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true }),
            ),
            "schema-keyword",
            at(&new, "/uniqueItems"),
        ),
        fault(
            property("new", json!({ "type": "string", "minimum": 3 })),
            "schema-keyword-misplaced",
            at(&new, "/minimum"),
        ),
        fault(
            property("new", json!({ "minLength": 3 })),
            "schema-type",
            new.clone(),
        ),
        fault(
            property("new", json!({ "type": "null" })),
            "schema-type",
            at(&new, "/type"),
        ),
        fault(
            property("new", json!({ "type": "array" })),
            "schema-type",
            new.clone(),
        ),
        fault(
            property("new", struct_.clone()),
            "schema-inline",
            new.clone(),
        ),
        fault(
            property("new", json!({ "type": "string", "enum": ["a"] })),
            "schema-inline",
            new.clone(),
        ),
        fault(
            property("new", json!({ "type": "array", "items": struct_ })),
            "schema-inline",
            at(&new, "/items"),
        ),
        fault(
            property(
                "new",
                json!({ "type": "object", "additionalProperties": struct_ }),
            ),
            "schema-inline",
            at(&new, "/additionalProperties"),
        ),
        fault(
            parameter(
                json!({ "in": "query", "name": "sort", "schema": { "type": "string", "enum": ["a"] } }),
            ),
            "schema-inline",
            at(POST, "/parameters/2/schema"),
        ),
        fault(
            property("new", json!({ "type": "object" })),
            "schema-empty-object",
            new.clone(),
        ),
        fault(
            with(
                "/components/schemas/Failure/additionalProperties",
                json!({ "type": "string" }),
            ),
            "schema-object-and-map",
            "/components/schemas/Failure/additionalProperties",
        ),
        fault(
            with(
                "/components/schemas/Failure/additionalProperties",
                json!(false),
            ),
            "schema-closed-response",
            "/components/schemas/Failure/additionalProperties",
        ),
        fault(
            with(
                "/components/schemas/Failure/required",
                json!(["message", "code"]),
            ),
            "required-undeclared",
            "/components/schemas/Failure/required/1",
        ),
        fault(
            property("new", json!({ "type": "string", "format": "date-time" })),
            "string-format",
            at(&new, "/format"),
        ),
        fault(
            with("/components/schemas/OrderStatus/enum", json!([])),
            "enum-empty",
            "/components/schemas/OrderStatus/enum",
        ),
        fault(
            with(
                "/components/schemas/OrderStatus/enum",
                json!(["open", null]),
            ),
            "enum-not-strings",
            "/components/schemas/OrderStatus/enum/1",
        ),
        fault(
            with(
                "/components/schemas/OrderStatus/enum",
                json!(["open", "OPEN"]),
            ),
            "enum-collision",
            "/components/schemas/OrderStatus/enum/1",
        ),
        fault(
            with(
                "/components/schemas/OrderStatus/enum",
                json!(["open", "on_hold", "on-hold"]),
            ),
            "enum-collision",
            "/components/schemas/OrderStatus/enum/2",
        ),
        fault(
            property("price", json!({ "type": "number" })),
            "money-number",
            at(ORDER, "/price/type"),
        ),
        fault(
            property("price", json!({ "type": "integer" })),
            "integer-format",
            at(ORDER, "/price"),
        ),
        fault(
            property("price", json!({ "type": "integer", "format": "uint8" })),
            "integer-format",
            at(ORDER, "/price"),
        ),
        fault(
            with(
                "/components/schemas/order",
                json!({ "type": "string", "x-source": "guide" }),
            ),
            "schema-collision",
            "/components/schemas/order",
        )
        .and("component-unused", "/components/schemas/order"),
        fault(
            property("Status", json!({ "type": "string" })),
            "property-collision",
            at(ORDER, "/Status"),
        ),
    ]
}

fn secrets() -> Vec<Fault> {
    let text = json!({ "type": "string" });
    let mut named = base();
    set(
        &mut named,
        "/components/schemas/Pan",
        json!({ "type": "string", "x-source": "guide" }),
    );
    set(
        &mut named,
        &at(ORDER, "/pan"),
        json!({ "allOf": [{ "$ref": "#/components/schemas/Pan" }] }),
    );
    let mut faults = vec![
        fault(
            with(&at(CARD, "/number"), text.clone()),
            "secret-format",
            at(CARD, "/number"),
        ),
        fault(
            with(
                &at(CARD, "/cvc"),
                json!({ "type": "string", "format": "card-number" }),
            ),
            "secret-format",
            at(CARD, "/cvc"),
        ),
        fault(named, "secret-format", at(ORDER, "/pan")),
        fault(
            parameter(json!({ "in": "header", "name": "X-Api-Key", "schema": text })),
            "secret-format",
            at(POST, "/parameters/2/schema"),
        ),
    ];
    for name in [
        "card_number",
        "cardNumber",
        "cvv",
        "security_code",
        "api_key",
        "apiKey",
        "password",
        "client_secret",
        "webhook_secret",
    ] {
        let place = format!("{ORDER}/{name}");
        faults.push(fault(property(name, text.clone()), "secret-format", place));
    }
    faults
}

fn patterns() -> Vec<Fault> {
    [
        "ord_[a-f]{4}",
        "^(ord|pay)_[a-f]{4}$",
        "^ord_(ab){4}$",
        "^ord_\\d{4}$",
        "^ord_.{4}$",
        "^ord_[^a]{4}$",
        "^ord_[a-f{4}$",
    ]
    .map(|pattern| {
        let mut root = with("/components/schemas/OrderId/pattern", json!(pattern));
        // The example below the id would be judged as well.
        crate::base::remove(
            &mut root,
            &at(RESPONSES, "/200/content/application~1json/example"),
        );
        fault(root, "pattern-shape", "/components/schemas/OrderId/pattern")
    })
    .into()
}

fn words_and_sources() -> Vec<Fault> {
    let description = at(POST, "/description");
    let status = "/components/schemas/OrderStatus/x-source";
    let example = at(REQUEST, "/examples/printed");
    let mut twice = base();
    let entry = base().pointer("/x-provenance/0").unwrap().clone();
    set(&mut twice, "/x-provenance/-", entry);
    vec![
        fault(
            with(&description, json!("As in\n\n```\ncurl\n```")),
            "description-code",
            description.clone(),
        ),
        fault(
            with(&description, json!("As in\n\n    curl\n")),
            "description-code",
            description.clone(),
        ),
        fault(
            with("/components/headers/Left/description", json!("\tcurl")),
            "description-code",
            "/components/headers/Left/description",
        ),
        fault(
            without("/x-provenance/0/page"),
            "provenance-entry",
            "/x-provenance/0",
        ),
        fault(
            with("/x-provenance/0/date", json!("2026-02-29")),
            "provenance-entry",
            "/x-provenance/0/date",
        ),
        fault(twice, "provenance-entry", "/x-provenance/1/id"),
        fault(without(&at(POST, "/x-source")), "source-missing", POST),
        fault(
            without(status),
            "source-missing",
            "/components/schemas/OrderStatus",
        ),
        fault(
            without(&at(&example, "/x-source")),
            "source-missing",
            example.clone(),
        ),
        fault(
            without("/x-webhooks/order.changed/post/x-source"),
            "source-missing",
            "/x-webhooks/order.changed/post",
        ),
        fault(with(status, json!("rumour")), "source-unknown", status),
        fault(
            with(&at(&example, "/x-source"), json!(["guide", "rumour"])),
            "source-unknown",
            at(&example, "/x-source"),
        ),
        fault(
            with(
                "/components/schemas/Alone",
                json!({ "type": "string", "x-source": "guide" }),
            ),
            "component-unused",
            "/components/schemas/Alone",
        ),
        fault(
            with(
                "/components/schemas/Alone",
                json!({ "type": "array", "x-source": "guide",
                    "items": { "$ref": "#/components/schemas/Alone" } }),
            ),
            "component-unused",
            "/components/schemas/Alone",
        ),
        fault(
            with(
                "/components/responses/Alone",
                json!({ "description": "Alone." }),
            ),
            "component-unused",
            "/components/responses/Alone",
        ),
        fault(
            without(&at(RESPONSES, "/200/headers")),
            "component-unused",
            "/components/headers/Left",
        ),
    ]
}

fn examples() -> Vec<Fault> {
    let printed = at(REQUEST, "/examples/printed/value");
    let answer = at(RESPONSES, "/200/content/application~1json/example");
    vec![
        fault(
            with(&at(&printed, "/amount"), json!("49.99")),
            "example-invalid",
            at(&printed, "/amount"),
        ),
        fault(
            with(&at(&printed, "/amount"), json!(0)),
            "example-invalid",
            at(&printed, "/amount"),
        ),
        fault(
            without(&at(&printed, "/amount")),
            "example-invalid",
            printed.clone(),
        ),
        fault(
            with(&at(&answer, "/id"), json!("ord_1")),
            "example-invalid",
            at(&answer, "/id"),
        ),
        fault(
            with(&at(&answer, "/status"), json!("lost")),
            "example-invalid",
            at(&answer, "/status"),
        ),
        fault(
            with(&at(&answer, "/status"), json!(null)),
            "example-invalid",
            at(&answer, "/status"),
        ),
        fault(
            with(
                &at(&answer, "/next"),
                json!({ "id": "ord_0000", "status": 3 }),
            ),
            "example-invalid",
            at(&answer, "/next/status"),
        ),
        fault(
            with(&at(&printed, "/card/name"), json!("Jane")),
            "example-undeclared",
            at(&printed, "/card"),
        ),
        fault(
            with(&at(&printed, "/metadata/a"), json!(1)),
            "example-invalid",
            at(&printed, "/metadata/a"),
        ),
        fault(
            with("/components/headers/Left/schema/example", json!("7")),
            "example-invalid",
            "/components/headers/Left/schema/example",
        ),
        fault(
            with(&at(POST, "/parameters/0/example"), json!("x")),
            "example-invalid",
            at(POST, "/parameters/0/example"),
        ),
        fault(
            with(
                "/x-webhooks/order.changed/post/requestBody/content/application~1json/example",
                json!({ "id": "ord_0000" }),
            ),
            "example-invalid",
            "/x-webhooks/order.changed/post/requestBody/content/application~1json/example",
        ),
        fault(
            with(
                &at(REQUEST, "/examples/far"),
                json!({ "x-source": "guide", "externalValue": "https://other.example/a.json" }),
            ),
            "example-external",
            at(REQUEST, "/examples/far/externalValue"),
        ),
        fault(
            with(&at(ORDER, "/paid/default"), json!("no")),
            "default-invalid",
            at(ORDER, "/paid/default"),
        ),
    ]
}

/// Lists in a list in a list.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("x"), |inner, _| json!([inner]))
}

fn names() -> Vec<Fault> {
    let text = || json!({ "type": "string" });
    let values = "/components/schemas/OrderStatus/enum";
    let mut faults = vec![
        // `x-deep` itself stands on the second level.
        fault(
            with("/components/x-deep", nested(23)),
            "document-too-deep",
            at("/components/x-deep", &"/0".repeat(23)),
        ),
        fault(
            with(&at(POST, "/operationId"), json!("_")),
            "name-unfit",
            at(POST, "/operationId"),
        ),
        fault(
            parameter(json!({ "in": "query", "name": "*", "schema": text() })),
            "name-unfit",
            at(POST, "/parameters/2/name"),
        ),
        fault(
            with(&at(values, "/-"), json!("")),
            "name-unfit",
            at(values, "/2"),
        ),
        fault(
            with("/x-webhooks/order.changed/post/operationId", json!("é")),
            "name-unfit",
            "/x-webhooks/order.changed/post/operationId",
        ),
    ];
    for name in ["-", "*~1", "größe", "\u{1d4b3}"] {
        let place = at(ORDER, &format!("/{name}"));
        faults.push(fault(property(name, text()), "name-unfit", place));
    }
    for name in ["_", "a b", "a~1b", "größe"] {
        let mut root = base();
        let place = format!("/components/headers/{name}");
        set(&mut root, &place, json!({ "schema": text() }));
        let reference = json!({ "$ref": format!("#{place}") });
        set(&mut root, &at(RESPONSES, "/200/headers/X-More"), reference);
        faults.push(fault(root, "component-name", place));
    }
    for name in ["Option", "string", "Some", "to_string"] {
        let mut root = property(
            "more_of_it",
            json!({ "$ref": format!("#/components/schemas/{name}") }),
        );
        let place = format!("/components/schemas/{name}");
        set(
            &mut root,
            &place,
            json!({ "type": "string", "x-source": "guide" }),
        );
        faults.push(fault(root, "schema-name-reserved", place));
    }
    for id in [
        "new",
        "pre",
        "baseurl",
        "NewWithClient",
        "default",
        "into_iterator",
    ] {
        let place = at(POST, "/operationId");
        faults.push(fault(
            with(&place, json!(id)),
            "operation-id-reserved",
            &place,
        ));
    }
    faults
}

const HOOK: &str = "/x-webhooks/order.changed";

/// The base with webhooks that tell by the `type` of their body what they are.
fn typed_webhooks() -> Value {
    let mut root = base();
    let schemas = "/components/schemas";
    set(
        &mut root,
        &at(schemas, "/Event"),
        json!({ "type": "object", "x-source": "guide", "properties": {
            "type": { "nullable": true, "allOf": [{ "$ref": "#/components/schemas/EventType" }] },
            "order": { "$ref": "#/components/schemas/Order" }
        } }),
    );
    set(
        &mut root,
        &at(schemas, "/EventType"),
        json!({ "type": "string", "x-source": "guide", "enum": ["order.closed", "order.changed"] }),
    );
    let body = at(HOOK, "/post/requestBody/content/application~1json/schema");
    set(
        &mut root,
        &body,
        json!({ "$ref": "#/components/schemas/Event" }),
    );
    let webhook = root.pointer(HOOK).unwrap().clone();
    set(&mut root, "/x-webhooks/order.closed", webhook);
    root
}

fn webhooks() -> Vec<Fault> {
    let values = "/components/schemas/EventType/enum";
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut root = typed_webhooks();
        edit(&mut root);
        root
    };
    let in_the_place_of_a_webhook = |value: Value| with(HOOK, value);
    vec![
        fault(with("/webhooks", json!({})), "webhooks-place", "/webhooks"),
        fault(
            edited(&|root| set(root, values, json!(["order.closed"]))),
            "webhook-unlisted",
            HOOK,
        ),
        fault(
            edited(&|root| set(root, &at(values, "/-"), json!("order.lost"))),
            "webhook-missing",
            at(values, "/2"),
        ),
        fault(
            edited(&|root| remove(root, "/x-webhooks/order.closed")),
            "webhook-missing",
            at(values, "/0"),
        ),
        fault(
            edited(&|root| {
                let webhook = root.pointer(HOOK).unwrap().clone();
                set(root, "/x-webhooks/order.edited", webhook);
                remove(root, HOOK);
            }),
            "webhook-unlisted",
            "/x-webhooks/order.edited",
        )
        .and("webhook-missing", at(values, "/1")),
        fault(
            in_the_place_of_a_webhook(json!(3)),
            "openapi-unreadable",
            HOOK,
        ),
        fault(
            in_the_place_of_a_webhook(json!({ "post": [] })),
            "openapi-unreadable",
            HOOK,
        ),
        fault(
            with("/x-webhooks", json!([])),
            "openapi-unreadable",
            "/x-webhooks",
        ),
    ]
}

fn all() -> Vec<Fault> {
    let mut faults = [
        document_and_operations(),
        parameters(),
        bodies_and_responses(),
        references_and_composition(),
        schemas(),
        secrets(),
        patterns(),
        words_and_sources(),
        examples(),
        webhooks(),
        names(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    // Without provenance every source is unknown too, so those are not counted.
    faults.push(fault(
        without("/x-provenance"),
        "provenance-missing",
        "/x-provenance",
    ));
    faults
}

#[test]
fn the_base_is_clean() {
    assert_eq!(lint(base()), []);
    assert_eq!(lint(typed_webhooks()), []);
}

#[test]
fn each_fault_is_told_at_its_place_and_nothing_else() {
    let mut wrong = Vec::new();
    for fault in all() {
        let findings = lint(fault.root);
        let mut told = places(&findings);
        if fault.told[0].0 == "provenance-missing" {
            told.retain(|(rule, _)| *rule != "source-unknown");
        }
        let mut expected: Vec<(&str, &str)> = fault
            .told
            .iter()
            .map(|(rule, pointer)| (*rule, pointer.as_str()))
            .collect();
        // A value that is wrong twice, by type and by enum, is told twice.
        told.sort_unstable();
        told.dedup();
        expected.sort_unstable();
        if told != expected {
            wrong.push(format!("expected {expected:#?}\ntold {findings:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_shown_by_a_fault() {
    let shown: BTreeSet<&str> = all()
        .iter()
        .flat_map(|fault| fault.told.iter().map(|(rule, _)| *rule))
        .collect();
    let listed: BTreeSet<&str> = xtask::lint::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(shown, listed);
    assert_eq!(
        listed.len(),
        xtask::lint::RULES.len(),
        "an id is used twice"
    );
}

#[test]
fn harmless_neighbours_of_secrets_are_let_through() {
    let mut root = base();
    for (name, schema) in [
        ("number", json!({ "type": "string" })),
        ("card_last4", json!({ "type": "string" })),
        ("cvc_check", json!({ "type": "string" })),
        ("has_secret", json!({ "type": "boolean" })),
        ("decline_code", json!({ "type": "string" })),
        ("idempotency_key", json!({ "type": "string" })),
    ] {
        set(&mut root, &at(ORDER, &format!("/{name}")), schema);
    }
    assert_eq!(lint(root), []);
}

#[test]
fn an_example_is_judged_through_a_reference_too() {
    let mut root = base();
    set(
        &mut root,
        "/components/examples",
        json!({ "Broken": { "x-source": "guide", "value": { "amount": true } } }),
    );
    let place = at(REQUEST, "/examples/shared");
    set(
        &mut root,
        &place,
        json!({ "$ref": "#/components/examples/Broken" }),
    );
    let findings = lint(root);
    assert_eq!(
        places(&findings),
        [("example-invalid", at(&place, "/$ref/amount").as_str())]
    );
}

#[test]
fn messages_do_not_repeat_a_card_number() {
    let number = "4242 4242 4242 4242";
    let mut root = with(
        &at(REQUEST, "/examples/printed/value/card/number"),
        json!(number),
    );
    set(
        &mut root,
        &at(REQUEST, "/examples/printed/value/card/cvc"),
        json!(987),
    );
    let findings = lint(root);
    assert_eq!(findings.len(), 2);
    for finding in findings {
        assert_eq!(finding.rule, "example-invalid");
        let told = finding.to_string();
        assert!(!told.contains("4242") && !told.contains("987"), "{told}");
    }
}

#[test]
fn a_report_names_place_rule_and_cure() {
    let mut root = base();
    set(&mut root, &at(ORDER, "/price"), json!({ "type": "number" }));
    set(&mut root, &at(CARD, "/cvc"), json!({ "type": "string" }));
    set(
        &mut root,
        &at(REQUEST, "/examples/printed/value/amount"),
        json!("49.99"),
    );
    set(
        &mut root,
        &at(RESPONSES, "/409"),
        json!({ "$ref": "#/components/responses/Refused" }),
    );
    let report: Vec<String> = lint(root).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(report.join("\n"));
}
