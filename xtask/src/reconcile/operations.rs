//! Joins operations, their answers and response headers.

use crate::api::{Api, Operation};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{ModelOperation, Served};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::matching;
use super::pairs::Pairs;
use super::parameters::{self, Owner};
use super::words;

pub(super) fn reconcile(
    apis: &PerDialect<Api>,
    pairs: &Pairs<'_>,
    ledger: &mut Ledger<'_>,
) -> Vec<ModelOperation> {
    let lists = PerDialect::from_fn(|dialect| apis.get(dialect).operations.as_slice());
    let mut joined = Vec::new();
    matching::each(
        apis,
        &lists,
        ledger,
        |rule| match rule {
            Rule::OperationPaired {
                snake_case,
                uppercase,
            } => Some((snake_case, uppercase)),
            _ => None,
        },
        |found, ledger| {
            let joining = Joining {
                apis,
                pairs,
                id: found.named.id.clone(),
                operations: found.each,
                by_rule: found.by_rule,
            };
            joined.push(join(&joining, ledger));
        },
    );
    joined
}

struct Joining<'a> {
    apis: &'a PerDialect<Api>,
    pairs: &'a Pairs<'a>,
    id: String,
    operations: PerDialect<Option<&'a Operation>>,
    /// A rule pairs them, so method and path may differ.
    by_rule: bool,
}

fn join(joining: &Joining<'_>, ledger: &mut Ledger<'_>) -> ModelOperation {
    let bodies = PerDialect::from_fn(|dialect| {
        let body = joining.operations.get(dialect).as_ref()?.body.as_ref()?;
        Some(joining.pairs.name(dialect, body))
    });
    let served = PerDialect::from_fn(|dialect| {
        let operation = (*joining.operations.get(dialect))?;
        let (status, answer) = &operation.success;
        Some(Served {
            id: operation.id.clone(),
            method: operation.method.clone(),
            path: operation.path.clone(),
            status: status.clone(),
            answer: joining.pairs.name(dialect, answer),
        })
    });
    match (joining.operations.snake_case, joining.operations.uppercase) {
        (Some(snake_case), Some(uppercase)) => {
            compare(joining, snake_case, uppercase, &bodies, &served, ledger);
        }
        (Some(only), None) => demand_only(joining, Dialect::SnakeCase, only, ledger),
        (None, Some(only)) => demand_only(joining, Dialect::Uppercase, only, ledger),
        (None, None) => {}
    }
    let told = |of: fn(&Operation) -> &String| {
        words::join(&PerDialect::from_fn(|dialect| {
            (*joining.operations.get(dialect)).map(|operation| of(operation).as_str())
        }))
    };
    ModelOperation {
        id: joining.id.clone(),
        summary: told(|operation| &operation.summary),
        description: told(|operation| &operation.description),
        body: bodies.uppercase.or(bodies.snake_case),
        served,
        parameters: parameters::join(
            &Owner {
                apis: joining.apis,
                pairs: joining.pairs,
                name: &joining.id,
                parameters: PerDialect::from_fn(|dialect| {
                    let operation = joining.operations.get(dialect);
                    operation.map(|operation| operation.parameters.as_slice())
                }),
            },
            ledger,
        ),
        headers: headers(joining, ledger),
    }
}

fn demand_only(
    joining: &Joining<'_>,
    dialect: Dialect,
    operation: &Operation,
    ledger: &mut Ledger<'_>,
) {
    ledger.demand(
        &Rule::OperationOnly {
            dialect,
            operation: operation.id.clone(),
        },
        &joining.apis.get(dialect).label,
        &operation.pointer,
        "operation-unpaired",
        format!(
            "{} has no counterpart in {}; it may also have another name there (rule operation-paired)",
            operation.id,
            dialect.other()
        ),
    );
}

