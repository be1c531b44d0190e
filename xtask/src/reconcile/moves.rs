//! Members that the model keeps elsewhere: puts them into their places, and checks that they fit there.

use std::collections::BTreeSet;

use crate::api::{Api, Property, Shape, Type};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{Binding, Model, ModelProperty, ModelShape, Target};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::words;

/// A member that stands elsewhere.
struct Move {
    schema: String,
    dialect: Dialect,
    binding: Binding,
    /// The object that holds it in the model, seen from the schema.
    parents: Vec<String>,
    last: String,
}

impl Move {
    fn path(&self) -> String {
        dotted(&self.parents, &self.last)
    }
}

/// Settles all moves of a model whose schemas are there.
pub(super) fn settle(model: &mut Model, apis: &PerDialect<Api>, ledger: &mut Ledger<'_>) {
    let moves = moves(model);
    // A member turns optional only when all moves were judged by what the documents require.
    let mut relaxed = Vec::new();
    for moved in &moves {
        relaxed.extend(place(model, apis, ledger, moved));
    }
    relaxed.extend(unfilled(model, apis, ledger, &moves));
    for (holder, name) in relaxed {
        for property in members(model, &holder).into_iter().flatten() {
            if property.name == name {
                property.required = false;
            }
        }
    }
}

fn moves(model: &Model) -> Vec<Move> {
    let mut moves = Vec::new();
    for schema in &model.schemas {
        let ModelShape::Object(object) = &schema.shape else {
            continue;
        };
        for dialect in Dialect::BOTH {
            for binding in object.bindings.get(dialect) {
                if let Target::Path(path) = &binding.target
                    && let Some((last, parents)) = path.split_last()
                    && !parents.is_empty()
                {
                    moves.push(Move {
                        schema: schema.name.clone(),
                        dialect,
                        binding: binding.clone(),
                        parents: parents.to_vec(),
                        last: last.clone(),
                    });
                }
            }
        }
    }
    moves
}

/// The object at the end of a path, and whether every step to it is always there.
struct Holder {
    name: String,
    always: bool,
}

/// Follows a path of the model; where it breaks, the object that lacks a step, and that step.
fn holder(model: &Model, schema: &str, parents: &[String]) -> Result<Holder, (String, String)> {
    let mut holder = Holder {
        name: schema.to_owned(),
        always: true,
    };
    for step in parents {
        let next = model
            .object(&holder.name)
            .and_then(|object| object.property(step))
            .and_then(|property| match &property.ty {
                Type::Named(name) if model.object(name).is_some() => {
                    Some((name.clone(), property.required))
                }
                _ => None,
            });
        let Some((name, required)) = next else {
            return Err((holder.name, step.clone()));
        };
        holder.always &= required;
        holder.name = name;
    }
    Ok(holder)
}

