//! Reading is lenient where Flowlix may change without notice, and never a guess.

use flowlix_api::model::{
    Currency, DeclineCode, ErrorCode, ErrorType, IntegrationType, PaymentStatus, RefundStatus,
    WebhookEventType,
};
use flowlix_api::open::OpenEnum;
use flowlix_api::{Dialect, model, uppercase};
use flowlix_tests::difference::assert_same;
use flowlix_tests::document::{DIALECTS, Document};
use flowlix_tests::sample::{Sample, remove};
use serde_json::{Value, json};

use crate::codec::{Codec, codecs};
use crate::settle::settled;

struct Received {
    dialect: Dialect,
    document: Document,
    codec: Codec,
    sample: Sample,
}

/// Everything that can come from Flowlix, with every member.
fn everything_received() -> Vec<Received> {
    DIALECTS
        .into_iter()
        .flat_map(|dialect| {
            codecs(dialect)
                .into_iter()
                .map(move |codec| (dialect, codec))
        })
        .filter(|(_, codec)| codec.model.is_some())
        .map(|(dialect, codec)| {
            let document = Document::of(dialect);
            Received {
                sample: Sample::of(&document, codec.schema),
                dialect,
                document,
                codec,
            }
        })
        .collect()
}

impl Received {
    /// The body is read, and written again as it came, by the dialect's type and through the model.
    #[track_caller]
    fn assert_kept(&self, what: &str, body: &Value) {
        let schema = self.codec.schema;
        let what = format!("{} {schema}: {what}", self.dialect);
        let recoded = (self.codec.recode)(body).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_same(&what, body, &recoded);
        let through = self.codec.through_model.unwrap()(body)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected = settled(&self.document, self.dialect, schema, body);
        assert_same(&format!("{what}, through the model"), &expected, &through);
        self.model(&what, body);
    }

