//! The one model that both dialects map to, and how each of them says it.

use crate::api::{Limits, Type};
use crate::dialect::PerDialect;

/// The reconciled API.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Its schemas: the uppercase document's order, then what `snake_case` alone has.
    pub schemas: Vec<ModelSchema>,
    /// Its operations, in the same order.
    pub operations: Vec<ModelOperation>,
    /// Its webhooks, in the same order.
    pub webhooks: Vec<ModelWebhook>,
}

impl Model {
    /// The schema of this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&ModelSchema> {
        self.schemas.iter().find(|schema| schema.name == name)
    }

    /// The object of this name.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&ModelObject> {
        match &self.schema(name)?.shape {
            ModelShape::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// A schema of the model.
#[derive(Debug, Clone)]
pub struct ModelSchema {
    /// Its name.
    pub name: String,
    /// What the documents say of it.
    pub description: String,
    /// Its name in each dialect that has it.
    pub names: PerDialect<Option<String>>,
    /// Whether requests reach it, in either dialect.
    pub sent: bool,
    /// Whether responses or webhooks reach it, in either dialect.
    pub received: bool,
    /// What it is.
    pub shape: ModelShape,
}

/// What a schema of the model is.
#[derive(Debug, Clone)]
pub enum ModelShape {
    /// An object.
    Object(ModelObject),
    /// An open enum.
    Enum(Vec<ModelValue>),
    /// An opaque id, with the documented pattern of each dialect.
    Id(PerDialect<Option<String>>),
    /// A type written by hand, at this path in `flowlix-api`.
    ByHand(String),
}

/// An object of the model.
#[derive(Debug, Clone, Default)]
pub struct ModelObject {
    /// Its members.
    pub properties: Vec<ModelProperty>,
    /// How each dialect's members map to it; empty for a dialect that has no such schema.
    pub bindings: PerDialect<Vec<Binding>>,
    /// Members that a dialect carries outside the body: the name, and where.
    pub carried: PerDialect<Vec<(String, String)>>,
}

impl ModelObject {
    /// The member of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&ModelProperty> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }
}

/// A member of an object of the model.
#[derive(Debug, Clone)]
pub struct ModelProperty {
    /// Its name.
    pub name: String,
    /// What the documents say of it.
    pub description: String,
    /// Its type, in the model's names.
    pub ty: Type,
    /// Whether every dialect that knows it always has it.
    pub required: bool,
}

/// How a dialect's property maps to the model.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name on the wire.
    pub name: String,
    /// Its type, in the model's names.
    pub ty: Type,
    /// Whether the dialect requires it.
    pub required: bool,
    /// What the dialect asks of a value that is sent.
    pub limits: Limits,
    /// Where the model keeps it.
    pub target: Target,
}

/// Where the model keeps a dialect's property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// At this path of members, seen from the schema.
    Path(Vec<String>),
    /// Nowhere: the value is always this one.
    Constant(String),
    /// Where the property of this name goes, should that one be missing.
    SecondSpelling(String),
}

/// A value of an enum.
#[derive(Debug, Clone)]
pub struct ModelValue {
    /// The model's spelling.
    pub canonical: String,
    /// How each dialect spells it.
    pub spelled: PerDialect<Option<String>>,
}

/// An operation of the model.
#[derive(Debug, Clone)]
pub struct ModelOperation {
    /// Its name.
    pub id: String,
    /// What the documents say of it, in a line.
    pub summary: String,
    /// What the documents say of it.
    pub description: String,
    /// The schema of the request's body, in the model's names.
    pub body: Option<String>,
    /// How each dialect serves it.
    pub served: PerDialect<Option<Served>>,
    /// Its parameters.
    pub parameters: Vec<ModelParameter>,
    /// Its response headers, in each dialect's names.
    pub headers: Vec<PerDialect<Option<String>>>,
}

/// How a dialect serves an operation.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its `operationId`.
    pub id: String,
    /// The HTTP method, in lower case.
    pub method: String,
    /// The path template.
    pub path: String,
    /// The status of success.
    pub status: String,
    /// The schema of success, in the model's names.
    pub answer: String,
}

/// A webhook of the model.
#[derive(Debug, Clone)]
pub struct ModelWebhook {
    /// The event's name.
    pub event: String,
    /// What the documents say of it, in a line.
    pub summary: String,
    /// What the documents say of it.
    pub description: String,
    /// The schema of its body, in the model's names.
    pub body: String,
    /// How each dialect sends it.
    pub sent: PerDialect<Option<Sent>>,
    /// The headers that come with it.
    pub headers: Vec<ModelParameter>,
}

/// How a dialect sends a webhook.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The event's name.
    pub event: String,
    /// The statuses that it may be answered with.
    pub statuses: Vec<String>,
}

/// A parameter of an operation, or a header of a webhook.
#[derive(Debug, Clone)]
pub struct ModelParameter {
    /// Its name.
    pub name: String,
    /// Where it stands: `query`, `path` or `header`.
    pub location: String,
    /// What the documents say of it.
    pub description: String,
    /// Its type, in the model's names.
    pub ty: Type,
    /// Whether every dialect that has what it belongs to takes it, and requires it.
    pub required: bool,
    /// How each dialect takes it.
    pub taken: PerDialect<Option<Taken>>,
}

/// How a dialect takes a parameter.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its name on the wire.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// What its value must keep to.
    pub limits: Limits,
}
