//! Whether a schema of the model holds itself: as a type of Rust it would have no end.

use crate::api::{Api, Type};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{Model, ModelSchema};

use super::ledger::Ledger;

pub(super) fn check(model: &Model, apis: &PerDialect<Api>, ledger: &mut Ledger<'_>) {
    for schema in &model.schemas {
        let Some(path) = circle(model, &schema.name) else {
            continue;
        };
        let (label, pointer) = place(apis, schema);
        ledger.note(
            label,
            pointer,
            "holds-itself",
            format!(
                "{} holds itself, by its member {}",
                schema.name,
                path.join(".")
            ),
            "hold it in a list, or its id alone; or teach xtask/src/generate to box such a member",
        );
    }
}

/// The members that lead from a schema back to it. A list ends the way: it may be empty.
fn circle(model: &Model, start: &str) -> Option<Vec<String>> {
    let mut seen: Vec<&str> = Vec::new();
    let mut open: Vec<(&str, Vec<String>)> = vec![(start, Vec::new())];
    while let Some((name, path)) = open.pop() {
        for property in model
            .object(name)
            .into_iter()
            .flat_map(|object| &object.properties)
        {
            let Type::Named(next) = &property.ty else {
                continue;
            };
            let mut path = path.clone();
            path.push(property.name.clone());
            if next == start {
                return Some(path);
            }
            if !seen.contains(&next.as_str()) {
                seen.push(next);
                open.push((next, path));
            }
        }
    }
    None
}

fn place<'a>(apis: &'a PerDialect<Api>, schema: &ModelSchema) -> (&'a str, &'a str) {
    let found = Dialect::BOTH.into_iter().find_map(|dialect| {
        let api = apis.get(dialect);
        let own = api.schema(schema.names.get(dialect).as_ref()?)?;
        Some((api.label.as_str(), own.pointer.as_str()))
    });
    found.unwrap_or(("openapi/reconciled.json", ""))
}
