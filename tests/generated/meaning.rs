//! A member means the same on both sides: what the model shows is what `reconciled.json` says it shows.
//!
//! A round trip alone would not see two members that are swapped on the way in and again on the way out.

use flowlix_api::Dialect;
use flowlix_tests::difference::assert_same;
use flowlix_tests::document::{DIALECTS, Document, target};
use flowlix_tests::sample::Sample;
use serde_json::{Map, Value};

use crate::codec::codecs;

/// An object of the dialect and the name of its schema.
type Frame<'a> = (&'a str, &'a Value);

/// Reads a dialect's body into the model by the reconciled document alone.
pub(crate) struct Reader<'a> {
    pub(crate) reconciled: &'a Document,
    pub(crate) dialect: Dialect,
}

impl<'a> Reader<'a> {
    /// The model's JSON for a body of the dialect.
    pub(crate) fn read(&self, model: &str, frames: &[Frame<'a>]) -> Value {
        let properties = self.reconciled.schema(model)["properties"].as_object();
        let members: Map<String, Value> = properties
            .into_iter()
            .flatten()
            .map(|(name, property)| (name.clone(), self.property(property, frames)))
            .collect();
        Value::Object(members)
    }

    fn property(&self, property: &Value, frames: &[Frame<'a>]) -> Value {
        let spelled = match &property["x-flowlix"][self.dialect.name()] {
            Value::String(name) => self.find(name, frames),
            Value::Array(names) => names
                .iter()
                .filter_map(|name| self.find(name.as_str()?, frames))
                .find(|value| !value.is_null()),
            // The dialect has no such part, but may have some of its members elsewhere.
            _ => {
                return match target(property) {
                    Some(part) => self.read(part, frames),
                    None => Value::Null,
                };
            }
        };
        match spelled {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Array(items)) => match target(&property["items"]) {
                Some(part) => items
                    .iter()
                    .map(|item| self.part(part, item, frames))
                    .collect(),
                None => Value::Array(items.clone()),
            },
            Some(value) => match target(property) {
                Some(part) => self.part(part, value, frames),
                None => value.clone(),
            },
        }
    }

    fn find(&self, name: &str, frames: &[Frame<'a>]) -> Option<&'a Value> {
        match name.split_once('.') {
            Some((schema, name)) => frames
                .iter()
                .rev()
                .find(|(frame, _)| *frame == schema)
                .and_then(|(_, body)| body.get(name)),
            // A part that the dialect does not have has no members of its own there either.
            None => frames.last().and_then(|(_, body)| body.get(name)),
        }
    }

    fn part(&self, model: &str, value: &'a Value, frames: &[Frame<'a>]) -> Value {
        let schema = self.reconciled.schema(model);
        if let Some(values) = schema["x-flowlix-values"].as_object() {
            let known = values
                .iter()
                .find(|(_, spelled)| spelled[self.dialect.name()] == *value);
            return known.map_or_else(|| value.clone(), |(canonical, _)| canonical.as_str().into());
        }
        if !value.is_object() {
            return value.clone();
        }
        let mut inner: Vec<Frame<'_>> = frames.to_vec();
        let name = schema["x-flowlix"][self.dialect.name()]
            .as_str()
            .unwrap_or_default();
        inner.push((name, value));
        self.read(model, &inner)
    }
}

#[test]
fn the_model_shows_what_the_reconciled_document_says() {
    let reconciled = Document::reconciled();
    for dialect in DIALECTS {
        let document = Document::of(dialect);
        let reader = Reader {
            reconciled: &reconciled,
            dialect,
        };
        for codec in codecs(dialect) {
            let Some((name, model)) = codec.model else {
                continue;
            };
            let samples = document
                .examples()
                .into_iter()
                .filter(|example| example.schema == codec.schema)
                .map(|example| (example.pointer, example.value))
                .chain([(
                    "all members".to_owned(),
                    Sample::of(&document, codec.schema).value,
                )]);
            for (at, body) in samples {
                let what = format!("{dialect} {} as model::{name} ({at})", codec.schema);
                let expected = reader.read(name, &[(codec.schema, &body)]);
                assert_same(&what, &expected, &model(&body).unwrap());
            }
        }
    }
}
