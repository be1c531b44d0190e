//! Nothing is lost or moved on the way: every printed example, and a body with every member.

use flowlix_api::Dialect;
use flowlix_tests::difference::assert_same;
use flowlix_tests::document::{DIALECTS, Document};
use flowlix_tests::sample::Sample;
use serde_json::{Value, json};

use crate::codec::{codec, codecs};
use crate::settle::settled;

#[track_caller]
fn assert_round_trip(dialect: Dialect, document: &Document, schema: &str, at: &str, body: &Value) {
    let codec = codec(dialect, schema);
    let what = format!("{dialect} {schema} ({at})");
    let recoded = (codec.recode)(body).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_same(&what, body, &recoded);

    let expected = settled(document, dialect, schema, body);
    if let Some(through_model) = codec.through_model {
        let written = through_model(body).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_same(&format!("{what} through the model"), &expected, &written);
    }
    if let Some((name, model)) = codec.model {
        model(body).unwrap_or_else(|error| panic!("{what} as model::{name}: {error}"));
    }
}

#[test]
fn every_example_survives_both_ways() {
    for (dialect, least) in DIALECTS.into_iter().zip([24, 26]) {
        let document = Document::of(dialect);
        let examples = document.examples();
        assert!(examples.len() >= least, "{dialect}: {}", examples.len());
        for example in examples {
            let (schema, at) = (&example.schema, &example.pointer);
            assert_round_trip(dialect, &document, schema, at, &example.value);
        }
    }
}

#[test]
fn a_body_with_every_member_survives_both_ways() {
    for dialect in DIALECTS {
        let document = Document::of(dialect);
        for codec in codecs(dialect) {
            let sample = Sample::of(&document, codec.schema);
            assert_round_trip(
                dialect,
                &document,
                codec.schema,
                "all members",
                &sample.value,
            );
        }
    }
}

#[test]
fn every_object_schema_is_in_the_table() {
    for dialect in DIALECTS {
        for (schema, definition) in Document::of(dialect).schemas() {
            if definition["type"] == "object" {
                codec(dialect, schema);
            }
        }
    }
}

#[test]
fn metadata_is_kept_to_the_letter() {
    let metadata = json!({ "null": null, "empty": {}, "none": [], "number": 1.5, "big": u64::MAX });
    for dialect in DIALECTS {
        let document = Document::of(dialect);
        let body = Sample::of(&document, "Payment").with("/metadata", metadata.clone());
        let codec = codec(dialect, "Payment");
        let written = [
            (codec.recode)(&body),
            (codec.through_model.unwrap())(&body),
            (codec.model.unwrap().1)(&body),
        ];
        for written in written {
            assert_eq!(written.unwrap()["metadata"], metadata, "{dialect}");
        }
    }
}
