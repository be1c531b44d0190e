//! Reads a document into an [`Api`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Api, Limits, Operation, Parameter, Property, Schema, Shape, Type};
use crate::dialect::Dialect;
use crate::document::{Document, join};
use crate::finding::Finding;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// The generator takes these; the model has no use for them so far.
const OTHER_METHODS: [&str; 3] = ["head", "options", "trace"];
const COMPONENTS: &str = "#/components/schemas/";

/// Reads a document whose form lint has checked.
///
/// # Errors
/// A finding for each construct that the reconciler does not know.
pub fn read(dialect: Dialect, document: &Document) -> Result<Api, Vec<Finding>> {
    let mut reader = Reader {
        document,
        findings: Vec::new(),
    };
    let mut schemas: Vec<Schema> = document
        .members("/components/schemas")
        .filter_map(|(name, value)| reader.schema(name, value))
        .collect();
    let operations = reader.operations();
    let sent = reader.reach(
        operations
            .iter()
            .filter_map(|operation| operation.body.clone())
            .chain(operations.iter().flat_map(|operation| {
                operation
                    .parameters
                    .iter()
                    .filter_map(|parameter| parameter.ty.named().map(str::to_owned))
            })),
        &schemas,
    );
    let mut answers = BTreeSet::new();
    collect_references(document.get("/x-webhooks"), &mut answers);
    for (_, item) in document.members("/paths") {
        for (_, operation) in item.as_object().into_iter().flatten() {
            collect_references(operation.get("responses"), &mut answers);
        }
    }
    collect_references(document.get("/components/responses"), &mut answers);
    let received = reader.reach(answers, &schemas);
    for schema in &mut schemas {
        schema.sent = sent.contains(&schema.name);
        schema.received = received.contains(&schema.name);
    }
    if reader.findings.is_empty() {
        Ok(Api {
            dialect,
            label: document.label.clone(),
            schemas,
            operations,
        })
    } else {
        Err(reader.findings)
    }
}

