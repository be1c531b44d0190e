//! Joins parameters, of operations and of webhooks.

use crate::api::{Api, Parameter};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{ModelParameter, Taken};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::matching;
use super::pairs::Pairs;
use super::words;

/// What the parameters belong to.
pub(super) struct Owner<'a> {
    pub(super) apis: &'a PerDialect<Api>,
    pub(super) pairs: &'a Pairs<'a>,
    /// What rules and messages call it.
    pub(super) name: &'a str,
    /// `None` for a dialect that does not have it at all.
    pub(super) parameters: PerDialect<Option<&'a [Parameter]>>,
}

/// Joins the parameters of one operation or webhook.
pub(super) fn join(owner: &Owner<'_>, ledger: &mut Ledger<'_>) -> Vec<ModelParameter> {
    let lists = PerDialect::from_fn(|dialect| owner.parameters.get(dialect).unwrap_or(&[]));
    let mut joined = Vec::new();
    matching::each(
        owner.apis,
        &lists,
        ledger,
        |rule| match rule {
            Rule::ParameterRenamed {
                operation,
                snake_case,
                uppercase,
            } if *operation == owner.name => Some((snake_case, uppercase)),
            _ => None,
        },
        |found, ledger| {
            let name = found.named.name.clone();
            joined.extend(parameter(owner, name, &found.each, ledger));
        },
    );
    joined
}

fn parameter(
    owner: &Owner<'_>,
    name: String,
    pair: &PerDialect<Option<&Parameter>>,
    ledger: &mut Ledger<'_>,
) -> Option<ModelParameter> {
    let both_have_it =
        owner.parameters.snake_case.is_some() && owner.parameters.uppercase.is_some();
    match (pair.snake_case, pair.uppercase) {
        (Some(snake_case), Some(uppercase)) => {
            compare_parameters(owner, &name, snake_case, uppercase, ledger);
        }
        _ if both_have_it => {
            let dialect = if pair.snake_case.is_some() {
                Dialect::SnakeCase
            } else {
                Dialect::Uppercase
            };
            let only = (*pair.get(dialect))?;
            ledger.demand(
                &Rule::ParameterOnly {
                    operation: owner.name.to_owned(),
                    dialect,
                    parameter: only.name.clone(),
                },
                &owner.apis.get(dialect).label,
                &only.pointer,
                "parameter-unpaired",
                format!(
                    "the parameter {} of {} has no counterpart in {}; it may also be renamed there (rule parameter-renamed)",
                    only.name,
                    owner.name,
                    dialect.other()
                ),
            );
        }
        _ => {}
    }
    let required = Dialect::BOTH.into_iter().all(|dialect| {
        owner.parameters.get(dialect).is_none()
            || pair
                .get(dialect)
                .is_some_and(|parameter| parameter.required)
    });
    let (leading, dialect) = match (pair.uppercase, pair.snake_case) {
        (Some(uppercase), _) => (uppercase, Dialect::Uppercase),
        (None, Some(snake_case)) => (snake_case, Dialect::SnakeCase),
        (None, None) => return None,
    };
    Some(ModelParameter {
        name,
        location: leading.location.clone(),
        description: words::join(&PerDialect::from_fn(|dialect| {
            (*pair.get(dialect)).map(|parameter| parameter.description.as_str())
        })),
        ty: owner.pairs.translate(dialect, &leading.ty),
        required,
        taken: PerDialect::from_fn(|dialect| {
            pair.get(dialect).map(|parameter| Taken {
                name: parameter.name.clone(),
                required: parameter.required,
                limits: parameter.limits.clone(),
            })
        }),
    })
}

fn compare_parameters(
    owner: &Owner<'_>,
    name: &str,
    snake_case: &Parameter,
    uppercase: &Parameter,
    ledger: &mut Ledger<'_>,
) {
    let label = &owner.apis.uppercase.label;
    let types = PerDialect {
        snake_case: owner.pairs.translate(Dialect::SnakeCase, &snake_case.ty),
        uppercase: owner.pairs.translate(Dialect::Uppercase, &uppercase.ty),
    };
    if types.snake_case != types.uppercase || snake_case.location != uppercase.location {
        ledger.note(
            label,
            &uppercase.pointer,
            "type-differs",
            format!(
                "the parameter {name} of {} is {} in {} here and {} in {} in snake_case",
                owner.name,
                types.uppercase.describe(),
                uppercase.location,
                types.snake_case.describe(),
                snake_case.location
            ),
            "make the documents agree, or let each be parameter-only under a name of its own",
        );
    }
    if snake_case.required != uppercase.required {
        ledger.demand(
            &Rule::ParameterPresence {
                operation: owner.name.to_owned(),
                parameter: name.to_owned(),
                required_by: if snake_case.required {
                    Dialect::SnakeCase
                } else {
                    Dialect::Uppercase
                },
            },
            label,
            &uppercase.pointer,
            "presence-differs",
            format!(
                "one dialect alone requires the parameter {name} of {}",
                owner.name
            ),
        );
    }
}