fn compare(
    joining: &Joining<'_>,
    snake_case: &Operation,
    uppercase: &Operation,
    bodies: &PerDialect<Option<String>>,
    served: &PerDialect<Option<Served>>,
    ledger: &mut Ledger<'_>,
) {
    let label = &joining.apis.uppercase.label;
    if !joining.by_rule
        && (snake_case.method != uppercase.method || snake_case.path != uppercase.path)
    {
        ledger.demand(
            &Rule::OperationPaired {
                snake_case: snake_case.id.clone(),
                uppercase: uppercase.id.clone(),
            },
            label,
            &uppercase.pointer,
            "path-differs",
            format!(
                "{} is {} {} here and {} {} in snake_case",
                uppercase.id, uppercase.method, uppercase.path, snake_case.method, snake_case.path
            ),
        );
    }
    if bodies.snake_case != bodies.uppercase {
        ledger.note(
            label,
            &format!("{}/requestBody", uppercase.pointer),
            "body-differs",
            format!(
                "{} takes {} here and {} in snake_case",
                uppercase.id,
                bodies.uppercase.as_deref().unwrap_or("no body"),
                bodies.snake_case.as_deref().unwrap_or("no body")
            ),
            "pair the two schemas with the rule schema-paired",
        );
    }
    let failures = PerDialect::from_fn(|dialect| {
        let operation = match dialect {
            Dialect::SnakeCase => snake_case,
            Dialect::Uppercase => uppercase,
        };
        let names = operation.failures.iter();
        let names = names.map(|name| joining.pairs.name(dialect, name));
        names.collect::<Vec<_>>().join(" and ")
    });
    if failures.snake_case != failures.uppercase {
        ledger.note(
            label,
            &format!("{}/responses", uppercase.pointer),
            "failure-differs",
            format!(
                "{} fails with {} here and with {} in snake_case",
                uppercase.id, failures.uppercase, failures.snake_case
            ),
            "document errors of one schema, or pair the two schemas with the rule schema-paired",
        );
    }
    if let (Some(snake_case), Some(uppercase_served)) = (&served.snake_case, &served.uppercase) {
        let place = format!("{}/responses", uppercase.pointer);
        if snake_case.answer != uppercase_served.answer {
            ledger.demand(
                &Rule::AnswerDiffers {
                    operation: joining.id.clone(),
                    snake_case: snake_case.answer.clone(),
                    uppercase: uppercase_served.answer.clone(),
                },
                label,
                &place,
                "answer-differs",
                format!(
                    "{} answers {} here and {} in snake_case",
                    uppercase.id, uppercase_served.answer, snake_case.answer
                ),
            );
        }
        if snake_case.status != uppercase_served.status {
            ledger.note(
                label,
                &place,
                "status-differs",
                format!(
                    "{} succeeds with {} here and with {} in snake_case",
                    uppercase.id, uppercase_served.status, snake_case.status
                ),
                "document the same status, or 2XX where the pages leave it open",
            );
        }
    }
}

fn headers(joining: &Joining<'_>, ledger: &mut Ledger<'_>) -> Vec<PerDialect<Option<String>>> {
    let (Some(snake_case), Some(uppercase)) =
        (joining.operations.snake_case, joining.operations.uppercase)
    else {
        return Vec::new();
    };
    let given = PerDialect {
        snake_case: snake_case
            .response_headers
            .iter()
            .map(String::as_str)
            .collect(),
        uppercase: uppercase
            .response_headers
            .iter()
            .map(String::as_str)
            .collect(),
    };
    let matches = matching::names(&given, ledger, |rule| match rule {
        Rule::HeaderRenamed {
            snake_case,
            uppercase,
        } => Some((snake_case, uppercase)),
        _ => None,
    });
    let joined: Vec<PerDialect<Option<String>>> = matches
        .iter()
        .map(|found| {
            PerDialect::from_fn(|dialect| {
                let place = (*found.places.get(dialect))?;
                given.get(dialect).get(place).map(|name| (*name).to_owned())
            })
        })
        .collect();
    for pair in &joined {
        let (dialect, operation, name) = match (&pair.snake_case, &pair.uppercase) {
            (Some(name), None) => (Dialect::SnakeCase, snake_case, name),
            (None, Some(name)) => (Dialect::Uppercase, uppercase, name),
            _ => continue,
        };
        ledger.note(
            &joining.apis.get(dialect).label,
            &format!("{}/responses", operation.pointer),
            "header-unpaired",
            format!(
                "the response header {name} of {} has no counterpart in {}",
                joining.id,
                dialect.other()
            ),
            "if it has another name there, add the rule header-renamed",
        );
    }
    joined
}