struct Reader<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn note(&mut self, pointer: &str, message: impl Into<String>, cure: &str) {
        self.findings.push(Finding::new(
            &self.document.label,
            pointer,
            "not-understood",
            message,
            cure,
        ));
    }

    fn schema(&mut self, name: &str, value: &Value) -> Option<Schema> {
        let pointer = join("/components/schemas", name);
        let object = self.object(&pointer, value)?;
        if let Some(format) = object.get("format").and_then(Value::as_str) {
            // An id shows its text; of a format such as card-number it must not.
            self.note(
                &pointer,
                format!("a component with format {format}"),
                "give the format to the property instead of a component",
            );
        }
        let shape = match object.get("type").and_then(Value::as_str) {
            Some("object") => Shape::Object(self.properties(&pointer, object)),
            Some("string") => match object.get("enum").and_then(Value::as_array) {
                Some(values) => Shape::Enum(
                    values
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                ),
                None => Shape::Text(limits(object)),
            },
            other => {
                self.note(
                    &pointer,
                    format!("a component of type {}", other.unwrap_or("none")),
                    "make it an object, an enum of text, or text",
                );
                return None;
            }
        };
        Some(Schema {
            name: name.to_owned(),
            pointer,
            description: text(object, "description"),
            sent: false,
            received: false,
            shape,
        })
    }

    fn properties(&mut self, pointer: &str, object: &Map<String, Value>) -> Vec<Property> {
        let required: BTreeSet<&str> = object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let parent = join(pointer, "properties");
        let mut properties = Vec::new();
        for (name, value) in object
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let pointer = join(&parent, name);
            let Some(schema) = self.object(&pointer, value) else {
                continue;
            };
            let Some(ty) = self.ty(&pointer, schema) else {
                continue;
            };
            let nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
            properties.push(Property {
                name: name.clone(),
                description: self.description(schema),
                required: required.contains(name.as_str()) && !nullable,
                limits: limits(schema),
                pointer,
                ty,
            });
        }
        properties
    }

    /// A bare `$ref` has no place for words of its own, so it speaks with the component's.
    fn description(&self, schema: &Map<String, Value>) -> String {
        let own = text(schema, "description");
        if !own.is_empty() {
            return own;
        }
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.follow(reference))
            .and_then(Value::as_object)
            .map(|component| text(component, "description"))
            .unwrap_or_default()
    }

    /// The type of what a list or map holds.
    fn element(&mut self, pointer: &str, schema: &Map<String, Value>) -> Option<Type> {
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            self.note(
                pointer,
                "a list or map that may hold null",
                "say that it holds none, or teach it to xtask/src/api/read.rs",
            );
        }
        self.ty(pointer, schema)
    }

    fn ty(&mut self, pointer: &str, schema: &Map<String, Value>) -> Option<Type> {
        let reference = schema.get("$ref").or_else(|| {
            let all = schema.get("allOf")?.as_array()?;
            all.first().filter(|_| all.len() == 1)?.get("$ref")
        });
        if let Some(reference) = reference.and_then(Value::as_str) {
            let Some(name) = reference.strip_prefix(COMPONENTS) else {
                self.note(
                    pointer,
                    format!("a reference to {reference}"),
                    "refer to a schema in #/components/schemas",
                );
                return None;
            };
            return Some(Type::Named(name.to_owned()));
        }
        let format = schema.get("format").and_then(Value::as_str);
        let ty = match (schema.get("type").and_then(Value::as_str), format) {
            (Some("string"), None) => Type::Text,
            (Some("string"), Some("uri")) => Type::Uri,
            (Some("string"), Some("card-number")) => Type::CardNumber,
            (Some("string"), Some("card-cvc")) => Type::CardCvc,
            (Some("integer"), Some("int32")) => Type::Int32,
            (Some("integer"), Some("int64")) => Type::Int64,
            (Some("boolean"), None) => Type::Boolean,
            (Some("array"), None) => {
                let pointer = join(pointer, "items");
                let items = schema
                    .get("items")
                    .and_then(|items| self.object(&pointer, items))?;
                Type::List(Box::new(self.element(&pointer, items)?))
            }
            (Some("object"), None) => {
                let pointer = join(pointer, "additionalProperties");
                match schema.get("additionalProperties") {
                    Some(Value::Bool(true)) => Type::Map(Box::new(Type::Json)),
                    Some(Value::Object(values)) if values.is_empty() => {
                        Type::Map(Box::new(Type::Json))
                    }
                    Some(Value::Object(values)) => {
                        Type::Map(Box::new(self.element(&pointer, values)?))
                    }
                    _ => {
                        self.note(
                            &pointer,
                            "an object without members of a type",
                            "give the map's values a type, or make it a component",
                        );
                        return None;
                    }
                }
            }
            (ty, format) => {
                self.note(
                    pointer,
                    format!(
                        "type {} with format {}",
                        ty.unwrap_or("none"),
                        format.unwrap_or("none")
                    ),
                    "use a type and format that the generator knows, or teach it to xtask/src/api.rs",
                );
                return None;
            }
        };
        Some(ty)
    }

    fn operations(&mut self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.document.members("/paths") {
            let pointer = join("/paths", path);
            let shared = self.parameters(&pointer, item.get("parameters"));
            for (method, operation) in item.as_object().into_iter().flatten() {
                if OTHER_METHODS.contains(&method.as_str()) {
                    self.note(
                        &join(&pointer, method),
                        format!("an operation by the method {method}"),
                        "teach the method to xtask/src/api/read.rs, or take the operation out",
                    );
                }
                if METHODS.contains(&method.as_str())
                    && let Some(operation) = operation.as_object()
                {
                    operations.extend(self.operation(
                        &join(&pointer, method),
                        method,
                        path,
                        operation,
                        &shared,
                    ));
                }
            }
        }
        operations
    }

    fn operation(
        &mut self,
        pointer: &str,
        method: &str,
        path: &str,
        operation: &'a Map<String, Value>,
        shared: &[Parameter],
    ) -> Option<Operation> {
        let mut parameters = self.parameters(pointer, operation.get("parameters"));
        // What the path's item says holds where the operation does not say it anew.
        for parameter in shared {
            if !parameters
                .iter()
                .any(|own| own.name == parameter.name && own.location == parameter.location)
            {
                parameters.push(parameter.clone());
            }
        }
        let body = match operation.get("requestBody") {
            None => None,
            Some(body) => {
                let body = self.resolved(body);
                if body.get("required") != Some(&Value::Bool(true)) {
                    self.note(
                        &join(pointer, "requestBody"),
                        "a body that may be left out",
                        "mark the body as required; the generator sends one always",
                    );
                }
                Some(self.json_schema(&join(pointer, "requestBody"), body)?)
            }
        };
        let responses = operation.get("responses").and_then(Value::as_object);
        let mut success = None;
        let mut failures = Vec::new();
        let mut response_headers: Vec<String> = Vec::new();
        for (status, response) in responses.into_iter().flatten() {
            let response = self.resolved(response);
            let place = join(&join(pointer, "responses"), status);
            let schema = self.json_schema(&place, response)?;
            if status.starts_with('2') {
                success = Some((status.clone(), schema));
            } else if !failures.contains(&schema) {
                failures.push(schema);
            }
            for (name, _) in response
                .get("headers")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if !response_headers.contains(name) {
                    response_headers.push(name.clone());
                }
            }
        }
        let Some(success) = success else {
            self.note(
                pointer,
                "no response of success",
                "document the 2XX response",
            );
            return None;
        };
        Some(Operation {
            id: text(operation, "operationId"),
            pointer: pointer.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            summary: text(operation, "summary"),
            description: text(operation, "description"),
            parameters,
            body,
            success,
            failures,
            response_headers,
        })
    }

    fn parameters(&mut self, parent: &str, list: Option<&'a Value>) -> Vec<Parameter> {
        let parent = join(parent, "parameters");
        let list = list.and_then(Value::as_array);
        let mut parameters = Vec::new();
        for (index, value) in list.into_iter().flatten().enumerate() {
            let pointer = join(&parent, &index.to_string());
            parameters.extend(self.parameter(&pointer, value));
        }
        parameters
    }

    fn parameter(&mut self, pointer: &str, value: &'a Value) -> Option<Parameter> {
        let value = self.resolved(value);
        let object = self.object(pointer, value)?;
        let pointer_of_schema = join(pointer, "schema");
        let schema = object
            .get("schema")
            .and_then(|schema| self.object(&pointer_of_schema, schema))?;
        Some(Parameter {
            name: text(object, "name"),
            pointer: pointer.to_owned(),
            location: text(object, "in"),
            description: text(object, "description"),
            ty: self.ty(&pointer_of_schema, schema)?,
            required: object.get("required").and_then(Value::as_bool) == Some(true),
            limits: limits(schema),
        })
    }

    /// The component schema of a JSON body.
    fn json_schema(&mut self, pointer: &str, body: &Value) -> Option<String> {
        let name = body
            .pointer("/content/application~1json/schema/$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix(COMPONENTS));
        if name.is_none() {
            self.note(
                pointer,
                "a body that is not JSON of a component schema",
                "refer to a component schema under content/application/json",
            );
        }
        name.map(str::to_owned)
    }

    fn resolved(&self, value: &'a Value) -> &'a Value {
        value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.follow(reference))
            .unwrap_or(value)
    }

    fn object<'v>(&mut self, pointer: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.note(
                pointer,
                "no object where one belongs",
                "write an object here",
            );
        }
        object
    }

    /// The names that can be reached from these, through properties.
    fn reach(
        &self,
        from: impl IntoIterator<Item = String>,
        schemas: &[Schema],
    ) -> BTreeSet<String> {
        let mut open: Vec<String> = from.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            if let Some(Schema {
                shape: Shape::Object(properties),
                ..
            }) = schemas.iter().find(|schema| schema.name == name)
            {
                open.extend(
                    properties
                        .iter()
                        .filter_map(|property| property.ty.named().map(str::to_owned)),
                );
            }
        }
        reached
    }
}