    #[track_caller]
    fn model(&self, what: &str, body: &Value) -> Value {
        self.codec.model.unwrap().1(body).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The sample's members whose schema passes the test, by its definition in the document.
    fn members(&self, test: impl Fn(&str, &Value) -> bool) -> impl Iterator<Item = (&str, &str)> {
        self.sample.members.iter().filter_map(move |member| {
            let schema = member.schema.as_deref()?;
            let at = self.sample.value.pointer(&member.pointer)?;
            (!at.is_array() && test(schema, self.document.schema(schema)))
                .then_some((member.pointer.as_str(), schema))
        })
    }
}

#[test]
fn an_unknown_value_survives_in_every_enum_position() {
    let mut positions = 0;
    for received in everything_received() {
        for (pointer, _) in received.members(|_, schema| schema["enum"].is_array()) {
            positions += 1;
            for text in ["brand_new", "BRAND_NEW", "", "mit Umlaut ü \"\\"] {
                let body = received.sample.with(pointer, text.into());
                received.assert_kept(&format!("{text:?} at {pointer}"), &body);
            }
        }
    }
    assert!(positions > 50, "{positions}");
}

#[test]
fn the_other_dialects_spelling_is_read() {
    let reconciled = Document::reconciled();
    let shared: Vec<&str> = reconciled
        .schemas()
        .filter(|(_, schema)| schema["x-flowlix-values"].is_object())
        .map(|(name, _)| name)
        .collect();
    let mut seen = 0;
    for received in everything_received() {
        let (own, other) = match received.dialect {
            Dialect::SnakeCase => ("snake_case", "uppercase"),
            Dialect::Uppercase => ("uppercase", "snake_case"),
        };
        for (pointer, name) in received.members(|name, _| shared.contains(&name)) {
            let values = reconciled.schema(name)["x-flowlix-values"].as_object();
            for (canonical, spelled) in values.into_iter().flatten() {
                let Some(text) = spelled[other].as_str() else {
                    continue;
                };
                seen += 1;
                let body = received.sample.with(pointer, text.into());
                let written = (received.codec.recode)(&body).unwrap();
                let expected = spelled[own].as_str().unwrap_or(canonical);
                assert_eq!(
                    written.pointer(pointer).and_then(Value::as_str),
                    Some(expected),
                    "{own} {} {pointer}: {text}",
                    received.codec.schema
                );
                let model = received.model(pointer, &body);
                let in_own = received.sample.with(pointer, expected.into());
                assert_eq!(
                    model,
                    received.model(pointer, &in_own),
                    "{own} {pointer}: {text}"
                );
            }
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn unknown_members_are_passed_over() {
    for received in everything_received() {
        let mut objects = vec![String::new()];
        objects.extend(
            received
                .members(|_, schema| schema["type"] == "object")
                .map(|(pointer, _)| pointer.to_owned()),
        );
        for pointer in objects {
            for news in [
                json!(null),
                json!(7),
                json!({ "deep": [1, { "er": null }] }),
            ] {
                let mut body = received.sample.value.clone();
                body.pointer_mut(&pointer).unwrap()["x_news"] = news;
                let read = (received.codec.recode)(&body).unwrap();
                assert_same(&pointer, &received.sample.value, &read);
            }
        }
    }
}

#[test]
fn every_optional_member_may_be_missing_or_null() {
    for received in everything_received() {
        let optional = || {
            received
                .sample
                .members
                .iter()
                .filter(|member| !member.required)
        };
        let mut all_missing = received.sample.value.clone();
        let mut all_null = received.sample.value.clone();
        for member in optional() {
            let pointer = &member.pointer;
            received.assert_kept(&format!("no {pointer}"), &received.sample.without(pointer));
            let null = received.sample.with(pointer, Value::Null);
            received.assert_kept(&format!("null at {pointer}"), &null);
            remove(&mut all_missing, pointer);
            if let Some(value) = all_null.pointer_mut(pointer) {
                *value = Value::Null;
            }
        }
        received.assert_kept("nothing optional", &all_missing);
        received.assert_kept("null for all that is optional", &all_null);
    }
}

#[test]
fn a_required_member_is_never_made_up() {
    let mut seen = 0;
    for received in everything_received() {
        for member in received
            .sample
            .members
            .iter()
            .filter(|member| member.required)
        {
            seen += 1;
            let (_, name) = member.pointer.rsplit_once('/').unwrap();
            let missing = (received.codec.recode)(&received.sample.without(&member.pointer));
            let error = missing.expect_err(&member.pointer);
            assert!(
                error.contains(&format!("missing field `{name}`")),
                "{error}"
            );
            let null = received.sample.with(&member.pointer, Value::Null);
            assert!(
                (received.codec.recode)(&null).is_err(),
                "{}",
                member.pointer
            );
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn ids_of_other_shapes_are_read() {
    let mut positions = 0;
    for received in everything_received() {
        for (pointer, _) in received.members(|name, _| name.ends_with("Id")) {
            positions += 1;
            for id in [
                "pay_abc123",
                "01J1ZQZ3K8T5Y4X2W7V6R9P0NM",
                "42",
                "a/b c?d#ü",
            ] {
                let body = received.sample.with(pointer, id.into());
                received.assert_kept(&format!("{id} at {pointer}"), &body);
            }
        }
    }
    assert!(positions > 10, "{positions}");
}

#[test]
fn the_first_spelling_of_a_decline_wins_and_the_second_is_used() {
    let read = |members: Value| {
        let mut body = json!({ "id": "pay_1", "amount": 1, "currency": "EUR", "status": "FAILED" });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let payment: uppercase::types::Payment = serde_json::from_value(body).unwrap();
        let payment = model::Payment::from(payment);
        (payment.decline_code, payment.decline_message)
    };
    let first = (Some(DeclineCode::ExpiredCard), Some("first".to_owned()));
    let second = (Some(DeclineCode::LostCard), Some("second".to_owned()));
    assert_eq!(
        read(json!({
            "failure_code": "lost_card", "failure_message": "second",
            "decline_code": "expired_card", "decline_message": "first",
        })),
        first
    );
    assert_eq!(
        read(json!({
            "decline_code": null, "decline_message": null,
            "failure_code": "lost_card", "failure_message": "second",
        })),
        second
    );
    assert_eq!(
        read(json!({ "failure_code": "lost_card", "failure_message": "second" })),
        second
    );
    assert_eq!(read(json!({})), (None, None));
}

fn assert_names_are_read<E>(reconciled: &Document, name: &str)
where
    E: OpenEnum + PartialEq + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let listed = reconciled.schema(name)["x-flowlix-values"].as_object();
    let listed = listed.unwrap_or_else(|| panic!("{name} is no enum"));
    let known: Vec<&str> = E::known().iter().map(E::as_str).collect();
    assert_eq!(known.len(), listed.len(), "{name}");
    for value in E::known() {
        let spelled = &listed[value.as_str()];
        for dialect in DIALECTS {
            assert_eq!(
                value.spelled(dialect),
                spelled[dialect.name()].as_str(),
                "{name}"
            );
        }
        let texts = DIALECTS
            .into_iter()
            .filter_map(|dialect| value.spelled(dialect));
        for text in texts.chain([value.as_str()]) {
            let escaped = format!("\"\\u{:04x}{}\"", u32::from(text.as_bytes()[0]), &text[1..]);
            for text in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
                assert_eq!(&E::read(&text), value, "{name} {text}");
            }
            assert_eq!(
                &serde_json::from_str::<E>(&escaped).unwrap(),
                value,
                "{escaped}"
            );
        }
    }
}

#[test]
fn a_value_with_a_name_never_becomes_unknown() {
    let reconciled = Document::reconciled();
    assert_names_are_read::<Currency>(&reconciled, "Currency");
    assert_names_are_read::<DeclineCode>(&reconciled, "DeclineCode");
    assert_names_are_read::<ErrorCode>(&reconciled, "ErrorCode");
    assert_names_are_read::<ErrorType>(&reconciled, "ErrorType");
    assert_names_are_read::<IntegrationType>(&reconciled, "IntegrationType");
    assert_names_are_read::<PaymentStatus>(&reconciled, "PaymentStatus");
    assert_names_are_read::<RefundStatus>(&reconciled, "RefundStatus");
    assert_names_are_read::<WebhookEventType>(&reconciled, "WebhookEventType");
    let enums = reconciled
        .schemas()
        .filter(|(_, schema)| schema["x-flowlix-values"].is_object());
    assert_eq!(enums.count(), 8, "name the new enum above");
}
