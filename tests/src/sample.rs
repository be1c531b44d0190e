//! Bodies with every member that a schema has, each value different from the others, so that no two
//! members can be swapped unseen.

use serde_json::{Map, Value, json};

use crate::document::{Document, target};

/// A body with every member, and what is known of each of them.
#[derive(Debug)]
pub struct Sample {
    /// The body.
    pub value: Value,
    /// Each member at any depth, outer ones first.
    pub members: Vec<Member>,
}

/// One member of a sample.
#[derive(Debug)]
pub struct Member {
    /// Where it stands, as a JSON pointer into the sample.
    pub pointer: String,
    /// Whether the schema requires it.
    pub required: bool,
    /// The name of its schema, when that has one; a list's is that of its items.
    pub schema: Option<String>,
}

impl Sample {
    /// A sample of the schema of this name.
    #[must_use]
    pub fn of(document: &Document, schema: &str) -> Self {
        let mut writer = Writer {
            document,
            members: Vec::new(),
            count: 0,
        };
        let value = writer.write(document.schema(schema), "", schema);
        Self {
            value,
            members: writer.members,
        }
    }

    /// The sample with another value at the pointer.
    #[must_use]
    pub fn with(&self, pointer: &str, value: Value) -> Value {
        let mut changed = self.value.clone();
        *changed
            .pointer_mut(pointer)
            .expect("a member of the sample") = value;
        changed
    }

    /// The sample without the member at the pointer.
    #[must_use]
    pub fn without(&self, pointer: &str) -> Value {
        let mut changed = self.value.clone();
        remove(&mut changed, pointer);
        changed
    }
}

/// Takes the member at the pointer out, where it still is.
pub fn remove(value: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer to a member");
    if let Some(Value::Object(members)) = value.pointer_mut(parent) {
        members.remove(name);
    }
}

struct Writer<'a> {
    document: &'a Document,
    members: Vec<Member>,
    count: usize,
}

impl Writer<'_> {
    fn write(&mut self, schema: &Value, pointer: &str, name: &str) -> Value {
        if let Some(target) = target(schema) {
            return self.write(self.document.schema(target), pointer, name);
        }
        self.count += 1;
        let count = self.count;
        match schema["type"].as_str() {
            Some("object") if schema.get("properties").is_some() => self.object(schema, pointer),
            Some("object") if schema["additionalProperties"].is_object() => {
                json!({ "first": format!("text {count}"), "second": "" })
            }
            Some("object") => json!({ "any": [count, { "deep": true }], "text": "t" }),
            Some("array") => Value::Array(
                (0..2)
                    .map(|index| self.write(&schema["items"], &format!("{pointer}/{index}"), name))
                    .collect(),
            ),
            Some("integer") => integer(schema, count).into(),
            Some("boolean") => true.into(),
            _ => text(schema, name, count),
        }
    }

    fn object(&mut self, schema: &Value, pointer: &str) -> Value {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut members = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{pointer}/{name}");
            self.members.push(Member {
                pointer: at.clone(),
                required: required.contains(&name.as_str()),
                schema: target(property)
                    .or_else(|| target(&property["items"]))
                    .map(str::to_owned),
            });
            let value = self.write(property, &at, name);
            members.insert(name.clone(), value);
        }
        Value::Object(members)
    }
}

fn integer(schema: &Value, count: usize) -> i64 {
    let count = i64::try_from(count).expect("a small count");
    match schema["maximum"].as_i64() {
        Some(most) if most < 1000 => count % most + 1,
        Some(_) => 2000 + count,
        None => 1_700_000_000 + count,
    }
}

fn text(schema: &Value, name: &str, count: usize) -> Value {
    if let Some(values) = schema["enum"].as_array() {
        return values[count % values.len()].clone();
    }
    if schema.get("pattern").is_some() && schema.get("example").is_some() {
        return schema["example"].clone();
    }
    format!("{name} {count}").into()
}