fn collect_references(value: Option<&Value>, names: &mut BTreeSet<String>) {
    match value {
        Some(Value::Object(members)) => {
            if let Some(name) = members
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix(COMPONENTS))
            {
                names.insert(name.to_owned());
            }
            for (name, member) in members {
                // What an example holds is data: a member called `$ref` in there refers to nothing.
                if name != "example" && name != "examples" {
                    collect_references(Some(member), names);
                }
            }
        }
        Some(Value::Array(items)) => {
            for item in items {
                collect_references(Some(item), names);
            }
        }
        _ => {}
    }
}

fn text(object: &Map<String, Value>, member: &str) -> String {
    object
        .get(member)
        .and_then(Value::as_str)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

fn limits(schema: &Map<String, Value>) -> Limits {
    let size = |member: &str| {
        schema
            .get(member)
            .and_then(Value::as_u64)
            .and_then(|size| usize::try_from(size).ok())
    };
    Limits {
        min_length: size("minLength"),
        max_length: size("maxLength"),
        minimum: schema.get("minimum").and_then(Value::as_i64),
        maximum: schema.get("maximum").and_then(Value::as_i64),
        max_properties: size("maxProperties"),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(str::to_owned),
        max_value_length: schema
            .get("additionalProperties")
            .and_then(|values| values.get("maxLength"))
            .and_then(Value::as_u64)
            .and_then(|size| usize::try_from(size).ok()),
    }
}
