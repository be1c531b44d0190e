//! Whether all that the model holds can have Rust names of its own. Lint has seen to each document alone;
//! joined, what is apart in both can meet.

use crate::api::{Api, Operation, Shape};
use crate::dialect::{Dialect, PerDialect};
use crate::identifier;
use crate::model::{Model, ModelOperation, ModelSchema, ModelShape};

use super::ledger::Ledger;

pub(super) fn check(model: &Model, apis: &PerDialect<Api>, ledger: &mut Ledger<'_>) {
    let schemas = model.schemas.iter().map(|schema| schema.name.as_str());
    for (name, earlier, made) in identifier::collisions(schemas, identifier::pascal) {
        let schema = model.schema(name);
        let place = schema.and_then(|schema| place_of_schema(apis, schema));
        note(
            ledger,
            place,
            (name, earlier),
            &format!("the type {made}"),
            BY_A_RULE,
        );
    }
    for schema in &model.schemas {
        match &schema.shape {
            ModelShape::Object(object) => {
                let names = object
                    .properties
                    .iter()
                    .map(|property| property.name.as_str());
                for (name, earlier, made) in identifier::collisions(names, identifier::snake) {
                    let place = place_of_property(apis, schema, name)
                        .or_else(|| place_of_schema(apis, schema));
                    let what = format!("the field {made} of {}", schema.name);
                    note(ledger, place, (name, earlier), &what, BY_A_RULE);
                }
            }
            ModelShape::Enum(values) => {
                let names = values.iter().map(|value| value.canonical.as_str());
                for (name, earlier, made) in identifier::collisions(names, identifier::variant) {
                    let what = format!("the variant {made} of {}", schema.name);
                    note(
                        ledger,
                        place_of_schema(apis, schema),
                        (name, earlier),
                        &what,
                        "values that differ in case only are one; correct the documents, or teach \
                         xtask/src/reconcile/values.rs which others are",
                    );
                }
            }
            ModelShape::Id(_) | ModelShape::ByHand(_) => {}
        }
    }
    let operations = model
        .operations
        .iter()
        .map(|operation| operation.id.as_str());
    for (name, earlier, made) in identifier::collisions(operations, identifier::snake) {
        let place = place_of_operation(apis, model, name);
        note(
            ledger,
            place,
            (name, earlier),
            &format!("the operation {made}"),
            BY_A_RULE,
        );
    }
    for operation in &model.operations {
        let asked = operation.parameters.iter();
        let asked = asked.filter(|parameter| parameter.location == "query");
        let names = asked.map(|parameter| parameter.name.as_str());
        for (name, earlier, made) in identifier::collisions(names, identifier::snake) {
            let place = own_operations(apis, operation).find_map(|(api, own)| {
                let mut parameters = own.parameters.iter();
                let parameter = parameters.find(|parameter| parameter.name == name)?;
                Some((api, parameter.pointer.clone()))
            });
            let what = format!("the field {made} of what is asked of {}", operation.id);
            note(ledger, place, (name, earlier), &what, BY_A_RULE);
        }
    }
}

/// The document and the pointer.
type Place<'a> = (&'a Api, String);

const BY_A_RULE: &str = "if they are one thing, pair them by a rule (schema-paired, property-renamed, \
    operation-paired, parameter-renamed); if they are two, give one another name by such a rule, or correct the \
    documents";

fn note(
    ledger: &mut Ledger<'_>,
    place: Option<Place<'_>>,
    (name, earlier): (&str, &str),
    what: &str,
    cure: &str,
) {
    let (label, pointer) = match &place {
        Some((api, pointer)) => (api.label.as_str(), pointer.as_str()),
        None => ("openapi/reconciled.json", ""),
    };
    ledger.note(
        label,
        pointer,
        "names-meet",
        format!("in the model `{name}` and `{earlier}` both become {what}"),
        cure,
    );
}

fn place_of_schema<'a>(apis: &'a PerDialect<Api>, schema: &ModelSchema) -> Option<Place<'a>> {
    Dialect::BOTH.into_iter().find_map(|dialect| {
        let api = apis.get(dialect);
        let name = schema.names.get(dialect).as_ref()?;
        Some((api, api.schema(name)?.pointer.clone()))
    })
}

fn place_of_operation<'a>(apis: &'a PerDialect<Api>, model: &Model, id: &str) -> Option<Place<'a>> {
    let operation = model
        .operations
        .iter()
        .find(|operation| operation.id == id)?;
    let (api, own) = own_operations(apis, operation).next()?;
    Some((api, own.pointer.clone()))
}

/// An operation of the model as each dialect has it.
fn own_operations<'a>(
    apis: &'a PerDialect<Api>,
    operation: &ModelOperation,
) -> impl Iterator<Item = (&'a Api, &'a Operation)> {
    Dialect::BOTH.into_iter().filter_map(|dialect| {
        let api = apis.get(dialect);
        let served = operation.served.get(dialect).as_ref()?;
        let mut operations = api.operations.iter();
        Some((api, operations.find(|own| own.id == served.id)?))
    })
}

fn place_of_property<'a>(
    apis: &'a PerDialect<Api>,
    schema: &ModelSchema,
    name: &str,
) -> Option<Place<'a>> {
    Dialect::BOTH.into_iter().find_map(|dialect| {
        let api = apis.get(dialect);
        match &api.schema(schema.names.get(dialect).as_ref()?)?.shape {
            Shape::Object(properties) => {
                let mut properties = properties.iter();
                let property = properties.find(|property| property.name == name)?;
                Some((api, property.pointer.clone()))
            }
            _ => None,
        }
    })
}
