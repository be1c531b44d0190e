//! The JSON Schemas of the feature `schemars`, held against the reconciled document.

use std::collections::BTreeMap;

use flowlix_api::model::{
    Address, BillingDetails, BillingDetailsInput, Card, CardInput, CreateDirectPayment,
    CreateHostedPayment, CreateRefund, Currency, DeclineCode, ErrorCode, ErrorDetail, ErrorType,
    EventId, IntegrationType, ListPayments, NextAction, Payment, PaymentId, PaymentList,
    PaymentMethodData, PaymentStatus, Refund, RefundId, RefundStatus, StatusTransitions,
    WebhookEvent, WebhookEventData, WebhookEventType,
};
use flowlix_tests::document::{Document, target};
use schemars::schema_for;
use serde_json::{Value, json};

macro_rules! derived {
    ($($model:ident)*) => {
        BTreeMap::from([$((stringify!($model), schema_for!($model).to_value())),*])
    };
}

fn derived() -> BTreeMap<&'static str, Value> {
    derived!(
        Address BillingDetails BillingDetailsInput Card CardInput CreateDirectPayment
        CreateHostedPayment CreateRefund Currency DeclineCode ErrorCode ErrorDetail ErrorType
        EventId IntegrationType NextAction Payment PaymentId PaymentList PaymentMethodData
        PaymentStatus Refund RefundId RefundStatus StatusTransitions WebhookEvent
        WebhookEventData WebhookEventType
    )
}

/// What either kind of schema says about a member, in one form.
fn essence(schema: &Value) -> Value {
    if let Some(target) = target(schema) {
        return json!({ "ref": target, "nullable": schema["nullable"] == true });
    }
    if let Some(target) = schema["$ref"]
        .as_str()
        .and_then(|text| text.strip_prefix("#/$defs/"))
    {
        return json!({ "ref": target, "nullable": false });
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let mut choice = essence(&choices[0]);
        assert_eq!(
            choices[1..],
            [json!({ "type": "null" })],
            "an unexpected choice: {schema}"
        );
        choice["nullable"] = true.into();
        return choice;
    }
    let (kind, nullable) = match &schema["type"] {
        Value::Array(types) => (types[0].clone(), types.contains(&"null".into())),
        kind => (kind.clone(), schema["nullable"] == true),
    };
    let mut essence = json!({ "type": kind, "nullable": nullable });
    match kind.as_str() {
        Some("integer") => essence["format"] = schema["format"].clone(),
        Some("array") => essence["items"] = self::essence(&schema["items"]),
        Some("object") => {
            // The two ways to say "anything".
            let any = schema["additionalProperties"] == true
                || schema["additionalProperties"] == json!({});
            essence["anything"] = any.into();
        }
        Some("string") => essence["write_only"] = (schema["writeOnly"] == true).into(),
        _ => {}
    }
    essence
}

fn required(schema: &Value) -> Vec<&str> {
    let names = schema["required"].as_array().into_iter().flatten();
    let mut names: Vec<&str> = names.filter_map(Value::as_str).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn assert_same_schema(name: &str, documented: &Value, derived: &Value) {
    let empty = serde_json::Map::new();
    let left = documented["properties"].as_object().unwrap_or(&empty);
    let right = derived["properties"].as_object().unwrap_or(&empty);
    for (property, documented) in left {
        let derived = right
            .get(property)
            .unwrap_or_else(|| panic!("{name}/properties/{property} is missing"));
        assert_eq!(
            essence(derived),
            essence(documented),
            "{name}/properties/{property}"
        );
    }
    for property in right.keys() {
        assert!(
            left.contains_key(property),
            "{name}/properties/{property} is documented nowhere"
        );
    }
    assert_eq!(required(derived), required(documented), "{name}/required");
    for keyword in ["type", "x-extensible-enum"] {
        assert_eq!(derived[keyword], documented[keyword], "{name}/{keyword}");
    }
    assert_eq!(derived.get("enum"), None, "{name}: enums are open");
    assert_ne!(
        derived["additionalProperties"], false,
        "{name}: objects are open"
    );
}

#[test]
fn derived_schemas_say_what_the_reconciled_document_says() {
    let reconciled = Document::reconciled();
    let derived = derived();
    for (name, documented) in reconciled.schemas() {
        // These are hand-written types, or tags that the model leaves out.
        if documented.get("x-flowlix-type").is_some() {
            continue;
        }
        let derived = derived
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no derived schema in this test's table"));
        assert_same_schema(name, documented, derived);
    }
    for name in derived.keys() {
        assert!(
            reconciled.schema(name).is_object(),
            "{name} is documented nowhere"
        );
    }
}

#[test]
fn the_schema_of_a_list_request_says_what_its_parameters_say() {
    let reconciled = Document::reconciled();
    let parameters = &reconciled.root()["paths"]["/v1/payments"]["get"]["parameters"];
    let mut properties = serde_json::Map::new();
    for parameter in parameters.as_array().unwrap() {
        assert_eq!(
            (&parameter["in"], &parameter["required"]),
            (&json!("query"), &json!(false))
        );
        let mut schema = parameter["schema"].clone();
        schema["nullable"] = true.into();
        properties.insert(parameter["name"].as_str().unwrap().to_owned(), schema);
    }
    let documented = json!({ "type": "object", "properties": properties });
    let derived = schema_for!(ListPayments).to_value();
    assert_same_schema("ListPayments", &documented, &derived);
}
