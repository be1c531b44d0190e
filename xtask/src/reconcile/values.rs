//! Joins the values of an enum: they pair by case-folding.

use crate::api::{Api, Shape};
use crate::dialect::{Dialect, PerDialect};
use crate::model::ModelValue;
use crate::rules::Rule;

use super::ledger::Ledger;
use super::pairs::Pair;

pub(super) fn join(
    apis: &PerDialect<Api>,
    pair: &Pair<'_>,
    ledger: &mut Ledger<'_>,
) -> Vec<ModelValue> {
    let listed = PerDialect::from_fn(|dialect| match pair.schemas.get(dialect) {
        Some(schema) => match &schema.shape {
            Shape::Enum(values) => values.clone(),
            _ => Vec::new(),
        },
        None => Vec::new(),
    });
    let shouts = !listed.uppercase.is_empty()
        && listed
            .uppercase
            .iter()
            .all(|value| *value == value.to_uppercase());
    let mut values: Vec<ModelValue> = listed
        .uppercase
        .iter()
        .map(|value| ModelValue {
            canonical: value.clone(),
            spelled: PerDialect {
                snake_case: None,
                uppercase: Some(value.clone()),
            },
        })
        .collect();
    for value in &listed.snake_case {
        match values
            .iter_mut()
            .find(|known| known.canonical.eq_ignore_ascii_case(value))
        {
            Some(known) => known.spelled.snake_case = Some(value.clone()),
            None => values.push(ModelValue {
                canonical: if shouts {
                    value.to_uppercase()
                } else {
                    value.clone()
                },
                spelled: PerDialect {
                    snake_case: Some(value.clone()),
                    uppercase: None,
                },
            }),
        }
    }
    if pair.only().is_none() {
        for value in &values {
            let (dialect, spelling) = match (&value.spelled.snake_case, &value.spelled.uppercase) {
                (Some(spelling), None) => (Dialect::SnakeCase, spelling),
                (None, Some(spelling)) => (Dialect::Uppercase, spelling),
                _ => continue,
            };
            let Some(schema) = pair.schemas.get(dialect) else {
                continue;
            };
            ledger.demand(
                &Rule::ValueOnly {
                    schema: pair.name.clone(),
                    dialect,
                    value: spelling.clone(),
                },
                &apis.get(dialect).label,
                &format!("{}/enum", schema.pointer),
                "value-unpaired",
                format!(
                    "{spelling} is a value of {} in {dialect} alone",
                    schema.name
                ),
            );
        }
    }
    values
}
