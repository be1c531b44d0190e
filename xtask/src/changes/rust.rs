//! What a place of a specification becomes in `flowlix-api`.
//!
//! Three facts of the generated surface are used here: the model's structs and enums are
//! `#[non_exhaustive]`, so that an optional field or a variant more breaks nobody (that the dialects' own
//! structs can be written as literals is not promised); enums and ids are made once for both dialects, in
//! `flowlix_api::model`; client methods take their parameters by position, so that one more breaks callers.

use std::path::Path;

use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::document::Document;
use crate::identifier;
use crate::rules::{Entry, Rule};

/// The Rust items that stand for one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    /// In the dialect's own module.
    own: Option<String>,
    /// In the reconciled model.
    model: Option<String>,
    /// The schema, in the dialect's name, while the place is a schema itself: rules speak of its members.
    schema: Option<String>,
}

impl Items {
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_none() && self.model.is_none()
    }

    pub(super) fn to_vec(&self) -> Vec<String> {
        self.own.iter().chain(&self.model).cloned().collect()
    }
}

/// What places are called in Rust: in one dialect, and in the model by the rules of `reconcile.yaml`.
pub(super) struct Names<'a> {
    pub(super) dialect: String,
    rules: &'a [Entry],
}

impl<'a> Names<'a> {
    /// The dialect is the file's name without its ending.
    pub(super) fn of(document: &Document, rules: &'a [Entry]) -> Self {
        let dialect = Path::new(&document.label)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self { dialect, rules }
    }

    /// A client's method.
    pub(super) fn method(&self, operation: &str) -> Items {
        Items {
            own: Some(format!(
                "flowlix_api::{}::Client::{}",
                self.dialect,
                identifier::snake(operation)
            )),
            ..Items::default()
        }
    }

    /// The types of a component. Enums and ids are made once for both dialects.
    pub(super) fn component(&self, name: &str, is_struct: bool) -> Items {
        let in_model = self.model_schema(name);
        let by_hand = self.rules.iter().find_map(|entry| match &entry.rule {
            Rule::SchemaByHand { schema, path } if schema == in_model => Some(path),
            _ => None,
        });
        if let Some(path) = by_hand {
            return Items {
                own: Some(path.replacen("crate::", "flowlix_api::", 1)),
                ..Items::default()
            };
        }
        Items {
            own: is_struct.then(|| {
                format!(
                    "flowlix_api::{}::types::{}",
                    self.dialect,
                    identifier::pascal(name)
                )
            }),
            model: Some(format!(
                "flowlix_api::model::{}",
                identifier::pascal(in_model)
            )),
            schema: Some(name.to_owned()),
        }
    }

    /// A field of the types that stand for a place.
    pub(super) fn member(&self, of: &Items, property: &str) -> Items {
        let model = match &of.schema {
            Some(schema) => self.model_property(schema, property),
            None => Some(vec![property]),
        };
        let path = |fields: &[&str]| {
            fields
                .iter()
                .map(|field| identifier::snake(field))
                .collect::<Vec<_>>()
                .join(".")
        };
        Items {
            own: of
                .own
                .as_ref()
                .map(|own| format!("{own}::{}", identifier::snake(property))),
            model: of
                .model
                .as_ref()
                .zip(model)
                .map(|(model, fields)| format!("{model}::{}", path(&fields))),
            schema: None,
        }
    }

    /// A variant of the enum that stands for a place.
    pub(super) fn variant(&self, of: &Items, value: &str) -> Items {
        let with = |path: &String| format!("{path}::{}", identifier::variant(value));
        Items {
            own: of.own.as_ref().map(&with),
            model: of.model.as_ref().map(&with),
            schema: None,
        }
    }