/// Puts one member into its place; tells which member of the model has to turn optional for it.
fn place(
    model: &mut Model,
    apis: &PerDialect<Api>,
    ledger: &mut Ledger<'_>,
    moved: &Move,
) -> Option<(String, String)> {
    let Move {
        dialect, binding, ..
    } = moved;
    let label = &apis.get(*dialect).label;
    let source = source(model, apis, &moved.schema, *dialect, &binding.name)?;
    let nowhere = |problem: String, ledger: &mut Ledger<'_>| {
        ledger.note(
            label,
            &source.pointer,
            "moved-nowhere",
            format!(
                "{} is to stand at {}, {problem}",
                binding.name,
                moved.path()
            ),
            "correct `to` in the rule property-moved, or the documents",
        );
    };
    let holder = match holder(model, &moved.schema, &moved.parents) {
        Ok(holder) => holder,
        Err((lacking, step)) => {
            nowhere(format!("but {lacking} has no object {step}"), ledger);
            return None;
        }
    };
    let found = model
        .object(&holder.name)
        .and_then(|object| object.property(&moved.last))
        .map(|property| (property.ty.clone(), property.required));
    let Some((ty, required)) = found else {
        if !is_name(&moved.last) {
            nowhere("which is no name".to_owned(), ledger);
            return None;
        }
        ledger.demand(
            &Rule::PropertyOnly {
                schema: moved.schema.clone(),
                dialect: *dialect,
                property: moved.path(),
            },
            label,
            &source.pointer,
            "property-unpaired",
            format!(
                "{} has no counterpart at {} in {}",
                binding.name,
                moved.path(),
                dialect.other()
            ),
        );
        let mut told = PerDialect::default();
        *told.get_mut(*dialect) = Some(source.description.as_str());
        let property = ModelProperty {
            name: moved.last.clone(),
            description: words::join(&told),
            ty: binding.ty.clone(),
            required: false,
        };
        if let Some(members) = members(model, &holder.name) {
            members.push(property);
        }
        return None;
    };
    if ty != binding.ty {
        ledger.note(
            label,
            &source.pointer,
            "type-differs",
            format!(
                "{} is {}, but {}.{} in the model is {}",
                binding.name,
                binding.ty.describe(),
                holder.name,
                moved.last,
                ty.describe()
            ),
            "make the types agree, or stop moving it there",
        );
        return None;
    }
    let always = required && holder.always;
    if binding.required != always {
        let required_by = if binding.required {
            *dialect
        } else {
            dialect.other()
        };
        ledger.demand(
            &Rule::PropertyPresence {
                schema: moved.schema.clone(),
                property: moved.path(),
                required_by,
            },
            label,
            &source.pointer,
            "presence-differs",
            format!("only {required_by} requires {}", moved.path()),
        );
    }
    (required && !(binding.required && holder.always)).then(|| (holder.name, moved.last.clone()))
}

/// Members beside moved ones that the model requires, but that the dialect cannot fill.
fn unfilled(
    model: &Model,
    apis: &PerDialect<Api>,
    ledger: &mut Ledger<'_>,
    moves: &[Move],
) -> Vec<(String, String)> {
    let mut relaxed = Vec::new();
    let mut seen = BTreeSet::new();
    for moved in moves {
        let Move {
            schema,
            dialect,
            parents,
            ..
        } = moved;
        if !seen.insert((schema, *dialect, parents)) {
            continue;
        }
        let Ok(holder) = holder(model, schema, parents) else {
            continue;
        };
        let Some(object) = model.object(&holder.name) else {
            continue;
        };
        for property in object
            .properties
            .iter()
            .filter(|property| property.required)
        {
            let filled = moves.iter().any(|other| {
                let ends_here = other.parents == *parents && other.last == property.name;
                let leads_on = other.parents.get(parents.len()) == Some(&property.name)
                    && other.parents.starts_with(parents);
                other.schema == *schema
                    && other.dialect == *dialect
                    && (ends_here || (leads_on && holder.always))
            });
            if filled {
                continue;
            }
            let by = dialect.other();
            let source = source(model, apis, &holder.name, by, &property.name);
            ledger.demand(
                &Rule::PropertyPresence {
                    schema: schema.clone(),
                    property: dotted(parents, &property.name),
                    required_by: by,
                },
                &apis.get(by).label,
                source.map_or("/components/schemas", |source| &source.pointer),
                "presence-differs",
                format!(
                    "{by} requires {}.{}, which {dialect} does not know",
                    holder.name, property.name
                ),
            );
            relaxed.push((holder.name.clone(), property.name.clone()));
        }
    }
    relaxed
}

fn source<'a>(
    model: &Model,
    apis: &'a PerDialect<Api>,
    schema: &str,
    dialect: Dialect,
    property: &str,
) -> Option<&'a Property> {
    let name = model.schema(schema)?.names.get(dialect).as_ref()?;
    match &apis.get(dialect).schema(name)?.shape {
        Shape::Object(properties) => properties.iter().find(|found| found.name == property),
        _ => None,
    }
}

fn members<'m>(model: &'m mut Model, name: &str) -> Option<&'m mut Vec<ModelProperty>> {
    let schema = model
        .schemas
        .iter_mut()
        .find(|schema| schema.name == name)?;
    match &mut schema.shape {
        ModelShape::Object(object) => Some(&mut object.properties),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn dotted(parents: &[String], last: &str) -> String {
    let mut path = parents.join(".");
    path.push('.');
    path + last
}
