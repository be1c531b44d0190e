//! A dialect's document as the reconciler sees it: schemas, operations and webhooks with their places.
//!
//! Only the constructs that lint lets through are known here; anything else is a finding, so that
//! nothing can be dropped in silence.

mod read;

use crate::dialect::Dialect;

pub use read::read;

/// Everything that one dialect documents.
#[derive(Debug, Clone)]
pub struct Api {
    /// Which dialect.
    pub dialect: Dialect,
    /// What messages call the document.
    pub label: String,
    /// The component schemas, in the document's order.
    pub schemas: Vec<Schema>,
    /// The operations, in the document's order.
    pub operations: Vec<Operation>,
    /// The webhooks, in the document's order.
    pub webhooks: Vec<Webhook>,
}

impl Api {
    /// The schema of this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| schema.name == name)
    }
}

/// A component schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// JSON pointer of its place.
    pub pointer: String,
    /// What the document says of it.
    pub description: String,
    /// Whether requests reach it.
    pub sent: bool,
    /// Whether responses or webhooks reach it.
    pub received: bool,
    /// What it is.
    pub shape: Shape,
}

/// What a component schema is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// An object with these members.
    Object(Vec<Property>),
    /// Text of a listed value.
    Enum(Vec<String>),
    /// Opaque text: an id.
    Text(Limits),
}

/// A member of an object.
#[derive(Debug, Clone)]
pub struct Property {
    /// Its name on the wire.
    pub name: String,
    /// JSON pointer of its place.
    pub pointer: String,
    /// What the document says of it.
    pub description: String,
    /// Its type.
    pub ty: Type,
    /// Whether it must be there, and not null.
    pub required: bool,
    /// What its value must keep to.
    pub limits: Limits,
}

/// The type of a property or parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// Text that is a URI.
    Uri,
    /// A full card number.
    CardNumber,
    /// A card's security code.
    CardCvc,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// True or false.
    Boolean,
    /// Any JSON value.
    Json,
    /// A component schema.
    Named(String),
    /// A list.
    List(Box<Type>),
    /// A map from text.
    Map(Box<Type>),
}

impl Type {
    /// The component schema in this type, if any.
    #[must_use]
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::List(inner) | Self::Map(inner) => inner.named(),
            _ => None,
        }
    }

    /// The same type with its component schema renamed.
    #[must_use]
    pub fn renamed(&self, rename: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::Named(name) => Self::Named(rename(name)),
            Self::List(inner) => Self::List(Box::new(inner.renamed(rename))),
            Self::Map(inner) => Self::Map(Box::new(inner.renamed(rename))),
            other => other.clone(),
        }
    }

    /// How messages call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Uri => "a URI".to_owned(),
            Self::CardNumber => "a card number".to_owned(),
            Self::CardCvc => "a card's security code".to_owned(),
            Self::Int32 => "an int32".to_owned(),
            Self::Int64 => "an int64".to_owned(),
            Self::Boolean => "a boolean".to_owned(),
            Self::Json => "any JSON".to_owned(),
            Self::Named(name) => name.clone(),
            Self::List(inner) => format!("a list of {}", inner.describe()),
            Self::Map(inner) => format!("a map to {}", inner.describe()),
        }
    }
}

/// What a value that is sent must keep to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// Smallest number.
    pub minimum: Option<i64>,
    /// Greatest number.
    pub maximum: Option<i64>,
    /// Most entries of a map.
    pub max_properties: Option<usize>,
    /// The regular expression that text must match.
    pub pattern: Option<String>,
    /// Most characters of a map's values.
    pub max_value_length: Option<usize>,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// JSON pointer of its place.
    pub pointer: String,
    /// The HTTP method, in lower case.
    pub method: String,
    /// The path template.
    pub path: String,
    /// What the document says of it, in a line.
    pub summary: String,
    /// What the document says of it.
    pub description: String,
    /// Its parameters, in the document's order.
    pub parameters: Vec<Parameter>,
    /// The schema of the request's body.
    pub body: Option<String>,
    /// The status of success and its schema.
    pub success: (String, String),
    /// The schemas of its errors, each once.
    pub failures: Vec<String>,
    /// The names of headers that its responses carry.
    pub response_headers: Vec<String>,
}

/// An event that Flowlix tells of by a request of its own.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name, such as `payment.succeeded`.
    pub event: String,
    /// JSON pointer of its place.
    pub pointer: String,
    /// What the document says of it, in a line.
    pub summary: String,
    /// What the document says of it.
    pub description: String,
    /// The headers that come with it, in the document's order.
    pub headers: Vec<Parameter>,
    /// The schema of its body.
    pub body: String,
    /// The statuses that it may be answered with.
    pub statuses: Vec<String>,
}

/// A parameter of an operation, or a header of a webhook.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// JSON pointer of its place.
    pub pointer: String,
    /// Where it stands: `query`, `path` or `header`.
    pub location: String,
    /// What the document says of it.
    pub description: String,
    /// Its type.
    pub ty: Type,
    /// Whether it must be given.
    pub required: bool,
    /// What its value must keep to.
    pub limits: Limits,
}