    fn model_schema<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.rules
            .iter()
            .find_map(|entry| match &entry.rule {
                Rule::SchemaPaired {
                    snake_case,
                    uppercase,
                } if self.is(Dialect::SnakeCase) && snake_case == name => Some(uppercase.as_str()),
                _ => None,
            })
            .unwrap_or(name)
    }

    /// Where the model keeps a property; `None` when it leaves it out.
    fn model_property<'n>(&self, schema: &str, property: &'n str) -> Option<Vec<&'n str>>
    where
        'a: 'n,
    {
        let schema = self.model_schema(schema);
        for entry in self.rules {
            match &entry.rule {
                Rule::PropertyRenamed {
                    schema: of,
                    snake_case,
                    uppercase,
                } if of == schema && self.is(Dialect::SnakeCase) && snake_case == property => {
                    return Some(vec![uppercase]);
                }
                Rule::PropertyMoved {
                    schema: of,
                    dialect,
                    property: name,
                    to,
                } if of == schema && self.is(*dialect) && name == property => {
                    return Some(to.split('.').collect());
                }
                Rule::PropertySecondSpelling {
                    schema: of,
                    dialect,
                    property: name,
                    of: first,
                } if of == schema && self.is(*dialect) && name == property => {
                    return Some(vec![first]);
                }
                Rule::PropertyConstant {
                    schema: of,
                    dialect,
                    property: name,
                    ..
                } if of == schema && self.is(*dialect) && name == property => return None,
                _ => {}
            }
        }
        Some(vec![property])
    }

    fn is(&self, dialect: Dialect) -> bool {
        self.dialect == dialect.name()
    }
}

/// The type of a field, an argument or an element.
pub(super) fn type_of(schema: &Value, required: bool) -> String {
    let nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
    let inner = bare_type_of(schema, 0);
    if required && !nullable {
        inner
    } else {
        format!("Option<{inner}>")
    }
}

/// What stands behind a named schema: a struct, an enum, or a type with a name of its own.
pub(super) fn shape_of(schema: &Value) -> String {
    if schema.get("enum").is_some() {
        "an enum".to_owned()
    } else if is_struct(schema) {
        "a struct".to_owned()
    } else {
        format!("`{}`", bare_type_of(schema, 0))
    }
}

/// Whether a schema becomes a struct.
pub(super) fn is_struct(schema: &Value) -> bool {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| !properties.is_empty())
}

fn bare_type_of(schema: &Value, depth: usize) -> String {
    const DEEPEST: usize = 16;
    let text = |member: &str| schema.get(member).and_then(Value::as_str).unwrap_or("");
    let element = |member: &str| match schema.get(member) {
        Some(element @ Value::Object(members)) if !members.is_empty() && depth < DEEPEST => {
            let inner = bare_type_of(element, depth + 1);
            if element.get("nullable").and_then(Value::as_bool) == Some(true) {
                format!("Option<{inner}>")
            } else {
                inner
            }
        }
        _ => "Value".to_owned(),
    };
    if let Some(name) = reference_of(schema).and_then(|reference| reference.rsplit('/').next()) {
        return name.to_owned();
    }
    match text("type") {
        "array" => format!("Vec<{}>", element("items")),
        "object" if is_struct(schema) => "struct".to_owned(),
        "object" => format!("BTreeMap<String, {}>", element("additionalProperties")),
        "boolean" => "bool".to_owned(),
        "number" => if text("format") == "float" {
            "f32"
        } else {
            "f64"
        }
        .to_owned(),
        "integer" => match text("format") {
            "int32" => "i32",
            "uint32" => "u32",
            "uint64" => "u64",
            _ => "i64",
        }
        .to_owned(),
        "string" if schema.get("enum").is_some() => "enum".to_owned(),
        "string" => match text("format") {
            "card-number" => "CardNumber",
            "card-cvc" => "CardCvc",
            "uuid" => "Uuid",
            "date" => "NaiveDate",
            "date-time" => "DateTime<Utc>",
            "ip" => "IpAddr",
            "ipv4" => "Ipv4Addr",
            "ipv6" => "Ipv6Addr",
            _ => "String",
        }
        .to_owned(),
        _ if is_struct(schema) => "struct".to_owned(),
        _ => "Value".to_owned(),
    }
}

/// The reference of a schema that is one, plainly or as the only member of `allOf` (the way to put
/// `nullable` beside it in OpenAPI 3.0).
pub(super) fn reference_of(schema: &Value) -> Option<&str> {
    fn plain(schema: &Value) -> Option<&str> {
        schema.get("$ref").and_then(Value::as_str)
    }
    plain(schema).or_else(|| match schema.get("allOf").and_then(Value::as_array) {
        Some(parts) => match parts.as_slice() {
            [only] if schema.get("type").is_none() && schema.get("properties").is_none() => {
                plain(only)
            }
            _ => None,
        },
        None => None,
    })
}

/// The names in a `required` list.
pub(super) fn required_of(schema: &Map<String, Value>) -> Vec<&str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
