//! Where the model keeps a property, by the rules, and whether it can stand there.

use crate::api::{Api, Property, Shape, Type};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{Binding, Target};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::pairs::Pair;

/// Where the model keeps a property, by the rules.
pub(super) fn target(
    apis: &PerDialect<Api>,
    pair: &Pair<'_>,
    here: Dialect,
    property: &Property,
    ledger: &mut Ledger<'_>,
) -> Target {
    let rule = ledger.take(|rule| match rule {
        Rule::PropertyConstant {
            schema,
            dialect,
            property: name,
            ..
        }
        | Rule::PropertySecondSpelling {
            schema,
            dialect,
            property: name,
            ..
        }
        | Rule::PropertyMoved {
            schema,
            dialect,
            property: name,
            ..
        } => *schema == pair.name && *dialect == here && *name == property.name,
        Rule::PropertyRenamed {
            schema, snake_case, ..
        } => *schema == pair.name && here == Dialect::SnakeCase && *snake_case == property.name,
        _ => false,
    });
    match rule {
        Some(Rule::PropertyConstant { value, .. }) => Target::Constant(value),
        Some(Rule::PropertySecondSpelling { of, .. }) => Target::SecondSpelling(of),
        Some(Rule::PropertyMoved { to, .. }) => {
            Target::Path(to.split('.').map(str::to_owned).collect())
        }
        Some(Rule::PropertyRenamed {
            uppercase,
            snake_case,
            ..
        }) => {
            let known = pair
                .properties(Dialect::Uppercase)
                .iter()
                .any(|other| other.name == uppercase);
            if !known {
                ledger.note(
                    &apis.uppercase.label,
                    pair.schemas
                        .uppercase
                        .map_or("/components/schemas", |schema| schema.pointer.as_str()),
                    "rule-matches-nothing",
                    format!(
                        "the rule property-renamed of {}.{snake_case} names {uppercase}, which is not there",
                        pair.name
                    ),
                    "if the document renamed or removed the property, change the rule with it",
                );
            }
            Target::Path(vec![uppercase])
        }
        _ => Target::Path(vec![property.name.clone()]),
    }
}

/// Checks the members of one dialect: nothing may hide another, and what a rule says of them holds.
pub(super) fn check(
    apis: &PerDialect<Api>,
    pair: &Pair<'_>,
    dialect: Dialect,
    bindings: &[Binding],
    ledger: &mut Ledger<'_>,
) {
    for (index, (property, binding)) in pair.properties(dialect).iter().zip(bindings).enumerate() {
        let problem = match &binding.target {
            Target::Path(path) => {
                let earlier = bindings.get(..index).unwrap_or_default();
                hidden(path, earlier).map(|other| {
                    (
                        "name-taken",
                        format!(
                            "{} and {} would both stand at {} in the model",
                            other.name,
                            binding.name,
                            path.join(".")
                        ),
                        "correct the rule that leads one of them there",
                    )
                })
            }
            Target::Constant(value) => {
                constant_problem(apis.get(dialect), property, value).map(|problem| {
                    (
                        "constant-unfit",
                        problem,
                        "correct the rule property-constant; if the value varies, pair the property or make it property-only",
                    )
                })
            }
            Target::SecondSpelling(of) => {
                second_spelling_problem(binding, of, bindings).map(|problem| {
                    (
                        "second-spelling-unfit",
                        problem,
                        "correct the rule property-second-spelling, or the document",
                    )
                })
            }
        };
        if let Some((kind, message, cure)) = problem {
            let label = &apis.get(dialect).label;
            ledger.note(label, &property.pointer, kind, message, cure);
        }
    }
}

/// The member that has the same place in the model, or one around or inside of it.
fn hidden<'b>(path: &[String], others: &'b [Binding]) -> Option<&'b Binding> {
    others.iter().find(|other| {
        matches!(&other.target, Target::Path(taken) if taken.starts_with(path) || path.starts_with(taken))
    })
}

fn constant_problem(api: &Api, property: &Property, value: &str) -> Option<String> {
    let shape = property.ty.named().and_then(|name| api.schema(name));
    match (&property.ty, shape.map(|schema| &schema.shape)) {
        (Type::Text, _) => None,
        (Type::Named(_), Some(Shape::Enum(values))) if *values == [value] => None,
        (Type::Named(_), Some(Shape::Enum(values))) => Some(format!(
            "{} is not always {value}, it is one of: {}",
            property.name,
            values.join(", ")
        )),
        (ty, _) => Some(format!(
            "{} is {}, which {value} is not",
            property.name,
            ty.describe()
        )),
    }
}

fn second_spelling_problem(second: &Binding, of: &str, bindings: &[Binding]) -> Option<String> {
    let name = &second.name;
    match bindings.iter().find(|other| other.name == of) {
        None => Some(format!("{name} spells {of}, which is not there")),
        Some(first) if !matches!(first.target, Target::Path(_)) => Some(format!(
            "{name} spells {of}, which has no place in the model itself"
        )),
        Some(first) if first.ty != second.ty => Some(format!(
            "{name} is {}, but {of} is {}",
            second.ty.describe(),
            first.ty.describe()
        )),
        Some(first) if first.required || second.required => Some(format!(
            "of {name} and {of} one may be missing, yet one is required"
        )),
        Some(_) => None,
    }
}
