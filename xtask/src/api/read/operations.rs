//! Operations: what they take, what they answer.

use serde_json::{Map, Value};

use super::super::{Operation, Parameter};
use super::parameters;
use super::reader::{Reader, text};
use crate::document::join;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// The generator takes these; the model has no use for them so far.
const OTHER_METHODS: [&str; 3] = ["head", "options", "trace"];

pub(super) fn operations<'a>(reader: &mut Reader<'a>) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in reader.document.members("/paths") {
        let pointer = join("/paths", path);
        let shared = parameters::parameters(reader, &pointer, item.get("parameters"));
        for (method, value) in item.as_object().into_iter().flatten() {
            if OTHER_METHODS.contains(&method.as_str()) {
                reader.note(
                    &join(&pointer, method),
                    format!("an operation by the method {method}"),
                    "teach the method to xtask/src/api/read/operations.rs, or take the operation out",
                );
            }
            if METHODS.contains(&method.as_str())
                && let Some(value) = value.as_object()
            {
                operations.extend(operation(
                    reader,
                    &join(&pointer, method),
                    method,
                    path,
                    value,
                    &shared,
                ));
            }
        }
    }
    operations
}

fn operation<'a>(
    reader: &mut Reader<'a>,
    pointer: &str,
    method: &str,
    path: &str,
    operation: &'a Map<String, Value>,
    shared: &[Parameter],
) -> Option<Operation> {
    let parameters = parameters::with_shared(
        parameters::parameters(reader, pointer, operation.get("parameters")),
        shared,
    );
    let body = match operation.get("requestBody") {
        None => None,
        Some(body) => {
            let place = join(pointer, "requestBody");
            Some(reader.required_body(
                &place,
                body,
                "mark the body as required; the generator sends one always",
            )?)
        }
    };
    let responses = operation.get("responses").and_then(Value::as_object);
    let mut success = None;
    let mut failures = Vec::new();
    let mut response_headers: Vec<String> = Vec::new();
    for (status, response) in responses.into_iter().flatten() {
        let response = reader.resolved(response);
        let place = join(&join(pointer, "responses"), status);
        let schema = reader.json_schema(&place, response)?;
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
        reader.note(
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
